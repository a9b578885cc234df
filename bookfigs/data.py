"""Data files: what ``measure`` reads besides code, declared by the figure file.

``DATA = ["data/prices.csv"]`` names regular files inside the project, relative
to the figure's chapter. Their content is part of what was measured: a file that
changes makes the figure stale, as code does.
"""

import ast
from pathlib import Path

from bookfigs.closure import DATA, Project
from bookfigs.errors import InputError

NAME = "DATA"
FORM = 'DATA has to be written out: DATA = ["data/one.csv", …], paths in the chapter'


def data_hashes(project: Project, figure: Path) -> dict[str, str]:
    """Hash of each data file that a figure file declares, by ``data:`` and its path.

    Raises: InputError if the declaration cannot be read without running it, or a
    path leaves the project, or is no regular file.
    """
    return {
        f"{DATA}{declared}": project.cache.digest(path)[:16]
        for declared, path in data_files(project, figure).items()
    }


def data_files(project: Project, figure: Path) -> dict[str, Path]:
    """Where the data files of a figure lie, by the path that it declares.

    Raises: InputError as ``data_hashes`` does.
    """
    key = f"{figure} {NAME}"
    declared = project.cache.recall(key, figure)
    if declared is None:
        declared = dict.fromkeys(_declared(project, figure), "")
        project.cache.keep(key, figure, [], declared)
    return {name: _file(project, figure, name) for name in declared}


def _declared(project: Project, figure: Path) -> list[str]:
    """Read the declaration from the syntax tree."""
    statements = project.module(figure).definitions.get(NAME, [])
    if not statements:
        return []
    place = f"{figure.name}:{statements[-1].lineno}"
    if len(statements) > 1 or not isinstance(statements[0], ast.Assign | ast.AnnAssign):
        raise InputError(place, f"{FORM}; here it is put together in several places")
    try:
        value = ast.literal_eval(statements[0].value or ast.Constant(None))
    except (ValueError, TypeError) as error:
        raise InputError(place, FORM) from error
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(place, f"{FORM}; here it is {value!r}")
    return value


def _file(project: Project, figure: Path, declared: str) -> Path:
    """Find a declared file. Raises: InputError if it is none of the project's."""
    chapter = figure.parents[1]
    path = chapter / declared
    run = "correct DATA in the figure file, or put the file there"
    if "\0" in declared or not path.resolve().is_relative_to(project.root.resolve()):
        what = f"DATA names {declared!r}, which is outside of the project"
        raise InputError(figure.name, what, run=run)
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.is_file())
        what = f"DATA names {declared!r}, and {chapter.name}/ has no such file"
        raise InputError(figure.name, what, asked=path.name, available=there, run=run)
    return path
