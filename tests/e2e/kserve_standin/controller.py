"""The level-triggered loop: whatever changes, the InferenceService behind it is looked at afresh."""

import contextlib
import copy
import queue
import sys
import threading
import time

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

from . import children, exposure, status
from .children import Object, ReconcileError
from .kube import Kube
from .settings import API_VERSION, FINALIZER, ISVC_LABEL, KIND, MODE, NEW_NAMES, STOP, Settings

Key = tuple[str, str]
DEPLOYMENT = ("apps/v1", "Deployment")
INGRESS = ("networking.k8s.io/v1", "Ingress")
AUTOSCALER = ("autoscaling/v2", "HorizontalPodAutoscaler")
SERVICE = ("v1", "Service")
OWNED = (DEPLOYMENT, SERVICE, AUTOSCALER, ("v1", "Pod"))
RESYNC_SECONDS = 15.0
RETRY_SECONDS = 1.0
FAILURES = (ApiException, DynamicApiError, HTTPError, OSError)


class Controller:
    """Watches in threads of their own; reconciles one InferenceService at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kube = Kube()
        self._changed: queue.SimpleQueue[Key] = queue.SimpleQueue()

    def run(self) -> None:
        """Work for ever."""
        for api_version, kind in ((API_VERSION, KIND), *OWNED):
            threading.Thread(target=self._watch, args=(api_version, kind), daemon=True).start()
        threading.Thread(target=self._resync, daemon=True).start()
        while True:
            for key in self._take():
                self._guarded(key)

    def _take(self) -> set[Key]:
        keys = {self._changed.get()}
        with contextlib.suppress(queue.Empty):
            while True:
                keys.add(self._changed.get_nowait())
        return keys

    def _watch(self, api_version: str, kind: str) -> None:
        kube = Kube()
        while True:
            try:
                for item in kube.watch(api_version, kind, "" if kind == KIND else ISVC_LABEL):
                    own = item["metadata"]
                    name = own["name"] if kind == KIND else own["labels"][ISVC_LABEL]
                    self._changed.put((own["namespace"], name))
            except (*FAILURES, ResourceNotFoundError, KeyError):  # the CRD or the server is away: later again
                time.sleep(RETRY_SECONDS)

    def _resync(self) -> None:
        kube = Kube()
        while True:
            with contextlib.suppress(*FAILURES, ResourceNotFoundError):
                for isvc in kube.select(API_VERSION, KIND):
                    self._changed.put((isvc["metadata"]["namespace"], isvc["metadata"]["name"]))
            time.sleep(RESYNC_SECONDS)

    def _guarded(self, key: Key) -> None:
        try:
            if isvc := self._kube.find(API_VERSION, KIND, *key):
                self._reconcile(isvc)
        except (*FAILURES, ResourceNotFoundError) as error:
            print(
                f"kserve_standin: {'/'.join(key)}: {str(error)[:300]!r}; again in a moment", file=sys.stderr, flush=True
            )
            threading.Timer(RETRY_SECONDS, self._changed.put, args=(key,)).start()

    def _reconcile(self, isvc: Object) -> None:
        if "deletionTimestamp" in isvc["metadata"]:
            self._let_go(isvc)
            return
        finalizers = isvc["metadata"].get("finalizers", [])
        if FINALIZER not in finalizers:
            isvc = self._kube.set_finalizers(isvc, [*finalizers, FINALIZER])
        # the mode of the first status stays, whatever the annotation says later
        annotations, old = isvc["metadata"].get("annotations", {}), isvc.get("status", {})
        mode = old.get("deploymentMode") or annotations.get(MODE, "Knative")
        mode = NEW_NAMES.get(mode, mode)
        new = status.initial(old, mode)
        if mode != "Standard":
            self._reject(isvc, new)
        elif annotations.get(STOP) == "true":
            self._stop(isvc)
            self._publish(isvc, status.stopped(new))
        elif "containers" not in isvc["spec"]["predictor"]:
            self._publish(isvc, _without_runtime(new))
        else:
            self._serve(isvc, new)

    def _let_go(self, isvc: Object) -> None:
        finalizers = isvc["metadata"].get("finalizers", [])
        if FINALIZER in finalizers:
            self._kube.set_finalizers(isvc, [item for item in finalizers if item != FINALIZER])

    def _reject(self, isvc: Object, new: Object) -> None:
        if isvc.get("status") != new:
            message = "It is not possible to use Knative deployment mode when Knative Services are not available"
            self._kube.event(isvc, "Warning", "ServerlessModeRejected", message)
        self._publish(isvc, new)

    def _stop(self, isvc: Object) -> None:
        namespace, name = isvc["metadata"]["namespace"], children.predictor_name(isvc)
        for kind in (DEPLOYMENT, SERVICE, AUTOSCALER):
            self._kube.delete(*kind, namespace, name)
        self._kube.delete(*INGRESS, namespace, isvc["metadata"]["name"])

    def _serve(self, isvc: Object, new: Object) -> None:
        namespace, name = isvc["metadata"]["namespace"], children.predictor_name(isvc)
        try:
            children.hosts(isvc, self._settings)
            desired = children.deployment(isvc)
        except ReconcileError as error:
            self._kube.event(isvc, "Warning", "InternalError", str(error))
            status.set_condition(new, "PredictorReady", "False", "ReconcileFailed", str(error))
            self._publish(isvc, new)
            return
        self._kube.apply(exposure.service(isvc))
        deployment = self._kube.apply(desired)
        if children.autoscaler(isvc) == "hpa":
            self._kube.apply(exposure.horizontal_pod_autoscaler(isvc))
        else:
            self._kube.delete(*AUTOSCALER, namespace, name)
        status.follow_deployment(new, deployment, isvc, self._settings)
        status.follow_pods(new, self._kube.select("v1", "Pod", namespace, f"app={children.app_label(isvc)}"))
        status.set_condition(new, "Stopped", "False")
        self._route(isvc, new)
        self._publish(isvc, new)

    def _route(self, isvc: Object, new: Object) -> None:
        if not exposure.is_internal(isvc):
            if not status.is_true(new, "PredictorReady"):
                status.set_condition(new, "IngressReady", "False", "Predictor ingress not created")
                return
            self._kube.apply(exposure.ingress(isvc, self._settings))
        status.follow_ingress(new, isvc, self._settings)

    def _publish(self, isvc: Object, new: Object) -> None:
        """Write the status if it differs, and say so in an event when readiness came or went."""
        old = isvc.get("status", {})
        if new == old:
            return
        changed = copy.deepcopy(isvc) | {"status": new}
        self._kube.replace_status(changed)
        name = isvc["metadata"]["name"]
        was, now = (status.condition(item, "Ready").get("status") for item in (old, new))
        if was != "True" and now == "True":
            self._kube.event(isvc, "Normal", "InferenceServiceReady", f"InferenceService [{name}] is Ready")
        elif was == "True" and now == "False":
            causes = [
                item["type"] for item in new["conditions"] if item["status"] == "False" and "severity" not in item
            ]
            message = f"InferenceService [{name}] is no longer Ready because of: {', '.join(causes)}"
            self._kube.event(isvc, "Warning", "InferenceServiceNotReady", message)


def _without_runtime(new: Object) -> Object:
    """The status of a `predictor.model` where no ServingRuntime is installed, as here."""
    message = "No runtime found to support specified framework/version"
    new["modelStatus"] = {
        "transitionStatus": "InvalidSpec",
        "states": {"targetModelState": "FailedToLoad"},
        "lastFailureInfo": {"reason": "NoSupportingRuntime", "message": message},
    }
    return new
