"""An image preprocessing against the graph, before the first request."""

from gpux_api.v1alpha1.processing import ImageSpec
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms.image_file import MAX_PIXELS

_DTYPES = ("float16", "float32", "float64", "bfloat16", "uint8")


def find_tensor(spec: ImageSpec, signature: Signature) -> Tensor:
    """The graph's input for the image: the one named, or the only one of rank 3 or 4.

    Raises:
        LoadError: InvalidPreprocessing if there is none, or more than one.
    """
    names = ", ".join(f"'{tensor.name}'" for tensor in signature.inputs)
    if spec.tensor is not None:
        found = [tensor for tensor in signature.inputs if tensor.name == spec.tensor]
        if not found:
            raise refuse(f"tensor '{spec.tensor}' is no input of the graph, which has {names}")
        return found[0]
    found = [tensor for tensor in signature.inputs if len(tensor.shape) in (3, 4)]
    if len(found) != 1:
        raise refuse(
            f"{len(found) or 'none'} of the graph's inputs ({names}) have rank 3 or 4: set tensor to the image's"
        )
    return found[0]


def sample_shape(spec: ImageSpec, tensor: Tensor) -> tuple[int | None, int | None, int | None]:
    """[C,H,W] or [H,W,C] of one image as the spec and the graph fix it, None where it varies.

    Raises:
        LoadError: InvalidPreprocessing, where the two disagree or a size is beyond `MAX_PIXELS`.
    """
    channels = 1 if spec.color == "L" else 3
    _check_sizes(spec)
    element = tensor.element.name if tensor.element else "object"
    if element not in _DTYPES:
        raise refuse(f"tensor '{tensor.name}' is {element}: images need one of {', '.join(_DTYPES)}")
    if element == "uint8" and (spec.mean or spec.std):
        raise refuse(f"tensor '{tensor.name}' is uint8 and takes pixels as they are: remove mean and std")
    if len(tensor.shape) not in (0, 3, 4):
        raise refuse(f"tensor '{tensor.name}' has the shape {shape_text(tensor)}: an image needs rank 3 or 4")
    dims = tuple(dim if isinstance(dim, int) else None for dim in tensor.shape[-3:]) or (None, None, None)
    place = 0 if spec.layout == "NCHW" else 2
    if dims[place] not in (None, channels):
        raise refuse(_wrong_channels(spec, tensor, dims, channels))
    height, width = _size(spec, tensor, dims[1:] if place == 0 else dims[:2])
    return (channels, height, width) if place == 0 else (height, width, channels)


def refuse(problem: str) -> LoadError:
    """The error of an image preprocessing that does not go with its graph."""
    return LoadError(LoadReason.INVALID_PREPROCESSING, f"preprocessing.image: {problem}")


def _check_sizes(spec: ImageSpec) -> None:
    for field, size in (("resize", spec.resize), ("crop", spec.crop)):
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            raise refuse(f"{field} {size} has more than {MAX_PIXELS} pixels: write a smaller size")


def _wrong_channels(spec: ImageSpec, tensor: Tensor, dims: tuple[int | None, ...], channels: int) -> str:
    other, place = ("NHWC", 2) if spec.layout == "NCHW" else ("NCHW", 0)
    hint = f"write layout: {other}" if dims[place] == channels else "set color: L for 1 channel, RGB or BGR for 3"
    return f"tensor '{tensor.name}' has the shape {shape_text(tensor)}, layout {spec.layout} with {channels} channels does not fit: {hint}"


def _size(spec: ImageSpec, tensor: Tensor, fixed: tuple[int | None, ...]) -> tuple[int | None, int | None]:
    made = spec.crop or spec.resize
    if made is None:
        return fixed[0], fixed[1]
    if any(want is not None and want != have for want, have in zip(fixed, made, strict=True)):
        field = "crop" if spec.crop else "resize"
        raise refuse(
            f"{field} makes {made[0]} x {made[1]} (height x width), tensor '{tensor.name}' has the shape {shape_text(tensor)}: "
            f"write the graph's height and width in {field}"
        )
    return made[0], made[1]
