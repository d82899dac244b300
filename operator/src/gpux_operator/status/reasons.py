"""The reasons of conditions and events: one word each, for machines; the documentation lists the same words."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a condition is what it is. `doc` says what it means and what to do."""

    doc: str

    def __new__(cls, value: str, doc: str) -> "Reason":
        """A member from its word and its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    # Accepted
    VALID = "Valid", "The spec is valid, and the objects that it needs were accepted by the cluster."
    FIELDS_IGNORED = (
        "FieldsIgnored",
        "The CRD is newer than the operator, which leaves out the fields that it does not know. Upgrade the operator.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "The stored object does not fit this operator's schema. Correct the manifest, or upgrade an operator older than the CRD.",
    )
    NAME_TOO_LONG = (
        "NameTooLong",
        "Name and namespace together are too long for the host name that KServe makes of them. Choose a shorter name.",
    )
    FILE_SOURCE_IN_CLUSTER = (
        "FileSourceInCluster",
        "The source is a file:// of one machine. Put the model where a pod can fetch it, or into the image that serving.image names.",
    )
    CLAIM_PATH_IS_FILE = (
        "ClaimPathIsFile",
        "A pvc:// source names a file; KServe mounts folders. Put the file's name into source.path.",
    )
    CLAIM_TWICE_IN_POD = (
        "ClaimTwiceInPod",
        "The model, its tasks and its batch results share a claim, which a pod cannot mount twice. Use another claim.",
    )
    BACKEND_NOT_IN_CLUSTER = "BackendNotInCluster", "The backend exists on laptops only. Choose one for Linux nodes."
    NO_GPU_REQUESTED = "NoGpuRequested", "The backend needs a GPU and the count is 0."
    INVALID_RESOURCES = (
        "InvalidResources",
        "Requests or limits that no pod can have, or GPUs asked for outside runtime.gpu.",
    )
    SPEC_TOO_LARGE = (
        "SpecTooLarge",
        "What the predictor reads of the spec does not fit into a ConfigMap. Make samples or labels smaller.",
    )
    NAME_CONFLICT = (
        "NameConflict",
        "An object of the name that this model needs belongs to somebody else. It is never taken over.",
    )
    REJECTED = (
        "Rejected",
        "The API server or an admission webhook refused an object made from this spec. The message says why.",
    )

    # Ready and Available: what stands in the way, worst first
    KSERVE_NOT_INSTALLED = (
        "KServeNotInstalled",
        "The cluster has no InferenceService resource. Install KServe; nothing else is to be done.",
    )
    KNATIVE_NOT_INSTALLED = (
        "KnativeNotInstalled",
        "serving.mode is Knative, and the cluster has no Knative Serving. Install it, or make the model anew in Standard mode.",
    )
    AUTOSCALER_MISSING = (
        "AutoscalerMissing",
        "A target of queue or concurrency needs KEDA, and a Prometheus that the operator knows. The message says which is missing.",
    )
    KSERVE_TOO_OLD = (
        "KServeTooOld",
        "KServe does not know what a model needs. The message says from which release on it does.",
    )
    OPERATOR_FORBIDDEN = (
        "OperatorForbidden",
        "The operator's ServiceAccount lacks a permission. Upgrade the chart, or fix its RBAC.",
    )
    QUOTA_EXCEEDED = "QuotaExceeded", "A ResourceQuota of the namespace leaves no room. Raise it, or ask for less."
    PODS_REFUSED = (
        "PodsRefused",
        "The cluster refuses to create the pods, for instance by a security policy or a missing ServiceAccount.",
    )
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "An image cannot be pulled. Check its name and the pull secrets of the pods' ServiceAccount.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        "No node has room for a pod: the scheduler's message says what is missing, such as a GPU.",
    )
    CONTAINER_CONFIG_ERROR = (
        "ContainerConfigError",
        "A container cannot be created: a Secret or ConfigMap does not exist, or its image would run as root.",
    )
    POD_START_FAILED = (
        "PodStartFailed",
        "A node cannot start a pod: a volume or the network is in the way. The message has the node's words.",
    )
    STORAGE_INITIALIZER_FAILED = (
        "StorageInitializerFailed",
        "KServe's storage initializer could not fetch the model. Check the URI and credentials.",
    )
    OOM_KILLED = "OOMKilled", "The predictor used more memory than its limit. Raise serving.resources.limits.memory."
    CRASH_LOOP_BACK_OFF = (
        "CrashLoopBackOff",
        "The predictor ends again and again. The message has its exit code and last words.",
    )
    MODEL_FILE_NOT_FOUND = (
        "ModelFileNotFound",
        "The source was fetched and has no such ONNX file. Check source.uri and source.path; the message lists what is there.",
    )
    SOURCE_UNSUPPORTED = (
        "SourceUnsupported",
        "The predictor's image cannot read such a source. The message says what helps.",
    )
    DOWNLOAD_FAILED = (
        "DownloadFailed",
        "The predictor could not fetch the model. Check the URI, the network and the credentials; the message has the answer.",
    )
    CHECKSUM_MISMATCH = (
        "ChecksumMismatch",
        "The file is not the one of source.sha256. The message has both digests: correct the one that is wrong.",
    )
    INVALID_MODEL = "InvalidModel", "ONNX Runtime cannot load the file. Check it with onnx.checker, and its opset."
    UNSUPPORTED_TENSOR_TYPE = (
        "UnsupportedTensorType",
        "An input of the graph is no dense tensor of a type that is served.",
    )
    SCHEMA_MISMATCH = (
        "SchemaMismatch",
        "spec.inputs, spec.outputs or spec.postprocessing disagree with the graph. The message names each tensor.",
    )
    INVALID_PREPROCESSING = (
        "InvalidPreprocessing",
        "spec.preprocessing does not go with the graph, or the tokenizer's file is none. The message says what to write.",
    )
    SAMPLE_FAILED = (
        "SampleFailed",
        "The answer to a sample of spec.samples is another one. The message has what was expected and what came.",
    )
    PROVIDER_UNAVAILABLE = (
        "ProviderUnavailable",
        "The model would not run on what runtime.gpu.backend asks for, such as a GPU. The message says why.",
    )
    DEVICE_FAILED = (
        "DeviceFailed",
        "The GPU or its libraries broke while the model served. The pod is restarted; if it stays, look at the node's GPU.",
    )
    INVALID_TASK_STORE = (
        "InvalidTaskStore",
        "The Secret of async.redisUrlSecretRef holds no URL of a Redis. The message says what to write.",
    )
    INVALID_WEBHOOK_SECRET = (
        "InvalidWebhookSecret",
        "The Secret of async.callbacks.secretRef holds no signing secret. The message says what to write.",
    )
    INVALID_API_KEYS = (
        "InvalidApiKeys",
        "The Secret of access.apiKeys.secretRef holds no API key. Add one; the pods see it within a minute.",
    )
    INTERNAL_ERROR = "InternalError", "A bug of the predictor: its log has the traceback. Please report it."
    POD_FAILED = "PodFailed", "A pod was stopped by the node, for instance evicted for want of memory or disk."
    REVISION_FAILED = (
        "RevisionFailed",
        "Knative cannot make or start a revision of the model, and no pod says why. The message has Knative's words.",
    )
    INFERENCE_SERVICE_FAILED = (
        "InferenceServiceFailed",
        "KServe reports a failure of the InferenceService, in the message.",
    )
    STILL_EXPOSED = (
        "StillExposed",
        "The model is ClusterLocal, and an Ingress or HTTPRoute from when it was Public is still being deleted.",
    )
    STOPPED = (
        "Stopped",
        "Somebody stopped the InferenceService by hand; it has no pods. Remove its annotation serving.kserve.io/stop.",
    )
    SUSPENDED = "Suspended", "spec.suspend is true, so no pod runs. Set it to false to serve again."
    MODEL_DOWNLOADING = "ModelDownloading", "KServe's storage initializer is fetching the model."
    MODEL_LOADING = (
        "ModelLoading",
        "The predictor loads the model, runs trials or checks its samples; the message has how far it is.",
    )
    PODS_NOT_READY = (
        "PodsNotReady",
        "The pods start or run, and do not say yet that they are ready; where no predictor can be asked, the message says how to.",
    )
    DRAINED = (
        "Drained",
        "A pod was evicted from its node, by a drain for instance, and its replacement does not serve yet.",
    )
    ROLLOUT_IN_PROGRESS = "RolloutInProgress", "The newest generation is on its way; the message counts the replicas."
    INGRESS_NOT_READY = "IngressNotReady", "The pods serve, and KServe reports that the ingress does not."
    WAITING_FOR_KSERVE = (
        "WaitingForKServe",
        "KServe has not said anything yet. If it stays, check that its controller runs.",
    )
    WAITING_FOR_DELETION = "WaitingForDeletion", "An older object of the same name is still being deleted."
    CONTESTED = (
        "Contested",
        "Somebody changes an object of this model again and again. The message says who; the operator sets it back, at most once a minute.",
    )
    REQUEST_FAILED = "RequestFailed", "Requests to the API server fail repeatedly. The operator keeps trying."

    # BatchSucceeded
    BATCH_RUN_FAILED = (
        "BatchRunFailed",
        "The last run of batch.schedule has no result; the one before is still served. The message has the run's last words.",
    )

    # what is well
    SERVING = "Serving", "At least one replica answers requests."
    NEWEST_SERVES = "NewestGenerationServes", "All replicas run the newest generation and are ready."
    CANARY_IN_PROGRESS = (
        "CanaryInProgress",
        "The newest generation takes the share of the requests that spec.rollout.canary gives it, an older one the rest.",
    )
    SCALED_TO_ZERO = (
        "ScaledToZero",
        "The newest generation has served, and no replica runs while nobody asks. The next request starts one.",
    )
    BATCH_RUN_SUCCEEDED = "BatchRunSucceeded", "The newest run of batch.schedule, or a later one by hand, has a result."
    NO_BATCH_RUN_YET = "NoBatchRunYet", "No run of batch.schedule has ended yet."
    MODEL_READY = "ModelReady", "A replica of the newest generation loaded the model and is ready."


OF_THE_SPEC = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.NAME_TOO_LONG,
        Reason.FILE_SOURCE_IN_CLUSTER,
        Reason.CLAIM_PATH_IS_FILE,
        Reason.CLAIM_TWICE_IN_POD,
        Reason.BACKEND_NOT_IN_CLUSTER,
        Reason.NO_GPU_REQUESTED,
        Reason.INVALID_RESOURCES,
        Reason.SPEC_TOO_LARGE,
        Reason.NAME_CONFLICT,
        Reason.REJECTED,
    }
)
"""The user's to repair by another spec or name: Accepted is False. For any other reason the spec itself is fine."""

OF_THE_PREDICTOR = frozenset(
    {
        Reason.MODEL_FILE_NOT_FOUND,
        Reason.SOURCE_UNSUPPORTED,
        Reason.DOWNLOAD_FAILED,
        Reason.CHECKSUM_MISMATCH,
        Reason.INVALID_MODEL,
        Reason.UNSUPPORTED_TENSOR_TYPE,
        Reason.SCHEMA_MISMATCH,
        Reason.INVALID_PREPROCESSING,
        Reason.SAMPLE_FAILED,
        Reason.PROVIDER_UNAVAILABLE,
        Reason.DEVICE_FAILED,
        Reason.INVALID_TASK_STORE,
        Reason.INVALID_WEBHOOK_SECRET,
        Reason.INVALID_API_KEYS,
        Reason.INTERNAL_ERROR,
    }
)
"""The predictor's own words for why it cannot serve: `reason` of its /health."""

PROGRESS = frozenset(
    {
        Reason.MODEL_DOWNLOADING,
        Reason.MODEL_LOADING,
        Reason.DRAINED,
        Reason.PODS_NOT_READY,
        Reason.ROLLOUT_IN_PROGRESS,
        Reason.WAITING_FOR_KSERVE,
        Reason.WAITING_FOR_DELETION,
        Reason.STOPPED,
        Reason.SUSPENDED,
    }
)
"""Not ready, and nothing to worry about: events of these are Normal."""
