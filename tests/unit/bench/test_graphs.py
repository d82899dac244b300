"""The graphs against numpy, and what is prepared of their samples."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.bench import environments, models, raw, soak_inputs
from tests.bench.contestants import CONTESTANTS
from tests.bench.graphs import bert, bert_numpy, gpux, mlp, mobilenet, weights
from tests.bench.peers.common import Graph, session

SMALL = bert.Shape(layers=2, heads=2, hidden=8, intermediate=16, vocabulary=50, positions=20)


def test_the_encoder_is_its_numpy_reference_with_padding_too(tmp_path: Path) -> None:
    values = weights.random(SMALL)
    running = session(str(bert.build(tmp_path / "small.onnx", values, SMALL)))
    feeds = models.tokens(np.random.default_rng(0), 7, SMALL.vocabulary)
    feeds = {name: np.concatenate([array, array]) for name, array in feeds.items()}
    feeds["attention_mask"][1, 4:] = 0
    found = running.run(None, feeds)[0]
    assert found.shape == (2, 7, 8)
    assert np.allclose(found, bert_numpy.run(values, SMALL, feeds), atol=1e-5)
    shorter = running.run(None, {name: array[1:, :4] for name, array in feeds.items()})[0]
    assert np.allclose(found[1:, :4], shorter, atol=1e-5)


def test_padding_a_batch_changes_no_answer(tmp_path: Path) -> None:
    graph = Graph(str(bert.build(tmp_path / "small.onnx", weights.random(SMALL), SMALL)))
    samples = [models.tokens(np.random.default_rng(length), length, SMALL.vocabulary) for length in (3, 9, 5)]
    together = graph.run_padded([{name: array[0] for name, array in feeds.items()} for feeds in samples])
    for feeds, answer in zip(samples, together, strict=True):
        assert np.allclose(answer, graph.run(feeds)[0], atol=1e-5)


def test_the_image_net_has_mobilenets_size_and_takes_batches(tmp_path: Path) -> None:
    file = mobilenet.build(tmp_path / "image.onnx")
    parameters = sum(np.prod(item.dims) for item in onnx.load(file).graph.initializer)
    assert 3.4e6 < parameters < 3.6e6
    answer = session(str(file)).run(None, {"image": np.ones((2, 3, 224, 224), np.float32)})[0]
    assert answer.shape == (2, 1000)
    assert 0.01 < answer.std() < 100


def test_gpux_takes_doubles_and_gives_the_same(tmp_path: Path) -> None:
    file = mlp.build(tmp_path / "tiny.onnx")
    adapted = session(str(gpux.adapted(file)))
    x = np.random.default_rng(0).standard_normal((3, 4))
    expected = session(str(file)).run(None, {"x": x.astype(np.float32)})[0]
    assert np.array_equal(adapted.run(None, {"x": x})[0], expected)
    assert adapted.get_inputs()[0].shape in ([], None)


def test_a_poisoned_sample_is_refused_only_when_it_runs(tmp_path: Path) -> None:
    model, samples = soak_inputs.model_with("tiny", tmp_path)
    running = session(str(model.file))
    guilty = [sample for sample in samples if sample.expected is None]
    assert len(guilty) == soak_inputs.POISONED
    with pytest.raises(Exception, match="out of data bounds"):
        running.run(None, guilty[0].feeds)
    assert len({sample.feeds["x"].shape for sample in samples}) > 2


def test_raw_batches_are_full_and_padded() -> None:
    samples = [{"x": np.full((1, length), length)} for length in (1, 2, 3)]
    first, *others = raw.batches(samples, 2)
    assert first["x"].tolist() == [[1, 0], [2, 2]]
    assert others == []
    assert raw.batches(samples, 4)[0]["x"].shape == (4, 3)


def test_a_photo_is_a_photo() -> None:
    tensor = models.decoded(models.photo(0))
    assert tensor.shape == (1, 3, 224, 224)
    assert tensor.dtype == np.float32
    assert 0.2 < tensor.std() < 3


@pytest.mark.parametrize("peer", sorted({who.peer for who in CONTESTANTS if who.peer}))
def test_peers_are_pinned_and_share_the_onnxruntime_of_the_checkout(peer: str) -> None:
    pinned = Path(environments.PEERS.parents[1] / "constraints.txt").read_text()
    versions = environments.versions(peer)
    assert f"\nonnxruntime=={versions['onnxruntime']} " in pinned
    text = environments.requirements(peer).read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(versions)
