"""The table of values in the chart's README, from the comments `# -- …` of values.yaml."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

_SETTING = re.compile(r"(?P<indent> *)(?P<key>\w+):(?P<value>.*)")
_TABLE = re.compile(r"(?<=<!-- values -->\n).*?(?=<!-- /values -->)", re.DOTALL)


@dataclass(frozen=True)
class Value:
    """One value: its dotted path, its default as YAML has it, and its comment."""

    path: str
    default: object
    comment: str


def values(text: str) -> Iterator[Value]:
    """The commented values, in the order of the file.

    Raises:
        ValueError: a comment is not followed by a value.
    """
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comment = ""
    for line in text.splitlines():
        if line.strip().startswith("# -- "):
            comment = line.strip().removeprefix("# -- ")
            continue
        if found := _SETTING.fullmatch(line):
            path = [*path[: len(found["indent"]) // 2], found["key"]]
            if comment:
                yield Value(".".join(path), _at(defaults, path), comment)
        elif comment:
            raise ValueError(f"values.yaml: no value follows the comment {comment!r}")
        comment = ""


def with_table(page: str, text: str) -> str:
    """The page with the table of these values between its two marks."""
    rows = (f"| `{value.path}` | `{json.dumps(value.default)}` | {value.comment} |" for value in values(text))
    table = "\n".join(["| value | default | what |", "|---|---|---|", *rows]) + "\n"
    return _TABLE.sub(lambda _: table, page)


def _at(tree: object, path: list[str]) -> object:
    for key in path:
        assert isinstance(tree, dict)
        tree = tree[key]
    return tree
