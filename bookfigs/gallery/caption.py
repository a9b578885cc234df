"""Captions: the markdown of a manifest as HTML, of which only plain markup is kept.

Strong and emphasised words, code, math and links to pages; all else is text. Math is
shown as it was written, since a page that runs no script sets no formula.
"""

import re
from collections.abc import Iterator

from bookfigs.exporting.signs import one_line
from bookfigs.gallery.html import Html, element

TITLED = re.compile(r"\*\*(?P<title>[^*]+)\*\*: (?P<rest>.*)", re.DOTALL)
MARKUP = re.compile(
    r"""
      \\(?P<escaped>[!-/:-@\[-`{-~])
    | (?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
    | \$(?![\s$])(?P<math>(?:\\.|[^\\$])+?)(?<!\s)\$(?!\d)
    | \[(?P<words>[^\[\]]+)\]\((?P<target>https?://[\w./?=&%:+,-]+)\)
    | \*\*(?=\S)(?P<strong>(?:(?!\*\*).)+?)(?<=\S)\*\*
    | \*(?=\S)(?P<emphasis>[^*]+?)(?<=\S)\*
    """,
    re.VERBOSE,
)


def title_and_rest(caption: str, name: str) -> tuple[str, str]:
    """The title of a caption and what follows it; a name where there is no title."""
    found = TITLED.fullmatch(one_line(caption))
    return (found["title"], found["rest"]) if found else (name, caption)


def inlines(markdown: str) -> list[Html | str]:
    """What a page shows for markdown."""
    return list(_inlines(one_line(markdown)))


def plain(markdown: str) -> str:
    """The words of markdown, for where no markup can stand."""
    return MARKUP.sub(_words, one_line(markdown))


def _words(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"].strip()
    marked = found["words"] or found["strong"] or found["emphasis"]
    return found["escaped"] or found["math"] or MARKUP.sub(_words, marked)


def _inlines(text: str) -> Iterator[Html | str]:
    at = 0
    for found in MARKUP.finditer(text):
        yield text[at : found.start()]
        yield _one(found)
        at = found.end()
    yield text[at:]


def _one(found: re.Match[str]) -> Html | str:
    if found["escaped"]:
        return found["escaped"]
    if found["code"]:
        return element("code", found["code"].strip())
    if found["math"]:
        return element("code", found["math"], class_="math")
    if found["target"]:
        return element("a", _inlines(found["words"]), href=found["target"])
    if found["strong"]:
        return element("strong", _inlines(found["strong"]))
    return element("em", _inlines(found["emphasis"]))
