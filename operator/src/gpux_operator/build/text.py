"""YAML as people write it: long text as blocks, no anchors."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Repeats a value that occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  (as PyYAML declares it)
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(*documents: object, sort_keys: bool = False) -> str:
    """The documents as one YAML text; the same text every time."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=sort_keys, width=120)
