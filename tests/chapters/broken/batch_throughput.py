"""Records that break what is claimed of the batch."""

from breaking import Break, scaled

BROKEN: dict[str, Break] = {
    "batch_throughput.batch_fills": scaled("seconds", 100, arm="rnn", batch=256),
    "batch_throughput.rnn_saturates": scaled("seconds", 1 / 4, arm="rnn", batch=256),
    "batch_throughput.gap_alone": scaled("seconds", 100, arm="scan", batch=1),
    "batch_throughput.gap_closes": scaled("seconds", 100, arm="rnn", batch=256),
}
