"""The folder of keys that a manifest asks for, and what is never opened by a mistake."""

import asyncio
import logging
from pathlib import Path

import pytest

from gpux_api.v1alpha1 import AccessSpec, ApiKeysSpec
from gpux_predictor.access import folder, key_folder
from gpux_predictor.access.key_folder import KeyFolder
from gpux_predictor.access.opened import opened
from mountedsecret import mount

KEY = "k" * 32
SPEC = AccessSpec.model_validate({"apiKeys": {"secretRef": {"name": "callers"}}})


def keys_of(spec: AccessSpec) -> ApiKeysSpec:
    assert spec.api_keys is not None
    return spec.api_keys


def test_keys_and_their_folder_go_together(tmp_path: Path) -> None:
    assert opened(None, None, None).gate is None
    assert opened(SPEC, tmp_path, None).gate is not None
    for spec, path in ((SPEC, None), (None, tmp_path), (AccessSpec(), tmp_path)):
        with pytest.raises(ValueError, match="go together"):
            opened(spec, path, None)


def test_a_folder_that_cannot_be_read_at_first_closes_and_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    path = tmp_path / "keys"
    found = KeyFolder(path, keys_of(SPEC))
    assert found.problem is not None
    assert "No such file or directory" in str(found.problem)
    assert found.gate.admitted([(b"x-api-key", KEY.encode())]) is None

    async def run() -> None:
        watching = asyncio.create_task(found.watch())
        path.mkdir()
        (path / "alice").write_text(KEY)
        await asyncio.wait_for(found.usable.wait(), 10)
        watching.cancel()

    asyncio.run(run())
    assert found.problem is None
    assert found.gate.admitted([(b"x-api-key", KEY.encode())]) == "alice"


@pytest.mark.parametrize("link", [".#bob", "carol"])
def test_a_link_that_leads_nowhere_keeps_no_key_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    """An editor leaves such links, and in a folder of one's own any may be there."""
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    bob = [(b"x-api-key", b"b" * 32)]
    (tmp_path / "alice").write_text(KEY)
    (tmp_path / "bob").write_text("b" * 32)
    found = KeyFolder(tmp_path, keys_of(SPEC))
    assert found.gate.admitted(bob) == "bob"

    async def run() -> None:
        watching = asyncio.create_task(found.watch())
        (tmp_path / link).symlink_to("nobody@nowhere.1")
        (tmp_path / "bob").unlink()
        async with asyncio.timeout(10):
            while found.gate.admitted(bob) is not None:
                await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(run())
    assert KeyFolder(tmp_path, keys_of(SPEC)).problem is None


class Written:
    """A folder of two clients' keys whose files are written while it is watched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "alice").write_text(KEY)
        (path / "bob").write_text("b" * 32)
        self.found = KeyFolder(path, keys_of(SPEC))

    def lets_in(self, key: str) -> str | None:
        return self.found.gate.admitted([(b"x-api-key", key.encode())])

    async def until(self, key: str, client: str | None) -> None:
        async with asyncio.timeout(10):
            while self.lets_in(key) != client:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("half", ["", "\n", "n" * 5])
def test_a_file_that_is_written_in_place_locks_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, half: str
) -> None:
    """`command > file` empties it first; what other files say counts meanwhile."""
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    written = Written(tmp_path)

    async def run() -> None:
        watching = asyncio.create_task(written.found.watch())
        (tmp_path / "bob").write_text(half)
        (tmp_path / "alice").write_text("c" * 32)
        await written.until("c" * 32, "alice")
        assert written.lets_in(KEY) is None
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert written.lets_in("b" * 32) == "bob"
        (tmp_path / "bob").write_text("n" * 32)
        await written.until("n" * 32, "bob")
        assert written.lets_in("b" * 32) is None
        watching.cancel()

    asyncio.run(run())
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "bob held a key and holds none" in line]) == 1
    assert len([line for line in said if line.startswith("API keys of 2 clients")]) == 3, "once for each change"
    assert not any("is left out" in line for line in said)


def test_a_file_that_stays_empty_is_a_key_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_folder, "UNFINISHED_SECONDS", 0.1)
    written = Written(tmp_path)

    async def run() -> None:
        watching = asyncio.create_task(written.found.watch())
        (tmp_path / "bob").write_text("")
        await written.until("b" * 32, None)
        assert written.lets_in(KEY) == "alice"
        watching.cancel()

    asyncio.run(run())


def test_a_deleted_file_and_an_emptied_entry_of_a_mounted_secret_close_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet swaps whole versions, so that what is empty there is meant so."""
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(key_folder, "UNFINISHED_SECONDS", 1e6)
    own = tmp_path / "own"
    own.mkdir()
    written = Written(own)
    mounted = mount(tmp_path / "mounted", {"alice": KEY, "bob": "b" * 32})
    secret = KeyFolder(mounted, keys_of(SPEC))

    async def run() -> None:
        watching = [asyncio.create_task(keys.watch()) for keys in (written.found, secret)]
        (own / "bob").unlink()
        mount(mounted, {"alice": KEY, "bob": ""})
        await written.until("b" * 32, None)
        async with asyncio.timeout(10):
            while secret.gate.admitted([(b"x-api-key", b"b" * 32)]) is not None:
                await asyncio.sleep(0.01)
        for task in watching:
            task.cancel()

    asyncio.run(run())
    assert secret.gate.admitted([(b"x-api-key", KEY.encode())]) == "alice"
