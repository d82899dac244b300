"""The CronJob of `spec.batch.schedule`: runs of `gpux-predictor batch`, never two at once.

KServe brings models to the pods of InferenceServices only. So a run mounts a claim by itself, and fetches from anywhere else by the
predictor's own download, with the credentials in its environment.
"""

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build import batch_volumes
from gpux_operator.build.config_map import FILE_NAME
from gpux_operator.build.inference_service import Images
from gpux_operator.build.metadata import Manifest, child_metadata
from gpux_operator.build.pod import (
    CONFIG_DIRECTORY,
    CONTAINER_SECURITY,
    POD_SECURITY,
    environment,
    named,
    placement,
)
from gpux_operator.build.resources import container_resources

COMPONENT = "app.kubernetes.io/component"
_GROUP = 65532
"""The image's user; a new volume is root's, and becomes writable through it."""


def cron_job(model: GpuxModel, namespace: str, config_map_name: str, images: Images) -> Manifest | None:
    """The CronJob, of the model's name; None if nothing is scheduled."""
    batch = model.spec.batch
    if batch is None or batch.schedule is None:
        return None
    metadata = child_metadata(model, model.metadata.name, namespace)
    labels = {**metadata["labels"], COMPONENT: "batch"}
    job: Manifest = {
        "activeDeadlineSeconds": batch.active_deadline_seconds,
        "backoffLimit": 2,  # a run that was cut off goes on where it was
        "template": {"metadata": {"labels": labels}, "spec": _pod(model, config_map_name, images.of(model))},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "schedule": batch.schedule,
            "timeZone": batch.time_zone,
            "suspend": batch.suspend,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": job},
        },
    }


def _pod(model: GpuxModel, config_map_name: str, image: str) -> Manifest:
    run = batch_volumes.of_run(model)
    container = {
        "name": "batch",
        "image": image,
        "args": ["batch", f"{CONFIG_DIRECTORY}/{FILE_NAME}", *_options(model, run)],
        "env": environment(model, named({"ORT_DISABLE_TELEMETRY": "1"})),
        "resources": container_resources(model, model.spec.batch.resources if model.spec.batch else None),
        "terminationMessagePolicy": "FallbackToLogsOnError",  # a failed run's last lines are in its pod's status
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "gpux-config", "mountPath": CONFIG_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *run.mounts,
        ],
    }
    pod: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {**POD_SECURITY, "fsGroup": _GROUP, "fsGroupChangePolicy": "OnRootMismatch"},
        "containers": [container],
        "volumes": [
            {"name": "gpux-config", "configMap": {"name": config_map_name}},
            {"name": "tmp", "emptyDir": {}},
            *run.volumes,
        ],
    }
    optional = {"serviceAccountName": model.spec.model.source.service_account_name, **placement(model)}
    return pod | {name: value for name, value in optional.items() if value}


def _options(model: GpuxModel, run: batch_volumes.Run) -> list[str]:
    """What the manifest of the servers does not say: a change of it must roll no pod of theirs."""
    batch = model.spec.batch
    assert batch is not None  # noqa: S101
    assert batch.entities is not None  # noqa: S101
    options = {
        "--model-dir": run.model,
        "--entities": run.table,
        "--output": batch_volumes.results_path(model),
        "--key-column": batch.entities.key_column,
        "--date-column": batch.entities.date_column,
        "--time-zone": batch.time_zone,
        "--keep": str(batch.output.keep),
    }
    return [part for name, value in options.items() if value is not None for part in (name, value)]
