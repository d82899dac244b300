"""Which file a source means on this machine."""

from pathlib import Path

import pytest

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine import source
from gpux_predictor.errors import LoadError, LoadReason


def locate(uri: str, tmp_path: Path, path: str | None = None, model_dir: Path | None = None) -> Path:
    spec = ModelSourceSpec(uri=uri, path=path)
    return source.find(source.root(spec, tmp_path, model_dir, lambda done, total: None), spec)


def test_a_file_absolute_relative_and_with_escapes(tmp_path: Path) -> None:
    file = tmp_path / "my model.onnx"
    file.touch()
    assert locate(f"file://{file}", tmp_path) == file
    assert locate("file://my%20model.onnx", tmp_path) == file


def test_the_only_onnx_file_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    file = tmp_path / "onnx" / "model.onnx"
    file.touch()
    (tmp_path / "README.md").touch()
    assert locate("s3://bucket/m", tmp_path, model_dir=tmp_path) == file
    assert locate("s3://bucket/m", tmp_path, model_dir=file) == file  # a claim's path may be the file itself
    (tmp_path / "other.onnx").touch()
    with pytest.raises(
        LoadError, match=r"holds 2 \*.onnx files \(onnx/model.onnx, other.onnx\): name one in spec.model.source.path"
    ):
        locate("s3://bucket/m", tmp_path, model_dir=tmp_path)
    assert locate("s3://bucket/m", tmp_path, path="onnx/model.onnx", model_dir=tmp_path) == file


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    with pytest.raises(LoadError, match=r"pvc://c/d holds no \*.onnx file: it has weights.bin"):
        locate("pvc://c/d", tmp_path, model_dir=tmp_path)
    with pytest.raises(LoadError, match="model.onnx is not in pvc://c/d, which has weights.bin"):
        locate("pvc://c/d", tmp_path, path="model.onnx", model_dir=tmp_path)


def test_a_source_of_the_cluster_needs_a_folder_here(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="pass --model-dir") as caught:
        locate("pvc://claim/x", tmp_path)
    assert caught.value.reason is LoadReason.SOURCE_UNSUPPORTED


def test_a_path_beside_a_source_that_is_the_file(tmp_path: Path) -> None:
    file = tmp_path / "base.onnx"
    file.touch()
    assert locate(f"file://{file}", tmp_path, path="base.onnx") == file
    with pytest.raises(
        LoadError, match=r"base.onnx is a file, not a folder with other.onnx: remove spec.model.source.path"
    ):
        locate(f"file://{file}", tmp_path, path="other.onnx")


def test_hidden_files_and_folders_named_like_models_do_not_count(tmp_path: Path) -> None:
    for name in ("._model.onnx", ".cache/model.onnx", "..2024/model.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "model.onnx").touch()
    assert locate("s3://bucket/m", tmp_path, model_dir=tmp_path) == tmp_path / "model.onnx"
