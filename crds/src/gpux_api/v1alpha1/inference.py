"""How the model runs: the device, its backend, time and threads."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ApiModel, Rule, unsupported
from gpux_api.quantity import Quantity, value_of

Backend = Literal["auto", "cuda", "tensorrt", "rocm", "openvino", "directml", "coreml", "cpu"]
WITHOUT_GPU = ("cpu", "openvino", "coreml", "directml")
"""Backends that ask the cluster for no GPU: CPU ones, and those of laptops."""


class GpuSpec(ApiModel):
    """The accelerator, and the ONNX Runtime execution provider that uses it."""

    backend: Backend = Field(
        default="auto",
        description="The execution provider. auto: the GPU's own in a cluster; on a laptop the best one there is.",
    )
    count: Annotated[int, Field(ge=0, le=64)] | None = Field(
        default=None,
        description="GPUs (or partitions) for each replica. Omitted: 1, or 0 for a backend that uses none.",
    )
    partition: Annotated[str, Field(pattern=r"^[1-9][0-9]*g\.[1-9][0-9]*gb(\.me)?$", max_length=32)] | None = Field(
        default=None, description="A MIG profile such as 1g.5gb; asks for nvidia.com/mig-1g.5gb instead of a whole GPU."
    )
    resource_name: (
        Annotated[
            str,
            Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=253),
        ]
        | None
    ) = Field(
        default=None, description="The extended resource to ask for. Omitted: nvidia.com/gpu, or amd.com/gpu for rocm."
    )
    memory: Quantity | None = Field(
        default=None,
        description="GPU memory that ONNX Runtime may take for its arena, such as 2Gi. Omitted: what it wants. It chooses no node.",
    )
    min_memory: Quantity | None = Field(
        default=None,
        description="GPU memory that a node's GPUs have at least, such as 40Gi: its label nvidia.com/gpu.memory, which is a little "
        "less than what a card is sold with. Without NVIDIA's GPU Feature Discovery no node has it.",
    )
    product: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", min_length=1, max_length=63)] | None
    ) = Field(
        default=None,
        description="The GPU model, as a node's label nvidia.com/gpu.product has it: for instance NVIDIA-H100-80GB-HBM3.",
    )
    runtime_class_name: (
        Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)] | None
    ) = Field(
        default=None,
        description="The RuntimeClass of the pods, such as nvidia. Omitted: the nodes' default.",
    )

    rules = (
        Rule(
            cel="!has(self.partition) || !has(self.resourceName)",
            check=lambda g: g.partition is None or g.resource_name is None,
            message="partition already chooses the resource: set partition or resourceName, not both",
        ),
        Rule(
            cel=f"!(self.backend in {list(WITHOUT_GPU)}) || !has(self.count) || self.count == 0",
            check=lambda g: g.backend not in WITHOUT_GPU or not g.count,
            message="this backend uses no GPU of the cluster: remove count, or choose backend auto, cuda, tensorrt or rocm",
        ),
        Rule(
            cel=f"!(self.backend in {list(WITHOUT_GPU)}) || (!has(self.partition) && !has(self.resourceName) && "
            "!has(self.runtimeClassName))",
            check=lambda g: (
                g.backend not in WITHOUT_GPU
                or (g.partition, g.resource_name, g.runtime_class_name) == (None, None, None)
            ),
            message="this backend uses no GPU of the cluster: remove partition, resourceName and runtimeClassName",
        ),
        Rule(
            cel=f"(!has(self.product) && !has(self.minMemory)) || (!(self.backend in {[*WITHOUT_GPU, 'rocm']}) && "
            "(!has(self.resourceName) || self.resourceName.startsWith('nvidia.com/')))",
            check=lambda g: (
                (g.product is None and g.min_memory is None)
                or (
                    g.backend not in {*WITHOUT_GPU, "rocm"}
                    and (g.resource_name or "nvidia.com/").startswith("nvidia.com/")
                )
            ),
            message="product and minMemory are labels of nodes with NVIDIA GPUs: choose other nodes with serving.nodeSelector",
        ),
        Rule(
            cel="!has(self.minMemory) || !has(self.partition)",
            check=lambda g: g.min_memory is None or g.partition is None,
            message="a partition has the memory that its name says: remove minMemory",
        ),
        Rule(
            cel="!has(self.minMemory) || quantity(string(self.minMemory)).compareTo(quantity('1Mi')) >= 0",
            check=lambda g: g.min_memory is None or value_of(g.min_memory) >= value_of("1Mi"),
            message="minMemory is an amount of bytes, at least 1Mi: write for instance 40Gi",
        ),
        Rule(
            cel="!has(self.resourceName) || !self.resourceName.endsWith('.shared') || !has(self.count) || self.count <= 1",
            check=lambda g: g.count is None or g.count <= 1 or not (g.resource_name or "").endswith(".shared"),
            message="two shares of a time-sliced GPU are no more of it than one: remove count",
        ),
        Rule(
            cel=f"!(self.backend in {list(WITHOUT_GPU)}) || !has(self.memory)",
            check=lambda g: g.backend not in WITHOUT_GPU or g.memory is None,
            message="memory limits the arena on a GPU, which this backend has none of: remove memory",
        ),
        Rule(
            cel="!has(self.memory) || quantity(string(self.memory)).compareTo(quantity('1Mi')) >= 0",
            check=lambda g: g.memory is None or value_of(g.memory) >= value_of("1Mi"),
            message="memory is an amount of bytes, at least 1Mi: write for instance 2Gi",
        ),
    )

    def effective_count(self) -> int:
        """GPUs for each replica, the default filled in."""
        if self.count is not None:
            return self.count
        return 0 if self.backend in WITHOUT_GPU else 1


class BatchingSpec(ApiModel):
    """Dynamic batching."""

    max_size: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None, description="Samples in one run at most. Omitted: measured at warm-up."
    )
    batch_axis: Literal["auto", "first", "none"] = Field(
        default="auto",
        description="Whether samples may share a run. auto: if running samples apart and together gives the same at warm-up; "
        "first: the first axis of every input and output is the batch axis; none: never.",
    )
    max_delay_milliseconds: Annotated[int, Field(ge=0, le=10000)] = Field(
        default=0, description="How long an idle runtime waits for more samples. 0: it runs at once."
    )

    rules = (
        Rule(
            cel="self.batchAxis != 'none' || ((!has(self.maxSize) || self.maxSize == 1) && self.maxDelayMilliseconds == 0)",
            check=lambda b: b.batch_axis != "none" or (b.max_size in {None, 1} and b.max_delay_milliseconds == 0),
            message="with batchAxis none every sample runs alone: remove maxSize and maxDelayMilliseconds, or choose another batchAxis",
        ),
    )


class QueueSpec(ApiModel):
    """Admission of requests."""

    max_requests: Annotated[int, Field(ge=1, le=1000000)] | None = Field(
        default=None,
        description="Requests that may wait; 429 beyond. Omitted: as many as can be answered before their deadline.",
    )


class RuntimeSpec(ApiModel):
    """How the model runs."""

    gpu: GpuSpec | None = Field(default=None, description="The accelerator. Omitted: none, the model runs on CPU.")
    timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        default=30, description="The deadline of a request; 504 after it."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="Threads of one run (ONNX Runtime intra-op). Omitted: the CPUs this process may use."
    )
    batching: BatchingSpec | None = Field(
        default=None, description="How requests share a run. Omitted: as measured at warm-up, without waiting."
    )
    queue: QueueSpec | None = Field(default=None, description="How many requests may wait.")
    precision: Literal["float32", "float16", "int8"] | None = unsupported("convert the ONNX file itself")

    rules = (
        Rule(
            cel="!has(self.batching) || self.batching.maxDelayMilliseconds < self.timeoutSeconds * 1000",
            check=lambda r: r.batching is None or r.batching.max_delay_milliseconds < r.timeout_seconds * 1000,
            message="a request that waits batching.maxDelayMilliseconds would be past timeoutSeconds: make the delay shorter",
        ),
    )
