"""Records that break what is claimed of mixing and of state tracking."""

from breaking import Break, Row, replaced

PRODUCT: Row = {"task": "product", "step": 16}
FAR: Row = {"task": "product", "step": 256}
PARITY: Row = {"task": "parity", "step": 256}

BROKEN: dict[str, Break] = {
    "mixing.superposition": replaced("bend", 0.1, arm="linear", **PRODUCT),
    "mixing.linear_bound": replaced("nats", 0.6, arm="linear", **PRODUCT),
    "mixing.linear_fails": replaced("right", 0.9, arm="linear", **PRODUCT),
    "mixing.norms_bend": replaced("nats", 0.69, arm="norm", **PRODUCT),
    "mixing.norms_fail": replaced("right", 0.95, arm="norm", **FAR),
    "mixing.mlp_solves": replaced("right", 0.7, arm="mlp", **PRODUCT),
    "mixing.glu_solves": replaced("right", 0.7, arm="glu", **PRODUCT),
    "mixing.rnn_solves": replaced("right", 0.7, arm="bare_rnn", **PRODUCT),
    "mixing.positive_fails": replaced("right", 0.9, arm="positive", **PARITY),
    "mixing.mingru_fails": replaced("right", 0.9, arm="mingru", **PARITY),
    "mixing.complex_fails": replaced("right", 0.9, arm="glu", **PARITY),
    "mixing.rnn_tracks": replaced("right", 0.7, arm="rnn", **PARITY),
    "mixing.gru_tracks": replaced("right", 0.7, arm="gru", **PARITY),
    "mixing.signed_tracks": replaced("right", 0.7, arm="signed", **PARITY),
}
