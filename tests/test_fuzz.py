"""Whatever stands in a document: a message, an end, and nothing outside of the book."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injecting import make_box
from mutated import TARGETS, copied, escaped, file_of, run, spoilt

EXAMPLES = 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project, alone in the current folder."""
    folder = tmp_path_factory.mktemp("fuzz")
    make_box(folder / "box")
    (folder / "run").mkdir()
    before = Path.cwd()
    os.chdir(folder / "run")
    yield copied(folder / "box", folder / "run")
    os.chdir(before)


@pytest.mark.parametrize("target", TARGETS)
@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), other=st.none() | st.binary(max_size=300))
def test_a_spoilt_document_is_a_message_and_no_exception(
    root: Path, target: str, seed: int, other: bytes | None
) -> None:
    path = file_of(root, target)
    valid = path.read_bytes()
    content = other
    if content is None:
        content = spoilt(valid, random.Random(seed))  # noqa: S311 - not a secret
    try:
        for said in TARGETS[target]:
            path.write_bytes(content)
            assert run(said, root) == ""
            assert escaped(root.parent) == set()
    finally:
        path.write_bytes(valid)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "a: " + "- " * 3000,
        "filters: &a [*a]\n",
        "book: &a\n  chapters: *a\n",
        "book:\n- [1]\n- [1, 2, 3]\n",
        "[]: 1\n",
        "? {a: b}\n: c\n",
        "x0: &x0 [1,1]\n"
        + "".join(f"x{n}: &x{n} [{f'*x{n - 1},' * 9}]\n" for n in range(1, 12)),
    ],
    ids=["brackets", "dashes", "circle", "circle of chapters", "lists for a mapping",
         "a list for a name", "a mapping for a name", "aliases of aliases"],
)  # fmt: skip
def test_settings_that_cannot_be_changed_are_a_message(root: Path, text: str) -> None:
    path = file_of(root, "chapters/_quarto.yml")
    valid = path.read_bytes()
    try:
        path.write_text(text)
        for said in TARGETS["chapters/_quarto.yml"]:
            assert run(said, root) == ""
    finally:
        path.write_bytes(valid)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        f"a = {'9' * 5000}",
        "a = 1979-99-99",
        "\ufeffa = 1",
        "a = '\x00'",
    ],
    ids=["deep", "many digits", "no date", "byte order mark", "NUL"],
)
def test_a_listing_file_that_no_parser_gets_through_is_a_message(
    root: Path, text: str
) -> None:
    path = file_of(root, "chapters/growth/listings/doubling.toml")
    valid = path.read_bytes()
    try:
        path.write_text(text)
        assert run("check", root) == ""
    finally:
        path.write_bytes(valid)
