class LRUMixer(nn.Module):
    ...  # 11 lines left out

    def initial_state(self, batch: int) -> State:  # (1)
        return torch.zeros_like(self.layer.eigenvalues()).repeat(
            batch, 1
        )

    def drive(self, x: Tensor) -> Tensor:
        gamma = torch.exp(self.layer.gamma_log)
        B = torch.complex(self.layer.B_re, self.layer.B_im)
        return gamma * (x.to(B.dtype) @ B.T)  # (2)

    def output(self, x: Tensor, h: Tensor) -> Tensor:
        y = h.real @ self.layer.C_re.T - h.imag @ self.layer.C_im.T
        return y + self.layer.D * x  # (3)

    def forward(
        self, x: Sequence, h: State | None = None
    ) -> tuple[Sequence, State]:
        ...  # 2 lines left out
        h = self.initial_state(len(x)) if h is None else h
        a, u = self.layer.eigenvalues(), self.drive(x)
        states = linear_recurrence(a, u, h, form=self.form)  # (4)
        last = states[:, -1] if x.shape[1] else h
        return self.output(x, states), last

    def step(self, x_t: State, h: State) -> tuple[State, State]:
        h = self.layer.eigenvalues() * h + self.drive(x_t)  # (5)
        return self.output(x_t, h), h
