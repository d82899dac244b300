"""Reading a mapping so that nothing in it is passed over in silence."""

from dataclasses import dataclass
from typing import Any, TypeVar

NO_COUNTERPART = "no counterpart in a GpuxModel"
T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """Something to know about a field.

    Attributes:
        path: of the field in the gpux.yml.
        lost: the manifest does not say it.
    """

    path: str
    message: str
    lost: bool


class Section:
    """A mapping of the gpux.yml; whatever is not taken from it is noted as lost by `end`.

    Args:
        content: the mapping; anything else is noted, and read as an empty one.
        path: where it is; empty for the whole file.
        notes: what is found.
    """

    def __init__(self, content: Any, path: str, notes: list[Note]) -> None:  # noqa: ANN401  (whatever YAML holds)
        self._left = dict(content) if isinstance(content, dict) else {}
        self._path = path
        self.notes = notes
        if content is not None and not isinstance(content, dict):
            notes.append(Note(path, f"expected a mapping, found {type(content).__name__}", lost=True))

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def take(self, key: str, kind: type[T]) -> T | None:
        """A value of that type, None if there is none or another, which is noted; a number is taken as text."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)  # type: ignore[return-value]
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return value
        self.lost(key, f"expected {kind.__name__}, found {value!r}")
        return None

    def any(self, key: str) -> Any:  # noqa: ANN401
        """A value of whatever type."""
        return self._left.pop(key, None)

    def section(self, key: str) -> "Section":
        """A mapping inside."""
        return Section(self._left.pop(key, None), self.path(key), self.notes)

    def path(self, key: str) -> str:
        """Where a key is in the file."""
        return f"{self._path}.{key}".lstrip(".")

    def lost(self, key: str, message: str) -> None:
        """Notes that the manifest does not say this."""
        self.notes.append(Note(self.path(key), message, lost=True))

    def hint(self, key: str, message: str) -> None:
        """Notes something that deserves a second look."""
        self.notes.append(Note(self.path(key), message, lost=False))

    def end(self, **instead: str) -> None:
        """Notes all that was not taken.

        Args:
            instead: for some keys what to do about them.
        """
        for key in self._left:
            if self._left[key] not in (None, {}, []):
                self.lost(str(key), f"{NO_COUNTERPART}{': ' + instead[key] if key in instead else ''}")
        self._left = {}
