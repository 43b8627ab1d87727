# %% [markdown]
# # A score becomes sound: solutions
#
# Run it with `python Notebooks/solutions/02_fluidsynth_rendering.py`, or cell by cell.

# %%
from dataclasses import replace

import numpy as np

from helpers import runtime
from helpers.audio.track import Track
from helpers.augmentation.effects import Detune
from helpers.evaluation.baselines import oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.music.performances import Performance
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Part, Score
from helpers.music.splits import RANDOM
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.checkpoints import load_model

# %%
RATE = 44100
DUO = ("violin", "piano")
COUNT = 1 if runtime.profile() == "smoke" else 10
RENDERER = FluidSynth(find_soundfont("FluidR3_GM"))
NETWORK = model_separator(load_model("violin-piano"))
SCORES = [RandomPiece(number).score(DUO) for number in RANDOM["test"][:COUNT]]


def mean_si_sdr(tracks: list[Track], separator=NETWORK) -> float:
    """Over tracks and stems, dB."""
    separated = [(track, separator(track)) for track in tracks]
    return np.mean([si_sdr(e[n], t.stems[n]) for t, e in separated for n in t.stems])


def performed(score: Score, number: int) -> Score:
    """As in the chapter: one performance for each piece."""
    return Performance.draw(np.random.default_rng(number), len(score.parts)).apply(score)


# %% [markdown]
# **1. The metronome.** The same pieces as written and as performed.

# %%
written = [render_score(score, RENDERER, RATE) for score in SCORES]
played = [render_score(performed(s, n), RENDERER, RATE) for n, s in enumerate(SCORES)]
for name, tracks in {"as written": written, "performed": played}.items():
    oracle = mean_si_sdr(tracks, oracle_ratio_mask)
    print(f"{name:>12}: network {mean_si_sdr(tracks):5.1f} dB, oracle {oracle:5.1f} dB")


# %% [markdown]
# **2. Unison.** The violin plays the highest notes of the piano.


# %%
def doubled(score: Score) -> Score:
    """The piano, and a violin that plays the highest of its notes at each moment."""
    piano = next(part for part in score.parts if part.instrument == "piano")
    top = {note.onset: note for note in piano.notes}  # of equal onsets the last is the highest
    return Score(score.title, (Part("violin", tuple(top.values())), piano))


unison = [render_score(doubled(s), RENDERER, RATE) for s in SCORES]
oracle = mean_si_sdr(unison, oracle_ratio_mask)
print(f"{'in unison':>12}: network {mean_si_sdr(unison):5.1f} dB, oracle {oracle:5.1f} dB")

# %% [markdown]
# **3. Out of tune.** The violin is moved by some cents, far beyond the six of the training.

# %%
for cents in (0, 15, 50):
    tracks = []
    for track in played:
        violin = Detune(cents).apply(track.stems["violin"], RATE)
        tracks.append(replace(track, stems={**track.stems, "violin": violin}))
    oracle = mean_si_sdr(tracks, oracle_ratio_mask)
    print(f"{cents:>6} cents: network {mean_si_sdr(tracks):5.1f} dB, oracle {oracle:5.1f} dB")

# %% [markdown]
# **4. A cluster.** Needs `pip install distributed`; all machines must see the bank's folder.
#
# ```python
# import joblib
# from dask.distributed import Client, LocalCluster
#
# with Client(LocalCluster(n_workers=2)), joblib.parallel_config(backend="dask"):
#     build_bank(folder, pieces, render, RATE, workers=None, manifest=MANIFEST)
# ```
