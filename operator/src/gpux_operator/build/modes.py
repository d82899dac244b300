"""What KServe calls its modes: `Standard` and `Knative` since 0.16, `RawDeployment` and `Serverless` before.

Releases before 0.16 do not know the new names, and 0.16 checks the old ones as if they were Knative's. From 0.17 on KServe's
webhook writes the new name in an old one's place.
"""

import re

from gpux_operator.build.metadata import MODE, Manifest

_OLD_NAMES = {"Standard": "RawDeployment", "Knative": "Serverless"}
_NEW_NAMES = {old: new for new, old in _OLD_NAMES.items()}


KNATIVE = "Knative"


def mode_of(isvc: Manifest) -> str | None:
    """The mode that an InferenceService asks for, by its new name; None if by none."""
    asked = (isvc["metadata"].get("annotations") or {}).get(MODE)
    return None if asked is None else new_name(asked)


def new_name(mode: str) -> str:
    """The mode by its name since 0.16."""
    return _NEW_NAMES.get(mode, mode)


def knows_new_names(release: str) -> bool:
    """Whether a release of KServe, such as 0.15 or v0.21.0, calls the mode Standard.

    Raises:
        ValueError: it is no release from 0.15 on.
    """
    found = re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?(-[\w.]+)?", release)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < (0, 15):
        raise ValueError(f"{release!r} is no release of KServe from 0.15 on: write 0.15, or v0.21.0")
    return version >= (0, 16)


def renamed(isvc: Manifest) -> Manifest:
    """The same InferenceService with its mode's other name."""
    mode = isvc["metadata"]["annotations"][MODE]
    return _named(isvc, {**_OLD_NAMES, **_NEW_NAMES}[mode])


def named_as(stored: Manifest | None, desired: Manifest) -> Manifest:
    """`desired` with the name of the mode that is stored: another one for the same mode would roll the pods."""
    if stored is None or mode_of(stored) != mode_of(desired):
        return desired
    return _named(desired, stored["metadata"]["annotations"][MODE])


def _named(isvc: Manifest, mode: str) -> Manifest:
    annotations = {**isvc["metadata"]["annotations"], MODE: mode}
    return {**isvc, "metadata": {**isvc["metadata"], "annotations": annotations}}
