"""Records that break what is claimed of one more token."""

from breaking import Break, more, scaled

BROKEN: dict[str, Break] = {
    "decoding.lru_state_constant": more("bytes", 4, arm="lru", T=512),
    "decoding.rnn_state_constant": more("bytes", 4, arm="rnn", T=512),
    "decoding.cache_proportional": more("bytes", 4, arm="attention", T=512),
    "decoding.recurrent_constant": scaled("seconds", 4, arm="rnn", T=8192),
    "decoding.attention_grows": scaled("seconds", 1 / 64, arm="attention", T=8192),
    "decoding.attention_costs_more": scaled("seconds", 64, arm="lru", T=1024),
}
