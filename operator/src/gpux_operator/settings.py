"""What the operator can be told. Each field is an option of `gpux-operator run` and an environment variable GPUX_…."""

from dataclasses import dataclass

from gpux_operator.build.inference_service import Images

DEFAULT_IMAGE = "gpux/predictor:0.1.0"


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Args:
        images: the predictor's images where a model names none.
        namespaces: where models are looked for; empty: everywhere.
        kubeconfig: the file to log in with; None: the pod's ServiceAccount, else the user's own.
        workers: passes at the same time.
        resync_seconds: how often every model is looked at without an event.
        metrics_port: of /metrics.
        health_port: of /healthz and /readyz.
        prometheus: address of the Prometheus that scrapes the models, which KEDA asks; None: no model scales by queue or concurrency.
        instance: this replica's name, in events and in the lease.
        lease: namespace and name of the Lease whose holder alone acts; None: this process is the only one.
    """

    images: Images
    namespaces: tuple[str, ...] = ()
    kubeconfig: str | None = None
    workers: int = 16
    resync_seconds: float = 600.0
    metrics_port: int = 9090
    health_port: int = 8081
    prometheus: str | None = None
    instance: str = "gpux-operator"
    lease: tuple[str, str] | None = None
