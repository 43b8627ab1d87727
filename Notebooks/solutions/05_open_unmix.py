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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/05_open_unmix.ipynb)
#
# # Open-Unmix: one instrument out of any mix: solutions
#
# These exercises belong to chapter 5. They need no trained network and no recordings.

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
import torch

from experiments.own_target import song
from helpers import runtime
from helpers.evaluation.metrics import si_sdr
from helpers.inference.wiener import wiener_filter
from helpers.training.losses import magnitude_mse

SMOKE = runtime.profile() == "smoke"
ITERATIONS = (1, 2) if SMOKE else (1, 2, 4, 8)
RATE = 44100
SONG = song(2, 3.0 if SMOKE else 10.0)
TRUE = np.stack(list(SONG.stems.values()))
print(", ".join(SONG.stems))

# %% [markdown]
# ## 1. The floor and the number of players
#
# Take noises of equal power as players. What is the SI-SDR of the mixture as the estimate of one of
# them, for two to six players? Write down the formula first.

# %% tags=["solution"]
noises = np.random.default_rng(0).normal(size=(6, 5 * RATE))
for count in range(2, 7):
    floor = si_sdr(noises[:count].sum(axis=0), noises[0])
    print(f"{count} players: {floor:5.1f} dB, formula {-10 * np.log10(count - 1):5.1f} dB")

# %% [markdown] tags=["solution"]
# Uncorrelated players of equal power: the rest has $n - 1$ times the power of the target, so the
# floor is $-10 \log_{10}(n - 1)$. A mean over ensembles of different sizes mixes these floors. The
# improvement over the mixture is therefore the fairer number.

# %% [markdown]
# ## 2. A late stem
#
# Shift the theremin by 1, 10, 100 and 1000 samples. What do the loss of Open-Unmix and the SI-SDR
# say? Which of the two fits what you hear?

# %% tags=["solution"]
stem = SONG.stems["theremin"][0]
tensor = torch.from_numpy(stem)[None, None, None]
for shift in (1, 10, 100, 1000):
    late = np.roll(stem, shift)
    loss = magnitude_mse(torch.from_numpy(late)[None, None, None], tensor)
    print(f"{shift:4} samples: loss {float(loss):.4f}, SI-SDR {si_sdr(late, stem):6.1f} dB")

# %% [markdown] tags=["solution"]
# The loss hardly notices a shift that is short against the window of 4096 samples, because it moves
# phases and leaves magnitudes as they are. SI-SDR compares samples: a shift of 10 of them, a
# quarter of a millisecond, already ruins it. You hear no difference. An estimate with the phase of
# the mixture is safe from such shifts, and this is why the loss can afford to ignore them.

# %% [markdown]
# ## 3. Overlap and the width of the bands
#
# Compute the overlap of theremin and rest as in the chapter, but in bands of an octave, a third, a
# semitone and a tenth of a semitone. Which width would you choose to predict what a mask can do?

# %% tags=["solution"]
rest = SONG.mixture[0] - stem
hertz = np.fft.rfftfreq(len(stem), 1 / RATE)
for name, steps in {"octave": 1, "third": 3, "semitone": 12, "tenth of a semitone": 120}.items():
    edges = np.searchsorted(hertz, 50.0 * 2.0 ** (np.arange(7 * steps + 1) / steps))
    edges = np.unique(edges)  # narrow bands at the bottom may hold no bin
    bands = [np.add.reduceat(np.abs(np.fft.rfft(s)) ** 2, edges)[:-1] for s in (stem, rest)]
    shares = [band / band.sum() for band in bands]
    print(f"{name}: {np.minimum(*shares).sum():.2f}")

# %% [markdown] tags=["solution"]
# Bands that are cut into parts never overlap more than before, and narrow ones much less: partials
# that share an octave seldom share a tenth of a semitone. A mask works in bins and frames, so
# narrow bands are closer to what it can do, but they depend on the notes of the piece. Third
# octaves compare tone colour and register, which belong to the instrument.

# %% [markdown]
# ## 4. More iterations
#
# Let 30 % of each stem leak into each other and filter with 1, 2, 4 and 8 iterations. What happens
# to the mean SI-SDR, and why? Then place the stems from left to right in a stereo mixture, and
# repeat.

# %% tags=["solution"]
pan = np.linspace(0.0, np.pi / 2, len(TRUE))
stereo = np.stack([np.cos(pan), np.sin(pan)], axis=1)[..., None] * TRUE  # (S, 2, T)
for name, stems in {"mono": TRUE, "stereo": stereo.astype(np.float32)}.items():
    mixture = stems.sum(axis=0)
    leaking = stems + 0.3 * (mixture - stems)
    versions = {0: leaking} | {n: wiener_filter(leaking, mixture, n) for n in ITERATIONS}
    for count, each in versions.items():
        quality = np.mean([si_sdr(e.ravel(), s.ravel()) for e, s in zip(each, stems, strict=True)])
        print(f"{name}, {count} iterations: {quality:.1f} dB")

# %% [markdown] tags=["solution"]
# In mono each iteration divides in the ratio of the squared powers of the iteration before: the
# masks become harder and approach a binary mask, in which the loudest source takes the whole bin.
# From some iteration on the mean falls again. In stereo the iterations also learn from which
# direction each source comes, which the estimates did not say.
