"""Records that break what is claimed of Newton's method."""

from breaking import Break, replaced, scaled

BROKEN: dict[str, Break] = {
    "newton.few": replaced("scans", 11, arm="newton", scale=0.9, T=1024),
    "newton.few_steady": replaced("scans", 9, arm="newton", scale=0.9, T=1024),
    "newton.predictable": replaced("scans", 60, arm="newton", scale=1.5, T=1024),
    "newton.exponents": replaced("exponent", 0.1, arm="newton", scale=1.5, T=1024),
    "newton.chaos_exponent": replaced("exponent", -0.1, arm="newton", scale=3, T=256),
    "newton.chaos": replaced("scans", 80, arm="newton", scale=3, T=256),
    "newton.chaos_proportional": replaced("scans", 50, arm="newton", scale=3, T=256),
    "newton.quasi": replaced("scans", 9, arm="quasi", T=1024),
    "newton.pays": scaled("seconds", 1e3, arm="newton_dense", width=4),
    "newton.costs": scaled("seconds", 1e-3, arm="newton_dense", width=64),
    "newton.diagonal": scaled("seconds", 1e3, arm="newton_diagonal"),
    "newton.fused": scaled("seconds", 1e3, arm="fused_tanh"),
}
