"""The project: where the source of its modules lies, each file seen in one state."""

from pathlib import Path
from typing import NamedTuple

from bookfigs.cache import Cache
from bookfigs.errors import InputError
from bookfigs.source import Module, parse

Reference = tuple[Path, str]
"""A source file, and a name that it binds."""


class Step(NamedTuple):
    """What one definition comes to."""

    value: str
    """Its hash; empty if there is none of its name."""
    reached: tuple[Reference, ...]
    files: frozenset[Path]
    """Files that were looked at or looked for to find that."""


class Meaning(NamedTuple):
    """What a dotted name stands for, wherever in the project it is used."""

    reached: tuple[Reference, ...]
    files: frozenset[Path]
    """Files that were looked at or looked for to find that."""


class Project:
    """Finds the source of modules of the project; knows no other modules.

    It sees each file in one state: what changes later is seen by the next one.
    """

    def __init__(self, root: Path, cache: Cache | None = None) -> None:
        package = Path(__file__).parent
        self._package = package.name
        self._roots = (package.parent, root)
        self._sources: dict[str, tuple[Path | None, list[Path]]] = {}
        self._modules: dict[Path, Module] = {}
        self._names: dict[Path, str] = {}
        self.root = root
        self.cache = cache or Cache()
        self.steps: dict[Reference, Step] = {}
        self.meanings: dict[str, Meaning] = {}
        self.seen: set[Path] = set()
        """Files that were looked at or looked for."""

    def source(self, module: str) -> Path | None:
        """The file of a dotted module name, or None if it is not of the project."""
        if module not in self._sources:
            self._sources[module] = self._find(module)
        found, candidates = self._sources[module]
        self.seen.update(candidates)
        return found

    def look_for(self, module: str) -> None:
        """Let the cache see the file of a module, and where it might be too."""
        self.source(module)
        for path in self._sources[module][1]:
            self.cache.digest(path)

    def module(self, path: Path) -> Module:
        """The parsed source. Raises: InputError with the line that does not parse."""
        self.seen.add(path)
        if path not in self._modules:
            try:
                content = self.cache.content(path)
            except OSError as error:
                what = f"cannot be read: {error.strerror}"
                raise InputError(path.name, what) from error
            self._modules[path] = parse(path, content)
        return self._modules[path]

    def name(self, path: Path) -> str:
        """Dotted name of a source file, wherever the project lies."""
        if path not in self._names:
            self._names[path] = self._name(path)
        return self._names[path]

    def _name(self, path: Path) -> str:
        for root in self._roots:
            if path.is_relative_to(root):
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return path.stem

    def _find(self, module: str) -> tuple[Path | None, list[Path]]:
        """The file of a module, and where it was looked for."""
        parts = module.split(".")
        root = self._roots[parts[0] != self._package]
        base = root.joinpath(*parts)
        if len(parts) > 1 and not (root / parts[0]).exists():
            return None, [root / parts[0]]  # none of its modules is there either
        above = ".".join(parts[:-1])
        if above and (around := self.source(above)) and around.stem != "__init__":
            return None, self._sources[above][1]  # nothing is in what is no package
        candidates = [base / "__init__.py", base.with_name(f"{base.name}.py")]
        found = next((path for path in candidates if path.is_file()), None)
        return found, candidates
