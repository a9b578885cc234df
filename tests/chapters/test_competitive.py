"""The comparison of trained models: its data, its protocol, its arms."""

import hashlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from bookfigs.book import Book
from bookfigs.core.model import Model
from bookfigs.core.tasks import IGNORE, Labelled, Parity
from bookfigs.core.train import Recipe
from bookfigs.figure import load
from bookfigs.provenance import this_device
from chapters.rnn_training.experiments import (
    Protocol,
    Trial,
    drawn,
    parts,
    share_right,
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
    trial = Trial(Parity(4), lambda _: next(validated), lambda _: next(tested))
    found = protocol(1e-3, 1e-2, 1e-1).run(trial, small)
    assert found.rate == 1e-2  # the mean of 0.9 and 0.1
    assert found.accuracy == [0.3, 0.1, 0.2]
    assert [next(scores, None) for scores in (validated, tested)] == [None, None]


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
    monkeypatch.setattr(FIGURE, "STEPS", dict.fromkeys(FIGURE.STEPS, steps))
    monkeypatch.setattr(FIGURE, "RATES", (1e-3,))
    monkeypatch.setattr(FIGURE, "SEARCH_SEEDS", [9])
    monkeypatch.setattr(FIGURE, "SEEDS", [0, 1])
    task = point["task"]
    (row,) = SHOWN.rows(device=this_device("cpu"), **point)
    assert row.keys() == FIGURE.COLUMNS.keys()
    assert isinstance(row["accuracy"], list)
    assert all(0 <= share <= 1 for share in row["accuracy"])
    assert len(row["accuracy"]) == 2
    assert row["parameters"] == weights(task, point["arm"])
    seen = steps * FIGURE.MIXERS[point["arm"]].times * FIGURE.BATCH
    assert row["tokens"] == seen * (FIGURE.LENGTH if task == "copying" else 64)
    assert row["chance"] == 1 / (FIGURE.ALPHABET if task == "copying" else 10)


def weights(task: str, arm: str) -> int:
    """Number of weights, counted by hand from the equations of each layer."""
    D: int = FIGURE.WIDTH
    inputs, outputs = 1, 10
    embedding = inputs * D + D
    if task == "copying":
        inputs, outputs = FIGURE.ALPHABET + 2, FIGURE.ALPHABET
        embedding = inputs * D
    mixer = {
        "rnn": 2 * D * D + 2 * D,
        "gru": 6 * D * D + 6 * D,
        "lru": 4 * D * D + 4 * D,
        "s4d": 4 * D * 16 + 2 * D,
        "selective": D * 8 + 2 * D * 8 + 2 * D + D + D,
        "attention": 4 * D * D,
        "longer": 4 * D * D,
    }[arm]
    glu, norms = 3 * D * (8 * D // 3), 4 * D
    return embedding + 2 * (mixer + glu + norms) + 2 * D + D * outputs + outputs


def test_points_of_the_quick_run_are_points_of_the_full_one() -> None:
    assert all(point in SHOWN.points for point in SHOWN.quick)
    assert len(SHOWN.quick) < len(SHOWN.points)


def test_no_rate_is_searched_on_a_seed_that_the_result_has() -> None:
    assert set(FIGURE.SEARCH_SEEDS).isdisjoint(FIGURE.SEEDS)
