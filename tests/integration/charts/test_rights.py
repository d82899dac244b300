"""What the chart lets the operator do, by the rules that the real helm renders."""

from itertools import product
from typing import Any

import pytest

from testcluster.api import Object
from testcluster.chart import chart_manifests

pytestmark = pytest.mark.usefixtures("built_tools")


def rules(values: dict[str, Any] | None = None) -> list[Object]:
    """Of the roles that the operator has; those for users are aggregated to the cluster's own."""
    manifests = chart_manifests(values or {})
    bound = {item["roleRef"]["name"] for item in manifests if item["kind"] in {"RoleBinding", "ClusterRoleBinding"}}
    roles = [
        item for item in manifests if item["kind"] in {"Role", "ClusterRole"} and item["metadata"]["name"] in bound
    ]
    assert roles
    return [rule for role in roles for rule in role["rules"]]


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["a"]}])
def test_no_right_on_secrets_tokens_or_roles_and_no_wildcard(values: dict[str, Any]) -> None:
    for rule in rules(values):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"secrets", "serviceaccounts", "serviceaccounts/token", "pods/exec", "pods/proxy"} & {
            *rule["resources"]
        }
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & {*rule["verbs"]}


def test_what_may_be_deleted() -> None:
    deleted = {
        resource for rule in rules() for resource, verb in product(rule["resources"], rule["verbs"]) if verb == "delete"
    }
    own = {"configmaps", "cronjobs", "poddisruptionbudgets"}
    left_by_kserve = {"ingresses", "httproutes", "horizontalpodautoscalers", "scaledobjects"}
    assert deleted == own | left_by_kserve
