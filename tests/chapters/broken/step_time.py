"""Records that break what is claimed of the time of a step."""

from breaking import Break, scaled

BROKEN: dict[str, Break] = {
    "step_time.rnn_slower": scaled("seconds", 50, arm="scan"),
    "step_time.framework_slower": scaled("seconds", 50, arm="scan"),
    "step_time.loop_slower": scaled("seconds", 50, arm="scan"),
    "step_time.every_framework_slower": scaled("seconds", 50, arm="scan"),
    "step_time.fused_faster": scaled("seconds", 50, arm="fused"),
    "step_time.attention_superlinear": scaled(
        "seconds", 1 / 16, arm="attention", T=4096, batch=1
    ),
    "step_time.rnn_proportional": scaled("seconds", 1 / 8, arm="rnn", T=4096),
    "step_time.batch_hides": scaled("seconds", 8, arm="rnn", batch=8),
    "step_time.short_no_gain": scaled("seconds", 8, arm="rnn", T=16),
}
