"""What is served: the model's files, its identity, and the tensors it takes and gives."""

import re
from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ATOMIC, ApiModel, Rule, distinct, inside_the_source, list_map, unsupported

TensorType = Literal["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64",
                     "uint8", "uint16", "uint32", "uint64", "bool", "string"]  # fmt: skip

SCHEMES = ("s3", "gs", "hf", "https", "pvc", "file")
_URI = r"^(s3|gs|hf|https|pvc|file|oci)://.+$"
_PVC = r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/.*)?$"


class ModelSourceSpec(ApiModel):
    """Where the model's files are."""

    uri: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="Where the files are: s3://bucket/path, gs://bucket/path, hf://owner/name, https://host/file.onnx, "
        "pvc://claim/path, or file:///path for runs on one machine and for a model that serving.image holds."
    )
    path: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None,
        description="The ONNX file inside the source, a relative path. Omitted: the source is the file, or holds exactly one "
        "*.onnx file.",
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", max_length=64)] | None = Field(
        default=None, description="SHA-256 of the ONNX file in lower-case hexadecimal; another file is never served."
    )
    secret_name: Annotated[str, Field(max_length=253)] | None = unsupported(
        "attach the credentials to a ServiceAccount and set serviceAccountName"
    )
    service_account_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None,
        description="The ServiceAccount of the pods; KServe's storage initializer uses the secrets attached to it.",
    )

    rules = (
        Rule(
            cel=f"self.uri.matches('{_URI}')",
            check=lambda s: re.fullmatch(_URI, s.uri) is not None,
            message="uri must start with s3://, gs://, hf://, https://, pvc:// or file://, followed by a location",
        ),
        Rule(
            cel="!self.uri.startsWith('oci://')",
            check=lambda s: not s.uri.startswith("oci://"),
            message="oci:// is not supported yet: use s3://, gs://, hf://, https:// or pvc://",
        ),
        Rule(
            cel=f"!self.uri.startsWith('pvc://') || self.uri.matches('{_PVC}')",
            check=lambda s: not s.uri.startswith("pvc://") or re.fullmatch(_PVC, s.uri) is not None,
            message="a pvc:// uri names a claim and a path in it: write pvc://my-claim/path/to/model",
        ),
        Rule(
            cel="!self.uri.split('/').exists(part, part == '..')",
            check=lambda s: ".." not in s.uri.split("/"),
            message="uri must not contain '..': write the location itself",
        ),
        inside_the_source("path", "onnx/model.onnx"),
    )


class ModelSpec(ApiModel):
    """The model: where it is, and what /info answers about it."""

    source: ModelSourceSpec = Field(description="Where the model's files are.")
    format: Literal["onnx"] = Field(default="onnx", description="The format of the model file.")
    name: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="The name in the registry that the model comes from; model_name in /info and /model/info. Omitted: the name of "
        "the resource, which paths and protocols use in any case.",
    )
    version: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="The version that /info and model_version answer."
    )
    run_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="The training run that made the model; model_run_id in answers."
    )


class TensorSpec(ApiModel):
    """A tensor of the graph as the author declares it; checked against the graph before the model becomes ready."""

    name: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="The tensor's name in the ONNX graph."
    )
    type: TensorType | None = Field(default=None, description="The element type. Omitted: the graph's.")
    shape: (
        Annotated[list[Annotated[int, Field(ge=-1, le=2**31 - 1)]], Field(max_length=16, json_schema_extra=ATOMIC)]
        | None
    ) = Field(default=None, description="The dimensions, -1 for one that varies; [] is a scalar. Omitted: the graph's.")
    description: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="What the tensor means; shown by /info."
    )


class InputSpec(TensorSpec):
    """An input of the graph."""

    required: bool = Field(
        default=True, description="False: may be left out of a request; only for inputs with a default in the graph."
    )
    max_length: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="For strings: the longest one, in characters; a longer one is refused."
    )


class OutputSpec(TensorSpec):
    """An output of the graph."""

    labels: (
        Annotated[
            list[Annotated[str, Field(max_length=256)]],
            Field(min_length=1, max_length=10000, json_schema_extra=ATOMIC),
        ]
        | None
    ) = Field(
        default=None,
        description="What the positions of the last axis mean, in their order; postprocessing answers with them.",
    )


Inputs = Annotated[list[InputSpec], Field(max_length=64, json_schema_extra=list_map("name")), distinct("name")]
Outputs = Annotated[list[OutputSpec], Field(max_length=64, json_schema_extra=list_map("name")), distinct("name")]
