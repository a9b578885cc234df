"""What stops the render: a message, a nonzero exit status, and no page."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .book import Book, Rendered, run_pandoc

FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"
LISTING = "::: {#lst-linear-scan .bookfigs}\n:::\n"
VALUE = "{{< val step_time.ratio >}}\n"
CLAIM = '[It grows]{.claim ref="step_time.linear"}\n'
MAKE = "  run: bookfigs figures\n"
LIST = "\n  run: bookfigs list"
NO_XLS = f"figure step_time has no data as xls\n  available: csv, json\n{MAKE}".rstrip()
NEEDS_ID = "a div of class bookfigs needs an id of the form fig-NAME or lst-NAME"
TOO_MUCH = (
    "the div may hold one paragraph, its caption, and nothing else "
    "(in Quarto, before the filter runs: list it at pre-ast)"
)
NO_NAME = """there is no value with an empty name
  available: step_time.ratio
  run: bookfigs list"""


def render(book: Book, text: str) -> Rendered:
    """The chapter rendered, as if its bare name had been typed."""
    rendered = book.pandoc(text)
    said = rendered.message.replace(str(book.chapter), book.chapter.name)
    return Rendered(rendered.status, said, rendered.path)


def assert_stopped(rendered: Rendered, message: str) -> None:
    """The message is all that was said, and no page was written."""
    assert rendered.message == message
    assert rendered.status != 0
    assert not rendered.path.exists()


@pytest.mark.parametrize(
    ("text", "place", "what", "names"),
    [
        (
            "::: {#fig-step-tim .bookfigs}\n:::",
            "#fig-step-tim",
            "figure step_tim",
            "  nearest: step_time\n  available: step_time\n",
        ),
        (
            "::: {#lst-fold .bookfigs}\n:::",
            "#lst-fold",
            "listing fold",
            "  available: linear_scan\n",
        ),
        (
            "{{< val step_time.ratoi >}}",
            "val step_time.ratoi",
            "value step_time.ratoi",
            "  nearest: step_time.ratio\n  available: step_time.ratio\n",
        ),
        (
            '[It]{.claim ref="step_time.linaer"}',
            "claim step_time.linaer",
            "claim step_time.linaer",
            "  nearest: step_time.linear\n  available: step_time.linear\n",
        ),
    ],
)
def test_an_unknown_name_stops(
    book: Book, text: str, place: str, what: str, names: str
) -> None:
    message = f"bookfigs: rnn.qmd, {place}: there is no {what}\n{names}"
    assert_stopped(render(book, text), f"{message}  run: bookfigs list\n")


def test_many_available_names_are_cut_short(book: Book) -> None:
    value = book.manifest["values"]["step_time.ratio"]
    book.manifest["values"] = {f"v.n{index:02}": value for index in range(15)}
    shown = ", ".join(f"v.n{index:02}" for index in range(12))
    message = book.pandoc("{{< val far.away >}}").message
    assert f"  available: {shown}, … (and 3 more)\n" in message
    assert "nearest" not in message


def test_a_manifest_without_entries_says_so(book: Book) -> None:
    book.manifest["listings"] = {}
    assert "  available: nothing yet\n" in book.pandoc(LISTING).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "::: {.bookfigs}\n:::",
            f"rnn.qmd: {NEEDS_ID}",
        ),
        (
            "::: {#tab-x .bookfigs}\n:::",
            f"rnn.qmd, #tab-x: {NEEDS_ID}",
        ),
        (
            "::: {#fig-step-time .bookfigs}\nOne.\n\nTwo.\n:::",
            f"rnn.qmd, #fig-step-time: {TOO_MUCH}",
        ),
        ("[It *grows*]{.claim}", "rnn.qmd: the claim “It grows” has no ref"),
        (
            "::: {.bookfigs-evidence}\n:::",
            "rnn.qmd: the table of evidence is empty: no claim is made here",
        ),
        (
            "{{< val >}}",
            f"rnn.qmd: {NO_NAME}",
        ),
    ],
)
def test_an_embed_that_asks_for_nothing_stops(
    book: Book, text: str, message: str
) -> None:
    assert_stopped(render(book, text), f"bookfigs: {message}\n")


@pytest.mark.parametrize("to", ["html5", "latex", "docx"])
@pytest.mark.parametrize(
    "inner",
    [
        "::: {#fig-no .bookfigs}\n:::",
        "{{< val no.such >}}",
        '[x]{.claim ref="no.such"}',
        "{{< data no >}}",
        '[x]{.bookfigs-data ref="no"}',
    ],
)
@pytest.mark.parametrize(
    "outer",
    [
        '::: {.claim ref="step_time.linear"}\nINNER\n:::',
        ":::: {.column-margin}\nINNER\n::::",
        ":::: {layout-ncol=2}\nINNER\n::::",
        "Text.^[It [INNER]{.x}.]",
        "> | a |\n> |---|\n> | [*INNER*](u) |",
        '[[INNER]{.claim ref="step_time.linear"}]{.claim ref="step_time.linear"}',
        "# Head INNER",
        "Term\n:   INNER",
    ],
)
def test_a_failing_embed_stops_wherever_it_stands(
    book: Book, outer: str, inner: str, to: str
) -> None:
    if inner.startswith(":::") and not outer.startswith(":::"):
        inner = "[]{#fig-no .bookfigs}"  # no div fits there
    rendered = book.pandoc(outer.replace("INNER", inner), to)
    assert rendered.message.startswith("bookfigs: ")
    assert rendered.status != 0
    assert not rendered.path.exists()


@pytest.mark.parametrize("class_", ["bookfigs", "bookfigs-evidence"])
def test_an_embed_among_words_stops(book: Book, class_: str) -> None:
    what = f"what is of class {class_} has to be a div: ::: {{#fig-NAME .bookfigs}}"
    assert_stopped(
        render(book, f"[]{{#fig-step-time .{class_}}}"),
        f"bookfigs: rnn.qmd, #fig-step-time: {what}\n",
    )


def test_a_value_in_math_stops_where_nothing_would_fill_it(book: Book) -> None:
    message = render(book, "$x = {{< val step_time.ratio >}}$").message
    assert "rnn.qmd: a value cannot stand in math: x = {{< val" in message


def test_a_value_with_a_format_of_its_own_stops(book: Book) -> None:
    what = "val takes one name: how a number is written belongs to its definition"
    assert_stopped(
        render(book, "{{< val step_time.ratio words >}}"),
        f"bookfigs: rnn.qmd, val step_time.ratio: {what}\n",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{{< data step_tim >}}",
            "there is no figure step_tim\n  nearest: step_time\n  available: step_time"
            + LIST,
        ),
        (
            "{{< data step_time xls >}}",
            NO_XLS,
        ),
        (
            '[x]{.bookfigs-data ref="step_time" format="xls"}',
            NO_XLS,
        ),
        (
            "{{< data step_time csv json >}}",
            "data takes the name of a figure and, if it likes, a format",
        ),
    ],
)
def test_data_that_there_is_not_stops(book: Book, text: str, message: str) -> None:
    name = "step_tim" if "step_tim " in text else "step_time"
    assert_stopped(render(book, text), f"bookfigs: rnn.qmd, data {name}: {message}\n")


@pytest.mark.parametrize("text", ["{{< data step_time >}}", FIGURE, CLAIM])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_data_that_a_page_would_link_to_have_to_be_right(
    book: Book, text: str, damage: str
) -> None:
    path = book.generated / "data" / "step_time.csv"
    path.write_bytes(b"") if damage == "changed" else path.unlink()
    message = render(book, text).message
    assert "the data of figure step_time as csv is " in message
    assert message.endswith(MAKE)


@pytest.mark.parametrize("shown", ["", "out", "none"])
def test_a_part_of_a_listing_that_there_is_not_stops(book: Book, shown: str) -> None:
    text = f'::: {{#lst-linear-scan .bookfigs show="{shown}"}}\n:::\n'
    message = "show has to be one of: code, output, both"
    assert message in render(book, text).message


def test_an_output_that_there_is_not_stops(book: Book) -> None:
    text = "::: {#lst-linear-scan .bookfigs show=output}\n:::\n"
    message = "bookfigs: rnn.qmd, #lst-linear-scan: listing linear_scan has no output"
    assert_stopped(render(book, text), f"{message} to show\n")


@pytest.mark.parametrize("verdict", ["fails", "inconclusive", "not applicable here"])
def test_a_claim_that_does_not_hold_stops(book: Book, verdict: str) -> None:
    claim = book.manifest["claims"]["step_time.linear"]
    claim["verdict"] = claim["rows"][1]["verdict"] = verdict
    assert_stopped(
        render(book, CLAIM),
        "bookfigs: rnn.qmd, claim step_time.linear: the claim does not hold, its "
        f"verdict is: {verdict} ({verdict} on NVIDIA H200: exponent 1.00 (1.00 to "
        "1.00), expected between 0.98 and 1.02)\n"
        "  run: bookfigs why step_time.linear\n",
    )


def test_a_claim_without_evidence_stops(book: Book) -> None:
    book.manifest["claims"]["step_time.linear"]["rows"] = []
    message = "the claim rests on no evidence\n  run: bookfigs why step_time.linear\n"
    assert_stopped(
        render(book, CLAIM),
        f"bookfigs: rnn.qmd, claim step_time.linear: {message}",
    )


@pytest.mark.parametrize(
    ("kind", "name", "text", "place"),
    [
        ("figure", "step_time", FIGURE, "#fig-step-time"),
        ("listing", "linear_scan", LISTING, "#lst-linear-scan"),
        ("value", "step_time.ratio", VALUE, "val step_time.ratio"),
        ("claim", "step_time.linear", CLAIM, "claim step_time.linear"),
    ],
)
def test_an_outdated_entry_stops(
    book: Book, kind: str, name: str, text: str, place: str
) -> None:
    book.manifest[f"{kind}s"][name]["outdated"] = "scan has changed"
    message = f"bookfigs: rnn.qmd, {place}: {kind} {name} is outdated: scan has changed"
    run = "  run: bookfigs prove linear_scan\n" if kind == "listing" else MAKE
    assert_stopped(render(book, text), f"{message}\n{run}")


def test_an_outdated_figure_need_not_have_been_drawn(book: Book) -> None:
    figure = book.manifest["figures"]["step_time"]
    figure |= {"outdated": "it was never measured", "images": {}, "evidence": []}
    message = "figure step_time is outdated: it was never measured"
    assert_stopped(
        render(book, FIGURE),
        f"bookfigs: rnn.qmd, #fig-step-time: {message}\n{MAKE}",
    )


def test_a_missing_image_stops(book: Book) -> None:
    (book.generated / "figures/step_time.svg").unlink()
    message = "the svg image of figure step_time is missing"
    assert_stopped(
        render(book, FIGURE),
        f"bookfigs: rnn.qmd, #fig-step-time: {message}\n{MAKE}",
    )


def test_an_image_that_the_manifest_does_not_list_stops(book: Book) -> None:
    del book.manifest["figures"]["step_time"]["images"]["pdf"]
    rendered = book.pandoc(FIGURE, "latex")
    assert "the pdf image of figure step_time is missing" in rendered.message
    assert rendered.status != 0


def test_a_changed_image_stops(book: Book) -> None:
    book.file("figures/step_time.svg", b"<svg/>")
    message = "the svg image of figure step_time is not the one that the manifest "
    assert_stopped(
        render(book, FIGURE),
        f"bookfigs: rnn.qmd, #fig-step-time: {message}was written for\n{MAKE}",
    )


def test_an_image_of_another_format_is_not_looked_at(book: Book) -> None:
    (book.generated / "figures/step_time.pdf").unlink()
    assert book.pandoc(FIGURE).status == 0


@pytest.mark.parametrize("text", [FIGURE, VALUE, CLAIM, FIGURE + VALUE + CLAIM])
def test_changed_evidence_stops_once(book: Book, text: str) -> None:
    book.file("../rnn/evidence/cpu.json", b"{ }")
    assert_stopped(
        render(book, text),
        "bookfigs: rnn.qmd: the evidence ../rnn/evidence/cpu.json of figure step_time "
        f"is not the one that the manifest was written for\n{MAKE}",
    )


def test_all_problems_are_told_at_once_and_each_once(book: Book) -> None:
    unknown = '[It]{.claim ref="no.such"}'
    text = f"{unknown} {unknown} {{{{< val no.value >}}}} [x]{{.claim}}"
    lines = render(book, text).message.splitlines()
    assert [line for line in lines if line.startswith("bookfigs: ")] == [
        "bookfigs: rnn.qmd, val no.value: there is no value no.value",
        "bookfigs: rnn.qmd, claim no.such: there is no claim no.such",
        "bookfigs: rnn.qmd: the claim “x” has no ref",
    ]


@pytest.mark.parametrize("text", [FIGURE, LISTING, VALUE, CLAIM])
def test_a_missing_manifest_stops(tmp_path: Path, text: str) -> None:
    document = tmp_path / "alone.qmd"
    document.write_text(text, encoding="utf-8")
    above = f"there is no _bookfigs/manifest.json in {tmp_path} or above"
    assert_stopped(
        run_pandoc(document, "html5"), f"bookfigs: {document}: {above}\n{MAKE}"
    )


NO_PANEL = """bookfigs has no option panel
  nearest: panels
  available: manifest, panels"""
FORM = "the metadata `bookfigs` has to be of the form `manifest: path`, `panels: page` "
PANELS = "the option panels of bookfigs has to be one of: page, footnote, none"


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("bookfigs: 3", f"{FORM}or both"),
        ("bookfigs: [a]", f"{FORM}or both"),
        ("bookfigs:\n  manifest: [a]", f"{FORM}or both"),
        ("bookfigs:\n  panels: [a]", PANELS),
        ("bookfigs:\n  panels: foot", PANELS),
        ("extensions:\n  bookfigs:\n    panels: foot", PANELS),
        (
            "bookfigs:\n  panel: none",
            NO_PANEL,
        ),
    ],
)
def test_a_wrong_option_stops(book: Book, option: str, what: str) -> None:
    rendered = render(book, f"---\n{option}\n---\n\nNothing is embedded.")
    assert_stopped(rendered, f"bookfigs: rnn.qmd: {what}\n")


def test_a_manifest_that_is_not_where_the_document_says_stops(book: Book) -> None:
    option = "bookfigs:\n  manifest: no/such.json"
    rendered = render(book, f"---\n{option}\n---\n\n{FIGURE}")
    assert rendered.message.startswith("bookfigs: rnn.qmd: there is no manifest ")
    assert rendered.message.endswith(MAKE)
    assert rendered.status != 0


@pytest.mark.parametrize("schema", [2, 1.5, 1e9])
def test_a_newer_manifest_stops(book: Book, schema: float) -> None:
    book.manifest = {"schema": schema, "generator": "bookfigs 9.0.0"}
    message = render(book, FIGURE).message
    assert message.startswith(
        f"bookfigs: rnn.qmd: the manifest has schema {schema:g}, and this extension "
        "reads schema 1 at most: take the extension of the bookfigs that wrote it "
        "(bookfigs 9.0.0)"
    )
    assert message.endswith("  run: pip install --upgrade bookfigs\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema": 1',
        b'{"schema": 1} x',
    ],
)
def test_a_manifest_that_is_not_json_stops(book: Book, content: bytes) -> None:
    book.write(FIGURE)
    (book.generated / "manifest.json").write_bytes(content)
    rendered = run_pandoc(book.chapter, "html5")
    assert_stopped(
        rendered,
        f"bookfigs: {book.chapter}: the manifest is not JSON "
        f"({book.generated / 'manifest.json'})\n{MAKE}",
    )


@pytest.mark.parametrize(
    "content", ["3", "null", "true", '"x"', "[]", "[[1]]", "{}", '{"schema": "1"}']
)
def test_a_manifest_of_another_kind_stops(book: Book, content: str) -> None:
    book.write(FIGURE)
    (book.generated / "manifest.json").write_text(content, encoding="utf-8")
    rendered = run_pandoc(book.chapter, "html5")
    assert rendered.message.startswith(
        f"bookfigs: {book.chapter}: the manifest is not of schema 1 ("
    )
    assert rendered.status != 0
    assert not rendered.path.exists()


Replace = Callable[[object], None]


def parts(value: Any, path: str = "") -> list[tuple[str, Replace]]:
    """Every place in decoded JSON, with a function that puts another value there."""
    found: list[tuple[str, Replace]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        joined = f"{path}[{key + 1}]" if isinstance(key, int) else f"{path}.{key}"
        place = joined.removeprefix(".")
        found.append((place, partial(value.__setitem__, key)))
        if isinstance(inner, dict | list):
            found += parts(inner, place)
    return found


@pytest.mark.parametrize("wrong", [17, True, [[]], {"a": 1}, None])
def test_any_part_of_another_type_stops(book: Book, wrong: object) -> None:
    """Null is right in three places, where it means that there is nothing."""
    pristine = json.dumps(book.manifest)
    places = [place for place, _ in parts(json.loads(pristine)) if place != "schema"]
    optional = ("outdated", "symbol", "commit")
    checked = [
        place for place in places if wrong is not None or not place.endswith(optional)
    ]
    assert len(checked) > 30
    for place in checked:
        book.manifest = json.loads(pristine)
        dict(parts(book.manifest))[place](wrong)
        message = render(book, FIGURE).message
        assert f"rnn.qmd: the manifest is damaged: {place}" in message
        assert "stack traceback" not in message


@pytest.mark.parametrize("section", ["figures", "listings", "values", "claims"])
def test_a_section_or_field_that_is_left_out_stops(book: Book, section: str) -> None:
    entry = next(iter(book.manifest[section].values()))
    for field in entry.keys() - {"data", "measured"}:  # older manifests have none
        kept = entry.pop(field)
        assert f".{field} has to be" in render(book, FIGURE).message
        entry[field] = kept
    del book.manifest[section]
    message = render(book, FIGURE).message
    assert f"damaged: {section} has to be object, found nothing" in message


def test_a_language_that_is_not_a_word_stops(book: Book) -> None:
    book.manifest["listings"]["linear_scan"]["language"] = "py`#read(1)"
    message = render(book, LISTING).message
    assert "listings.linear_scan.language has to be one word" in message


@pytest.mark.parametrize("sign", ["\0", "\a", "\x0b", "\x1f", "\x7f"])
def test_control_characters_stop(book: Book, sign: str) -> None:
    """They would make an EPUB that no reader opens."""
    book.manifest["values"]["step_time.ratio"]["text"] = f"3{sign}7"
    message = "values.step_time.ratio.text must not have control characters"
    assert message in render(book, VALUE).message
