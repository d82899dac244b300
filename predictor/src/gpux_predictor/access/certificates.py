"""The certificate of a server: `tls.crt` and `tls.key` of a folder, as a Secret of type kubernetes.io/tls is mounted."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from gpux_predictor.access.folder import fingerprint, newest, watch

CERTIFICATE, KEY = "tls.crt", "tls.key"


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain, and its key, as PEM."""

    certificate: bytes
    key: bytes


class Certificate:
    """The certificate that new connections get.

    A context keeps one certificate of each kind of key, so that after a renewal from RSA to ECDSA, or back, it would show the old one:
    each version has a context of its own, and `context` hands every handshake on to the newest.

    Args:
        folder: with the two files.

    Raises:
        OSError: one of them cannot be read, or is none, or the two do not belong together (ssl.SSLError).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = fingerprint(folder)
        self._newest = _context()
        self.context = _context()
        self.context.sni_callback = self._hand_on  # called for clients that name no host, too
        self.pair = Pair(b"", b"")
        self.reload()

    def reload(self) -> None:
        """Takes the files as they are now.

        Raises:
            OSError: they cannot be used; the certificate from before is still there.
        """
        folder = newest(self._folder)  # the two of one version
        files = folder / CERTIFICATE, folder / KEY
        pair = Pair(files[0].read_bytes(), files[1].read_bytes())
        context = _context()
        context.load_cert_chain(*files, password=_no_password)
        self._newest, self.pair = context, pair

    async def watch(self) -> None:
        """Takes changes in until it is cancelled."""
        await watch(self._folder, self._seen, self.reload)

    def _hand_on(self, connection: ssl.SSLObject, _host: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._newest


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """Instead of OpenSSL's prompt on a terminal."""
    raise ssl.SSLError("the key is encrypted: write it without a passphrase")
