"""What the current spec asks for, as far as the status compares with it."""

from dataclasses import dataclass

from gpux_operator.build.metadata import Manifest


@dataclass(frozen=True)
class Intent:
    """What the current spec asks for, as far as the status compares with it.

    Args:
        pod_hash: of what the pods are made from.
        replicas: how many of them, or how many at least where they are autoscaled.
        public: whether the model is to be reached from outside.
        strategy: the Deployment's.
        rollout: why it is this one, if the operator chose it.
        autoscaled: whether the Deployment's replicas are an autoscaler's.
        suspended: whether there are to be no pods.
        renewed: whether the Deployment has to be made anew, since no autoscaler takes it from zero.
        tls: whether the pods speak TLS.
        keyed: whether callers need an API key.
        undescribed: whether the model is described to those only who have one, which the operator has not.
        knative: whether KServe is to make a Knative Service of it.
        canary: the newest version's share of the requests in percent, None where it is to get them all.
        unknown: paths of fields that are stored, and that this operator does not know.
    """

    pod_hash: str
    replicas: int
    public: bool
    strategy: Manifest
    rollout: str = ""
    autoscaled: bool = False
    suspended: bool = False
    renewed: bool = False
    tls: bool = False
    keyed: bool = False
    undescribed: bool = False
    knative: bool = False
    canary: int | None = None
    unknown: tuple[str, ...] = ()
