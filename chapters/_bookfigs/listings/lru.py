class LRU(nn.Module):
    def __init__(
        self,
        d_model: int,
        d_state: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
    ) -> None:
        ...  # 8 lines left out
        nu, theta = ring(d_state, r_min, r_max, max_phase)  # (1)
        self.nu_log = nn.Parameter(nu.log())  # (2)
        self.theta_log = nn.Parameter(theta.log())
        # 1 - exp(-2 nu), without cancellation near |lambda| = 1
        gamma = torch.sqrt(-torch.expm1(-2 * nu))  # (3)
        self.gamma_log = nn.Parameter(gamma.log())
        ...  # 5 lines left out

    def eigenvalues(self) -> Tensor:
        modulus = torch.exp(-torch.exp(self.nu_log))  # (4)
        return torch.polar(modulus, torch.exp(self.theta_log))

    ...  # 16 lines left out
