"""Replicating: what is found here again, what is not, and what is no alarm."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from alarms import ALARM, is_sound, table
from bookfigs.agreement import contradictions, pairs, pooled, restricted, without
from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.column import close, exact, key, measured
from bookfigs.errors import FigureError
from bookfigs.measure.clock import FEWEST
from bookfigs.plan import Plan, plan
from bookfigs.provenance import this_device
from bookfigs.record import Record
from bookfigs.replicate import AGAIN, Asked, Measured, Replication, Round
from bookfigs.replicated import Result
from records import record
from smallbook import Run, git
from test_build import bytes_of, edit
from timedbook import LIES, lie, make_timed_book, measure_evidence, replicate

LENGTHS = (2000, 4000, 8000, 16000)
NOW = record(
    n=(key(), [1, 2]),
    count=(exact("1"), [3, 4]),
    loss=(close("1", tolerance=0.01), [0.5, 0.25]),
    s=(measured("s"), [[1.0, 2.0], [3.0, 4.0]]),
)


def other(**columns: Sequence[Any]) -> Record:
    """The same record with other cells in some columns."""
    changed = {
        name: msgspec.structs.replace(column, values=list(columns[name]))
        for name, column in NOW.columns.items()
        if name in columns
    }
    return msgspec.structs.replace(NOW, columns={**NOW.columns, **changed})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"s": [[9.0], [9.0]]}, []),
        ({"loss": [0.501, 0.25]}, []),
        ({"loss": [0.51, 0.25]}, ["loss at n=1: 0.51 here, 0.5 in the evidence"]),
        ({"count": [3, 5]}, ["count at n=2: 5 here, 4 in the evidence"]),
        ({"count": [3, None]}, []),
        ({"n": [1, 3]}, ["1 row is not found here", "1 row is not found in the evid"]),
    ],
)
def test_exact_columns_have_to_be_equal_close_ones_nearly_and_times_nothing(
    columns: dict[str, Sequence[Any]], said: list[str]
) -> None:
    found = contradictions(NOW, other(**columns), partly=False)
    assert len(found) == len(said)
    for line, start in zip(found, said, strict=True):
        assert line.startswith(start)


def test_rows_belong_together_by_their_keys_and_not_by_their_order() -> None:
    turned = other(n=[2, 1], count=[4, 3], loss=[0.25, 0.5])
    assert contradictions(NOW, turned, partly=False) == []
    assert [(one, two) for _, one, two in pairs(NOW, turned)] == [(0, 1), (1, 0)]


def test_some_of_the_points_contradict_only_where_both_measured() -> None:
    few = restricted(NOW, other(n=[2, 7]))
    assert few.columns["n"].values == [2]
    assert contradictions(NOW, few, partly=True) == []
    assert contradictions(NOW, few, partly=False) == ["1 row is not found here"]


def test_pooling_keeps_the_rounds_of_both_and_their_order() -> None:
    found = pooled(NOW, other(s=[[5.0], [6.0]]), {0, 1})
    assert found.columns["s"].values == [[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]
    assert found.columns["count"].values == [3, 4]


def test_what_could_not_be_measured_once_is_a_gap_of_the_pool() -> None:
    found = pooled(NOW, other(s=[None, [6.0]]), {0, 1})
    assert found.columns["s"].values == [None, [3.0, 4.0, 6.0]]


def test_rows_that_are_not_measured_again_stay_as_they_are() -> None:
    found = pooled(NOW, restricted(other(s=[[5.0], [6.0]]), other(n=[2, 7])), {1})
    assert found.columns["n"].values == [1, 2]
    assert found.columns["s"].values == [[1.0, 2.0], [3.0, 4.0, 6.0]]


def test_a_row_that_could_not_be_had_again_is_lost_to_the_pool() -> None:
    found = pooled(NOW, restricted(NOW, other(n=[2, 7])), {0, 1})
    assert found.columns["n"].values == [2]
    assert found.columns["s"].values == [[3.0, 4.0, 3.0, 4.0]]


def kept_of(book: Book) -> dict[str, bytes]:
    """Every file of a book but what Python compiles."""
    found = bytes_of(book.root)
    passing = (".pyc", ".git/index")  # git looks again at the state of files
    return {name: found[name] for name in found if not name.endswith(passing)}


def test_a_sound_book_is_replicated_and_nothing_of_it_is_touched(
    published: Book, run: Run
) -> None:
    before = kept_of(published)
    done = run("replicate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "double_growth: exact and close columns agree" in done.stdout
    assert "double_growth.grows  holds            holds  exponent 1.00" in done.stdout
    assert kept_of(published) == before
    assert git(published.root, "status", "--porcelain") == ""


def test_a_count_that_contradicts_the_evidence_is_an_alarm_with_its_row(
    published: Book, run: Run
) -> None:
    edit(published.root / "helpers.py", "2 * n", "2 * n + n // 8")
    done = run("replicate")
    assert done.returncode == 7
    assert "result at n=8: 17 here, 16 in the evidence" in done.stderr
    assert "is of other code: helpers.double changed" in done.stdout
    assert "square_growth.grows" in done.stdout


def test_a_claim_that_fails_here_is_an_alarm(published: Book, run: Run) -> None:
    edit(published.root / "helpers.py", "n**2", "n**3")
    done = run("replicate", "square_growth")
    assert done.returncode == 7
    assert "square_growth.grows: the claim fails on " in done.stderr
    assert "exponent 3.00, expected 0.900 to 2.10; in the evidence: holds" in (
        done.stderr
    )


def test_a_figure_that_cannot_be_measured_leaves_the_others_judged(
    published: Book, run: Run
) -> None:
    edit(published.root / "helpers.py", "n**2", "n / 0")
    done = run("replicate")
    assert done.returncode == 5
    assert "ZeroDivisionError" in done.stderr
    assert "double_growth.grows  holds" in done.stdout


def test_without_evidence_the_claims_alone_are_judged(book: Book, run: Run) -> None:
    done = run("replicate", "double_growth")
    assert done.returncode == 0
    assert "double_growth: nothing is published that it could be held" in done.stdout
    assert "double_growth.grows  no evidence      holds" in done.stdout


def test_an_unknown_figure_is_named(published: Book, run: Run) -> None:
    assert published.folder.is_dir()
    done = run("replicate", "dubble_growth")
    assert done.returncode == 4
    assert "nearest: double_growth" in done.stderr


QUICK = "]\nQUICK = [{{'n': n}} for n in {}]\n"


@pytest.mark.parametrize(
    ("points", "verdict", "said"),
    [
        ((1, 8), "holds", "exponent 1.00"),
        ((8,), "not applicable here", "about points that --quick does not measure"),
        ((16, 32), "holds", "exponent 1.00"),
    ],
)
def test_a_quick_run_measures_what_quick_says_and_judges_what_it_can(
    published: Book, run: Run, points: tuple[int, ...], verdict: str, said: str
) -> None:
    figure = published.figures()["double_growth"]
    edit(figure, "]\n\n\ndef", QUICK.format(points) + "\n\ndef")
    assert "up to date" in run("why", "double_growth").stdout
    done = run("replicate", "--quick", "double_growth")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(points)} rows measured" in done.stdout
    assert f"holds            {verdict}" in done.stdout
    assert said in done.stdout


def test_quick_has_to_be_points(published: Book, run: Run) -> None:
    figure = published.figures()["double_growth"]
    edit(figure, "]\n\n\ndef", "]\nQUICK = [1]\n\n\ndef")
    done = run("replicate", "--quick", "double_growth")
    assert done.returncode == 3
    assert "QUICK must not hold 1" in done.stderr


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A book with times, and evidence for it that was simulated."""
    book = make_timed_book(tmp_path_factory.mktemp("timed") / "book", block=0.002)
    state = plan(book, this_device("cpu")).figures["loops"]
    made = msgspec.structs.replace(
        simulated(np.random.default_rng(0)), figure="loops", device=this_device("cpu")
    )
    made = msgspec.structs.replace(
        made,
        provenance=msgspec.structs.replace(
            made.provenance, closure=state.source.measured_by
        ),
    )
    target = book.folder / "growth" / "evidence" / "loops"
    target.mkdir(parents=True)
    (target / f"{made.device.slug}.json").write_bytes(to_json(made))
    return book


Disturb = Callable[[str, int], float]


def undisturbed(_arm: str, _n: int) -> float:
    return 1.0


def simulated(
    dice: np.random.Generator,
    *,
    lengths: Sequence[int] = LENGTHS,
    ratio: float = 2.0,
    power: float = 1.0,
    disturbed: Disturb = undisturbed,
    noise: float = 0.05,
) -> Record:
    """A record of the timed book as a noisy machine would have measured it."""
    rows = [(arm, n) for n in lengths for arm in ("once", "twice")]
    seconds: list[list[float]] = []
    for arm, n in rows:
        known = 1e-7 * n**power * (ratio if arm == "twice" else 1) * disturbed(arm, n)
        factors = np.exp(noise * dice.standard_normal(FEWEST))
        late = dice.random(FEWEST) < noise
        factors *= np.where(late, dice.uniform(3, 10, FEWEST), 1)
        seconds.append([float(known * factor) for factor in factors])
    return record(
        arm=(key(), [arm for arm, _ in rows]),
        n=(key("steps"), [n for _, n in rows]),
        steps=(exact("steps"), [n for _, n in rows]),
        share=(close("1", tolerance=1e-6), [1 / n for _, n in rows]),
        seconds=(measured("s"), seconds),
    )


class Silent:
    """A reporter that tells nobody."""

    def progress(self, slug: str, done: int, total: int) -> None:
        """Pass over it."""

    def done(self, slug: str, what: str) -> None:
        """Pass over it."""


@cache
def planned(folder: Path) -> Plan:
    """What of a book is stale; it does not change here."""
    return plan(Book(folder), this_device("cpu"))


def judged(
    book: Book, measure: Callable[[int], Record], *, quick: bool = True
) -> tuple[Result, int]:
    """Replicate with simulated measurements; the result, and how many there were."""
    here = this_device("cpu")
    replication = Replication(book, planned(book.folder), Silent(), quick=quick)
    turns = 0

    def once(asked: Asked) -> Measured:
        nonlocal turns
        turns += 1
        found = msgspec.structs.replace(measure(turns), device=here)
        return {"loops": at_points(found, asked["loops"])}, {}

    (result,), failed = replication.judged(["loops"], once)
    assert failed == []
    return result, turns


def at_points(found: Record, asked: frozenset[int] | None = None) -> Round:
    """What would have been measured, had so many points been asked for."""
    points = [LENGTHS.index(n) for n in found.cells("n")]
    left = {row for row, at in enumerate(points) if asked and at not in asked}
    kept = [at for row, at in enumerate(points) if row not in left]
    return Round(without(found, left), kept)


def verdicts(result: Result) -> dict[str, str]:
    return {name.partition(".")[2]: here for name, _, here, _ in result.rows}


def test_an_honest_machine_raises_no_alarm_in_60_runs(timed: Book) -> None:
    dice = np.random.default_rng(1)
    for _ in range(60):
        result, _ = judged(timed, lambda _: simulated(dice, lengths=LENGTHS[:3]))
        assert result.alarms == []
        assert verdicts(result)["longest"] == "not applicable here"


@pytest.mark.parametrize(
    "disturbed",
    [
        lambda _, n: 1.5 if n == 8000 else 1.0,
        lambda _, n: 1.9 if n == 2000 else 1.0,
        lambda arm, _: 1.6 if arm == "twice" else 1.0,
        lambda arm, _: 1.6 if arm == "once" else 1.0,
    ],
)
def test_a_disturbance_of_one_measurement_raises_no_alarm(
    timed: Book, disturbed: Disturb
) -> None:
    dice = np.random.default_rng(2)

    def disturbed_at(bad: int) -> Callable[[int], Record]:
        return lambda turn: simulated(
            dice, disturbed=disturbed if turn == bad else undisturbed
        )

    for bad in range(1, 2 + AGAIN):
        for _ in range(6):
            result, _ = judged(timed, disturbed_at(bad))
            assert result.alarms == []


def test_what_failed_at_first_is_measured_again_and_may_hold(timed: Book) -> None:
    dice = np.random.default_rng(3)
    result, turns = judged(
        timed, lambda turn: simulated(dice, ratio=2.6 if turn == 1 else 2.0)
    )
    assert turns > 1
    assert result.alarms == []
    assert any(f", {turns} times" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({"ratio": 3.0}, "twice"),
        ({"ratio": 1.5}, "twice"),
        ({"power": 1.4}, "linear"),
        ({"power": 0.6}, "linear"),
    ],
)
def test_every_lie_is_found_in_every_one_of_10_runs(
    timed: Book, change: dict[str, float], claim: str
) -> None:
    dice = np.random.default_rng(4)
    for _ in range(10):
        result, turns = judged(timed, lambda _: simulated(dice, **change))  # type: ignore[arg-type] # numbers by name
        assert turns == 1 + AGAIN
        assert verdicts(result)[claim] == "fails"
        (alarm,) = [a for a in result.alarms if a.where == f"loops.{claim}"]
        assert alarm.exit_code == ALARM
        assert f"bookfigs why loops.{claim}" in alarm.message()


@pytest.mark.parametrize(
    ("slow", "decisive"),
    [
        ({8000}, frozenset({2})),
        ({16000}, frozenset({3})),
        ({8000, 16000}, frozenset({2, 3})),
    ],
)
def test_only_the_points_are_measured_again_that_undecided_claims_rest_on(
    timed: Book, slow: set[int], decisive: frozenset[int]
) -> None:
    """Of arm twice, about which two claims are, each at a length."""
    here = this_device("cpu")
    replication = Replication(timed, planned(timed.folder), Silent())
    dice = np.random.default_rng(7)
    asked: list[frozenset[int] | None] = []

    def late(arm: str, n: int) -> float:
        return 1.5 if n in slow and arm == "twice" else 1.0

    def once(now: Asked) -> Measured:
        asked.append(now["loops"])
        disturbed = late if len(asked) == 1 else undisturbed
        found = simulated(dice, disturbed=disturbed, noise=0)
        found = msgspec.structs.replace(found, device=here)
        return {"loops": at_points(found, now["loops"])}, {}

    (result,), _ = replication.judged(["loops"], once)
    assert asked[0] is None
    assert asked[1] == decisive
    assert len(verdicts(result)) == 4


def test_two_runs_whose_counts_differ_are_an_alarm(timed: Book) -> None:
    dice = np.random.default_rng(5)

    def drifting(turn: int) -> Record:
        found = simulated(dice, ratio=3.0)
        steps = [value + (turn > 1) for value in found.columns["steps"].values]  # type: ignore[operator] # counts
        columns = dict(found.columns)
        columns["steps"] = msgspec.structs.replace(columns["steps"], values=steps)
        return msgspec.structs.replace(found, columns=columns)

    result, _ = judged(timed, drifting)
    assert any("two runs here contradict each other" in a.what for a in result.alarms)


def test_a_measurement_that_fails_the_second_time_is_told(timed: Book) -> None:
    here = this_device("cpu")
    replication = Replication(timed, plan(timed, here), Silent())
    dice = np.random.default_rng(6)
    turns: list[int] = []

    def once(_: Asked) -> Measured:
        turns.append(1)
        if len(turns) == 1:
            made = simulated(dice, ratio=3.0)
            return {"loops": at_points(msgspec.structs.replace(made, device=here))}, {}
        return {}, {"loops": FigureError("loops.py", "it crashed")}

    _, failed = replication.judged(["loops"], once)
    assert [error.what for error in failed] == ["it crashed"]
    assert len(turns) == 2


def test_a_planted_lie_about_what_was_counted_is_found_by_really_measuring(
    timed: Book, tmp_path: Path
) -> None:
    shutil.copytree(timed.root, tmp_path / "book")
    book = Book(tmp_path / "book" / "chapters")
    lie(book, "a count changed")
    done = replicate(book)
    assert done.returncode == ALARM
    assert "it contradicts the evidence" in done.stderr


def test_the_timed_book_can_be_measured_and_replicated(tmp_path: Path) -> None:
    book = make_timed_book(tmp_path / "book", block=0.002)
    measure_evidence(book)
    before = kept_of(book)
    done: subprocess.CompletedProcess[str] = replicate(book)
    assert "loops.counted  holds            holds" in done.stdout
    assert "exact and close columns agree with the evidence" in done.stdout
    assert kept_of(book) == before


def test_the_benchmark_counts_alarms_where_nothing_and_where_something_is_planted() -> (
    None
):
    def run(lie: str, status: int) -> dict[str, Any]:
        verdicts = {"loops.twice": "inconclusive"}
        return {"lie": lie, "status": status, "again": 1, "verdicts": verdicts}

    runs = [
        run("", 0),
        run("", ALARM),
        run("", 5),
        *(run(name, ALARM) for name in LIES),
    ]
    written = table(runs).splitlines()
    assert "| nothing | 3 | 1 | 1 | 3 | 3 |" in written
    assert "| a loop slowed | 1 | 1 | 0 | 1 | 1 |" in written
    assert [is_sound(each) for each in runs] == [True, False, False] + [True] * len(
        LIES
    )
