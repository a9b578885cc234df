"""The cost of a large batch: what is counted, and what is made of it."""

import math
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bookfigs.book import Book
from bookfigs.column import key, seeded
from bookfigs.core.target import Race
from bookfigs.figure import Figure, load
from bookfigs.provenance import this_device
from bookfigs.record import Record
from records import record
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
FIGURE: Figure = load("batch_cost", BOOK.figures()["batch_cost"], BOOK.root)
BROKEN = Path(__file__).parent / "broken" / "batch_cost.py"
SEEDS = 20


def module() -> ModuleType:
    return sys.modules["bookfigs_figure_batch_cost"]


def lawful(fewest: float, critical: float, batches: list[int]) -> Record:
    """A record in which every seed follows the law to the letter."""
    steps = [[fewest * (1 + critical / B)] * SEEDS for B in batches]
    samples = [[B * s for s in cell] for B, cell in zip(batches, steps, strict=True)]
    rows = len(batches)
    return record(
        batch=(key("sequences"), batches),
        width=(key("channels"), [32] * rows),
        target=(key("nats"), [0.05] * rows),
        chain=(key(""), [59] * rows),
        rate=(seeded(""), [[2.0**-6] * SEEDS] * rows),
        reached=(seeded(""), [[1.0] * SEEDS] * rows),
        steps=(seeded("steps"), steps),
        samples=(seeded("sequences"), samples),
    )


def batches(points: Any) -> list[int]:
    return [point["batch"] for point in points]


@pytest.mark.parametrize("name", FIGURE.claims)
@pytest.mark.parametrize("points", [FIGURE.points, FIGURE.quick])
def test_the_law_of_the_text_makes_every_claim_true_even_in_a_quick_run(
    name: str, points: Any
) -> None:
    judged = FIGURE.claims[name].judge(lawful(60, 32, batches(points)))
    assert judged.verdict == "holds", judged


@pytest.mark.parametrize(
    ("critical", "false"),
    [
        (0.1, {"small_halves", "small_as_good", "one_law", "critical"}),
        (1e5, {"large_flat", "large_costs", "one_law", "critical"}),
    ],
)
def test_with_another_critical_batch_the_claims_about_it_fail(
    critical: float, false: set[str]
) -> None:
    seen = lawful(60, critical, batches(FIGURE.points))
    verdicts = {name: c.judge(seen).verdict for name, c in FIGURE.claims.items()}
    assert {name for name, verdict in verdicts.items() if verdict == "fails"} == false


@pytest.mark.parametrize("name", FIGURE.claims)
def test_each_claim_fails_in_a_record_that_breaks_it(name: str) -> None:
    change = runpy.run_path(str(BROKEN))["BROKEN"][f"batch_cost.{name}"]
    changed = change(lawful(60, 32, batches(FIGURE.points)))
    assert FIGURE.claims[name].judge(changed).verdict == "fails"


def test_the_chain_is_as_long_for_a_batch_of_one_as_for_many() -> None:
    one, many = (module().chain(module().race("cpu", B)) for B in (1, 32))
    assert one == many > 2 * module().LENGTH


@pytest.mark.parametrize(("target", "reached", "steps"), [(1e9, 1, 0), (1e-9, 0, 3)])
def test_a_run_that_is_given_up_counts_as_all_of_its_steps_and_is_marked(
    target: float, reached: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Race, "best_rate", lambda *_: 0.01)
    monkeypatch.setattr(module(), "TARGET", target)
    monkeypatch.setattr(module(), "LONGEST", 3)
    (row,) = FIGURE.rows(device=this_device("cpu"), batch=2)
    assert row["reached"] == [reached] * SEEDS
    assert row["steps"] == [steps] * SEEDS
    assert row["samples"] == [2 * steps] * SEEDS
    assert row.keys() == FIGURE.columns.keys()


def test_seeds_of_the_search_are_not_those_of_the_result() -> None:
    assert not set(module().SEEDS) & set(module().SEARCH_SEEDS)
    assert len(module().SEEDS) == SEEDS


def test_to_guess_costs_what_the_figure_says() -> None:
    assert math.log(8) == pytest.approx(2.08, abs=0.005)
    assert math.log(8) / 20 > module().TARGET
