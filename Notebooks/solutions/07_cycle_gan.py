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
# critics notice it as well: a critic of violins gets pianos. With a learned mixer that keeps the
# second half small by another exchange, only the critics are left.

# %% [markdown]
# ## 2. Clipped weights
#
# The first Wasserstein GAN limited the weights of the critic instead of its slope. Clip the weights
# of an untrained critic (`WaveGANCritic`, width 8) at 0.01, 0.03 and 0.1, and measure the norm of
# its gradient. What do these slopes do to the distance that it reports?


# %% tags=["solution"]
def slope(limit: float) -> float:
    """The mean norm of the gradient of a clipped critic on noise."""
    torch.manual_seed(0)
    config = WaveGANConfig(("violin", "piano"), width=8)
    critic, waveforms = WaveGANCritic(config).eval(), 0.1 * torch.randn(8, 1, config.samples)
    with torch.no_grad():
        for weights in critic.parameters():
            weights.clamp_(-limit, limit)
    waveforms.requires_grad_()
    (gradient,) = torch.autograd.grad(critic(waveforms).sum(), waveforms)
    return float(gradient.flatten(1).norm(dim=1).mean())


pd.Series({limit: slope(limit) for limit in (0.01, 0.03, 0.1)}, name="slope")

# %% [markdown] tags=["solution"]
# The slope is a product over six layers, so it grows much faster than the limit: from 0.01 to 0.03
# about a hundredfold. At 0.1 few of the first weights are that large, so little is clipped. With
# 0.01 the slope is far below 1, so the critic reports distances that are as much too small, and the
# generator's gradient is as small. No limit is right for every architecture; a penalty on the slope
# itself does not have this problem.

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
# in random mixes, and reports about that distance. The mixer cannot repair it without changing the
# solos, which the cycle forbids. So this critic pushes the mixer away from the sum, which is right.
# In music the parts of a duo share their beat and their key; solos at random do not.

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
