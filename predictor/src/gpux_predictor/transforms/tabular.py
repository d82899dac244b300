"""Named features to the graph's inputs: one row of numbers, or an input for each column."""

from typing import Any

import numpy as np

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.tensors.values import element_of, json_type
from gpux_predictor.transforms import features, tabular_checks, tabular_columns
from gpux_predictor.transforms.tabular_columns import Columns

FEATURES = "features"
"""The key of a request that holds the features."""


class TabularTransform:
    """Puts named features where the graph takes them.

    Args:
        spec: `preprocessing.tabular`.
        signature: the graph's.

    Attributes:
        inputs: the graph's inputs that are filled.
        entity_key: the request's key that names the entity, repeated in the answer.
        columns: which of them takes which features.
        names: all features.

    Raises:
        LoadError: InvalidPreprocessing, if the spec does not go with the graph.
    """

    def __init__(self, spec: TabularSpec, signature: Signature) -> None:
        self.columns = tabular_columns.find(spec, signature)
        self._fallback = tabular_checks.fallback(spec, self.columns)
        self.names = list(spec.features)
        self._known = frozenset(spec.features)
        self._takers = [(columns, features.taker(columns.tensor)) for columns in self.columns]
        self.inputs = frozenset(columns.tensor.name for columns in self.columns)
        self.entity_key = spec.entity_key

    def fallback(self, name: str) -> float | None:
        """The value of a feature that is absent; None if it must not be."""
        return self._fallback.get(name)

    def parse(self, body: Any) -> tuple[list[dict[str, Any]], bool]:  # noqa: ANN401
        """The requests of a body, and whether it was one that came without a list.

        Args:
            body: `{"match_id": 99, "features": {"elo": 1520.0}}`, or a list of such objects.

        Raises:
            BadRequest: another type, an empty list, an unknown key, or no entity or features.
        """
        single = not isinstance(body, list)
        bodies = [body] if single else body
        if not bodies:
            raise BadRequest("Invalid request body: the array is empty")
        for item in bodies:
            self._check_keys(item)
        return bodies, single

    def feeds(self, bodies: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        """The features of requests from `parse`, for each input [len(bodies), its features] in its element type.

        A feature that is null is absent, which makes it its default, NaN or an error, as the spec says.

        Raises:
            BadRequest: naming the feature that is missing, unknown, of another type, or out of range.
        """
        found = [self._found(body) for body in bodies]
        return {columns.tensor.name: self._array(columns, take, found) for columns, take in self._takers}

    def _found(self, body: dict[str, Any]) -> dict[str, Any]:
        found: Any = body[FEATURES]
        if not isinstance(found, dict):
            raise BadRequest(f"Invalid input type for '{FEATURES}': expected object")
        if not found.keys() <= self._known:
            raise features.unknown(next(name for name in found if name not in self._known), self.names)
        return found

    def _array(self, columns: Columns, take: features.Take, found: list[dict[str, Any]]) -> np.ndarray:
        rows = []
        for sent in found:
            row = []
            for name in columns.features:
                if (value := sent.get(name)) is None and (value := self._fallback.get(name)) is None:
                    raise BadRequest(f"Missing required feature: '{name}'")
                row.append(take(name, value))
            rows.append(row)
        array = np.array(rows, element_of(columns.tensor).dtype)
        return array[:, 0] if columns.flat else array

    def _check_keys(self, body: Any) -> None:  # noqa: ANN401
        if not isinstance(body, dict):
            raise BadRequest(
                f"Invalid request body: expected a JSON object with '{self.entity_key}' and '{FEATURES}', found {json_type(body)}"
            )
        for key in (self.entity_key, FEATURES):
            if key not in body:
                raise BadRequest(f"Missing required input: '{key}'")
        if type(body[self.entity_key]) not in (str, int, float):
            raise BadRequest(f"Invalid input type for '{self.entity_key}': expected string or number")
        if len(body) > 2:
            unknown = next(key for key in body if key not in (self.entity_key, FEATURES))
            raise BadRequest(f"Unknown input: '{unknown}'; this model takes '{self.entity_key}', '{FEATURES}'")
