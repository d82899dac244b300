"""An ONNX Runtime session on the provider that was asked for.

ONNX Runtime's own fallback is off: it would go on without the provider, at the start and in the middle of serving, and print so.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from gpux_predictor.engine import errors, libraries, placement, providers
from gpux_predictor.engine.options import Device, with_options
from gpux_predictor.errors import LoadError, LoadReason

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A session.

    Attributes:
        session: the session, with ONNX Runtime's `run`.
        providers: what it runs on, best first.
        placement: for each provider the operators that it runs.
        again: opens another session like this one; raises LoadError.
    """

    session: Any
    providers: list[str]
    placement: dict[str, dict[str, int]]
    again: Callable[[], Any]


def open_session(file: Path, backend: str, device: Device) -> Opened:
    """Loads a file.

    Args:
        file: the ONNX file.
        backend: as in `runtime.gpu.backend`; for auto the CPU does where the device does not.
        device: threads, memory and cache of the providers.

    Raises:
        LoadError: InvalidModel or ProviderUnavailable.
    """
    asked = providers.wanted(backend, ort.get_available_providers())
    libraries.preload(asked[0])
    try:
        opened = _open(file, backend, asked, device)
        providers.verify(backend, asked, opened.providers, opened.placement, libraries.problem)
    except LoadError as error:
        if backend != "auto" or error.reason is not LoadReason.PROVIDER_UNAVAILABLE:
            raise
        logger.warning("the CPU serves: %s", error.message)
        return _open(file, backend, [providers.CPU], device)
    return opened


def _open(file: Path, backend: str, asked: list[str], device: Device) -> Opened:
    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.log_severity_level = 4  # errors are raised, with the same text
    try:
        session = ort.InferenceSession(
            str(file.resolve()), sess_options=options, providers=with_options(asked, device), enable_fallback=0
        )
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise _refused(file, backend, asked[0], error) from error
    return Opened(
        session,
        session.get_providers(),
        placement.placement(session),
        lambda: _open(file, backend, asked, device).session,
    )


def _refused(file: Path, backend: str, provider: str, error: Exception) -> LoadError:
    """Whether the file or the device is to blame."""
    said = errors.plain(error)
    if provider != providers.CPU and errors.is_memory(error):
        return LoadError(
            LoadReason.PROVIDER_UNAVAILABLE,
            f"{file.name} does not fit on the device: {said}: raise runtime.gpu.memory, or ask for a larger GPU",
        )
    missing = libraries.problem(provider)
    if missing or errors.is_device(error):
        return LoadError(
            LoadReason.PROVIDER_UNAVAILABLE, f"backend {backend}: {provider} could not start: {missing or said}"
        )
    return LoadError(LoadReason.INVALID_MODEL, f"{file.name} cannot be loaded: {said}")
