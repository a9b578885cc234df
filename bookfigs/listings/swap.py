"""Swapping: imports find other code in place of a file, in this process alone."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

THREADED = {"jax", "jaxlib"}
"""Packages that start threads when they are imported: no fork would have them."""


def warm(root: str, modules: Iterable[str]) -> None:
    """Import what does not belong to the project."""
    top = Path(root).resolve()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            head = name.partition(".")[0]
            ours = (top / head).exists() or (top / f"{head}.py").exists()
            if not ours and head not in THREADED and not head.startswith("__"):
                with suppress(Exception):
                    import_module(name)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)


def swap(root: str, source: str, code: CodeType, found: Callable[[], None]) -> None:
    """Let imports find some code in place of a file, and all of the project anew.

    ``found`` is called whenever it was found.
    """
    original = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        if os.path.realpath(loader.path) == source:
            found()
            return code
        return original(loader, fullname)

    setattr(SourceFileLoader, "get_code", get_code)  # noqa: B010 - of a class not ours
    _forget(os.path.realpath(root))


def _forget(root: str) -> None:
    """Forget the project's modules, so that they are imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name == "__main__":
            continue
        path = os.path.realpath(file)
        if path.startswith(root + os.sep) and "site-packages" not in path:
            del sys.modules[name]
