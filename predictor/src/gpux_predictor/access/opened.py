"""What a manifest says of access, with the files that it needs, kept up to date while the server runs."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpux_api.v1alpha1 import AccessSpec, ApiKeysSpec
from gpux_predictor.access import folder
from gpux_predictor.access.buckets import Buckets
from gpux_predictor.access.certificates import Certificate
from gpux_predictor.access.gate import Gate
from gpux_predictor.access.keys import Keys, read
from gpux_predictor.errors import LoadError, LoadReason

logger = logging.getLogger(__name__)


class KeyFolder:
    """The keys of a folder, and the gate that they open.

    Args:
        path: the folder.
        spec: what the manifest says of keys.
    """

    def __init__(self, path: Path, spec: ApiKeysSpec) -> None:
        self._path = path
        self._secret = spec.secret_ref.name
        self._seen: folder.Print = ()
        self._keys = Keys()
        self._unread: OSError | None = None
        """Why the folder could not be read at the start, until it was."""
        self.described = spec.public_description
        self.usable = asyncio.Event()
        """Set once there is a key."""
        limit = spec.rate_limit
        self.gate = Gate(
            self._keys, None if limit is None else Buckets(limit.requests_per_second, limit.bucket, time.monotonic)
        )
        try:
            seen = folder.fingerprint(path)
            self._take()
            self._seen = seen  # not before: what could not be read is read again
        except OSError as error:
            self._unread = error
            logger.warning("the API keys in %s cannot be read: %s", path, error)

    @property
    def problem(self) -> LoadError | None:
        """Why nobody can be let in; None if somebody can."""
        if self._keys.digests:
            return None
        why = "; ".join(f"{client} {problem}" for client, problem in self._keys.problems) or "it is empty"
        if self._unread is not None:
            why = f"it cannot be read: {self._unread}"
        return LoadError(
            LoadReason.INVALID_API_KEYS,
            f"The Secret {self._secret} of spec.access.apiKeys.secretRef holds no API key ({why}): add one, for instance kubectl create "
            f'secret generic {self._secret} --from-literal=my-client="$(openssl rand -hex 32)"; the pod sees it within a minute',
        )

    async def watch(self) -> None:
        """Takes changes in until it is cancelled."""
        await folder.watch(self._path, self._seen, self._take)

    def _take(self) -> None:
        self._keys, self._unread = read(self._path), None
        self.gate.change(self._keys)
        clients = sorted({client for _, client in self._keys.digests})
        logger.info("API keys of %d clients: %s", len(clients), ", ".join(clients) or "nobody is let in")
        for client, problem in self._keys.problems:
            logger.warning("the entry %s of the API keys is left out: it %s", client, problem)
        if clients:
            self.usable.set()


@dataclass(frozen=True)
class Access:
    """Who is let in, and how.

    Attributes:
        keys: None where whoever reaches the server is let in.
        origins: of web pages that may ask.
        certificate: None for plain HTTP and gRPC.
    """

    keys: KeyFolder | None = None
    origins: Sequence[str] = ()
    certificate: Certificate | None = None

    @property
    def gate(self) -> Gate | None:
        """Lets in who has a key; None where none is needed."""
        return None if self.keys is None else self.keys.gate


EVERYBODY = Access()
"""Whoever reaches the server, over plain HTTP and gRPC."""


def opened(spec: AccessSpec | None, keys_dir: Path | None, tls_dir: Path | None) -> Access:
    """What a manifest says of access, with its files.

    Args:
        spec: of the manifest; with `api_keys` exactly where there is a `keys_dir`.
        keys_dir: the mounted Secret with the keys.
        tls_dir: that with the certificate.

    Raises:
        OSError: there is no certificate that can be used. Keys may come later.
    """
    keys = spec.api_keys if spec is not None else None
    if (keys is None) != (keys_dir is None):  # never open by a mistake of the caller's
        raise ValueError("spec.access.apiKeys and the folder with the keys go together")
    return Access(
        keys=None if keys is None or keys_dir is None else KeyFolder(keys_dir, keys),
        origins=tuple(spec.cors.allowed_origins) if spec is not None and spec.cors is not None else (),
        certificate=None if tls_dir is None else Certificate(tls_dir),
    )
