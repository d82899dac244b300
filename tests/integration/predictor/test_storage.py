"""Model files from real stores on loopback, by the clients that fetch them anywhere."""

import hashlib
import io
import os
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine import source, storage
from gpux_predictor.errors import LoadError, LoadReason
from stores import Store, store
from testcluster.waiting import SOON, eventually

MODEL = os.urandom(3_000_000)
SHA256 = hashlib.sha256(MODEL).hexdigest()
Fetch = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(storage, "BACKOFF_SECONDS", 0.1)
    return tmp_path / "cache" / "models"


@pytest.fixture
def progress() -> list[tuple[int, int | None]]:
    return []


@pytest.fixture
def fetch(progress: list[tuple[int, int | None]]) -> Fetch:
    def call(uri: str, **fields: Any) -> Path:
        spec = ModelSourceSpec(uri=uri, **fields)
        return source.find(source.root(spec, Path(), None, lambda done, total: progress.append((done, total))), spec)

    return call


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="one/onnx/model.onnx", Body=MODEL)
    client.put_object(Bucket="models", Key="one/tokenizer.json", Body=b"{}")
    yield client
    client.close()


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store(tmp_path, tls=True) as made:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.authority))
        made.files["model.onnx"] = MODEL
        yield made


def refused(fetch: Fetch, cache: Path, uri: str, **fields: Any) -> LoadError:
    """The error of a fetch, which leaves nothing behind."""
    with pytest.raises(LoadError) as caught:
        fetch(uri, **fields)
    assert not cache.exists() or not list(cache.iterdir())
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.usefixtures("s3")
def test_a_folder_in_s3(fetch: Fetch, progress: list[tuple[int, int | None]]) -> None:
    file = fetch("s3://models/one")
    assert file.read_bytes() == MODEL
    assert source.companion(file.parents[1], "tokenizer.json").read_bytes() == b"{}"
    assert progress[-1] == (len(MODEL) + 2, len(MODEL) + 2)
    assert fetch("s3://models/one/onnx/model.onnx").read_bytes() == MODEL
    assert fetch("s3://models/one", path="onnx/model.onnx").read_bytes() == MODEL


def test_an_object_that_changes_is_fetched_again_and_one_that_does_not_is_not(s3: Any, fetch: Fetch) -> None:
    s3.put_object(Bucket="models", Key="changing/model.onnx", Body=b"1")
    first = fetch("s3://models/changing")
    before = first.stat()
    again = fetch("s3://models/changing")
    assert (again, again.stat().st_ino, again.stat().st_mtime) == (first, before.st_ino, before.st_mtime)
    s3.put_object(Bucket="models", Key="changing/model.onnx", Body=b"2")
    assert fetch("s3://models/changing").read_bytes() == b"2"


@pytest.mark.usefixtures("s3")
def test_what_s3_refuses(fetch: Fetch, cache: Path) -> None:
    error = refused(fetch, cache, "s3://models/nothing")
    assert error.reason is LoadReason.DOWNLOAD_FAILED
    assert error.message.startswith(
        "s3://models/nothing could not be fetched: Failed to fetch model. No model found in nothing: check"
    )
    error = refused(fetch, cache, "s3://nobody/model")
    assert "S3 resource 'nobody' not found. (An error occurred (404)" in error.message
    assert "AWS_ACCESS_KEY_ID" in error.message
    assert refused(fetch, cache, "s3://models/one", path="other.onnx").reason is LoadReason.MODEL_FILE_NOT_FOUND


@pytest.mark.usefixtures("s3")
def test_s3_without_credentials(fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "S3 authentication failed" in refused(fetch, cache, "s3://models/one").message


@pytest.mark.usefixtures("s3")
def test_a_store_that_is_away(fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a copy it is an error, after three tries; with one, the copy serves: a laptop on a train."""
    kept = fetch("s3://models/one")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_MAX_ATTEMPTS", "1")
    assert fetch("s3://models/one") == kept
    with pytest.raises(LoadError, match="Could not connect to the endpoint URL") as caught:
        fetch("s3://models/two")
    assert caught.value.reason is LoadReason.DOWNLOAD_FAILED
    assert len(list(cache.iterdir())) == 1


def test_a_file_by_https(https: Store, fetch: Fetch, progress: list[tuple[int, int | None]]) -> None:
    https.slow = 0.02
    assert fetch(f"{https.url}/model.onnx").read_bytes() == MODEL
    assert progress[-1] == (len(MODEL), len(MODEL))
    assert any(0 < done < len(MODEL) for done, total in progress if total == len(MODEL))
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    https.requests.clear()
    fetch(f"{https.url}/model.onnx")
    assert https.requests == ["HEAD /model.onnx"]


def test_a_pinned_file_needs_no_store_the_second_time(https: Store, fetch: Fetch) -> None:
    file = fetch(f"{https.url}/model.onnx", sha256=SHA256)
    https.requests.clear()
    assert fetch(f"{https.url}/model.onnx", sha256=SHA256) == file
    assert https.requests == []
    file.write_bytes(b"damaged")
    assert fetch(f"{https.url}/model.onnx", sha256=SHA256).read_bytes() == MODEL
    assert len(https.requests) == 2


def test_a_wrong_checksum_is_not_kept(https: Store, fetch: Fetch, cache: Path) -> None:
    https.files["model.onnx"] = b"another"
    error = refused(fetch, cache, f"{https.url}/model.onnx", sha256=SHA256)
    assert error.reason is LoadReason.CHECKSUM_MISMATCH
    https.files["model.onnx"] = MODEL
    assert fetch(f"{https.url}/model.onnx", sha256=SHA256).read_bytes() == MODEL


def test_what_https_refuses_at_once(https: Store, fetch: Fetch, cache: Path) -> None:
    error = refused(fetch, cache, f"{https.url}/503/none.onnx")
    assert f"HTTP resource not found at '{https.url}/503/none.onnx'" in error.message
    assert https.requests == ["HEAD /503/none.onnx", "GET /503/none.onnx"], (
        "a 404 is final, whatever the path looks like"
    )
    https.misfortunes = [403]
    assert "HTTP access denied" in refused(fetch, cache, f"{https.url}/model.onnx").message


def test_secrets_of_a_signed_url_are_in_no_message(
    https: Store, fetch: Fetch, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for uri in (f"{https.url}/none.onnx?signature=s3cret", f"{https.url.replace('//', '//user:s3cret@')}/none.onnx"):
        message = refused(fetch, cache, uri).message
        assert message.startswith(
            f"{https.url}/none.onnx could not be fetched: HTTP resource not found at '{https.url}/none.onnx': "
        )
    https.files["unnamed.bin"] = b"x"
    assert "s3cret" not in refused(fetch, cache, f"{https.url}/unnamed.bin?signature=s3cret").message
    assert "s3cret" not in caplog.text


def test_passing_misfortunes(https: Store, fetch: Fetch, cache: Path) -> None:
    https.misfortunes = [503, 500]
    assert fetch(f"{https.url}/model.onnx", sha256=SHA256).read_bytes() == MODEL
    https.files["other.onnx"], https.misfortunes = MODEL, [503, 503, 503, 503]
    with pytest.raises(LoadError, match="failed with status code 503"):
        fetch(f"{https.url}/other.onnx")
    assert len(https.misfortunes) == 1, "three tries"
    assert len(list(cache.iterdir())) == 1


def test_a_download_that_is_cut_off(https: Store, fetch: Fetch, cache: Path) -> None:
    https.cut = 100_000
    error = refused(fetch, cache, f"{https.url}/model.onnx")
    assert error.reason is LoadReason.DOWNLOAD_FAILED
    assert "IncompleteRead" in error.message
    assert https.requests.count("GET /model.onnx") == 3


def test_a_certificate_that_nobody_vouches_for(
    https: Store, fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "certificate verify failed" in refused(fetch, cache, f"{https.url}/model.onnx").message
    assert https.requests == []


def test_an_archive_by_https(https: Store, fetch: Fetch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("onnx/model.onnx", MODEL)
        archive.writestr("tokenizer.json", b"{}")
    https.files["model.zip"], https.content_type = packed.getvalue(), "application/zip"
    file = fetch(f"{https.url}/model.zip", sha256=SHA256)
    assert (file.read_bytes(), file.name, file.parent.name) == (MODEL, "model.onnx", "onnx")


def test_a_page_is_no_model(https: Store, fetch: Fetch, cache: Path) -> None:
    """What a login page or a wrong link answers."""
    https.content_type = "text/html"
    error = refused(fetch, cache, f"{https.url}/model.onnx")
    assert "did not respond with 'Content-Type': 'application/octet-stream'" in error.message


def test_whoever_watches_can_end_it(https: Store, cache: Path) -> None:
    https.slow = 0.1

    def stop(done: int, _: int | None) -> None:
        if done > 0:
            raise InterruptedError("the server stops")

    spec = ModelSourceSpec(uri=f"{https.url}/model.onnx")
    with pytest.raises(InterruptedError):
        source.root(spec, Path(), None, stop)
    assert not list(cache.iterdir())
    assert not downloads()


def downloads() -> list[str]:
    """Processes that download, of whatever test."""
    found = subprocess.run(
        ["pgrep", "-f", "gpux_predictor.engine.download_main"], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def test_nothing_survives_the_server(https: Store, cache: Path) -> None:
    https.slow = 0.2
    code = f"""
        from pathlib import Path
        from gpux_api.v1alpha1 import ModelSourceSpec
        from gpux_predictor.engine import source
        source.root(ModelSourceSpec(uri="{https.url}/model.onnx"), Path(), None, lambda done, total: None)
    """
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    eventually(lambda: any(path.stat().st_size for path in cache.rglob("model.onnx")), SOON, "some of it is there")
    assert downloads()
    server.kill()
    server.wait()
    eventually(lambda: not downloads(), SOON, "the download has ended")
    assert not list(cache.rglob("model.onnx"))


@pytest.mark.usefixtures("s3")
def test_two_at_once(fetch: Fetch) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(fetch("s3://models/one", sha256=SHA256))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.read_bytes() for file in found] == [MODEL, MODEL]


def test_a_repository_of_a_hub(tmp_path: Path, fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    with store(tmp_path, tls=False) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.files = {"onnx/model.onnx": MODEL, "tokenizer.json": b"{}", "model.safetensors": MODEL}
        file = fetch("hf://owner/name")
        assert file.read_bytes() == MODEL
        assert (file.parents[1] / "tokenizer.json").read_bytes() == b"{}"
        assert not (file.parents[1] / "model.safetensors").exists()
        hub.requests.clear()
        assert fetch("hf://owner/name") == file
        assert not any("resolve" in request for request in hub.requests)
        with pytest.raises(LoadError, match="HF_TOKEN"):
            fetch("hf://owner/other")


def test_a_bucket_of_google(tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    with store(tmp_path, tls=False) as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)
        google.files = {"one/model.onnx": MODEL}
        file = fetch("gs://bucket/one")
        assert file.read_bytes() == MODEL
        google.requests.clear()
        assert fetch("gs://bucket/one") == file
        assert not any("alt=media" in request for request in google.requests)
        with pytest.raises(LoadError, match="gs://bucket/two could not be fetched"):
            fetch("gs://bucket/two")
