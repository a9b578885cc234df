"""What does one more token cost?

Time of one step after T others, and bytes of what is kept for it. Every arm is as it
would be used: no gradients, what depends on the weights alone computed beforehand,
and keys and values written into memory reserved once, so that a step of attention
copies nothing. What is kept lies where the run before left it, in a cache if it fits,
which favours attention. Lengths of one point are interleaved in the same rounds.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

from bookfigs.claim import (
    Claim,
    Deviation,
    LargestOf,
    Median,
    Ratio,
    SmallestOf,
    Value,
)
from bookfigs.column import Row, exact, key, measured
from bookfigs.record import Device, Record
from bookfigs.style import TEXT_WIDTH, label_ends, plot
from chapters.rnn_training.arms import ARMS, MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = [2**k for k in range(6, 14)]
SHORTEST, LONGEST = LENGTHS[0], LENGTHS[-1]
WIDTH, HEADS = 256, 4
NUMBER = 4
"""Bytes of a number in single precision."""
BATCH = {"cpu": 1, "cuda": 64}
"""Sequences that are continued together: one user, or enough to fill a GPU."""
SECONDS = 10
"""How long the rounds of one point may take; there are at least as many as decide."""
LOOKS = {
    "lru": MODELS["lru"],
    "rnn": MODELS["rnn"],
    "attention": ARMS["attention"],
}
TIMED = tuple(LOOKS)
LATE = 1024
"""Tokens after which attention is claimed to cost more than a recurrent step."""

COLUMNS = {
    "arm": key(),
    "T": key("tokens so far"),
    "batch": key("sequences"),
    "width": key("channels"),
    "bytes": exact("bytes for each sequence"),
    "seconds": measured("s"),
}
POINTS = [
    {"lengths": [SHORTEST, 1024, LONGEST]},
    {"lengths": [128, 256, 512]},
    {"lengths": [2048, 4096]},
]
QUICK = POINTS[:1]


def closed_form(arm: str, T: int) -> int:
    """Bytes that are kept after T tokens, for each sequence.

    lru        A complex state of as many channels: two numbers for each.
    rnn        A real one: one number for each.
    attention  A key and a value of every token, two numbers for each channel.
    """
    numbers = {"lru": 2 * WIDTH, "rnn": WIDTH, "attention": 2 * WIDTH * T}
    return NUMBER * numbers[arm]


def measure(device: Device, lengths: list[int]) -> Iterator[Row]:
    """Time one step of each arm after so many tokens, for several lengths."""
    import torch

    from bookfigs.measure.clock import FEWEST, compare

    torch.manual_seed(0)
    batch = BATCH[device.kind]
    x = torch.randn(batch, max(lengths), WIDTH, device=device.kind)
    arms: dict[tuple[str, int], Callable[[], object]] = {}
    kept: dict[tuple[str, int], int] = {}
    for name, decoder in decoders(device.kind).items():
        for T in lengths:
            memory = after(decoder, x[:, :T])
            arms[name, T] = step(decoder, x[:, 0], memory)
            kept[name, T] = memory.nbytes // batch
    timed = {f"{name} {T}": arm for (name, T), arm in arms.items()}
    samples = compare(
        timed, fewest=FEWEST + 2, device=device.kind, seconds=SECONDS
    )  # two more decide a claim about four ratios
    for name, T in arms:
        yield {
            "arm": name,
            "T": T,
            "batch": batch,
            "width": WIDTH,
            "bytes": kept[name, T],
            "seconds": samples[f"{name} {T}"],
        }


def decoders(kind: str) -> dict[str, Any]:
    """A decoder for each arm."""
    from bookfigs.core.decoding import AttentionDecoder, LRUDecoder, RNNDecoder
    from bookfigs.core.mixers import AttentionMixer, LRUMixer, RNNMixer

    attention = AttentionMixer(WIDTH, HEADS, rotary=False).to(kind)
    return {
        "lru": LRUDecoder(LRUMixer(WIDTH).to(kind)),
        "rnn": RNNDecoder(RNNMixer(WIDTH).to(kind)),
        "attention": AttentionDecoder(attention, LONGEST + 1),
    }


def after(decoder: Any, x: Any) -> Any:  # noqa: ANN401 - each has a memory of its own
    """What a decoder keeps after a sequence."""
    import torch

    with torch.no_grad():
        if hasattr(decoder, "prefill"):
            return decoder.prefill(x)[1]
        return decoder.mixer(x)[1].clone()  # not a view of all states


def step(decoder: Any, x_t: Any, memory: Any) -> Callable[[], object]:  # noqa: ANN401
    """One step from a memory, always the same one."""
    return lambda: decoder.step(x_t, memory)


def kept(sentence: str, arm: str) -> Claim:
    """State a claim that holds if the bytes are the closed form at every length."""
    deviation = Deviation(
        "bytes",
        lambda T: closed_form(arm, T),
        {"arm": arm},
        keys=("T",),
        label="largest deviation from the closed form",
    )
    return Claim(sentence, deviation, low=0, high=0)


def growth(arm: str) -> Ratio:
    """Statistic: time of a step after the longest over that after the shortest."""
    long, short = ({"arm": arm, "T": T} for T in (LONGEST, SHORTEST))
    return Ratio("seconds", long, short)


def against(arm: str, T: int) -> Ratio:
    """Statistic: time of a step of attention over that of a recurrent one."""
    return Ratio("seconds", {"arm": "attention", "T": T}, {"arm": arm, "T": T})


AT_LONGEST = {"arm": "attention", "T": LONGEST}

VALUES = {
    "length": Value(Median("T", AT_LONGEST)),
    "late": Value(Median("T", {"arm": "lru", "T": LATE})),
    "width": Value(Median("width", AT_LONGEST)),
    "lru_kib": Value(Median("bytes", {"arm": "lru", "T": LONGEST}), scale=2**-10),
    "cache_mib": Value(Median("bytes", AT_LONGEST), scale=2**-20),
    "attention_over_lru": Value(against("lru", LONGEST)),
    "attention_over_lru_late": Value(against("lru", LATE), "{:.1f}"),
}
CLAIMS = {
    "lru_state_constant": kept(
        "The state of the LRU has the same size after any number of tokens", "lru"
    ),
    "rnn_state_constant": kept(
        "The state of the tanh RNN has the same size after any number of tokens", "rnn"
    ),
    "cache_proportional": kept(
        "The keys and values that attention keeps grow in proportion to the tokens",
        "attention",
    ),
    "recurrent_constant": Claim(
        "A step of a recurrent layer costs no more after the longest sequence than "
        "after the shortest, within a quarter",
        LargestOf((growth("lru"), growth("rnn")), "largest ratio"),
        high=1.25,
    ),
    "attention_grows": Claim(
        "A step of attention takes more than three times as long after the longest "
        "sequence as after the shortest",
        growth("attention"),
        low=3,
    ),
    "attention_costs_more": Claim(
        "After a long sequence, and after the longest, one more token costs more by "
        "attention than by a recurrent layer",
        SmallestOf(
            tuple(against(arm, T) for arm in ("lru", "rnn") for T in (LATE, LONGEST)),
            "smallest ratio",
        ),
        low=1,
    ),
}

SIZE = (TEXT_WIDTH, 2.6)
PANELS = (1, 2)


def draw(record: Record, panels: "list[Axes]") -> None:
    """Bytes kept, and time of a step, against the tokens so far."""
    for axes, column, scale in zip(
        panels, ("bytes", "seconds"), (2**-10, 1e6), strict=True
    ):
        ends = {}
        for name, arm in LOOKS.items():
            found = points(record, column, name, scale)
            plot(axes, arm, LENGTHS, found)
            ends[arm] = (LONGEST, found[-1], arm.label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        label_ends(axes, ends)
        axes.set_xlabel("tokens so far")
        axes.set_xticks(LENGTHS[::2], [f"{T:,}" for T in LENGTHS[::2]])
        axes.minorticks_off()
    panels[0].set_title("kept for each sequence (KiB)")
    panels[1].set_title("time of one more token (µs)")
    panels[1].set_yticks([20, 50, 100, 200])


def points(record: Record, column: str, arm: str, scale: float) -> list[float]:
    """A column of an arm, in the order of the lengths, samples as their median."""
    cells = (record.cell(column, arm=arm, T=T) for T in LENGTHS)
    return [scale * (median(c) if isinstance(c, list) else c) for c in cells]


CAPTION = (
    "**One More Token**: what a layer of {width} channels keeps for each sequence, and "
    "the time of one step. After {length} tokens attention keeps {cache_mib} MiB of "
    "keys and values, the LRU {lru_kib} KiB of state, and a step of attention takes "
    "{attention_over_lru} times as long."
)
ALT = (
    "Two panels against tokens so far, logarithmic. Bytes kept: flat for LRU and tanh "
    "RNN, rising in proportion for attention to {cache_mib} MiB. Time of a step: flat "
    "for both, rising for attention to {attention_over_lru} times the LRU."
)
