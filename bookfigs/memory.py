"""Memory: entries that a check computed before from the same evidence and code.

Known by the digests of all that they are computed from, never by a date.
"""

from functools import cached_property
from importlib import metadata

import msgspec

from bookfigs.cache import Cache
from bookfigs.canonical import digest
from bookfigs.errors import BookfigsError
from bookfigs.plan import FigureState, Plan


class Memory:
    """Entries that were computed from the same evidence by the same code before."""

    def __init__(self, found: Plan, cache: Cache) -> None:
        self._manifest = found.manifest
        self._cache = cache
        self._where = f"{found.device.slug} {_computed_with()}"

    def knows(self, state: FigureState) -> bool:
        """Whether the entries as they are written are those that were computed."""
        slug = state.source.slug
        return self._cache.verdict(slug, self._from(state)) == self._written(slug)

    def learn(self, state: FigureState, wrong: list[BookfigsError]) -> None:
        """Remember entries that were computed and are as they are written."""
        slug = state.source.slug
        if not wrong:
            self._cache.keep_verdict(slug, self._from(state), self._written(slug))

    def _from(self, state: FigureState) -> str:
        """Digest of all that the entries of a figure are computed from."""
        code = [f"{n}={h}" for n, h in sorted(state.source.measured_by.items())]
        path = str(state.source.path)
        return digest(self._where, path, state.follows, state.outdated or "", *code)

    def _written(self, slug: str) -> str:
        """Digest of the entries of a figure in the manifest."""
        return digest(msgspec.json.encode(self._entries.get(slug, [])))

    @cached_property
    def _entries(self) -> dict[str, list[object]]:
        """Named entries of the manifest, by figure."""
        of: dict[str, list[object]] = {}
        for slug, entry in self._manifest.figures.items():
            of.setdefault(slug, []).append(entry)
        for kind in (self._manifest.values, self._manifest.claims):
            for name, part in kind.items():
                of.setdefault(part.figure, []).append((name, part))
        return of


def _computed_with() -> str:
    """Versions of what computes values and claims."""
    packages = ("numpy", "scipy", "msgspec")
    return " ".join(f"{name} {metadata.version(name)}" for name in packages)
