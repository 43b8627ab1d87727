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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/03_nussl_mask_inference.ipynb)
#
# # Mask inference with nussl on Bach10: solutions
#
# These exercises belong to chapter 3. Without Bach10 they use a rendered chorale. The numbers in
# the answers are those of our held-out excerpt of Bach10 (`01-excerpt05`), ten seconds at most,
# with the trained networks that come with the course.

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

from experiments.pieces import chorale
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.baselines import oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr, snr
from helpers.music.splits import TEST
from helpers.training.checkpoints import load_model

# %%
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
SECONDS = 2 if runtime.profile() == "smoke" else 10
DATA = runtime.data_root()
if DATA:
    recording = find_tracks(DATA / "bach10_excerpts")[0].load(channels=1)
else:
    recording = chorale(TEST[0], QUARTET, SECONDS)
RATE = recording.sample_rate
stems = {name: recording.stems[name][:, : SECONDS * RATE] for name in QUARTET}
TRACK = Track(recording.name, RATE, stems)


def mean_si_sdr(estimates: dict[str, np.ndarray]) -> float:
    """Over the four instruments, dB."""
    return np.mean([si_sdr(estimates[name], TRACK.stems[name]) for name in QUARTET])


# %% [markdown]
# ## 1. Half of everything
#
# What is the SI-SDR of a mask that is one half everywhere? What is its SNR? Guess first, then
# compute both (`si_sdr`, `snr`) for masks of 1, 1/2 and 1/4, and explain why the published tables
# show SNRs of +1 dB beside SI-SDRs of -4 dB.

# %% tags=["solution"]
for share in (1.0, 0.5, 0.25):
    estimates = {name: share * TRACK.mixture for name in QUARTET}
    noise = np.mean([snr(estimates[name], TRACK.stems[name]) for name in QUARTET])
    print(f"a mask of {share:.2f}: SI-SDR {mean_si_sdr(estimates):5.1f} dB, SNR {noise:5.1f} dB")

# %% [markdown] tags=["solution"]
# SI-SDR does not depend on the level, so half of the mixture scores as the mixture does, about
# -4.8 dB. SNR depends on it. Let $s$ be the stem and $n$ the sum of the others, with
# $\|n\|^2 = 3 \|s\|^2$ and $n$ uncorrelated with $s$. A mask of $c$ gives the estimate $c (s + n)$
# and
#
# $$\text{SNR} = 10 \log_{10} \frac{\|s\|^2}{(1 - c)^2 \|s\|^2 + c^2 \|n\|^2}$$
#
# which is $-10 \log_{10} ((1 - c)^2 + 3 c^2)$: -4.8 dB for $c = 1$, 0 dB for $c = 1/2$ and 1.2 dB
# for the best constant, $c = 1/4$. An SNR of +1 dB therefore needs no separation at all: a network
# earns it by making its estimate softer. The published SNRs of about +1 dB beside SI-SDRs of -4 dB
# look like this.

# %% [markdown]
# ## 2. Masks that sum to one
#
# The four networks are trained independently. How large is the mixture minus the sum of their
# estimates? Then divide the mask of each by the sum of all four and measure again. (All estimates
# have the phase of the mixture, so you can use `oracle_ratio_mask` on a track whose stems are the
# estimates.)

# %% tags=["solution"]
models = {name: load_model(f"nussl-{name}") for name in QUARTET}
single = {name: model_separator(models[name])(TRACK)[name] for name in QUARTET}
total = np.sum(list(single.values()), axis=0)
residual = 10 * np.log10(((TRACK.mixture - total) ** 2).sum() / (TRACK.mixture**2).sum())
print(f"the mixture minus the sum of the four estimates: {residual:.1f} dB of the mixture")
shared = oracle_ratio_mask(Track(TRACK.name, TRACK.sample_rate, single, TRACK.mixture))
print(f"SI-SDR: single masks {mean_si_sdr(single):.1f} dB, shared {mean_si_sdr(shared):.1f} dB")

# %% [markdown] tags=["solution"]
# On our recording, what the sum misses is 10.3 dB below the mixture, so the masks do not sum to
# one. The shared masks reach -0.1 dB in place of -0.4 dB: knowing that somebody must have played
# what is in a bin is worth a little, and costs no training.

# %% [markdown]
# ## 3. The window of the oracle
#
# The networks use a window of 512 samples; `oracle_ratio_mask` takes 4096 at 44.1 kHz and chooses
# its window by the sample rate of the track. Compute the oracle with 512 samples. How much of the
# distance between the networks and the usual oracle comes with the window?

# %% tags=["solution"]
for window, rate in ((4096, RATE), (512, RATE // 8)):  # an eighth of the rate, of the window
    estimates = oracle_ratio_mask(Track(TRACK.name, rate, TRACK.stems))
    print(f"oracle with a window of {window}: {mean_si_sdr(estimates):.1f} dB")

# %% [markdown] tags=["solution"]
# On our recording the oracle falls from 10.7 to 3.0 dB, because bins of 86 Hz hold several
# partials. The networks stand at -0.4 dB. So 7.7 of the 11.1 dB between them and the usual oracle
# come with the window: no training of a real mask can bring them back.

# %% [markdown]
# ## 4. Softer or sharper masks
#
# Write a ratio mask with an exponent, $M_j = |S_j|^p / \sum_i |S_i|^p$. Measure it for $p$ of 1/2,
# 1, 2, 4 and 16. Which known masks are $p = 1$, $p = 2$ and $p \to \infty$? Which exponent is best,
# and why?

# %% tags=["solution"]
WINDOW = torch.hann_window(4096)
stems = torch.from_numpy(np.concatenate([TRACK.stems[name] for name in QUARTET]))
spectra = torch.stft(stems, 4096, 1024, window=WINDOW, return_complex=True)
for exponent in (0.5, 1, 2, 4, 16):
    power = (spectra.abs() / spectra.abs().amax(dim=0).clamp_min(1e-9)) ** exponent
    masked = power / power.sum(dim=0).clamp_min(1e-9) * spectra.sum(dim=0)
    waves = torch.istft(masked, 4096, 1024, window=WINDOW, length=stems.shape[1])
    estimates = dict(zip(QUARTET, waves[:, None].numpy(), strict=True))
    print(f"exponent {exponent:4}: oracle SI-SDR {mean_si_sdr(estimates):.1f} dB")

# %% [markdown] tags=["solution"]
# $p = 1$ is the ideal ratio mask, $p = 2$ the Wiener filter of known stems, and for $p \to \infty$
# the loudest stem gets the whole bin: the ideal binary mask. On our recording $p = 2$ is best, 11.5
# dB against 10.7 dB for $p = 1$ and 11.0 dB for $p = 16$. For stems that are uncorrelated, the
# Wiener filter has the smallest expected squared error of all real masks, and SI-SDR measures a
# squared error. So the oracle of our tables ($p = 1$) is a reference and no strict limit.
