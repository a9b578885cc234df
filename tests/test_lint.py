"""The rules of lint: what each finds, and what it leaves alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookfigs.entry import ClaimEntry, FigureEntry, ListingEntry, ValueEntry
from bookfigs.errors import UnknownNameError
from bookfigs.lint.filters import read_filters
from bookfigs.lint.finding import Context, Finding
from bookfigs.lint.numbers import numbers
from bookfigs.lint.pages import lint
from bookfigs.lint.rules import RULES, rule
from bookfigs.manifest import Manifest
from bookfigs.prose.document import Source, read_page
from test_prose import SIGNS, page

MANIFEST = Manifest(
    figures={"step_time": FigureEntry(), "critical_path": FigureEntry()},
    listings={"linear_scan": ListingEntry("", "python", "", "", "")},
    values={
        "critical_path.length": ValueEntry("4,096", "critical_path"),
        "step_time.length": ValueEntry("4,096", "step_time"),
        "step_time.ratio": ValueEntry("20.4", "step_time"),
    },
    claims={"step_time.slower": ClaimEntry("It is.", "holds", "step_time", "", [])},
)
FILTER = "filters: [{path: bookfigs, at: pre-ast}]\n"
FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"
LISTING = """\
::: {#lst-linear-scan .bookfigs}
**Title**: at {{< val step_time.ratio >}}.
:::
"""
WIDE = "x" * 71
LONG = "a" * 251


def settings_file(text: str) -> Source:
    return Source(Path("_quarto.yml"), "_quarto.yml", text)


def look(text: str, *, yml: str = FILTER, **more: Any) -> list[Finding]:
    """Everything found in a page of a book whose settings are as they have to be."""
    context = {"manifest": MANIFEST, "settings": [settings_file(yml)], **more}
    return lint(Context(pages=[page(text)], **context))


def marked(text: str, finding: Finding) -> str:
    """What of a page a finding marks."""
    source = page(text)
    start = source.starts[finding.line - 1] + finding.column - 1
    return text[start : source.starts[finding.end_line - 1] + finding.end_column - 1]


FOUND: list[tuple[str, str, str]] = [
    ("markup", "::: {.note}\na\n", "::: {.note}"),
    ("unknown-name", "{{< val step_time.lenght >}}", "{{< val step_time.lenght >}}"),
    ("unknown-name", "$x = {{< val no >}}$", "{{< val no >}}"),
    ("unknown-name", '[a]{.claim ref="step_time.slow"}', "step_time.slow"),
    ("unknown-name", '::: {.claim ref="no"}\na\n:::', "no"),
    ("unknown-name", "::: {#fig-no .bookfigs}\n:::", "::: {#fig-no .bookfigs}"),
    ("unknown-name", "::: {#lst-step-time .bookfigs}\n:::", "::: {#lst-step-time .boo"),
    ("nameless", "{{< val >}}", "{{< val >}}"),
    ("nameless", "a [b]{.claim}", "[b]{.claim}"),
    ("nameless", "::: {#tbl-x .bookfigs}\n:::", "::: {#tbl-x .bookfigs}"),
    ("unreferenced", FIGURE, "::: {#fig-step-time .bookfigs}"),
    ("unreferenced", "@lst-linear-scan\n\n::: {#lst-linear_scan .bookfigs}\n:::", "::"),
    ("repeated-id", f"@fig-step-time\n\n{FIGURE}\n{FIGURE}", "::: {#fig-step-time"),
    ("retyped-number", "At 4,096 steps", "4,096"),
    ("retyped-number", "At 4096 steps", "4096"),
    ("retyped-number", "It takes 10–20.4 times", "10–20.4"),
    ("retyped-number", "[It takes 20.4 times]{.x}", "20.4"),
    ("retyped-number", '::: {#lst-x lst-cap="**A**: 20.4 a."}\n:::', "20.4"),
    ("retyped-number", "| a |\n|---|\n| 20.4 |", "20.4"),
    ("unsourced-number", "It takes 7 times", "7"),
    ("unsourced-number", "about ~7.5% of it", "7.5"),
    ("unsourced-number", "in 2048 steps", "2048"),
    ("unsourced-number", "^[A note of 1e-6.]", "1e-6"),
    ("unsourced-number", "a[^1]\n\n[^1]: Of 7.", "7"),
    ("unsourced-number", "1. a 7", "7"),
    ("unsourced-number", "# A 7 {#x7}", "7"),
    ("alt-missing", "![](a.png)", "![](a.png)"),
    ("alt-missing", "![A caption.](a.png)", "![A caption.](a.png)"),
    ("alt-missing", '![a](a.png){fig-alt=""}', '"'),
    ("alt-missing", "a ![](a.png) b", "![](a.png)"),
    ("alt-missing", '![a](a.png){fig-alt=" "}', " "),
    ("alt-missing", "::: {#fig-a}\n![](a.png)\n:::", "![](a.png)"),
    ("alt-missing", "::: {#fig-a}\n```{r}\n1\n```\n:::", "::: {#fig-a}"),
    ("alt-missing", "```{r}\n#| label: fig-a\n1\n```", "fig-a"),
    ("alt-missing", "a <img src='a.png'> b", "<img src"),
    ("alt-missing", "```{r}\n#| fig-alt: ' '\n1\n```", " "),
    ("alt-long", f'```{{r}}\n#| fig-alt: "{LONG}"\n1\n```', LONG),
    ("alt-long", f'![](a.png){{fig-alt="{LONG}"}}', LONG),
    ("alt-long", f'@fig-step-time\n\n{FIGURE[:-6]} fig-alt="{LONG}"}}\n:::', LONG),
    ("alt-latex", "a ![at $x$ b](a.png)", "$x$"),
    ("alt-latex", '![](a.png){fig-alt="an \\alpha"}', "\\alpha"),
    ("value-in-alt", '![](a){fig-alt="{{< val step_time.ratio >}}"}', "{{< val step"),
    ("caption-form", '![](a){#fig-a fig-cap="No title." fig-alt="a"}', "No title."),
    ("caption-form", '::: {#lst-a lst-cap="**A**: no end"}\n:::', "**A**: no end"),
    ("caption-form", f"@fig-step-time\n\n{FIGURE[:-4]}No title.\n:::", "No title."),
    ("caption-form", "```{r}\n#| fig-cap: No title.\n1\n```", "No title."),
    ("retyped-number", '```{r}\n#| fig-cap: "**A**: of 20.4."\n1\n```', "20.4"),
    ("caption-form", '![No title.](a){#fig-a fig-alt="a"}', "No title."),
    ("value-in-math", "$x = {{< val step_time.ratio >}}$", "{{< val step_time.ratio"),
    ("value-in-math", "$$\n{{< val step_time.ratio >}}\n$$", "{{< val step_time.ratio"),
    ("wide-line", f"```\n{WIDE}\n```", "x"),
    ("wide-line", f"- a\n\n  ```\n  {WIDE}\n  ```", "x"),
    ("wide-line", f"```{{r}}\n#| echo: true\n{WIDE}\n```", "x"),
    ("foreign-comment", "```r\nx = 'ä' # ö\n```", "ö"),
    ("foreign-comment", "~~~ {.cpp}\nx; /* a\nö */\n~~~", "ö"),
    ("not-executed", "```python\n1\n```", "```python"),
    ("not-executed", "~~~~ {.python #x}\n1\n~~~~", "~~~~ {.python #x}"),
    ("exception-invalid", "<!-- bookfigs-lint: allow markup -->", "<!-- bookfigs-lint"),
    ("exception-invalid", "<!-- bookfigs-lint: allow markup: -->", "<!-- bookfigs"),
    ("exception-invalid", "<!-- bookfigs-lint: allow mark: x -->", "<!-- bookfigs"),
    ("exception-unused", "<!-- bookfigs-lint: allow markup: x -->", "<!-- bookfigs"),
]


@pytest.mark.parametrize(("code", "text", "what"), FOUND)
def test_a_rule_finds_what_it_is_for_and_marks_it(
    code: str, text: str, what: str
) -> None:
    found = [one for one in look(text) if one.code == code]
    assert len(found) == 1
    assert marked(text, found[0]).startswith(what)
    assert found[0].severity == rule(code).severity
    shown = found[0].context[found[0].offset :]
    assert shown.startswith(what[:9].partition("\n")[0])


ELSEWHERE = {
    "encoding", "no-manifest", "not-embedded", "filter-missing", "filter-late",
    "execution-failed", "unaccepted",
}  # fmt: skip
"""Rules about more than the text of a page; tests of them stand elsewhere."""


def test_every_rule_has_a_text_that_breaks_it() -> None:
    codes = [each.code for each in RULES]
    assert {code for code, _, _ in FOUND} | ELSEWHERE == set(codes)
    assert len(set(codes)) == len(codes)


CLEAN = [
    "It takes {{< val step_time.ratio >}} times as long, see @Fig-step-time.\n\n"
    + FIGURE,
    "[A claim]{.claim ref='step_time.slower'}, [@lst-linear-scan].\n\n" + LISTING,
    "`{{{< val no >}}}` <!-- {{< val no >}} 7 -->",
    "In 1990, since 2017, (1990), (1990–1997), between 1990 and 2000, May 2017",
    "May 1, 1 June, 2026-11-23, 23 November 2026, May 12, 2026, the 1990s, at 12:30",
    "GPT-2, ResNet-50, float32, A100, L2, x86-64, 3D, 2nd, 64-bit, v1.8, 1.9.27",
    "Section 3.2, Chapter 4, Figures 3, Eq. 7, pp. 3, Step 2, Part 1, version 1.8",
    "Python 3.11, CUDA 12.4, ISO 8601, doi:10.1145/123, arXiv:1706.03762",
    "# 2 Numbers {#sec-20}\n\n## 3.1 More\n\n1. a\n2) b\n\n(3) c",
    "@elman1990 [p. 33; @b, ch. 4] [see @c, pp. 3-5; @d2017] [@e, 7]",
    "$a = 7$, `x = 7`, `7`{.r}, \\textbf{7}, x^2^, H~2~O, https://x.y/7",
    "$$\na = 7\n$$ {#eq-7}\n\n[a](b/7.html){width=7} x\n\n[a]: http://b/7",
    "Twenty times, a hundredfold, one of two.",
    '![](a.png){#fig-cat fig-alt="A cat."}',
    "a ![A cat on a mat](a.png) b",
    '![**A**: cat.](a.png){#fig-cat fig-alt="A cat."}',
    '::: {#fig-a fig-alt="A cat."}\n![](a.png)\n\n**A**: cat.\n:::',
    '::: {#fig-a}\n```{r}\n#| fig-alt: "A cat."\n1\n```\n:::',
    f"```\n{WIDE[1:]}\n```\n\n```{{=html}}\n{WIDE}\n```\n\n```{{r}}\n{WIDE}\n```",
    "```r\nx = 'ä' + \"# ö\" # a\n```\n\n```text\n# ö\n```",
    "```{python}\n1\n```\n\n```r\n1\n```",
    "a <img alt='A cat.' src='7.png'> b",
    '```{r}\n#| label: fig-a\n#| fig-cap: "**A**: cat."\n#| fig-alt: A cat.\n7\n```',
    "---\ntitle: A 7 page thing\nyear: 2020\n---\n\n# A",
]


@pytest.mark.parametrize("text", CLEAN)
def test_a_page_as_it_has_to_be_has_no_findings(text: str) -> None:
    assert [(one.code, one.message) for one in look(text)] == []


def test_a_value_of_the_figure_spoken_of_is_suggested_first() -> None:
    near = "@fig-step-time shows that at 4,096 steps"
    far = "@fig-critical-path shows that at 4,096 steps"
    texts = [look(text)[0].suggestion for text in (near, far)]
    assert texts == [
        "write: {{< val step_time.length >}}",
        "write: {{< val critical_path.length >}}",
    ]


def test_unknown_names_come_with_the_nearest() -> None:
    found = look("{{< val step_time.lenght >}}\n\n::: {#fig-steptime .bookfigs}\n:::")
    said = {one.suggestion for one in found if one.code == "unknown-name"}
    assert any(text.startswith("nearest: step_time.length") for text in said)
    assert "nearest: #fig-step-time" in said


def test_without_a_manifest_one_finding_a_page_says_so() -> None:
    text = f"{{{{< val a.b >}}}} {{{{< val c.d >}}}} @fig-step-time\n\n{FIGURE}"
    found = look(text, manifest=None)
    assert [(one.code, one.suggestion) for one in found] == [
        ("no-manifest", "run: bookfigs figures")
    ]
    assert look("a", manifest=None) == []


def test_a_figure_that_no_page_shows_is_information() -> None:
    figures = {
        slug: Source(Path(f"{slug}.py"), f"{slug}.py")
        for slug in ("step_time", "critical_path")
    }
    (found,) = look(f"@fig-step-time\n\n{FIGURE}", figures=figures)
    assert (found.code, found.severity) == ("not-embedded", "info")
    assert (found.file, found.line, found.column) == ("critical_path.py", 1, 1)


def test_a_reference_on_another_page_counts() -> None:
    pages = [page(FIGURE), read_page(Path("y"), "y", "See @fig-step-time.")]
    context = Context(pages, MANIFEST, [settings_file(FILTER)])
    assert lint(context) == []
    assert [one.code for one in lint(Context(pages[:1], MANIFEST))] == ["unreferenced"]


def test_only_the_files_asked_for_are_told_of() -> None:
    pages = [page("a 7"), read_page(Path("y"), "y", "a 8")]
    assert [one.file for one in lint(Context(pages), {"y"})] == ["y"]


@pytest.mark.parametrize(
    ("version", "codes"),
    [((1, 4), ["value-in-math"]), ((1, 9, 38), ["value-in-math"]), ((1, 10), [])],
)
def test_values_in_math_are_for_a_quarto_that_fills_them(
    version: tuple[int, ...], codes: list[str]
) -> None:
    found = look("${{< val step_time.ratio >}}$", yml="", quarto=lambda: version)
    assert [one.code for one in found] == codes


def test_quarto_is_not_asked_for_its_version_without_need() -> None:
    def fails() -> None:
        raise AssertionError

    assert look(
        f"$x$ @fig-step-time\n\n{FIGURE}", yml="filters: [bookfigs]", quarto=fails
    )


@pytest.mark.parametrize(
    ("yml", "codes"),
    [
        (FILTER, []),
        ("filters:\n  - path: bookfigs\n    at: pre-ast\n", []),
        ("filters:\n- at: pre-ast\n  path: 'x/bookfigs.lua' # ours\n- other\n", []),
        ('filters:\n  # ours\n  - {path: "a/bookfigs", at: pre-ast}\n', []),
        ("filters:\n  - quarto\n  - bookfigs\n", ["filter-late"]),
        ("filters: [quarto, bookfigs]", ["filter-late"]),
        ("filters:\n  - path: bookfigs\n    at: post-ast\n", ["filter-late"]),
        ("format:\n  html:\n    filters:\n      - bookfigs\n", ["filter-late"]),
        ("filters:\n  - notbookfigs\nother:\n  - bookfigs\n", ["filter-missing"]),
        ("project:\n  type: book\n", ["filter-missing"]),
        ("metadata-files: [more.yml]\n", []),
        ("", ["filter-missing"]),
    ],
)  # fmt: skip
def test_the_filter_is_listed_and_early_enough(yml: str, codes: list[str]) -> None:
    found = look(f"@fig-step-time\n\n{FIGURE}", yml=yml)
    assert [one.code for one in found] == codes
    assert {one.file for one in found} <= {"_quarto.yml"}


def test_a_late_filter_is_marked_where_it_stands() -> None:
    (found,) = look("a", yml="x: y\nfilters:\n  - quarto\n  - bookfigs # ours\n")
    assert (found.line, found.column) == (4, 5)


@pytest.mark.parametrize(("version", "count"), [((1, 7, 32), 1), ((1, 8), 0)])
def test_before_1_8_the_filter_needs_its_path(
    version: tuple[int, ...], count: int
) -> None:
    found = look("a", yml=FILTER, quarto=lambda: version)
    assert [one.code for one in found] == ["filter-late"] * count


def test_a_page_may_list_the_filter_for_itself() -> None:
    text = f"---\n{FILTER}---\n\n@fig-step-time\n\n{FIGURE}"
    assert look(text, yml="") == []
    other = read_page(Path("y"), "y", '[a]{.claim ref="step_time.slower"}')
    context = Context([page(text), other], MANIFEST, [settings_file("")])
    assert [one.message for one in lint(context)] == [
        "no filter bookfigs, and y needs it"
    ]


def test_pages_without_bookfigs_need_no_filter() -> None:
    assert look("a", yml="") == []
    assert [f.path for f in read_filters(settings_file("filters: [a, 'b']\n"))] == [
        "a",
        "b",
    ]


def test_code_that_something_else_ran_counts_as_executed() -> None:
    text = "```python\n1\n```\n"
    assert look(text, is_executed=lambda _page, fence: fence.start == 0) == []


REASON = "it is so by definition"
ALLOWED = f"<!-- bookfigs-lint: allow unsourced-number: {REASON} -->"


@pytest.mark.parametrize(
    "text",
    [
        f"A year has 365 days. {ALLOWED}",
        f"{ALLOWED}\nA year has 365 days.",
        f"{ALLOWED}\n\nA year has 365 days, a week 7.",
        f"{ALLOWED}\n<!-- and\n\nmore -->\nA year has 365 days.",
        "<!-- bookfigs-lint:\n  allow unsourced-number, retyped-number: a -->\n7; 20.4",
        "<!-- bookfigs-lint: allow not-executed: a sketch -->\n```python\n1\n```",
        f"<!-- bookfigs-lint: allow wide-line: a log -->\n```\n\n{WIDE}\n```",
        f'{ALLOWED}\n::: {{#fig-a\n  fig-alt="7"\n  width=7}}\n:::',
    ],
)  # fmt: skip
def test_a_declared_exception_holds_on_its_line_and_the_next(text: str) -> None:
    found = look(text)
    assert [one.code for one in found if one.code != "alt-missing"] == []


@pytest.mark.parametrize(
    "text",
    [
        f"A day. {ALLOWED}\nA year has 365 days.",
        f"{ALLOWED}\nA day.\nA year has 365 days.",
        f"A year has 365 days.\n{ALLOWED}",
        f"`{ALLOWED}` A year has 365 days.",
    ],
)
def test_an_exception_holds_nowhere_else(text: str) -> None:
    assert "unsourced-number" in [one.code for one in look(text)]


def test_an_exception_is_for_one_code() -> None:
    codes = [one.code for one in look(f"At 20.4 and 7. {ALLOWED}")]
    assert codes == ["retyped-number"]


@pytest.mark.parametrize("code", ["exception-unused", "exception-invalid", "no-code"])
def test_what_cannot_be_excepted_is_an_invalid_exception(code: str) -> None:
    found = look(f"<!-- bookfigs-lint: allow {code}: x -->")
    assert [one.code for one in found] == ["exception-invalid"]


def fingerprints(text: str) -> list[str]:
    return [one.fingerprint for one in look(text)]


def test_a_fingerprint_moves_with_its_paragraph() -> None:
    text = "It takes 7 times as long."
    moved = f"# Before\n\nAnother paragraph.\n\n{text}\n\nAnd after."
    wrapped = "It takes\n7 times\nas long."
    assert fingerprints(text) == fingerprints(moved) == fingerprints(wrapped)


@pytest.mark.parametrize("text", ["It takes 8 times as long.", "It costs 7 euros."])
def test_a_fingerprint_is_that_of_one_finding(text: str) -> None:
    assert fingerprints(text) != fingerprints("It takes 7 times as long.")


def test_long_lines_are_shown_around_the_finding() -> None:
    (found,) = look("a " * 200 + "7" + " b" * 200)
    assert len(found.context) < 130
    assert found.context[found.offset] == "7"


def test_an_unknown_code_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="nearest: wide-line"):
        rule("wide-lines")


def test_every_rule_explains_itself() -> None:
    for each in RULES:
        assert each.severity in {"error", "warning", "info"}
        assert not each.summary.endswith(".")
        assert each.explanation.endswith(".")


def pieces() -> Iterator[str]:
    yield from (text for _, text, _ in FOUND)
    yield from CLEAN
    yield ALLOWED


@given(st.lists(st.one_of(st.sampled_from(list(pieces())), SIGNS), max_size=8))
@settings(max_examples=60)
def test_no_text_makes_a_rule_fail_or_leave_the_file(parts: list[str]) -> None:
    text = "\n".join(parts)
    source = page(text)
    for one in look(text, yml=text):
        assert 1 <= one.line <= one.end_line <= len(source.starts)
        assert 1 <= one.column <= len(source.line(one.line)) + 2
        assert (one.line, one.column) <= (one.end_line, one.end_column)
        assert 0 <= one.offset <= len(one.context)


@given(st.text(alphabet=st.characters(), max_size=30))
def test_every_number_found_is_in_the_text(text: str) -> None:
    source = page(text)
    for number in numbers(source):
        assert source.text[number.start : number.end] == number.text
