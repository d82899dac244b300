"""Texts of mixed lengths, alone and together: each gets what it gets alone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import helper
from tokenizers import Tokenizer, models, pre_tokenizers

import onnxmodels
from gpux_predictor.serving.loading import LoadedModel
from gpux_predictor.serving.service import ModelService

Load = Callable[..., LoadedModel]
MakeService = Callable[..., ModelService]
node = helper.make_node
WORDS = [f"w{i}" for i in range(60)]
TEXTS = [" ".join(WORDS[(7 * i + 3 * k) % 60] for k in range(1 + (5 * i) % 23)) for i in range(40)]
TEXT = {"text": {"input": "text", "tokenizer": "tokenizer.json"}}
BATCHES = {"batching": {"maxSize": 8}}


def tokenizer(folder: Path) -> None:
    words = "the quick brown fox jumps over a lazy dog while seven bright stars fall slowly into the cold northern sea"
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(["[PAD]", "[UNK]", *WORDS, *words.split()]))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.enable_padding(pad_id=0, pad_token="[PAD]")
    made.save(str(folder / "tokenizer.json"))


def encoder(folder: Path, suffix: str = "", *, masked: bool = True, outputs: tuple[str, ...] = ()) -> None:
    """One layer of attention over tokens. Outputs: tokens [n, tokens, 4], across [n, 4, tokens], start [n, tokens], mean [n, 4].

    Args:
        masked: attention leaves padding out.
        outputs: which of the outputs; all by default.
    """
    random = np.random.default_rng(0)
    ids, mask = "input_ids" + suffix, "attention_mask" + suffix
    nodes = [
        node("Gather", ["table", ids], ["e"]),
        node("Cast", [mask], ["m"], to=1),
        node("Sub", ["one", "m"], ["off"]),
        node("Mul", ["off", "far" if masked else "zero"], ["bias"]),
        node("Unsqueeze", ["bias", "middle"], ["bias3"]),
        node("Transpose", ["e"], ["across"], perm=[0, 2, 1]),
        node("MatMul", ["e", "across"], ["scores"]),
        node("Add", ["scores", "bias3"], ["biased"]),
        node("Softmax", ["biased"], ["attention"], axis=-1),
        node("MatMul", ["attention", "e"], ["tokens"]),
        node("ReduceSum", ["tokens", "last"], ["start"], keepdims=0),
        node("Gather", ["tokens", "first"], ["mean"], axis=1),
    ]
    constants: dict[str, np.ndarray] = {
        "table": random.standard_normal((90, 4)).astype(np.float32),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.float32),
        "far": np.array(-1e9, np.float32),
        "middle": np.array([1]),
        "last": np.array([-1]),
        "first": np.array(0),
    }
    tokens = ["batch", "sequence"]
    every = {
        "tokens": onnxmodels.tensor("tokens", "float32", [*tokens, 4]),
        "across": onnxmodels.tensor("across", "float32", ["batch", 4, "sequence"]),
        "start": onnxmodels.tensor("start", "float32", tokens),
        "mean": onnxmodels.tensor("mean", "float32", ["batch", 4]),
    }
    wanted = [every[name] for name in outputs or every]
    inputs = [onnxmodels.tensor(name, "int64", tokens) for name in (ids, mask)]
    onnxmodels.save(folder / "model.onnx", nodes, inputs, wanted, constants)


def near(found: Any, expected: Any) -> None:
    """Compares answers with numbers to 1e-5, in shape, too."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            near(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            near(one, other)
    else:
        assert found == pytest.approx(expected, abs=1e-5) if isinstance(expected, float) else found == expected


def alone(loaded: LoadedModel, text: str) -> Any:
    return orjson.loads(loaded.predict(orjson.dumps({"text": text})))


async def answers(service: ModelService, bodies: list[Any]) -> list[Any]:
    found = await asyncio.gather(*(service.predict(orjson.dumps(body)) for body in bodies))
    return [orjson.loads(answer.content) for answer in found]


STEPS: dict[str, Any] = {
    "as they are": {},
    "softmax over tokens": {"postprocessing": {"outputs": [{"output": "start", "activation": "softmax"}]}},
    "argmax over tokens": {"postprocessing": {"outputs": [{"output": "start", "argmax": True}]}},
    "top tokens": {"postprocessing": {"outputs": [{"output": "start", "topK": 1}]}},
    "mean pooling": {"postprocessing": {"outputs": [{"output": "tokens", "pooling": "mean", "normalize": True}]}},
    "labels of tokens": {
        "postprocessing": {"outputs": [{"output": "tokens", "argmax": True}]},
        "outputs": [{"name": "tokens", "labels": ["a", "b", "c", "d"]}, {"name": "mean"}],
    },
}


@pytest.mark.parametrize("suffix", ["", ":0"])
@pytest.mark.parametrize("steps", STEPS)
def test_together_is_as_alone(steps: str, suffix: str, tmp_path: Path, make_service: MakeService) -> None:
    encoder(tmp_path, suffix)
    tokenizer(tmp_path)
    service = make_service(
        preprocessing=TEXT, runtime=BATCHES, source={"uri": f"file://{tmp_path}", "path": "model.onnx"}, **STEPS[steps]
    )
    assert service.loaded is not None, service.health.detail
    assert service.loaded.learnt.proof.batchable, service.loaded.learnt.proof.why
    assert service.loaded.learnt.padding.neutral, service.loaded.learnt.padding.why
    expected = [alone(service.loaded, text) for text in TEXTS]
    bodies: list[Any] = [{"text": text} for text in TEXTS]
    groups = [TEXTS[:5], TEXTS[5:6], TEXTS[6:30], TEXTS[:7], TEXTS]
    bodies += [{"text": group} for group in groups]
    found = asyncio.run(answers(service, bodies))
    near(found[: len(TEXTS)], expected)
    for group, answer in zip(groups, found[len(TEXTS) :], strict=True):
        rows = [expected[TEXTS.index(text)] for text in group]
        near(answer, {key: [row[key] for row in rows] for key in rows[0]})


def test_a_graph_that_ignores_its_mask_is_not_padded(tmp_path: Path, make_service: MakeService) -> None:
    encoder(tmp_path, masked=False)
    tokenizer(tmp_path)
    service = make_service(
        preprocessing=TEXT, runtime=BATCHES, source={"uri": f"file://{tmp_path}", "path": "model.onnx"}
    )
    assert service.loaded is not None
    assert service.loaded.learnt.proof.batchable
    assert not service.loaded.learnt.padding.neutral
    assert service.loaded.learnt.padding.why == "output 'tokens' of a padded text differs"
    expected = [alone(service.loaded, text) for text in TEXTS]
    bodies: list[Any] = [{"text": text} for text in TEXTS]
    *singles, together = asyncio.run(answers(service, [*bodies, {"text": TEXTS}]))
    near(singles, expected)
    near(together, {key: [row[key] for row in expected] for key in expected[0]})


def test_tokens_of_the_callers_own_stay_as_they_are(tmp_path: Path, make_service: MakeService) -> None:
    """A mask with holes, padding on the left, and a row without a token are the caller's business."""
    encoder(tmp_path)
    tokenizer(tmp_path)
    service = make_service(
        preprocessing=TEXT, runtime=BATCHES, source={"uri": f"file://{tmp_path}", "path": "model.onnx"}
    )
    assert service.loaded is not None
    bodies: list[Any] = [
        {"input_ids": [[5, 6, 0, 0]], "attention_mask": [[1, 1, 0, 0]]},
        {"input_ids": [[0, 0, 5, 6, 7]], "attention_mask": [[0, 0, 1, 1, 1]]},
        {"input_ids": [[5, 6, 7]], "attention_mask": [[0, 0, 0]]},
        {"input_ids": [[5, 6, 7], [8, 9, 3]], "attention_mask": [[1, 1, 1], [0, 0, 0]]},
        {"input_ids": [list(range(3, 10))], "attention_mask": [[1] * 7]},
    ]
    raw = [
        service.loaded.session.run(
            ["tokens", "across", "start", "mean"], {name: np.array(value, np.int64) for name, value in body.items()}
        )
        for body in bodies
    ]
    for _ in range(3):
        found = asyncio.run(answers(service, bodies * 4))
        for answer, expected in zip(found, raw * 4, strict=True):
            near(answer, {name: value.tolist() for name, value in expected.items()})


def test_a_maximum_over_all_tokens_is_not_padded(tmp_path: Path, load_model: Load) -> None:
    """Padding wins a maximum only where the text has nothing larger: one sample does not tell."""
    nodes = [
        node("Gather", ["table", "input_ids"], ["e"]),
        node("ReduceMax", ["e", "one"], ["y"], keepdims=0),
    ]
    table = np.random.default_rng(0).standard_normal((90, 1)).astype(np.float32)
    table[0] = np.sort(table[:, 0])[-8]
    ids = onnxmodels.tensor("input_ids", "int64", ["batch", "sequence"])
    y = onnxmodels.tensor("y", "float32", ["batch", 1])
    onnxmodels.save(tmp_path / "model.onnx", nodes, [ids], [y], {"table": table, "one": np.array([1])})
    tokenizer(tmp_path)
    loaded = load_model(preprocessing=TEXT, source={"uri": f"file://{tmp_path}", "path": "model.onnx"})
    assert not loaded.learnt.padding.neutral or not loaded.plan.pads
