"""The keys of a model: a folder with a file for each client, its name the client's, its content the key, or several with blanks.

That is how a Secret is mounted. Only digests are kept, and none is ever shown.
"""

import hashlib
import hmac
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from gpux_predictor.access.folder import newest

LEAST, MOST = 16, 512
"""Characters of a key."""
_MOST_BYTES = 4096
"""Read of a file, to tell a key from something else."""


@dataclass(frozen=True)
class Keys:
    """The keys that count now.

    Attributes:
        digests: the SHA-256 of each key, with its client's name.
        problems: what is wrong with entries that were left out, by client's name.
    """

    digests: tuple[tuple[bytes, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    def client_of(self, key: bytes) -> str | None:
        """Whose key it is, None if nobody's. Each key is compared in constant time, and all of them are."""
        shown, found = hashlib.sha256(key).digest(), None
        for digest, client in self.digests:
            if hmac.compare_digest(digest, shown):
                found = client
        return found

    @property
    def clients(self) -> set[str]:
        """Who has a key."""
        return {client for _, client in self.digests}

    def keeping(self, before: "Keys", clients: Set[str]) -> "Keys":
        """These keys, and those that some clients had before; a key that is another client's by now stays that one's."""
        kept = {digest: client for digest, client in before.digests if client in clients}
        return replace(self, digests=tuple((kept | dict(self.digests)).items()))


def read(folder: Path) -> Keys:
    """The keys in a folder; names that begin with '.' are the kubelet's own.

    Raises:
        OSError: the folder cannot be read.
    """
    found: dict[bytes, str] = {}
    problems = []
    for path in sorted(newest(folder).iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_file():
            problems.append((path.name, "is no file"))
            continue
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        keys = content.split()
        digests = [hashlib.sha256(key).digest() for key in keys]
        other = next((found[digest] for digest in digests if digest in found), None)
        problem = _problem(content, keys) or (f"has a key of {other}" if other else None)
        if problem is None:
            found |= dict.fromkeys(digests, path.name)
        else:
            problems.append((path.name, problem))
    return Keys(tuple(found.items()), tuple(problems))


def _problem(content: bytes, keys: Sequence[bytes]) -> str | None:
    if len(content) > _MOST_BYTES:
        return f"has more than {_MOST_BYTES} bytes"
    if not keys:
        return "is empty"
    for key in keys:
        if not LEAST <= len(key) <= MOST:
            return f"has a key of {len(key)} characters, expected {LEAST} to {MOST}"
        if not all(0x21 <= byte <= 0x7E for byte in key):
            return "has a key with other characters than printable ASCII"
    return None
