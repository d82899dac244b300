"""Named features to one row of the graph's numbers."""

import math
from typing import Any

import numpy as np

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.tensors.values import element_of, json_type
from gpux_predictor.transforms import tabular_checks

FEATURES = "features"
"""The key of a request that holds the features."""


class TabularTransform:
    """Puts named features in the order of the graph's columns.

    Args:
        spec: `preprocessing.tabular`.
        signature: the graph's.

    Attributes:
        tensor: the graph's input that is filled.
        entity_key: the request's key that names the entity, repeated in the answer.
        names: the features in the order of the graph's columns.
        dtype: of the graph's columns.

    Raises:
        LoadError: InvalidPreprocessing, if the spec does not go with the graph.
    """

    def __init__(self, spec: TabularSpec, signature: Signature) -> None:
        self.tensor = tabular_checks.find(spec, signature)
        self.entity_key = spec.entity_key
        self._element = element_of(self.tensor)
        self.dtype = self._element.dtype
        self.names = list(spec.features)
        self._known = frozenset(spec.features)
        self._fallback = tabular_checks.fallback(spec, self._element.kind)
        if spec.defaults:
            try:
                self._array({name: spec.defaults.get(name, 0.0) for name in self.names})
            except BadRequest as error:
                raise tabular_checks.refuse(f"defaults: {error.detail}") from None

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

    def row(self, body: dict[str, Any]) -> np.ndarray:
        """The features of one request from `parse`, as [len(features)] in the graph's dtype.

        A feature that is null is absent, which makes it its default, NaN or an error, as the spec says.

        Raises:
            BadRequest: naming the feature that is missing, unknown, no number, or out of range.
        """
        found = body[FEATURES]
        if not isinstance(found, dict):
            raise BadRequest(f"Invalid input type for '{FEATURES}': expected object")
        if not found.keys() <= self._known:
            unknown = next(name for name in found if name not in self._known)
            raise BadRequest(f"Unknown feature: '{unknown}'; this model takes {tabular_checks.some(self.names)}")
        return self._array(found)

    def fallback(self, name: str) -> float | None:
        """The value of a feature that is absent; None if it must not be."""
        return self._fallback.get(name)

    def _array(self, found: dict[str, Any]) -> np.ndarray:
        values = []
        for name in self.names:
            value = found.get(name)
            if value is None:
                value = self._fallback.get(name)
                if value is None:
                    raise BadRequest(f"Missing required feature: '{name}'")
            if type(value) is not float and type(value) is not int:
                raise BadRequest(f"Invalid feature type for '{name}': expected number")
            values.append(value)
        return self._integers(values) if self._element.kind == "i" else self._floats(values)

    def _floats(self, values: list[float]) -> np.ndarray:
        largest = float(np.finfo(self._element.dtype).max)
        for name, value in zip(self.names, values, strict=True):
            if _finite(value) and not -largest <= value <= largest:  # NaN and infinities go as they are
                raise BadRequest(
                    f"Invalid feature value for '{name}': {_short(value)} is out of range for {self._element.name}"
                )
        return np.array(values, self._element.dtype)

    def _integers(self, values: list[float]) -> np.ndarray:
        limits = np.iinfo(self._element.dtype)
        for name, value in zip(self.names, values, strict=True):
            if not _finite(value) or value != int(value):
                raise BadRequest(f"Invalid feature type for '{name}': expected integer")
            if not limits.min <= value <= limits.max:
                raise BadRequest(
                    f"Invalid feature value for '{name}': {_short(value)} is out of range for {self._element.name}"
                )
        return np.array([int(value) for value in values], self._element.dtype)

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


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _short(value: float) -> str:
    return str(value) if isinstance(value, float) or abs(value) < 10**30 else "the number"
