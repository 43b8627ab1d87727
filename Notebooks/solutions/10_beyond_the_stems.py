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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/10_beyond_the_stems.ipynb)
#
# # Beyond the stems: quality, notes, data and players: solutions
#
# These exercises belong to chapter 10. They need no recordings. The numbers in the answers are from
# our run.

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

from helpers.evaluation.attribution import integrated_gradients, rank_correlation
from helpers.playing.phase_correction import fit_coupling, simulate
from helpers.playing.timing import Chords
from helpers.transcription.decoding import Costs, decode_line

# %% [markdown]
# ## 1. The cost of a change
#
# Decode the frames AAAACAAABBBB with costs of a change from 0.5 to 4, as in part 3 of the chapter.
# Compute first at which cost the single C becomes a note, then try it.

# %%
HEARD, NOTES = np.array(list("AAAACAAABBBB")), np.array(list("ABC"))
EVIDENCE = np.log(np.where(HEARD[:, None] == NOTES, 0.8, 0.1))

# %% tags=["solution"]
silence, again = np.full((2, len(HEARD)), -50.0)
for cost in (0.5, 1.0, 1.1, 2.0, 4.0):
    spans = decode_line(EVIDENCE, silence, again, Costs(begin=cost, end=0.0, again=100.0))
    print(cost, [str(NOTES[note]) for _, _, note in spans])

# %% [markdown] tags=["solution"]
# The C explains its frame better than A by $\log 0.8 - \log 0.1 = 2.08$, and costs two changes: to
# C and back. So it becomes a note where a change costs less than 1.04. In the list it is there at
# 1.0, and gone at 1.1. The change to B stays even at 4, because four frames speak for it.

# %% [markdown]
# ## 2. Onsets with errors
#
# Simulate two players who correct 0.1 and 0.5 of an asynchrony, over 400 notes. Add errors of 0, 10
# and 20 ms to the onsets, and fit the corrections. Average over ten seeds.

# %% tags=["solution"]
KNOWN, NOISE = np.array([[np.nan, 0.1], [0.5, np.nan]]), np.full(2, 0.015)
for error in (0.0, 0.010, 0.020):
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        onsets = simulate(KNOWN, NOISE, NOISE / 3, np.full(400, 0.5), rng)
        onsets = onsets + rng.normal(0.0, error, onsets.shape)
        fitted = fit_coupling([Chords(("a", "b"), 0.5 * np.arange(401), onsets)])
        found.append([fitted.correction[0, 1], fitted.correction[1, 0]])
    print(f"{1000 * error:2.0f} ms:", np.mean(found, axis=0).round(2))

# %% [markdown] tags=["solution"]
# In our run the corrections are 0.13 and 0.52 without errors, 0.11 and 0.43 with 10 ms, and 0.16
# and 0.35 with 20 ms. The second player still follows, but the difference has halved. The fit takes
# the errors for noise of hands and breath. So the coupling of players may be read from separated
# stems only where their onsets are almost as exact as those of true stems, and only from many
# notes: a single seed can miss by two or three standard errors.

# %% [markdown]
# ## 3. A map that passes too easily
#
# Take the network $f(x) = \sum_i |w_i| \, x_i$ with two draws of random weights $w$, an input whose
# values differ by a factor of a thousand, and a baseline of zero. Compare the rank correlation of
# the two gradients with that of the two integrated gradients. Which one would you show to somebody?

# %% tags=["solution"]
generator = torch.Generator().manual_seed(0)
x = 10 ** (3 * torch.rand(2000, generator=generator))
draws = [torch.randn(2000, generator=generator).abs() for _ in range(2)]
maps = [integrated_gradients(lambda v, w=w: (w * v).sum(), x, 0 * x, 1).shares for w in draws]
print(f"gradients: {rank_correlation(*(w.numpy() for w in draws)):.2f}")
print(f"integrated gradients: {rank_correlation(*(m.numpy() for m in maps)):.2f}")

# %% [markdown] tags=["solution"]
# In our run 0.07 for the gradients, which are the weights and have nothing in common, and 0.80 for
# the integrated gradients. They agree well,
# because both are multiplied by the same input. Nothing was learned in either network, so a map
# that looks like the input shows the input. Show it only beside the map of random weights.
