"""What has to hold between the fields of pre- and postprocessing; each check takes the spec of the same name in `processing`."""

from gpux_api.base import Rule, inside_the_source

_TABULAR_KEYS = ("features", "prediction")
MAX_DEFAULTS, MAX_LOOKUPS = 1024, 800_000
"""A name looked up in a list costs the API server one unit an entry, and a rule may cost a million (KEP-2876)."""


def _one_or_each(field: str) -> Rule:
    here = f"self.{field}"
    return Rule(
        cel=f"!has({here}) || size({here}) == 1 || size({here}) == (self.color == 'L' ? 1 : 3)",
        check=lambda i: getattr(i, field) is None or len(getattr(i, field)) in {1, 1 if i.color == "L" else 3},
        message=f"{field} has one number, or one for each colour channel (3, or 1 with color L)",
    )


TEXT_RULES = (
    Rule(
        cel="!has(self.pairWith) || self.pairWith != self.input",
        check=lambda t: t.pair_with != t.input,
        message="pairWith names the second text's key, input the first one's: write two different keys",
    ),
    inside_the_source("tokenizer", "onnx/tokenizer.json"),
)

IMAGE_RULES = (
    Rule(
        cel="!has(self.resize) || !has(self.shortestEdge)",
        check=lambda i: i.resize is None or i.shortest_edge is None,
        message="resize and shortestEdge both set the size: keep one of them",
    ),
    Rule(
        cel="!has(self.crop) || !has(self.resize) || (self.crop[0] <= self.resize[0] && self.crop[1] <= self.resize[1])",
        check=lambda i: i.crop is None or i.resize is None or (i.crop[0] <= i.resize[0] and i.crop[1] <= i.resize[1]),
        message="crop is larger than resize leaves the image: make crop smaller or resize larger",
    ),
    Rule(
        cel="!has(self.crop) || !has(self.shortestEdge) || self.crop[0] <= self.shortestEdge || self.crop[1] <= self.shortestEdge",
        check=lambda i: i.crop is None or i.shortest_edge is None or min(i.crop) <= i.shortest_edge,
        message="crop is larger than shortestEdge in both directions: make crop smaller or shortestEdge larger",
    ),
    _one_or_each("mean"),
    _one_or_each("std"),
    Rule(
        cel="!has(self.std) || self.std.all(value, value != 0.0)",
        check=lambda i: i.std is None or 0 not in i.std,
        message="std is divided by, so none of its numbers can be 0: write 1 for a channel that stays as it is",
    ),
)

TABULAR_RULES = (
    Rule(
        cel=f"!(self.entityKey in {list(_TABULAR_KEYS)})",
        check=lambda t: t.entity_key not in _TABULAR_KEYS,
        message="entityKey cannot be features or prediction, which are keys beside it: choose another name",
    ),
    Rule(
        cel=f"!has(self.defaults) || size(self.defaults) * size(self.features) <= {MAX_LOOKUPS}",
        check=lambda t: len(t.defaults or ()) * len(t.features) <= MAX_LOOKUPS,
        message=f"defaults times features is more than {MAX_LOOKUPS}, too much to check: let missing be nan for most",
    ),
    Rule(
        cel=f"!has(self.defaults) || size(self.defaults) * size(self.features) > {MAX_LOOKUPS} || "
        "self.defaults.all(name, name in self.features)",
        check=lambda t: (
            len(t.defaults or ()) * len(t.features) > MAX_LOOKUPS or set(t.defaults or ()) <= set(t.features)
        ),
        message="defaults has a name that is not in features: correct the name, or remove it",
    ),
)

PREPROCESSING_RULES = (
    Rule(
        cel="has(self.text) || has(self.image) || has(self.tabular)",
        check=lambda p: p.text is not None or p.image is not None or p.tabular is not None,
        message="preprocessing is empty: write text, image or tabular into it, or remove it",
    ),
    Rule(
        cel="!has(self.tabular) || (!has(self.text) && !has(self.image))",
        check=lambda p: p.tabular is None or (p.text is None and p.image is None),
        message="tabular requests have a form of their own: remove tabular, or text and image",
    ),
    Rule(
        cel="!has(self.text) || !has(self.image) || "
        "(self.image.input != self.text.input && (!has(self.text.pairWith) || self.image.input != self.text.pairWith))",
        check=lambda p: p.text is None or p.image is None or p.image.input not in {p.text.input, p.text.pair_with},
        message="text and image read the same key of the request: give them different names in input",
    ),
)

OUTPUT_RULES = (
    Rule(
        cel="!has(self.topK) || !has(self.argmax) || !self.argmax",
        check=lambda o: o.top_k is None or not o.argmax,
        message="argmax is the first of topK: keep one of them",
    ),
)

POSTPROCESSING_RULES = (
    Rule(
        cel="self.outputs.all(a, self.outputs.exists_one(b, (has(a.name) ? a.name : a.output) == (has(b.name) ? b.name : b.output)))",
        check=lambda p: len({output.key() for output in p.outputs}) == len(p.outputs),
        message="two outputs would have the same key in the answer: give them different names",
    ),
)
