"""The dark twin of a picture, for pages with a dark ground.

Made from the light picture by exchanging its colours and nothing else, so that both
show the same. A colour of the palette is exchanged for its counterpart; a grey for
the one that stands out from the dark ground as it does from white paper. Any other
colour is refused: nobody has looked at it on a dark ground.
"""

import re
from collections.abc import Mapping

from bookfigs.errors import InputError

GROUND = "#222222"
"""What white paper becomes: the ground of the dark pages of most themes, or nearly."""

CONTRAST_OF_BLACK = 21.0
"""The contrast of black and white, the largest there is."""

LINEAR = 0.04045
"""Up to here sRGB is linear."""

TAG = re.compile(r"<[A-Za-z][^>]*>")
PAINT = re.compile(r'(?<![\w-])((?:fill|stroke|stop-color|color)(?:: ?|="))([^;"]*)')
NO_COLOR = re.compile(r"none|url\(#\w+\)")


def darkened(svg: bytes, counterparts: Mapping[str, str], where: str) -> bytes:
    """Exchange every colour of a picture that matplotlib wrote.

    ``counterparts``: colour → colour on the dark ground, both as ``#rrggbb``.
    Edge cases: what is painted in no colour at all is black, and is exchanged too;
    how transparent something is stays.
    Raises: InputError for a colour that is neither grey nor has a counterpart, and
    for an image made of pixels, of which the colours are not known.
    """
    known = {light.lower(): dark for light, dark in counterparts.items()}

    def paint(found: re.Match[str]) -> str:
        return found[1] + _exchanged(found[2], known, where)

    def tag(found: re.Match[str]) -> str:
        if found[0].startswith("<image"):
            raise InputError(
                where,
                "draw() shows an image made of pixels, which has no dark twin: draw "
                "it as lines and areas instead",
            )
        text = PAINT.sub(paint, found[0])
        if text.startswith("<svg "):
            return f'<svg fill="{_grey(CONTRAST_OF_BLACK)}" {text[5:]}'
        return text

    return TAG.sub(tag, svg.decode()).encode()


def _exchanged(color: str, known: Mapping[str, str], where: str) -> str:
    """The counterpart of one colour. Raises: InputError if it has none."""
    if NO_COLOR.fullmatch(color):
        return color
    if color.lower() in known:
        return known[color.lower()]
    if grey := re.fullmatch(r"#([0-9a-fA-F]{2})\1\1", color):
        return _grey(_contrast_with_white(int(grey[1], 16)))
    raise InputError(
        where,
        f"draw() uses the colour {color}, which has no dark counterpart: use one of "
        "the palette in bookfigs.style, or a grey; alpha makes either lighter",
        available=known,
    )


def _contrast_with_white(level: int) -> float:
    """Contrast of a grey, 0 to 255, and white (WCAG 2.2, contrast ratio)."""
    return 1.05 / (_luminance(level) + 0.05)


def _grey(contrast: float) -> str:
    """The grey with this contrast with the dark ground, or white if none has it."""
    ground = _luminance(int(GROUND[1:3], 16))
    wanted = contrast * (ground + 0.05) - 0.05
    level = min(range(256), key=lambda level: abs(_luminance(level) - wanted))
    return "#" + 3 * f"{level:02x}"


def _luminance(level: int) -> float:
    """Relative luminance of a grey (WCAG 2.2), which is that of each of its parts."""
    share = level / 255
    return share / 12.92 if share <= LINEAR else ((share + 0.055) / 1.055) ** 2.4
