"""Ids of tasks: nobody guesses one, and one that was given out once is known for what it is after its task has gone."""

import hmac
import secrets
from hashlib import sha256

from gpux_predictor.tasks.store import NoSuchTask

KEY_BYTES = 32
_RANDOM_BYTES = 16
_TAG_BYTES = 6


def new_key() -> bytes:
    """The secret of a store, by which it knows its ids."""
    return secrets.token_bytes(KEY_BYTES)


def new_id(key: bytes) -> str:
    """128 random bits and a tag of 48, in hexadecimal."""
    random = secrets.token_bytes(_RANDOM_BYTES)
    return (random + _tag(key, random)).hex()


def no_such_task(key: bytes, task_id: str) -> NoSuchTask:
    """The error for an id without a task: expired if it was given out here, else unknown."""
    try:
        raw = bytes.fromhex(task_id)
    except ValueError:
        raw = b""
    random, tag = raw[:_RANDOM_BYTES], raw[_RANDOM_BYTES:]
    if len(raw) == _RANDOM_BYTES + _TAG_BYTES and hmac.compare_digest(tag, _tag(key, random)):
        return NoSuchTask(f"Task '{task_id}' has expired: results are kept for spec.async.resultTTLSeconds")
    return NoSuchTask(f"Unknown task: '{task_id[:100]}'")


def _tag(key: bytes, random: bytes) -> bytes:
    return hmac.digest(key, random, sha256)[:_TAG_BYTES]
