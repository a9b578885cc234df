"""Excerpts: what is printed is what the source says, each line from its place."""

import ast
from pathlib import Path

import pytest

from bookfigs.errors import InputError, UnknownNameError
from bookfigs.listings.edits import Line
from bookfigs.listings.excerpt import Wanted, excerpt
from bookfigs.listings.page import require_printable
from bookfigs.tree import normal
from smallbook import ROOT

SOURCE = '''\
"""A module."""

from dataclasses import dataclass

# region: constants
LIMIT: int = 3  # how far
# endregion: constants


@dataclass
class Pair:
    """Two numbers."""

    left: int
    right: int = 0

    def total(self, *rest: int, scale: float = 1.0, **more: object) -> float:
        """Add them.

        All of them.
        """

        # region: adding
        sum_: float = self.left + self.right
        unused: int
        for one in rest:
            sum_ += one
        # endregion: adding
        return sum_ * scale


def outer(
    first: dict[str, int] | None = None,  # may be left out
    /,
    *,
    last: "int" = (2),
) -> dict[
    str, int
]:
    """Only this."""
    text = """
left alone
    """

    def inner(n: int) -> int:
        if n:
            n += 1
        return n

    if first: return {text: inner(last)}
    return first or {"ä": last}
'''


def printed(**wanted: object) -> list[str]:
    return [line.text for line in lines(**wanted)]


def lines(**wanted: object) -> list[Line]:
    return excerpt(SOURCE, Wanted(**wanted), "one.toml", "m.py")  # type: ignore[arg-type] # a table's fields


def test_region_is_printed_without_its_markers() -> None:
    assert printed(region="constants") == ["LIMIT: int = 3  # how far"]


def test_region_inside_of_a_function_moves_to_the_margin() -> None:
    assert printed(region="adding", annotations=False) == [
        "sum_ = self.left + self.right",
        "for one in rest:",
        "    sum_ += one",
    ]


def test_markers_of_other_regions_are_not_printed() -> None:
    assert not [line for line in printed(symbol="Pair") if "region" in line]


def test_docstrings_of_inner_definitions_go_too() -> None:
    shown = printed(symbol="Pair")
    assert shown[:5] == [
        "@dataclass", "class Pair:", "    left: int", "    right: int = 0", "",
    ]  # fmt: skip
    assert "Add them." not in "\n".join(shown)
    assert "    Only this." not in "\n".join(printed(symbol="outer"))


def test_docstring_is_kept_where_it_is_asked_for() -> None:
    assert '        """Add them.' in printed(symbol="Pair", docstring=True)


def test_annotations_go_and_the_layout_stays() -> None:
    assert printed(symbol="outer", annotations=False)[:7] == [
        "def outer(",
        "    first=None,  # may be left out",
        "    /,",
        "    *,",
        "    last=(2),",
        "):",
        '    text = """',
    ]
    head = "def total(self, *rest, scale=1.0, **more):"
    assert printed(symbol="Pair.total", annotations=False)[0] == head


def test_fields_of_a_class_keep_their_annotations() -> None:
    assert "    right: int = 0" in printed(symbol="Pair", annotations=False)


def test_text_in_quotes_is_left_alone() -> None:
    assert "left alone" in printed(symbol="outer")


RETURN = ["        return n"]
LAST = '    return first or {"ä": last}'


@pytest.mark.parametrize(
    ("elide", "shown"),
    [
        ("inner", ["    def inner(n):", "        ...  # 3 lines left out", ""]),
        ("def inner", ['    """', "", "    ...  # 4 lines left out", ""]),
        (["text =", "def inner"], ["):", "    ...  # 8 lines left out", ""]),
        ("if first", ["", "    ...  # 1 line left out", LAST]),
        ("if n:", ["    def inner(n):", "        ...  # 2 lines left out", *RETURN]),
    ],
)  # fmt: skip
def test_what_is_elided_leaves_a_mark(elide: object, shown: list[str]) -> None:
    found = printed(symbol="outer", annotations=False, elide=(elide,))
    at = next(n for n, line in enumerate(found) if line.lstrip().startswith("..."))
    assert found[at - len(shown) + 2 : at + 2][-3:] == shown[-3:]
    ast.parse("\n".join(found))


def test_neighbours_that_are_elided_share_one_mark() -> None:
    found = printed(symbol="outer", elide=("text =", "def inner"))
    assert len([line for line in found if "lines left out" in line]) == 1


def test_each_line_knows_where_it_came_from() -> None:
    source = SOURCE.split("\n")
    for line in lines(symbol="Pair"):
        assert line.text == source[line.source - 1].strip() or line.text in source
    heads = [
        line for line in lines(symbol="outer", annotations=False) if line.text == "):"
    ]
    assert source[heads[0].source - 1] == ") -> dict["


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"symbol": "Pear"}, "nearest: Pair"),
        ({"region": "addin"}, "nearest: adding"),
        ({"symbol": "outer", "elide": ("nothing",)}, "begins no statements"),
        ({"symbol": "outer", "elide": ("return",)}, "begins 3 statements"),
        ({"symbol": "outer", "elide": (["a", "b", "c"],)}, "first fragment, last"),
        ({"symbol": "outer", "elide": ("",)}, "begins no statements"),
    ],
)
def test_what_is_not_there_is_said(wanted: dict[str, object], said: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=said):
        printed(**wanted)


@pytest.mark.parametrize(
    "text",
    [
        "# region: a\nx = 1\n",
        "# region: a\n# endregion: a\n",
        "# endregion: a\nx = 1\n# region: a\n",
        "# region: a\nx = 1\n# endregion: a\n# region: a\ny = 1\n# endregion: a\n",
    ],
)
def test_region_begins_and_ends_once(text: str) -> None:
    with pytest.raises(InputError, match="has to begin and end once"):
        excerpt(text, Wanted(region="a"), "one.toml", "m.py")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x" * 71, "line 1 has 71 columns"),
        ("ε = 1", r"U\+03B5.*'ε = 1'"),
        ("\tx", r"U\+0009"),
        ("\x1b[1m", r"U\+001B"),
        ("\u00ad", r"U\+00AD"),
    ],
)
def test_what_the_page_cannot_hold_is_refused(line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_printable([line], "m.py", "line")


def test_declared_glyphs_and_latin_letters_are_printed() -> None:
    require_printable(["x" * 70, "é ± ε"], "m.py", "line", "ε")


NAMES = ("canonical", "claim", "closure", "figure", "listings/leaner", "source")
OWN = [ROOT / "bookfigs" / f"{name}.py" for name in NAMES]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_leaving_annotations_out_leaves_the_code_what_it_was(path: Path) -> None:
    text = path.read_text()
    whole = excerpt(text, Wanted(), "one.toml", path.name)
    assert normal(ast.parse(joined(whole))) == normal(ast.parse(text))
    lean = joined(excerpt(text, Wanted(annotations=False), "one.toml", path.name))
    nodes = list(ast.walk(ast.parse(lean)))
    assert not [n for n in nodes if isinstance(n, ast.arg) and n.annotation]
    assert not [n for n in nodes if isinstance(n, ast.FunctionDef) and n.returns]


def joined(found: list[Line]) -> str:
    return "\n".join(line.text for line in found)
