"""What Quarto and editors read of the extension before they run it."""

import re
from pathlib import Path

import pytest

from .book import EXTENSION

DESCRIPTION = (EXTENSION / "_extension.yml").read_text(encoding="utf-8")
SCHEMA = (EXTENSION / "_schema.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("contributed", re.findall(r"- (\S+\.lua)", DESCRIPTION))
def test_what_the_extension_contributes_exists(contributed: str) -> None:
    assert (EXTENSION / contributed).is_file()


def test_it_contributes_a_filter_and_a_shortcode() -> None:
    assert re.findall(r"- (\S+)", DESCRIPTION) == ["bookfigs.lua", "val.lua"]


def test_it_names_no_entry_point_which_quarto_1_8_refuses() -> None:
    assert not re.search(r"^\s*-?\s*at:", DESCRIPTION, re.MULTILINE)


def test_it_asks_for_the_first_quarto_that_runs_filters_before_floats() -> None:
    assert 'quarto-required: ">=1.4.0"' in DESCRIPTION


def test_the_schema_has_only_sections_that_editors_know() -> None:
    known = {"$schema", "options", "shortcodes", "classes", "attributes", "formats"}
    assert set(re.findall(r"^(\S+):", SCHEMA, re.MULTILINE)) <= known


@pytest.mark.parametrize("path", sorted(EXTENSION.rglob("*.lua")), ids=lambda p: p.name)
def test_every_lua_file_says_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("--- ")
