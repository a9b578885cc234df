"""Lies in programs: figure files, code that was measured, tests, printed lines."""

import ast
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from forged.measured import every_record
from tampering import Desk, Lie, digit

TOLD = {"CLAIMS", "VALUES", "CAPTION", "ALT", "COLUMNS", "POINTS"}
MOST = 12
"""So many numbers and sentences of a part of a figure file are tried."""

SAID = re.compile(r"\b[a-z]{4,}\b")


def _changed(kind: str, what: str, path: Path, text: str, slug: str) -> Lie:
    """A file that says something else."""
    tell = partial(Desk.write, path=path, content=text.encode())
    return Lie(kind, what, tell, (slug, path.name))


def figures(desk: Desk) -> Iterator[Lie]:
    """The file of a figure: its words, thresholds, parameters."""
    for slug, path in desk.book.figures().items():
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id in TOLD:
                for what, changed in _constants(text, node):
                    kind = f"figure file: {target.id}"
                    yield _changed(kind, f"{slug}:{what}", path, changed, slug)
        tell = partial(Desk.remove, path=path)
        yield Lie("figure file removed", slug, tell, (slug,))


def _constants(text: str, node: ast.stmt) -> Iterator[tuple[str, str]]:
    """A file with another number or sentence in a statement, one at a time."""
    found = [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Constant)
        and isinstance(each.value, str | int | float)
        and not isinstance(each.value, bool)
    ]
    for each in found[:MOST]:
        old = ast.get_source_segment(text, each) or ""
        new = _reworded(old) if isinstance(each.value, str) else digit(old)
        lines = text.splitlines(keepends=True)
        line = lines[each.lineno - 1].encode()[: each.col_offset].decode()
        at = sum(map(len, lines[: each.lineno - 1])) + len(line)
        if new != old and text.startswith(old, at):
            what = f"{each.lineno}: {old[:40]!r}"
            yield what, text[:at] + new + text[at + len(old) :]


def _reworded(old: str) -> str:
    """A sentence with another word in it; what is no sentence stays."""
    return SAID.sub(r"hardly \g<0>", old, count=1) if " " in old else old


def code(desk: Desk) -> Iterator[Lie]:
    """A function that a figure measured with: another statement in it."""
    places: dict[str, str] = {}
    for slug, _, record in every_record(desk):
        for name in record["provenance"]["closure"]:
            if name.startswith(("bookfigs.core.", "chapters.")):
                places.setdefault(name, slug)
    for name, slug in places.items():
        module, _, function = name.rpartition(".")
        path = desk.root.joinpath(*module.split(".")).with_suffix(".py")
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if node := _function(text, function):
            has_more = ast.get_docstring(node) and len(node.body) > 1
            body = node.body[1 if has_more else 0]
            lines = text.splitlines(keepends=True)
            lines.insert(body.lineno - 1, " " * body.col_offset + "del ()\n")
            kind = "code that was measured"
            yield _changed(kind, name, path, "".join(lines), slug)


def _function(text: str, name: str) -> ast.FunctionDef | None:
    """A function of a module by its name, wherever it stands."""
    nodes = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef))
    return next((node for node in nodes if node.name == name), None)


def tests_of_listings(desk: Desk) -> Iterator[Lie]:
    """Each test that proves a listing: turned into nothing, or gone."""
    for slug, entry in desk.manifest()["listings"].items():
        named = {name.split("[")[0] for name in entry["evidence"]["tests"]}
        for name in sorted(name for name in named if "::" in name):
            file, _, function = name.partition("::")
            path = desk.root / file
            text = path.read_text(encoding="utf-8")
            node = _function(text, function.split("::")[-1])
            assert node is not None
            lines, body = text.splitlines(keepends=True), node.body[0]
            begin = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            rest = lines[node.end_lineno :]
            hollow = [*lines[: body.lineno - 1], " " * body.col_offset, "pass\n", *rest]
            what = f"{slug}: {function}"
            yield _changed("test turned into pass", what, path, "".join(hollow), slug)
            gone = "".join([*lines[: begin - 1], *rest])
            yield _changed("test deleted", what, path, gone, slug)


def sources_of_listings(desk: Desk) -> Iterator[Lie]:
    """Each printed line of a program, in its source; and what is declared of it."""
    for slug, entry in desk.manifest()["listings"].items():
        path = desk.root / entry["source"]
        text = path.read_text(encoding="utf-8")
        for line in entry["code"].splitlines():
            bare = line.partition("  #")[0].strip()
            if re.match(r"(return|\w+ =) \S.*[\w)\]]$", bare) and text.count(bare) == 1:
                new = text.replace(bare, f"{bare} or None")
                kind = "line of a listing's source"
                yield _changed(kind, f"{slug}: {bare}", path, new, slug)
        toml = desk.book.listings()[slug]
        declared = toml.read_text(encoding="utf-8")
        caption = re.search(r'^caption = "\*\*.*"$', declared, re.MULTILINE)
        assert caption is not None
        new = declared.replace(caption[0], caption[0].replace("**: ", "**: Hardly ", 1))
        yield _changed("listing's declaration", slug, toml, new, slug)
