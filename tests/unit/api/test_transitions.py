"""Rules about changes, read by two readers."""

from __future__ import annotations

from collections.abc import Iterator

from gpux_api.base import ApiModel
from gpux_api.fields import model_in
from gpux_api.manifests import parse
from gpux_api.transitions import transition_problems
from gpux_api.v1alpha1 import GpuxModel


def model(port: int | None, replicas: int = 1) -> GpuxModel:
    serving = {"replicas": {"min": replicas}} | ({} if port is None else {"port": port})
    spec = {"model": {"source": {"uri": "s3://b/m"}}, "serving": serving}
    return parse({"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec})


def models(root: type[ApiModel]) -> Iterator[type[ApiModel]]:
    yield root
    for field in root.model_fields.values():
        if (child := model_in(field.annotation)) is not None:
            yield from models(child)


def test_the_port_stays() -> None:
    (problem,) = transition_problems(model(8080), model(9000))
    assert problem.path == "spec.serving"
    assert problem.message.startswith("port cannot be changed while the model serves")


def test_defaults_are_no_change() -> None:
    assert not list(transition_problems(model(None), model(8080, replicas=3)))


def test_each_rule_about_a_change_has_both_forms() -> None:
    rules = [rule for found in models(GpuxModel) for rule in found.all_rules()]
    about_changes = [rule for rule in rules if "oldSelf" in rule.cel]
    assert about_changes
    assert [rule for rule in rules if rule.transition is not None] == about_changes
