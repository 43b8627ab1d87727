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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/06_resunet.ipynb)
#
# # ResUNetDecouple+: solutions
#
# These exercises belong to chapter 6. They need neither a GPU nor recordings, and take a minute on
# a laptop.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from experiments.decoupling import true_parts
from experiments.interference import Condition, speech
from experiments.pieces import chorale
from helpers import runtime
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.models.resunet import ResUNet, ResUNetConfig
from helpers.music.splits import TEST
from helpers.training.checkpoints import load_model

# %%
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
SECONDS = 2 if runtime.profile() == "smoke" else 10
PIECE = chorale(TEST[0], QUARTET, SECONDS)
RATE = PIECE.sample_rate
STEMS = torch.from_numpy(np.stack(list(PIECE.stems.values())))[None]
TINY = ResUNetConfig(QUARTET, RATE, widths=(1,), units=1, bottlenecks=0)

# %% [markdown]
# ## 1. Masks above one
#
# Compute the share of the bins in which the magnitude of the ideal mask of the violin exceeds one,
# for windows of 512, 2048 and 8192 samples (hop: a quarter). Leave out bins that have less than a
# thousandth of the magnitude of the loudest one. What do you expect?

# %% tags=["solution"]
for window in (512, 2048, 8192):
    model = ResUNet(replace(TINY, window=window, hop=window // 4))
    mixture, violin = model.stft(STEMS.sum(1)).abs(), model.stft(STEMS[:, 0]).abs()
    loud = mixture > 1e-3 * mixture.max()
    share = (violin[loud] > mixture[loud]).float().mean()
    print(f"window {window}: {share:.2f} of {int(loud.sum())} bins")

# %% [markdown] tags=["solution"]
# It hardly depends on the window. A longer one has narrower bins, so that partials of two
# instruments share a bin less often. But more of the bins then lie between the partials, where the
# side lobes of all instruments meet, and any of them may cancel.

# %% [markdown]
# ## 2. The right magnitude and a wrong phase
#
# All magnitudes are right, and the phase of every bin is wrong by the same angle $\delta$. What is
# the SI-SDR for 10, 45 and 80 degrees? Derive it, then compute it: start from `true_parts`, and
# turn the point of the phase.

# %% tags=["solution"]
model = ResUNet(TINY)
mixture, parts = model.stft(STEMS.sum(1)), true_parts(model, STEMS)
rows = {}
for degrees in (10, 45, 80):
    delta = torch.tensor(np.deg2rad(degrees))
    x, y = parts[:, :, 1].tanh(), parts[:, :, 2].tanh()
    turned = parts.clone()
    turned[:, :, 1] = (x * delta.cos() - y * delta.sin()).atanh()
    turned[:, :, 2] = (x * delta.sin() + y * delta.cos()).atanh()
    spectra = model.decoupled(mixture, turned, model.level(mixture))
    estimates = model.istft(spectra, STEMS.shape[-1])[0, :, 0].numpy()
    measured = si_sdr(estimates, STEMS[0, :, 0].numpy()).mean()
    rows[degrees] = {"computed": measured, "20 log10 cot": -20 * np.log10(np.tan(float(delta)))}
pd.DataFrame(rows).T.round(1)

# %% [markdown] tags=["solution"]
# The part of the estimate in the direction of the stem is $\cos \delta$, the part at a right angle
# to it $\sin \delta$. So the SI-SDR is $20 \log_{10} \cot \delta$: at 45 degrees it is zero
# although every magnitude is right, and at 90 degrees nothing of the stem would be left for this
# measure. The ear would hardly notice: a constant phase is nearly inaudible. That is a weakness of
# the measure.

# %% [markdown]
# ## 3. Speech over music
#
# Add the announcement of `speech` to the chorale at different levels. At which level is
# `bach-quartet` no better than the unprocessed mixture? (Needs eSpeak NG.)

# %% tags=["solution"]
import shutil

from experiments.interference import ESPEAK

network, rows = model_separator(load_model("bach-quartet")), {}
for decibels in (-20, -10, 0, 10, 20) if shutil.which(ESPEAK) else ():
    track = Condition("", added=speech, decibels=decibels).apply(PIECE)
    estimates = {"model": network(track), "mixture": dict.fromkeys(QUARTET, track.mixture)}
    for system, stems in estimates.items():
        values = {name: si_sdr(stems[name][0], track.stems[name][0]) for name in QUARTET}
        rows[decibels, system] = {"mean": np.mean(list(values.values())), **values}
pd.DataFrame(rows).T.astype(float).round(1)

# %% [markdown] tags=["solution"]
# At none of these levels: the model falls faster than the mixture, but from a much higher value.
# Its masks must sum to one, so all of the speech ends in some stem, mostly where its pitch lies:
# compare how much the bassoon and the violin lose at the lowest level.
