class Block(nn.Module):
    def __init__(
        self, d_model: int, mixer: Mixer, channel: nn.Module | None
    ) -> None:
        super().__init__()
        self.mixer, self.channel = mixer, channel  # (1)
        self.norm_mixer = nn.LayerNorm(d_model)
        if channel is not None:
            self.norm_channel = nn.LayerNorm(d_model)

    def forward(
        self, x: Sequence, memory: Memory = None
    ) -> tuple[Sequence, Memory]:
        y, memory = self.mixer(self.norm_mixer(x), memory)  # (2)
        return self._mix_channels(x + y), memory  # (3)

    ...  # 6 lines left out

    def _mix_channels(self, x: Tensor) -> Tensor:
        if self.channel is None:
            return x
        y: Tensor = self.channel(self.norm_channel(x))  # (4)
        return x + y
