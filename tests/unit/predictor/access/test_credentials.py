"""The key that a request shows, whatever else its headers hold."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.access.credentials import presented
from gpux_predictor.access.errors import Unauthorized

KEY = b"k" * 24
keys = st.text(string.ascii_letters + string.digits + "-._~+/=", min_size=1, max_size=64).map(str.encode)
blanks = st.sampled_from([b"", b" ", b"\t", b"  "])
bearer = st.sampled_from([b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
others = st.tuples(
    st.sampled_from([b"host", b"accept", b"x-api-keys", b"proxy-authorization", b"cookie", b"x-forwarded-for"]),
    st.binary(max_size=30),
)


@given(
    key=keys, scheme=bearer, before=blanks, between=st.sampled_from([b" ", b"   "]), after=blanks, rest=st.lists(others)
)
def test_a_bearer_in_any_form_is_its_key(
    key: bytes, scheme: bytes, before: bytes, between: bytes, after: bytes, rest: list[tuple[bytes, bytes]]
) -> None:
    assert presented([*rest, (b"authorization", before + scheme + between + key + after)]) == key


@given(key=keys, before=blanks, after=blanks, rest=st.lists(others))
def test_an_x_api_key_is_its_key(key: bytes, before: bytes, after: bytes, rest: list[tuple[bytes, bytes]]) -> None:
    assert presented([(b"x-api-key", before + key + after), *rest]) == key


@given(value=st.binary(max_size=60))
def test_any_bytes_are_a_key_or_are_refused(value: bytes) -> None:
    """Nothing but Unauthorized is raised, and what is found was sent."""
    for name in (b"authorization", b"x-api-key"):
        try:
            found = presented([(name, value)])
        except Unauthorized:
            continue
        assert found
        assert found in value


@given(rest=st.lists(others))
def test_no_key_is_found_elsewhere(rest: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthorized, match="This model wants an API key"):
        presented(rest)


@pytest.mark.parametrize(
    "value", [b"", b"Bearer", b"Bearer ", b"Basic dXNlcjpwYXNz", b"Bearerkkkk", b"Token " + KEY, b"Bearer\t" + KEY]
)
def test_an_authorization_without_a_bearer_is_no_key(value: bytes) -> None:
    with pytest.raises(Unauthorized, match="This model wants an API key"):
        presented([(b"authorization", value)])


def test_the_password_of_an_ingress_leaves_room_for_a_key() -> None:
    assert presented([(b"authorization", b"Basic dXNlcjpwYXNz"), (b"x-api-key", KEY)]) == KEY


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", KEY), (b"x-api-key", KEY)],
        [(b"authorization", b"Bearer " + KEY), (b"x-api-key", KEY)],
        [(b"authorization", b"Bearer " + KEY), (b"authorization", b"Bearer other")],
    ],
)
def test_more_than_one_is_refused_even_if_they_are_the_same(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthorized, match="More than one API key") as raised:
        presented(headers)
    assert "invalid_request" in raised.value.challenge
