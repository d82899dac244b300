"""What a request to the API server can end in.

ApiError
├── NotFound           the object (or its namespace) does not exist
├── KindMissing        the API server does not know the kind: its CRD is not installed
├── Conflict           it exists already, or is another one than expected
├── Forbidden          RBAC refuses
├── QuotaExceeded      a ResourceQuota refuses
├── Rejected           the object is refused: schema, CEL, an admission policy or webhook
├── NamespaceEnding    the namespace is being deleted: nothing can be created in it any more
└── Transient          nobody is to blame: timeouts, 5xx, lost connections
    ├── TooManyRequests  429; retry_after says when to come back
    └── NotLeading     another replica may lead: the write was not sent
"""

import json
import re
from typing import Any

_OF_RBAC = re.compile(r'\S+ (".*?" )?is forbidden: User ".*" cannot \w+ resource ')
"""How an authorizer's refusal begins (k8s.io/apiserver, responsewriters/errors.go); names in it, and its reason, may be any words."""

_UNMAPPED = "cannot find RESTMapping for APIVersion"
"""OwnerReferencesPermissionEnforcement, up to 30 s after a CRD was installed (plugin/pkg/admission/gc): it lists kinds that seldom."""


class ApiError(Exception):
    """A request failed; the message is the API server's."""


class NotFound(ApiError):
    """The object does not exist."""


class KindMissing(ApiError):
    """The kind does not exist."""


class Conflict(ApiError):
    """The object exists already, or changed meanwhile."""


class Forbidden(ApiError):
    """The operator has no permission for it."""


class QuotaExceeded(ApiError):
    """A quota of the namespace is used up."""


class Rejected(ApiError):
    """The API server or an admission webhook does not accept the object."""


class NamespaceEnding(ApiError):
    """The namespace is being deleted."""


class Transient(ApiError):
    """It may work the next time."""


class TooManyRequests(Transient):
    """The API server asks for a pause."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotLeading(Transient):
    """This replica does not lead, or not surely any more: nothing was sent."""


def from_response(code: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error of a response whose code is not 2xx. Every answer that isn't understood is Transient."""
    status = _status(body)
    message = str(status.get("message") or body[:500].decode(errors="replace") or f"HTTP {code}")
    if code == 404:
        named = (status.get("details") or {}).get("name")
        return NotFound(message) if named else KindMissing(message)
    if code == 409:
        return Conflict(message)
    if code == 429:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else 1.0
        return TooManyRequests(message, seconds)
    if code == 403:
        return _forbidden(message, status)
    if code in {400, 413, 422} or _is_schema_error(message):
        return Rejected(message)
    return Transient(f"HTTP {code}: {message}")


def _forbidden(message: str, status: dict[str, Any]) -> ApiError:
    """403 is RBAC's, but also the quota's, a webhook's or policy's, and that of a namespace that ends."""
    if _OF_RBAC.match(message):
        return Forbidden(message)
    causes = {cause.get("reason") for cause in (status.get("details") or {}).get("causes") or ()}
    if "NamespaceTerminating" in causes or "because it is being terminated" in message:
        return NamespaceEnding(message)
    if "exceeded quota" in message:
        return QuotaExceeded(message)
    if _UNMAPPED in message:
        return Transient(message)
    return Rejected(message) if "denied" in message or "admission" in message else Forbidden(message)


def _is_schema_error(message: str) -> bool:
    """Server-side apply of a field that the schema doesn't have is a 500 in some releases."""
    return "field not declared in schema" in message


def _status(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
