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
# information between them with a transformer. This chapter builds it, tests which training data
# help on recordings of real players, compares it with a smaller mask network, and ends with the
# model that `divisi separate` uses.
#
# In this chapter you will
#
# - see why a waveform and a spectrogram show different things, and what each of them hides;
# - look inside HT-Demucs, and compute the attention that connects its two branches;
# - turn a rendered violin into something closer to a recording, one effect at a time;
# - read an ablation that asks which kinds of training data help on real recordings;
# - train an HT-Demucs, stop it, and resume;
# - compare it with a mask network that had the same training time;
# - test trained networks with signals whose answer is known;
# - condition a model of ten instruments on those that play, and measure what this is worth;
# - see what a network forgets in further training, and interpolate between two sets of weights;
# - separate your own recording, and fine-tune a model on your own players.
#
# | | in this chapter |
# | --- | --- |
# | **task** | separate chamber music into its instruments, four or ten of them |
# | **data** | rendered chorales and ensembles, recorded notes and solos |
# | **model** | HT-Demucs, and a mask network on a logarithmic frequency axis |
# | **evaluation** | SI-SDR on recordings of real players, between a baseline and oracle masks |
#
# A full training of HT-Demucs needs a GPU (on Colab: *Runtime, Change runtime type, T4 GPU*).
# Everything else runs on a CPU. Where the text quotes a number of "our run", yours will differ a
# little; the other numbers come from the tables in `Results/`. Cells that separate an excerpt of
# Bach10 look for it in `DIVISI_DATA`; without it they take a rendered chorale, and their numbers
# differ more.

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
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from helpers import runtime

# %% [markdown]
# Settings that you can change. In the `smoke` profile, which tests this chapter, they are tiny and
# all files are written to `runs/smoke/`.

# %%
SMOKE, GPU = runtime.profile() == "smoke", torch.cuda.is_available()
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second
SECONDS = 3 if SMOKE else 12  # of the rendered pieces
STEPS = 2 if SMOKE else 4_000 if GPU else 150  # of the network trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
RNG = np.random.default_rng(0)

# %% [markdown]
# ## Waveform, spectrum and spectrogram
#
# A waveform shows exactly when something happens, but not its pitch. A spectrum shows which
# frequencies a sound contains, but not when. A spectrogram, the magnitude of the **short-time
# Fourier transform** (STFT), shows both, each with limited resolution. With a window of $N$ samples
# at the sample rate $f_s$, the two resolutions are
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
from experiments.curves import plot_curves, plot_images, plot_training
from helpers.display.figures import publish

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
# This matters for a network. One that works on the waveform has to learn from data that a tone is
# one thing. One that works on a spectrogram gets this for free, but its window fixes the resolution
# in time.
#
# ## HT-Demucs
#
# *Hybrid Transformer Demucs* (Rouard, Massa and Défossez, 2023) uses both. It has two **U-Nets**
# (chapter one), one for the waveform and one for the spectrogram. A U-Net has an encoder, in which
# each layer shortens its input and adds channels, and a decoder that mirrors it; **skip
# connections** pass the output of each encoder layer to the decoder layer of the same size, so that
# detail is not lost. Between encoders and decoders, a **transformer** exchanges information between
# the two branches. The spectrogram branch ends with an inverse STFT, and the sum of both branches
# is the estimate. The published network has 41 million parameters:

# %%
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig

published = HTDemucs(HTDemucsConfig(("drums", "bass", "other", "vocals"), RATE, channels=2))
PARTS = {
    "spectrogram branch": ("encoder", "decoder", "freq_emb"),
    "waveform branch": ("tencoder", "tdecoder"),
    "cross-domain transformer": ("channel", "crosstransformer"),
}
parameters = list(published.network.named_parameters())
for part, prefixes in PARTS.items():
    count = sum(p.numel() for name, p in parameters if name.startswith(prefixes))
    print(f"{part:28} {count / 1e6:5.1f} million parameters")

# %% [markdown]
# More than three quarters of the parameters are in the transformer. We use a network with a twelfth
# of the parameters. These are the outputs of its encoder layers:

# %%
SMALL = {"width": 24, "bottleneck": 128, "layers": 3, "heads": 4, "segment_seconds": 4.0}
TINY = {"width": 8, "bottleneck": 32, "layers": 2, "heads": 2, "segment_seconds": 1.0}
torch.manual_seed(0)
network = HTDemucs(HTDemucsConfig(QUARTET, 22050, **(TINY if SMOKE else SMALL))).eval()
shapes = {"spectrogram (channels, bins, frames)": [], "waveform (channels, samples)": []}
for branch, outputs in zip(("encoder", "tencoder"), shapes.values(), strict=True):
    for layer in getattr(network.network, branch):
        layer.register_forward_hook(lambda _, __, y, outputs=outputs: outputs.append(y.shape[1:]))
with torch.no_grad():
    estimates = network(torch.zeros(1, 1, 4 * 22050))
print(f"{sum(p.numel() for p in network.parameters()):,} parameters -> {tuple(estimates.shape)}")
shapes = {branch: [tuple(shape) for shape in outputs] for branch, outputs in shapes.items()}
pd.DataFrame(shapes, index=[f"after layer {number}" for number in (1, 2, 3, 4)])

# %% [markdown]
# After the last layer both branches have 192 channels (in the small network), but their time steps
# differ. In four seconds the waveform branch has 345 steps; the spectrogram branch has 87 frames of
# eight frequency bands each, which makes 696 cells. Adding the two is therefore not possible.
#
# ## Attention
#
# Attention (Vaswani et al., 2017) can combine sequences of different length. Each step of one
# sequence sends a *query* $q$. Each cell of the other has a *key* $k$ and a *value* $v$. The output
# for a query is the mean of all values, weighted by how well each key matches:
#
# $$\text{attention}(q, k, v) = \text{softmax}\!\left(\frac{q\,k^\top}{\sqrt{d}}\right) v$$
#
# where $d$ is the number of components of a query. In **self-attention** queries, keys and values
# come from the same sequence; in **cross-attention** the queries come from one and keys and values
# from the other. HT-Demucs alternates the two: our small network has a layer of self-attention, one
# of cross-attention and one of self-attention in each branch.


# %%
def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """q (N, d), k (M, d), v (M, e) -> output (N, e), and the weights (N, M)."""
    weights = (q @ k.T / q.shape[1] ** 0.5).softmax(dim=1)
    return weights @ v, weights


q, k, v = (torch.randn(n, 8, dtype=torch.float64) for n in (5, 7, 7))
torch.allclose(attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v))

# %% [markdown]
# How can a key match a query at the same moment, when one branch counts steps of 256 samples and
# the other steps of 1024? Each step needs information about its time. A **positional encoding**
# adds sines and cosines of the time $t$ with many periods $T_i$:
#
# $$p(t) = (\sin \omega_1 t, \cos \omega_1 t, \dots, \sin \omega_n t, \cos \omega_n t)$$
#
# with $\omega_i = 2 \pi / T_i$. The product $p(t) \cdot p(t')$ is largest for $t = t'$, so keys of
# the same time match best. In this example both branches encode seconds. (HT-Demucs encodes the
# number of the step in each branch, and for the spectrogram also the frequency band. The relation
# between the two counts has to be learnt.) Let the values be the pitch of a melody, one for each
# frame of the spectrogram, and let the waveform branch send the queries:


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
# ## Training data: from a soundfont to a recording
#
# Architecture is one half of the problem, training data the other. In chapter two a network reached
# 16.7 dB on the soundfont that it was trained on and 1.9 dB on another one. The difference between
# training data and test data that causes such a loss is called a **domain gap**. What separates a
# soundfont from a recording made with a microphone? Here is one violin, first as the soundfont
# plays it, then with one effect after another:

# %%
from experiments.pieces import chorale, haydn_trio
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

# %%
listen(stages, RATE)

# %%
from helpers.display.plots import plot_spectrograms, plot_stems

shown = {name: stages[name] for name in ("from the soundfont", "in a room", "through a codec")}
publish(plot_spectrograms(shown, RATE, mixture=False, limit=12_000), "04_further")

# %% [markdown]
# Each effect is drawn at random and then applied, so a training example can be replayed. This is
# **data augmentation**: random changes of the training data that make a network less dependent on
# details.
#
# Does it help on real recordings? An **ablation** answers such a question: it changes one
# ingredient at a time and keeps everything else fixed. Here, for each step of the ablation, a small
# mask network (it estimates masks from a spectrogram; more below) is trained for 300 training steps
# with two seeds and measured on the seven excerpts of Bach10. The measure is the **scale-invariant
# signal-to-distortion ratio** (SI-SDR, Le Roux et al., 2019) of chapters one and three.
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
# mean of both seeds.
#
# - **More soundfonts help most**: three in place of one gain 1.8 dB.
# - Note samples, solos, timbre substitution with synthetic tones, and spectral tilt change the mean
#   by 0.1 to 0.3 dB each, once downwards, and by about half a decibel together. Single seeds are up
#   to 0.4 dB apart here, so these steps cannot be told apart; a small gain of all of them together
#   is likely, not proven.
# - Equaliser, detuning, room, compressor, vibrato, microphone, noise and codec, added together in
#   step 07, cost 1.0 dB, with either seed.
# - Dynamics, more random mixes and timing (steps 08 to 10) change the mean by at most 0.6 dB, with
#   seeds that are 0.7 to 1.0 dB apart. We conclude nothing from them.
#
# This does not show that realistic effects do harm. All steps have the same 300 training steps, and
# every effect makes the task harder to learn. The test recordings are dry, balanced and close to
# the microphone, so a network that has learnt about rooms has no advantage. With longer training,
# or on a recording from the back of a church, the order may differ; we did not test it. For a small
# budget the advice is: first use more sources of sound. `chamber`, the model of the second half of
# this chapter, was trained similarly: in its last three stages a quarter of the mixtures have a
# room and a fifth of the stems a compressor.
#
# ## Training
#
# A recipe describes a training in one file. `recipes/quartet-htdemucs.toml` is HT-Demucs with data
# like those of step 07. Its 14,000 steps take about ten hours on two cores. Here we take `STEPS`
# of them, with the two soundfonts that come with the course, and with fewer and shorter pieces on a
# CPU. The loss of a stem that is not silent is the negative signal-to-noise ratio, limited at 30 dB
# by $\tau = 10^{-3}$:
#
# $$L = 10 \log_{10} \frac{\|\hat s - s\|^2 + \tau \|s\|^2}{\|s\|^2}$$
#
# (The published HT-Demucs uses the L1 loss, the mean absolute error of the waveform.) With
# `precision="auto"` the training uses **mixed precision** where the device computes bfloat16 fast
# (the layers compute in bfloat16 and the weights stay in float32), and float32 elsewhere.

# %%
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import train

recipe = read_recipe(ROOT / "recipes" / "quartet-htdemucs.toml")
max_pieces, batch, max_seconds = (2, 2, 3.0) if SMOKE else (0, 16, 30.0) if GPU else (48, 6, 10.0)
rendering = replace(
    recipe.rendering, soundfonts=("FluidR3_GM", "MuseScore_General_Lite"),
    max_seconds=max_seconds, note_samples=0 if SMOKE else 1,
)  # fmt: skip
training = replace(
    recipe.training, steps=STEPS, batch_size=batch, warmup_steps=STEPS // 8, log_every=1,
    validate_every=max(2, STEPS // 5), learning_rate=5e-4 if GPU else 1e-3,
    ema_decay=0.999 if GPU else 0.98, precision="auto",
)  # fmt: skip

# %%
recipe = replace(
    recipe, model=TINY if SMOKE else SMALL, segment_seconds=1.0 if SMOKE else 4.0,
    max_pieces=max_pieces, validation_examples=4 * batch, rendering=rendering, training=training,
)  # fmt: skip

# %% [markdown]
# A Colab session can end at any time. The run is therefore stored on your Drive. After a
# disconnection run the same cells again: `train` looks for the last **checkpoint** (the saved state
# of the training) and resumes from it, with the same examples in the same order. It saves one every
# 250 steps, every minute, and when you stop the cell with its button.

# %%
if "google.colab" in sys.modules:
    from google.colab import drive

    drive.mount("/content/drive")
DRIVE = Path("/content/drive/MyDrive")
RUN = (
    DRIVE / "divisi" / "runs" if DRIVE.is_dir() else output_folder("runs")
) / f"04-htdemucs-{STEPS}"
weights = train(recipe, RUN)

# %%
publish(plot_training(RUN / "log.csv"), "04_training")

# %%
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

PIECE = find_tracks(DATA / "bach10_excerpts")[0].load(channels=1) if DATA else RENDERED
HT_DEMUCS = load_model(weights)
StemPlayer(model_separator(HT_DEMUCS)(PIECE), RATE)

# %% [markdown]
# This is what the network that you have just trained separates. After the 150 steps on a CPU it has
# learnt next to nothing: in our run the validation SI-SDR ended at -5.6 dB. The unprocessed mixture
# of four equally loud stems scores about $10 \log_{10}(1/3) = -4.8$ dB, so this is below the
# baseline. More steps on a GPU should change that; no trained weights of this recipe come with the
# course yet.
#
# ## Comparing two architectures
#
# `python -m experiments.architectures --minutes 8` trains two networks on mixtures from the same
# recipe, step 06 of the ablation, each for eight minutes of one CPU core. It first measures the
# seconds that a training step takes and computes the number of steps from them. Then it measures
# both on the real excerpts of Bach10. The second network is the mask network from the end of
# chapter two. It works on a logarithmic frequency axis and estimates masks that sum to one.

# %%
rows = read_table(ROOT / "Results" / "04_architectures.csv").query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="instrument"), "04_architectures")

# %%
values = rows.query("metric == 'SI-SDR'").groupby(["system", "config"])["value"]
values.agg(["mean", "std", "count"]).round(1)

# %% [markdown]
# After eight minutes of one core the mask network is at 3.5 dB and HT-Demucs at -3.2 dB, 1.6 dB
# above the mixture. This is one seed and a small network of either kind. It shows which one learnt
# faster here, not how good either can become.
#
# The mask network needs less data because its structure already contains knowledge. A note has the
# same pattern at every pitch; partials are collected at their fundamental (as in Bittner et al.,
# 2017); the stems sum to the recording. HT-Demucs has to learn all of this. A step also costs more:
# in the same time HT-Demucs saw 345 batches, the mask network 1,798. With much more data and
# computing time HT-Demucs is strong: the published model, with 800 additional songs, set the state
# of the art on pop music when it appeared. It also estimates phases, while our real masks keep the
# phase of the mixture. For small budgets the result on real excerpts decides, so the models of this
# course are mask networks. `--minutes 600` repeats the comparison with more time.
#
# ## Tests with known answers
#
# From here on we use two of the trained models that come with the course: `bach-quartet` separates
# four instruments that play soprano, alto, tenor and bass; `chamber` knows ten and can be
# conditioned on those that play. Before we trust them with music, we test four properties. Does
# silence give silence? Does half the level give stems of half the level? Does a delay of one second
# delay the stems by one second and change nothing else? Is the sum of the stems the recording?

# %%
from helpers.audio.track import Track

MODELS = {"HT-Demucs": HT_DEMUCS, "bach-quartet": load_model("bach-quartet")}
CHAMBER = load_model("chamber")
MODELS["chamber"] = condition_on(CHAMBER, QUARTET)


def stems_of(model: torch.nn.Module, mixture: np.ndarray) -> np.ndarray:
    """All estimates, (sources, 1, samples)."""
    return np.stack(list(model_separator(model)(Track("", RATE, {"all": mixture})).values()))


def error(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Level of the difference in dB, relative to the reference."""
    return 10 * np.log10(((estimate - reference) ** 2).sum() / (reference**2).sum() + 1e-12)


# %%
def properties(model: torch.nn.Module) -> dict[str, float]:
    """In dB: the peak of the stems of silence, and three errors relative to the stems."""
    mix, gap = PIECE.mixture, np.zeros((1, RATE), np.float32)
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
# influence (in our run an error of less than -70 dB for the mask networks), because every network
# first normalises the level of its input. With a delay of one second the stems of the mask networks
# change a little (their frames and the blocks of their recurrent layers begin elsewhere): in our
# run the difference is 31 to 36 dB below the stems. The masks of a mask network sum to one in every
# bin, so its stems sum to the recording. HT-Demucs has no such constraint and has to learn it.
#
# What does `chamber` find when only one instrument plays?

# %%
shares = {}
for player in QUARTET:
    solo = Track(player, RATE, {player: PIECE.stems[player]})
    energy = {k: float((stem**2).sum()) for k, stem in model_separator(CHAMBER)(solo).items()}
    shares[player] = {name: value / sum(energy.values()) for name, value in energy.items()}
pd.DataFrame(shares).T.round(2)

# %% [markdown]
# A row is the instrument that plays, a column the share of the energy in each stem. In our run 0.94
# to 0.99 of violin, clarinet and saxophone and 0.79 of the bassoon are in the right stem, although
# the model does not know that only one instrument plays. The rest goes to instruments of similar
# pitch and timbre: from the violin to the viola, from the bassoon to horn and cello.
#
# ## Conditioning on the active sources
#
# `chamber` knows ten instruments, and a piece usually has fewer. **Conditioning** gives a model
# additional information as an input; here it is the list of **active sources**, the instruments
# that play. The model then assigns the mixture to these alone.
#
# The test piece is a trio for violin, horn and piano, arranged from a quartet by Haydn that was in
# no training data. The soundfont that plays it was in the training data, so this is an easy case;
# real recordings follow.

# %%
TRIO = haydn_trio(("violin", "horn", "piano"), SECONDS)
StemPlayer(TRIO)

# %%
unconditioned = model_separator(CHAMBER)(TRIO)
conditioned = model_separator(condition_on(CHAMBER, list(TRIO.stems)))(TRIO)
StemPlayer(conditioned, RATE)

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
# In our run the horn without conditioning is 15 dB below the mixture, softer than bassoon and
# cello, which do not play: its notes went to their stems. Conditioning improves the horn by 4.4 dB
# and the piano by 1.8 dB, and the violin by 0.3 dB. In a terminal this is the option
# `--instruments violin,horn,piano`.
#
# When nobody knows the instruments, **detection** can estimate them. The model first separates
# without conditioning. Instruments whose level is more than 16 dB below the mixture,
#
# $$10 \log_{10} \frac{\|\hat s_j\|^2}{\|x\|^2} < -16 \text{ dB}$$
#
# are treated as inactive, and the model separates again with the others as active sources.
# `divisi separate` does this when no instruments are given:

# %%
from helpers.inference.detection import DETECTION_THRESHOLD, detect_instruments

instruments = detect_instruments(CHAMBER, [TRIO.mixture], RATE, 1)
print(f"above {DETECTION_THRESHOLD:.0f} dB: {', '.join(instruments)}")
silence = dict.fromkeys(TRIO.stems, np.zeros_like(TRIO.mixture))
detected = silence | model_separator(condition_on(CHAMBER, instruments))(TRIO)
pd.DataFrame({"detected": quality(detected)}).round(1)

# %% [markdown]
# In our run it detects the three instruments, and also cello and bassoon, which do not play. A
# quarter of the gain that conditioning brings for the horn remains, and half of the gain for the
# piano. No threshold would be right here: one that excludes the bassoon excludes the horn first.
#
# How long did the training take? `chamber` was trained in four stages: `bach-quartet` (65 minutes
# on two CPU threads), `recipes/chamber-first.toml`, `recipes/chamber-second.toml` and
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
# section shows. **Weight interpolation** (Wortsman et al., 2022) can bring some of it back without
# training. From two sets of weights of the same architecture it computes
#
# $$\theta = (1 - a)\, \theta_\text{chamber} + a\, \theta_\text{bach-quartet}$$
#
# The weights that come with the course already contain a share of $a = 0.1$, which was chosen on
# the Bach10 excerpts. What happens with a larger share?

# %%
from helpers.training.averaging import interpolate

PIECES = {"this quartet": PIECE, "the trio": TRIO}
values = {name: {} for name in PIECES}
for share in (0.0, 0.2, 0.4, 0.8):
    interpolated = copy.deepcopy(CHAMBER)
    interpolate(interpolated, MODELS["bach-quartet"], share)
    for name, track in PIECES.items():
        stems = model_separator(interpolated, conditioned=True)(track)
        scores = [si_sdr(stems[key][0], stem[0]) for key, stem in track.stems.items()]
        values[name][share] = float(np.mean(scores))
pd.DataFrame(values).rename_axis("share").round(1)

# %% [markdown]
# In our run the quartet does not improve further (9.0 dB without an additional share, 8.8 to 8.9 dB
# with one). The trio falls from 6.9 to 2.2 dB, because `bach-quartet` knows neither horn nor piano.
# For a model of many instruments the share has to stay small.
#
# ## Real recordings
#
# The table shows the mean SI-SDR on recordings of real players, with the mixture as the
# **baseline** and masks from the true stems as the **oracle** (ideal ratio mask and ideal binary
# mask). None of these recordings was in the training data; only `bach-quartet-real` was fine-tuned
# on other pieces of the same players. A system has a value only where it knows all instruments.
# Bach10 has seven excerpts with four stems; URMP (violin and cello) and TRIOS (violin, horn and
# piano) are one excerpt each and can only be examples.

# %%
from experiments.studies import overview

overview(ROOT / "Results" / "real_recordings.csv")

# %%
estimates = model_separator(MODELS["bach-quartet"])(PIECE)
publish(plot_stems(Track(PIECE.name, RATE, estimates, PIECE.mixture), limit=4_000), "04_quartet")

# %%
StemPlayer(estimates, RATE)

# %% [markdown]
# On the URMP duo `chamber` improves on the mixture by 8.9 dB; with detection in place of
# conditioning it improves by 1.4 dB less. On the Bach10 quartets it is 0.6 dB behind
# `bach-quartet`, which knows only these four instruments, and detection costs 0.1 dB. Recipes and
# the interpolation were chosen with the Bach10 excerpts, so these values are somewhat optimistic.
#
# On the TRIOS excerpt it fails in part. The mean is 2.9 dB above the mixture, but that comes from
# violin and piano; the stem of the horn is 2.3 dB worse than the mixture. With detection the horn
# is not found at all, and its silent stem has an SI-SDR of $-\infty$. For this one recording the
# domain gap between rendered and real horns is not closed. More kinds of horns and pianos in the
# training data would be the first thing to try.

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
# ## Fine-tuning on your own players
#
# A model that has learnt from *your* violin can separate it better. **Fine-tuning** continues a
# training on a few recordings of your own. Make one folder for each piece, with one file for each
# instrument (`mine/sonata/violin.wav`, `mine/sonata/piano.wav`), and run
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
# look at their spectrograms, download them as a zip. `chamber` is conditioned on the instruments
# that you choose.

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({"chamber": CHAMBER, "bach-quartet": MODELS["bach-quartet"], "yours": HT_DEMUCS})

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
# - In the ablation more soundfonts gained 1.8 dB on real recordings; rooms, microphones and other
#   effects together cost 1.0 dB (300 training steps, two seeds, seven dry excerpts).
# - A recipe is trained by one command or one cell, which resumes from its last checkpoint.
# - With eight minutes of one core the mask network was 6.8 dB ahead of HT-Demucs (one seed). This
#   decides the default here; it does not say what either can reach with more data and time.
# - Silence stays silent, stems follow the level of the recording, and masks that sum to one give
#   stems that sum to the recording.
# - Conditioning on the active sources improved the rendered trio by up to 4.4 dB for one stem, and
#   the mean of the real duo by 1.4 dB compared with detection. Detection estimates the active
#   sources and keeps a part of the gain.
# - Further training can make a network forget. Interpolation with older weights brings some of it
#   back, at a cost for instruments that the older weights do not know.
# - `divisi separate` separates a recording of yours, and `divisi finetune` fits a model to your
#   players.
#
# ### What to try next
#
# With a GPU train `recipes/quartet-htdemucs.toml` to its end, and compare it with `bach-quartet`.
# Or train `recipes/chamber-first.toml`, `recipes/chamber-second.toml` and `recipes/chamber.toml`
# with ten times their steps and a batch of 64, and see how much closer `chamber` comes to the
# oracle. `python -m experiments.realism --seeds 0 1 2 --steps 1000` repeats the ablation with more
# seeds and longer training.
#
# ### Exercises
#
# Solutions with numbers are in `Notebooks/solutions/04_htdemucs.py`.
#
# 1. Give the click as much energy as the tone. Which window puts most of the energy of both into
#    1 % of its bins? Guess first.
# 2. Remove the positional encoding, so that all keys are equal. What is the output of the
#    attention? Work it out without a computer.
# 3. Without conditioning, `chamber` gives a part of the mixture to instruments that do not play.
#    Assign this part to those that do play, after the separation. How much of the gain of
#    conditioning does that recover?

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
# - M. Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022,
#   [arXiv 2109.01903](https://arxiv.org/abs/2109.01903).
