"""Mutants: the small changes that tests have to notice."""

import ast
from pathlib import Path

import pytest

from bookfigs.listings.mutant import ARROW, mutants
from smallbook import ROOT


def changes(text: str) -> list[str]:
    lines = range(1, text.count("\n") + 2)
    return [m.change.partition(ARROW)[2] for m in mutants(text, lines)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", ["pass", "a - b"]),
        ("a @ b", ["pass", "a * b", "b @ a"]),
        ("a - a", ["pass", "a + a"]),
        ("a < b", ["pass", "a <= b", "a >= b"]),
        ("a in b", ["pass", "a not in b"]),
        ("a == b == c", ["pass", "a != b == c", "a == b != c"]),
        ("not a", ["pass", "a"]),
        ("a and b", ["pass", "a or b"]),
        ("f(a, b)", ["pass", "f(b, a)"]),
        ("f(a, *b)", ["pass"]),
        ("m.tanh(a)", ["pass", "a"]),
        ("a.conj()", ["pass", "a"]),
        ("a.T", ["pass", "a"]),
        ("a[i]", ["pass", "a[i + 1]", "a[i - 1]"]),
        ("a[0]", ["pass", "a[1]", "a[-1]"]),
        ("a[:n]", ["pass", "a[1:n]", "a[:n + 1]", "a[:n - 1]"]),
        ("a[1:]", ["pass", "a[1:-1]", "a[2:]", "a[0:]"]),
        ("a[::-1]", ["pass", "a[1::-1]", "a[:-1:-1]", "a[::1]", "a[::-2]", "a[::-0]"]),
        ("a[:, i]", ["pass", "a[1:, i]", "a[:-1, i]", "a[:, i + 1]", "a[:, i - 1]"]),
        ("f(k=True)", ["pass", "f(k=False)"]),
        ("f(k='same')", ["pass", "f(k='same?')"]),
        ("x = 1.5", ["pass", "x = 2.5"]),
        ("x += y", ["x -= y", "pass"]),
        ("x: int = 2", ["pass", "x: int = 3", "x: int = 1"]),
        ("x: int", []),
        ("if a:\n    pass", ["if not a:"]),
        ("while not a:\n    break", ["while a:", "pass"]),
        ("[a for a in b if a]", ["pass", "[a for a in b if not a]"]),
        ("a if b else c", ["pass", "a if not b else c"]),
        ("def f(n=2):\n    'Say 3.'", ["def f(n=3):", "def f(n=1):"]),
        ("def f(n: L[0]) -> L[0]:\n    pass", []),
        ("@mark(3)\ndef f():\n    pass", []),
        ("class A(B):\n    'Text.'", []),
        ("raise E('no', 3)", ["pass"]),
        ("f'{a + 1}'", ["pass"]),
        ("'%d' % a", ["pass", "'%d?' % a"]),
        ("if TYPE_CHECKING:\n    import a", []),
        ("match a:\n    case 3:\n        b()", ["pass"]),
        ("assert a", ["pass"]),
        ("import a", []),
    ],
)  # fmt: skip
def test_each_kind_of_change(text: str, expected: list[str]) -> None:
    assert changes(text) == expected


TEXT = "def f(a):\n    if a > 0:\n        return a\n    return -a\n"


def test_only_the_lines_that_are_asked_for_change() -> None:
    assert {m.line for m in mutants(TEXT, {2})} == {2}
    assert [m.change for m in mutants(TEXT, {4})] == [
        "return -a -> pass", "return -a -> return a",
    ]  # fmt: skip


def test_mutant_runs_changed_code_at_its_old_lines() -> None:
    first = mutants(TEXT, {2})[0]
    assert first.change == "if a > 0: -> if a >= 0:"
    names: dict[str, object] = {}
    for mutant in mutants(TEXT, range(9)):
        code = mutant.code("f.py")
        assert code is not None
        exec(code, names)  # noqa: S102 - what is tested
    f = names["f"]
    assert callable(f)
    assert (f(-3), f(3)) == (-3, 3)  # the last one: return a
    assert getattr(f, "__code__").co_firstlineno == 1  # noqa: B009 - untyped here


def test_source_is_whole_again_after_each_mutant() -> None:
    before = [m.change for m in mutants(TEXT, range(9))]
    found = mutants(TEXT, range(9))
    codes = [m.code("f.py") for m in found]
    assert [m.change for m in found] == before
    assert codes == [m.code("f.py") for m in reversed(found)][::-1]


NAMES = ("canonical", "claim", "closure", "figure", "listings/leaner", "source")
OWN = [ROOT / "bookfigs" / f"{name}.py" for name in NAMES]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_mutants_of_real_code_compile_and_are_told_apart(path: Path) -> None:
    text = path.read_text()
    found = mutants(text, range(1, 60))
    assert len({(m.line, m.change) for m in found}) == len(found)
    assert all(m.code(path.name) is not None for m in found[::5])
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(path.read_text()))
