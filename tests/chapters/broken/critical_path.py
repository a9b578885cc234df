"""Records that break what is claimed of the longest chain."""

from breaking import Break, more

BROKEN: dict[str, Break] = {
    "critical_path.rnn_linear": more("forward", 1, arm="rnn", T=512),
    "critical_path.rnn_backward_linear": more("backward", 1, arm="rnn", T=512),
    "critical_path.loop_linear": more("forward", 1, arm="loop", T=512),
    "critical_path.scan_logarithmic": more("forward", 1, arm="scan", T=512),
    "critical_path.scan_backward_logarithmic": more("backward", 1, arm="scan", T=512),
    "critical_path.fft_constant": more("forward", 1, arm="fft", T=512),
    "critical_path.attention_constant": more("forward", 1, arm="attention", T=512),
}
