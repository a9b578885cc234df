"""A page for the small book, and pytest run on it as a project would run it."""

import os
import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import warm
from bookfigs.book import Book
from smallbook import ROOT

SETTINGS = """project:
  type: book
filters:
  - path: bookfigs
    at: pre-ast
"""
PAGE = """# Growth

It ends at {{< val double_growth.last >}}, see @fig-double-growth.

::: {#fig-double-growth .bookfigs}
:::

[It grows.]{.claim ref="double_growth.grows"}

::: {#lst-doubling .bookfigs}
:::

The code is @lst-doubling.
"""
STRICT = (
    "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n"
)


def add_page(book: Book) -> Path:
    """Add a page that uses figure, listing, value and claim."""
    (book.folder / "_quarto.yml").write_text(SETTINGS)
    page = book.folder / "growth" / "growth.qmd"
    page.write_text(PAGE)
    return page


def surroundings() -> dict[str, str]:
    """An environment in which the plugin is installed, as its entry point says."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return {**own, "PYTHONPATH": os.pathsep.join([_installed().name, str(ROOT)])}


@cache
def _installed() -> TemporaryDirectory[str]:
    """A folder that has what an installer writes of the plugin; made once."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [f"{n} = {m}" for n, m in project["entry-points"]["pytest11"].items()]
    folder = TemporaryDirectory()
    place = Path(folder.name) / "bookfigs_plugin-0.dist-info"
    place.mkdir()
    (place / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    (place / "METADATA").write_text("Name: bookfigs-plugin\nVersion: 0\n")
    return folder


def run_pytest(
    root: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a project, with warnings as errors unless it says otherwise."""
    if not (root / "pytest.ini").exists():
        (root / "pytest.ini").write_text(STRICT)
    without = [f"-pno:{name}" for name in ("cacheprovider", "hypothesispytest")]
    where = {**surroundings(), **(env or {})}
    return warm.run("pytest", [*without, *arguments], root, where)
