"""Records that break what is claimed of the hardware."""

from breaking import Break, scaled

BROKEN: dict[str, Break] = {
    "hardware.fused_at_memory_speed": scaled("seconds", 8, arm="fused", size="few"),
    "hardware.twin_as_fast": scaled("seconds", 8, arm="fused_tanh", size="some"),
    "hardware.twin_alone": scaled("seconds", 8, arm="fused_tanh", size="few"),
    "hardware.scan_slower_than_fused": scaled("seconds", 1 / 64, arm="scan"),
    "hardware.python_loop_slower": scaled("seconds", 1 / 1024, arm="loop"),
    "hardware.chain_limits_gpu": scaled("seconds", 1 / 64, arm="fused_tanh"),
    "hardware.parallel_fills_gpu": scaled("seconds", 64, arm="fused"),
    "hardware.many_chains_fill_gpu": scaled("seconds", 64, arm="fused", size="many"),
}
