"""Rules about texts beside pictures: captions, and what stands in for a picture."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bookfigs.lint.finding import Context, Hit
from bookfigs.manifest import ALT_LENGTH, Manifest
from bookfigs.prose.blocks import Div, Fence
from bookfigs.prose.document import Page
from bookfigs.prose.inlines import Span, shortcodes
from bookfigs.prose.markup import Attr

CAPTION = re.compile(r"\*\*[^*]+\*\*: .*\.", re.DOTALL)
CAPTIONS = ("fig-cap", "lst-cap", "tbl-cap")
ALTERNATIVES = ("fig-alt", "alt")
LATEX = re.compile(r"\$[^$]+\$|\\[A-Za-z]+|\\\(")
IMG = re.compile(r"<img\b", re.IGNORECASE)
IMG_ALT = re.compile(r"\salt\s*=", re.IGNORECASE)
WRITE_ALT = 'write: fig-alt="What the picture shows."'


@dataclass(frozen=True)
class Text:
    """A text that stands beside a picture, and where."""

    page: Page
    start: int
    end: int
    block: int | None = None

    @property
    def text(self) -> str:
        """The text as it is written."""
        return self.page.text[self.start : self.end]

    def hit(self, message: str, suggestion: str) -> Hit:
        """Something that is wrong with it."""
        place = (self.start, max(self.end, self.start + 1))
        return Hit(self.page, *place, message, suggestion, self.block)


def _alternative(page: Page, attr: Attr | None) -> Text | None:
    """The alternative text that attributes give."""
    fields = [attr.field(key) for key in ALTERNATIVES] if attr else []
    given = next((field for field in fields if field), None)
    block = attr.start if attr else None
    return Text(page, given.start, given.end, block) if given else None


def _is_alone(page: Page, image: Span) -> bool:
    """Whether an image is a paragraph, which makes it a figure with a caption."""
    return any(
        page.text[chunk.start : chunk.end].strip() == page.text[image.start : image.end]
        for chunk in page.chunks_in(image.start, image.end)
    )


def _pictures(page: Page) -> Iterator[tuple[Text, Text | None]]:
    """Each image: where it is, and its alternative text if it has one."""
    around = [div for div in page.divs if div.attr.id.startswith("fig-")]
    for image in page.of("image"):
        outer = [div for div in around if div.start < image.start < div.end]
        found = _alternative(page, image.attr)
        found = found or next(
            (alt for div in outer if (alt := _alternative(page, div.attr))), None
        )
        is_figure = bool(outer) or _is_alone(page, image)
        if found is None and not is_figure and page.text[slice(*image.inner)].strip():
            found = Text(page, *image.inner)
        yield Text(page, image.start, image.end), found


def _bare(page: Page) -> Iterator[Text]:
    """Figure divs without an image that could have the alternative text."""
    for div in page.divs:
        if not div.attr.id.startswith("fig-") or "bookfigs" in div.attr.classes:
            continue
        inside: list[Span | Div] = [i for i in page.of("image") if _holds(div, i)]
        inside += [
            i for i in page.divs if i.attr.id.startswith("fig-") and _holds(div, i)
        ]
        cells = [
            fence
            for fence in page.fences
            if _holds(div, fence)
            and fence.is_cell
            and _alternative(page, page.options(fence))
        ]
        if not (inside or cells or _alternative(page, div.attr)):
            yield Text(page, div.start, div.head_end)


def _holds(div: Div, inner: Span | Div | Fence) -> bool:
    return div.head_end <= inner.start and inner.end <= div.end and inner is not div


def _cells(page: Page) -> Iterator[Text]:
    """Cells that make a labelled figure without an alternative text."""
    for fence in page.fences:
        options = page.options(fence) if fence.is_cell else None
        label = options.field("label") if options else None
        if label and label.value.startswith("fig-") and not _alternative(page, options):
            yield Text(page, label.start, label.end, fence.start)


def _raw(page: Page) -> Iterator[Text]:
    """Images in HTML without an alternative text."""
    for tag in page.of("html"):
        if IMG.match(page.text, tag.start) and not IMG_ALT.search(
            page.text, tag.start, tag.end
        ):
            yield Text(page, tag.start, tag.end)


def _alternatives(page: Page) -> Iterator[Text]:
    """Every alternative text that is written."""
    seen = set()
    written = [found for _, found in _pictures(page) if found]
    written += [found for attr in page.attrs if (found := _alternative(page, attr))]
    for text in written:
        if text.start not in seen:
            seen.add(text.start)
            yield text


def alt_missing(context: Context) -> Iterator[Hit]:
    """A picture that a reader who cannot see it learns nothing of."""
    for page in context.pages:
        for image, found in _pictures(page):
            if found is None:
                yield image.hit("this image has no alternative text", WRITE_ALT)
        for text in _bare(page):
            yield text.hit("this figure has no alternative text", WRITE_ALT)
        for text in _raw(page):
            yield text.hit("this image has no alternative text", 'write: alt="…"')
        for text in _cells(page):
            write = '#| fig-alt: "What the picture shows."'
            yield text.hit("this cell's figure has no alternative text", write)
        for text in _alternatives(page):
            if not text.text.strip():
                yield text.hit("this alternative text is empty", WRITE_ALT)


def alt_long(context: Context) -> Iterator[Hit]:
    """An alternative text that takes too long to be read out."""
    for page in context.pages:
        for text in _alternatives(page):
            length = len(_filled(text, context.manifest))
            if length > ALT_LENGTH:
                what = f"this alternative text has {length} characters"
                yield text.hit(what, f"say it in at most {ALT_LENGTH}")


def _filled(text: Text, manifest: Manifest | None) -> str:
    """A text with its values, as it will be read."""
    filled, at = "", text.start
    for span in shortcodes(text.page.text, text.start, text.end):
        name = next(iter(span.arguments), "")
        entry = manifest.values.get(name) if manifest else None
        filled += text.page.text[at : span.start] + (entry.text if entry else "")
        at = span.end
    return filled + text.page.text[at : text.end]


def alt_latex(context: Context) -> Iterator[Hit]:
    """LaTeX in an alternative text, which is read out sign by sign."""
    for page in context.pages:
        for text in _alternatives(page):
            if found := LATEX.search(page.text, text.start, text.end):
                what = f"LaTeX in an alternative text: {found[0]}"
                write = "say it in words"
                yield Hit(page, *found.span(), what, write, text.block)


def value_in_alt(context: Context) -> Iterator[Hit]:
    """A value in the alternative text of a figure that is not of bookfigs."""
    for page in context.pages:
        for attr in page.attrs:
            given = attr.field("fig-alt")
            if given is None or "bookfigs" in attr.classes:
                continue
            for span in shortcodes(page.text, given.start, given.end):
                what = "Quarto fills no shortcode in this alternative text"
                write = "leave the number out"
                yield Hit(page, span.start, span.end, what, write, attr.start)


def _captions(page: Page) -> Iterator[Text]:
    """Every caption that is written."""
    for attr, field in page.worded:
        if field.key in CAPTIONS:
            yield Text(page, field.start, field.end, attr.start)
    for div in page.divs:
        if "bookfigs" in div.attr.classes:
            for chunk in page.chunks_in(div.head_end, div.end):
                yield Text(page, chunk.start, chunk.end, div.start)
    for image in page.of("image"):
        labelled = image.attr is not None and image.attr.id.startswith("fig-")
        if labelled and image.inner[0] < image.inner[1]:
            yield Text(page, *image.inner)


def caption_form(context: Context) -> Iterator[Hit]:
    """A caption that does not tell its title from its sentence."""
    for page in context.pages:
        for text in _captions(page):
            bare = re.sub(r"<!--.*?-->", "", text.text, flags=re.DOTALL).strip()
            if bare and not CAPTION.fullmatch(bare):
                what = "this caption has no title, or does not end as a sentence"
                yield text.hit(what, "write: **Title**: sentence.")
