"""What a manifest says of access, with the files that it needs, kept up to date while the server runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpux_api.v1alpha1 import AccessSpec
from gpux_predictor.access.certificates import Certificate
from gpux_predictor.access.gate import Gate
from gpux_predictor.access.key_folder import KeyFolder


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
