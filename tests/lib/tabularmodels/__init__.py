"""Small models of tables, trained on the data that scikit-learn ships and exported by the libraries' own converters."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sklearn import datasets

from gpux_api.manifests import parse
from gpux_predictor.serving.loading import LoadedModel, Origin, load

KEY = "row"
"""The entity key of all manifests here."""


@dataclass(frozen=True)
class Table:
    """Rows with their targets.

    Attributes:
        features: the columns' names.
        x: float32 [rows, columns].
        y: the target of each row.
    """

    features: list[str]
    x: np.ndarray
    y: np.ndarray

    def rows(self, x: np.ndarray | None = None) -> list[dict[str, Any]]:
        """Rows as requests name them; NaN is null, as JSON writes it."""
        found = self.x if x is None else x
        return [
            {name: None if np.isnan(value) else value for name, value in zip(self.features, row, strict=True)}
            for row in found.astype(float).tolist()
        ]


def table(name: str, columns: int | None = None) -> Table:
    """iris, wine, breast_cancer or diabetes."""
    bunch = getattr(datasets, f"load_{name}")()
    names = [str(feature) for feature in bunch.feature_names][:columns]
    return Table(names, bunch.data[:, :columns].astype(np.float32), bunch.target)


def quietly(model: Any, x: Any, y: Any) -> Any:
    """The model, fitted; that it has not converged or will be removed is of no concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)


@dataclass(frozen=True)
class Served:
    """A model as a manifest serves it."""

    loaded: LoadedModel

    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The predictions about rows, asked in one request."""
        body = orjson.dumps([{KEY: i, "features": row} for i, row in enumerate(rows)])
        found = orjson.loads(self.loaded.predict(body))
        assert [item[KEY] for item in found] == list(range(len(rows)))
        return [item["prediction"] for item in found]

    def one(self, row: dict[str, Any]) -> dict[str, Any]:
        """The prediction about one row, asked alone."""
        found: dict[str, Any] = orjson.loads(self.loaded.predict(orjson.dumps({KEY: "a", "features": row})))
        assert found[KEY] == "a"
        prediction: dict[str, Any] = found["prediction"]
        return prediction


def serve(folder: Path, onnx: Any, features: list[str], **spec: Any) -> Served:
    """A model through the real loader.

    Args:
        folder: where the file goes.
        onnx: an onnx.ModelProto.
        features: of preprocessing.tabular.
        spec: further fields of preprocessing.tabular; `outputs`, `postprocessing` and `samples` are the manifest's.
    """
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    beside = {name: spec.pop(name) for name in ("outputs", "postprocessing", "samples") if name in spec}
    manifest = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "table"},
        "spec": {
            "model": {"source": {"uri": "file://" + str(folder / "model.onnx")}, "version": "7", "runId": "run"},
            "preprocessing": {"tabular": {"entityKey": KEY, "features": features} | spec},
            "runtime": {"threads": 1},
        }
        | beside,
    }
    return Served(load(parse(manifest), Origin(folder)))
