"""Modules that KServe imports and this server never uses, left out: half a second of every start, and 50 MB.

KServe names pandas in the signatures of its tensor types; the Kubernetes client, the resources of its API and httpx's command line
are for callers. Our routes answer before KServe's codecs. What is imported in their place has any attribute, as an empty class.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED = ("pandas", "kubernetes", "kserve.api", "kserve.models", "httpx._main")


class _Hollow(ModuleType):
    """A module that has whatever it is asked for."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (), {"__module__": self.__name__})
        setattr(self, name, found)
        return found


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        unused = any(f"{fullname}.".startswith(f"{name}.") for name in UNUSED)
        return ModuleSpec(fullname, self, is_package=True) if unused else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def spared() -> Iterator[None]:
    """While the block runs, imports of `UNUSED` get hollow modules, if the real ones are not there yet; afterwards real ones again."""
    before = set(sys.modules)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if isinstance(sys.modules[name], _Hollow):
                del sys.modules[name]
