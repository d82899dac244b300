"""The sync requests of the prediction API's document against examples/match-outcome."""

from typing import Any

import pytest

from predictorserver import Server

FEATURES = {"diff_win_5_mean": 0.3, "diff_goals_for_3_mean": 0.6, "home_elo_pre": 1520.0, "sex": 0}
ANSWER = (
    b'{"match_id":99,"prediction":{"predicted_class":0,"probabilities":{"0":0.58,"1":0.27,"2":0.15},'
    b'"model_version":"Production","model_run_id":"3f7a1c9d2e4b"}}'
)


@pytest.mark.parametrize("path", ["/predict/", "/predict"])
def test_sync_prediction(match_outcome: Server, path: str) -> None:
    found = match_outcome.http.post(path, json={"match_id": 99, "features": FEATURES})
    assert (found.status_code, found.headers["content-type"], found.content) == (200, "application/json", ANSWER)


def test_model_info(match_outcome: Server) -> None:
    assert match_outcome.http.get("/model/info").json() == {
        "model_name": "soccer_model",
        "model_version": "Production",
        "model_run_id": "3f7a1c9d2e4b",
        "loaded": True,
    }


def test_a_feature_with_a_default_may_be_absent(match_outcome: Server) -> None:
    """The features of the document's second program, which leaves home_elo_pre out."""
    short = {name: value for name, value in FEATURES.items() if name != "home_elo_pre"}
    found = match_outcome.http.post("/predict/", json={"match_id": 99, "features": short}).json()
    filled = match_outcome.http.post("/predict/", json={"match_id": 99, "features": short | {"home_elo_pre": 1500}})
    assert found == filled.json()
    assert 0.5 < found["prediction"]["probabilities"]["0"] < 0.58


def test_a_list_of_matches(match_outcome: Server) -> None:
    weak = FEATURES | {"home_elo_pre": 1200.0, "diff_win_5_mean": -1.0}
    body = [{"match_id": "final", "features": weak}, {"match_id": 99, "features": FEATURES}]
    found: Any = match_outcome.http.post("/predict/", json=body).json()
    assert [row["match_id"] for row in found] == ["final", 99]
    assert [row["prediction"]["predicted_class"] for row in found] == [2, 0]
    assert sum(found[0]["prediction"]["probabilities"].values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"features": FEATURES}, "Missing required input: 'match_id'"),
        ({"match_id": 99}, "Missing required input: 'features'"),
        ({"match_id": 99, "features": {"sex": 0}}, "Missing required feature: 'diff_win_5_mean'"),
        ({"match_id": 99, "features": FEATURES | {"sex": "f"}}, "Invalid feature type for 'sex': expected number"),
    ],
)
def test_errors(match_outcome: Server, body: Any, detail: str) -> None:
    found = match_outcome.http.post("/predict/", json=body)
    assert (found.status_code, found.json()) == (400, {"detail": detail})
