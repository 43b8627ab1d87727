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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/08_with_the_score.ipynb)
#
# # With the score: alignment, combs and two violins apart: solutions
#
# These exercises belong to chapter 8. They need no trained network and no recordings.

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

import librosa
import numpy as np
import torch

from experiments.guided_training import recipe_of
from experiments.score_example import example, quality, separated
from experiments.score_informed import NO_ERRORS, combs, with_fault
from helpers import runtime
from helpers.evaluation.metrics import si_sdr

SMOKE = runtime.profile() == "smoke"
RATE = 44100
COMBS = combs(recipe_of(4 if SMOKE else 0))
PIECE = example(6.0 if SMOKE else 20.0)
SCORE = np.array([64, 64, 65, 67, 67, 65, 64, 62, 60, 60])
FRAMES = np.array([64, 64, 64, 65, 65, 67, 69, 65, 64, 62, 60, 60])
COSTS = np.abs(FRAMES[:, None] - SCORE[None, :]).astype(float)

# %% [markdown]
# ## 1. Other steps
#
# In the chapter a path may go up, to the right, or both. Give `librosa.sequence.dtw` other steps
# (`step_sizes_sigma`): first (1, 1), (1, 2) and (2, 1), then (1, 1), (1, 2), (2, 1), (1, 3) and
# (3, 1), as `helpers/music/warping.py` has them. What happens to the sum, and which tempi can such
# a path follow? Then let the player hold the first note for 12 frames more.

# %% tags=["solution"]
steps = {
    "up, right, both": np.array([[1, 1], [0, 1], [1, 0]]),
    "up to twice as fast": np.array([[1, 1], [1, 2], [2, 1]]),
    "up to three times": np.array([[1, 1], [1, 2], [2, 1], [1, 3], [3, 1]]),
}
longer = np.concatenate([np.repeat(COSTS[:1], 12, axis=0), COSTS])
for name, sizes in steps.items():
    for case, costs in {"as played": COSTS, "first note held": longer}.items():
        try:
            total, path = librosa.sequence.dtw(C=costs, step_sizes_sigma=sizes)
            print(f"{name}, {case}: sum {total[-1, -1]:g}, {len(path)} cells")
        except librosa.ParameterError:
            print(f"{name}, {case}: no path")

# %% [markdown] tags=["solution"]
# The sum falls to 0: a step of (2, 1) passes over a frame, here over the wrong note, and what is
# passed over costs nothing unless the steps have weights, as they do in `warping.py`. Such a path
# cannot rest on a note: it follows tempi from half to twice that of the score, or from a third to
# three times. This keeps it from running along one axis where the features are poor. With the first
# note held, 24 frames for 10 notes are more than twice as many, so there is no path; up to three
# times there is one, but it must hurry past that note and pays for it. `align` therefore tries
# several tempi in its coarse pass.

# %% [markdown]
# ## 2. Late notes
#
# Move every onset by a random time with a standard deviation of 0, 25, 50, 100 and 200 ms
# (`NO_ERRORS` and `with_fault`). How does the mean SI-SDR of the combs
# fall?

# %% tags=["solution"]
for timing in (0.0, 0.025, 0.05, 0.1, 0.2):
    score = with_fault(PIECE.played, replace(NO_ERRORS, timing=timing))
    table = quality({"combs": separated(COMBS, score, PIECE.track)}, PIECE.track)
    print(f"{1000 * timing:3.0f} ms: {table['mean'].iloc[0]:.1f} dB")

# %% [markdown] tags=["solution"]
# Small errors cost little, because the combs rise before the onset and fade after the end, and
# because the window of the STFT is 186 ms long. When the errors reach the length of the notes, the
# mask gives whole notes to others.

# %% [markdown]
# ## 3. Intervals
#
# Two tones of two seconds with eight partials, both of them known to the combs: A4 with the
# amplitudes $1/k$, and a brighter one with $1/\sqrt{k}$, 0 to 12 semitones above. Give each partial
# a random phase. Compute the mean SI-SDR for each interval.
# Which are hard, and why?

# %% tags=["solution"]
time = np.arange(2 * RATE) / RATE


def tone(pitch: float, slope: float) -> np.ndarray:
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    phases = np.random.default_rng(round(10 * slope)).uniform(0, 2 * np.pi, 9)
    partials = (np.sin(2 * np.pi * hertz * k * time + phases[k]) / k**slope for k in range(1, 9))
    return 0.05 * sum(partials)


for interval in range(13):
    stems = np.stack([tone(69, 1.0), tone(69 + interval, 0.5)])
    notes = torch.tensor([[[[0.0, 2.0, 69.0]], [[0.0, 2.0, 69.0 + interval]]]])
    mixture = torch.from_numpy(stems.sum(axis=0).astype(np.float32))[None, None]
    with torch.no_grad():
        estimates = COMBS(mixture, notes, torch.tensor([[0, 0]]))[0, :2, 0].numpy()
    print(f"{interval:2} semitones: {si_sdr(estimates, stems).mean():5.1f} dB")

# %% [markdown] tags=["solution"]
# The unison cannot be separated: both masks are one half, and both estimates are the mixture. In
# the octave every partial of the upper tone lies on one of the lower tone, and the mask can only
# guess the ratio. In the fifth every third partial of the lower tone meets every second one of the
# upper tone, in the fourth every fourth one meets every third. The fifth comes out even worse than
# the octave, although fewer partials meet; why, we have not found out. A semitone is no problem,
# because these tones are long and the window of the STFT resolves it. Intervals of simple ratios
# are the hard ones, and music is full of them.

# %% [markdown]
# ## 4. A part that the score lacks
#
# Leave out the cello, and give the cello alone to the masks of the other parts and the rest: masks
# are linear, once they are computed. What share of the masked energy does each one get? Use
# `COMBS.paint`, `COMBS.expect` and the STFT of the model.

# %% tags=["solution"]
from experiments.score_example import note_tensor

rest = replace(PIECE.played, parts=PIECE.played.parts[:3])
with torch.no_grad():
    spectrum = COMBS.stft(torch.from_numpy(PIECE.track.stems["cello"]))[0]
    expected = COMBS.expect(COMBS.paint(note_tensor(rest), spectrum.shape[-1])[0])
masks = expected.softmax(dim=1)[0]  # (parts and rest, linear bins, N)
energy = (masks * spectrum[: masks.shape[1]].abs()).square().sum((1, 2))
for name, share in zip([*list(PIECE.track.stems)[:3], "rest"], energy / energy.sum(), strict=True):
    print(f"{name}: {share:.0%}")

# %% [markdown] tags=["solution"]
# Most of it goes to the rest, for between the combs of the other parts nobody expects anything.
# What lies on partials of others goes to them: the combs cannot know that somebody else plays
# there. (The masked stems together hold less energy than the cello, because masks divide
# amplitudes: each half of an amplitude has a quarter of the energy.)
