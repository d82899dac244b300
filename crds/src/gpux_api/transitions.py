"""What may not change once a model is there: the rules that look at the object before the change."""

from collections.abc import Iterator

from gpux_api.base import ApiModel
from gpux_api.manifests import Problem


def transition_problems(old: ApiModel, new: ApiModel, path: str = "") -> Iterator[Problem]:
    """Each rule that a change from one object to another breaks, as the API server finds them.

    Args:
        old: the object as it is stored.
        new: the same one as it is wanted.
        path: where the two are, for the messages.
    """
    for rule in type(new).all_rules():
        if rule.transition is not None and not rule.transition(old, new):
            yield Problem(path, rule.message)
    for name, field in type(new).model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, ApiModel) and isinstance(after, ApiModel):
            yield from transition_problems(before, after, f"{path}.{field.alias or name}".lstrip("."))
