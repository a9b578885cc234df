"""Records that break what is claimed of the errors of the four forms."""

from breaking import Break, scaled

BROKEN: dict[str, Break] = {
    "four_forms.equal": scaled("double", 1e6, arm="scan"),
    "four_forms.equal_single": scaled("error", 1e4, arm="fft"),
    "four_forms.scan_bounded": scaled("error", 4, arm="scan", memory=2),
    "four_forms.loop_drifts": scaled("error", 10, arm="loop", T=16),
    "four_forms.scan_steady": scaled("error", 10, arm="scan", T=65536),
    "four_forms.scan_better": scaled("error", 20, arm="scan", memory=10_000),
    "four_forms.fft_worse": scaled("error", 5, arm="loop", memory=2),
    "four_forms.fft_better": scaled("error", 20, arm="fft", memory=10_000),
    "four_forms.changing_worse": scaled("error", 50, arm="loop", memory=100_000),
    "four_forms.changing_chunked": scaled("error", 100, arm="chunked"),
}
