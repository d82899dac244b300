"""Keys out of a folder: who has one, what is left out, and that nothing shows them."""

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpux_predictor.access.keys import Keys, read
from mountedsecret import mount

A, B, C = "a" * 32, "b" * 32, "c" * 32


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_each_file_is_a_client(tmp_path: Path) -> None:
    found = read(write(tmp_path, alice=A, bob=B + "\n"))
    assert (found.client_of(A.encode()), found.client_of(B.encode())) == ("alice", "bob")
    assert found.client_of(C.encode()) is None
    assert found.client_of(A[:-1].encode()) is None
    assert found.client_of(b"") is None
    assert found.problems == ()


def test_a_client_may_have_several_while_one_follows_the_other(tmp_path: Path) -> None:
    found = read(write(tmp_path, alice=f"{A} {B}\n{C}"))
    assert {found.client_of(key.encode()) for key in (A, B, C)} == {"alice"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("a" * 15, "has a key of 15 characters, expected 16 to 512"),
        ("a" * 513, "has a key of 513 characters"),
        ("ü" * 20, "other characters than printable ASCII"),
        ("a" * 5000, "has more than 4096 bytes"),
        (f"{B} short", "has a key of 5 characters"),
        (A, "has a key of alice"),
    ],
)
def test_what_is_no_key_is_left_out_and_said_without_showing_it(tmp_path: Path, text: str, problem: str) -> None:
    found = read(write(tmp_path, alice=A, zoe=text))
    assert [client for _, client in found.digests] == ["alice"]
    [(client, said)] = found.problems
    assert client == "zoe"
    assert problem in said
    assert not text.strip() or text.strip()[:15] not in said


def test_only_files_count_and_not_the_kubelet_s_own(tmp_path: Path) -> None:
    write(tmp_path, **{"alice": A, ".hidden": B})
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    found = read(tmp_path)
    assert [client for _, client in found.digests] == ["alice"]
    assert found.problems == (("folder", "is no file"), ("link", "is no file"), ("pipe", "is no file"))


def test_a_mounted_secret_is_read_of_one_version(tmp_path: Path) -> None:
    mount(tmp_path, {"alice": A})
    (tmp_path / "stale").write_text(B)
    assert [client for _, client in read(tmp_path).digests] == ["alice"]


def test_nothing_that_is_kept_holds_a_key(tmp_path: Path) -> None:
    found = read(write(tmp_path, alice=A))
    assert A not in repr(found)
    assert found.digests == ((hashlib.sha256(A.encode()).digest(), "alice"),)


def test_every_key_is_compared_whichever_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time tells neither which key nor how much of it was right."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def counting(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    found = read(write(tmp_path, alice=A, bob=B, carol=C))
    for key in (A, B, C, "nobody's"):
        compared.clear()
        found.client_of(key.encode())
        assert len(compared) == 3


@settings(max_examples=50)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(min_size=16, max_size=40), max_size=5),
    st.binary(),
)
def test_a_key_is_its_client_s_and_no_other_bytes_are(clients: dict[str, bytes], other: bytes) -> None:
    found = Keys(tuple((hashlib.sha256(key).digest(), client) for client, key in clients.items()))
    for key in clients.values():
        assert clients[found.client_of(key) or ""] == key
    if other not in clients.values():
        assert found.client_of(other) is None
