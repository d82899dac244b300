"""Inputs, outputs and preprocessing of a gpux.yml."""

from typing import Any, get_args

from gpux_api.v1alpha1.model import TensorType
from gpux_predictor.cli.sections import Section

_TYPES = {name: name for name in get_args(TensorType)} | {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int64",
    "long": "int64",
    "str": "string",
    "text": "string",
    "boolean": "bool",
}
_NORMALISATIONS: dict[str, dict[str, list[float]]] = {
    "imagenet": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "0-1": {},
    "none": {},
}
"""torchvision's weights say mean and std of ImageNet; pixels are divided by 255 in any case."""


def tensors(whole: Section) -> dict[str, Any]:
    """`inputs` and `outputs` of the spec, as far as the gpux.yml has them."""
    found = {key: _list(whole, key) for key in ("inputs", "outputs")}
    return {key: items for key, items in found.items() if items}


def preprocessing(whole: Section, spec: dict[str, Any]) -> dict[str, Any]:
    """`preprocessing` of the spec. A text input becomes the tokenizer's, and leaves the graph's inputs in `spec`."""
    section = whole.section("preprocessing")
    found: dict[str, Any] = {}
    if "tokenizer" in section or "max_length" in section:
        found["text"] = _text(section, spec)
    if "resize" in section or "normalize" in section:
        found["image"] = _image(section, spec)
    section.end(custom="do it before the request, or put it into the graph")
    return found


def _list(whole: Section, key: str) -> list[dict[str, Any]]:
    content = whole.any(key)
    if isinstance(content, dict):  # GPUX takes both forms
        content = [
            {"name": name} | (item if isinstance(item, dict) else {"type": item}) for name, item in content.items()
        ]
    if content is None:
        return []
    if not isinstance(content, list):
        whole.lost(key, f"expected a list or a mapping, found {type(content).__name__}")
        return []
    items = [Section(item, f"{whole.path(key)}[{place}]", whole.notes) for place, item in enumerate(content)]
    return [_tensor(item, is_input=key == "inputs") for item in items]


def _tensor(section: Section, *, is_input: bool) -> dict[str, Any]:
    tensor: dict[str, Any] = {"name": section.take("name", str)}
    if kind := section.take("type", str):
        known = _TYPES.get(kind.lower())
        if known is None:
            section.lost("type", f"{kind!r} is no element type: the graph's is taken")
        else:
            tensor["type"] = known
    shape = section.take("shape", list)
    if shape is not None and all(isinstance(size, int | str) or size is None for size in shape):
        tensor["shape"] = [size if isinstance(size, int) and size >= 0 else -1 for size in shape]
        if tensor["shape"][:1] == [1]:
            section.hint("shape", "a first size of 1 leaves no batches: write -1 if the graph's own varies")
    elif shape is not None:
        section.lost("shape", f"{shape!r} is no list of sizes: the graph's is taken")
    if description := section.take("description", str):
        tensor["description"] = description
    tensor |= _of_an_input(section, tensor) if is_input else _of_an_output(section)
    section.end()
    return tensor


def _of_an_output(section: Section) -> dict[str, Any]:
    labels = section.take("labels", list)
    return {"labels": [str(label) for label in labels]} if labels else {}


def _of_an_input(section: Section, tensor: dict[str, Any]) -> dict[str, Any]:
    required, longest = section.take("required", bool), section.take("max_length", int)
    found: dict[str, Any] = {} if required is None else {"required": required}
    if longest is not None and tensor.get("type", "string") != "string":
        section.lost("max_length", f"only texts have a length; the sizes of a {tensor['type']} tensor are its shape")
    elif longest is not None:
        found["maxLength"] = longest
    return found


def _text(section: Section, spec: dict[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = {}
    texts = [item for item in spec.get("inputs", ()) if item.get("type") == "string"]
    if texts:
        text["input"] = texts[0]["name"]
        section.hint(
            "tokenizer",
            f"the text {texts[0]['name']!r} is no input of the graph: its inputs are read from the graph",
        )
        others = [item["name"] for item in spec.pop("inputs") if item not in texts]
        if others:
            section.lost(
                "tokenizer",
                f"spec.inputs is all of the graph's inputs or none: nothing is kept of {', '.join(map(repr, others))}",
            )
        if "description" in texts[0]:
            section.lost("tokenizer", f"the description of {texts[0]['name']!r} has no place beside a tokenizer")
    if tokenizer := section.take("tokenizer", str):
        if tokenizer.endswith(".json"):
            text["tokenizer"] = tokenizer.removeprefix("./")
        else:
            section.lost(
                "tokenizer",
                f"no tokenizer is fetched by name: put the tokenizer.json of {tokenizer} beside the model's file",
            )
    tokens = section.take("max_length", int)
    if tokens is not None:
        text["maxLength"] = tokens
    for item in texts[1:]:
        section.lost(
            "tokenizer",
            f"one text is tokenized: of {item['name']!r} nothing is kept; preprocessing.text.pairWith takes a pair",
        )
    if texts and "maxLength" in texts[0]:
        section.lost(
            "max_length", f"a limit in characters, {texts[0]['maxLength']}, has no place beside a tokenizer's in tokens"
        )
    return text


def _image(section: Section, spec: dict[str, Any]) -> dict[str, Any]:
    image: dict[str, Any] = {}
    candidates = [item for item in spec.get("inputs", ()) if len(item.get("shape", ())) in {3, 4}]
    if len(candidates) == 1:
        image |= {"input": candidates[0]["name"], "tensor": candidates[0]["name"]}
        image |= _layout(candidates[0]["shape"][-3:])
    size = section.take("resize", list)
    if size is not None and len(size) == 2 and all(isinstance(side, int) for side in size):
        image["resize"] = size
        if size[0] != size[1]:
            section.hint("resize", "is read as height and width")
    elif size is not None:
        section.lost("resize", f"{size!r} is no height and width")
    if name := section.take("normalize", str):
        if (numbers := _NORMALISATIONS.get(name.lower())) is None:
            section.lost("normalize", f"{name!r} is not known: write mean and std into preprocessing.image")
        else:
            image |= numbers
    return image


def _layout(sizes: list[int]) -> dict[str, str]:
    """Channels last, or grey, where the shape says so."""
    first, _, last = sizes
    found = {"layout": "NHWC"} if last in {1, 3} and first not in {1, 3} else {}
    return found | ({"color": "L"} if (last if found else first) == 1 else {})
