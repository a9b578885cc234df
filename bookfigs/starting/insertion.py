"""An entry more in ``_quarto.yml``, put into the text: all else stays as it is.

The file is its author's: comments, order, quotes and ends of lines are not touched.
An entry is put where the parser says that a list ends; then the text is read again,
and has to say what it said before, and that entry more.
"""

from pathlib import Path
from typing import Any

import yaml

from bookfigs.errors import InputError
from bookfigs.lint.filters import ENTRY, ENTRY_BY_PATH
from bookfigs.starting.settings import (
    EARLY,
    Settings,
    has_filter,
    is_early,
    ours,
    parse,
    scalars,
)

LAST = "references"
"""The name of a last chapter before which others are put."""


def with_filter(
    settings: Settings, entry: str, quarto: tuple[int, ...] | None = None
) -> str:
    """The text with the filter listed early enough; the same if it already is.

    Raises: InputError, with what to write, if it cannot be put in safely.
    """
    listed = ours(settings)
    if any(is_early(node, quarto) for node in listed):
        return settings.text
    if listed:
        node = listed[0]
        new = _replaced(settings, node, f"{{path: {entry}, at: {EARLY}}}")
        return _checked(settings, new, None, ["filters"])
    lines = [f"- path: {entry}", f"  at: {EARLY}"]
    flow = f"{{path: {entry}, at: {EARLY}}}"
    new = _added(settings, ["filters"], lines, flow)
    return _checked(settings, new, flow, ["filters"])


def with_chapter(settings: Settings, page: str) -> str:
    """The text with a page among the chapters of a book; the same if it is there.

    It comes last, but before the references.
    Raises: InputError, with what to write, if it cannot be put in safely.
    """
    chapters = settings.at("book", "chapters")
    if chapters is not None and page in scalars(settings.at("book")):
        return settings.text
    before = None
    if isinstance(chapters, yaml.SequenceNode) and len(chapters.value) > 1:
        last = chapters.value[-1]
        is_last = isinstance(last, yaml.ScalarNode) and Path(last.value).stem == LAST
        before = -1 if is_last else None
    keys = ["book", "chapters"]
    new = _added(settings, keys, [f"- {page}"], page, before)
    return _checked(settings, new, page, keys, before)


def _end(node: yaml.Node) -> int:
    """Where the last sign of a node ends; its own mark lies behind comments."""
    if node.value and not getattr(node, "flow_style", True):
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _replaced(settings: Settings, node: yaml.Node, flow: str) -> str:
    """The text with another entry in the place of one."""
    start, end = node.start_mark.index, _end(node)
    if "#" in settings.text[start:end]:
        raise _refusal(settings, "filters", "the entry holds a comment")
    return settings.text[:start] + flow + settings.text[end:]


def _added(
    settings: Settings,
    keys: list[str],
    lines: list[str],
    flow: str,
    before: int | None = None,
) -> str:
    """The text with one entry more in the list under keys."""
    text, node = settings.text, settings.at(*keys)
    if node is None and len(keys) == 1:
        return _appended(settings, keys[0], lines)
    if isinstance(node, yaml.ScalarNode) and not node.value:
        at = node.start_mark.index
        indent = " " * (2 * len(keys))
    elif not isinstance(node, yaml.SequenceNode):
        raise _refusal(settings, keys[-1], "it is no list")
    elif node.flow_style or not node.value:
        items = node.value[: before or None]
        at = _end(items[-1]) if items else node.end_mark.index - 1
        return f"{text[:at]}{', ' if items else ''}{flow}{text[at:]}"
    else:
        at = _end(node.value[: before or None][-1])
        dash = text.rindex("-", 0, node.value[0].start_mark.index)
        indent = " " * (dash - text.rfind("\n", 0, dash) - 1)
    if text[at - 1] != "\n":
        at = text.find("\n", at) + 1 or len(text)
    lead = "" if text[:at].endswith("\n") else settings.newline
    new = "".join(f"{indent}{line}{settings.newline}" for line in lines)
    return text[:at] + lead + new + text[at:]


def _appended(settings: Settings, key: str, lines: list[str]) -> str:
    """The text with a list of one entry at its end."""
    root, end = settings.root, settings.newline
    if root is not None and root.flow_style:
        raise _refusal(settings, key, "the settings stand in braces")
    indent = " " * (root.start_mark.column if root is not None else 0)
    lead = "" if not settings.text or settings.text.endswith("\n") else end
    spaced = settings.text.endswith(end * 2) or not settings.text.strip()
    gap = "" if spaced else end
    new = [f"{key}:", *(f"  {line}" for line in lines)]
    return settings.text + lead + gap + "".join(f"{indent}{n}{end}" for n in new)


def _checked(
    settings: Settings,
    text: str,
    flow: str | None,
    keys: list[str],
    before: int | None = None,
) -> str:
    """The text, if it says what was said before, and one entry more under keys.

    ``flow`` is that entry; None where another one is now different.
    Raises: InputError with what to write.
    """
    try:
        new = parse(text, settings.place)
    except InputError as error:
        raise _refusal(settings, keys[-1], error.what) from error
    wanted = _plain(settings.root) or []
    if flow is None:
        same = len(ours(new)) == len(ours(settings)) and has_filter(new)
        same = same and _others(new) == _others(settings)
    else:
        entry = _plain(yaml.compose(flow, Loader=yaml.SafeLoader))
        same = _plain(new.root) == _with(wanted, keys, entry, before)
    if not same:
        raise _refusal(settings, keys[-1], "the list is written in an unusual way")
    return text


def _plain(node: yaml.Node | None) -> Any:  # noqa: ANN401 - whatever YAML can say
    """What a node says, whatever it looks like; mappings as lists of pairs."""
    if isinstance(node, yaml.MappingNode):
        return [(_plain(key), _plain(value)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return None if node is None else (node.tag, node.value)


def _with(pairs: Any, keys: list[str], entry: Any, before: int | None) -> Any:  # noqa: ANN401 - the same
    """What a mapping says when a list in it has an entry more."""
    pairs = pairs if isinstance(pairs, list) else []
    names = [_name(pair) for pair in pairs]
    if keys[0] not in names:
        return [*pairs, (("tag:yaml.org,2002:str", keys[0]), [entry])]
    at = names.index(keys[0])
    key, value = pairs[at]
    if len(keys) > 1:
        value = _with(value, keys[1:], entry, before)
    else:
        items = value if isinstance(value, list) else []
        cut = len(items) if before is None else len(items) + before
        value = [*items[:cut], entry, *items[cut:]]
    return [*pairs[:at], (key, value), *pairs[at + 1 :]]


def _name(pair: Any) -> str | None:  # noqa: ANN401 - the same
    """The name of a pair of a mapping; None for anything else, as a list may be."""
    match pair:
        case ((str(), str() as name), _):
            return name
    return None


def _others(settings: Settings) -> str:
    """What is said besides our entries."""
    gone = {id(node) for node in ours(settings)}

    def told(node: yaml.Node) -> str:
        if id(node) in gone:
            return "ours"
        if isinstance(node, yaml.MappingNode):
            return repr([(told(key), told(value)) for key, value in node.value])
        if isinstance(node, yaml.SequenceNode):
            return repr([told(item) for item in node.value])
        return repr((node.tag, node.value))

    return told(settings.root) if settings.root is not None else ""


def _refusal(settings: Settings, key: str, why: str) -> InputError:
    """That the file stays as it is, and what to write into it."""
    write = {
        "filters": f"write there: {ENTRY} (before Quarto 1.8: {ENTRY_BY_PATH})",
        "chapters": "write the page into the list of chapters there",
    }[key]
    what = f"{key} cannot be changed safely ({why}); the file stays as it is"
    return InputError(settings.place, what, run=f"{write}; then bookfigs init again")
