"""How each way to compute a sequence looks, the same in every figure."""

from bookfigs.style import BLUE, BROWN, GREEN, ORANGE, TEXT, VIOLET, Arm

ARMS = {
    "rnn": Arm("tanh RNN", ORANGE, "o"),
    "framework_rnn": Arm("tanh RNN, framework", BROWN, "D", ":"),
    "loop": Arm("linear, loop", VIOLET, "s", "--"),
    "fft": Arm("linear, FFT", GREEN, "^", "-."),
    "scan": Arm("linear, scan", BLUE, "v", width=2.8),
    "attention": Arm("attention", TEXT, "X", "--"),
}
