"""What the recurrence is to reach beside its peers, and what one run says of it.

Every goal is a ratio of two arms of one run: the median over rounds of the ratio
within a round.
"""

import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

LONG = 8192
"""Steps from which on the scans of tensor operations are judged."""

Found = dict[str, Any]
"""Samples of each arm of one case."""


class Goal(NamedTuple):
    """Two arms, the bounds that their ratio has to keep, and where."""

    arm: str
    other: str
    low: float | None
    high: float | None
    where: tuple[str, ...] = ("real", "complex")
    steps: int = 2048

    @property
    def text(self) -> str:
        """The goal in words."""
        if self.low is None:
            return f"{self.arm} takes at most {self.high} x {self.other}"
        if self.high is None:
            return f"{self.arm} is at least {self.low} x faster than {self.other}"
        return f"{self.arm} takes {self.low} to {self.high} x {self.other}"

    def ratio(self, found: Found) -> float | None:
        """Time over that of the other, or, for a speed-up, the reverse."""
        pair = [found.get(name, {}).get("both") for name in (self.arm, self.other)]
        if None in pair:
            return None
        mine, its = (arm["samples"] for arm in pair)
        times: float = statistics.median(m / i for m, i in zip(mine, its, strict=True))
        return 1 / times if self.high is None else times

    def met(self, ratio: float) -> bool:
        """Whether a ratio keeps the bounds."""
        above = self.low is None or ratio >= self.low
        return above and (self.high is None or ratio <= self.high)


def goals() -> Iterator[Goal]:
    """Every goal for the CPU, forward and backward together."""
    for scan in ("work-efficient scan", "chunked scan"):
        yield Goal(scan, "floor", None, 4.5, ("real",), LONG)
        yield Goal(scan, "floor", None, 5.5, ("complex",), LONG)
        yield Goal(scan, "jax associative_scan", 2.5, None, steps=LONG)
        yield Goal(scan, "torch associative_scan", 4, None, steps=LONG)
        yield Goal(scan, "Hillis-Steele scan", 5, None, steps=LONG)
        yield Goal(scan, "FFT convolution", 3, None, ("complex",), LONG)
    yield Goal("fused loop", "floor", None, 1.3, ("real",))
    yield Goal("fused loop", "floor", None, 1.5, ("complex",))
    yield Goal("fused loop", "jax scan", 3, None)
    yield Goal("fused tanh twin", "fused loop", 0.7, 1.3, ("real",))


def judged(results: dict[str, Found]) -> str:
    """Write a line for each goal and kind of number as Markdown."""
    lines = ["| goal, forward + backward | case: ratio |", "|-|-|"]
    for goal in goals():
        for kind in goal.where:
            cells = list(_cells(goal, kind, results))
            if cells:
                lines.append(f"| {goal.text}, {kind} | {' · '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(goal: Goal, kind: str, results: dict[str, Found]) -> Iterator[str]:
    for title, found in results.items():
        shape = title.rpartition(" ")[2]
        ratio = goal.ratio(found)
        if not title.startswith(kind) or ratio is None:
            continue
        if int(shape.split("x")[1]) >= goal.steps:
            missed = "" if goal.met(ratio) else ", missed"
            yield f"{shape}: {ratio:.2f}{missed}"
