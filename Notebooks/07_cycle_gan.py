# ---
# jupyter:
#   accelerator: GPU
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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/07_cycle_gan.ipynb)
#
# # Separation without pairs: a cycle-consistent GAN for violin and piano
#
# *What if no mixture has its stems?* The chapters before this one train on pairs: a mixture and the
# [**stems**](../docs/glossary.md#stem) that it is the sum of. Often there are only recordings of
# duos, and recordings of other pieces played alone. This chapter trains a separator from such
# unpaired data with a [**generative adversarial network**](../docs/glossary.md#gan) (GAN), measures
# it against the same network trained on pairs, and shows what each of its parts contributes. At the
# end it explains two published numbers that are equal to the last digit.
#
# In this chapter you will
#
# - build a data set without pairs, mixtures here and solos there, with no piece on both sides;
# - store tracks in one LMDB file and read random windows of them;
# - build WaveGAN's generator and critic, and probe them with signals whose answer is known;
# - estimate a Wasserstein distance with a critic, and see what the gradient penalty does;
# - train a cycle-consistent GAN and read its curves;
# - compare it with training on pairs and with the simplest use of the same solos, and find out by
#   an ablation what it needs;
# - check SDR, SIR and SAR on cases with known answers, and find the mistake that makes SIR and SAR
#   equal.
#
# | brick | in this chapter |
# | --- | --- |
# | task | estimate violin and piano from their mixture (16 kHz), trained without pairs |
# | data | random pieces, rendered with three soundfonts; one half as mixtures, the other as solos |
# | model | a WaveGAN generator that reads a waveform, and critics (`helpers/models/wave_gan.py`) |
# | evaluation | SI-SDR, SDR, SIR and SAR on rendered duos and on one real duo |
# | needs | two cores: 2 min (training 280); T4: not tested; disk: 0.8 GB; recordings: optional |
#
# You need neither a GPU nor recordings: what the trainings measured is read from `Results/`.
#
# One project, [cyclic-gan-music-source-separation](
# https://github.com/mostafaelaraby/cyclic-gan-music-source-separation), separated popular music in
# this way, with WaveGAN, a cycle and the same kind of data store. We take up its question for
# violin and piano.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
from itertools import islice

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

from helpers import runtime
from helpers.training.cycle_gan import wasserstein

# %% [markdown]
# This is the setting that you may change. With `TRAIN = True` the cells below train here what the
# tables lack, and one cycle GAN to listen to, which takes long. A training is saved as it goes;
# stop it at any time and run its cell again. In the `smoke` profile, which the tests use,
# everything is tiny.

# %%
SMOKE = runtime.profile() == "smoke"
TRAIN = SMOKE  # True trains here what the tables of the course lack
RATE = 16_000  # samples per second

# %% [markdown]
# ## The data: mixtures here, solos there
#
# The pieces are random pieces as in chapter 2, rendered with three
# [**soundfonts**](../docs/glossary.md#soundfont). Every other piece is used as a mixture only: its
# stems are never shown to the network. Of the remaining pieces we use only single stems, each drawn
# from any piece and at any time: these are the solos. **No piece is on both sides.** The trainings
# had 600 pieces; where nothing is trained, a dozen show what they were like.

# %%
from experiments.unpaired import SOURCES, datasets, recipe_of

DATA = datasets(recipe_of() if TRAIN else recipe_of(pieces=12))
SIDES = {name: DATA[name].mixer.bank for name in ("own stems", "mixed solos")}
pieces = {name: {each.piece for each in bank.variants} for name, bank in SIDES.items()}
pd.Series({
    "pieces used as mixtures": len(pieces["own stems"]),
    "pieces used as solos": len(pieces["mixed solos"]),
    "pieces on both sides": len(pieces["own stems"] & pieces["mixed solos"]),
})  # fmt: skip

# %%
from helpers.display.players import StemPlayer

mixture, solos = DATA["unpaired"][0]
example = {
    "mixture of one piece": mixture,
    "violin of another": solos[0],
    "piano of a third": solos[1],
}
StemPlayer({name: signal.numpy() for name, signal in example.items()}, RATE)

# %% [markdown]
# An example lasts 1.024 s, 16,384 samples. The three signals have nothing to do with each other, so
# no [**loss**](../docs/glossary.md#loss) of the chapters before can be computed: there is no stem
# to compare an estimate with.
#
# **Quick questions**
#
# *1. Why must the violin and the piano of one example come from different pieces?*
#
# <details><summary>Answer</summary>
#
# Two stems of one piece would sum to a true mixture. The data would contain pairs after all.
# </details>
#
# *2. You own a recording of each solo. Is there a way to make pairs without any GAN?*
#
# <details><summary>Answer</summary>
#
# Yes: add two solos. The sum is a mixture, a [**random mix**](../docs/glossary.md#random-mix), and
# its stems are known. Keep this in mind; the comparison below includes it.
# </details>

# %% [markdown]
# ## How do thousands of windows reach a training?
#
# A training draws short windows from anywhere in the data, thousands of times. Files that are
# opened again and again cost time, and decoding costs more. [**LMDB**](../docs/glossary.md#lmdb) is
# one file, mapped into memory, that finds a value by its key in a few steps of a tree. Each value
# here is a **record**, one second of all stems of a track, in the form of a [**protocol
# buffer**](../docs/glossary.md#protocol-buffer): a message whose fields are described in
# `helpers/datasets/stems.proto`, so that any language can read it. The compiler `protoc` makes the
# Python module of this description; the command stands in `helpers/datasets/store_records.py`.

# %%
from experiments.rendered import test_pieces
from helpers.datasets.lmdb_store import DRAFT, Store
from helpers.datasets.packing import pack
from helpers.datasets.store_dataset import StoreDataset
from helpers.evaluation.results import output_folder

duos = list(islice(test_pieces("FluidR3_GM", SOURCES, 2), 2))
path = output_folder("runs") / "07-duos.lmdb"
path.parent.mkdir(parents=True, exist_ok=True)
for earlier in (path, path.with_name(path.name + DRAFT)):
    earlier.unlink(missing_ok=True)
store = pack(duos, path, seconds=1.0)
print(store, f"{path.stat().st_size / 1e6:.1f} MB")

# %%
record = store[0]
print({name: stem.shape for name, stem in record.stems.items()})
original = duos[0].stems["violin"][:, : record.samples]
error = record.stems["violin"] - original
print(f"{10 * np.log10(np.sum(original**2) / np.sum(error**2)):.0f} dB above the rounding error")

# %% [markdown]
# Samples are stored as 16-bit integers. Each stem of a record has its own scale, a power of two:
# audio that had 16 bits before comes back bit for bit, and quiet stems keep their resolution. Keys
# are numbers with leading zeros, because LMDB sorts keys as bytes. `divisi pack CORPUS FILE.lmdb`
# does the same for any folder of stems. If it is stopped, the same command goes on, and until it is
# complete no program opens the file as a store.

# %%
windows = StoreDataset(path, SOURCES, seconds=1.5, seed=0)
mixture, stems = windows[7]
print(mixture.shape, stems.shape, torch.equal(windows[7][1], stems))

# %% [markdown]
# Window 7 depends only on the seed and on the number 7: a training that resumes sees the same
# windows, whatever the number of workers, each of which opens the file for itself. A window may
# begin anywhere and span several records. Every record ends with a
# [**checksum**](../docs/glossary.md#checksum) of its key and its bytes. Change one bit:

# %%
import shutil

import lmdb

from helpers.datasets.store_records import StoreError

damaged = path.with_name("07-damaged.lmdb")
shutil.copy(path, damaged)
with lmdb.open(str(damaged), subdir=False, lock=False) as file, file.begin(write=True) as change:
    value = bytearray(change.get(b"00000001"))
    value[1000] ^= 1
    change.put(b"00000001", bytes(value))

# %%
try:
    Store(damaged)[1]
except StoreError as error:
    print(str(error).removeprefix(str(damaged.parent)))

# %% [markdown]
# A record that is cut off, comes from another track, or declares absurd sizes is refused in the
# same way. How fast this is, and what it needs in memory and on disk, is a table in [the
# benchmarks](../benchmarks/README.md#loaders), with this advice: WAV needs no preparation; FLAC is
# the smallest, and the slowest to read; memory-mapped arrays (the stem bank of this course) read
# one stem without the others, as a random mix needs; LMDB reads windows of all stems from anywhere
# in one file; and tar shards, which are read from start to end, suit data that comes over a
# network.
#
# **Quick question**
#
# *Why is a record one second, and not a whole track?*
#
# <details><summary>Answer</summary>
#
# A window of four seconds then reads five records at most, and not minutes of music.
# </details>

# %% [markdown]
# ## The model: WaveGAN's generator and critic
#
# A GAN ([Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661)) has two networks. A
# **generator** makes data, and a **critic** (or discriminator) scores whether data look real; each
# learns from the other. [**WaveGAN**](../docs/glossary.md#wavegan) ([Donahue et al.,
# 2019](https://arxiv.org/abs/1802.04208)) does this with waveforms. Its critic has five
# convolutions that keep every fourth sample; its generator mirrors them and starts from noise. Our
# generator does not start from noise but from a mixture: an encoder like the critic reads it, and
# [**skip connections**](../docs/glossary.md#skip-connection) hand each level to the decoder.

# %%
from helpers.models.wave_gan import WaveGANConfig, WaveGANCritic, WaveGANMixer, WaveGANSeparator

torch.manual_seed(0)
CONFIG = WaveGANConfig(SOURCES, width=8)
separator, mixer, critic = WaveGANSeparator(CONFIG), WaveGANMixer(CONFIG), WaveGANCritic(CONFIG)
features, shapes = torch.zeros(1, 1, CONFIG.samples), []
for layer in critic.layers:
    features = layer(features)
    shapes.append({"channels": features.shape[1], "samples": features.shape[2]})
pd.DataFrame(shapes, [f"layer {number}" for number in range(1, 6)])

# %%
networks = {"separator": separator, "mixer": mixer, "critic": critic}
count = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
with torch.no_grad():
    estimates = separator(DATA["own stems"][0][0][None])
print(count, tuple(estimates.shape))

# %% [markdown]
# The separator keeps the contract of the course: a mixture `(B, C, T)` of any length gives
# estimates `(B, S, C, T)`. The mixer goes the other way. The paper's networks have 64 channels in
# the first layer and ours 8, so that a processor can train them.
#
# Transposed convolutions leave a faint periodic pattern. A critic could learn to look for its phase
# and nothing else. [**Phase shuffle**](../docs/glossary.md#phase-shuffle) shifts the features
# between the layers of a critic by up to two samples at random. A click shows the shifts:

# %%
from helpers.models.wave_gan import phase_shuffle

click = torch.zeros(1, 1, 21)
click[..., 10] = 1.0
shifts = [int(phase_shuffle(click, 2).argmax()) - 10 for _ in range(500)]
pd.Series(shifts).value_counts().sort_index().rename("how often").to_frame().T

# %% [markdown]
# ## What does a critic measure?
#
# A critic $f$ gives a score to each waveform. It is trained so that real waveforms $x$ score higher
# than generated ones $\tilde x$. If its slope is at most 1 everywhere, the difference of the mean
# scores estimates the [**Wasserstein distance**](../docs/glossary.md#wasserstein-distance)
# ([Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875)), the least mean distance by which the
# generated waveforms have to be moved to become the real ones:
#
# $$W = \max_{\text{slope of } f \leq 1}\; \mathrm{E}[f(x)] - \mathrm{E}[f(\tilde x)]$$
#
# What keeps the slope at 1? The [**gradient penalty**](../docs/glossary.md#gradient-penalty)
# ([Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028)) adds to the critic's loss, at random
# points $\hat x$ between real and generated waveforms,
#
# $$\lambda\, \mathrm{E}\big[(\|\nabla f(\hat x)\| - 1)^2\big], \qquad \lambda = 10.$$
#
# We test it on a case with a known answer. The real data are noise, the generated data are the same
# noise moved by $d = 2$. The best critic is linear. With slope $k$ its gain is
# $k d - \lambda (k - 1)^2$, largest for $k = 1 + d / (2 \lambda) = 1.1$. So it should report a
# distance of $1.1 \cdot 2 = 2.2$: a tenth too much, which is the price of a soft penalty.


# %%
def train_critic(weight: float, steps: int = 300) -> list[float]:
    """The distance that a linear critic reports in each step; weight: of the penalty."""
    torch.manual_seed(0)
    line, moved = torch.nn.Linear(16, 1), torch.eye(16)[3] * 2.0
    adam, reported = torch.optim.Adam(line.parameters(), 0.02, (0.5, 0.9)), []
    for _ in range(steps):
        fake = torch.randn(64, 1, 16)
        distance, penalty = wasserstein(lambda x: line(x).flatten(), fake + moved, fake)
        adam.zero_grad()
        (weight * penalty - distance).backward()
        adam.step()
        reported.append(float(distance.detach()))
    return reported


# %%
from experiments.curves import plot_curves
from helpers.display.figures import publish

reported = {f"penalty weight {weight:g}": train_critic(weight) for weight in (10.0, 0.0)}
lines = {name: (range(len(values)), values) for name, values in reported.items()}
lines["known answer"] = ([0, 300], [2.2, 2.2])
publish(plot_curves({"": lines}, xlabel="step", ylabel="distance", ylim=(0, 6)), "07_critic")

# %% [markdown]
# With the penalty, the critic finds the answer. Without it, it raises its slope for ever, and what
# it reports says nothing about the data.
#
# **Quick questions**
#
# *1. Our critics report a larger distance after a change of the generator. Has the generator become
# worse?*
#
# <details><summary>Answer</summary>
#
# Perhaps, or the critics have become better. The distance is only as good as the critic. This is
# why the critics take five steps for each step of the generator.
# </details>
#
# *2. Does a distance of zero to real violin solos mean that the violin is separated?*
#
# <details><summary>Answer</summary>
#
# No. It only means that the estimates sound like some violin. They could play other notes than the
# mixture does.
# </details>

# %% [markdown]
# ## The cycle
#
# A critic of violins says whether an estimate sounds like a violin, but not whether it belongs to
# this mixture. [**Cycle consistency**](../docs/glossary.md#cycle-consistency) ([Zhu et al.,
# 2017](https://arxiv.org/abs/1703.10593)) adds that. With the separator $G$ and the mixer $F$, what
# was separated and mixed again must be the mixture $m$, and what was mixed and separated again must
# be the solos $s$:
#
# $$L_\text{cycle} = \|F(G(m)) - m\|_1 + \|G(F(s)) - s\|_1$$
#
# There are three critics, one for each instrument and one for mixtures. Is the cycle enough without
# them? Here is a separator that gives everything to the violin, with the sum as the mixer:


# %%
from helpers.training.cycle_gan import Sum


class AllToTheViolin(torch.nn.Module):
    sources = SOURCES

    def forward(self, mixture):
        return torch.stack([mixture, torch.zeros_like(mixture)], dim=1)


mixtures, solos = (torch.stack(each) for each in zip(*islice(DATA["unpaired"], 8), strict=True))
lazy = AllToTheViolin()
there = (Sum()(lazy(mixtures)) - mixtures).abs().mean()
back = (lazy(Sum()(solos)) - solos).abs().mean()
print(f"mixture, stems, mixture: {there:.4f}; stems, mixture, stems: {back:.4f}")

# %% [markdown]
# The first half of the cycle is satisfied exactly by a separator that separates nothing. The second
# half is not. But look at it closely: if $F$ is the sum, then $\|G(F(s)) - s\|_1$ is the L1 loss of
# chapter 1 on a **random mix** of the solos, which is training on pairs. For music the mixer is
# known. So an honest comparison includes the network that is trained on mixed solos and nothing
# else, with the same data and without any critic.
#
# ## Training
#
# Each step takes five steps of the three critics, with new examples for each, and one of separator
# and mixer (`helpers/training/adversarial.py`). The loss of the separator and the mixer is
#
# $$L = -\sum_j \mathrm{E}[f_j(\tilde x_j)] + \mu\, L_\text{cycle}, \qquad \mu = 100.$$
#
# Why 100? The slope of a critic is about 1. The L1 loss is a mean over $T$ samples, and its slope
# is $1 / \sqrt{T} = 1 / 128$ for each term. With $\mu = 100$ both pull about equally; with the 10
# of the image papers the critics would win by far.
#
# The experiment trains these systems, all with the same generator and the same first weights.
# *pairs* learns from the mixtures with their own stems and is the upper bound; *mixed solos* learns
# from sums of two solos. These two have the SNR as loss, AdamW, a learning rate that rises to 0.001
# and then falls, gradients clipped at a norm of 5. The GANs have the L1 loss in their cycle, Adam,
# a constant rate of 0.0005, and no clipping of gradients. So a difference between them and a GAN is
# not due to the pairs alone. `step_factor` says how many times as many steps a system has; `mixer`
# is the way back of the cycle, and the sum has nothing to learn and no critic.

# %%
from dataclasses import asdict

from experiments.cycle_gan import SYSTEMS

table = pd.DataFrame({name: asdict(system) for name, system in SYSTEMS.items()}).T
table["pairs"] = table["pairs"].replace("", "none")
table["changes"] = [", ".join(f"{n}: {v:g}" for n, v in c.items()) for c in table["changes"]]
table["mixer"] = ["none" if s.pairs else "learned" if s.mixer is WaveGANMixer else "sum"
                  for s in SYSTEMS.values()]  # fmt: skip
table[["pairs", "changes", "mixer", "seeds", "step_factor"]]

# %% [markdown]
# These choices were made before the trainings, and the table does not test them: the value of $\mu$
# (only leaving the cycle out is tested); that critics see waveforms scaled to about the level 1;
# that the last layer of separator and mixer starts at zero, so that the first estimates are equal
# shares of the mixture; the learning rate of the GANs, 0.0005, where WaveGAN has 0.0001; batches of
# 8, where WaveGAN has 64; and that the result is a moving average of the weights, with a decay of
# 0.99.

# %%
from experiments.cycle_gan import CURVES, NOTEBOOK, STEPS, TABLE, jobs, of_length, tests
from experiments.jobs import run
from experiments.studies import Study
from helpers.evaluation.results import read_table, results_path

TESTS = dict(islice(tests(1).items(), 1)) if SMOKE else tests()
STUDY, LOG = Study(TABLE, NOTEBOOK, TESTS), results_path(CURVES)
SEEDS, LENGTH = ((0,), 2) if SMOKE else ((0, 1, 2), STEPS)
if TRAIN:
    names = ("pairs", "mixed solos", "cycle GAN") if SMOKE else tuple(SYSTEMS)
    run(jobs(TESTS, names, SEEDS, LENGTH), STUDY.path)
ROWS = of_length(read_table(STUDY.path), LENGTH) if STUDY.path.exists() else None
MISSING = "Not trained yet: `python -m experiments.cycle_gan` makes the tables."
MISSING if ROWS is None else f"{ROWS['system'].nunique()} systems, floor and ceilings included"

# %% [markdown]
# The same from a terminal, resumable: `python -m experiments.cycle_gan`. The critics of the cycle
# GAN, with three [**seeds**](../docs/glossary.md#seed):

# %%
from experiments.cycle_gan import config_of, curve


def line(name: str, metric: str, seed: int = 0) -> tuple[list, list]:
    """(steps, values) of a training of this length; the table may hold others."""
    return curve(LOG, name, metric, seed, config_of(name, LENGTH))


def of_seeds(metric: str) -> dict:
    """(steps, values) of the cycle GAN, by seed."""
    return {f"seed {seed}": line("cycle GAN", metric, seed) for seed in SEEDS}


# %%
def chart(name: str, panels: dict, **axis):
    """Curves as the figure NAME, or a sentence where there are none."""
    panels = {title: {n: c for n, c in lines.items() if c[0]} for title, lines in panels.items()}
    drawn = any(panels.values())
    return publish(plot_curves(panels, xlabel="step", **axis), name) if drawn else MISSING


# %%
panels = {f"critics of the {name}": of_seeds(f"distance_{name}") for name in ("stems", "mixture")}
chart("07_distances", panels, ylabel="Wasserstein distance")

# %% [markdown]
# Separator and mixer: minus the scores that the critics give them, and what the cycle costs. The
# zero of the scores means nothing, because a critic may add any constant.

# %%
chart("07_scores", {"": of_seeds("adversarial")}, ylabel="minus the scores")

# %%
chart("07_cycle", {"": of_seeds("cycle")}, ylabel="loss of the cycle (L1)")

# %% [markdown]
# What the losses cannot show, the SI-SDR on validation pieces with their stems, which chooses
# nothing here. (Trainings on pairs are validated at their end only; what lies below the figure is
# *no penalty*.)

# %%
ABLATION = ("no penalty", "clipped weights", "no cycle", "one critic step", "mixer is the sum")
shown = ("pairs", "mixed solos", "cycle GAN", *ABLATION)
lines = {name: line(name, "val_si_sdr") for name in shown}
chart("07_validation", {"": lines}, ylabel="validation SI-SDR (dB)", ylim=(-2, 4))


# %% tags=["hide-input"]
def ends(metric: str) -> str:
    """The last value of each seed."""
    return ", ".join(f"{values[-1]:.2f}" for _, values in of_seeds(metric).values() if values)


sentence = (
    f"At the end, the critics of the stems report distances of {ends('distance_stems')} (one number"
    f" a seed), and the cycle costs {ends('cycle')}. The SI-SDR on validation pieces ends at"
    f" {ends('val_si_sdr')} dB."
)
Markdown(sentence if ends("cycle") else MISSING)

# %% [markdown]
# The loss of a GAN is no measure of progress: the distance can rise when the critics learn and can
# fall when the separator does. Only the last figure tells whether anything is separated, and a
# project without any pairs could not draw it.
#
# ## Results
#
# The tests are those of chapter 2: five random pieces and five excerpts of string quartets,
# arranged as duos and rendered with a soundfont of the training (*seen*) and with another one
# (*unseen*), and the real duo of TRIOS, one recording. The floor is the mixture, the ceiling the
# ideal ratio mask.

# %%
from experiments.charts import plot_comparison

MAIN = ("mixture", "pairs", "pairs, longer", "mixed solos", "mixed solos, longer", "cycle GAN",
        "mixer is the sum", "oracle-irm")  # fmt: skip
figure = MISSING
if ROWS is not None:
    figure = plot_comparison(ROWS[ROWS["system"].isin(MAIN)], by="test_data")
    publish(figure, "07_cycle_gan")
figure


# %% tags=["hide-input"]
def mean(name: str, test: str, metric: str = "SI-SDR") -> float:
    """In dB, of the trainings of this length."""
    config = config_of(name, LENGTH) if name in SYSTEMS else ""
    return STUDY.mean(name, test, metric=metric, config=config)


# %%
SEEN, REAL = "piano-violin-seen", "trios-brahms-duo"
VALUE = {name: mean(name, SEEN) for name in ("mixture", *SYSTEMS, "oracle-irm")}
VALUE = {name: value for name, value in VALUE.items() if np.isfinite(value)}
means = {test: {name: mean(name, test) for name in VALUE} for test in STUDY.panels}
pd.DataFrame(means).round(1) if means else MISSING

# %% tags=["hide-input"]
each = ", ".join(f"{name} {value:.1f} dB" for name, value in VALUE.items() if name in MAIN)
Markdown(f"On `{SEEN}`, mean SI-SDR over pieces and seeds: {each}." if each else MISSING)

# %% [markdown]
# ## What each part contributes
#
# Each [**ablation**](../docs/glossary.md#ablation) changes one thing about the cycle GAN, or two:
# clipping replaces the penalty, and the sum needs no critic of mixtures. Each has one seed.
# Differences that are not larger than those between the seeds of the cycle GAN say nothing.

# %% tags=["hide-input"]
words = MISSING
if "cycle GAN" in VALUE:
    of_gan = ROWS.query("system == 'cycle GAN' and metric == 'SI-SDR' and test_data == @SEEN")
    by_seed = of_gan.groupby("seed")["value"].mean()
    found = [
        f"*{name}* {VALUE[name]:.1f} dB ({VALUE[name] - by_seed.mean():+.1f})"
        for name in ABLATION
        if name in VALUE
    ]
    words = f"The seeds of the cycle GAN lie between {by_seed.min():.1f} and {by_seed.max():.1f} dB"
    words += f" on `{SEEN}`. " + ("; ".join(found) or "No ablation was trained") + "."
Markdown(words)

# %%
lines = {name: line(name, "distance_stems") for name in ("cycle GAN", *ABLATION[:2])}
powers = [sign * 10.0**power for sign in (-1, 1) for power in (3, 6, 9)]
axis = {"yscale": "symlog", "yticks": [0.0, *powers]}
chart("07_penalty", {"": lines}, ylabel="distance of the stems", **axis)

# %% [markdown]
# Compare this figure with that of the linear critic above. Without the penalty the critics of the
# stems raise their slope for ever here too; what they report becomes huge, of either sign, and the
# separator cannot learn from it. Exercise 2 shows what clipping does to the slope of a critic.
#
# **Is it worth its time?**


# %% tags=["hide-input"]
def step_seconds(name: str) -> float:
    """Of a training: the least of its seeds, because other work on the machine only adds to it."""
    rows = of_length(read_table(LOG), LENGTH).query("system == @name and metric == 'val_si_sdr'")
    steps = rows["track"].str.split().str[-1].astype(int)
    last = steps == steps.max()
    return (rows["n_seconds"] / steps)[last].min()


# %% tags=["hide-input"]
words = MISSING
if {"cycle GAN", "mixed solos"} <= set(VALUE):
    gan, mixed, real = VALUE["cycle GAN"], VALUE["mixed solos"], mean("cycle GAN", REAL)
    slower = step_seconds("cycle GAN") / step_seconds("mixed solos")
    words = f"The cycle GAN has {gan:.1f} dB on `{SEEN}`, and the same network trained on mixed "
    words += f"solos with as many steps {mixed:.1f} dB. A step of the GAN takes about {slower:.0f} "
    words += "times as long. "
    if np.isfinite(real):
        floor = mean("mixture", REAL)
        words += f"On the real duo it has {real:.1f} dB, the mixture {floor:.1f} dB. "
    reason = "its weights are worth nobody's time"
    if gan > mixed:
        reason = "pairs can be rendered for these instruments, and then no GAN is needed"
    words += f"The course brings no weights of a cycle GAN, because {reason}."
Markdown(words)

# %% [markdown]
# Hear the network of this chapter on a rendered duo: with `TRAIN = True` the cycle GAN, else the
# one that was trained on pairs of all pieces, where the course brings it.

# %%
from experiments.cycle_gan import train
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import available_models, load_model

WEIGHTS = "violin-piano-wavegan"
if TRAIN:
    WEIGHTS, _ = train("cycle GAN", 0, LENGTH)
heard = "There are no weights here: `divisi train recipes/violin-piano-wavegan.toml` makes them."
if TRAIN or WEIGHTS in available_models():
    heard = StemPlayer(model_separator(load_model(WEIGHTS))(duos[0]), references=duos[0])
heard

# %% [markdown]
# All of this holds for networks of 0.6 million parameters and a few hundred steps, ten times as
# many for the systems called *longer*; WaveGAN was trained for days. But the argument does not
# depend on the size: where the mixing is known, solos give pairs. A cycle GAN is for problems in
# which the way back is unknown, such as a recording that was compressed or distorted in a way that
# nobody wrote down.
#
# **Quick questions**
#
# *1. The validation SI-SDR comes from pairs. May it choose the best step of a GAN that claims to
# need none?*
#
# <details><summary>Answer</summary>
#
# No. Choosing by pairs is using pairs. Our result is the last averaged network.
# </details>
#
# *2. Why does one seed for each ablation not rank the ablations?*
#
# <details><summary>Answer</summary>
#
# The seeds of one and the same system differ: how much stands below the heading *What each part
# contributes*. Two systems with one seed each may differ by that much although nothing is
# different.
# </details>

# %% [markdown]
# ## Evaluation: SDR, SIR and SAR
#
# BSS Eval ([Vincent et al., 2006](https://doi.org/10.1109/TSA.2005.858005)) splits an estimate into
# a part $t$ that a short filter makes of its own stem, a part $i$ (interference) that filters make
# of the other stems, and the rest $a$ (artefacts):
#
# $$\text{SIR} = 10 \log_{10} \frac{\|t\|^2}{\|i\|^2}, \qquad
# \text{SAR} = 10 \log_{10} \frac{\|t + i\|^2}{\|a\|^2}$$
#
# The SDR compares the estimate with the stem itself (version 4, in the library museval). Before we
# believe such numbers, we compute them where we know the answer:

# %%
from helpers.evaluation.metrics import museval_ratios

one, other, noise = np.random.default_rng(0).normal(0, 0.1, (3, 1, 2 * RATE))
STEMS = np.stack([one, other])
CASES = {
    "the stem itself": one,
    "a tenth of the other stem": one + 0.1 * other,
    "a tenth of foreign noise": one + 0.1 * noise,
    "half the level": 0.5 * one,
    "one sample late": np.roll(one, 1, axis=-1),
}
known = {name: museval_ratios(np.stack([e, other]), STEMS)[:, 0] for name, e in CASES.items()}
pd.DataFrame(known, ["SDR", "SIR", "SAR"]).T.clip(upper=100).round(1)

# %% [markdown]
# A tenth is 20 dB less, and that is what the table says: interference appears in the SIR, noise in
# the SAR, and a filtered copy (softer, or late) in the SDR only. What is far above the other
# values is as good as no error, and it is cut at 100. White noise resembles every filtered stem a
# little, so its SIR is finite.
#
# One trap remains. Published tables take the median over frames of one second. The filters belong
# to the whole piece, but museval applies them to each frame alone, and counts as an error whatever
# rings from one frame into the next. For noise that is little. Steady notes are different: they
# allow long filters. The ratio mask of a rendered duo, as one frame and in frames of a second:

# %%
from museval.metrics import bss_eval

from helpers.evaluation.baselines import oracle_ratio_mask


def signals_of(stems: dict) -> np.ndarray:
    """(S, samples, channels), the axes of museval."""
    return np.stack([stems[name].T for name in SOURCES]).astype(float)


# %%
masked = signals_of(oracle_ratio_mask(duos[0]))
framed = {}
for name, window in (("one frame", np.inf), ("frames of 1 s", duos[0].sample_rate)):
    sdr, _, sir, sar, _ = bss_eval(signals_of(duos[0].stems), masked, window, window)
    framed[name] = {"SDR": sdr, "SIR": sir, "SAR": sar}
    framed[name] = {metric: np.median(v, axis=1)[0] for metric, v in framed[name].items()}
pd.DataFrame(framed).T.round(1)

# %% [markdown]
# The SDR has no filters and hardly changes. SIR and SAR of this tonal music lose much in frames,
# which says nothing about the separation. Our tables therefore take the whole piece for SIR and
# SAR, and frames for the SDR.
#
# ### Two numbers that are equal to the last digit
#
# The earlier cycle GAN publishes an SDR of 6.51 dB, and an SIR and an SAR of 11.67 dB
# each, on MUSDB18 (the project named at the beginning). A comment in its notebook gives both with
# all digits: `11.670795746936527` twice. SIR and SAR measure different errors; that they agree in
# 17 digits is no coincidence. Which mistake does it? We make an estimate with both errors and try
# mistakes that are easily made:

# %%
OPTIONS = {"window": np.inf, "hop": np.inf, "filters_len": 32}
first, second = one + 0.3 * other + 0.2 * noise, other + 0.2 * one + 0.1 * noise
MADE = np.stack([first, second])


def sir_and_sar(references, estimates) -> tuple[float, float]:
    """Of the first source; references, estimates: (S, 1, samples)."""
    _, _, sir, sar, _ = bss_eval(
        *(each.swapaxes(1, 2) for each in (references, estimates)), **OPTIONS
    )
    return sir[0, 0], sar[0, 0]


# %%
rest = np.stack([one + other - first, first])[::-1]  # the mixture minus the estimate as the second
MISTAKES = {
    "none": sir_and_sar(STEMS, MADE),
    "one source only": sir_and_sar(STEMS[:1], MADE[:1]),
    "estimates against themselves": sir_and_sar(MADE, MADE),
    "the mixture as the estimate": sir_and_sar(STEMS, np.stack([one + other] * 2)),
    "stems and estimates exchanged": sir_and_sar(MADE, STEMS),
    "the rest as the second estimate": sir_and_sar(STEMS, rest),
}
sir, _ = MISTAKES["none"]
MISTAKES["the list of SARs filled from the SIRs"] = (sir, sir)
pd.DataFrame(MISTAKES, ["SIR", "SAR"]).T.clip(upper=100).round(2)

# %% [markdown]
# None of the mistakes in what is compared makes two finite values equal; by the formulas it would
# need $\|t\|^2 \|a\|^2 = \|i\|^2 \|t + i\|^2$ by chance. (Estimates that are compared with
# themselves have no errors, and both values are cut at 100.) Only the last mistake does, and it is
# the one in the project's notebook: its evaluation computes both values and then appends
# `np.mean(sir[~np.isnan(sar)])`, with `sir`, to the list of SARs. So the published SAR is the SIR
# once more. What was it really? If a single frame had the published SDR and SIR, then by the
# definitions of version 3, which that notebook uses,
#
# $$\frac{1}{\text{SDR}} = \frac{1}{\text{SIR}} + \Big(1 + \frac{1}{\text{SIR}}\Big)
# \frac{1}{\text{SAR}} \quad \text{(as ratios of energies)}$$

# %%
error, interference = 10 ** (-6.51 / 10), 10 ** (-11.67 / 10)
artefacts = (error - interference) / (1 + interference)
print(f"SAR {-10 * np.log10(artefacts):.1f} dB")

# %% [markdown]
# The published values are medians over pieces of means over frames and over two sources, the target
# and the rest of the mixture. For such means this need not hold, so take it as a rough estimate.
#
# The table of our systems, from museval:

# %%
metrics = {
    name: {metric: mean(name, SEEN, metric) for metric in ("SDR", "SIR", "SAR")} for name in VALUE
}
pd.DataFrame(metrics).T.clip(upper=100).round(1) if metrics else MISSING

# %% [markdown]
# **Quick questions**
#
# *1. A separator returns the mixture for both stems. Which of SIR and SAR is high?*
#
# <details><summary>Answer</summary>
#
# SAR: the mixture consists of the stems and nothing else. See the fourth row of the table of
# mistakes.
# </details>
#
# *2. Why should a table be written by code that is tested?*
#
# <details><summary>Answer</summary>
#
# One wrong letter gave a published number that nobody can use, and its two decimals look like any
# others. A test with a known answer, such as foreign noise, finds it at once.
# </details>

# %% [markdown]
# ## Recap
#
# - **Unpaired data.** Mixtures come from one half of the pieces and solos from the other; no piece
#   is on both sides.
# - **LMDB.** One file holds all records; random windows are read by key, and a record that was
#   changed is refused by name.
# - **WaveGAN.** Strided convolutions score a waveform, transposed ones make one. Phase shuffle
#   keeps critics from looking for the pattern of the transposed convolutions.
# - **Wasserstein distance.** A critic with a slope of about 1 measures it. Without the gradient
#   penalty its score grows for ever and means nothing.
# - **Cycle GAN.** Critics ask whether estimates sound right, the cycle whether they belong to the
#   mixture. The losses need not show progress.
# - **Comparison.** Adding two solos makes pairs. With the mixing known, that simple use of the same
#   data is the system to beat; the table says whether the GAN does.
# - **SDR, SIR, SAR.** Known cases show what each measures. Equal published SIR and SAR come from
#   one wrong name in the code that filled the list.
#
# ### What to try next
#
# `divisi train recipes/violin-piano-wavegan.toml` trains the generator on pairs of all pieces.
# Raise `width` in its table `[model]` if you have a GPU. `python -m experiments.cycle_gan --only
# "no cycle" --seeds 0 --steps 100` trains one system for 100 steps; the figures of this chapter
# leave out trainings of another length.
#
# ### Exercises
#
# The [exercises](exercises/07_cycle_gan.ipynb) have cells for your code, and the
# [solutions](solutions/07_cycle_gan.ipynb) explain their answers.
#
# 1. A separator that exchanges violin and piano: what does each half of the cycle cost, and which
#    part of the loss notices it?
# 2. Weight clipping: measure the slope of a critic whose weights are clipped at 0.01, 0.03 and 0.1,
#    before and after some training. What does that do to the distance?
# 3. The critic of mixtures sees sums of unrelated solos beside true duos. What can it learn that
#    helps nobody?
# 4. SI-SIR and SI-SAR (chapter 3) allow a gain, BSS Eval a filter of 512 samples. Compute both for
#    an estimate in a small room.

# %% [markdown]
# ### References
#
# - M. Arjovsky, S. Chintala and L. Bottou, "Wasserstein generative adversarial networks", ICML
#   2017, [arXiv 1701.07875](https://arxiv.org/abs/1701.07875).
# - C. Donahue, J. McAuley and M. Puckette, "Adversarial audio synthesis", ICLR 2019,
#   [arXiv 1802.04208](https://arxiv.org/abs/1802.04208).
# - I. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014,
#   [arXiv 1406.2661](https://arxiv.org/abs/1406.2661).
# - I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved training of
#   Wasserstein GANs", NeurIPS 2017, [arXiv 1704.00028](https://arxiv.org/abs/1704.00028).
# - S. Pascual, A. Bonafonte and J. Serrà, "SEGAN: speech enhancement generative adversarial
#   network", Interspeech 2017, [arXiv 1703.09452](https://arxiv.org/abs/1703.09452).
# - F.-R. Stöter, A. Liutkus and N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA
#   2018, [arXiv 1804.06267](https://arxiv.org/abs/1804.06267) (museval, BSS Eval v4).
# - E. Vincent, R. Gribonval and C. Févotte, "Performance measurement in blind audio source
#   separation", IEEE TASLP 2006,
#   [doi 10.1109/TSA.2005.858005](https://doi.org/10.1109/TSA.2005.858005).
# - J.-Y. Zhu, T. Park, P. Isola and A. A. Efros, "Unpaired image-to-image translation using
#   cycle-consistent adversarial networks", ICCV 2017,
#   [arXiv 1703.10593](https://arxiv.org/abs/1703.10593).
