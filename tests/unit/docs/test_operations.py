"""docs/operations.md: its reasons are the operator's, its links lead somewhere."""

import re
from pathlib import Path

import yaml

from gpux_operator.status.reasons import Reason
from gpux_predictor.errors import LoadReason

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def anchors(page: Path) -> set[str]:
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


WELL = {
    Reason.VALID,
    Reason.FIELDS_IGNORED,
    Reason.SERVING,
    Reason.NEWEST_SERVES,
    Reason.MODEL_READY,
    Reason.BATCH_RUN_SUCCEEDED,
    Reason.NO_BATCH_RUN_YET,
    Reason.CANARY_IN_PROGRESS,
    Reason.SCALED_TO_ZERO,
}


def test_trouble_of_every_reason_has_a_place_to_look() -> None:
    table = PAGE.split("## Troubleshooting")[1]
    rows = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(
        {str(reason) for reason in (*Reason, *LoadReason)} - {str(reason) for reason in WELL}
    )


def test_the_links_lead_somewhere() -> None:
    rules = yaml.safe_load((ROOT / "charts" / "gpux" / "files" / "rules.yaml").read_text())
    runbooks = [rule["annotations"]["runbook_url"] for group in rules["groups"] for rule in group["rules"]]
    links = [(ROOT / "docs", link) for link in re.findall(r"\]\((?!http)([^)]+)\)", PAGE)]
    readme = ROOT / "charts" / "gpux" / "README.md"
    links += [(readme.parent, link) for link in re.findall(r"\]\((?!http)([^)]+)\)", readme.read_text())]
    links += [(ROOT, link) for link in runbooks]
    assert len(links) > 20
    for folder, link in links:
        file, _, anchor = link.partition("#")
        target = (folder / file).resolve() if file else ROOT / "docs" / "operations.md"
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
