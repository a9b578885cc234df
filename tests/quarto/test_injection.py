"""No string of the manifest changes what a page consists of, whatever it says.

Every string is set, to words and then to signs that mean something in one of the
formats; the page may differ in what it says, and not in how it is built.
"""

import json
import re
import string
import subprocess
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from bookfigs.manifest import Manifest

from .book import PANDOC, Book, Rendered, run_pandoc

TEXT = """---
bookfigs:
  panels: PANELS
---

::: {#fig-step-time .bookfigs}
:::

::: {#lst-linear-scan .bookfigs}
:::

{{< val step_time.ratio >}} [x]{.claim ref="step_time.linear"} {{< data step_time >}}

::: {.bookfigs-evidence}
:::
"""

SIGNS = [
    "<", ">", '"', "'", "&", "&#60;", "&lt;", "</p>", "<script>", "-->", "<!--",
    "]]>", "<b onclick=x>", "</button>", "</details>",
    'popovertarget="bookfigs-panel-1"', "\\", "{", "}", "$", "#", "%", "^^5c", "~",
    "_", "^", "\\input{x}", "\\end{verbatim}", "\\end{Highlighting}", "\\(", "$$",
    "`", "```", "````", "~~~", "`{=html}", "`{=latex}", "[", "]", "](",
    "](javascript:alert(1))", "](<java script:x>)", "![", "](/etc/hosts)", ")",
    "{.x}", "{.claim ref=no}", ":::", "{{<", ">}}", "{{< val no.such >}}", "*", "**",
    "^[", "@x", "#read(", '#read("x")', "#{", "//", "/*", "*/", "= ", "+ ", "- ",
    "|", "---", "\n", "\n\n", "\n    ", "\n# ", "\t", "\u202e", "\ufeff", "word",
    " ",
]  # fmt: skip
"""Signs of HTML, LaTeX, markdown, Typst and shortcodes, and ways to break out."""

MARKDOWN = {"figures.*.caption", "listings.*.caption", "listings.*.callouts.*.text"}
"""Strings in which markdown means something; only not everything."""

NAMES_OF_TESTS = {"listings.*.evidence.tests.*"}
"""Where two colons mean something: what is before them is a file."""

NOT_FREE = {
    "figures.*.images.*.path": "a file has to be there",
    "figures.*.images.*.sha1": "it has to be that file's",
    "figures.*.evidence.*.path": "a file, if it is there",
    "figures.*.evidence.*.sha1": "it has to be that file's",
    "figures.*.data.*.path": "a file has to be there",
    "figures.*.data.*.sha1": "it has to be that file's",
    "figures.*.outdated": "stops the render",
    "listings.*.outdated": "stops the render",
    "values.*.outdated": "stops the render",
    "claims.*.outdated": "stops the render",
    "listings.*.language": "has to be one word",
    "claims.*.verdict": "one of four",
    "claims.*.rows.*.verdict": "one of four",
    "values.*.figure": "names a figure",
    "claims.*.figure": "names a figure",
}
"""Strings that cannot be anything, and why."""


def declared(kind: Any, path: str = "") -> set[str]:
    """Where the engine's manifest holds strings."""
    if isinstance(kind, inspect.StrType):
        return {path}
    if isinstance(kind, inspect.StructType):
        return set().union(
            *(declared(f.type, f"{path}.{f.name}".strip(".")) for f in kind.fields)
        )
    if isinstance(kind, inspect.DictType):
        return declared(kind.value_type, f"{path}.*")
    if isinstance(kind, inspect.ListType):
        return declared(kind.item_type, f"{path}.*")
    if isinstance(kind, inspect.UnionType):
        return set().union(*(declared(each, path) for each in kind.types))
    return set()


def leaves(value: Any, path: str = "") -> list[tuple[str, Callable[[str], None]]]:
    """Every string of a manifest: where it is, and how to set it."""
    found: list[tuple[str, Callable[[str], None]]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    named = path.count(".") == 0 or path.endswith(("images", "data"))
    for key, inner in list(pairs):
        part = "*" if isinstance(key, int) or (path and named) else key
        place = f"{path}.{part}".strip(".")
        if isinstance(inner, str):
            found.append((place, partial(value.__setitem__, key)))
        elif isinstance(inner, dict | list):
            found += leaves(inner, place)
    return found


def full(book: Book) -> None:
    """Give the manifest all that it may have."""
    book.manifest |= {"digest": "d"}
    book.manifest["figures"]["step_time"] |= {"follows": "f", "drawn_with": "m"}
    book.manifest["listings"]["linear_scan"] |= {
        "callouts": [{"line": 1, "text": "Takes *a*."}],
        "output": "6\n",
        "evidence": {
            "executed": 1,
            "executable": 1,
            "caught": 2,
            "counted": 2,
            "equivalent": 0,
            "tests": ["t/test_a.py::test_one", "t/test_b.py::test_two"],
        },
    }


def free(book: Book) -> list[tuple[str, Callable[[str], None]]]:
    """The strings that may be anything."""
    return [leaf for leaf in leaves(book.manifest) if leaf[0] not in NOT_FREE]


def test_every_string_that_the_engine_writes_is_tried(book: Book) -> None:
    full(book)
    wanted = declared(inspect.type_info(Manifest))
    assert wanted <= {place for place, _ in leaves(book.manifest)} | NOT_FREE.keys()
    assert wanted - NOT_FREE.keys() <= {place for place, _ in free(book)}
    assert NOT_FREE.keys() <= wanted
    assert wanted >= MARKDOWN


class Page(HTMLParser):
    """The elements of a page in order, with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and what it leads to."""
        self.elements.append(" ".join([tag, *sorted(name for name, _ in attrs)]))
        self.targets += [f"{n} {v}" for n, v in attrs if n in {"href", "src"}]


FOLLOWS_WORDS = ("span", "br", "wbr", "a aria-hidden href tabindex")
"""Colours and lines of a program and parts of a name, which are as many as it says."""


def built(page: str) -> list[str]:
    """The elements of a page that do not follow what it says."""
    found = Page(page).elements
    return [each for each in found if not each.startswith(FOLLOWS_WORDS)]


def of_html(done: Rendered) -> list[str]:
    return built(done.text)


def of_xhtml(done: Rendered) -> list[str]:
    assert done.status == 0, done.message
    with ZipFile(done.path) as parts:
        return built(parts.read("EPUB/text/ch001.xhtml").decode())


ESCAPES = {
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater",
    "textquotesingle", "textbar", "textquotedbl", "textquoteleft", "textquoteright",
    "textasciigrave", "textasciiacute", "textquotedblleft", "textquotedblright",
    "ldots", "hspace",
}  # fmt: skip
"""Commands of LaTeX by which pandoc prints a sign; those for colours end with Tok."""


def of_latex(done: Rendered) -> list[str]:
    """The commands in order; an escaped sign is none."""
    bare = done.text.replace("\\\\", "")
    for mark in (r"}\allowbreak{}\texttt{", r"\allowbreak{}"):
        bare = bare.replace(mark, "")  # where a name or a date may be broken
    for name in ("verbatim", "Shaded"):  # printed to the letter, sign by sign
        kept = re.compile(rf"\\begin{{{name}}}.*?\\end{{{name}}}", re.DOTALL)
        bare = kept.sub("\\\\begin{code}", bare)
    commands = re.findall(r"\\([A-Za-z]+)", re.sub(r"\\[^A-Za-z]", " ", bare))
    return [n for n in commands if n not in ESCAPES and not n.endswith("Tok")]


CODE = re.compile(
    r"""\\.                              # an escaped sign
      | (?P<ticks>`+)(?:(?<=``)(?<!```)|.*?(?<!`)(?P=ticks)(?!`))  # as it is
      | "(?:[^"\\]|\\.)*"            # a string
      | (?P<code>\#[\w.]+)
    """,
    re.DOTALL | re.VERBOSE,
)
"""What Typst reads from left to right, where it means something."""


def of_typst(done: Rendered) -> list[str]:
    """What is code of Typst, outside of strings and of what is printed as it is."""
    found = [match["code"] for match in CODE.finditer(done.text)]
    return [code for code in found if code and code != "#raw"]  # raw is what `…` is


def of_docx(done: Rendered) -> list[str]:
    assert done.status == 0, done.message
    with ZipFile(done.path) as parts:
        names = sorted(parts.namelist())
        text = parts.read("word/document.xml").decode()
        links = parts.read("word/_rels/document.xml.rels").decode()
    kinds = re.findall(
        r"<(w:(?:p|tbl|tr|tc|drawing|instrText|hyperlink|object))\b", text
    )
    return names + kinds + re.findall(r'Target="[^"]*"', links)


def of_gfm(done: Rendered) -> list[str]:
    """What a reader of markdown makes of it, but for the words."""
    back = run_pandoc_back(done.path)

    def kinds(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["t"]] if isinstance(value.get("t"), str) else []
            return own + [each for inner in value.values() for each in kinds(inner)]
        if isinstance(value, list):
            return [each for inner in value for each in kinds(inner)]
        return []

    words = {"Str", "Space", "SoftBreak", "LineBreak", "Code", "Plain", "Para"}
    return [each for each in kinds(back["blocks"]) if each not in words]


def run_pandoc_back(path: Path) -> dict[str, Any]:
    """What pandoc reads of a page that it wrote."""
    command = [PANDOC, "--from=gfm", "--to=json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


BUILT = {
    "html5": of_html,
    "epub": of_xhtml,
    "latex": of_latex,
    "typst": of_typst,
    "docx": of_docx,
    "gfm": of_gfm,
}
"""Of what a page of a format is built."""

QUICK = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example is a render
    suppress_health_check=[HealthCheck.too_slow],
)
WORDS = st.text(string.ascii_letters, min_size=1, max_size=8)
SENTENCES = st.lists(st.sampled_from(SIGNS) | WORDS, min_size=1, max_size=12).map(
    lambda parts: "".join([*parts, "word"])  # without a word there is no paragraph
)


@pytest.mark.parametrize("panels", ["page", "footnote"])
@pytest.mark.parametrize("to", BUILT)
def test_no_string_changes_what_a_page_is_built_of(
    book: Book, to: str, panels: str
) -> None:
    """Strings that are markdown are left as they are, but for the next test."""
    full(book)
    text = TEXT.replace("PANELS", panels)
    plain = [leaf for leaf in free(book) if leaf[0] not in MARKDOWN]
    for _, put in plain:
        put("word")
    usual = BUILT[to](book.pandoc(text, to))
    assert len(usual) > 5

    @settings(QUICK, max_examples=12)
    @given(st.lists(SENTENCES, min_size=len(plain), max_size=len(plain)))
    def holds(strings: list[str]) -> None:
        for (place, put), said in zip(plain, strings, strict=True):
            put(said.replace(":", "") if place in NAMES_OF_TESTS else said)
        assert BUILT[to](book.pandoc(text, to)) == usual

    holds()


SAFE = {
    "a", "br", "code", "del", "em", "img", "li", "math", "ol", "p", "pre", "q", "span",
    "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul", "dl",
    "dd", "dt", "blockquote", "section", "hr", "input", "label", "h1", "caption",
}  # fmt: skip
"""Elements that markdown may make."""

ATTRIBUTES = {
    "alt", "class", "data-cites", "href", "id", "role", "src", "start", "style", "type",
    "title", "aria-hidden", "tabindex",
}  # fmt: skip


def test_markdown_of_the_manifest_makes_nothing_that_runs_or_reads(book: Book) -> None:
    """A formula is left to who sets it: of one that is none, pandoc would warn."""
    full(book)
    texts = [leaf for leaf in free(book) if leaf[0] in MARKDOWN]
    text = TEXT.replace("PANELS", "page")
    for _, put in texts:
        put("word")
    usual = set(Page(book.pandoc(text, "html5", "--mathjax").text).elements)
    own = raw(book, text)

    @settings(QUICK, max_examples=40)
    @given(st.lists(SENTENCES, min_size=len(texts), max_size=len(texts)))
    def holds(strings: list[str]) -> None:
        for (_, put), said in zip(texts, strings, strict=True):
            put(said)
        page = Page(book.pandoc(text, "html5", "--mathjax").text)
        for element in set(page.elements) - usual:
            tag, *names = element.split()
            assert tag in SAFE
            assert ATTRIBUTES.issuperset(names)
        for target in page.targets:
            runs_or_reads = r"(?i)\w+\s*(\w*script|data|file):|src (/|\.\./\.\.|\w+:)"
            assert not re.match(runs_or_reads, target)
        assert raw(book, text) == own

    holds()


def raw(book: Book, text: str) -> list[str]:
    """What the filter hands to formats as they are, where there are no pages."""
    book.write(text)
    blocks = json.loads(run_pandoc(book.chapter, "json").text)["blocks"]
    return re.findall(r'"Raw\w+", "c": (\[.*?\])', json.dumps(blocks))


@pytest.mark.parametrize(
    ("caption", "html"),
    [
        ("[x](javascript:alert(1))", "x"),
        ("[x](<JavaScript:alert(1)>)", "x"),
        ("[x](JAVASCRIPT&colon;alert(1))", "x"),
        ("[x](data:text/html,x)", "x"),
        ("[x](file:///etc/hosts)", "x"),
        ("![x](/etc/hosts)", "x"),
        ("![x](../../secret.png)", "x"),
        ("![x](https://e.org/x.png)", "x"),
        ("[x](https://e.org)", '<a href="https://e.org">x</a>'),
        ("[x](#fig-step-time)", '<a href="#fig-step-time">x</a>'),
    ],
)
def test_a_caption_leads_to_pages_alone(book: Book, caption: str, html: str) -> None:
    book.manifest["figures"]["step_time"]["caption"] = caption
    figure = book.pandoc("::: {#fig-step-time .bookfigs}\n:::\n").words
    assert f"<figcaption>Figure 1: {html}</figcaption>" in figure


def test_an_output_that_ends_what_latex_prints_is_printed(book: Book) -> None:
    attack = "6 \\end{verbatim}\\input{x}\n"
    book.manifest["listings"]["linear_scan"]["output"] = attack
    latex = book.pandoc("::: {#lst-linear-scan .bookfigs}\n:::\n", "latex").text
    assert "\\input" not in latex.replace("\\textbackslash{}input", "")


def test_a_line_break_in_a_path_ends_no_row_and_begins_no_html(book: Book) -> None:
    book.manifest["claims"]["step_time.linear"]["source"] = "a\n\n<script>alert(1)"
    claim = '[x]{.claim ref="step_time.linear"}\n\n::: {.bookfigs-evidence}\n:::\n'
    text = book.pandoc(claim, "gfm").text
    assert text.count("| `a <script>alert(1)` at 0123abc |") == 2
