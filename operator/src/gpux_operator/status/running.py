"""The predictor's container in a pod: where it answers, since when it runs, what it may use."""

from gpux_operator.build.metadata import Manifest

CONTAINER = "kserve-container"


def address(pod: Manifest) -> str | None:
    """`http://host:port` of the predictor, or `https://`, as its probes ask it; None before it has an address, or if it is none of ours."""
    host = (pod.get("status") or {}).get("podIP")
    container = spec_of(pod, CONTAINER)
    ports = container.get("ports") or ()
    if not host or not ports:
        return None
    probe = (container.get("readinessProbe") or {}).get("httpGet") or {}
    scheme = "https" if probe.get("scheme") == "HTTPS" else "http"
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{ports[0]['containerPort']}"


def running_since(pod: Manifest) -> str | None:
    """When the predictor's container started (RFC 3339), None while it doesn't run."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    states = (item.get("state") or {} for item in statuses if item.get("name") == CONTAINER)
    running = next((state["running"] for state in states if "running" in state), None)
    return None if running is None else str(running.get("startedAt", ""))


def spec_of(pod: Manifest, container: str) -> Manifest:
    """A container, or init container, as it was asked for; empty if there is none of the name."""
    spec = pod.get("spec") or {}
    found = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return next((item for item in found if item.get("name") == container), {})
