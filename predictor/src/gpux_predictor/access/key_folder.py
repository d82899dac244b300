"""The keys of a folder, kept up to date while the server runs, and the gate that they open."""

import asyncio
import logging
import time
from pathlib import Path

from gpux_api.v1alpha1 import ApiKeysSpec
from gpux_predictor.access import folder
from gpux_predictor.access.buckets import Buckets
from gpux_predictor.access.gate import Gate
from gpux_predictor.access.keys import Keys, read
from gpux_predictor.errors import LoadError, LoadReason

logger = logging.getLogger(__name__)
UNFINISHED_SECONDS = 10.0
"""That a file may hold no key while it is written in place: `command > file` empties it before the command has run."""


class BeingWritten(OSError):
    """Files of a folder that hold no key now and did before; their clients keep those. Not so in a mounted Secret."""


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
        self._unfinished: dict[str, float] = {}
        """Clients whose files held a key and hold none, with the time (monotonic, s) at which that was seen first."""
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
        """Takes in what the folder says now.

        Raises:
            OSError: it cannot be read.
            BeingWritten: not all of it is taken in yet.
        """
        found = read(self._path)
        held = self._held(found)
        keys, self._unread = found.keeping(self._keys, held), None
        if keys != self._keys or not held:
            self._keys = keys
            self.gate.change(keys)
            self._tell()
        if keys.digests:
            self.usable.set()
        if held:
            raise BeingWritten(
                f"{' and '.join(sorted(held))} held a key and holds none; the key from before counts for up to "
                f"{UNFINISHED_SECONDS:.0f} s, in case that the file is being written. To take a key back at once delete the file"
            )

    def _held(self, found: Keys) -> set[str]:
        """Clients whose files are perhaps being written."""
        if folder.versioned(self._path):
            return set()
        broken = {client for client, _ in found.problems if (self._path / client).is_file()} & self._keys.clients
        now = time.monotonic()
        self._unfinished = {client: self._unfinished.get(client, now) for client in broken}
        return {client for client, since in self._unfinished.items() if now - since < UNFINISHED_SECONDS}

    def _tell(self) -> None:
        clients = sorted(self._keys.clients)
        logger.info("API keys of %d clients: %s", len(clients), ", ".join(clients) or "nobody is let in")
        for client, problem in self._keys.problems:
            if client not in clients:
                logger.warning("the entry %s of the API keys is left out: it %s", client, problem)
