"""The folder of keys that a manifest asks for, and what is never opened by a mistake."""

import asyncio
from pathlib import Path

import pytest

from gpux_api.v1alpha1 import AccessSpec, ApiKeysSpec
from gpux_predictor.access import folder
from gpux_predictor.access.opened import KeyFolder, opened

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
