"""Why are long sequences hard for the one and not for the other?

What the state at step T owes to that of k steps before is the matrix
J_k = ∂h_T/∂h_{T-k}, a product of k factors. How much of a gradient comes back over
that distance is its size ‖J_k‖_F/√N, which is 1 at k = 0. It is computed whole, in
double precision, through every step of the layer.

For the LRU h_t = λ ⊙ h_{t-1} + … the factors are all the same and known before
any training: J_k = diag(λ^k), ‖J_k‖²_F/N = mean |λ|^{2k}. That is the closed form.

The task asks at the last step for the symbol that was shown at the first: nothing
else is needed than that something of it comes through. The tanh RNN has three
rivals beside the LRU: its own recurrent matrix made orthogonal and its inputs small
(on a linear path nothing would be lost), a GRU, and a GRU whose gates start nearly
open (Tallec & Ollivier 2018, arXiv:1804.11188, equation 16). All have the same
width, sequences and learning rates to choose from, on other seeds.
"""

from collections.abc import Iterator
from math import log10
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple

from bookfigs.claim import Claim, Difference, Exponent, Median, Value
from bookfigs.column import Row, key, seeded
from bookfigs.record import Device, Record
from bookfigs.style import (
    BLUE,
    BROWN,
    GREEN,
    ORANGE,
    TEXT_WIDTH,
    VIOLET,
    Arm,
    label_ends,
    plot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from bookfigs.core.mixers import Mixer
    from bookfigs.core.model import Model
    from bookfigs.core.train import Experiment, Outcome

FARTHEST = 100
DISTANCES = range(0, FARTHEST + 1, 10)
WIDTH = 32
STEPS, BATCH = 200, 16
RATES = (1e-3, 1e-2)
SEARCHED, SEEDS = range(100, 102), range(15)
TESTED = 256
ALPHABET = 4
SMALL = 0.1
"""Factor on the input weights of the orthogonal RNN, so that tanh is nearly linear."""
LEAST = 1e-300
"""Sizes below it are told from nothing no more."""

OPTIONS: dict[str, dict[str, Any]] = {
    "rnn": {"mixer": "rnn"},
    "orthogonal": {"mixer": "rnn"},
    "gru": {"mixer": "gru"},
    "open": {"mixer": "gru"},
    "lru": {"mixer": "lru", "r_min": 0.9, "r_max": 0.999, "form": "scan"},
}
"""What each arm asks of the model; the form is the same on every machine."""

ARMS = {
    "lru": Arm("LRU", BLUE, "v", width=2.8),
    "open": Arm("GRU, open gates", GREEN, "^", "-."),
    "orthogonal": Arm("RNN, orthogonal", VIOLET, "s", "--"),
    "gru": Arm("GRU", BROWN, "P", "--"),
    "rnn": Arm("tanh RNN", ORANGE, "o"),
}

COLUMNS = {
    "arm": key(),
    "trained": key("training steps"),
    "distance": key("steps"),
    "lost": seeded("orders of magnitude"),
    "right": seeded("share of answers"),
}
POINTS = [{"arm": arm} for arm in OPTIONS]
QUICK = [{"arm": "rnn"}]


class Seen(NamedTuple):
    """What a model of one seed is found to be."""

    lost: list[float]
    """Orders of magnitude between a gradient and what comes back, for each k."""
    closed_form: list[float]
    """The same, from the eigenvalues; empty where there are none."""
    right: float


def measure(device: Device, arm: str) -> Iterator[Row]:
    """Look at the gradient through one arm, at initialisation and after training."""
    from bookfigs.core.train import Run
    from bookfigs.measure.unobserved import unobserved

    def judged(outcome: "Outcome") -> float:
        return -mean(outcome.losses[-20:])

    seen(experiment(device, arm, steps=2).train(RATES[0], 0).model)
    full, start = (experiment(device, arm, steps=steps) for steps in (STEPS, 0))
    with unobserved():
        rate = full.best_rate(RATES, SEARCHED, judged)
        runs = [Run(rate, seed) for seed in SEEDS]
        for trained, made in ((0, start), (STEPS, full)):
            found = [seen(outcome.model) for outcome in made.train_each(runs)]
            yield from rows(arm, trained, found)


def rows(arm: str, trained: int, found: list[Seen]) -> Iterator[Row]:
    """One row for each distance; for the LRU those of its closed form as well."""
    named = {arm: [each.lost for each in found]}
    if all(each.closed_form for each in found):
        named["closed form"] = [each.closed_form for each in found]
    for name, lost in named.items():
        for distance in DISTANCES:
            yield {
                "arm": name,
                "trained": trained,
                "distance": distance,
                "lost": [each[distance] for each in lost],
                "right": [each.right for each in found],
            }


def experiment(device: Device, arm: str, steps: int) -> "Experiment":
    """One arm on the task, with so many steps of training."""
    from bookfigs.core.tasks import Copying
    from bookfigs.core.train import Experiment, Recipe

    task = Copying(FARTHEST + 1, symbols=1, alphabet=ALPHABET)
    return Experiment(
        lambda: build(arm, task.d_input, task.d_output).to(device.kind),
        task,
        Recipe(steps, BATCH),
        abreast=arm != "lru",
    )


def build(arm: str, d_input: int, d_output: int) -> "Model":
    """One block of an arm, between an embedding and a head."""
    import torch
    from torch import nn

    from bookfigs.core.gated import GRU
    from bookfigs.core.mixers import RNNMixer
    from bookfigs.core.model import Model

    model = Model(d_input, d_output, WIDTH, depth=1, **OPTIONS[arm])
    mixer = model.blocks[0].mixer
    with torch.no_grad():
        if arm == "orthogonal" and isinstance(mixer, RNNMixer):
            nn.init.orthogonal_(mixer.layer.W_hh)
            mixer.layer.W_hx.mul_(SMALL)
            mixer.layer.b.zero_()
        if arm == "open" and isinstance(mixer, GRU):
            update = slice(WIDTH, 2 * WIDTH)  # between reset and candidate
            memory = 1 + (FARTHEST - 1) * torch.rand(WIDTH)
            mixer.b[update] = memory.log()
    return model


def seen(model: "Model") -> Seen:
    """Score a model, and follow the gradient back through one more sequence."""
    import torch

    from bookfigs.core.mixers import LRUMixer
    from bookfigs.core.tasks import Copying
    from bookfigs.core.train import score

    task = Copying(FARTHEST + 1, symbols=1, alphabet=ALPHABET)
    right = score(model, task, TESTED, seed=1)
    (block,) = model.double().blocks
    x, _ = task.draw(1, torch.Generator().manual_seed(1))
    device = next(model.parameters()).device
    inputs = block.norm_mixer(model.embedding(x.to(device)))[0].detach()
    closed_form = []
    if isinstance(block.mixer, LRUMixer):
        moduli = block.mixer.layer.eigenvalues().detach().abs()
        closed_form = [decades(moduli**k) for k in range(len(inputs))]
    return Seen(
        [decades(J) for J in jacobians(block.mixer, inputs)], closed_form, right
    )


def jacobians(mixer: "Mixer", inputs: "Tensor") -> "list[Tensor]":
    """∂h_T/∂h_{T-k} for k = 0 … T, as (N, N); of a complex state conjugate.

    N copies of the sequence run side by side; of the last state of copy i only
    channel i is asked, so row i of the gradient is row i of every matrix.
    """
    import torch

    N = mixer.initial_state(1).shape[-1]
    h = mixer.initial_state(N).requires_grad_()
    states = [h]
    for x_t in inputs:
        _, h = mixer.step(x_t.expand(N, -1), h)
        states.append(h)
    asked = torch.diagonal(h).real.sum()
    return list(torch.autograd.grad(asked, states[::-1]))


def decades(J: "Tensor") -> float:
    """-log₁₀ ‖J‖_F/√N; J (N, N), or its diagonal (N,)."""
    size = float(J.abs().square().sum().div(len(J)).sqrt())
    return log10(1 / max(size, LEAST))


def at(
    arm: str, trained: int, column: str = "lost", distance: int = FARTHEST
) -> Median:
    """Statistic: one column of one arm, before or after training."""
    return Median(column, {"arm": arm, "trained": trained, "distance": distance})


def closed_form_off(trained: int) -> Difference:
    """Statistic: what the gradient through the LRU lost beyond the closed form."""
    where = {"trained": trained, "distance": FARTHEST}
    return Difference("lost", {"arm": "lru", **where}, {"arm": "closed form", **where})


ROUNDING = 1e-6
"""Orders of magnitude within which two computations in double precision agree."""

VALUES = {
    "distance": Value(at("rnn", 0, "distance")),
    "steps": Value(at("rnn", STEPS, "trained")),
    "rnn": Value(at("rnn", 0)),
    "orthogonal": Value(at("orthogonal", 0), "{:.1f}"),
    "gru": Value(at("gru", 0)),
    "open": Value(at("open", 0), "{:.1f}"),
    "lru": Value(at("lru", 0), "{:.1f}"),
    "orthogonal_trained": Value(at("orthogonal", STEPS)),
    "rnn_right": Value(at("rnn", STEPS, "right"), scale=100),
    "lru_right": Value(at("lru", STEPS, "right"), scale=100),
}
CLAIMS = {
    "rnn_vanishes": Claim(
        "At its usual initialisation a tanh RNN loses more than twenty orders of "
        "magnitude of a gradient on its way",
        at("rnn", 0),
        low=20,
    ),
    "rnn_exponential": Claim(
        "The orders of magnitude lost grow in proportion to the distance: the gradient "
        "vanishes exponentially",
        Exponent("lost", "distance", {"arm": "rnn", "trained": 0}, above=20),
        low=0.9,
        high=1.1,
    ),
    "lru_keeps": Claim(
        "The LRU loses less than two orders of magnitude", at("lru", 0), high=2
    ),
    "lru_closed_form": Claim(
        "What comes back through the LRU is the mean of the powers of its "
        "coefficients, to rounding",
        closed_form_off(0),
        low=-ROUNDING,
        high=ROUNDING,
    ),
    "lru_closed_form_trained": Claim(
        "It still is after training",
        closed_form_off(STEPS),
        low=-ROUNDING,
        high=ROUNDING,
    ),
    "orthogonal_keeps": Claim(
        "A tanh RNN with an orthogonal matrix and small inputs loses less than four "
        "orders of magnitude",
        at("orthogonal", 0),
        high=4,
    ),
    "open_keeps": Claim(
        "A GRU whose gates start nearly open loses less than two orders of magnitude",
        at("open", 0),
        high=2,
    ),
    "rnn_learns_nothing": Claim(
        "After the same training the tanh RNN recalls at most four of ten symbols, "
        "where one in four is a guess",
        at("rnn", STEPS, "right"),
        high=0.4,
    ),
    "lru_recalls": Claim(
        "The LRU recalls at least seven of ten symbols, where one in four is a guess",
        at("lru", STEPS, "right"),
        low=0.7,
    ),
    "open_recalls": Claim(
        "So does the GRU whose gates started nearly open",
        at("open", STEPS, "right"),
        low=0.7,
    ),
    "lru_keeps_trained": Claim(
        "After training the LRU still loses less than two orders of magnitude",
        at("lru", STEPS),
        high=2,
    ),
}

SIZE = (TEXT_WIDTH, 3.0)
PANELS = (1, 2)


def draw(record: Record, axes: "list[Axes]") -> None:
    """Size of what comes back against distance, before and after training."""
    titles = ("At initialisation", "After training")
    for panel, trained, title in zip(axes, (0, STEPS), titles, strict=True):
        ends = {}
        panel.set_title(title)
        panel.set_ylim(-44, 2)
        for name, arm in ARMS.items():
            lost = record.cells("lost", arm=name, trained=trained)
            left = [-median(samples) for samples in lost]
            plot(panel, arm, DISTANCES, left)
            spread = [(-max(samples), -min(samples)) for samples in lost]
            panel.vlines(DISTANCES, *zip(*spread, strict=True), color=arm.color, lw=0.6)
            right = 100 * median(record.cell("right", arm=name, **last(trained)))
            text = f"{right:.0f} % right" if trained else arm.label
            ends[arm] = (FARTHEST, left[-1], text)
        label_ends(panel, ends)
        panel.set_xlabel("distance k (steps)")
        panel.set_yticks(
            range(-40, 1, 10), [f"$10^{{{y}}}$" for y in range(-40, 1, 10)]
        )
        panel.set_xticks(range(0, FARTHEST + 1, 50))
    axes[1].tick_params(labelleft=False)
    axes[0].set_ylabel("size of the gradient\nthat comes back, relative")


def last(trained: int) -> dict[str, int]:
    """Keys of the row of the farthest distance."""
    return {"trained": trained, "distance": FARTHEST}


CAPTION = (
    "**What Comes Back**: size of the gradient of a state with respect to the state k "
    "steps before; lines are medians over seeds, bars reach from the least to the "
    "most. Over {distance} steps a tanh RNN loses {rnn} orders of magnitude at its "
    "usual initialisation, the LRU {lru}. On the right the same after {steps} steps of "
    "training to recall a symbol from that far, with the share of right answers."
)
ALT = (
    "Gradient size on a logarithmic axis against distance, before and after training. "
    "The tanh RNN falls in a straight line by {rnn} orders of magnitude, the GRU less; "
    "LRU and GRU with open gates stay near one."
)
