"""``_quarto.yml``, read as YAML: what it says, and where in the text it says it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from bookfigs.errors import InputError
from bookfigs.lint.filters import BY_NAME, OURS

HOME = "_extensions/bookfigs"
"""Where the extension lies in a book."""

EARLY = "pre-ast"

LARGEST = 100_000
"""Nodes that settings may have, with what aliases repeat."""


@dataclass(frozen=True)
class Settings:
    """A settings file: its text, and where the parser saw what in it."""

    place: str
    text: str
    root: yaml.MappingNode | None

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def at(self, *keys: str) -> yaml.Node | None:
        """The value under keys inside of keys; None if there is none."""
        found: yaml.Node | None = self.root
        for key in keys:
            pairs = found.value if isinstance(found, yaml.MappingNode) else []
            values = [value for name, value in pairs if name.value == key]
            found = values[0] if values else None
        return found

    @property
    def kind(self) -> str:
        """The type of the project."""
        node = self.at("project", "type")
        return str(node.value) if isinstance(node, yaml.ScalarNode) else "default"


def read(path: Path, place: str) -> Settings:
    """Read a settings file. Raises: InputError if it is no mapping in YAML."""
    try:
        return parse(path.read_bytes().decode(), place)
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 (byte {error.start + 1})"
        raise InputError(place, what) from error


def parse(text: str, place: str) -> Settings:
    """Read the text of settings. Raises: InputError with the line that is wrong."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        cause = getattr(error, "problem", None) or str(error).replace("\n", " ")
        raise InputError(place, f"is no YAML: {line}{cause}") from error
    except (RecursionError, ValueError) as error:
        raise InputError(place, f"is no YAML that can be read: {error}") from error
    if root is not None and _size(root, {}) > LARGEST:
        raise InputError(place, "its aliases repeat it beyond all bounds")
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise InputError(place, "has to be a mapping of settings, and is none")
    return Settings(place, text, root)


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """How many nodes it is with its aliases written out; infinite in a circle."""
    if id(node) not in known:
        known[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [
            p for one in inner for p in (one if isinstance(one, tuple) else (one,))
        ]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def entry_for(quarto: tuple[int, ...] | None, home: str = HOME) -> str:
    """The entry under ``filters`` for a version of Quarto; None: for all of them."""
    if quarto is not None and quarto >= BY_NAME:
        return "bookfigs"
    return f"{home}/bookfigs.lua"


def has_filter(settings: Settings, quarto: tuple[int, ...] | None = None) -> bool:
    """Whether the filter is listed, early enough for a version of Quarto."""
    return any(is_early(node, quarto) for node in ours(settings))


def ours(settings: Settings) -> list[yaml.Node]:
    """Every filter in a list, for the book or a format, that is this tool's."""
    found = []
    for filters in [settings.at("filters"), *_of_formats(settings)]:
        items = filters.value if isinstance(filters, yaml.SequenceNode) else []
        found += [item for item in items if OURS.search(_path(item))]
    return found


def _of_formats(settings: Settings) -> Iterator[yaml.Node | None]:
    formats = settings.at("format")
    for name, _ in formats.value if isinstance(formats, yaml.MappingNode) else []:
        yield settings.at("format", name.value, "filters")


def _path(item: yaml.Node) -> str:
    """What an entry of a list of filters names."""
    if isinstance(item, yaml.MappingNode):
        return _fields(item).get("path", "")
    return str(item.value) if isinstance(item, yaml.ScalarNode) else ""


def _fields(item: yaml.MappingNode) -> dict[str, str]:
    return {str(key.value): str(value.value) for key, value in item.value}


def is_early(item: yaml.Node, quarto: tuple[int, ...] | None) -> bool:
    """Whether an entry runs the filter before Quarto parses figures."""
    if not isinstance(item, yaml.MappingNode) or _fields(item).get("at") != EARLY:
        return False
    return _path(item).endswith(".lua") or (quarto or BY_NAME) >= BY_NAME


def scalars(node: yaml.Node | None) -> Iterator[str]:
    """Every word that stands below a node."""
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from scalars(value)


def other_files(settings: Settings) -> list[str]:
    """Files that ``metadata-files`` names, whose settings count as well."""
    return [name for name in scalars(settings.at("metadata-files")) if name]
