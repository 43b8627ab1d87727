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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/06_resunet.ipynb)
#
# # ResUNetDecouple+: magnitude and phase apart
#
# *A mask that is complex, may exceed one, and is estimated in three parts.* This chapter opens
# ResUNetDecouple+, a deep residual network for spectrograms. It tests each part of its mask with
# signals whose answer is known, and reads an ablation of them. It then asks how far trained models
# carry: to other instruments, to noise, drums and speech, through a telephone.
#
# In this chapter you will
#
# - compute how often the magnitude of an ideal mask exceeds one, and what a bounded mask costs;
# - take a complex mask apart into magnitude, phase and residual, and put it together again;
# - look inside a residual U-Net of 143 convolutions;
# - divide a waveform into subbands and compute what this saves;
# - load a trained ResUNetDecouple+, or train one;
# - read an ablation that asks what each part of the mask is worth at the same computing time;
# - measure and hear how far models carry to what they were not trained on;
# - separate your own recording.
#
# | brick | in this chapter |
# | --- | --- |
# | task | separate violin, clarinet, saxophone and bassoon |
# | data | rendered chorales, as for `bach-quartet`; for the tests also drums, speech and noise |
# | model | a residual U-Net with a decoupled complex mask, in four subbands |
# | evaluation | SI-SDR, and how much of it is lost outside of the training conditions |
# | needs | two cores: 2 min; T4: not tested; disk: 0.5 GB; recordings: optional |
#
# Everything runs on a CPU. The last two studies take hours to compute; the cells read their tables
# in `Results/`, and the text names the commands.

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

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the network is trained here
# instead of loaded. In the `smoke` profile, which the tests use, everything is tiny.

# %%
SMOKE, GPU = runtime.profile() == "smoke", torch.cuda.is_available()
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
ROOT = runtime.repository_root()
RATE = 44100  # samples per second
SECONDS = 3 if SMOKE else 12  # of the rendered piece
STEPS = 2 if SMOKE else 4_000 if GPU else 100  # of a network trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")

# %% [markdown]
# ## What a mask has to be
#
# A [**mask**](../docs/glossary.md#mask) multiplies each bin of the
# [**STFT**](../docs/glossary.md#stft) of the [**mixture**](../docs/glossary.md#mixture), $\hat S =
# M X$. The mask that gives the true [**stem**](../docs/glossary.md#stem) $S$ is the **complex ideal
# ratio mask** ([**cIRM**](../docs/glossary.md#cirm)):
#
# $$M[m, k] = \frac{S[m, k]}{X[m, k]} = \frac{|S|}{|X|}\, e^{i (\angle S - \angle X)}$$
#
# The networks of chapters 3 and 4 estimate a mask between 0 and 1 and keep the phase of the
# mixture. What does the ideal mask of a chorale look like?

# %%
from experiments.pieces import chorale
from helpers.display.players import StemPlayer
from helpers.music.splits import TEST

PIECE = chorale(TEST[0], QUARTET, SECONDS)
StemPlayer(PIECE)

# %%
from helpers.models.resunet import ResUNet, ResUNetConfig

PUBLISHED = ResUNetConfig(QUARTET, RATE)  # sizes and parts as published
FORMULAS = ResUNet(replace(PUBLISHED, widths=(1,), units=1, bottlenecks=0)).eval()
STEMS = torch.from_numpy(np.stack(list(PIECE.stems.values())))[None]  # (1, sources, 1, samples)
X = FORMULAS.stft(STEMS.sum(1))  # (1, 1, bins, frames)
S = torch.stack([FORMULAS.stft(stem) for stem in STEMS.unbind(1)], dim=1)
loud = X.abs() > 1e-3 * X.abs().max()  # bins that can be heard
MASK = (S / X[:, None]).abs().squeeze()  # (sources, bins, frames)
above = [float((mask[loud[0, 0]] > 1).float().mean()) for mask in MASK]
pd.Series(above, index=QUARTET, name="share of the bins with |M| > 1").round(2)

# %%
from experiments.curves import plot_curves, plot_images
from helpers.display.figures import publish

edges = np.linspace(0, 2, 41)
heard = {name: mask[loud[0, 0]].numpy() for name, mask in zip(QUARTET, MASK, strict=True)}
shares = {name: np.histogram(v, edges)[0] / len(v) for name, v in heard.items()}
curves = {name: (edges[:-1] + 0.025, share) for name, share in shares.items()}
labels = {"xlabel": "magnitude of the ideal mask", "ylabel": "share of the bins"}
publish(plot_curves({"": curves}, **labels), "06_ideal_masks")

# %% [markdown]
# Most values are near 0 or 1, because most bins belong to one instrument. But a part of them lies
# above 1: where the partials of two instruments meet with opposite phases, the mixture is softer
# than each of them. No mask between 0 and 1 can bring back what they cancelled. (Kong et al. report
# 22 % of such bins for the pop songs of MUSDB18.)
#
# **Quick questions**
#
# *1. Two stems have the same magnitude in a bin, and phases that differ by 90 degrees. What is
# $|M|$?*
#
# <details><summary>Answer</summary>
#
# The mixture has $\sqrt 2$ times their magnitude, so $|M| = 1 / \sqrt 2 = 0.71$ for both. The masks
# sum to 1.41 in magnitude, and to 1 as complex numbers.
# </details>
#
# *2. Why do we leave out the soft bins when we count?*
#
# <details><summary>Answer</summary>
#
# There are many of them and nobody hears them. Their ratios are those of two tiny numbers.
# </details>
#
# ## Magnitude, phase, residual
#
# ResUNetDecouple+ (Kong et al., 2021) estimates the mask in parts, which is called **decoupling**
# ([glossary](../docs/glossary.md#decoupling)). For each source and bin the network has four
# outputs, $m$, $a$, $b$ and $q$:
#
# $$|\hat M| = \sigma(m), \qquad
# e^{i \angle \hat M} = \frac{\tanh a + i \tanh b}{|\tanh a + i \tanh b|}, \qquad
# |\hat S| = \max(0,\; |\hat M|\,|X| + \hat Q)$$
#
# and $\hat S = |\hat S|\, e^{i (\angle X + \angle \hat M)}$. The sigmoid $\sigma$ bounds the
# magnitude of the mask between 0 and 1. The phase is a point on the unit circle. The residual $\hat
# Q$ is added to the magnitude, and may lift it above that of the mixture. (In our version $q$
# counts in units of the level of the mixture, so that the estimates scale with the recording.)
#
# Why a point and not an angle? Angles jump: 179 and -179 degrees are neighbours, but their mean is
# 0, the opposite direction.

# %%
angles = np.deg2rad([179.0, -179.0])
point = np.exp(1j * angles).mean()
print(f"mean of the angles: {np.rad2deg(angles.mean()):.0f} degrees")
print(f"angle of the mean point: {abs(np.rad2deg(np.angle(point))):.0f} degrees")

# %% [markdown]
# We know the stems, so we know what the network should estimate. `true_parts` computes it from the
# formulas above. Here are the three parts for the violin:

# %%
from experiments.decoupling import true_parts

parts = true_parts(FORMULAS, STEMS)[0, 0, :, 0]  # of the violin: (4, bins, frames)
angle = torch.rad2deg(torch.atan2(parts[2].tanh(), parts[1].tanh()))
pictures = {"magnitude": parts[0].sigmoid(), "phase (degrees)": angle}
pictures["residual"] = parts[3].clamp(0, 2)
place = {"xlabel": "time (s)", "ylabel": "kHz", "ylim": (0, 3)}
publish(plot_images(pictures, (0, SECONDS, 0, RATE / 2000), **place), "06_parts")

# %% [markdown]
# In the magnitude the partials of the violin are bright. The phase is near zero there: where the
# violin is much louder than the others, the phase of the mixture is already right. The residual is
# almost empty; it appears in single bins, where instruments cancel each other.
#
# What is each part worth, if the network estimated it perfectly? We put the stems together from the
# true parts, first with the magnitude alone:

# %%
from helpers.evaluation.metrics import si_sdr

VARIANTS = {
    "magnitude": {"phase": False, "residual": False},
    "magnitude + residual": {"phase": False},
    "magnitude + phase": {"residual": False},
    "all three": {},
}


# %%
def with_true_parts(changes: dict[str, bool]) -> np.ndarray:
    """SI-SDR in dB of each stem, put together from the true values of these parts."""
    model = ResUNet(replace(FORMULAS.config, **changes)).eval()
    mix = model.stft(STEMS.sum(1))
    spectra = model.decoupled(mix, true_parts(model, STEMS), model.level(mix))
    estimates = model.istft(spectra, STEMS.shape[-1])
    return si_sdr(estimates[0, :, 0].numpy(), STEMS[0, :, 0].numpy())


# %%
values = {name: with_true_parts(changes) for name, changes in VARIANTS.items()}
LIMITS = pd.DataFrame(values, index=QUARTET).T
LIMITS["mean"] = LIMITS.mean(axis=1)
LIMITS.round(1)

# %%
mean = LIMITS["mean"]
print(f"phase, on top of the magnitude: {mean['magnitude + phase'] - mean['magnitude']:+.1f} dB")
print(f"residual, without the phase: {mean['magnitude + residual'] - mean['magnitude']:+.1f} dB")
print(f"residual, with the phase: {mean['all three'] - mean['magnitude + phase']:+.1f} dB")

# %% [markdown]
# With all three parts the stems come back, up to rounding: the formulas lose nothing. Without the
# phase there is a limit that no magnitude can pass. And the residual needs the phase: where two
# instruments cancel, their phases differ most from that of the mixture, and a larger magnitude in a
# wrong direction helps little.
#
# These are limits, not results: a network sees only the magnitudes of the mixture, and has to infer
# the phases from them.
#
# **Quick questions**
#
# *1. The network gives $a = b = 0.001$. What is the angle of the mask?*
#
# <details><summary>Answer</summary>
#
# 45 degrees. Only the direction of the point counts, not how far it is from the centre.
# </details>
#
# *2. Which part could be left out if the stems never overlapped in a bin?*
#
# <details><summary>Answer</summary>
#
# Phase and residual: the mask would be 1 or 0 everywhere.
# </details>
#
# ## A residual U-Net
#
# The network is a [**U-Net**](../docs/glossary.md#u-net) over the spectrogram. Its building block
# is a [**residual unit**](../docs/glossary.md#residual-unit) (He et al., 2016): two convolutions
# $f$, each behind a [**normalisation**](../docs/glossary.md#normalisation) and a rectifier, whose
# result is added to their input,
#
# $$y = x + f(x)$$
#
# If $f$ is small, the unit changes little, however many of them follow each other, and the gradient
# reaches the first layers through the sums. We test the formula with weights of zero:

# %%
from helpers.models.resunet import ResidualUnit

unit = ResidualUnit(8, 8).eval().requires_grad_(False)
torch.nn.init.zeros_(unit.second[2].weight)
image = torch.randn(1, 8, 16, 16)
print(f"largest change: {float((unit(image) - image).abs().max()):.1e}")

# %% [markdown]
# The published network has six encoder and six decoder blocks of four such units, four blocks
# between them and one after them:

# %%
with torch.device("meta"):  # counts weights without making them
    largest = ResUNet(PUBLISHED)
SECTIONS = ("encoder", "bottleneck", "decoder", "after")
weights = {
    name: sum(p.numel() for p in getattr(largest, name).parameters()) / 1e6 for name in SECTIONS
}
weights["all"] = sum(p.numel() for p in largest.parameters()) / 1e6
pd.Series(weights, name="million weights").round(1)

# %%
convolutions = [m for m in largest.modules() if isinstance(m, torch.nn.Conv2d)]
deep = sum(layer.kernel_size == (3, 3) for layer in convolutions) + len(largest.decoder) + 1
print(f"{deep} convolutions, counted without shortcuts and the output layer")

# %% [markdown]
# With 102 million weights it is too large for our computing time. The network of the course,
# `recipes/resunet-quartet.toml`, has the same shape and a few million. These are the outputs of its
# encoder blocks for four seconds of sound. Each block halves frequency and time and adds channels;
# the last one halves only the frequency.

# %%
from experiments.layers import outputs_of
from helpers.recipes.schema import read_recipe

RECIPE = read_recipe(ROOT / "recipes" / "resunet-quartet.toml")
TINY = {"widths": [4, 8], "segment_seconds": 1.0, "bottlenecks": 0}
SIZE = {**RECIPE.model, **TINY} if SMOKE else RECIPE.model
UNTRAINED = ResUNet(ResUNetConfig(QUARTET, 22050, **SIZE)).eval()
names = [f"encoder.{number}" for number in range(len(UNTRAINED.encoder))]
kept = outputs_of(UNTRAINED, names, torch.randn(1, 4 * 22050))
shapes = {name: tuple(output.shape) for name, output in kept.items()}
pd.DataFrame(shapes, index=["channels", "frequency", "time"]).T

# %% [markdown]
# **Quick questions**
#
# *1. Why does the last block not halve the time?*
#
# <details><summary>Answer</summary>
#
# We cannot know what its authors thought. It keeps more positions in time: after five halvings
# there is one for every 32 frames, which is about 0.3 s in the published network.
# </details>
#
# *2. Why is an untrained network with $f = 0$ everywhere not useless as a start?*
#
# <details><summary>Answer</summary>
#
# Its gradient is not zero: it says how each $f$ should change.
# </details>
#
# ## Subbands
#
# The first four levels of the U-Net cost about the same each: where the channels double, the
# picture has a quarter of the size. A smaller picture makes all of them cheaper. A
# [**filterbank**](../docs/glossary.md#filterbank) divides the waveform into four
# [**subbands**](../docs/glossary.md#subband) with a quarter of the samples each (Liu et al., 2020).
# Their spectrograms have a quarter of the bins and become four channels of one smaller picture. The
# filters are cosines under a common low-pass $p$ of $N + 1$ samples, for the subband $k$ of $K$
#
# $$h_k[n] = 2\, p[n] \cos\!\left(\frac{(2k + 1)\,\pi}{2K}\left(n - \frac{N}{2}\right)
# + (-1)^k \frac{\pi}{4}\right)$$

# %%
from helpers.models.resunet import filterbank

filters = filterbank(4)[:, 0].numpy()  # (subbands, samples)
response = 20 * np.log10(np.abs(np.fft.rfft(filters, 4096)) + 1e-6)
kilohertz = np.linspace(0, 22050 / 2000, response.shape[1])
curves = {f"subband {k}": (kilohertz, gains) for k, gains in enumerate(response)}
figure = plot_curves({"": curves}, xlabel="kHz", ylabel="gain (dB)", ylim=(-100, 5))
publish(figure, "06_filterbank")

# %% [markdown]
# Do the subbands together contain the waveform? We divide the mixture and put it together again.
# And a tone of 1 kHz, at 22.05 kHz, should be in the lowest subband alone:

# %%
BANDS = ResUNet(ResUNetConfig(("all",), 22050, hop=512, widths=(1,), subbands=4))
second = STEMS[:, 0, :, :22050]
again = BANDS.from_subbands(BANDS.to_subbands(second)[:, None], 22050)[:, 0]
error = 10 * torch.log10((again - second).square().sum() / second.square().sum())
print(f"error: {float(error):.0f} dB")
tone = torch.sin(2 * torch.pi * 1000 * torch.arange(22050) / 22050)[None, None]
energy = BANDS.to_subbands(tone).square().sum(-1)[0]
print("energy of the tone in each subband:", (energy / energy.sum()).numpy().round(4))

# %% [markdown]
# The error is far below what a separation reaches. What do the subbands save? The table counts the
# operations of one training example with and without them:

# %%
from experiments.contest import training_operations

costs = {}
for subbands in (1, 4):
    network = ResUNet(ResUNetConfig(QUARTET, 22050, **{**SIZE, "subbands": subbands}))
    count = training_operations(network, RECIPE.segment_seconds)
    costs[f"{subbands} subbands"] = {"GFLOP an example": count / 1e9}
pd.DataFrame(costs).round(0)

# %% [markdown]
# The same number of weights, almost, and about a quarter of the operations. The price: one
# convolution kernel no longer moves over the whole frequency axis; each subband has its own weights
# in the first layer, and a note whose partials are in several subbands is seen in several channels.
#
# **Quick questions**
#
# *1. The subbands have together as many samples as the waveform. What then makes the network
# cheaper?*
#
# <details><summary>Answer</summary>
#
# Its first convolution mixes the four subbands into the channels of one picture of a quarter of the
# size. All further layers work on this smaller picture.
# </details>
#
# *2. Each subband keeps every fourth sample only. Why is the aliasing no harm?*
#
# <details><summary>Answer</summary>
#
# The aliasing of neighbouring subbands cancels when they are added again. Masks that differ much
# between two subbands disturb this a little, near their border.
# </details>
#
# ## Training
#
# The recipe trains on rendered chorales, recorded notes and solos, as chapter 4 describes for
# HT-Demucs, with the same loss. Its network begins with weights of zero in the output layer, so
# that every stem is half of the mixture. With `TRAIN` the cell trains for a few steps, far too few
# to separate well.

# %%
from experiments.curves import plot_curves
from helpers.evaluation.results import output_folder
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model

sounds = {"soundfonts": ("FluidR3_GM", "MuseScore_General_Lite")}  # those that come with the course
sounds |= {"max_seconds": 3.0, "note_samples": 0} if SMOKE else {}
training = replace(
    RECIPE.training, steps=STEPS, batch_size=2 if SMOKE else 16 if GPU else 4,
    warmup_steps=min(200, STEPS // 8), validate_every=max(2, STEPS // 10),
)  # fmt: skip

# %%
recipe = replace(
    RECIPE, model=SIZE, training=training, rendering=replace(RECIPE.rendering, **sounds),
    segment_seconds=1.0 if SMOKE else 4.0, validation_examples=4 if SMOKE else 48,
    max_pieces=2 if SMOKE else 0 if GPU else 48,
)  # fmt: skip
RUN = output_folder("runs") / f"06-resunet-{STEPS}"
RESUNET = load_model(train(recipe, RUN) if TRAIN else "resunet-quartet")
card = RESUNET.card["provenance"]
print(f"step {card['step']:,}; {card['seconds'] / 3600:.1f} hours on {card['device']}")

# %%
curve = {"ResUNetDecouple+": tuple(zip(*card["validation"], strict=True))}
publish(plot_curves({"": curve}, xlabel="step", ylabel="validation SI-SDR (dB)"), "06_training")

# %% tags=["sample"]
from helpers.evaluation.evaluate import model_separator

StemPlayer(model_separator(RESUNET)(PIECE), references=PIECE)

# %% [markdown]
# The curve is the mean SI-SDR on 48 mixtures of chorales that do not train; the unprocessed mixture
# of four equally loud stems has about $10 \log_{10}(1/3) = -4.8$ dB. The player plays a rendered
# chorale that is in no training data.
#
# What does the trained network do with the phase? The mean of $\cos \angle \hat M$, weighted with
# the energy of the bins, is 1 where it keeps the phase of the mixture, and lower where it turns it.

# %%
from helpers.audio.resampling import resample

halved = resample(PIECE.mixture, RATE, RESUNET.sample_rate)
with torch.no_grad():
    mix = RESUNET.stft(torch.from_numpy(halved)[None])
    features = (mix.abs() / (RESUNET.level(mix) + 1e-5)) ** RESUNET.config.compression
    outputs = RESUNET.parts(features)[0]  # (sources, 4, subbands, bins, frames)
cosine = torch.cos(torch.atan2(outputs[:, 2].tanh(), outputs[:, 1].tanh()))
energy = mix.abs().square()
kept_phase = (cosine * energy).sum((1, 2, 3)) / energy.sum()
pd.Series(kept_phase.numpy(), index=RESUNET.sources, name="mean cosine").round(3)

# %% [markdown]
# If the values are all near 1, the network has not learned to turn the phase: what it has learned
# so far is in the magnitudes.
#
# **Quick questions**
#
# *1. Why does the network begin with half of the mixture, and not with random masks?*
#
# <details><summary>Answer</summary>
#
# From there every bin can go either way, and no random phase has to be unlearnt first.
# </details>
#
# *2. The four estimates need not sum to the mixture. When could that be an advantage?*
#
# <details><summary>Answer</summary>
#
# When the mixture contains something that belongs to no instrument, such as noise or speech.
# </details>
#
# ## What each part is worth
#
# The limits above assume perfect parts. The [**ablation**](../docs/glossary.md#ablation) `python -m
# experiments.decoupling` asks what a trained network makes of them. It begins with the magnitude
# alone, in four subbands, and adds the phase, then the residual. The last network has all three but
# no subbands. Each has half of the channels of our recipe, learns to separate two of the four
# instruments, violin and bassoon, and is trained for eight minutes on one processor core, with two
# seeds. A step without subbands takes longer, so the last network makes fewer of them.

# %%
from IPython.display import display

from experiments.charts import plot_ablation
from helpers.evaluation.results import read_table

ABLATION = read_table(ROOT / "Results" / "06_decoupling.csv")
for test in ABLATION["test_data"].unique():
    print(test)
    display(plot_ablation(ABLATION[ABLATION["test_data"] == test]))

# %%
rows = ABLATION.query("metric == 'SI-SDR' and checkpoint_sha256 != 'none'")
seeds = rows.groupby(["test_data", "system", "seed"])["value"].mean().unstack()
change = seeds.mean(axis=1).groupby("test_data").diff()
apart = seeds.max(axis=1) - seeds.min(axis=1)
pd.DataFrame({"mean": seeds.mean(axis=1), "change": change, "seeds apart": apart}).round(1)

# %%
for (test, step), value in change.dropna().items():
    sure = abs(value) > 2 * apart[test].max()
    verdict = "more than twice the distance of seeds" if sure else "not clearly a change"
    print(f"{test}, {step}: {value:+.1f} dB, {verdict}")

# %% [markdown]
# A dot is one seed. Floor and ceiling are the mixture and the ideal ratio mask. Compare each change
# with the distance of two seeds: a smaller one could be chance.
#
# In our run (`Results/06_decoupling.csv`) the two trainings with all parts in four subbands differ
# by 2.7 dB on the rendered chorales, with nothing changed but the seed. No step changes a mean by
# as much: after eight minutes we cannot say which part helps. The network without subbands had time
# for about a quarter of the steps, and ends near the others.
#
# Keep in mind that a short training measures how fast a network learns, not how good it can become,
# and that the true phase is worth much more than what a network can read from magnitudes.
#
# **Quick questions**
#
# *1. Why is computing time, and not the number of steps, the same for all?*
#
# <details><summary>Answer</summary>
#
# Because time is what you pay. With equal steps the subbands would show their price and not what
# they buy.
# </details>
#
# *2. What would you change to find out what the phase is worth at the end of a long training?*
#
# <details><summary>Answer</summary>
#
# Only the budget: train both networks until neither improves. The order may then be another one.
# </details>
#
# ## How far does a model carry?
#
# A model meets sounds that it was not trained on: other instruments, a noisy microphone, a voice.
# We measure this on rendered chorales, so that you can repeat it, and on Bach10. A condition
# changes the mixture; the stems remain the reference. (A telephone also takes the lows from the
# stems: what is not in the recording cannot be expected from a model.) Choose one and listen:

# %%
from experiments.interference import conditions

CONDITIONS = {condition.name: condition for condition in conditions()}
print(", ".join(CONDITIONS))
DRUMS = CONDITIONS["drum kit"].apply(PIECE)
StemPlayer({**DRUMS.stems, "drums": DRUMS.mixture - PIECE.mixture}, RATE)

# %%
from helpers.display.plots import plot_spectrograms

called = CONDITIONS["telephone"].apply(PIECE)
signals = {name: CONDITIONS[name].apply(PIECE).mixture for name in ("telephone", "old record")}
signals["as it was"] = PIECE.mixture
publish(plot_spectrograms(signals, RATE, mixture=False, limit=8_000), "06_channels")

# %% [markdown]
# The mask network `bach-quartet` and the network of this chapter on the same telephone call:

# %%
MODELS = {"bach-quartet": load_model("bach-quartet"), "ResUNetDecouple+": RESUNET}
stems = {name: model_separator(model)(called) for name, model in MODELS.items()}
StemPlayer(stems["bach-quartet"], references=called)

# %%
StemPlayer(stems["ResUNetDecouple+"], references=called)


# %%
def mean_si_sdr(model: torch.nn.Module, track) -> float:
    """Over the four instruments, dB."""
    estimates = model_separator(model)(track)
    return np.mean([si_sdr(estimates[name][0], stem[0]) for name, stem in track.stems.items()])


tracks = {"as it was": PIECE} | {
    name: CONDITIONS[name].apply(PIECE) for name in ("noise -10 dB", "drum kit", "telephone")
}
scores = {
    name: {key: mean_si_sdr(model, track) for key, track in tracks.items()}
    for name, model in MODELS.items()
}
pd.DataFrame(scores).round(1)

# %% [markdown]
# One chorale is an example. `python -m experiments.transfer` measures six, and the excerpts of
# Bach10; with other soundfonts and other ensembles, too. The figure shows how much each condition
# changes the SI-SDR. The bar is the change of the mixture: how much harder the task itself became.
# A dot left of its bar is a model that loses more than that.

# %%
from experiments.transfer import BASELINE_TEST, REAL, plot_changes, si_sdr_changes

TRANSFER = read_table(ROOT / "Results" / "06_transfer.csv")
plot_changes(TRANSFER, {BASELINE_TEST: "rendered chorales", REAL: "Bach10"})

# %% [markdown]
# A model that separates little has little to lose. So here is first how well each one separates the
# pieces as they are, then how much the conditions change that:

# %%
as_it_is = TRANSFER[TRANSFER["test_data"].isin([BASELINE_TEST, REAL])].query("metric == 'SI-SDR'")
as_it_is.pivot_table("value", "test_data", "system", sort=False).round(1)

# %%
changes = si_sdr_changes(TRANSFER)
changes.round(1)

# %%
for system in [name for name in changes if not name.startswith(("mixture", "oracle"))]:
    beyond = (changes[system] - changes["mixture"]).dropna()
    print(f"{system} loses most, beyond the mixture, under: {beyond.idxmin()}")
    print(f"  {beyond.min():.1f} dB; least under: {beyond.idxmax()}, {beyond.max():+.1f} dB")

# %% [markdown]
# Which soundfonts were new to which model? The cards of the models know:

# %%
from experiments.transfer import OTHER_SOUNDFONTS

cards = {name: load_model(name).card for name in ("bach-quartet", "chamber", "resunet-chamber")}
cards["ResUNetDecouple+"] = RESUNET.card
heard = {
    font: {
        name: "trained" if font in card["learned_from"] else "new" for name, card in cards.items()
    }
    for font in ("FluidR3_GM", "MuseScore_General_Lite", *OTHER_SOUNDFONTS)
}
pd.DataFrame(heard).T

# %% [markdown]
# Before you trust a model with a recording of another kind, ask two things. Is what differs
# *inside* the mixture, as noise and speech are? Then some stem has to take it, unless the model may
# leave a part of the mixture out. Or does something *miss*, as in a telephone call? A model that
# finds notes by their fundamental has lost what it looks for, although enough is left to hear the
# melody.
#
# The cheapest remedy is the one of chapter 4: train with what you expect, drawn at random.
#
# **Quick questions**
#
# *1. Why are the stems filtered too under `telephone`, and not under `drum kit`?*
#
# <details><summary>Answer</summary>
#
# The drums are something else in the recording, and the stems can still be right. What the
# telephone cuts off is gone; to ask for it would measure invention.
# </details>
#
# *2. Under strong noise the SI-SDR of the mixture falls too. Why is the bar in the figure needed?*
#
# <details><summary>Answer</summary>
#
# It is what a system that does nothing would lose. Only a loss beyond it is a failure of the model.
# </details>
#
# ## Your own recording
#
# Run the cell, choose a recording and press the button. Compare both models on the same piece.

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({"ResUNetDecouple+": RESUNET, "bach-quartet": MODELS["bach-quartet"]})

# %% [markdown]
# Without the buttons use `divisi separate my.wav --model resunet-quartet` in a terminal; a model
# that you trained is named by its file, `--model runs/NAME/NAME.safetensors`.

# %% [markdown]
# ## Recap
#
# - Where instruments cancel each other, the magnitude of the ideal mask exceeds one. A mask between
#   0 and 1 cannot bring these bins back.
# - The true magnitude, phase and residual give the stems back, up to rounding. Without the phase
#   there is a limit that no magnitude passes, and the residual helps only together with the phase.
# - A residual unit adds its result to its input, so 143 convolutions can be trained. Almost all of
#   the 102 million weights are in the deep blocks, most of the operations in the others.
# - Four subbands make one picture of a quarter of the size, at about a quarter of the operations,
#   and the filterbank loses nothing that matters.
# - The network is trained by a recipe and begins with half of the mixture in every stem.
# - The ablation compares the parts at the same computing time; a change counts when it is clearly
#   larger than the distance of the seeds. After eight minutes none is.
# - Models lose most where what they rely on is missing or something new is in the mixture. The loss
#   of the mixture itself tells how much of that is the task.
# - `OwnRecording` in this notebook and `divisi separate` in a terminal separate a recording of
#   yours.
#
# ### What to try next
#
# With a GPU set `units = 4` and `widths = [32, 64, 128, 256, 384, 384]` in the recipe, which is the
# published size. Add `TELEPHONE` to the mixing of a recipe, train `bach-quartet` further with it,
# and measure again. `python -m experiments.decoupling --minutes 120` gives every network more time;
# the column `config` of its table tells the budgets apart.
#
# ### Exercises
#
# Work in [the exercises](exercises/06_resunet.ipynb); [the solutions](solutions/06_resunet.ipynb)
# come with their numbers.
#
# 1. How does the share of bins with $|M| > 1$ depend on the window?
# 2. All magnitudes are right and all phases wrong by the same angle: what is the SI-SDR?
# 3. At which level of speech is a model no better than the mixture?

# %% [markdown]
# ### References
#
# - K. He, X. Zhang, S. Ren and J. Sun, *Identity mappings in deep residual networks*, ECCV 2016,
#   [arXiv 1603.05027](https://arxiv.org/abs/1603.05027).
# - Q. Kong, Y. Cao, H. Liu, K. Choi and Y. Wang, *Decoupling magnitude and phase estimation with
#   deep ResUNet for music source separation*, ISMIR 2021, [arXiv
#   2109.05418](https://arxiv.org/abs/2109.05418).
# - H. Liu, L. Xie, J. Wu and G. Yang, *Channel-wise subband input for better voice and
#   accompaniment separation on high resolution music*, Interspeech 2020, [arXiv
#   2008.05216](https://arxiv.org/abs/2008.05216).
# - Y.-P. Lin and P. P. Vaidyanathan, *A Kaiser window approach for the design of prototype filters
#   of cosine modulated filterbanks*, IEEE Signal Processing Letters, 1998.
