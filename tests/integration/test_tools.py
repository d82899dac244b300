"""Building tools and rendering charts: what a user sees when it works, and when it does not."""

import stat
import sys
from pathlib import Path

import pytest

from testcluster import tools
from testcluster.chart import chart_manifests
from testcluster.errors import ClusterError
from testcluster.golang import find_go, parse_version

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go{version}; else echo "package foo: no route to host"; exit 1; fi
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GPUX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fake_go(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Path:
    folder.mkdir()
    program = folder / "go"
    program.write_text(FAKE_GO.format(version=version))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def test_unknown_tool_is_named_with_the_known_ones() -> None:
    with pytest.raises(ClusterError, match=r"no tool 'kubctl'(.|\n)*kubectl"):
        tools.ensure(["kubctl"])


@pytest.mark.usefixtures("cache")
def test_failed_build_says_what_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_go(tmp_path / "bin", monkeypatch, "99.0")

    with pytest.raises(ClusterError) as failure:
        tools.ensure(["etcd"])

    message = str(failure.value)
    assert "building etcd v3." in message
    assert "no route to host" in message
    assert "What to do" in message
    assert "building etcd (1 of 1)" in capfd.readouterr().err


def test_built_tool_is_taken_from_the_cache_without_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = cache / "bin" / f"etcd-{tools.digest(tools.TOOLS['etcd'])}"
    built.parent.mkdir(parents=True)
    built.touch()
    monkeypatch.setenv("PATH", "")

    assert tools.ensure(["etcd", "etcd"]) == {"etcd": built}


def test_cache_that_cannot_be_written_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPUX_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(ClusterError, match="set GPUX_CACHE"):
        tools.ensure(["etcd"])


def test_new_enough_go_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_go(tmp_path / "bin", monkeypatch, "1.30rc1")

    assert find_go((1, 24)) == program


def test_old_go_gives_way_to_the_one_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path / "bin", monkeypatch, "1.19.8")

    assert find_go((1, 24)) == Path(sys.executable).with_name("go")
    with pytest.raises(ClusterError, match=r"no Go 99 or newer(.|\n)*1\.19\.8"):
        find_go((99,))


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.8", (1, 26, 8)), ("1.24", (1, 24)), ("go1.30rc1", (1, 30)), ("devel", ())]
)
def test_go_versions(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.usefixtures("built_tools")
def test_chart_is_rendered_by_the_real_helm(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text('apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: ">=1.34"\n')
    (chart / "templates" / "demo.yaml").write_text(
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: demo, namespace: '{{ .Release.Namespace }}'}\n"
        "data: {colour: '{{ required \"say a colour\" .Values.colour }}'}\n"
    )

    [rendered] = chart_manifests({"colour": "blue"}, chart=chart, namespace="demo")
    assert (rendered["data"], rendered["metadata"]["namespace"]) == ({"colour": "blue"}, "demo")
    with pytest.raises(ClusterError, match="say a colour"):
        chart_manifests(chart=chart)
