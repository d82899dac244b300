"""What a request goes through before the routes, outermost first: traces, observers, origins, the gate (or, without
keys, what browsers say of a page), the lean way.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp

from gpux_predictor.access.opened import Access
from gpux_predictor.http.cors import cors
from gpux_predictor.http.cross_origin import SameOrigin
from gpux_predictor.http.guarded import Guarded
from gpux_predictor.http.lean import Lean
from gpux_predictor.http.observers import Observed, Observer
from gpux_predictor.http.tracing import Traced
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tracing import Tracer


def stack(
    app: ASGIApp,
    service: ModelService,
    access: Access,
    observers: Sequence[Observer] = (),
    tracer: Tracer | None = None,
) -> ASGIApp:
    """The app with all before it that was asked for.

    Args:
        app: the routes, KServe's behind them.
        service: the model.
        access: who is let in.
        observers: hear of each request after it.
        tracer: makes a span of each request.
    """
    found: ASGIApp = Lean(app, service)
    if (keys := access.keys) is not None:
        found = Guarded(found, keys.gate, service.name, described=keys.described)
    elif "*" not in access.origins:
        found = SameOrigin(found, access.origins)
    if access.origins:
        found = cors(found, access.origins)
    if observers:
        found = Observed(found, observers)
    return found if tracer is None else Traced(found, tracer)
