"""The predictor's pod, as the inline PodSpec of an InferenceService's predictor."""

from collections.abc import Mapping, Sequence
from typing import Any

from gpux_api.projection import resource_name
from gpux_api.v1alpha1 import GRPC_PORT, GpuxModel
from gpux_operator.build import access, batch_volumes, disruption, gpu_nodes, tasks
from gpux_operator.build.batch_volumes import MODEL_DIRECTORY
from gpux_operator.build.config_map import FILE_NAME
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.resources import container_resources

CONFIG_DIRECTORY = "/etc/gpux"
PRE_STOP_SECONDS = 5
"""Endpoints need a moment to forget a pod that ends; KServe's server closes its listener at once on SIGTERM."""
DRAIN_SECONDS = 10
CONTAINER_SECURITY: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}
POD_SECURITY: Manifest = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_MAP = "matchLabels"
_OPENING_SECONDS = 300
"""For the port to open, not for the model to load: the predictor listens first and loads then, however long."""


def pod_spec(model: GpuxModel, config_map_name: str, image: str) -> Manifest:
    """All fields of the PodSpec that the operator decides; the rest is left to KServe and Kubernetes."""
    source = model.spec.model.source
    spec: Manifest = {
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + model.spec.runtime.timeout_seconds + DRAIN_SECONDS,
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY | tasks.group(model),
        "containers": [_container(model, image)],
        "volumes": [
            {"name": "gpux-config", "configMap": {"name": config_map_name}},
            {"name": "tmp", "emptyDir": {}},
            *batch_volumes.of_server(model),
            *tasks.volumes(model),
            *access.volumes(model),
        ],
        "topologySpreadConstraints": disruption.spread(model),
    }
    optional: Manifest = {
        "serviceAccountName": source.service_account_name,
        **placement(model),
    }
    return spec | {name: value for name, value in optional.items() if value}


def placement(model: GpuxModel) -> Manifest:
    """Where pods of the model may run; empty values where nothing is said."""
    serving = model.spec.serving
    return {
        "nodeSelector": serving.node_selector,
        "tolerations": _tolerations(model),
        "affinity": _without_empty(gpu_nodes.with_gpu_nodes(serving.affinity or {}, model)),
        "runtimeClassName": gpu_nodes.runtime_class(model),
    }


def _container(model: GpuxModel, image: str) -> Manifest:
    port = model.spec.serving.port
    asked = {"port": port, **access.probe_scheme(model)}
    live = {"httpGet": {"path": "/v2/health/live", **asked}, "timeoutSeconds": 5}  # 200 while the model loads
    return {
        "name": "kserve-container",
        "image": image,
        "args": [
            "serve",
            f"{CONFIG_DIRECTORY}/{FILE_NAME}",
            *([] if _in_the_image(model) else ["--model-dir", MODEL_DIRECTORY]),
            "--host",
            "0.0.0.0",  # noqa: S104
            "--port",
            str(port),
            *batch_volumes.server_arguments(model),
            *access.arguments(model),
        ],
        "env": _environment(model),
        "ports": _ports(model),
        "resources": container_resources(model),
        "startupProbe": {**live, "periodSeconds": 1, "failureThreshold": _OPENING_SECONDS},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {
            "httpGet": {"path": "/health", **asked},
            "timeoutSeconds": 3,
            "periodSeconds": 2,
            "failureThreshold": 5,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(PRE_STOP_SECONDS)]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",  # a crash's last lines are in the pod's status
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "gpux-config", "mountPath": CONFIG_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *batch_volumes.server_mounts(model),
            *tasks.mounts(model),
            *access.mounts(model),
        ],
    }


def _ports(model: GpuxModel) -> list[Manifest]:
    """HTTP first: KServe's Service sends its port 80 to the first one, and gives each further one a port of its own number.

    A name says what is spoken: KServe gives it to the Service's port, where meshes read it, and a PodMonitor selects by it. One with
    `grpc` or `h2c` in it makes KServe say `appProtocol: kubernetes.io/h2c`, HTTP/2 in cleartext (createDefaultSvc of
    pkg/controller/v1beta1/inferenceservice/reconcilers/service/service_reconciler.go, 0.15 to 0.20), so that TLS needs another.
    Istio takes what begins with `tls` as it is, and looks no further.
    """
    names = ("https", "tls-rpc") if access.has_tls(model) else ("http1", "h2c")
    ports = {names[0]: model.spec.serving.port}
    if "grpc" in model.spec.serving.open_protocols:
        ports[names[1]] = GRPC_PORT
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]


def _environment(model: GpuxModel) -> list[Manifest]:
    """STORAGE_URI makes KServe bring the model."""
    brought = {} if _in_the_image(model) else {"STORAGE_URI": model.spec.model.source.uri}
    return environment(model, [*named({**brought, "ORT_DISABLE_TELEMETRY": "1"}), *tasks.environment(model)])


def _in_the_image(model: GpuxModel) -> bool:
    """Whether spec.serving.image holds the model: the predictor then finds it by its uri. `checks` refuses other files."""
    return model.spec.model.source.uri.startswith("file://")


def named(values: Mapping[str, str]) -> list[Manifest]:
    """Variables by name."""
    return [{"name": name, "value": value} for name, value in values.items()]


def environment(model: GpuxModel, ours: Sequence[Manifest]) -> list[Manifest]:
    """Our defaults, and the user's variables, which win over them: names must be unique."""
    theirs = [
        _without_empty(variable.model_dump(mode="json", by_alias=True, exclude_none=True))
        for variable in model.spec.serving.env or ()
    ]
    taken = {variable["name"] for variable in theirs}
    return [variable for variable in ours if variable["name"] not in taken] + theirs


def _tolerations(model: GpuxModel) -> list[Manifest]:
    """The user's, and the taint that keeps other pods off GPU nodes (named like the resource; one name for all of NVIDIA's)."""
    found = [
        item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in model.spec.serving.tolerations or ()
    ]
    resource = resource_name(model)
    if resource is not None:
        key = "nvidia.com/gpu" if resource.startswith("nvidia.com/") else resource
        found.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return [_without_empty(item) for index, item in enumerate(found) if item not in found[:index]]


def _without_empty(value: Any) -> Any:  # noqa: ANN401  (free-form: core/v1 Affinity)
    """Without nulls, empty strings, lists and maps: Go's `omitempty` drops such fields of a struct in KServe's webhook.

    It never drops an entry of a map: `matchLabels: {a: ""}` selects by the empty value, `{}` would select every pod.
    matchLabels is the only map below an Affinity; an empty struct there (`labelSelector: {}`) is a pointer, and stays.
    """
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item not in (None, "", []) and (key, item) != (_MAP, {})}
        return {key: item if key == _MAP else _without_empty(item) for key, item in kept.items()}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
