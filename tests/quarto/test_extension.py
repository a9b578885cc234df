"""What Quarto and editors read of the extension before they run it."""

import json
import re
from pathlib import Path

import pytest

from .book import EXTENSION, Book

DESCRIPTION = (EXTENSION / "_extension.yml").read_text(encoding="utf-8")
SCHEMA = (EXTENSION / "_schema.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("contributed", re.findall(r"- (\S+\.lua)", DESCRIPTION))
def test_what_the_extension_contributes_exists(contributed: str) -> None:
    assert (EXTENSION / contributed).is_file()


def test_it_contributes_a_filter_and_two_shortcodes() -> None:
    files = re.findall(r"- (\S+)", DESCRIPTION)
    assert files == ["bookfigs.lua", "val.lua", "data.lua"]


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


SNIPPETS = json.loads((EXTENSION / "_snippets.json").read_text(encoding="utf-8"))


def inserted(body: str | list[str]) -> str:
    """What an editor inserts: the first of several choices, every placeholder."""
    text = body if isinstance(body, str) else "\n".join(body)
    text = re.sub(r"\$\{TM_SELECTED_TEXT:(\$\{[^}]*\})\}", r"\1", text)
    text = re.sub(r"\$\{\d+\|([^,|]*)[^}]*\}", r"\1", text)
    return re.sub(r"\$\{\d+:([^}]*)\}", r"\1", text).replace("$0", "")


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_inserts_what_the_extension_understands(
    book: Book, name: str
) -> None:
    text = inserted(SNIPPETS[name]["body"])
    assert "$" not in text
    names = {
        "figure.claim": "step_time.linear",
        "figure.value": "step_time.ratio",
        "data figure": "data step_time",
        "#fig-left": "#fig-step-time",
        "#fig-right": "#fig-other",
        "#fig-name": "#fig-step-time",
        "#lst-name": "#lst-linear-scan",
    }
    for placeholder, real in names.items():
        text = text.replace(placeholder, real)
    book.manifest["figures"]["other"] = book.manifest["figures"]["step_time"]
    claim = '\n\n[x]{.claim ref="step_time.linear"}\n'
    done = book.pandoc(text + claim)
    assert done.status == 0, done.message


def test_snippets_have_prefixes_of_their_own() -> None:
    prefixes = [snippet["prefix"] for snippet in SNIPPETS.values()]
    assert len(set(prefixes)) == len(prefixes)
    assert all(prefix.startswith("bookfigs-") for prefix in prefixes)
    assert all(snippet["description"] for snippet in SNIPPETS.values())


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("embed.lua", r'given\["?([a-z-]+)"?\]'),
        ("embed.lua", r"given\.([a-z]+)"),
        ("options.lua", r"KNOWN = \{ (\w+) = true"),
        ("options.lua", r", (\w+) = true \}"),
    ],
)
def test_the_schema_knows_every_attribute_and_option(file: str, pattern: str) -> None:
    lua = (EXTENSION / "_modules" / file).read_text(encoding="utf-8")
    found = re.findall(pattern, lua)
    assert found
    assert all(f"\n  {name}:" in SCHEMA or f"    {name}:" in SCHEMA for name in found)
