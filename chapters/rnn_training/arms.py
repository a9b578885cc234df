"""How each way to compute a sequence looks, the same in every figure."""

from bookfigs.style import BLUE, BROWN, GREEN, ORANGE, TEXT, VIOLET, Arm

ARMS = {
    "rnn": Arm("tanh RNN", ORANGE, "o"),
    "framework_rnn": Arm("tanh RNN, framework", BROWN, "D", ":"),
    "framework_gru": Arm("GRU, framework", BROWN, "P", "--"),
    "framework_lstm": Arm("LSTM, framework", BROWN, "*", "-."),
    "fused_tanh": Arm("tanh, fused", ORANGE, "<", ":"),
    "loop": Arm("linear, loop", VIOLET, "s", "--"),
    "fft": Arm("linear, FFT", GREEN, "^", "-."),
    "scan": Arm("linear, scan", BLUE, "v", width=2.8),
    "chunked": Arm("linear, chunked", BLUE, "p", "--"),
    "fused": Arm("linear, fused", BLUE, ">", ":"),
    "attention": Arm("attention", TEXT, "X", "--"),
}
"""Arms that compute one layer."""

MODELS = {
    "rnn": Arm("tanh RNN", ORANGE, "o"),
    "gru": Arm("GRU", BROWN, "P", "--"),
    "lru": Arm("LRU", BLUE, "v", width=2.8),
    "s4d": Arm("diagonal SSM", GREEN, "^", "-."),
    "selective": Arm("selective SSM", VIOLET, "s", "--"),
    "attention": Arm("transformer", TEXT, "X", "--"),
}
"""Arms that train a stack of layers, by the name of their mixer."""
