"""A cycle-consistent GAN: separator, mixer and critics, and the losses of both sides.

Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV
2017. Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017. Chapter: 07.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .losses import l1


class Sum(nn.Module):
    """(B, S, C, T) stems -> (B, C, T) mixture: a mixer that has nothing to learn."""

    def forward(self, stems: Tensor) -> Tensor:
        return stems.sum(1)


class CycleGAN(nn.Module):
    """A separator, a mixer and their critics, with the losses of both sides.

    make_critic: called once for each source and, where the mixer can learn, for the mixture.
    """

    def __init__(
        self, separator: nn.Module, mixer: nn.Module, make_critic: Callable[[], nn.Module]
    ):
        super().__init__()
        self.separator, self.mixer = separator, mixer
        count = len(separator.sources) + any(True for _ in mixer.parameters())
        self.critics = nn.ModuleList(make_critic() for _ in range(count))

    def critics_loss(
        self, mixture: Tensor, stems: Tensor, penalty_weight: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the critics, and its terms: the distances of stems (summed) and mixture.

        mixture (B, C, T), stems (B, S, C, T): of unrelated pieces.
        """
        with torch.no_grad():
            made = _waveforms(self.separator(mixture), self.mixer(stems))
        real = _waveforms(stems, mixture)
        pairs = [
            wasserstein(critic, *waveforms, penalty_weight > 0)
            for critic, *waveforms in zip(self.critics, real, made, strict=False)
        ]
        distances, penalties = torch.stack([torch.stack(pair) for pair in pairs]).unbind(1)
        count = stems.shape[1]
        terms = {
            "distance_stems": distances[:count].sum(),
            "distance_mixture": distances[count:].sum(),
            "penalty": penalties.sum(),
        }
        return penalty_weight * terms["penalty"] - distances.sum(), terms

    def generators_loss(
        self, mixture: Tensor, stems: Tensor, cycle_weight: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of separator and mixer, and its terms.

        These are minus the critics' scores of what was made, and the L1 distance after both cycles.
        """
        estimates, remixed = self.separator(mixture), self.mixer(stems)
        made = _waveforms(estimates, remixed)
        scores = [critic(each).mean() for critic, each in zip(self.critics, made, strict=False)]
        cycle = mixture.new_zeros(())
        if cycle_weight:
            cycle = l1(self.mixer(estimates), mixture) + l1(self.separator(remixed), stems)
        adversarial = -torch.stack(scores).sum()
        terms = {"adversarial": adversarial, "cycle": cycle}
        return adversarial + cycle_weight * cycle, terms


def wasserstein(
    critic: nn.Module, real: Tensor, made: Tensor, penalised: bool = True
) -> tuple[Tensor, Tensor]:
    """Mean score of real minus made waveforms (B, C, T), and the gradient penalty (0 if not asked).

    The penalty is the mean of (|gradient| - 1)^2 at random points between real and made ones; where
    it is small, the difference estimates the Wasserstein-1 distance of the two distributions.

    Gulrajani et al., NeurIPS 2017, eq. 3 and algorithm 1.
    """
    if not penalised:
        of_real, of_made = critic(torch.cat([real, made])).chunk(2)
        return of_real.mean() - of_made.mean(), real.new_zeros(())
    between = torch.lerp(made, real, torch.rand(len(real), 1, 1, device=real.device))
    between.requires_grad_()
    of_real, of_made, of_between = critic(torch.cat([real, made, between])).chunk(3)
    (slope,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1.0).square().mean()
    return of_real.mean() - of_made.mean(), penalty


def _waveforms(stems: Tensor, mixture: Tensor) -> list[Tensor]:
    """(B, C, T) of each source, then of the mixture."""
    return [*stems.unbind(1), mixture]
