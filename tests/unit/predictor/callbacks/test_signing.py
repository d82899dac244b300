"""Our signatures against the specification's own library, and what is no secret."""

import base64
import os
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.errors import LoadError, LoadReason

BODY = '{"task_id": "t", "name": "é"}'.encode()


def secret(random: bytes | None = None) -> str:
    return "whsec_" + base64.b64encode(random or os.urandom(32)).decode()


def test_a_receiver_verifies() -> None:
    mine = secret()
    headers = Signer(mine).headers("task_1", int(time.time()), BODY)
    assert Webhook(mine).verify(BODY, headers) == {"task_id": "t", "name": "é"}
    for other, sent, changed in (
        (secret(), BODY, headers),
        (mine, BODY + b" ", headers),
        (mine, BODY, headers | {"webhook-id": "t2"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(sent, changed)


def test_the_example_of_the_specifications_library() -> None:
    headers = Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_rotation() -> None:
    old, new = secret(), secret()
    headers = Signer(f"{new} {old}\n").headers("task_1", int(time.time()), BODY)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for each in (old, new):
        Webhook(each).verify(BODY, headers)


def test_base64_without_padding() -> None:
    mine = secret(bytes(25))
    bare = mine.rstrip("=")
    assert bare != mine
    assert Signer(bare).headers("a", 1, BODY) == Signer(mine).headers("a", 1, BODY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "number 1) without whsec_"),
        (f"{secret(bytes(24))} hunter2", "number 2) without whsec_"),
        ("whsk_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "without whsec_"),
        ("whsec_hunter2_hunter2_hunter2_hunter2", "is not base64"),
        ("whsec_hunter2hunter2hunter2hunter2é", "is not base64"),
        ("whsec_aHVudGVyMg==", "of 7 bytes"),
        (secret(bytes(23)), "of 23 bytes"),
        (secret(bytes(65)), "of 65 bytes"),
    ],
)
def test_what_is_no_secret(text: str, words: str) -> None:
    with pytest.raises(LoadError) as refused:
        Signer(text)
    assert refused.value.reason is LoadReason.INVALID_WEBHOOK_SECRET
    assert words in refused.value.message
    assert "hunter2" not in refused.value.message
