"""The comparison of trained models: its data, its protocol, its arms."""

import hashlib
import math
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import cast

import pytest
import torch

from bookfigs.book import Book
from bookfigs.core.model import Model
from bookfigs.core.tasks import IGNORE, Adding, Labelled, Parity
from bookfigs.core.train import Recipe
from bookfigs.figure import load
from bookfigs.provenance import this_device
from chapters.rnn_training import experiments
from chapters.rnn_training.experiments import (
    NEAR,
    Protocol,
    Trial,
    drawn,
    near,
    parts,
    share_near,
    share_right,
    sums,
)
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("competitive", BOOK.figures()["competitive"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_competitive"]
FOLDER = BOOK.folder / "rnn_training" / "data"
IMAGES = FOLDER / "digits.csv.gz"


def test_the_data_are_the_bytes_that_their_description_names() -> None:
    digest = hashlib.sha256(IMAGES.read_bytes()).hexdigest()
    described = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"`([0-9a-f]{64})`", described) == [digest]


@pytest.mark.parametrize("permuted", [False, True])
def test_parts_of_the_digits_share_no_image_and_leave_none_out(
    *, permuted: bool
) -> None:
    found = parts(IMAGES, permuted=permuted)
    assert [len(part.x) for part in found] == [1000, 297, 500]
    assert all(set(part.labels.tolist()) == set(range(10)) for part in found)
    together = torch.cat([part.x for part in found]).squeeze(-1)
    assert len({tuple(image) for image in together.tolist()}) == len(together) == 1797
    assert (together.min().item(), together.max().item()) == (-1, 1)


def test_permuted_digits_are_the_same_images_in_one_other_order() -> None:
    plain, other = (parts(IMAGES, permuted=p)[0] for p in (False, True))
    assert torch.equal(plain.labels, other.labels)
    columns = {tuple(column) for column in plain.x[..., 0].T.tolist()}
    assert columns == {tuple(column) for column in other.x[..., 0].T.tolist()}
    assert not torch.equal(plain.x, other.x)


def test_a_digit_is_asked_for_once_all_its_pixels_were_seen() -> None:
    task = parts(IMAGES, permuted=False)[0]
    x, target = task.draw(5, torch.Generator().manual_seed(0))
    assert x.shape == (5, 64, 1)
    assert (target[:, :-1] == IGNORE).all()
    assert (target[:, -1] != IGNORE).all()


@pytest.mark.parametrize("batch", [7, 20, 100])
def test_share_of_labels_found_counts_every_sequence_once(batch: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Model(1, 3, 8, tokens=False)
        x, labels = torch.randn(20, 6, 1), torch.randint(3, (20,))
    found = model(x)[0][:, -1].argmax(-1) == labels
    part = Labelled(x, labels, d_output=3)
    assert share_right(model, part, batch) == pytest.approx(
        found.double().mean().item()
    )
    assert 0 < found.sum() < len(found)


def protocol(*rates: float) -> Protocol:
    return Protocol(Recipe(steps=2, batch=2), rates, [7, 8], [0, 1, 2])


def small() -> Model:
    return Model(2, 2, 4, depth=1)


def test_the_rate_is_chosen_by_validation_on_seeds_of_its_own() -> None:
    validated, tested = iter([0.2, 0.4, 0.9, 0.1, 0.4, 0.5]), iter([0.3, 0.1, 0.2])
    trial = Trial(Parity(4), 0.5, lambda _: next(validated), lambda _: next(tested))
    found = protocol(1e-3, 1e-2, 1e-1).run(trial, small)
    assert found.rate == 1e-2  # the mean of 0.9 and 0.1
    assert found.options == {}
    assert found.accuracy == [0.3, 0.1, 0.2]
    assert [next(scores, None) for scores in (validated, tested)] == [None, None]


@pytest.mark.parametrize(
    ("means", "rate", "depth"),
    [
        ([0.1, 0.2, 0.3, 0.4], 1e-2, 2),
        ([0.1, 0.2, 0.4, 0.3], 1e-3, 2),
        ([0.1, 0.4, 0.4, 0.3], 1e-2, 1),
        ([math.nan, 0.1, math.nan, math.nan], 1e-2, 1),
        ([math.nan, math.nan, 0.0, math.nan], 1e-3, 2),
    ],
    ids=["last", "other-rate", "first-of-equal", "one-number", "number-of-later"],
)
def test_options_are_chosen_together_with_the_rate(
    means: list[float], rate: float, depth: int
) -> None:
    validated = (mean for mean in means for _ in range(2))
    tested: list[Model] = []

    def note(model: Model) -> float:
        tested.append(model)
        return 0.5

    def deep(depth: int) -> Model:
        return Model(2, 2, 4, depth=depth)

    trial = Trial(Parity(4), 0.5, lambda _: next(validated), note)
    options = [{"depth": 1}, {"depth": 2}]
    found = protocol(1e-3, 1e-2).run(trial, deep, options)
    assert (found.rate, found.options) == (rate, {"depth": depth})
    assert [len(model.blocks) for model in tested] == [depth] * 3
    assert next(validated, None) is None


def test_what_runs_first_tries_every_option_at_one_rate_with_one_seed() -> None:
    made: list[int] = []

    def deep(depth: int) -> Model:
        made.append(depth)
        return Model(2, 2, 4, depth=depth)

    trial = Trial(Parity(4), 0.5, lambda _: 0.5, lambda _: 0.5)
    short = protocol(1e-3, 1e-2).shortened(1)
    short.run(trial, deep, [{"depth": 1}, {"depth": 2}])
    assert made == [1, 2, 1]


def test_the_same_protocol_finds_the_same_again() -> None:
    trial = drawn(Parity(4))
    assert protocol(1e-2).run(trial, small) == protocol(1e-2).run(trial, small)


def test_validation_and_test_sequences_are_the_same_for_every_model_and_differ() -> (
    None
):
    trial = drawn(Parity(4))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = [small() for _ in range(4)]
    scores = [(trial.validate(model), trial.test(model)) for model in models]
    assert scores == [(trial.validate(model), trial.test(model)) for model in models]
    assert any(validated != tested for validated, tested in scores)


def test_a_sum_is_right_if_it_is_off_by_less_than_a_tenth() -> None:
    target = torch.full((4, 3), IGNORE, dtype=torch.float64)
    target[:, -1] = torch.tensor([0.5, 1.0, 1.5, 1.5])
    off = torch.tensor([0.099, -0.099, 0.101, -0.101])
    y = torch.zeros(4, 3, 1, dtype=torch.float64)
    y[:, -1, 0] = target[:, -1] + off
    assert near(y, target).item() == 0.5


class Always(torch.nn.Module):
    """Answers the same number."""

    def __init__(self, answer: float) -> None:
        super().__init__()
        self.answer = torch.nn.Parameter(torch.tensor(answer))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[object]]:
        return self.answer.expand(*x.shape[:2], 1), []


def test_chance_of_a_sum_is_what_the_best_guess_has() -> None:
    task, size, tested_on = Adding(6), 20_000, 1
    shares = {
        guess: share_near(cast("Model", Always(guess)), task, size, tested_on)
        for guess in (0.5, 0.9, 1.0, 1.1, 1.5)
    }
    assert max(shares, key=lambda guess: shares[guess]) == 1.0
    assert sums(task).chance == pytest.approx(1 - (1 - NEAR) ** 2)
    assert sums(task).chance == pytest.approx(shares[1.0], abs=0.01)


def test_sums_are_validated_and_tested_on_sequences_that_differ() -> None:
    trial = sums(Adding(6))
    model = cast("Model", Always(1.0))
    scores = trial.validate(model), trial.test(model)
    assert scores == (trial.validate(model), trial.test(model))
    assert scores[0] != scores[1]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As it is measured: small models on several threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "point", SHOWN.points, ids=lambda point: "-".join(point.values())
)
def test_every_arm_is_measured_on_every_task(
    point: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 3
    few_steps(monkeypatch, steps)
    monkeypatch.setattr(FIGURE, "RATES", (1e-3,))
    monkeypatch.setattr(FIGURE, "SEARCH_SEEDS", [9])
    monkeypatch.setattr(FIGURE, "SEEDS", [0, 1])
    monkeypatch.setattr(experiments, "DRAWN", 20)
    task = point["task"]
    (row,) = SHOWN.rows(device=this_device("cpu"), **point)
    assert row.keys() == FIGURE.COLUMNS.keys()
    assert isinstance(row["accuracy"], list)
    assert all(0 <= share <= 1 for share in row["accuracy"])
    assert len(row["accuracy"]) == 2
    assert row["parameters"] == weights(task, point["arm"])
    length = {"copying": 32, "adding": 50}.get(task, 64)
    batch = 16 if task == "adding" else 32
    assert row["tokens"] == steps * FIGURE.MIXERS[point["arm"]].times * batch * length
    assert row["T"] == length
    chance = {"copying": 1 / 4, "adding": 0.19}.get(task, 1 / 10)
    assert row["chance"] == pytest.approx(chance)
    has_heads = point["arm"] in {"attention", "longer"}
    assert row["heads"] in ([[1], [2]] if has_heads else [None])


def few_steps(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    scale = FIGURE.SCALES["cpu"]
    short = scale._replace(steps=dict.fromkeys(FIGURE.TASKS, steps))
    monkeypatch.setitem(FIGURE.SCALES, "cpu", short)


def weights(task: str, arm: str) -> int:
    """Number of weights, counted by hand from the equations of each layer."""
    D: int = FIGURE.SCALES["cpu"].width
    inputs, outputs = 1, 10
    embedding = inputs * D + D
    if task == "copying":
        inputs, outputs = FIGURE.ALPHABET + 2, FIGURE.ALPHABET
        embedding = inputs * D
    if task == "adding":
        embedding, outputs = 2 * D + D, 1
    mixer = {
        "rnn": 2 * D * D + D,
        "gru": 6 * D * D + 4 * D,
        "lru": 4 * D * D + 4 * D,
        "s4d": 4 * D * (D // 2) + 2 * D,
        "selective": 3 * D * (D // 2) + 2 * D + D + D,
        "attention": 4 * D * D,
        "longer": 4 * D * D,
    }[arm]
    glu, norms = 3 * D * (8 * D // 3), 4 * D
    return embedding + 2 * (mixer + glu + norms) + 2 * D + D * outputs + outputs


def test_points_of_the_quick_run_are_points_of_the_full_one_but_for_the_search() -> (
    None
):
    quick = [dict(point) for point in SHOWN.quick]
    rates = [rate for point in quick for rate in point.pop("rates")]
    assert set(rates) < set(FIGURE.RATES)
    assert all(point in SHOWN.points for point in quick)
    assert len(quick) < len(SHOWN.points)


def test_given_rates_are_searched_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few_steps(monkeypatch, 2)
    monkeypatch.setattr(FIGURE, "SEARCH_SEEDS", [9])
    monkeypatch.setattr(FIGURE, "SEEDS", [0])
    point = {"task": "copying", "arm": "rnn", "rates": [0.5]}
    (row,) = SHOWN.rows(device=this_device("cpu"), **point)
    assert row["rate"] == [0.5]


def test_only_the_number_of_heads_is_searched_besides_the_rate() -> None:
    searched = {
        arm: FIGURE.searched_of(mixer, FIGURE.SCALES["cpu"])
        for arm, mixer in FIGURE.MIXERS.items()
    }
    heads = [{"heads": 1}, {"heads": 2}]
    assert searched == {
        arm: heads if arm in {"attention", "longer"} else [{}] for arm in searched
    }


def test_no_rate_is_searched_on_a_seed_that_the_result_has() -> None:
    assert set(FIGURE.SEARCH_SEEDS).isdisjoint(FIGURE.SEEDS)


@pytest.mark.parametrize("device", FIGURE.SCALES)
@pytest.mark.parametrize("task", FIGURE.TASKS)
def test_arms_are_alike_in_weights_at_every_scale_and_answer_every_task(
    task: str, device: str
) -> None:
    scale = FIGURE.SCALES[device]
    asked = FIGURE.trial_of(task, scale.length[task]).task
    x, target = asked.draw(2, torch.Generator().manual_seed(0))
    assert target.shape == (2, scale.length[task])
    sizes = []
    for mixer in FIGURE.MIXERS.values():
        for searched in FIGURE.searched_of(mixer, scale):
            model = FIGURE.build(mixer, scale, asked, **searched)
            assert model(x[:, :9])[0].shape == (2, 9, asked.d_output)
            sizes.append(sum(weight.numel() for weight in model.parameters()))
    assert max(sizes) <= 1.5 * min(sizes)
    assert len(sizes) == len(FIGURE.MIXERS) - 2 + 2 * len(scale.heads)
