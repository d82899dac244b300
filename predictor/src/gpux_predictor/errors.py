"""Every error that a caller or an operator of the predictor can meet.

PredictorError
├── LoadError            the model cannot be served: the reason keeps /health at 503
├── Stopped              the server was told to stop
├── ClientGone           the caller closed the connection
└── RequestError         one request cannot be answered: an HTTP status and a detail
    ├── BadRequest       400  the request is wrong: says which input and what was expected
    ├── Unauthorized     401  no key that is known (access.errors)
    ├── PayloadTooLarge  413
    ├── UnsupportedMedia 415
    ├── TooManyRequests  429  the backlog is too long: says when to come back
    │   └── RateLimited      a client asks too fast (access.errors)
    ├── InferenceFailed  500  ONNX Runtime could not run the graph on valid input
    │   └── DeviceFailed  the device or its libraries broke, whatever was sent
    ├── NotReady         503  loading, failed or stopping
    └── DeadlineExceeded 504
"""

from enum import StrEnum
from http import HTTPStatus


class LoadReason(StrEnum):
    """Why a model cannot be served; `reason` of /health, one CamelCase word."""

    MODEL_FILE_NOT_FOUND = "ModelFileNotFound"
    SOURCE_UNSUPPORTED = "SourceUnsupported"
    DOWNLOAD_FAILED = "DownloadFailed"
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    INVALID_MODEL = "InvalidModel"
    UNSUPPORTED_TENSOR_TYPE = "UnsupportedTensorType"
    SCHEMA_MISMATCH = "SchemaMismatch"
    INVALID_PREPROCESSING = "InvalidPreprocessing"
    SAMPLE_FAILED = "SampleFailed"
    PROVIDER_UNAVAILABLE = "ProviderUnavailable"
    DEVICE_FAILED = "DeviceFailed"
    INVALID_TASK_STORE = "InvalidTaskStore"
    INVALID_WEBHOOK_SECRET = "InvalidWebhookSecret"  # noqa: S105
    INVALID_API_KEYS = "InvalidApiKeys"
    INTERNAL_ERROR = "InternalError"


class PredictorError(Exception):
    """Base of all errors that we raise on purpose."""


class LoadError(PredictorError):
    """The model cannot be served.

    Args:
        reason: which kind of cause.
        message: what went wrong, where, and what to do.
    """

    def __init__(self, reason: LoadReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RequestError(PredictorError):
    """One request cannot be answered."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(RequestError):
    """The request itself is wrong."""

    status = HTTPStatus.BAD_REQUEST


class PayloadTooLarge(RequestError):
    """The body is larger than the server takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMedia(RequestError):
    """The body is of a type that the server does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooManyRequests(RequestError):
    """The backlog is too long for this request.

    Args:
        detail: what is full.
        retry_after_seconds: when to come back; the `Retry-After` header.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class InferenceFailed(RequestError):
    """The graph failed on input that looked right."""


class DeviceFailed(InferenceFailed):
    """The device or its libraries broke; no other input would do better."""


class NotReady(RequestError):
    """The model does not serve at the moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class DeadlineExceeded(RequestError):
    """The answer was not there in time; the run was told to stop."""

    status = HTTPStatus.GATEWAY_TIMEOUT


class Stopped(PredictorError):
    """The server was told to stop while the model was loading."""


class ClientGone(PredictorError):
    """Nobody is there to read the answer."""
