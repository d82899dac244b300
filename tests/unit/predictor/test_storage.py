"""Where fetched models are kept, what is said of a store's answers, and what is not."""

import os
import sys
import time
from pathlib import Path

import pytest

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine import source, storage
from gpux_predictor.engine.download_main import answer, is_transient
from gpux_predictor.engine.uris import redacted, shown
from gpux_predictor.errors import LoadError, LoadReason


def resolve(uri: str, sha256: str | None = None) -> Path:
    spec = ModelSourceSpec(uri=uri, sha256=sha256)
    return source.find(source.root(spec, Path(), None, lambda done, total: None), spec)


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUX_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert storage.cache_folder() == Path("/a/models")
    monkeypatch.delenv("GPUX_CACHE")
    assert storage.cache_folder() == Path("/b/gpux/models")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert storage.cache_folder() == Path.home() / ".cache" / "gpux" / "models"


@pytest.mark.parametrize("scheme", storage.SCHEMES)
def test_without_the_package(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kserve_storage", None)  # as Python itself marks a module that cannot be imported
    with pytest.raises(LoadError, match=r"pip install 'gpux-predictor\[storage\]', or pass --model-dir") as caught:
        resolve(f"{scheme}://owner/model")
    assert caught.value.reason is LoadReason.SOURCE_UNSUPPORTED


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPUX_CACHE", str(tmp_path / "file"))
    with pytest.raises(LoadError, match="Not a directory: set GPUX_CACHE to a folder that can be written") as caught:
        resolve("s3://bucket/model")
    assert caught.value.reason is LoadReason.DOWNLOAD_FAILED


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://host/a/b.onnx", "https://host/a/b.onnx"),
        ("https://me:word@host:8443/a?token=1#x", "https://host:8443/a"),
        ("https://host/a#x?y", "https://host/a"),
        ("https://[::1/a", "https://[::1/a"),
        ("hf://owner/name:main", "hf://owner/name:main"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_what_is_shown_of_a_uri(uri: str, words: str) -> None:
    assert shown(uri) == words


def test_no_part_of_a_secret_is_in_a_text() -> None:
    uri = "https://me:word@host/a?token=1"
    text = f"<{uri}> /a?token=1 token=1 me:word@host word"
    assert redacted(text, uri) == "<https://host/a> /a  host "
    assert redacted("nothing to hide?", "s3://bucket/a") == "nothing to hide?"


def test_an_answer_is_one_line_with_its_cause() -> None:
    error = RuntimeError("S3 resource not found.")
    error.__cause__ = ValueError("404\n  Not Found")
    assert answer(error) == "S3 resource not found. (404 Not Found)"
    assert answer(ValueError("a")) == "a"
    assert answer(ValueError()) == "ValueError"
    assert len(answer(ValueError("x" * 10_000))) == 401


URI = "https://host/404/connection/503.onnx"


@pytest.mark.parametrize(
    ("text", "transient"),
    [
        ("HTTP request to 'https://host/404/connection/503.onnx' failed with status code 503.", True),
        ("HTTP resource not found at 'https://host/404/connection/503.onnx'.", False),
        ("HTTPSConnectionPool(host='host', port=443): Max retries exceeded with url: /404/connection/503.onnx", True),
        ("HTTPSConnectionPool(host='host'): SSLError(certificate verify failed)", False),
        ("Read timed out.", True),
        ("An error occurred (SlowDown) when calling the GetObject operation", True),
        ("An error occurred (403) when calling the HeadBucket operation: Forbidden", False),
        ("[Errno 28] No space left on device", False),
        ("something else", False),
    ],
)
def test_which_answers_are_worth_another_try(text: str, transient: bool) -> None:
    assert is_transient(text, URI) is transient


def test_a_companion_of_the_model(tmp_path: Path) -> None:
    model, tokenizer = tmp_path / "model.onnx", tmp_path / "tokenizer.json"
    model.touch()
    tokenizer.touch()
    assert source.companion(tmp_path, "tokenizer.json") == tokenizer
    assert source.companion(model, "tokenizer.json") == tokenizer
    with pytest.raises(LoadError, match=r"vocab.txt is not in the source, which has model.onnx, tokenizer.json"):
        source.companion(tmp_path, "vocab.txt")


def test_old_versions_go_and_the_used_one_stays(tmp_path: Path) -> None:
    for name, age in (("used", 9), ("old", 9), (".part-x", 9), ("recent", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age * 86400,) * 2)
    storage._tidy(tmp_path, tmp_path / "used")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recent", "used"]
