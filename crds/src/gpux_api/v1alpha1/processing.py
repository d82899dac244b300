"""What happens to a request before the graph, and to its result after it.

What is wrong in a manifest by itself is refused here, by `processing_rules`. What needs the graph (an input's name, a shape, a
number of labels) is checked when the predictor loads it: InvalidPreprocessing or SchemaMismatch.
"""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ATOMIC, SET, ApiModel, NonEmptyJsonObject, distinct, list_map
from gpux_api.v1alpha1.processing_rules import (
    IMAGE_RULES,
    MAX_DEFAULTS,
    OUTPUT_RULES,
    POSTPROCESSING_RULES,
    PREPROCESSING_RULES,
    TABULAR_RULES,
    TEXT_RULES,
)

Name = Annotated[str, Field(min_length=1, max_length=256)]
RelativePath = Annotated[str, Field(min_length=1, max_length=512)]
Number = Annotated[float, Field(allow_inf_nan=False)]  # JSON has no others
Channels = Annotated[list[Number], Field(min_length=1, max_length=3, json_schema_extra=ATOMIC)]
Size = Annotated[
    list[Annotated[int, Field(ge=1, le=16384)]], Field(min_length=2, max_length=2, json_schema_extra=ATOMIC)
]


class TextSpec(ApiModel):
    """Text to token tensors, by a Hugging Face tokenizer.json."""

    input: Name = Field(default="text", description="The request's key that holds the text.")
    tokenizer: RelativePath = Field(
        default="tokenizer.json", description="The tokenizer file inside the model's source."
    )
    max_length: Annotated[int, Field(ge=1, le=1048576)] | None = Field(
        default=None, description="Tokens kept of one text."
    )
    pair_with: Name | None = Field(default=None, description="The request's key that holds the second text of a pair.")

    rules = TEXT_RULES


class ImageSpec(ApiModel):
    """An image (file, base64, array) to a normalised tensor."""

    input: Name = Field(default="image", description="The request's key that holds the image.")
    tensor: Name | None = Field(default=None, description="The graph's input. Omitted: its only one of rank 3 or 4.")
    shortest_edge: Annotated[int, Field(ge=1, le=16384)] | None = Field(
        default=None, description="Resize so that the shorter side has this many pixels; the aspect ratio stays."
    )
    resize: Size | None = Field(default=None, description="Resize to this height and width in pixels.")
    crop: Size | None = Field(default=None, description="Height and width of the centre crop, in pixels.")
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = Field(
        default="bilinear", description="The filter of the resize."
    )
    rescale: bool = Field(default=True, description="Divide pixel values by 255 before mean and std.")
    mean: Channels | None = Field(default=None, description="Per channel, subtracted after rescaling.")
    std: Channels | None = Field(default=None, description="Per channel, divided by after the mean is subtracted.")
    layout: Literal["NCHW", "NHWC"] = Field(default="NCHW", description="The order of the tensor's dimensions.")
    color: Literal["RGB", "BGR", "L"] = Field(
        default="RGB", description="The order of the colour channels; L is one channel of grey."
    )

    rules = IMAGE_RULES


class TabularSpec(ApiModel):
    """Named features to one row of the graph's inputs."""

    entity_key: Name = Field(
        default="id", description="The request's key that names the entity, repeated in the answer."
    )
    input: Name | None = Field(
        default=None, description="The graph's input that takes all features. Omitted: its only one, or each its own."
    )
    features: Annotated[list[Name], Field(min_length=1, max_length=4096, json_schema_extra=SET), distinct()] = Field(
        description="The feature names in the order of the graph's columns; for a graph with an input for each, the inputs' names."
    )
    defaults: Annotated[dict[str, Number], Field(max_length=MAX_DEFAULTS)] | None = Field(
        default=None, description="Numbers for absent features, by feature; a feature of strings has no default."
    )
    missing: Literal["nan", "error"] = Field(
        default="error", description="What an absent feature without a default becomes: NaN if it is a float, or a 400."
    )

    rules = TABULAR_RULES


class PreprocessingSpec(ApiModel):
    """From what a caller sends to the graph's tensors."""

    text: TextSpec | None = Field(default=None, description="Text inputs.")
    image: ImageSpec | None = Field(default=None, description="Image inputs; may stand beside text.")
    tabular: TabularSpec | None = Field(default=None, description="Feature inputs.")

    rules = PREPROCESSING_RULES


class OutputProcessingSpec(ApiModel):
    """Steps on one output of the graph, in this order: pooling, activation, normalise, top-k, labels."""

    output: Name = Field(description="The graph's output.")
    pooling: Literal["mean", "cls"] | None = Field(default=None, description="How token vectors become one.")
    activation: Literal["softmax", "sigmoid"] | None = Field(default=None, description="Applied over the last axis.")
    normalize: bool | None = Field(default=None, description="Divide by the L2 norm over the last axis.")
    top_k: Annotated[int, Field(ge=1, le=10000)] | None = Field(
        default=None, description="Keep the k largest of the last axis, with their labels."
    )
    argmax: bool | None = Field(default=None, description="Answer the index, or label, of the largest.")
    name: Name | None = Field(default=None, description="The key in the answer. Omitted: the output's own name.")

    rules = OUTPUT_RULES

    def key(self) -> str:
        """The key in the answer."""
        return self.name or self.output


class PostprocessingSpec(ApiModel):
    """From the graph's tensors to the answer."""

    outputs: Annotated[
        list[OutputProcessingSpec],
        Field(min_length=1, max_length=64, json_schema_extra=list_map("output")),
        distinct("output"),
    ] = Field(description="One entry an output; outputs without one are answered as they are.")

    rules = POSTPROCESSING_RULES


class SampleSpec(ApiModel):
    """A request with the answer that the right model gives to it."""

    request: NonEmptyJsonObject = Field(description="A body for /predict.")
    response: NonEmptyJsonObject = Field(description="The answer expected.")
    tolerance: Annotated[Number, Field(ge=0)] = Field(
        default=1e-3, description="The absolute difference allowed in each number."
    )
