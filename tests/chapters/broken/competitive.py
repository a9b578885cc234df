"""Records that break what is claimed of trained models."""

from breaking import Break, replaced, scaled

BROKEN: dict[str, Break] = {
    "competitive.alike": scaled("parameters", 2, task="digits", arm="lru"),
    "competitive.all_learn": replaced("accuracy", 0.1, task="permuted", arm="rnn"),
    "competitive.s4d_reads": replaced("accuracy", 0.7, task="digits", arm="s4d"),
    "competitive.s4d_digits": replaced("accuracy", 0.1, task="digits", arm="s4d"),
    "competitive.s4d_permuted": replaced("accuracy", 0.1, task="permuted", arm="s4d"),
    "competitive.lru_digits": replaced("accuracy", 0.1, task="digits", arm="lru"),
    "competitive.lru_permuted": replaced("accuracy", 0.1, task="permuted", arm="lru"),
    "competitive.linear_over_tanh": replaced("accuracy", 1.0, task="digits", arm="rnn"),
    "competitive.fixed_fall_short": replaced(
        "accuracy", 1.0, task="copying", arm="s4d"
    ),
    "competitive.selection_helps": replaced(
        "accuracy", 0.2, task="copying", arm="selective"
    ),
    "competitive.gru_copies": replaced("accuracy", 0.9, task="copying", arm="gru"),
    "competitive.selection_costs": replaced(
        "accuracy", 1.0, task="permuted", arm="selective"
    ),
    "competitive.attention_adds": replaced(
        "accuracy", 0.1, task="adding", arm="attention"
    ),
    "competitive.only_guessed": replaced("accuracy", 0.9, task="adding", arm="lru"),
    "competitive.more_steps": replaced("accuracy", 0.1, task="digits", arm="longer"),
}
