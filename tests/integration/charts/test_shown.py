"""Every helm line of the documentation that installs or upgrades the chart is one that the real helm renders."""

import re
import shlex
from itertools import pairwise

import pytest
import yaml

from docblocks import blocks, pages
from testcluster.chart import CHART, helm

pytestmark = pytest.mark.usefixtures("built_tools")
INSTALLS = re.compile(r"^helm (?:install|upgrade) (\S+) charts/gpux(.*)$", re.MULTILINE)
FOR_A_CLUSTER = {"--create-namespace", "--reset-then-reuse-values", "--reuse-values"}
"""Options that say how a cluster is asked; they are none of `helm template`."""
LINES = sorted(
    {
        (str(block), *found)
        for page in pages()
        for block in blocks(page)
        for found in INSTALLS.findall(block.text.replace("\\\n", " "))
    }
)


def test_there_are_such_lines() -> None:
    assert {where.split(":")[0] for where, *_ in LINES} >= {"README.md", "docs/quickstart.md", "examples/README.md"}


@pytest.mark.parametrize(("where", "release", "options"), LINES, ids=[line[0] for line in LINES])
def test_helm_takes_it(where: str, release: str, options: str) -> None:
    given = [word for word in shlex.split(options) if word not in FOR_A_CLUSTER]
    rendered = [item for item in yaml.safe_load_all(helm("template", release, str(CHART), *given)) if item]
    [operator] = [item for item in rendered if item["kind"] == "Deployment"]
    namespace = next(value for option, value in pairwise(given) if option == "--namespace")
    assert operator["metadata"]["namespace"] == namespace, where
