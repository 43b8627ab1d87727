# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/07_cycle_gan.ipynb)
#
# # Separation without pairs: solutions
#
# These exercises belong to chapter 7. They need no recordings and no training.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
import numpy as np
import pandas as pd
import torch

from helpers.evaluation.metrics import museval_ratios, si_sar, si_sdr, si_sir
from helpers.models.wave_gan import WaveGANConfig, WaveGANCritic
from helpers.training.cycle_gan import Sum, wasserstein

# %%
RATE = 16_000
torch.manual_seed(0)
STEMS = 0.1 * torch.randn(4, 2, 1, RATE)  # (B, S, C, T): violin and piano of four solos
MIXTURE = STEMS.sum(1)

# %% [markdown]
# ## 1. Exchanged stems
#
# Take a separator that always gives the right stems in the wrong order: the piano as the violin,
# the violin as the piano. What do the two halves of the cycle cost, with the sum as the mixer?
# Which part of the loss notices the exchange? (Write the separator as a function that knows the
# stems.)

# %% tags=["solution"]
exchanged = STEMS.flip(1)
there = (Sum()(exchanged) - MIXTURE).abs().mean()
back = (exchanged - STEMS).abs().mean()
print(f"mixture, stems, mixture: {there:.4f}; stems, mixture, stems: {back:.4f}")

# %% [markdown] tags=["solution"]
# The first half costs nothing, because the sum does not depend on the order. The second half costs
# as much as two unrelated signals differ, here $0.1 \sqrt 2 \cdot \sqrt{2 / \pi} = 0.11$. The
# critics notice it as well: a critic of violins gets pianos. A learned mixer can hide in its output
# which solo is which; then both halves can be small, and only the critics notice.

# %% [markdown]
# ## 2. Clipped weights
#
# The first Wasserstein GAN limited the weights of the critic instead of its slope. The real data
# are a tone, the generated data the same tone with noise of level 0.05. Take a critic
# (`WaveGANCritic`, width 8) whose weights are clipped at 0.01, 0.03 and 0.1. Measure the norm of
# its gradient and the distance that it reports, before training and after 100 steps without a
# penalty. Which distance is right?

# %% tags=["solution"]
CONFIG = WaveGANConfig(("violin", "piano"), width=8)
TIME = torch.arange(CONFIG.samples) / RATE
TONE = 0.1 * torch.sin(2 * torch.pi * 440 * TIME).expand(2, 1, -1)


def noisy() -> torch.Tensor:
    return TONE + 0.05 * torch.randn_like(TONE)


def measured(critic: WaveGANCritic) -> dict[str, float]:
    made = noisy().requires_grad_()
    distance, _ = wasserstein(critic, TONE, made, penalised=False)
    (gradient,) = torch.autograd.grad(critic(made).sum(), made)
    return {
        "slope": float(gradient.flatten(1).norm(dim=1).mean()),
        "distance": float(distance.detach()),
    }


# %% tags=["solution"]
def clipped(limit: float, steps: int) -> dict[str, float]:
    """Slope and distance of a critic after some steps with clipped weights."""
    torch.manual_seed(0)
    critic = WaveGANCritic(CONFIG)
    adam = torch.optim.Adam(critic.parameters(), 5e-4, (0.5, 0.9))
    for step in range(steps + 1):
        for weights in critic.parameters():
            weights.data.clamp_(-limit, limit)
        if step < steps:
            adam.zero_grad()
            (-wasserstein(critic, TONE, noisy(), penalised=False)[0]).backward()
            adam.step()
    return measured(critic)


# %% tags=["solution"]
LIMITS = (0.01, 0.03, 0.1)
lines = {(steps, limit): clipped(limit, steps) for steps in (0, 100) for limit in LIMITS}
pd.DataFrame(lines).T.rename_axis(["steps", "limit"]).map("{:.3g}".format)

# %% [markdown] tags=["solution"]
# The right distance is about 6.4: each example has to be moved by its noise, whose norm is $0.05
# \sqrt{16384}$. The slope is a product over six layers, so it grows much faster than the limit. At
# 0.1 only half of the first layer's weights are clipped, and nothing elsewhere. Before training the
# slope is far below 1. Training pushes the weights to the limit, where they add up, and the slope
# becomes many times 1; so does the distance. The limit fixes neither. A penalty on the slope itself
# does not have this problem.

# %% [markdown]
# ## 3. The critic of mixtures
#
# The mixer makes mixtures of *unrelated* solos, and the critic of mixtures compares them with true
# duos. Show with a linear critic that it reports a distance although the mixer is right (the sum):
# let the two stems of a duo be equally loud in each example (one level for both), and the solos
# not.

# %% tags=["solution"]
torch.manual_seed(0)
levels = torch.rand(2000, 2)  # of violin and piano
duos = torch.stack([levels[:, 0] + levels[:, 0], (levels[:, 0] - levels[:, 0]).abs()], 1)
mixes = torch.stack([levels.sum(1), (levels[:, 0] - levels[:, 1]).abs()], 1)
real, made = duos[:, None], mixes[:, None]  # features: the sum and the difference of the levels
line = torch.nn.Linear(2, 1)
adam = torch.optim.Adam(line.parameters(), 0.02, (0.5, 0.9))
for _ in range(300):
    distance, penalty = wasserstein(lambda x: line(x).flatten(), real, made)
    adam.zero_grad()
    (10 * penalty - distance).backward()
    adam.step()
print(f"distance {distance:.2f}, weights {line.weight.detach().numpy().round(2)}")

# %% [markdown] tags=["solution"]
# The critic looks at the difference of the levels, which is zero in duos and one third on average
# in random mixes, and reports about that distance. The mixer can only reduce it by changing the
# solos, and the cycle forbids only what the separator cannot undo. So this critic pushes the mixer
# away from the sum, although the sum is right. In music the parts of a duo share their beat and
# their key; solos at random do not.

# %% [markdown]
# ## 4. A gain or a filter
#
# Put a stem into a small room: add an echo of half its level after 5 ms. Compute SI-SDR, SI-SIR and
# SI-SAR (`si_sdr`, `si_sir`, `si_sar`) and the SDR, SIR and SAR of museval. Which of them say that
# something is wrong, and why?

# %% tags=["solution"]
one, other = STEMS[0, :, :, :].double().numpy()
echo = np.pad(one, ((0, 0), (80, 0)))[:, :RATE]  # 5 ms at 16 kHz
estimate = one + 0.5 * echo
flat = np.stack([one[0], other[0]])
allowing_a_gain = [si_sdr(estimate[0], one[0]), si_sir(estimate[0], flat, 0),
                   si_sar(estimate[0], flat, 0)]  # fmt: skip
both = np.stack([estimate, other])
allowing_a_filter = museval_ratios(both, np.stack([one, other]))[:, 0]
pd.DataFrame(
    {"a gain": np.ravel(allowing_a_gain), "a filter": allowing_a_filter}, ["SDR", "SIR", "SAR"]
).round(1)

# %% [markdown] tags=["solution"]
# With a gain only, the echo belongs to no stem and is an artefact: SI-SAR and SI-SDR are about $-20
# \log_{10} 0.5$ dB. With a filter of 512 samples, 32 ms, the echo is a filtered copy of the own
# stem: the SAR is high, and only the SDR, which compares with the stem itself, shows it.
