"""Each reason that a user can meet has its row in the docs, with the words of the code."""

import re
from pathlib import Path

from gpux_operator.status.reasons import Reason
from gpux_predictor.errors import LoadReason
from gpux_predictor.serving.health import Phase

DOCS = Path(__file__).parents[3] / "docs"


def test_the_operators_reasons() -> None:
    rows = dict(
        re.findall(
            r"^\| `([A-Z]\w+)` \| (.+) \|$", (DOCS / "status.md").read_text().split("## Reasons")[1], re.MULTILINE
        )
    )
    assert rows == {str(reason): reason.doc for reason in Reason}


def test_the_predictors_reasons() -> None:
    table = (DOCS / "http.md").read_text().split("## Why a model is not ready")[1]
    documented = {
        name for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert documented == {str(reason) for reason in (*LoadReason, *Phase)} - {Phase.READY, Phase.FAILED}
