"""Records that break what is claimed of the time of a step."""

from breaking import Break, scaled

BROKEN: dict[str, Break] = {
    "step_time.rnn_slower": scaled("seconds", 50, arm="scan"),
    "step_time.framework_slower": scaled("seconds", 50, arm="scan"),
    "step_time.loop_slower": scaled("seconds", 50, arm="scan"),
    "step_time.rnn_proportional": scaled("seconds", 1 / 8, arm="rnn", T=4096),
    "step_time.batch_hides": scaled("seconds", 8, arm="rnn", batch=8),
    "step_time.short_no_gain": scaled("seconds", 8, arm="rnn", T=16),
}
