class GLU(nn.Module):
    def __init__(
        self, d_model: int, d_hidden: int, gate: str = "swish"
    ) -> None:
        ...  # 5 lines left out
        self.gate = GATES[gate]  # (1)
        self.W = nn.Linear(d_model, d_hidden, bias=False)
        self.V = nn.Linear(d_model, d_hidden, bias=False)
        self.W_2 = nn.Linear(d_hidden, d_model, bias=False)

    def forward(self, x: Sequence) -> Sequence:
        ...  # 1 line left out
        y: Tensor = self.W_2(self.gate(self.W(x)) * self.V(x))  # (2)
        return y
