"""Changes of a folder: written, replaced, swapped by a symlink as the kubelet does it."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gpux_predictor.access import folder
from gpux_predictor.access.certificates import Certificate
from mountedsecret import mount
from testcluster.certs import Authority

CHANGES: dict[str, Callable[[Path], object]] = {
    "written in place": lambda path: (path / "a").write_text("other, and longer"),
    "replaced by one of the same size and time": lambda path: _replaced(path / "a"),
    "added": lambda path: (path / "b").write_text("b"),
    "removed": lambda path: (path / "a").unlink(),
    "a link that leads nowhere": lambda path: (path / "b").symlink_to("nowhere"),
}


def _replaced(path: Path) -> None:
    stat, new = path.stat(), path.with_name("new")
    new.write_text("eno")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_shows(tmp_path: Path, change: Callable[[Path], object]) -> None:
    (tmp_path / "a").write_text("one")
    before = folder.fingerprint(tmp_path)
    assert folder.fingerprint(tmp_path) == before
    change(tmp_path)
    assert folder.fingerprint(tmp_path) != before


def test_hidden_files_are_no_change(tmp_path: Path) -> None:
    before = folder.fingerprint(tmp_path)
    (tmp_path / ".a.swp").write_text("of an editor")
    (tmp_path / ".#a").symlink_to("nowhere")
    assert folder.fingerprint(tmp_path) == before


def test_a_swap_shows_though_no_file_is_another_one_by_its_content(tmp_path: Path) -> None:
    mount(tmp_path, {"a": "one"})
    before = folder.fingerprint(tmp_path)
    mount(tmp_path, {"a": "one"})
    assert folder.fingerprint(tmp_path) != before


def test_a_change_that_cannot_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.01)
    (tmp_path / "a").write_text("one")
    calls = []

    def changed() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("half written")

    async def run() -> None:
        watching = asyncio.create_task(folder.watch(tmp_path, (), changed))
        async with asyncio.timeout(30):
            while len(calls) < 3:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        watching.cancel()

    asyncio.run(run())
    assert len(calls) == 3, "no more once it was read"
    assert caplog.text.count("half written") == 1


def test_a_certificate_that_does_not_fit_its_key_leaves_the_old_pair(tmp_path: Path) -> None:
    authority = Authority()
    authority.issue("one", hosts=("one",)).write(tmp_path, "tls")
    certificate = Certificate(tmp_path)
    before = certificate.pair
    other = authority.issue("two", hosts=("two",))
    (tmp_path / "tls.crt").write_bytes(other.certificate)
    with pytest.raises(OSError, match="mismatch"):
        certificate.reload()
    assert certificate.pair == before
    (tmp_path / "tls.key").write_bytes(other.key)
    certificate.reload()
    assert certificate.pair.certificate == other.certificate


@pytest.mark.parametrize("broken", ["no files", "no PEM", "another key"])
def test_without_a_certificate_that_can_be_used_nothing_starts(tmp_path: Path, broken: str) -> None:
    pair, other = Authority().issue("one"), Authority().issue("two")
    if broken != "no files":
        (tmp_path / "tls.crt").write_bytes(b"x" if broken == "no PEM" else pair.certificate)
        (tmp_path / "tls.key").write_bytes(other.key)
    with pytest.raises(OSError):  # noqa: PT011
        Certificate(tmp_path)
