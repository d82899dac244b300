"""The way of a new user through README and docs, command by command: installed, tried, upgraded under load, taken away, installed again."""

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

import docblocks
import pagebrowser
from testcluster.chart import NAMESPACE, RELEASE
from testcluster.e2e import models_claim, release
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.load import RATE, Load
from testcluster.e2e.models_claim import EXAMPLES
from testcluster.e2e.shell import Shell
from testcluster.e2e.user import User
from testcluster.errors import ClusterError
from testcluster.waiting import eventually

Object = dict[str, Any]
MODELS = ("sentiment", "review", "digits-image")
IN_DOCS = ("localhost/gpux-{}:0.1.0", "gpux/{}:0.1.0")
"""The images' names in the docs: with `localhost` for REGISTRY, and the chart's own."""
TEXT = {"text": "I love this product!"}
OURS = f"app.kubernetes.io/instance={RELEASE}"
READY = "kubectl wait --for=condition=Ready gpuxmodel --all --timeout=180s"


@pytest.fixture(scope="module")
def user(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """On a cluster where nothing of ours is installed; afterwards it has what the other tests expect."""
    if not cluster.takes_images:
        pytest.skip(f"the images of a {cluster.kind} cluster are not for tests to name as the docs do")
    namespace = "e2e-new-user"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        for program in cluster.images():
            for name in IN_DOCS:
                cluster.name_image(program, name.format(program))
        models_claim.provide(cluster, namespace, tmp_path_factory.mktemp("claim"))
        release.uninstall(cluster)
        yield User(cluster, namespace, Shell(cluster, namespace, tmp_path_factory.mktemp("shell")))
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")
        models_claim.remove_volume(cluster, namespace)
        release.install(cluster)


@pytest.fixture(scope="module")
def served(user: User) -> User:
    """The chart installed and three examples ready, as the quick start says."""
    user.types("docs/quickstart.md", "helm install gpux")
    user.shell.run(
        "kubectl apply -f -", docblocks.one("examples/README.md", "apiVersion: v1\nkind: PersistentVolumeClaim").text
    )
    user.types("examples/README.md", "kubectl wait --for=condition=Ready pod/writer")
    user.types("docs/quickstart.md", "kubectl apply -f examples/review")
    user.shell.run(READY)
    example = eventually(lambda: user.models()["review"]["status"].get("example"), 30, "there is an example")
    answer = json.loads(user.shell.run(f"{example} --silent --noproxy '*' --connect-to ::{user.cluster.ingress}"))
    assert answer["sentiment"] == pytest.approx([0.05, 0.95], abs=1e-3)
    return user


def resembles(found: Any, expected: Any) -> bool:
    """Equal, but for numbers that differ by less than a sample's tolerance."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(resembles(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(resembles, found, expected))
    return bool(found == (pytest.approx(expected, abs=1e-3) if isinstance(expected, float) else expected))


@pytest.mark.parametrize("name", MODELS)
def test_an_example_answers_through_the_ingress_as_its_manifest_says(served: User, name: str) -> None:
    manifest = yaml.safe_load((EXAMPLES / name / "gpuxmodel.yaml").read_text())
    for sample in manifest["spec"]["samples"]:
        found = served.ask(name, json=sample["request"])
        assert resembles(found, sample["response"]), found
    document = served.ask(name, "/openapi.json")
    media = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert served.ask(name, json=media["example"]).keys() == manifest["spec"]["samples"][0]["response"].keys()


def test_the_page_and_the_reference_in_a_browser(served: User, tmp_path: Path) -> None:
    """Chromium goes where the ingress is, which may be a network of its own."""
    if (program := pagebrowser.program()) is None:
        pytest.skip(pagebrowser.HOW_TO)
    launcher = tmp_path / "chromium"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(served.cluster.command([program]))} "$@"\n')
    launcher.chmod(0o755)
    host = served.host("review")
    route = (f"--host-resolver-rules=MAP {host}:80 {served.cluster.ingress}", "--no-proxy-server")
    with (
        sync_playwright() as playwright,
        pagebrowser.launch(playwright, str(launcher), *route) as browser,
        pagebrowser.opened(browser) as (page, seen),
    ):
        pagebrowser.visit(page, f"http://{host}/")
        pagebrowser.run(page)
        expect(page.locator("#answer .best th")).to_have_text("positive")
        page.get_by_label("text").fill("what a terrible waste of money")
        pagebrowser.run(page)
        expect(page.locator("#answer .best th")).to_have_text("negative")
        page.get_by_role("link", name="Reference").click()
        page.locator("#reference").wait_for(state="visible")
        expect(page.get_by_text("/predict", exact=True).first).to_be_visible()
    assert seen.problems == []
    addresses = [urlsplit(url) for url in seen.requests if not url.startswith("data:")]
    assert {address.netloc for address in addresses} == {host}
    assert {"/", "/docs", "/page/form.json"} <= {address.path for address in addresses}


def operators(user: User) -> list[str]:
    """The uids of the operator's pods."""
    return [item["metadata"]["uid"] for item in user.cluster.select("pods", NAMESPACE, OURS)]


def all_of_the_release(user: User) -> str:
    """Every object with the release's label, of every kind that the cluster lists."""
    return user.shell.run(
        f"kubectl get $(kubectl api-resources --verbs=list -o name | paste -sd,) -A -l {OURS} -o name --ignore-not-found"
    )


def in_its_namespace(user: User) -> set[str]:
    """What is in the release's namespace, but for events."""
    kinds = "$(kubectl api-resources --namespaced --verbs=list -o name | grep -v events | paste -sd,)"
    return set(user.shell.run(f"kubectl get {kinds} -n {NAMESPACE} -o name --ignore-not-found").split())


def test_uninstalling_leaves_models_that_serve_and_a_new_install_rolls_none(served: User) -> None:
    shell = served.shell
    manifest = shell.run(f"helm get manifest gpux -n {NAMESPACE}")
    assert len([item for item in yaml.safe_load_all(manifest) if item]) > 8
    assert all_of_the_release(served)
    before = served.uids("gpuxmodels", "inferenceservices", "configmaps", "pods")
    load = Load(served.cluster, f"http://{served.cluster.ingress}", served.host("review"), TEXT)
    with load.running():
        shell.run(f"helm uninstall gpux -n {NAMESPACE} --wait")
        eventually(lambda: not operators(served), 60, "the operator's pods have gone")
        kept = shell.run("kubectl get -f - -o name --ignore-not-found", manifest).split()
        assert kept == ["customresourcedefinition.apiextensions.k8s.io/gpuxmodels.gpux.io"]
        assert all_of_the_release(served) == ""
        assert in_its_namespace(served) == {"configmap/kube-root-ca.crt", "serviceaccount/default"}
        for name in MODELS:
            served.ask(name, "/info")
        served.types("docs/quickstart.md", "helm install gpux")
        logs = f"kubectl logs -n {NAMESPACE} -l {OURS} --tail=-1"

        def passed() -> bool:
            lines = [json.loads(line) for line in shell.run(logs).splitlines() if '"result": "ready"' in line]
            return {line["name"] for line in lines if line.get("namespace") == served.namespace} == set(MODELS)

        eventually(passed, 60, "the new operator has looked after each model and found it ready")
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert served.uids("gpuxmodels", "inferenceservices", "configmaps", "pods") == before


def test_an_upgrade_under_load_rolls_operator_and_models_and_loses_no_request(served: User) -> None:
    cluster, shell = served.cluster, served.shell
    before = served.uids("gpuxmodels", "inferenceservices")
    old = {item["metadata"]["name"] for item in cluster.select("pods", served.namespace)}
    old_operators = operators(served)
    lease = cluster.get("lease", RELEASE, NAMESPACE)["spec"]
    image = cluster.images()["predictor"]
    load = Load(cluster, f"http://{cluster.ingress}", served.host("review"), TEXT)
    with load.running():
        time.sleep(2)
        said = served.types(
            "docs/operations.md",
            "helm upgrade gpux charts/gpux --namespace gpux-system --reset-then-reuse-values\n",
            shlex.join(release.settings(cluster)),
        )
        assert "Phase:          Succeeded" in said
        shell.run(f"kubectl rollout status deployment/{RELEASE} -n {NAMESPACE} --timeout=120s")
        newer = f"--for=jsonpath='{{.spec.template.spec.containers[0].image}}'={image}"
        shell.run(f"kubectl wait {newer} deployment --all --timeout=120s")
        for name in MODELS:
            shell.run(f"kubectl rollout status deployment/{name}-predictor --timeout=120s")
        shell.run(f"kubectl wait --for=delete pod {' '.join(old)} --timeout=120s")
        shell.run(READY)
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert load.outcomes["200"] > 5 * RATE
    assert served.uids("gpuxmodels").items() <= before.items()
    services = {name: version.split()[0] for name, version in before.items() if name.startswith("InferenceService")}
    assert {name: version.split()[0] for name, version in served.uids("inferenceservices").items()} == services
    assert not set(operators(served)) & set(old_operators)
    now = cluster.get("lease", RELEASE, NAMESPACE)["spec"]
    assert now["leaseTransitions"] > lease["leaseTransitions"]
    assert now["holderIdentity"].split("_")[0] in {
        pod["metadata"]["name"] for pod in cluster.select("pods", NAMESPACE, OURS)
    }


READS = ("get", "describe", "explain", "logs")
CHANGES = {
    "kubectl scale gpuxmodel NAME --replicas=3": "below",
    "kubectl create job --from=cronjob/NAME now": "tests/e2e/test_batch.py",
    "kubectl logs job/now": "tests/e2e/test_batch.py",
    "kubectl scale --replicas=0": "tests/integration/api/test_updates.py",
    "kubectl delete gpuxmodel --all -A": "below",
    "kubectl delete crd gpuxmodels.gpux.io": "below",
}
"""What is no mere look at a model, and where it is typed."""


def test_the_commands_between_the_words_of_the_docs(served: User) -> None:
    looks = set(docblocks.inline("kubectl")) - set(CHANGES)
    assert len(looks) > 8
    for line in sorted(looks):
        assert line.split()[1] in READS, line
        typed = line.replace("KIND NAME", "configmap kube-root-ca.crt").replace("NAME", "review")
        if "--previous" in line:
            with pytest.raises(ClusterError, match="previous terminated container"):
                served.shell.run(typed)  # it has not crashed
        else:
            served.shell.run(typed)
    served.shell.run("kubectl scale gpuxmodel sentiment --replicas=3")
    served.shell.run(
        "kubectl wait --for=jsonpath='{.status.readyReplicas}'=3 deployment/sentiment-predictor --timeout=120s"
    )
    served.shell.run("kubectl scale gpuxmodel sentiment --replicas=1")


def test_a_backup_brings_a_model_back(served: User, tmp_path: Path) -> None:
    """As docs/operations.md says: without the status and what a server wrote into the metadata."""
    command = docblocks.one("docs/operations.md", "kubectl get gpuxmodel -A").text
    served.shell.run(command.replace(">gpuxmodels.yaml", f">{shlex.quote(str(tmp_path / 'gpuxmodels.yaml'))}"))
    kept = yaml.safe_load((tmp_path / "gpuxmodels.yaml").read_text())["items"]
    assert {item["metadata"]["name"] for item in kept if item["metadata"]["namespace"] == served.namespace} == set(
        MODELS
    )
    [lost] = [item for item in kept if item["metadata"]["name"] == "digits-image"]
    served.shell.run("kubectl delete gpuxmodel digits-image")
    written = {
        **{key: lost[key] for key in ("apiVersion", "kind", "spec")},
        "metadata": {key: lost["metadata"][key] for key in ("name", "namespace")},
    }
    served.shell.run("kubectl apply -f -", json.dumps(written))
    served.shell.run(READY)
    served.ask("digits-image", "/info")


def test_away_with_it_and_the_readme_s_own_lines(served: User) -> None:
    served.types("docs/quickstart.md", "kubectl delete gpuxmodel review")
    assert set(served.models()) == set(MODELS) - {"review"}
    said = served.types("README.md", "helm install gpux")
    shown = docblocks.one("README.md", "NAME     READY").text
    assert [line.split()[:5] for line in said.splitlines()[-2:]] == [line.split()[:5] for line in shown.splitlines()]


def test_everything_goes(served: User) -> None:
    """As docs/operations.md says, command by command; the next tests' CRD comes with the chart."""
    shell = served.shell
    shell.run("kubectl delete gpuxmodel --all -A")
    left = "kubectl get inferenceservices,cronjobs,poddisruptionbudgets,configmaps -A -l gpux.io/model -o name"
    eventually(lambda: shell.run(left) == "", 60, "what was made of models has gone")
    shell.run(f"helm uninstall gpux -n {NAMESPACE} --wait")
    shell.run("kubectl delete crd gpuxmodels.gpux.io")
    eventually(lambda: all_of_the_release(served) == "", 60, "nothing of the release is left")
    assert in_its_namespace(served) == {"configmap/kube-root-ca.crt", "serviceaccount/default"}
    assert "gpux" not in shell.run("kubectl get crd,clusterrole,clusterrolebinding,validatingadmissionpolicy -o name")
