"""The GpuxModel resource itself: names, spec and the rules that need all of it."""

import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from gpux_api.base import ATOMIC, ApiModel, Rule
from gpux_api.v1alpha1.access import ACCESS_RULES, AccessSpec
from gpux_api.v1alpha1.batch import BATCH_RULES, BatchSpec
from gpux_api.v1alpha1.inference import RuntimeSpec
from gpux_api.v1alpha1.jobs import AsyncSpec
from gpux_api.v1alpha1.knative import KNATIVE_RULES
from gpux_api.v1alpha1.model import Inputs, ModelSpec, Outputs
from gpux_api.v1alpha1.processing import PostprocessingSpec, PreprocessingSpec, SampleSpec
from gpux_api.v1alpha1.serving import RolloutSpec, ServingSpec
from gpux_api.v1alpha1.status import GpuxModelStatus

GROUP, VERSION, KIND, PLURAL = "gpux.io", "v1alpha1", "GpuxModel", "gpuxmodels"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_NAME = 48
"""KServe's limit for an InferenceService: its children's names must fit into 63 characters."""
MAX_NAME_AND_NAMESPACE = 52
"""What fits into the host name `<name>-predictor-<namespace>` of KServe's default domain template."""
_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"


class ObjectMeta(ApiModel):
    """The part of Kubernetes' object metadata that we read; the rest is kept as it is."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(min_length=1, max_length=253)]
    namespace: str | None = None
    uid: str | None = None
    generation: int = 0
    deletion_timestamp: str | None = None


class GpuxModelSpec(ApiModel):
    """What is wanted: one ONNX model, served."""

    model: ModelSpec = Field(description="The model's files and identity.")
    inputs: Inputs | None = Field(default=None, description="The graph's inputs. Omitted: read from the graph.")
    outputs: Outputs | None = Field(
        default=None, description="The graph's outputs that are answered. Omitted: all of the graph's."
    )
    preprocessing: PreprocessingSpec | None = Field(
        default=None,
        description="How texts, images or features become the graph's inputs. Omitted: callers send tensors.",
    )
    postprocessing: PostprocessingSpec | None = Field(
        default=None, description="What is done to the graph's outputs. Omitted: they are answered as they are."
    )
    samples: Annotated[list[SampleSpec], Field(max_length=16, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="Requests with their answers; the model becomes ready only if it gives them."
    )
    runtime: RuntimeSpec = Field(
        default_factory=RuntimeSpec, description="How the model runs.", json_schema_extra={"default": {}}
    )
    serving: ServingSpec = Field(
        default_factory=ServingSpec, description="How the model is run in a cluster.", json_schema_extra={"default": {}}
    )
    access: AccessSpec | None = Field(
        default=None, description="Who may ask the model. Omitted: whoever reaches it, over plain HTTP."
    )
    async_: AsyncSpec | None = Field(
        default=None,
        alias="async",
        description="Tasks that are submitted and polled. Omitted: none in a cluster; on a laptop an embedded store.",
    )
    batch: BatchSpec | None = Field(
        default=None,
        description="Predictions computed ahead for a table of entities, and looked up at /predict/batch/.",
    )
    rollout: RolloutSpec = Field(
        default_factory=RolloutSpec, description="How a new version takes over.", json_schema_extra={"default": {}}
    )
    suspend: bool = Field(
        default=False,
        description="True: no pod serves, and no GPU is held, until it is false again. Scheduled batch predictions have a suspend "
        "of their own.",
    )

    rules = (
        *ACCESS_RULES,
        *BATCH_RULES,
        *KNATIVE_RULES,
        Rule(
            cel="!has(self.async) || !self.async.enabled || self.async.store != 'embedded' || "
            "(self.serving.replicas.min == 1 && (!has(self.serving.replicas.max) || self.serving.replicas.max == 1))",
            check=lambda s: (
                s.async_ is None or not s.async_.enabled or s.async_.store != "embedded" or s.serving.replicas.most == 1
            ),
            message="an embedded store of tasks serves one replica: set async.store: redis, or serving.replicas.min: 1 without max",
        ),
    )


class GpuxModel(ApiModel):
    """One ONNX model as a production endpoint."""

    api_version: Literal["gpux.io/v1alpha1"] = "gpux.io/v1alpha1"
    kind: Literal["GpuxModel"] = "GpuxModel"
    metadata: ObjectMeta
    spec: GpuxModelSpec
    status: GpuxModelStatus | None = None

    @property
    def model_name(self) -> str:
        """The name that /info tells: the registry's, or the resource's."""
        return self.spec.model.name or self.metadata.name

    rules = (
        Rule(
            cel=f"size(self.metadata.name) <= {MAX_NAME}",
            check=lambda m: len(m.metadata.name) <= MAX_NAME,
            message=f"the name must have at most {MAX_NAME} characters (KServe's limit): choose a shorter one",
        ),
        Rule(
            cel=f"self.metadata.name.matches('{_NAME}')",
            check=lambda m: re.fullmatch(_NAME, m.metadata.name) is not None,
            message="the name must be lower-case letters, digits and '-', starting with a letter (KServe's rule): for instance my-model",
        ),
    )
