"""Awaited: what is done as soon as a module is imported, and never if it is not.

Whoever sets up a large module for others need not import it for those who do without.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Awaiting(MetaPathFinder):
    """Comes before all other finders, until the module is found."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name, self.then = name, then

    def find_spec(
        self,
        fullname: str,
        path: object,  # noqa: ARG002 - the other finders', who ask for it themselves
        target: object = None,  # noqa: ARG002 - the same
    ) -> ModuleSpec | None:
        """What the other finders find, with something to do afterwards."""
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: Loader) -> None:
        """Come after what a loader does next.

        On the object: what asks for its type still finds the loader that it knows.
        """
        execute, changed = loader.exec_module, vars(loader)

        def execute_and_then(module: ModuleType) -> None:
            del changed["exec_module"]
            execute(module)
            self.then()

        changed["exec_module"] = execute_and_then


def whenever_imported(name: str, then: Callable[[], None]) -> None:
    """Call ``then`` now if the module is imported, or else right after it is.

    Preconditions: a module of a file, as all but those are that Python is made with.
    Edge cases: of several that wait for a module the last counts.
    Cost: none for who never imports it.
    """
    if name in sys.modules:
        then()
        return
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if not (isinstance(finder, _Awaiting) and finder.name == name)
    ]
    sys.meta_path.insert(0, _Awaiting(name, then))
