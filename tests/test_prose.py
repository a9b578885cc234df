"""Reading a .qmd file: what is prose in it, and where everything stands."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pypandoc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bookfigs.prose.document import BLANK, Page, read_page
from bookfigs.prose.markup import read_attr


def page(text: str) -> Page:
    return read_page(Path("x.qmd"), "x.qmd", text)


def prose(text: str) -> str:
    """The words of a text that are prose."""
    return " ".join(page(text).prose.replace(BLANK, " ").split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\ntitle: x\n---\n\na\n", "a"),
        ("---\n# x\nkey: x\n---\n\na\n", "a"),
        ("[x]: http://x 'x'\n[y]: x/x\n", ""),
        ("a\n\n---\nkey: x\n---\n\nb\n", "a b"),
        ("a\n\n---\n\nb\n", "a --- b"),
        ("```\nx\n```\na\n", "a"),
        ("~~~ {.r}\nx\n```\nx\n~~~\na", "a"),
        ("````\n```\nx\n```\n````\na", "a"),
        ("- a\n\n  ```\n  x\n  ```\n\n- b", "a b"),
        ("```{=html}\nx\n```\na", "a"),
        ("a\n\n    x\n\nb", "a b"),
        ("- a\n\n      x\n", "a"),
        ("- a\n\n    b\n", "a b"),
        ("100. a\n\n    x\n\n- b\n\n  - c\n\n    d\n\n  e\n\n        x", "a b c d e"),
        ("- a\n\n* * *\n\n    x\n", "a * * *"),
        ("a `x` b `` x ` `` c", "a b c"),
        ("a `b", "a `b"),
        ("a $x$ b $$ x\nx $$ c", "a b c"),
        ("\\$5 and $6 or 7, $ 8$", "\\$5 and $6 or 7, $ 8$"),
        ("a <!-- x --> b", "a b"),
        ("a <!-- x\n\nx --> b", "a b"),
        ("`<!--` a\n\nb", "a b"),
        ("<script>\nx\n\nx</script>\n\na", "> a"),
        ("\\begin{x}\nx\n\nx\n\\end{x}\n\na \\emph{x} b", "a b"),
        ("::: {.note}\na\n:::\nb", "a b"),
        ("::: note\na\n\n::::: {#x\n  .y}\nb\n:::::\n:::\nc", "a b c"),
        ("# a {#b}", "a"),
        ("a {{< val x.y >}} b {{{< val x >}}} c", "a b c"),
        ("a @key b [@key, p. 3; @other] c @key [p. 4] d", "a b c d"),
        ("[a @key b]{.claim}", "[a b]"),
        ("[a](http://x 't') <http://x> http://x b", "[a] b"),
        ("[a][x] [^x] b\n\n[x]: http://x 'x'\n\n[^x]: c", "[a] b c"),
        ('::: {#fig-x fig-cap="a `x` b"}\n:::', "a b"),
        ("H~2~O x^2^", "H O x"),
        ("> a\n> b", "a > b"),
        ("1. a\n2. b", "a b"),
        ("| a | 1 |\n|---|--:|\n| b | 2 |", "| a | 1 | |---|--:| | b | 2 |"),
        ("a\r\n\r\n```\r\nx\r\n```\r\nb\r\n", "a b"),
    ],
)
def test_prose_is_what_a_reader_reads_as_text(text: str, words: str) -> None:
    assert prose(text) == words


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a\n\n```python\nx\n", "nothing closes this block of code"),
        ("::: {.x}\na\n", "nothing closes this div"),
        ("a\n\n:::\n", "this closes no div"),
        ("a <!-- b\n", "nothing closes this comment"),
        ("---\nkey: x\n\na\n", "nothing closes this block of metadata"),
        ('::: {#fig-x fig-cap="a}\n:::\n', "the attributes cannot be read"),
    ],
)
def test_what_is_never_closed_is_a_fault(text: str, what: str) -> None:
    assert [fault.what for fault in page(text).faults] == [what]


def test_attributes_keep_their_values_and_places() -> None:
    text = """x {#a .b .c key=v other="w {{< val a.b >}} \\" }" third='z'}"""
    attr = read_attr(text, 2)
    assert attr is not None
    assert (attr.id, attr.classes, attr.end) == ("a", ("b", "c"), len(text))
    assert [text[f.start : f.end] for f in attr.fields] == [
        f.value for f in attr.fields
    ]
    assert [f.key for f in attr.fields] == ["key", "other", "third"]


@pytest.mark.parametrize("text", ["{", "{{< x >}}", "{#a", '{a="b}', "{5}", "{a b}"])
def test_other_braces_are_no_attributes(text: str) -> None:
    assert read_attr(text, 0) is None or not read_attr(text, 0).is_plain  # type: ignore[union-attr] # None is the other case


def test_shortcodes_run_in_text_math_code_and_attributes_but_not_in_comments() -> None:
    text = (
        "{{< val a >}} $x = {{< val \"b\" >}}$ `{{< val 'c' >}}` "
        "<!-- {{< val no >}} -->\n"
        '\n```\n{{< val d >}} {{{< val no >}}}\n```\n\n[x]{k="{{< val e >}}"}\n'
        '\n```{.r shortcodes="false"}\n{{< val no >}}\n```\n'
        '\n::: {#fig-x fig-cap="{{<val f>}}"}\n:::\n'
    )
    assert [s.arguments[0] for s in page(text).shortcodes] == list("abcdef")


def test_places_are_lines_and_characters_from_one() -> None:
    text = "# ä\r\n\r\nü {{< val x >}}\n"
    found = page(text)
    assert found.place(found.shortcodes[0].start) == (3, 3)
    assert found.line(1) == "# ä"
    assert found.line(3) == "ü {{< val x >}}"
    assert found.line(4) == ""


def test_the_language_of_code_and_whether_it_runs() -> None:
    text = "".join(
        f"```{info}\nx\n```\n\n"
        for info in ("python", "{.python #a}", "{python}", "{=html}", "", "{python #a}")
    )
    found = [(f.language, f.is_cell, f.is_raw) for f in page(text).fences]
    assert found == [
        ("python", False, False),
        ("python", False, False),
        ("python", True, False),
        ("=html", False, True),
        ("", False, False),
        ("python", True, False),
    ]


SIGNS = st.lists(
    st.sampled_from([*"`~:{}[]()<>!-$\\@#^|*\"'=.; \n\t\r1aé", "{{<", ">}}", ":::"]),
    max_size=60,
).map("".join)


@given(st.one_of(st.text(), SIGNS))
@example("```")
@example("---\n---")
@example("::: {#x}\n```\n")
@settings(max_examples=300)
def test_any_text_is_a_page_with_places_inside_of_it(text: str) -> None:
    found = page(text)
    assert len(found.prose) == len(text)
    assert all(p in {t, BLANK} for p, t in zip(found.prose, text, strict=True))
    places = [(s.start, s.end) for s in (*found.spans, *found.shortcodes)]
    places += [(f.start, f.end) for f in found.faults]
    places += [(f.start, f.end) for f in found.fences]
    places += [f.body for f in found.fences] + [(d.start, d.end) for d in found.divs]
    places += [(a.start, a.end) for a in found.attrs]
    for start, end in places:
        assert 0 <= start <= end <= len(text)
        line, column = found.place(start)
        assert 1 <= column <= len(found.line(line)) + 2


INLINE = (
    "plain N word", "`code N`", "``a ` N``", "$x_N$", "$N", "N$", "\\$N",
    "[span N]{.c}", "[link N](http://a/N)", "![alt N](p/N.png){width=N}",
    "@key [p. N]", "[@key, p. N]",
    "[see @a, p. N; @b]", "<!-- N -->", '<span id="N">N</span>', "**bold N**", "x (N)",
    "\\textbf{N}", "\\`N\\`", "a < N", "[x N]", "[ref N][lab]", "$$N$$", "^[note N]",
    "`N", "[N", "N]", "{N}", "{#id N", '"N"', "`a N`{.r}", "a `` N", "-@key-N",
    "\\begin{x} N \\end{x}", "\\cite{N}", "\\foo[N]{N} N", "~N", "^N", "N--N",
    "[a `]` N](u)", "[a](<u N>)", '[a](u "t N")', "text\nN more",
)  # fmt: skip
BLOCK = (
    "# Head N {#h-N}", "Head N\n======", "- item N\n- item N", "1. one N\n2. two N",
    "```\ncode N\n```", "~~~~ {.r k=N}\nN\n```\nN\n~~~~", "````\n```\nN\n```\n````",
    "    indented N", "> quote N\n> more N", '::: {.c k="N"}\ninner N\n:::',
    "::: name\ninner N\n\n::: {.d}\n\ndeep N\n\n:::\n:::", "<!-- c\n\nN -->",
    "- item\n\n  para N\n\n  ```\n  N\n  ```", "- item\n\n      code N",
    "| a | N |\n|---|--:|\n| N | b |", '[lab]: http://u/N "t"', "para\n- no list N",
    "$$\nN\n$$", "\\begin{align}\nN\n\\end{align}", "```{=html}\nN\n```",
    '<div id="N">\n\nN\n\n</div>', "<script>\nN\n\nN\n</script>", "Term\n\n:   def N",
    "text N\n```\nN\n```\nafter N", "text\n# no head N", "N. big", "text\nN. text",
    "+---+---+\n| N | b |\n+---+---+", "a. alpha N", "- [ ] task N",
    "* * *",
)  # fmt: skip


def numbers_that_pandoc_reads(node: Any) -> list[str]:
    """Text of pandoc's tree, without code, math, raw text and citations."""
    if isinstance(node, list):
        return [text for each in node for text in numbers_that_pandoc_reads(each)]
    if not isinstance(node, dict):
        return []
    kind, content = node.get("t"), node.get("c", [])
    if kind == "Str":
        return re.findall(r"\d+", content)
    if kind in {"Code", "CodeBlock", "Math", "RawInline", "RawBlock", "Cite"}:
        return []
    return numbers_that_pandoc_reads(content)


@given(st.lists(st.one_of(
    st.sampled_from(BLOCK),
    st.lists(st.sampled_from(INLINE), min_size=1, max_size=4).map(" ".join),
), min_size=1, max_size=6))  # fmt: skip
@settings(max_examples=40, derandomize=True)  # pandoc has quirks of its own
def test_numbers_in_prose_are_those_that_pandoc_reads_as_text(parts: list[str]) -> None:
    counter = iter(range(100, 1000))
    text = re.sub("N", lambda _: str(next(counter)), "\n\n".join(parts) + "\n")
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from", "markdown", "--to", "json"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = set(numbers_that_pandoc_reads(json.loads(done.stdout)["blocks"]))
    assert set(re.findall(r"\d+", page(text).prose)) == expected
