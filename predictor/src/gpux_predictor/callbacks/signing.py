"""Signatures of Standard Webhooks 1.0.0 (standardwebhooks.com): HMAC-SHA256 over `{id}.{timestamp}.{body}`."""

import base64
import binascii
import hashlib
import hmac

from gpux_predictor.errors import LoadError, LoadReason

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64
"""Bytes of a secret, by the specification."""


class Signer:
    """Signs with each secret, so that receivers can change theirs one by one.

    Args:
        secrets: one or more secrets between blanks, each `whsec_` and the base64 of 24 to 64 random bytes.

    Raises:
        LoadError: InvalidWebhookSecret; the message holds nothing of the secrets.
    """

    def __init__(self, secrets: str) -> None:
        self._keys = [_key(secret, place) for place, secret in enumerate(secrets.split(), start=1)]
        if not self._keys:
            raise _invalid("is empty")

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers that a receiver verifies.

        Args:
            webhook_id: the same for each attempt; without a '.', which would let two messages have one signature.
            timestamp: of this attempt, Unix seconds.
            body: the bytes as they are sent.
        """
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        digests = (hmac.digest(key, signed, hashlib.sha256) for key in self._keys)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
        }


def _key(secret: str, place: int) -> bytes:
    text = secret.removeprefix(PREFIX)
    if text == secret:
        raise _invalid(f"has a secret (number {place}) without {PREFIX} before its base64")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(f"has a secret (number {place}) that is not base64") from None
    if not _LEAST <= len(key) <= _MOST:
        raise _invalid(f"has a secret (number {place}) of {len(key)} bytes")
    return key


def _invalid(what: str) -> LoadError:
    return LoadError(
        LoadReason.INVALID_WEBHOOK_SECRET,
        f"The Secret of spec.async.callbacks.secretRef {what}: write {PREFIX} and the base64 of {_LEAST} to {_MOST} random bytes, "
        'for instance "whsec_$(openssl rand -base64 32)"',
    )
