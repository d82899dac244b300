"""The images' Dockerfiles and constraint files fit together, for the image too that no test builds: the one for CUDA."""

import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from testcluster.native import archives, sboms

ROOT = Path(__file__).parents[3]
PROGRAMS = ("operator", "predictor")
CONSTRAINTS = {
    name: ROOT / name
    for name in (
        "operator/constraints.txt",
        "predictor/constraints.txt",
        "predictor/constraints-gpu.txt",
        "crds/build-constraints.txt",
        "crds/sbom-constraints.txt",
        "tests/constraints.txt",
    )
}
Pins = dict[str, list[str]]


def pins(file: Path) -> Pins:
    """The versions of each package: several where they go by Python's."""
    found: Pins = {}
    for package, version in re.findall(r"^([a-z][^ =]*)==([^ ]+)", file.read_text(), re.M):
        found.setdefault(package, []).append(version)
    return found


PINS = {name: pins(file) for name, file in CONSTRAINTS.items()}


def dockerfile(program: str) -> str:
    return (ROOT / program / "Dockerfile").read_text()


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_package_is_pinned_by_hash(name: str) -> None:
    text = re.sub(r"^#.*\n", "", CONSTRAINTS[name].read_text(), flags=re.M).replace("\\\n", "")
    lines = text.strip().splitlines()
    assert lines
    for line in lines:
        assert re.match(r"[a-z][\w.-]*==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line), f"{name}: {line[:100]}"
    assert "://" not in text, f"{name} names an index"


@pytest.mark.parametrize("name", [name for name in CONSTRAINTS if not name.startswith("tests/")])
def test_what_is_tested_is_what_runs(name: str) -> None:
    tested = PINS["tests/constraints.txt"]
    other = {package: pin for package, pin in PINS[name].items() if package in tested and tested[package] != pin}
    assert other == {}


def test_the_image_for_cuda_differs_in_the_runtime_alone() -> None:
    cpu, gpu = dict(PINS["predictor/constraints.txt"]), dict(PINS["predictor/constraints-gpu.txt"])
    runtime = cpu.pop("onnxruntime")
    assert gpu.pop("onnxruntime-gpu") == runtime
    libraries = {package for package in gpu if package.startswith("nvidia-")}
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cudnn-cu13", "nvidia-cufft"} <= libraries
    assert {package: pin for package, pin in gpu.items() if package not in libraries} == cpu


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_dockerfile_names_is_there(program: str) -> None:
    text = dockerfile(program)
    arguments = dict(re.findall(r"^ARG (\w+)=(.+)$", text, re.M))
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for source in line.split():
            path = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], source)
            assert (ROOT / path).exists(), path
            assert path.split("/")[0] in {"crds", program}, f"{path} is not in the build context"
    installs = re.findall(r"pip (?:--python \S+ )?install .*", text)
    assert len(installs) == 3
    assert all("--require-hashes --only-binary :all:" in line or "--no-index" in line for line in installs)


def test_the_two_dockerfiles_end_alike() -> None:
    ends = [dockerfile(program).split("# Only files are copied")[1] for program in PROGRAMS]
    common = [re.sub("operator|predictor|8080/health|8081/healthz", "", end).split("ARG VERSION")[0] for end in ends]
    assert common[0] == common[1].replace("EXPOSE 8080\n", "")


def test_removed_packages_leave_no_name_behind() -> None:
    """What is taken out of /venv as a whole is not in its metadata either: the bill of materials is made from that."""
    [removed] = re.findall(r"rm -rf (kubernetes.*?) \\$", dockerfile("predictor"), re.M)
    folders = {name for name in removed.split() if re.fullmatch(r"\w+", name)}
    assert folders == {"kubernetes", "pandas", "grpc_tools", "setuptools"}
    assert {"kubernetes-*", "pandas-*", "grpcio_tools-*", "setuptools-*"} <= set(removed.split())


def test_a_bill_is_counted_with_its_program() -> None:
    bill = {
        "metadata": {"component": {"name": "gpux-operator", "version": "0.1.0"}},
        "components": [{"name": "kopf", "version": "1.45.2"}],
    }
    assert sboms.packages(json.loads(json.dumps(bill))) == {"gpux-operator": "0.1.0", "kopf": "1.45.2"}


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_read_as_a_container_sees_it(tmp_path: Path) -> None:
    first = packed({"a/kept": b"1", "a/changed": b"1", "a/gone": b"1", "b/gone": b"1", "b/too": b"1", "bc": b"1"})
    second = packed({"a/.wh.gone": b"", "a/changed": b"2", ".wh.b": b""})
    manifest = [{"Config": "c.json", "Layers": ["1", "2"]}]
    parts = {"c.json": b'{"config": {"User": "1:1"}}', "1": first, "2": second}
    archive = tmp_path / "image.tar"
    archive.write_bytes(packed({**parts, "manifest.json": json.dumps(manifest).encode()}))
    found = archives.files(archive)
    assert set(found) == {"a/kept", "a/changed", "bc"}
    assert found["a/changed"] != found["a/kept"] == found["bc"]
    assert archives.read(archive, "a/changed") == b"2"
    assert archives.config(archive) == {"User": "1:1"}
    with pytest.raises(KeyError):
        archives.read(archive, "nothing")
