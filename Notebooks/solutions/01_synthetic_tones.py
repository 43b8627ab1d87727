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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/01_synthetic_tones.ipynb)
#
# # Separating synthetic voices: solutions
#
# These exercises belong to chapter 1. They need neither a GPU nor recordings, and take a few
# minutes on a laptop. The numbers in the answers are from our run; where a network is trained, it
# has one seed.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
from functools import partial

import numpy as np
import torch

from experiments.tones import RATE, SYSTEMS, network
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.tone_melodies import ENSEMBLES, Melodies
from helpers.evaluation.baselines import mixture_baseline, oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr, snr
from helpers.training.checkpoints import load_model
from helpers.training.losses import negative_si_sdr, negative_snr

# %%
SMOKE = runtime.profile() == "smoke"
STEPS = 10 if SMOKE else 600  # of the trainings
TEST = [Melodies(ENSEMBLES[2], 6.0, 2).track(number) for number in range(1 if SMOKE else 5)]


def scores(separator, tracks=TEST, measure=si_sdr) -> dict[str, float]:
    """The mean of a measure for each voice, in dB."""
    separated = [(track, separator(track)) for track in tracks]
    return {
        voice: float(
            np.mean([measure(made[voice], track.stems[voice]) for track, made in separated])
        )
        for voice in tracks[0].stems
    }


def show(name: str, values: dict[str, float]) -> None:
    """One line of results."""
    print(f"{name:>24}: " + ", ".join(f"{voice} {dB:5.1f} dB" for voice, dB in values.items()))


# %% [markdown]
# ## 1. One voice is louder
#
# Make the bass of the test melodies 10 dB louder. First predict the floor (the mixture as the
# estimate) of each voice, then measure it. What happens to the oracle?

# %% tags=["solution"]
louder = [Track(t.name, RATE, {**t.stems, "bass": t.stems["bass"] * 10 ** (10 / 20)}) for t in TEST]
for name, tracks in {"as they are": TEST, "bass 10 dB louder": louder}.items():
    show(f"mixture, {name}", scores(mixture_baseline, tracks))
    show(f"oracle, {name}", scores(oracle_ratio_mask, tracks))

# %% [markdown] tags=["solution"]
# The mixture is the stem plus an error, and the error is the other voice. When the bass becomes
# 10 dB louder, its floor rises by 10 dB, in our run from 0.7 to 10.6 dB, and that of the soprano
# falls by 10 dB, from -0.6 to -10.6 dB. The mean of the two floors does not change.
#
# The oracle changes in the same direction, but less: in our run the bass rises from 40.5 to 43.9
# dB, and the soprano falls from 39.9 to 33.2 dB. Its errors come from the bins in which both voices
# sound, and the louder voice has fewer bins in which the other one disturbs it.

# %% [markdown]
# ## 2. Which harmonic decides?
#
# Give the networks for two voices the four lowest harmonics of E3 (165, 330, 494 and 659 Hz) as
# sines, with the strengths of the bass (1, 0.4, 0.2, 0.1). How much of the highest one do they give
# to the soprano? Then remove the lower ones one by one. Which of them decides? And does the result
# stay the same with sines of equal strength?
#
# Hint: the estimates contain all four sines, so measure the one at 659 Hz alone, for example by the
# Fourier transform of one second.

# %% tags=["solution"]
SEPARATORS = {name: model_separator(load_model(f"tones-2-voices-{name}")) for name in SYSTEMS}
HERTZ = 164.81 * np.arange(1, 5)[:, None]
TIME = np.arange(2 * RATE) / RATE


def share_of_soprano(separator, strengths: np.ndarray) -> float:
    """How much of the highest sine is in the soprano's estimate, dB relative to the input."""
    signal = (0.1 * strengths[:, None] * np.sin(2 * np.pi * HERTZ * TIME)).sum(0, keepdims=True)
    signal = signal.astype(np.float32)
    track = Track("probe", RATE, {"soprano": signal, "bass": 0 * signal})
    tone = np.exp(-2j * np.pi * HERTZ[-1] * TIME) * np.hanning(TIME.size)
    made, given = separator(track)["soprano"] @ tone, signal @ tone
    return float(20 * np.log10(abs(made[0] / given[0])))


# %% tags=["solution"]
BASS = np.array([1.0, 0.4, 0.2, 0.1])
SINES = {"all four": BASS, "equally strong": np.full(4, 0.5), "659 Hz alone": BASS * (0, 0, 0, 1)}
for place, hertz in enumerate((165, 330, 494)):
    SINES[f"without {hertz} Hz"] = BASS * (np.arange(4) != place)
    SINES[f"only {hertz} and 659 Hz"] = BASS * np.isin(np.arange(4), (place, 3))
for name, strengths in SINES.items():
    levels = {s: share_of_soprano(made, strengths) for s, made in SEPARATORS.items()}
    show(name, levels)

# %% [markdown] tags=["solution"]
# In our run, with all four sines both networks keep the highest one in the bass: only -31 dB
# (Wave-U-Net) and -33 dB (Conv-TasNet) of it are in the soprano's estimate. Alone, all of it goes
# to the soprano (-0.3 and 0.0 dB).
#
# The second harmonic, at 330 Hz, decides most in our run. Without it, -2.9 and -9.1 dB arrive at
# the soprano; with it and the fourth alone, -26 and -12 dB. The first or the third alone beside the
# fourth have no effect (between -0.2 and 1.6 dB). But the others help: without any one of the
# three, the soprano gets more.
#
# With equally strong sines, most of the highest one goes to the soprano (in our run -2.6 and
# -1.9 dB). The networks have learned this bass, with its strengths and, as the chapter shows, with
# its phases, and not harmonic series in general.

# %% [markdown]
# ## 3. Another loss
#
# Train a small Wave-U-Net for two voices with the negative SNR as the loss, and another one with
# the negative SI-SDR. Compare the SNR and the SI-SDR of both. Which level do the estimates have?
# Predict it first: what does each loss say about the level?


# %% tags=["solution"]
def train(model: torch.nn.Module, loss, melodies: Melodies, steps: int = STEPS):
    """The separator of a model after some steps of four new melodies each."""
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        examples = [melodies[4 * step + number] for number in range(4)]
        mixture, stems = map(torch.stack, zip(*examples, strict=True))
        optimiser.zero_grad()
        loss(model(mixture), stems).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
    return model_separator(model.eval())


# %% tags=["solution"]
MELODIES = Melodies(ENSEMBLES[2], 0.512, 1)
LOSSES = {"SNR": partial(negative_snr, ceiling=60.0), "SI-SDR": negative_si_sdr}


def gain(estimate: np.ndarray, stem: np.ndarray) -> float:
    """The level of an estimate relative to its stem, in dB."""
    return float(10 * np.log10((estimate**2).sum() / (stem**2).sum()))


for name, loss in LOSSES.items():
    runtime.seed_everything(0)
    separator = train(network("conv-tasnet", ENSEMBLES[2]), loss, MELODIES)
    for measured, measure in {"SI-SDR": si_sdr, "SNR": snr, "level": gain}.items():
        show(f"loss {name}, {measured}", scores(separator, measure=measure))

# %% [markdown] tags=["solution"]
# In our run (600 steps, one seed), the network with the SNR loss reaches a SI-SDR of 24.9 dB
# (soprano) and 31.7 dB (bass), and almost the same SNR. Its estimates have the right level, within
# 0.1 dB.
#
# The network with the SI-SDR loss reaches 26.3 and 32.9 dB in our run. With one seed, a difference
# of 1.4 dB says nothing about the losses. But its SNR is -8.5 and -13.6 dB, worse than silence,
# because its estimates are 4 and 12 dB too loud: the loss does not care, so the level stays where
# the random weights and the training happened to put it. A second loss or a fit to the mixture has
# to correct it.

# %% [markdown]
# ## 4. Two voices of one register (open)
#
# Soprano and bass differ in register. Alto and tenor share almost an octave, and differ in timbre.
# Train a network for alto and tenor, once with a fixed order of the sources and once with
# permutation-invariant training (PIT). How far is each from the floor and from the oracle? Does the
# fixed order hurt?
#
# Then try to make it better: more steps, longer examples, another network. There is no single right
# answer.

# %% tags=["solution"]
PAIR = ("alto", "tenor")
PAIR_TEST = [Melodies(PAIR, 6.0, 2).track(number) for number in range(len(TEST))]


def pit(estimates: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """The negative SNR of the better of the two assignments, for each example."""
    orders = stems, stems.flip(1)
    losses = [[negative_snr(e[None], s[None]) for e, s in zip(estimates, o, strict=True)]
              for o in orders]  # fmt: skip
    return torch.stack([torch.stack(each) for each in losses]).min(0).values.mean()


# %% tags=["solution"]
def best_order(separator, track: Track) -> dict[str, np.ndarray]:
    """The estimates in the order of the better score, as PIT leaves it open."""
    alto, tenor = separator(track).values()
    orders = {"alto": alto, "tenor": tenor}, {"alto": tenor, "tenor": alto}
    return max(orders, key=lambda made: sum(si_sdr(made[v], track.stems[v]) for v in PAIR))


show("mixture", scores(mixture_baseline, PAIR_TEST))
for name, loss in {"fixed order": negative_snr, "PIT": pit}.items():
    runtime.seed_everything(0)
    separator = train(network("conv-tasnet", PAIR), loss, Melodies(PAIR, 0.512, 1))
    show(name, scores(separator, PAIR_TEST))
    show(f"{name}, best order", scores(partial(best_order, separator), PAIR_TEST))
show("oracle", scores(oracle_ratio_mask, PAIR_TEST))

# %% [markdown] tags=["solution"]
# In our run (600 steps, one seed, five melodies), the mixture scores -0.7 dB (alto) and 0.7 dB
# (tenor), the network with a fixed order 12.0 and 12.4 dB, the one with PIT 11.6 and 11.9 dB, and
# the oracle 18.3 and 18.9 dB. The common register costs much: the fixed filters of the chapter
# reach 26.6 dB with soprano and bass without any network.
#
# The fixed order does not hurt here. The best order never gives a better score than the fixed one,
# so the network does not exchange the voices: it recognises them by their timbre (the second
# harmonic is strong in the alto and weak in the tenor). PIT is made for voices of the same kind,
# such as two tenors, where the order has no meaning. Between the two trainings in our run, 0.4 dB
# with one seed is no difference.
#
# To make it better, start with more steps: the networks of the chapter were trained ten times as
# long. Then draw the phases of the harmonics at random, and see what this costs.
