"""Records that break what is claimed of the gradient over a distance."""

from breaking import Break, Row, replaced, scaled

STARTED: Row = {"trained": 0, "distance": 100}
TRAINED: Row = {"trained": 200, "distance": 100}

BROKEN: dict[str, Break] = {
    "gradient_flow.rnn_vanishes": replaced("lost", 10.0, arm="rnn", **STARTED),
    "gradient_flow.rnn_exponential": scaled("lost", 3.0, arm="rnn", **STARTED),
    "gradient_flow.lru_keeps": replaced("lost", 5.0, arm="lru", **STARTED),
    "gradient_flow.lru_closed_form": scaled("lost", 1.01, arm="lru", **STARTED),
    "gradient_flow.lru_closed_form_trained": scaled("lost", 1.01, arm="lru", **TRAINED),
    "gradient_flow.orthogonal_keeps": replaced(
        "lost", 5.0, arm="orthogonal", **STARTED
    ),
    "gradient_flow.open_keeps": replaced("lost", 5.0, arm="open", **STARTED),
    "gradient_flow.rnn_learns_nothing": replaced("right", 0.9, arm="rnn", **TRAINED),
    "gradient_flow.lru_recalls": replaced("right", 0.5, arm="lru", **TRAINED),
    "gradient_flow.open_recalls": replaced("right", 0.5, arm="open", **TRAINED),
    "gradient_flow.lru_keeps_trained": replaced("lost", 5.0, arm="lru", **TRAINED),
}
