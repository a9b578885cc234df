"""A linear recurrence whose coefficients may become negative."""

from torch import Tensor

from bookfigs.core.minimal import MinGRU


class SignedMinGRU(MinGRU):
    """A minGRU that may turn its state over, depending on the input.

    h_t = (1 - 2 z_t) ⊙ h_{t-1} + z_t ⊙ h̃_t,  z_t and h̃_t of minGRU:
    coefficients from -1 to 1 instead of 0 to 1 (Grazzi et al. 2024,
    arXiv:2411.12537, section 4.2). It is still linear in the state,
    and is scanned like any other.

    Shapes, edge cases, raises, cost: as :class:`MinGRU`.
    """

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """2(1 - z) - 1 and z ⊙ h̃, for any number of steps."""
        keep, b = super().coefficients(x)
        return 2 * keep - 1, b
