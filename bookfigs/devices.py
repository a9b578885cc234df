"""Devices: where a figure was measured, and where it has still to be.

What is equal on every machine needs no such word; what depends on the machine, or on
the draws of seeds there, is never shown without it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bookfigs.record import Device, Record

if TYPE_CHECKING:
    from bookfigs.claim import Claim

KINDS = {"cpu": "a CPU", "cuda": "a GPU"}
"""Kinds of device, as a reader is told of one that is missing."""

MARKUP = re.compile(r"([^\w\s.,;:()/-])")
"""Signs that might mean something in a caption, which is markdown."""


def measured_on(records: Sequence[Record], claims: Iterable["Claim"]) -> str:
    """Say on which devices a figure was measured, and on which kind not yet.

    A kind is missing that a claim is about and no record is of.
    Edge cases: nothing where no column holds samples, or nothing was measured.
    """
    sampled = [r for r in records if any(c.is_sampled for c in r.columns.values())]
    if not sampled:
        return ""
    said = f"Measured on {_listed([_name(record.device) for record in sampled])}"
    meant = {kind for claim in claims for kind in claim.devices}
    there = {record.device.kind for record in sampled}
    if missing := [KINDS[kind] for kind in KINDS if kind in meant - there]:
        said += f"; not yet on {_listed(missing)}"
    return f"{said}."


def _name(device: Device) -> str:
    """A device as markdown prints it to the letter."""
    return MARKUP.sub(r"\\\1", device.title)


def _listed(names: Sequence[str]) -> str:
    """Names after each other; they may hold commas themselves."""
    return ", and on ".join(dict.fromkeys(names))
