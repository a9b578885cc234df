"""The rules of ``lint``: code, severity, what each is for, and its check."""

from collections.abc import Iterator

from bookfigs.errors import UnknownNameError
from bookfigs.lint import code, filters, names, numbers, sentences, texts
from bookfigs.lint.finding import FAILED, NOT_EXECUTED, Context, Hit, Rule


def _encoding(context: Context) -> Iterator[Hit]:
    """A file that is not UTF-8."""
    for page in context.pages:
        if page.undecoded is not None:
            what = "from here on, bytes are not UTF-8"
            place = (page.undecoded, page.undecoded + 1)
            yield Hit(page, *place, what, "save the file as UTF-8")


def _none(_context: Context) -> Iterator[Hit]:
    """Exceptions are judged when all else is found."""
    return iter(())


INVALID = Rule(
    "exception-invalid",
    "error",
    "an exception without a known code or without a reason",
    "An exception has the form <!-- bookfigs-lint: allow CODE: reason -->; several "
    "codes are separated by commas. The reason is for whoever reads the page next.",
    _none,
)
UNUSED = Rule(
    "exception-unused",
    "warning",
    "an exception that excepts nothing",
    "What the exception was for is gone, or stands on another line. Remove it: else it "
    "hides the next finding on its line.",
    _none,
)
RULES = (
    Rule(
        "encoding",
        "error",
        "a file that is not UTF-8",
        "Quarto reads UTF-8. What cannot be decoded is passed over by all other rules.",
        _encoding,
    ),
    Rule(
        "markup",
        "error",
        "a div, comment or block of code that nothing closes",
        "What is never closed swallows what follows, or stays in the text as it was "
        "typed; either way the page is not what was meant, and other rules see less.",
        code.faults,
    ),
    Rule(
        "no-manifest",
        "error",
        "names are used, and there is no manifest to look them up in",
        "The manifest is generated and committed: bookfigs figures writes it.",
        names.no_manifest,
    ),
    Rule(
        "unknown-name",
        "error",
        "a figure, listing, value or claim that does not exist",
        "The name in {{< val NAME >}}, in ref=… of a claim, or in the id of a div of "
        "class bookfigs is not in the manifest. The render would stop there.",
        names.unknown_name,
    ),
    Rule(
        "nameless",
        "error",
        "a value, claim or embedding that names nothing",
        "A value needs a name, a claim needs ref=…, and a div of class bookfigs an id "
        "of the form fig-NAME or lst-NAME. The render would stop there.",
        names.nameless,
    ),
    Rule(
        "unreferenced",
        "error",
        "an embedded figure or listing that no text refers to",
        "A figure floats: only a reference (@fig-NAME, @lst-NAME) tells the reader "
        "when to look at it. One on any page of the book suffices.",
        names.unreferenced,
    ),
    Rule(
        "repeated-id",
        "error",
        "a figure or listing embedded twice under one id",
        "References would lead to one of them only.",
        names.repeated,
    ),
    Rule(
        "not-embedded",
        "info",
        "a figure of the book that no page shows",
        "It is measured and drawn, and its values and claims may be used all the same.",
        names.not_embedded,
    ),
    Rule(
        "retyped-number",
        "error",
        "a number in prose that equals a value of the book",
        "Typed, it stays as it is when the value is measured anew. Use the shortcode; "
        "if the number is equal by chance, declare an exception and say so.",
        numbers.retyped,
    ),
    Rule(
        "unsourced-number",
        "error",
        "a number in prose that nothing computes",
        "A number is a value of a figure, a part of a formula ($…$), a parameter in "
        "code (`…`), or its reason is declared. Names, years, dates, versions, "
        "ordinals and numbers of sections are left alone; so are numbers in words.",
        numbers.unsourced,
    ),
    Rule(
        "unaccepted",
        "error",
        "a sentence around a value or claim that is not as it was accepted",
        "The evidence bears out what a claim says, not how a sentence puts it. Once "
        "bookfigs accept was run for the pages of a folder, each such sentence is "
        "read again when it, or what its claim says, has changed.",
        sentences.unaccepted,
    ),
    Rule(
        "alt-missing",
        "error",
        "a picture without an alternative text",
        "Who cannot see the picture learns nothing of it. A caption is no replacement: "
        "it says what to think of the picture, not what is in it.",
        texts.alt_missing,
    ),
    Rule(
        "alt-long",
        "error",
        "an alternative text of more than 250 characters",
        "It is read out in one go. Say what the picture shows; the rest is prose.",
        texts.alt_long,
    ),
    Rule(
        "alt-latex",
        "error",
        "LaTeX in an alternative text",
        "It is read out sign by sign: say it in words.",
        texts.alt_latex,
    ),
    Rule(
        "value-in-alt",
        "error",
        "a value in the alternative text of an ordinary figure",
        "Quarto fills shortcodes nowhere in fig-alt; only a div of class bookfigs has "
        "its values filled there.",
        texts.value_in_alt,
    ),
    Rule(
        "caption-form",
        "error",
        "a caption that is not '**Title**: sentence.'",
        "Every figure and listing of the book is captioned alike, so that a reader who "
        "leafs through it reads the titles.",
        texts.caption_form,
    ),
    Rule(
        "value-in-math",
        "error",
        "a value in math, where the Quarto at hand garbles it",
        "Before 1.10 Quarto takes a shortcode in $…$ apart as if it were a formula. "
        "Tell another version by --quarto.",
        code.value_in_math,
    ),
    Rule(
        "wide-line",
        "error",
        "a line of code of more than 70 columns",
        "Printed code is not wrapped: what is wider runs out of the page.",
        code.wide_line,
    ),
    Rule(
        "foreign-comment",
        "error",
        "a sign beyond ASCII in a comment of printed code",
        "The font that code is printed in may lack the sign, which then is missing.",
        code.foreign_comment,
    ),
    Rule(
        NOT_EXECUTED,
        "error",
        "a block of Python that nothing ran as it stands",
        "Code that never ran is wrong sooner or later. bookfigs lint --execute runs "
        "the blocks of a page in order, in one namespace, and remembers which ran. "
        "What cannot be run is a listing, or its reason is declared.",
        code.not_executed,
    ),
    Rule(
        FAILED,
        "error",
        "a block of Python that was run and failed",
        "It raised an exception, did not end in time, printed without end, ended its "
        "process, or tried to write outside of its folder, which was refused. The "
        "place is the innermost line of the page. If it is meant to fail, declare why: "
        "then the blocks after it are run all the same.",
        code.execution_failed,
    ),
    Rule(
        "filter-missing",
        "error",
        "pages use bookfigs, and its filter is not listed",
        "Without the filter Quarto renders the page, with empty figures and claims "
        "that nobody judged.",
        filters.filter_missing,
    ),
    Rule(
        "filter-late",
        "error",
        "the filter is listed where it comes too late",
        "It has to run at pre-ast, before Quarto parses figures: from 1.8 on by the "
        "name of the extension, from 1.4 on by the path of bookfigs.lua.",
        filters.filter_late,
    ),
    INVALID,
    UNUSED,
)  # fmt: skip
"""Every code that a finding may have."""


def rule(wanted: str) -> Rule:
    """A rule by its code. Raises: UnknownNameError if no rule has it."""
    known = {each.code: each for each in RULES}
    if wanted not in known:
        raise UnknownNameError(
            wanted, "no finding has this code", asked=wanted, available=known
        )
    return known[wanted]
