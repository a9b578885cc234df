"""Filling in: what has to stand in a region, and how that differs from what does."""

from dataclasses import dataclass
from pathlib import Path

from bookfigs.errors import BookfigsError, InputError
from bookfigs.exporting import block, gates, picture
from bookfigs.exporting.marker import Region, mark
from bookfigs.exporting.signs import in_text
from bookfigs.exporting.supply import Supply
from bookfigs.exporting.target import Opened, Target
from bookfigs.exporting.work import BY_HAND, Work

NUMBER = 32
"""So many characters a number has at most: more is text that nobody wants to lose."""

SHOWN = 60


@dataclass(frozen=True)
class Filler:
    """Fills pages of another book with what this one has."""

    target: Target
    supply: Supply
    folder: str
    """Where pictures go, unless a marker says so."""
    work: Work

    def page(self, opened: Opened, found: list[Region]) -> None:
        """Note what of a page has to change."""
        edits: list[tuple[int, int, str]] = []
        for region in found:
            try:
                edits += self._edits(region, opened.path)
            except BookfigsError as error:
                self.work.errors.append(error)
        if edits:
            self.work.files[opened.path] = opened.edited(edits)

    def _edits(self, region: Region, page: Path) -> list[tuple[int, int, str]]:
        """Ranges of a page, and what has to stand there."""
        if region.marker.kind == "val":
            return self._value(region)
        if region.marker.kind == "claim":
            return self._claim(region)
        new = _framed(self._block(region, page), _indent(region))
        return self._replaced(region, new)

    def _value(self, region: Region) -> list[tuple[int, int, str]]:
        """A number; what stands there is replaced if it may be one."""
        plain = self.supply.value(region.marker.name, region.place)
        new = in_text(plain)
        if new != plain and region.is_in_attribute:
            what = f"the value {plain!r} has signs that no attribute can hold"
            raise InputError(region.place, what, run="write it in the text instead")
        old = region.text.strip()
        if old == new:
            return []
        said = f"says {old!r}, and is {new!r}" if old else "is not filled in"
        is_text = len(old) > NUMBER or len(old.split()) > 2  # noqa: PLR2004 - number, unit
        self._note(region, said, by_hand=is_text)
        return [(region.marker.end, region.closing, new)]

    def _claim(self, region: Region) -> list[tuple[int, int, str]]:
        """Words of the author's stay; without any, the sentence of the claim stands."""
        entry = self.supply.claim(region.marker.name, region.place)
        if not region.is_own:
            return []
        return self._replaced(region, in_text(entry.sentence))

    def _replaced(self, region: Region, new: str) -> list[tuple[int, int, str]]:
        """The edits that make a region say something, with its digest."""
        old, closing = region.text, f"<!-- /bookfigs {mark(new)} -->"
        if old == new and region.digest == mark(new):
            return []
        if not old.strip():
            said = "is not filled in"
        elif region.is_own:
            said = f"is outdated: {_difference(old, new)}"
        elif old == new:
            said = "has lost the digest in its closing marker"
        else:
            said = f"{BY_HAND}: {_difference(old, new)}"
        self._note(region, said, by_hand=said.startswith(BY_HAND))
        return [(region.marker.end, region.end, new + closing)]

    def _note(self, region: Region, said: str, *, by_hand: bool) -> None:
        what = f"{region.marker.name} {said}"
        self.work.note(region.place, what, by_hand=by_hand)

    def _block(self, region: Region, page: Path) -> str:
        """A figure or listing as it has to be. Raises: BookfigsError."""
        where = region.place
        asked = block.request(region.marker, where)

        def fill(name: str) -> str:
            return self.supply.value(name, where)

        if region.marker.kind == "lst":
            entry = self.supply.listing(asked.slug, where)
            made = block.listing_block(asked, entry, fill)
            self._pass(made, where, f"listing {asked.slug}")
            return made
        folder = asked.options.get("images", self.folder)
        source = f"{folder.rstrip('/')}/{asked.slug}.svg".removeprefix("./")
        figure = self.supply.figure(asked.slug, where)
        made = block.figure_block(asked, figure, source, fill)
        self._pass(made, where, f"figure {asked.slug}")
        self._picture(self.target.images(page, folder, where), asked.slug, where)
        return made

    def _pass(self, made: str, where: str, source: str) -> None:
        self.work.errors += gates.violations(made, where, source)

    def _picture(self, folder: Path, slug: str, where: str) -> None:
        """Note the picture of a figure. Raises: BookfigsError."""
        path = folder / f"{slug}.svg"
        if path in self.work.pictures:
            return
        self.work.pictures.add(path)
        new, name = self.supply.picture(slug, where), self.target.name(path)
        self.target.require_writable(path)
        if not path.exists():
            self.work.note(name, "is missing")
            self.work.files[path] = new
            return
        old = self.target.read(path)
        if old.replace(b"\r\n", b"\n") == new:
            return
        if not picture.is_ours(old):
            what = "is there, and was not written by bookfigs"
            run = "rename it, or choose another folder: --images FOLDER"
            raise InputError(name, what, run=run)
        by_hand = not picture.is_untouched(old)
        self.work.note(name, BY_HAND if by_hand else "is outdated", by_hand=by_hand)
        self.work.files[path] = new


def _framed(made: str, indent: str) -> str:
    """A block between its markers, as far to the right as these."""
    lines = ["", *made.split("\n"), "", ""]
    first, *rest = [f"{indent}{line}" if line else "" for line in lines[:-1]]
    return "\n".join([first, *rest, indent])


def _indent(region: Region) -> str:
    """What stands before an opening marker in its line."""
    text, at = region.page.text, region.marker.start
    return text[text.rfind("\n", 0, at) + 1 : at]


def _difference(old: str, new: str) -> str:
    """The first line that differs, as it is and as it has to be."""
    before, after = old.strip().split("\n"), new.strip().split("\n")
    pairs = zip([*before, ""], [*after, ""], strict=False)
    was, now = next(((a, b) for a, b in pairs if a != b), ("", ""))
    at = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), 0)
    start = max(0, at - SHOWN // 3)
    return f"{_cut(was, start)!r} instead of {_cut(now, start)!r}"


def _cut(line: str, start: int) -> str:
    shown = line[start : start + SHOWN]
    return (
        ("…" if start and shown else "")
        + shown
        + ("…" if line[start + SHOWN :] else "")
    )
