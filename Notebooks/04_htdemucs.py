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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/04_htdemucs.ipynb)
#
# # Hybrid Transformer Demucs and realistic training data
#
# *One sound as a waveform and as a spectrogram.* HT-Demucs processes both at once and exchanges
# information between them with a [**transformer**](../docs/glossary.md#transformer). This chapter
# looks inside it and tests which training data help on recordings of real players. It opens a
# smaller mask network layer by layer and asks what each of the two needs. It ends with the model
# that `divisi separate` uses.
#
# In this chapter you will
#
# - see why a waveform and a spectrogram show different things, and what each of them hides;
# - look inside HT-Demucs, and compute the attention that connects its two branches;
# - turn a rendered violin into something closer to a recording, one effect at a time;
# - read an ablation that asks which kinds of training data help on real recordings;
# - follow a known signal through a mask network, layer by layer;
# - load a trained HT-Demucs or train one, and compute what this takes on two cores and on a T4;
# - compare HT-Demucs and the mask network: quality against examples, computing time and speed;
# - test trained networks with signals whose answer is known;
# - condition a model of ten instruments on those that play, and measure what this is worth;
# - see what a network forgets in further training, and interpolate between two sets of weights;
# - separate two players of one instrument, give what nobody knows a stem, and detect who plays;
# - separate your own recording, and fine-tune a model on your own players.
#
# | brick | in this chapter |
# | --- | --- |
# | task | separate chamber music into its instruments, four or ten of them |
# | data | rendered chorales and ensembles, recorded notes and solos |
# | model | HT-Demucs, and a mask network on a logarithmic frequency axis |
# | evaluation | SI-SDR on recordings of real players, between a baseline and oracle masks |
# | needs | two cores: 2 min (training 400); T4: 2 min (25); disk: 0.5 GB; recordings: optional |
#
# Everything runs on a CPU, with the weights that come with the course. Numbers of "our run"
# come from rendered pieces, and yours should be nearly the same; the other numbers come from the
# tables in `Results/`. Where a cell needs real recordings (`DIVISI_DATA`) and finds none, it shows
# the figure that we made with them.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the cell below trains HT-Demucs
# here instead of loading it. In the `smoke` profile, which the tests use, everything is tiny.

# %%
SMOKE, GPU = runtime.profile() == "smoke", torch.cuda.is_available()
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second
SECONDS = 3 if SMOKE else 12  # of the rendered pieces
STEPS = 2 if SMOKE else 4_000 if GPU else 100  # of a network trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
RNG = np.random.default_rng(0)

# %% [markdown]
# ## Waveform, spectrum and spectrogram
#
# A waveform shows exactly when something happens, but not its pitch. A spectrum shows which
# frequencies a sound contains, but not when. A spectrogram, the
# [**magnitude**](../docs/glossary.md#magnitude-and-phase) of the short-time Fourier transform
# ([**STFT**](../docs/glossary.md#stft)), shows both, each with limited resolution. With a window of
# $N$ samples at the sample rate $f_s$, the two resolutions are
#
# $$\Delta t = \frac{N}{f_s}, \qquad \Delta f = \frac{f_s}{N}, \qquad \Delta t \, \Delta f = 1$$
#
# so a finer resolution in time costs resolution in frequency. At 44.1 kHz a window of 256 samples
# gives 6 ms and 172 Hz, one of 4096 samples 93 ms and 11 Hz.
#
# We test this with signals whose answer is known. How much of their energy lies in the largest 1 %
# of the values?

# %%
from helpers.display.players import StemPlayer, listen

click = np.zeros(RATE)
click[RATE // 2] = 1.0
tone = 0.1 * np.sin(2 * np.pi * 440.0 * np.arange(RATE) / RATE)
noise = 0.1 * RNG.normal(size=RATE)
SIGNALS = {"a click": click, "a tone": tone, "noise": noise}
listen(SIGNALS, RATE)


# %%
def spectrogram(signal: np.ndarray, window: int) -> np.ndarray:
    """Magnitudes (bins, frames)."""
    wave, hann = torch.from_numpy(signal), torch.hann_window(window).double()
    return torch.stft(wave, window, window // 4, window=hann, return_complex=True).abs().numpy()


# %%
def concentration(values: np.ndarray) -> float:
    """The share of the energy in the largest 1 % of the values."""
    energy = np.sort(np.abs(values).ravel() ** 2)[::-1]
    return energy[: len(energy) // 100].sum() / energy.sum()


representations = {"waveform": lambda signal: signal, "spectrum": np.fft.rfft}
representations["spectrogram, window 256"] = lambda signal: spectrogram(signal, 256)
representations["spectrogram, window 4096"] = lambda signal: spectrogram(signal, 4096)
shares = {
    name: {key: concentration(transform(signal)) for key, signal in SIGNALS.items()}
    for name, transform in representations.items()
}
pd.DataFrame(shares).round(2)

# %%
from experiments.charts import plot_ablation, plot_comparison
from experiments.curves import plot_curves, plot_images
from helpers.display.figures import publish, published

levels = {
    f"a click and a tone, window {window}": 20 * np.log10(spectrogram(click + tone, window) + 1e-6)
    for window in (256, 4096)
}
labels = {"xlabel": "time (s)", "ylabel": "kHz"}
figure = plot_images(levels, (0, 1, 0, RATE / 2000), **labels, lowest=-60, ylim=(0, 4))
publish(figure, "04_duality")

# %% [markdown]
# The click is a single value of the waveform and is spread over the whole spectrum; for the tone it
# is the other way round. In the spectrogram the short window shows the click as a thin line and the
# tone as a wide band, the long window the reverse. Noise is concentrated in none of them.
#
# This matters for a network. A network that works on the waveform has to learn from data that a
# long tone is one object. In a spectrogram a tone already is one line, but the window limits the
# resolution in time.
#
# **Quick questions**
#
# *1. Two notes near 100 Hz are a semitone, or 6 Hz, apart. Which window separates them?*
#
# <details><summary>Answer</summary>
#
# One of at least 44100 / 6 = 7350 samples, because a bin must not be wider than 6 Hz. The next
# power of two is 8192.
# </details>
#
# *2. Why is the value of the noise small in every column of the table?*
#
# <details><summary>Answer</summary>
#
# Its energy is spread evenly over time and frequency, so no representation concentrates it.
# </details>
#
# ## HT-Demucs
#
# *Hybrid Transformer Demucs* (Rouard, Massa and Défossez, 2023) uses both. It has two
# [**U-Nets**](../docs/glossary.md#u-net) (chapter one), one for the waveform and one for the
# spectrogram. In the encoder of a U-Net each layer shortens its input and adds channels, and the
# decoder mirrors it. [**Skip connections**](../docs/glossary.md#skip-connection) pass the output of
# each encoder layer to the decoder layer of the same size, so that detail is not lost. Between
# encoders and decoders, a transformer exchanges information between the two branches. The
# spectrogram branch ends with an inverse STFT, and the sum of both branches is the estimate.
#
# ![HT-Demucs: a U-Net over the waveform and one over the spectrogram, joined in the middle by a
# transformer; the outputs of both are added.](../Images/diagram_ht_demucs.svg)
#
# The published network has 41 million parameters:

# %%
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig

largest = HTDemucs(HTDemucsConfig(("drums", "bass", "other", "vocals"), RATE, channels=2))
PARTS = {
    "spectrogram branch": ("encoder", "decoder", "freq_emb"),
    "waveform branch": ("tencoder", "tdecoder"),
    "cross-domain transformer": ("channel", "crosstransformer"),
}
parameters = list(largest.network.named_parameters())
for part, prefixes in PARTS.items():
    count = sum(p.numel() for name, p in parameters if name.startswith(prefixes))
    print(f"{part:28} {count / 1e6:5.1f} million parameters")

# %% [markdown]
# More than three quarters of the parameters are in the transformer. The network of this course,
# described in `recipes/quartet-htdemucs.toml`, has less than a tenth of the parameters, because it
# must be trained on a CPU. It differs from the published one in two more points:
#
# - **Its window is longer**: 4096 samples at 22.05 kHz are 186 ms, and a bin is 5 Hz wide. The
#   published network separates drums and voices, for which time counts. The partials of four
#   instruments lie close together, so here frequency counts.
# - **It estimates masks.** The published spectrogram branch computes the spectrum of each stem from
#   nothing. Ours computes a [**complex mask**](../docs/glossary.md#mask) $M_j$ for each stem and
#   multiplies the spectrum $X$ of the mixture by it (Williamson et al., 2016):
#
# $$\hat S_j = M_j \, X \quad \text{instead of} \quad \hat S_j = \text{output of the network}$$
#
# A mask of one hands back the mixture, with its phase and its partials. The published branch has to
# learn even that. What eight minutes of training show of it stands after the comparison below.
#
# These are the outputs of its encoder layers for four seconds of sound:

# %%
from experiments.layers import outputs_of
from helpers.recipes.schema import read_recipe

RECIPE = read_recipe(ROOT / "recipes" / "quartet-htdemucs.toml")
TINY = {"width": 8, "bottleneck": 32, "layers": 2, "heads": 2, "segment_seconds": 1.0}
SIZE = TINY if SMOKE else RECIPE.model
torch.manual_seed(0)
untrained = HTDemucs(HTDemucsConfig(QUARTET, 22050, **SIZE)).eval()

# %%
LAYERS = {"spectrogram": "network.encoder.{}", "waveform": "network.tencoder.{}"}
names = [name.format(number) for name in LAYERS.values() for number in range(4)]
kept = outputs_of(untrained, names, torch.zeros(1, 4 * 22050))
shapes = {
    branch: [tuple(kept[name.format(number)].shape) for number in range(4)]
    for branch, name in LAYERS.items()
}
pd.DataFrame(shapes, index=[f"after layer {number}" for number in (1, 2, 3, 4)])

# %% [markdown]
# The spectrogram branch has (channels, frequency bands, frames), the waveform branch (channels,
# time steps). After the last layer both have the same number of channels, but the waveform has more
# steps in time, and the spectrogram has several bands in each frame. Adding the two is therefore
# not possible.
#
# **Quick questions**
#
# *1. How would you measure what the skip connections are worth?*
#
# <details><summary>Answer</summary>
#
# Keep all layers, set the skipped outputs to zero, and train again. Then everything else is equal,
# also the number of weights.
# </details>
#
# *2. Why can the waveform branch correct phases, and a real mask cannot?*
#
# <details><summary>Answer</summary>
#
# It writes samples, so it can place a partial anywhere in time; a real mask scales a bin and keeps
# the phase of the mixture.
# </details>
#
# ## Attention
#
# [**Attention**](../docs/glossary.md#attention) (Vaswani et al., 2017) can combine sequences of
# different length. Each step of one sequence sends a *query* $q$. Each step of the other has a
# *key* $k$ and a *value* $v$. All three are vectors that the network computes from the step. The
# output for a query is the mean of all values, weighted by how well each key matches:
#
# $$\text{attention}(q, k, v) = \text{softmax}\!\left(\frac{q\,k^\top}{\sqrt{d}}\right) v$$
#
# where $d$ is the number of components of a query. In
# [**self-attention**](../docs/glossary.md#self-attention) queries, keys and values come from the
# same sequence; in [**cross-attention**](../docs/glossary.md#cross-attention) the queries come from
# one and keys and values from the other. HT-Demucs alternates the two: in each branch, our network
# has a layer of self-attention, one of cross-attention and one of self-attention. The next cell
# compares the formula with the function of PyTorch.


# %%
def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """q (N, d), k (M, d), v (M, e) -> output (N, e), and the weights (N, M)."""
    weights = (q @ k.T / q.shape[1] ** 0.5).softmax(dim=1)
    return weights @ v, weights


q, k, v = (torch.randn(n, 8, dtype=torch.float64) for n in (5, 7, 7))
torch.allclose(attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v))

# %% [markdown]
# How can a key match a query at the same moment, when one branch counts steps of 256 samples and
# the other steps of 1024? Each step needs information about its time. A
# [**positional encoding**](../docs/glossary.md#positional-encoding) adds sines and cosines of the
# time $t$ with many periods $T_i$:
#
# $$p(t) = (\sin \omega_1 t, \cos \omega_1 t, \dots, \sin \omega_n t, \cos \omega_n t)$$
#
# with $\omega_i = 2 \pi / T_i$. The product $p(t) \cdot p(t')$ is largest for $t = t'$, so keys of
# the same time match best. In this example both branches encode seconds. (HT-Demucs encodes the
# number of the step in each branch, and for the spectrogram also the frequency band. The relation
# between the two counts has to be learnt.)
#
# Now let the values be the pitch of a melody, one for each frame of the spectrogram. The waveform
# branch sends the queries:


# %%
def encoding(times: np.ndarray, width: int = 64) -> torch.Tensor:
    """(N, width): sines and cosines of each time, with periods from 0.1 to 10 seconds."""
    turns = 2 * np.pi * times[:, None] / np.geomspace(0.1, 10.0, width // 2)
    return torch.from_numpy(np.concatenate([np.sin(turns), np.cos(turns)], axis=1))


# %%
melody = np.array([60, 64, 67, 72, 71, 67, 62, 60])  # half a second each
queries = np.arange(0, 4, 256 / 22050)  # times of the waveform branch
keys = np.arange(0, 4, 1024 / 22050)  # times of the spectrogram frames
pitch = torch.from_numpy(melody[(2 * keys).astype(int)]).double()[:, None]
scale = 2.0  # in a trained network, learned weights set the scale
output, weights = attention(scale * encoding(queries), scale * encoding(keys), pitch)

# %%
labels = {"xlabel": "key: spectrogram (s)", "ylabel": "query: waveform (s)"}
publish(plot_images({"attention weights": weights}, (0, 4, 0, 4), **labels), "04_attention")

# %%
curves = {"values": (keys, pitch[:, 0]), "output": (queries, output[:, 0])}
plot_curves({"output of the attention": curves}, xlabel="time (s)", ylabel="pitch (MIDI)")

# %% [markdown]
# The weights form a diagonal: each step of the waveform finds the frame of its own time. The output
# follows the melody, although the two branches differ in their number of steps. A trained network
# can use other features than time, for example to find other notes of the same pitch.
#
# **Quick questions**
#
# *1. What are the weights if all keys are equal?*
#
# <details><summary>Answer</summary>
#
# All the same, one divided by the number of keys: the output is the mean of the values (exercise
# 2).
# </details>
#
# *2. How many weights has attention between N queries and M keys, and what follows for long music?*
#
# <details><summary>Answer</summary>
#
# N times M. With both in proportion to the duration, twice as long costs four times as much; this
# is one reason to work on segments.
# </details>
#
# ## Training data: from a soundfont to a recording
#
# Architecture is one half of the problem, training data the other. In chapter two a network reached
# 16.7 dB on the soundfont that it was trained on and 1.9 dB on another one. The difference between
# training data and test data that causes such a loss is called a
# [**domain gap**](../docs/glossary.md#domain-gap). What separates a soundfont from a recording made
# with a microphone? Here is one violin, first as the soundfont plays it, then with one effect after
# another:

# %%
from experiments.pieces import chorale, haydn
from helpers.augmentation.effects import Tilt
from helpers.augmentation.recording_chain import Codec, Microphone, Noise
from helpers.augmentation.rooms import Reverb
from helpers.music.splits import TEST

RENDERED = chorale(TEST[0], QUARTET, SECONDS)
stages = {"from the soundfont": RENDERED.stems["violin"]}
stages["darker"] = Tilt(-6.0).apply(stages["from the soundfont"], RATE)
stages["in a room"] = Reverb.draw(np.random.default_rng(4)).apply(stages["darker"], RATE)
stem = stages["in a room"]
CHAIN = {"through a microphone": Microphone, "with noise": Noise, "through a codec": Codec}
for name, effect in CHAIN.items():
    stages[name] = stem = effect.draw(np.random.default_rng(1)).apply(stem[None], RATE)[0]

# %% tags=["sample"]
listen(stages, RATE)

# %%
from helpers.display.plots import plot_spectrograms, plot_stems

shown = {name: stages[name] for name in ("from the soundfont", "in a room", "through a codec")}
publish(plot_spectrograms(shown, RATE, mixture=False, limit=12_000), "04_further")

# %% [markdown]
# The parameters of each effect are drawn at random first and then applied, so a training example
# can be repeated exactly. This is [**data augmentation**](../docs/glossary.md#data-augmentation),
# as in chapters two and three.
#
# Does it help on real recordings? An [**ablation**](../docs/glossary.md#ablation) answers such a
# question: it changes one ingredient at a time and keeps everything else fixed. Here, a small mask
# network is trained for each step of the ablation: for 300 training steps, with two seeds. (A mask
# network estimates masks from a spectrogram; more below.) It is measured on the seven excerpts of
# Bach10. The measure is the scale-invariant signal-to-distortion ratio
# ([**SI-SDR**](../docs/glossary.md#si-sdr), Le Roux et al., 2019) of chapters one and three.
# `python -m experiments.realism` repeats it; `recipes/realism.toml` is the first step, and each
# step adds one ingredient to the one before.

# %%
ABLATION = ROOT / "Results" / "04_realism.csv"
plot_ablation(ABLATION)

# %%
from helpers.evaluation.results import output_folder, read_table

rows = read_table(ABLATION).query("metric == 'SI-SDR'")
rows.pivot_table("value", "system", "instrument", margins=True, margins_name="all").round(1)

# %% [markdown]
# A dot is the mean over 28 values (seven excerpts, four instruments) for one seed; a bar is the
# mean of both seeds. How much does each step change the mean, and how far are its seeds apart?

# %%
steps = rows[rows["checkpoint_sha256"] != "none"].groupby(["system", "seed"])["value"].mean()
steps = steps.unstack()
table = pd.DataFrame({"change": steps.mean(axis=1).diff(), "seeds apart": steps.T.std() * 2**0.5})
table.round(1)

# %% [markdown]
# (Two values are $\sqrt 2$ times their standard deviation apart.) A change that is not clearly
# larger than the distance of the seeds says little. Read the table like this:
#
# - **More soundfonts help most**: step 02 is the largest gain, and its seeds agree.
# - Note samples, solos, timbre substitution (another instrument plays the part) with synthetic
#   tones, and spectral tilt (steps 03 to 06) change the mean by a few tenths of a decibel each,
#   once downwards. The seeds of single steps differ as much. These steps cannot be told apart; a
#   small gain of all of them together is likely, not proven.
# - Equaliser, detuning, room, compressor, vibrato, microphone, noise and codec, added together in
#   step 07, cost quality with either seed.
# - Dynamics, more random mixes and timing (steps 08 to 10): we conclude nothing from them.
#
# This does not show that realistic effects do harm. All steps have the same 300 training steps, and
# every effect makes the task harder to learn. The test recordings are dry, balanced and close to
# the microphone, so a network that has learnt about rooms has no advantage. With longer training,
# or on a recording from the back of a church, the order may differ; we did not test it. For a short
# training our advice is: add soundfonts first.
#
# **Quick questions**
#
# *1. Why does every step need at least two seeds?*
#
# <details><summary>Answer</summary>
#
# One training differs from the next by chance. Without a second seed, a change of half a decibel
# could be that chance.
# </details>
#
# *2. The excerpts chose the recipe. Why is their value then a little too good?*
#
# <details><summary>Answer</summary>
#
# The best of several recipes on these excerpts is partly the best by chance. On new recordings this
# luck is missing.
# </details>
#
# ## The mask network, layer by layer
#
# The models that `divisi separate` uses are mask networks. From a spectrogram on a [**logarithmic
# frequency axis**](../docs/glossary.md#logarithmic-frequency-axis) they estimate one
# [**mask**](../docs/glossary.md#mask) for each source; the masks sum to one in every bin. Let us
# open the model `bach-quartet` and follow a known signal through it. A violin plays a scale of A
# major from 440 Hz, over one low note of a bassoon, 110 Hz.
#
# ![The mask network: spectrogram, logarithmic frequency axis, shifted copies, convolutions, LSTM,
# pitches, copies at the partials, masks.](../Images/diagram_mask_net.svg)

# %%
from experiments.pieces import rendered
from helpers.music.scores import Note, Part, Score

SCALE = (69, 71, 73, 74, 76, 78, 80, 81)  # MIDI pitches; 69 is 440 Hz
scale = Part("violin", tuple(Note(0.35 * i, 0.35, pitch) for i, pitch in enumerate(SCALE)))
low = Part("bassoon", (Note(0.0, 2.8, 45),))
KNOWN = rendered(Score("a scale over a low note", (scale, low)), 2.7)
StemPlayer(KNOWN)

# %%
from helpers.training.checkpoints import load_model

MASK_NET = load_model("bach-quartet")
LAYERS = ("partials", "frame", "recur", "pitches", "combine", "gather", "decide")
wave = torch.from_numpy(KNOWN.mixture)
kept = outputs_of(MASK_NET, LAYERS, wave)
pd.Series({name: str(tuple(output.shape)) for name, output in kept.items()}, name="output")

# %% [markdown]
# **1. A logarithmic frequency axis.** The network begins with the STFT. On its linear axis, a
# higher note has wider gaps between its partials. A matrix of triangular filters averages the bins
# to 36 per octave. Now all notes have the same pattern, only shifted: partial $k$ lies
# $\log_2 k$ octaves above its fundamental.


# %%
def decibels(magnitudes: torch.Tensor) -> torch.Tensor:
    return 20 * torch.log10(magnitudes + 1e-6)


spectrum = MASK_NET.stft(wave).abs()[0]
octaves = MASK_NET.analysis @ spectrum[: MASK_NET.analysis.shape[1]]
AXIS = {"xlabel": "time (s)", "ylabel": "kHz", "lowest": -110, "ylim": (0, 4)}
publish(plot_images({"STFT": decibels(spectrum)}, (0, 2.7, 0, RATE / 2000), **AXIS), "04_linear")

# %%
HEIGHT = len(octaves) / MASK_NET.config.resolution  # octaves
AXIS = {"xlabel": "time (s)", "ylabel": "octaves above 50 Hz", "lowest": -110}
title = "logarithmic frequency axis"
publish(plot_images({title: decibels(octaves)}, (0, 2.7, 0, HEIGHT), **AXIS), "04_logarithmic")

# %% [markdown]
# **2. Partials move to their fundamental.** The network sees eight shifted copies of the spectrum
# (Bittner et al., 2017). At each bin they show what is at 1/3, 1/2, 1, 2, 3, 4, 5 and 6 times its
# frequency. These are the rows 1 to 8 of the figure. At the bin of a fundamental, the rows 3 to 8
# show its first six partials, so all of them are bright. We take one moment of the fourth note (D,
# 587 Hz) and average these rows. Where is the average largest?

# %%
from helpers.models.mask_net import INPUT_SHIFTS

moment = octaves[None, None, :, 30:31]
shifted = decibels(torch.stack([MASK_NET.shift(moment, k)[0, 0, :, 0] for k in INPUT_SHIFTS]))
mean = shifted[2:].mean(dim=0)
inner = mean[1:-1]
peaks = [i + 1 for i in inner.topk(10).indices.tolist() if inner[i] == mean[i : i + 3].max()]
print([f"{50 * 2 ** (bin / 36):.0f} Hz" for bin in peaks[:2]])
AXIS = {"xlabel": "octaves above 50 Hz", "ylabel": "shifted copy", "lowest": -110}
publish(plot_images({"one moment": shifted}, (0, HEIGHT, 0.5, 8.5), **AXIS), "04_shifts")

# %% [markdown]
# In our run, the two largest values lie at the two fundamentals. Nothing has been learned so far:
# these copies are a fixed part of the network.
#
# **3. From partials to pitches and back.** Convolutions (`partials`) find in the eight copies which
# bins hold the partials of a note. A linear layer makes one vector of each frame (`frame`), and a
# bidirectional [**LSTM**](../docs/glossary.md#lstm) (`recur`) adds the past and the future: who
# played before, who plays next. Its output becomes features of every pitch (`pitches`), which are
# joined with the convolutions (`combine`). Then the network copies the features of a pitch to its
# first eight partials (`gather`). Each picture is the channel with the largest variance over time:


# %%
def liveliest(channels: torch.Tensor) -> torch.Tensor:
    """(channels, bins, frames) -> the channel that changes most over time."""
    return channels[channels.std(dim=2).mean(dim=1).argmax()]


pitches = kept["pitches"].T.unflatten(0, (MASK_NET.config.pitch_channels, -1))
stages = {"partials": kept["partials"], "pitches": pitches}
stages |= {"combine": kept["combine"], "gather": kept["gather"]}
stages = {name: liveliest(output) for name, output in stages.items()}
AXIS = {"xlabel": "time (s)", "ylabel": "octaves above 50 Hz"}
publish(plot_images(stages, (0, 2.7, 0, HEIGHT), **AXIS), "04_layers")

# %% [markdown]
# In our picture `combine` has two dark lines: one climbs with the scale of the violin, one stays at
# the low note. The network has found both melodies. In `gather` these lines have copies above them,
# at the partials.
#
# **4. Masks.** `decide` gives a number for each source at each bin. These numbers $z_j$ are
# interpolated back to the linear axis, and a [**softmax**](../docs/glossary.md#softmax) over the
# sources turns them into masks:
#
# $$M_j = \frac{e^{z_j}}{\sum_i e^{z_i}}, \qquad \sum_j M_j = 1$$

# %%
from experiments.nussl.charts import plot_masks

masks = MASK_NET.to_linear(kept["decide"][None]).softmax(dim=1)[0]
print(f"the masks of a bin sum to {masks.sum(dim=0).min():.4f} ... {masks.sum(dim=0).max():.4f}")
masks = F.pad(masks, (0, 0, 0, len(spectrum) - masks.shape[1]))  # what is above is not drawn
named = dict(zip(MASK_NET.sources, masks.numpy(), strict=True))
publish(plot_masks(named, RATE, MASK_NET.config.hop, limit=4_000), "04_masks")

# %% [markdown]
# The mask of the violin follows the scale and its partials; the bassoon takes what lies below.
# Between the partials there is little sound, so it does no harm that clarinet and saxophone get it.
#
# **5. Stems.** Each mask is multiplied with the STFT of the mixture, and the inverse STFT gives a
# stem with the phase of the mixture. The right answer is known: violin and bassoon have all the
# energy, clarinet and saxophone are silent.

# %%
from helpers.evaluation.evaluate import model_separator

stems = model_separator(MASK_NET)(KNOWN)
energy = {name: float((stem**2).sum()) for name, stem in stems.items()}
shares = {name: value / sum(energy.values()) for name, value in energy.items()}
pd.Series(shares, name="share of the energy").round(3)

# %%
StemPlayer(stems, references=KNOWN)

# %% [markdown]
# In our run, one percent of the energy is in the two stems of instruments that do not play.
#
# **Quick questions**
#
# *1. Why does the same convolution find notes at every pitch, on this axis and not on the linear
# one?*
#
# <details><summary>Answer</summary>
#
# On the logarithmic axis a note is the same pattern, only shifted, and a convolution does not
# depend on where a pattern is.
# </details>
#
# *2. What does a network lose when its masks must sum to one?*
#
# <details><summary>Answer</summary>
#
# It cannot leave a part of the recording out, such as noise: some stem has to take it.
# </details>
#
# ## Training HT-Demucs
#
# A recipe describes a training in one file. `recipes/quartet-htdemucs.toml` is HT-Demucs with the
# data of `bach-quartet`. The loss of a [**stem**](../docs/glossary.md#stem) that is not silent is
# the negative signal-to-noise ratio, limited at 30 dB by $\tau = 10^{-3}$:
#
# $$L = 10 \log_{10} \frac{\|\hat s - s\|^2 + \tau \|s\|^2}{\|s\|^2}$$
#
# (The published HT-Demucs uses the L1 loss, the mean absolute error of the waveform.) With
# `precision="auto"` the training uses [**mixed precision**](../docs/glossary.md#mixed-precision)
# where the device is fast with bfloat16, a format of 16 bits. The layers then compute in bfloat16,
# and the weights stay in float32. Elsewhere, everything is float32.
#
# What does a training take? A network of these layers needs a fixed number of operations for an
# example. A T4 has a peak of 8.1 TFLOPS in float32 and 65 in float16; we assume that a quarter of
# the float32 peak is reached. Mixing an example takes time, too: one worker of this course mixes
# 41 four-second examples per second (`benchmarks/README.md`). The slower of the two decides; in
# float16 the T4 would compute faster, and mixing would decide for both networks.

# %%
from experiments.contest import training_operations
from helpers.recipes.train import build_model, train

T4, REACHED, MIXED = 8.1e12, 0.25, 41  # operations a second, share of them, mixed examples a second
costs = {}
for name in ("bach-quartet", "quartet-htdemucs"):
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
    operations = training_operations(build_model(recipe), recipe.segment_seconds)
    rate = min(T4 * REACHED / operations, MIXED)  # examples a second
    examples = recipe.training.steps * recipe.training.batch_size
    costs[name] = {"GFLOP an example": operations / 1e9, "examples of the recipe": examples}
    costs[name] |= {"T4 computes (examples/s)": T4 * REACHED / operations}
    costs[name] |= {"examples in a T4 hour": 3600 * rate, "T4 hours": examples / 3600 / rate}
pd.DataFrame(costs).round(1)

# %% [markdown]
# The T4 rows are calculated, not measured. By this calculation a T4 repeats the training of
# `quartet-htdemucs` in less than an hour, if one worker on Colab's two cores mixes as fast as ours
# does. On one core it took a working day; the cell below prints the hours.
#
# The trained weights come with the course, and the cell loads them. With `TRAIN = True` in the
# settings it trains here instead. On a CPU it then makes 100 of the 10,000 steps, far too few to
# separate well. That takes five to ten minutes on two cores with the rendering of the pieces, and
# twice as long on a processor without bfloat16 instructions. On a GPU it makes 4,000 steps with
# 16 examples each, about as many examples as the recipe asks for.
#
# A training shows the time that is left. Every minute, and when you stop it with its button, it
# saves a [**checkpoint**](../docs/glossary.md#checkpoint) (here with the state of the training).
# Run the cell again and it resumes, with the same examples in the same order. The environment
# variable `DIVISI_RUNS` names a folder for runs. With a folder of Google Drive, your runs are kept
# when a Colab session ends.

# %%
sounds = {"soundfonts": ("FluidR3_GM", "MuseScore_General_Lite")}  # those that come with the course
sounds |= {"max_seconds": 3.0, "note_samples": 0} if SMOKE else {}
training = replace(
    RECIPE.training, steps=STEPS, batch_size=2 if SMOKE else 16 if GPU else 6,
    warmup_steps=min(300, STEPS // 8), validate_every=max(2, STEPS // 10), precision="auto",
)  # fmt: skip
recipe = replace(
    RECIPE, model=SIZE, training=training, rendering=replace(RECIPE.rendering, **sounds),
    segment_seconds=1.0 if SMOKE else 3.0, validation_examples=4 if SMOKE else 48,
    max_pieces=2 if SMOKE else 0 if GPU else 48,
)  # fmt: skip

# %%
RUN = output_folder("runs") / f"04-htdemucs-{STEPS}"
HT_DEMUCS = load_model(train(recipe, RUN) if TRAIN else "quartet-htdemucs")
card = HT_DEMUCS.card["provenance"]
print(f"step {card['step']:,}; {card['seconds'] / 3600:.1f} hours on {card['device']}")

# %%
curve = {"HT-Demucs": tuple(zip(*card["validation"], strict=True))}
publish(plot_curves({"": curve}, xlabel="step", ylabel="validation SI-SDR (dB)"), "04_training")

# %%
StemPlayer(model_separator(HT_DEMUCS)(RENDERED), references=RENDERED)

# %% [markdown]
# The curve is the mean SI-SDR on 48 mixtures of rendered chorales that do not train. With four
# equally loud stems the unprocessed mixture has about $10 \log_{10}(1/3) = -4.8$ dB: a network
# below this value is no better than doing nothing. The player plays a rendered chorale that is not
# in the training data.
#
# **Quick questions**
#
# *1. The training loss falls, and the validation SI-SDR does not rise. What happens?*
#
# <details><summary>Answer</summary>
#
# The network learns what is special about its training mixtures. That is
# [**overfitting**](../docs/glossary.md#overfitting); progress on new data is
# [**generalisation**](../docs/glossary.md#generalisation).
# </details>
#
# *2. A step of network A takes half as long as a step of network B. Does A learn faster?*
#
# <details><summary>Answer</summary>
#
# You cannot tell: A may need many more steps. Compare the quality after the same time.
# </details>
#
# ## What each architecture needs
#
# A comparison at one early moment would not be fair, so the contest (`python -m
# experiments.contest`) measures where both trainings have ended. Here it has the averaged weights,
# on the seven real excerpts of Bach10, and three costs:
#
# - the training examples that the network has seen;
# - the hours of one processor core for all steps so far (the number of steps times the measured
#   core time of a step, without mixing);
# - the time of each use: milliseconds of one core for a second of music, with one thread.

# %%
from experiments.contest import course, plot_contest

table = read_table(ROOT / "Results" / "04_contest.csv")
publish(plot_contest(table), "04_contest")

# %%
moments = course(table)
moments.round({"SI-SDR": 1, "examples": 0, "core hours": 1, "ms per second": 0})

# %%
for name, row in moments.groupby("system").last().iterrows():
    print(
        f"{name}: {row['SI-SDR']:.1f} dB (n = {row['n']:.0f}, one seed) after "
        f"{row['examples']:,.0f} examples and {row['core hours']:.1f} core hours; "
        f"{row['ms per second']:.0f} ms of one core for a second of music"
    )

# %% [markdown]
# A point is the mean over 28 values (seven excerpts, four instruments) of one training with one
# seed. The two trainings use the same kinds of data, but one of the three soundfonts differs. The
# excerpts chose the recipe of `bach-quartet` and chose nothing for HT-Demucs, which favours the
# mask network a little.
#
# Another comparison (`python -m experiments.architectures --minutes 8`) gave three networks the
# same mixtures and eight minutes of one core (one seed): HT-Demucs as published but smaller, the
# same network with masks, and the mask network.

# %%
rows = read_table(ROOT / "Results" / "04_architectures.csv").query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="instrument"), "04_architectures")

# %%
values = rows.query("metric == 'SI-SDR'").groupby(["system", "config"])["value"]
values.agg(["mean", "std", "count"]).round(1)

# %% [markdown]
# Eight minutes show which one learns faster at the start, not how good either can become. Of the
# two HT-Demucs, the one with masks makes fewer steps in this time, and it is not better: both are
# too close to the mixture to say what masks are worth. In this run (one seed each) the mask network
# is far ahead. A likely reason: its structure already contains knowledge, as you have seen. A note
# has the same pattern at every pitch, partials are collected at their fundamental, and the stems
# sum to the recording. HT-Demucs has to learn all of this from examples, and needs more computing
# time for each example. In return it can learn what a real mask cannot express, such as the phase
# of each stem. With much more data and computing time it is strong: the published model, with 800
# additional songs, set the state of the art on pop music when it appeared. With our computing time
# the mask networks are better on the real excerpts, so `divisi separate` uses mask networks.
#
# **Quick questions**
#
# *1. Why are hours of a processor core a fairer axis than hours on the clock?*
#
# <details><summary>Answer</summary>
#
# A clock also counts what else the machine was doing. Core time counts only this training, but it
# does not say how well a network uses many cores or a GPU.
# </details>
#
# *2. Which of the three axes matters to somebody who only separates?*
#
# <details><summary>Answer</summary>
#
# The third: training is paid once, the milliseconds at every recording.
# </details>
#
# ## Tests with known answers
#
# From here on we use two of the mask networks: `bach-quartet` separates four instruments that play
# soprano, alto, tenor and bass; `chamber` knows ten and can be conditioned on those that play.
# Before we trust them with music, we test four properties. Does silence give silence? Does half the
# level give stems of half the level? Does a delay of one second delay the stems by one second and
# change nothing else? Is the sum of the stems the recording?

# %%
from helpers.audio.track import Track
from helpers.training.conditioning import condition_on

CHAMBER = load_model("chamber")
MODELS = {"HT-Demucs": HT_DEMUCS, "bach-quartet": MASK_NET}
MODELS["chamber"] = condition_on(CHAMBER, QUARTET)

# %%


def stems_of(model: torch.nn.Module, mixture: np.ndarray) -> np.ndarray:
    """All estimates, (sources, 1, samples)."""
    return np.stack(list(model_separator(model)(Track("", RATE, {"all": mixture})).values()))


def error(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Level of the difference in dB, relative to the reference."""
    return 10 * np.log10(((estimate - reference) ** 2).sum() / (reference**2).sum() + 1e-12)


# %%
def properties(model: torch.nn.Module) -> dict[str, float]:
    """In dB: the peak of the stems of silence, and three errors relative to the stems."""
    mix, gap = RENDERED.mixture, np.zeros((1, RATE), np.float32)
    stems = stems_of(model, mix)
    later = stems_of(model, np.concatenate([gap, mix], axis=1))[..., RATE:]
    return {
        "silence": 20 * np.log10(np.abs(stems_of(model, 0 * mix)).max() + 1e-6),
        "half the level": error(2 * stems_of(model, 0.5 * mix), stems),
        "a second later": error(later, stems),
        "the sum": error(stems.sum(axis=0), mix),
    }


pd.DataFrame({name: properties(model) for name, model in MODELS.items()}).round(0)

# %% [markdown]
# Silence stays silent (-120 dB is the smallest value that the table shows). The level has nearly no
# influence (in our run an error of -67 dB for the mask networks), because every network first
# normalises the level of its input. With a delay of one second the stems of the mask networks
# change a little (their frames and the blocks of their recurrent layers begin elsewhere): in our
# run the difference is 32 to 33 dB below the stems. The masks of a mask network sum to one in every
# bin, so its stems sum to the recording. HT-Demucs has no such constraint and has to learn it.
#
# What does `chamber` find when only one instrument plays?

# %%
shares = {}
for player in QUARTET:
    solo = Track(player, RATE, {player: RENDERED.stems[player]})
    energy = {k: float((stem**2).sum()) for k, stem in model_separator(CHAMBER)(solo).items()}
    shares[player] = {name: value / sum(energy.values()) for name, value in energy.items()}
pd.DataFrame(shares).T.round(2)

# %% [markdown]
# A row is the instrument that plays, a column the share of the energy in each stem. In our run 0.90
# or more is in the right stem, although the model does not know that only one instrument plays. The
# rest goes to instruments of similar pitch and timbre: from the saxophone to the viola, from the
# bassoon to the horn.
#
# **Quick questions**
#
# *1. Why is the sum of HT-Demucs's stems not exactly the recording?*
#
# <details><summary>Answer</summary>
#
# Nothing in its structure or its loss says so; it has to learn each stem on its own.
# </details>
#
# *2. Why is the delay one second, and not exactly one hop of the STFT?*
#
# <details><summary>Answer</summary>
#
# After a delay of one hop, all frames would hold the same samples as before. One second (44100
# samples) is no multiple of the hop, so each frame begins at another place in the music. This is
# the harder test.
# </details>
#
# ## Conditioning on the active sources
#
# `chamber` knows ten instruments, and a piece usually has fewer.
# [**Conditioning**](../docs/glossary.md#conditioning) gives a model additional information as an
# input; here it is the list of **active sources**, the instruments that play. The model then
# assigns the mixture to these alone.
#
# The test piece is a trio for violin, horn and piano, arranged from a quartet by Haydn that was in
# no training data. The soundfont that plays it was in the training data, so this is an easy case;
# real recordings follow.

# %%
TRIO = haydn(("violin", "horn", "piano"), SECONDS)
StemPlayer(TRIO)

# %% tags=["sample"]
unconditioned = model_separator(CHAMBER)(TRIO)
conditioned = model_separator(condition_on(CHAMBER, list(TRIO.stems)))(TRIO)
StemPlayer(conditioned, references=TRIO)

# %%
from helpers.evaluation.metrics import si_sdr


def quality(estimates: dict[str, np.ndarray]) -> dict[str, float]:
    """SI-SDR in dB of each stem of the trio."""
    return {name: float(si_sdr(estimates[name][0], TRIO.stems[name][0])) for name in TRIO.stems}


systems = {"mixture": dict.fromkeys(TRIO.stems, TRIO.mixture)}
systems |= {"not conditioned": unconditioned, "conditioned": conditioned}
pd.DataFrame({name: quality(estimates) for name, estimates in systems.items()}).round(1)

# %%
total = (TRIO.mixture**2).sum()
levels = {name: 10 * np.log10((s**2).sum() / total + 1e-9) for name, s in unconditioned.items()}
pd.Series(levels, name="level (dB)").sort_values(ascending=False).round(1)

# %% [markdown]
# In our run the horn without conditioning is 14 dB below the mixture, softer than a cello that does
# not play: its notes went to that stem and to others. Conditioning improves the horn by 4.4 dB
# and the piano by 1.7 dB, and the violin by 0.3 dB. In a terminal this is the option
# `--instruments violin,horn,piano`.
#
# When nobody knows the instruments, [**detection**](../docs/glossary.md#detection) can estimate
# them. The model first separates without conditioning. Instruments whose level is more than 13 dB
# below the mixture,
#
# $$10 \log_{10} \frac{\|\hat s_j\|^2}{\|x\|^2} < -13 \text{ dB}$$
#
# are treated as inactive, and the model separates again with the others as active sources. Whoever
# rests for most of a movement plays too, so the level is that of about the loudest ten seconds.
# `divisi separate` does this when no instruments are given:

# %%
from helpers.inference.detection import detect_instruments, detection_threshold

instruments = detect_instruments(CHAMBER, [TRIO.mixture], RATE, 1)
print(f"above {detection_threshold(CHAMBER):.0f} dB: {', '.join(instruments)}")
silence = dict.fromkeys(TRIO.stems, np.zeros_like(TRIO.mixture))
detected = silence | model_separator(condition_on(CHAMBER, instruments))(TRIO)
pd.DataFrame({"detected": quality(detected)}).round(1)

# %% [markdown]
# In our run it detects violin and piano, and misses the horn, whose notes then spoil the stems of
# these two: they are worse than without conditioning. No threshold would be right here: one that
# lets the horn in lets the cello in first, which does not play.
#
# **Quick questions**
#
# *1. Which stem gains most from conditioning, and why?*
#
# <details><summary>Answer</summary>
#
# The horn: without the list, its notes went to instruments of similar timbre that do not play.
# </details>
#
# *2. Why does a lower threshold of the detection not simply help?*
#
# <details><summary>Answer</summary>
#
# It lets in more instruments that do not play, and each of them takes a share of the mixture again.
# </details>
#
# ### How `chamber` was trained
#
# The training had five stages: `bach-quartet` (65 minutes on two CPU threads),
# `recipes/chamber-first.toml`, `recipes/chamber-second.toml`, `recipes/chamber-third.toml` and
# `recipes/chamber.toml`. The cell shows the last one. The curve is the mean SI-SDR on validation
# pieces, with averaged weights and without conditioning.

# %%
card = CHAMBER.card["provenance"]
print(f"{card['seconds'] / 60:.0f} minutes on {card['device']}")
curve = {"chamber": tuple(zip(*card["validation"], strict=True))}
publish(plot_curves({"": curve}, xlabel="step", ylabel="validation SI-SDR (dB)"), "04_chamber")

# %% [markdown]
# ## Forgetting, and interpolating weights
#
# `chamber` was trained further from `bach-quartet`. While it learnt ten instruments, it lost some
# of what `bach-quartet` knew: it is behind on the real excerpts of Bach10, as the table of the next
# section shows. [**Weight interpolation**](../docs/glossary.md#weight-interpolation) (Wortsman et
# al., 2022) can bring some of it back without training. From two sets of weights of the same
# architecture it computes
#
# $$\theta = (1 - a)\, \theta_\text{chamber} + a\, \theta_\text{bach-quartet}$$
#
# The weights that come with the course are interpolated already: the third stage by $a = 0.1$
# towards `bach-quartet`, and the fourth by $a = 0.5$ towards the third. The shares were chosen on
# the Bach10 excerpts, the second of them also on other ensembles and orders of voices. What happens
# with a share of `bach-quartet` now?

# %%
from helpers.training.averaging import interpolate

PIECES = {"the chorale": RENDERED, "the trio": TRIO}
values = {name: {} for name in PIECES}
for share in (0.0, 0.2, 0.4, 0.8):
    interpolated = copy.deepcopy(CHAMBER)
    interpolate(interpolated, MASK_NET, share)
    for name, track in PIECES.items():
        stems = model_separator(interpolated, conditioned=True)(track)
        scores = [si_sdr(stems[key][0], stem[0]) for key, stem in track.stems.items()]
        values[name][share] = float(np.mean(scores))
pd.DataFrame(values).rename_axis("share").round(1)

# %% [markdown]
# In our run the chorale gains with every share, from 5.7 to 6.4 dB: what `bach-quartet` knew comes
# back. The trio falls from 7.0 to 2.4 dB, because `bach-quartet` knows neither horn nor piano. For
# a model of many instruments the share has to stay small.
#
# **Quick questions**
#
# *1. Why can two sets of weights be averaged at all?*
#
# <details><summary>Answer</summary>
#
# One was trained further from the other, so they are close. Between two trainings from different
# random weights the average is useless: their units are in another order.
# </details>
#
# *2. What does interpolation cost when the model is used?*
#
# <details><summary>Answer</summary>
#
# Nothing: the result is one set of weights of the same size.
# </details>
#
# ## Real recordings
#
# The table shows the mean SI-SDR on recordings of real players. The mixture is the
# [**baseline**](../docs/glossary.md#baseline), and the ideal ratio mask and the ideal binary mask
# are the [**oracles**](../docs/glossary.md#oracle). None of these recordings was in the training
# data; only `bach-quartet-real` was fine-tuned on other pieces of the same players. A system has a
# value only where it knows all instruments. Bach10 has seven excerpts with four stems; URMP (violin
# and cello) and TRIOS (violin, horn and piano) are one excerpt each and can only be examples. Each
# value is one training with one seed.

# %%
from experiments.studies import overview

overview(ROOT / "Results" / "real_recordings.csv")

# %%
from helpers.datasets.stem_folders import find_tracks

if DATA:
    PIECE = find_tracks(DATA / "bach10_excerpts")[0].load(channels=1)
    estimates = model_separator(MASK_NET)(PIECE)
    separated = Track(PIECE.name, RATE, estimates, PIECE.mixture)
    picture = publish(plot_stems(separated, limit=4_000), "04_quartet")
else:
    PIECE, picture = RENDERED, published("04_quartet")  # of a recording that is not here
picture

# %%
StemPlayer(model_separator(MASK_NET)(PIECE), references=PIECE)

# %% [markdown]
# The picture is an excerpt of Bach10, separated by `bach-quartet`. The next cell reads four
# comparisons from the table of all systems:

# %%
real = read_table(ROOT / "Results" / "real_recordings.csv").query("metric == 'SI-SDR'")
mean = real.groupby(["test_data", "system"])["value"].mean()
bach, duo, trio = (mean[name] for name in ("bach10_excerpts", "urmp_excerpts", "trios"))
horn = real.query("test_data == 'trios' and instrument == 'horn'").set_index("system")["value"]
print(f"Bach10: chamber is {bach['bach-quartet'] - bach['chamber']:.1f} dB behind bach-quartet")
print(f"Bach10: detection costs chamber {bach['chamber'] - bach['chamber detected']:.1f} dB")
print(f"URMP:   chamber gains {duo['chamber'] - duo['mixture']:.1f} dB over the mixture")
print(f"URMP:   detection costs {duo['chamber'] - duo['chamber detected']:.1f} dB")
print(f"TRIOS:  chamber gains {trio['chamber'] - trio['mixture']:.1f} dB over the mixture,")
print(f"        but its horn changes by {horn['chamber'] - horn['mixture']:.1f} dB")

# %% [markdown]
# Recipes and the interpolation were chosen with the Bach10 excerpts, so these values are somewhat
# optimistic. On the TRIOS excerpt `chamber` fails in part: the gain comes from violin and piano,
# and the stem of the horn is no better than the mixture. With detection the horn is not found at
# all, and its silent stem has an SI-SDR of $-\infty$. For this one recording the domain gap between
# rendered and real horns is not closed, although the fourth stage of `chamber` heard more kinds of
# horns and pianos than the third.
#
# **Quick questions**
#
# *1. Why may URMP and TRIOS only be examples here?*
#
# <details><summary>Answer</summary>
#
# One excerpt says nothing about the spread over recordings, so there is no
# [**confidence interval**](../docs/glossary.md#confidence-interval).
# </details>
#
# *2. Why is the SI-SDR of a silent estimate minus infinity, and not zero?*
#
# <details><summary>Answer</summary>
#
# The estimate contains nothing of the target. The ratio of target to error is therefore 0, and the
# logarithm of 0 is minus infinity. The mean over the stems is then minus infinity too; the table
# shows it as it is.
# </details>

# %% [markdown]
# With the recordings in `DIVISI_DATA` there is also a live quintet: two violins, flute, clarinet
# and cello, recorded in stereo. Its stems do not exist, so nothing can be measured; listen and
# judge. Without the recordings the cell separates the trio again.

# %%
from helpers.audio.audio import load

if DATA:
    sides = [DATA / "live_quintet" / f"{side}.flac" for side in ("left", "right")]
    stereo = np.concatenate([load(side, sample_rate=RATE, channels=1)[0] for side in sides])
    QUINTET = Track("quintet", RATE, {"all": stereo[:, : SECONDS * RATE]})
else:
    QUINTET = Track("trio", RATE, {"all": TRIO.mixture})
PLAYING = ("violin", "flute", "clarinet", "cello") if DATA else tuple(TRIO.stems)
print(f"{QUINTET.name}: {', '.join(PLAYING)}")
StemPlayer(model_separator(condition_on(CHAMBER, PLAYING))(QUINTET), RATE)

# %% [markdown]
# ## Any ensemble: players, `other`, and who plays
#
# `chamber` has one stem for each of ten instruments. A string quartet has two violins, and a
# trumpet has no stem at all. `ensemble` was trained on from `chamber` (`recipes/ensemble.toml`). It
# has more instruments, two players of most of them, and one more source, `other`, for everything
# else.

# %%
ENSEMBLE = load_model("ensemble")
alone = [name for name in ENSEMBLE.sources if not name.endswith("-2")]
twice = [name for name in alone if f"{name}-2" in ENSEMBLE.sources]
print(f"{len(ENSEMBLE.sources)} sources: {', '.join(alone)}")
print(f"Two players of {', '.join(twice)}")

# %% [markdown]
# ### Two players of one instrument
#
# A mask network recognises a source by its timbre, and two violins have the same. If the training
# demanded the first violin in the first stem, it would punish a perfect separation in the other
# order. So the loss of two [**players**](../docs/glossary.md#player) is that of the better order,
# as in the permutation-invariant training of chapter one, but only among players of one
# instrument:
#
# $$L = \min_{\pi} \sum_{j \in \{1, 2\}} \ell\left(\hat s_{\pi(j)}, s_j\right)$$
#
# What is left to tell them apart is continuity and register: a line seldom leaps into another. The
# test piece is the quartet by Haydn again, this time as it was written, with two violins.

# %%
from helpers.evaluation.baselines import oracle_ratio_mask

STRINGS = haydn(("violin", "violin", "viola", "cello"), SECONDS)
with_two = condition_on(ENSEMBLE, ("violin", "violin-2", "viola", "cello"))
found = model_separator(with_two)(STRINGS)
stems = dict(zip(STRINGS.stems, found.values(), strict=False))  # `other` is the last one
StemPlayer(stems, references=STRINGS)

# %%
systems = {"mixture": dict.fromkeys(STRINGS.stems, STRINGS.mixture), "ensemble": stems}
systems["ideal ratio mask"] = oracle_ratio_mask(STRINGS)
values = {
    system: {name: si_sdr(each[name][0], true[0]) for name, true in STRINGS.stems.items()}
    for system, each in systems.items()
}
pd.DataFrame(values).astype(float).round(1)

# %% [markdown]
# Every stem is better than the mixture, the cello by far, the second violin least of all: it often
# plays in the register of the viola and with the timbre of the first violin, so that the network
# has little to go by. A score says which note is whose
# ([chapter 8](08_with_the_score.ipynb)).
#
# ### What no player explains
#
# The masks sum to one. When an instrument plays that the model was not told of, its sound has to
# go into the stems of the others. A source [`other`](../docs/glossary.md#other) gives it a place.
# It is always active, and it learns from noise, applause and instruments that have no source, and
# from examples in which an instrument that plays is left out of the condition. In the trio we now
# conceal the horn from both models:

# %%
TOLD = ("violin", "piano")
without_horn = {
    name: model_separator(condition_on(model, TOLD))(TRIO)
    for name, model in {"chamber": CHAMBER, "ensemble": ENSEMBLE}.items()
}
values = {
    name: {key: float(si_sdr(stems[key][0], TRIO.stems[key][0])) for key in TOLD}
    for name, stems in without_horn.items()
}
values["ensemble"]["horn"] = si_sdr(without_horn["ensemble"]["other"][0], TRIO.stems["horn"][0])
values["mixture"] = {key: si_sdr(TRIO.mixture[0], stem[0]) for key, stem in TRIO.stems.items()}
pd.DataFrame(values).astype(float).round(1)

# %% [markdown]
# `chamber` has to share the horn out to violin and piano, so both suffer. With `other` they suffer
# less, and the horn, which nobody has named, comes out of the mixture too. Is that so in other
# ensembles? In each of three or more, one player after the other is concealed from the models
# (`python -m experiments.unnamed`). Mean SI-SDR in dB of the others, and of `other` as the stem of
# the concealed player:

# %%
rows = read_table(ROOT / "Results" / "04_unnamed.csv")
rows.pivot_table(index="test_data", columns="system", values="value").round(1)

# %% [markdown]
# (`ensemble` is measured on more pieces of the second set than `chamber`, with its instruments.) A
# concealed player costs the others less where there is `other`. On Bach10 and in trios with piano,
# `other` is far nearer to the concealed player than the mixture is; in quintets of winds or brass
# it hardly ever is.
#
# ### The right notes in the wrong stem
#
# A model may separate two lines well and then give a part of each to the wrong instrument. How much
# is lost that way? In each half second, we give the stems anew to the players whose true stems they
# fit best. What this gains in SI-SDR is lost to errors of identity; what remains are other errors:

# %%
rows = read_table(ROOT / "Results" / "04_identity.csv")
rows.pivot_table(index="test_data", columns="system", values="value").round(1)

# %% [markdown]
# In the quartets of Bach10 nothing is lost: each instrument is in the register that the models know
# from the training. Most is lost in the trio with horn, and much with two violins. A likely reason
# is that the models go by the register more than by the timbre.
#
# ### Timbre or register?
#
# That can be tested. The rendered test chorales are played by violin, clarinet, saxophone and
# bassoon in the order of their registers, and then with two neighbours exchanged. To a model that
# goes by the timbre, all three are the same task:

# %%
rows = read_table(ROOT / "Results" / "voice_order.csv").query("metric == 'SI-SDR'")
systems = ["mixture", "bach-quartet", "ensemble", "chamber", "oracle-irm"]
rows.pivot_table(index="test_data", columns="system", values="value")[systems].round(1)

# %% [markdown]
# `bach-quartet` is the best in order and by far the worst in any other: it had heard these four
# instruments in this order only, and with four voices to keep apart, the register is the easier
# lesson, a [**shortcut**](../docs/glossary.md#shortcut). A list of the players does not help, since
# it always came with the same order. In the fourth stage of `chamber` half of the chorales give
# their voices to the instruments at random; for `ensemble` they did not. That is a change of the
# data, not of the network, and it is why a training set should be searched for what the network
# could learn *instead* of its task (Geirhos et al., "Shortcut learning in deep neural networks",
# 2020).
#
# What is missing still? The three soundfonts of the test in separate columns:

# %%
fonts = rows["track"].str.split().str[-1].rename("soundfont")
own = rows[rows["system"] == "chamber"]
own.pivot_table(index="test_data", columns=fonts, values="value").round(1)

# %% [markdown]
# The fourth stage trained with the first two; only the stages before it heard the third one too.
# There the chorales in order are still separated, and little is left when the register misleads. A
# likely reason is that a timbre has to be known well before it can take over. And a saxophone above
# a clarinet stays the hardest pair.
#
# ### Which ingredient helps?
#
# A second ablation looks for what moves the trio with horn. Each step starts from the third stage
# of `chamber`, trains for 300 steps with one seed, and adds one ingredient to the step before
# (`python -m experiments.material`). Mean SI-SDR in dB, told who plays:

# %%
rows = read_table(ROOT / "Results" / "04_material.csv").query("metric == 'SI-SDR'")
steps = rows[rows["checkpoint_sha256"] != "none"]
steps.pivot_table(index="system", columns="test_data", values="value").round(1)

# %%
from experiments.charts import plot_seeds

SHOWN = ("trios", "urmp_excerpts", "bach10_excerpts")
plot_seeds(steps, sorted(set(steps["system"])), SHOWN)

# %% [markdown]
# With one seed, small changes say nothing. Three ingredients move the trio upwards: *lines
# exchanged*, which also helps the clarinet on top, *weaker equalisers* and *more piano*. All
# three are in the fourth stage, which was begun before this table was there. More collections of
# notes alone do not move it. *Pitches as targets*, a second loss on which source sounds at which
# pitch, helps URMP and costs the others. With *two of one instrument* there are three times as
# many sources to tell apart, and everything falls: 300 steps are too few for them.
#
# The steps from 10 on are added to *more piano*, each by itself. *Figures of a pianist* (broken
# chords instead of held ones, and solo pieces) even cost the trio something. A second spectrum, so
# brief that it shows *attacks*, a *loss on identity*, which punishes half seconds that are more
# like another stem, *complex masks*, and *vibrato and noise* of onsets in the recorded notes change
# next to nothing in 300 steps. Without the *lag* of the players behind each other and the *release*
# of their notes, the trio and the clarinet on top lose a little.
#
# TRIOS and URMP are one excerpt each, so nothing was chosen by them.
#
# ### Who plays?
#
# A model that is told nothing can say who plays: it separates into all of its sources, and the
# instruments whose stems are loud enough are there. The picture shows this over time, one line an
# instrument, and at the right the confidence; in grey those that were nearly detected:

# %%
from helpers.display.who_plays import plot_who_plays
from helpers.inference.detection import detect

plot_who_plays(detect(CHAMBER, [TRIO.mixture], RATE, 1))

# %% [markdown]
# How often is the list right? Each player counts, also the second of two. The
# [precision](../docs/glossary.md#detection) is the share of the detected players who play, the
# recall the share of those who play that are detected, and $F_1$ the harmonic mean of both. The
# last column is what the detected list costs against the true one, in dB:

# %%
rows = read_table(ROOT / "Results" / "04_detection.csv").query("track == 'all tracks'")
table = rows.pivot_table(index=["test_data", "system"], columns="metric", values="value")
table[["precision", "recall", "F1", "cost of detection"]].round(2)

# %% [markdown]
# Our trio shows what goes wrong: the horn is missing, because a part of its notes went to the stems
# of bassoon and cello, and what is left is too soft. On real quartets, whose sounds and voices are
# like those of the training, the list is nearly always right. A single player often comes with a
# companion, a stem of some of its notes. And no second player was found in any test. So name the
# players if you know them.
#
# **Quick questions**
#
# *1. Why may the loss exchange two violins, but not a violin and a viola?*
#
# <details><summary>Answer</summary>
#
# A violin and a viola have names that the listener knows: stems in the wrong order are an error.
# Two violins are both violins, and which one is the first is a convention, here that of the higher
# line.
# </details>
#
# *2. Which players does a threshold on the level of a stem miss?*
#
# <details><summary>Answer</summary>
#
# Those who play softly, or seldom: their stem has little energy, as little as what leaks into the
# stem of an instrument that does not play at all.
# </details>
#
# *3. What would happen to `other` if no example had left an instrument out?*
#
# <details><summary>Answer</summary>
#
# It would learn the sound of noise and applause only, and an instrument that nobody named would go
# into the stems of the others again.
# </details>

# %% [markdown]
# ## Long recordings: streaming
#
# The features that a network computes for a concert of two hours do not fit into memory. `divisi
# separate` reads the recording in segments that overlap, separates each, and adds the results with
# weights that fade each segment in and out. In every sample the weights sum to one, so the stems
# are continuous and memory does not grow with the length of the recording.
#
# ![Streaming: overlapping segments of a long recording are separated one after the other, weighted
# and added.](../Images/diagram_streaming.svg)
#
# **Quick questions**
#
# *1. Why do the segments overlap?*
#
# <details><summary>Answer</summary>
#
# At its edges a segment lacks the past or the future that the network uses. The fades give these
# samples to the neighbour, which has both.
# </details>
#
# *2. How does the memory grow from a song to an opera?*
#
# <details><summary>Answer</summary>
#
# Not at all: there are more segments, one after the other, and the stems are written as they come.
# </details>

# %% [markdown]
# ## Fine-tuning on your own players
#
# A model that has learnt from *your* violin can separate it better.
# [**Fine-tuning**](../docs/glossary.md#fine-tuning) continues a training on a few recordings of
# your own. Make one folder for each piece, with one file for each instrument
# (`mine/sonata/violin.wav`, `mine/sonata/piano.wav`), and run
#
# ```sh
# divisi finetune mine --model chamber --name ours
# divisi separate concert.wav --model runs/ours/ours.safetensors
# ```
#
# One piece is held out, and the command prints its SI-SDR before and after. If you have a fast
# connection, you can train on large public data sets: `divisi corpora` lists them with their
# licences, `divisi fetch ensembleset` downloads one (58 GB), and a recipe uses it with
# `corpora = ["ensembleset"]` and, under `[mixing]`, `real_share = 0.5`.
#
# ## Your own recording
#
# Run the cell. Choose a recording (any sample rate, any number of channels), a model and its
# instruments, and press the button. The stems appear below it: listen to them beside the mixture,
# look at their spectrograms, download them as a zip. `chamber` and `ensemble` are conditioned on
# the instruments that you choose; for `ensemble` you may also choose how many players each has.
# Choose none to have them detected: the picture shows who was heard when, and you can correct the
# list and separate again.

# %%
from helpers.display.own_recording import OwnRecording

OFFERED = {"chamber": CHAMBER, "ensemble": ENSEMBLE}
OwnRecording(OFFERED | {"bach-quartet": MASK_NET, "HT-Demucs": HT_DEMUCS})

# %% [markdown]
# Without the buttons use `helpers.separate("my.wav")`, or in a terminal
# `divisi separate my.wav --instruments violin,horn,piano`.

# %% [markdown]
# ## Recap
#
# - A click is one value of the waveform and fills the spectrum; a tone does the reverse. A
#   spectrogram trades resolution in time for resolution in frequency, and no window is best for
#   both.
# - HT-Demucs has a U-Net for the waveform and one for the spectrogram. A transformer between them,
#   with more than three quarters of the published network's parameters, connects them by
#   self-attention and cross-attention; positional encodings tell it which steps belong together.
# - Spectral tilt, a room, a microphone, noise and a codec bring a rendered violin closer to a
#   recording. Each is drawn at random and then applied.
# - In the ablation more soundfonts gained most on real recordings; rooms, microphones and other
#   effects together cost quality (300 training steps, two seeds, seven dry excerpts).
# - The mask network puts the spectrum on a logarithmic axis, moves partials to their fundamental
#   and follows pitches with an LSTM. It copies its features back to the partials, and a softmax
#   computes the masks.
# - HT-Demucs is trained by a recipe. `train` follows it, resumes after a stop, and by
#   calculation a T4 needs less than an hour for what takes many hours on two cores.
# - The contest compares quality against examples, core hours and milliseconds. In our trainings
#   (one seed each) the mask network learned faster and is faster in use. A likely reason: its
#   structure already contains knowledge about notes.
# - In tests with known answers, silence stays silent, stems follow the level of the recording, and
#   a delay changes the stems of the mask networks a little. Masks that sum to one give stems that
#   sum to the recording.
# - Conditioning on the active sources improves most what the model would otherwise give to
#   instruments that do not play. Detection estimates the active sources and keeps a part of this
#   improvement.
# - Further training can make a network forget. Interpolation with older weights brings some of it
#   back, at a cost for instruments that the older weights do not know.
# - Two players of one instrument are two sources; the loss takes the better of their two orders.
#   `other` takes what no player explains. The levels of the stems say who plays.
# - `divisi separate` separates a recording of yours, and `divisi finetune` fits a model to your
#   players.
#
# ### What to try next
#
# With a GPU train `recipes/quartet-htdemucs.toml` with ten times its steps, follow it with
# `python -m experiments.contest --run runs/quartet-htdemucs --every 1000`, and see whether it
# passes the mask network. Or train the four recipes of `chamber` with ten times their steps and a
# batch of 64, and see how much closer `chamber` comes to the oracle.
# `python -m experiments.realism --seeds 0 1 2 --steps 1000` repeats the ablation with more seeds
# and longer training.
#
# ### Exercises
#
# Work in [the exercises](exercises/04_htdemucs.ipynb); [the solutions](solutions/04_htdemucs.ipynb)
# come with their numbers.
#
# 1. Give the click as much energy as the tone: which window is best for both?
# 2. Attention without positional encoding: what is its output?
# 3. Move a note by an octave: the output of which layers of the mask network moves with it?
# 4. Without conditioning, `chamber` gives a part of the mixture to instruments that do not play.
#    Divide this part among those that do: how much does it help?

# %% [markdown]
# ### References
#
# - R. M. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello, *Deep salience representations for
#   F0 estimation in polyphonic music*, ISMIR 2017.
# - A. Défossez, *Hybrid spectrogram and waveform source separation*, MDX Workshop 2021,
#   [arXiv 2111.03600](https://arxiv.org/abs/2111.03600).
# - Z. Duan, B. Pardo and C. Zhang, *Multiple fundamental frequency estimation by modeling spectral
#   peaks and non-peak regions*, IEEE Transactions on Audio, Speech, and Language Processing, 2010
#   (the paper behind [Bach10](http://music.cs.northwestern.edu/data/Bach10.html)).
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, *SDR – half-baked or well done?*, ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - S. Rouard, F. Massa and A. Défossez, *Hybrid transformers for music source separation*, ICASSP
#   2023, [arXiv 2211.08553](https://arxiv.org/abs/2211.08553).
# - B. Li, X. Liu, K. Dinesh, Z. Duan and G. Sharma, *Creating a multitrack classical music
#   performance dataset for multimodal music analysis: challenges, insights, and applications*, IEEE
#   Transactions on Multimedia, 2019, [arXiv 1612.08727](https://arxiv.org/abs/1612.08727) (URMP).
# - J. Fritsch and M. D. Plumbley, *Score informed audio source separation using constrained
#   nonnegative matrix factorization and score synthesis*, ICASSP 2013 (TRIOS).
# - A. Vaswani et al., *Attention is all you need*, NeurIPS 2017,
#   [arXiv 1706.03762](https://arxiv.org/abs/1706.03762).
# - D. S. Williamson, Y. Wang and D. Wang, *Complex ratio masking for monaural speech separation*,
#   IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2016,
#   [doi 10.1109/TASLP.2015.2512042](https://doi.org/10.1109/TASLP.2015.2512042).
# - M. Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022,
#   [arXiv 2109.01903](https://arxiv.org/abs/2109.01903).
