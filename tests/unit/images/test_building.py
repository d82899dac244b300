"""What is said where no image can be built."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from testcluster.native import images, sboms
from testcluster.native.errors import NodeError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    (folder / "images").mkdir(parents=True)
    monkeypatch.setenv("GPUX_CACHE", str(folder))
    return folder


def test_make_sbom_says_in_two_lines_that_it_needs_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert sboms.main([str(tmp_path / "sbom")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("node: error: images are built as root")
    assert second.startswith("What to do: ")


KEPT = images.Image("localhost/gpux-operator", "1", Path("kept.tar"))


@pytest.mark.parametrize(
    "build",
    [
        lambda folder: images.build_again("operator", folder / "new.tar"),
        lambda folder: images.build_on(KEPT, folder, "localhost/baked:1", folder / "new.tar"),
    ],
    ids=["again", "on one of ours"],
)
def test_with_an_image_in_the_cache_buildah_may_still_be_missing(
    build: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache outlives a machine: then no build before this one has installed it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NodeError, match="install .*buildah"):
        build(tmp_path)
