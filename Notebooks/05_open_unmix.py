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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/05_open_unmix.ipynb)
#
# # Open-Unmix: one instrument out of any mix
#
# *One network for one instrument, whatever plays beside it.* Open-Unmix is a small network that
# many papers compare with. This chapter trains it for eleven instruments of chamber music, asks
# which of them are easy and which are hard, and ends with an instrument of your own.
#
# In this chapter you will
#
# - make training examples from pieces with any number of stems, in which the target may be missing
#   or play twice;
# - follow a spectrogram through Open-Unmix, and probe the network with tones whose answer is known;
# - train it, and compare the end of a fixed schedule with early stopping, the original's way;
# - read which of eleven targets are easy and which are hard, and what goes with it;
# - filter the estimates of several networks so that they sum to the recording;
# - train a target of your own from a folder of stems with one command, and hear it.
#
# | brick | in this chapter |
# | --- | --- |
# | task | take one instrument out of an ensemble of two to six; the rest is the second estimate |
# | data | rendered ensembles, recorded notes and solos; or any folder of stems, such as MedleyDB |
# | model | Open-Unmix: three bidirectional LSTM layers estimate one mask |
# | evaluation | SI-SDR and SDR on rendered and real pieces, between a floor and an oracle mask |
# | needs | two cores: 5 min (training 150); T4: not tested; disk: 0.1 GB; recordings: optional |
#
# Many projects begin in this way. [One of
# them](https://github.com/thefifthagreement/guitar-signal-separation) trained Open-Unmix for the
# acoustic guitar on MedleyDB and published its training curves. We take up its question, which
# instruments can be separated in this way, and answer it with numbers.

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
import pandas as pd
import torch
from IPython.display import Markdown

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the cells below train here, even
# where the course brings the weights.

# %%
SMOKE = runtime.profile() == "smoke"
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
RATE = 44100  # samples per second
STEPS = 4 if SMOKE else 150  # of a training in this notebook
SECONDS = 4.0 if SMOKE else 20.0  # of each song
SONGS = 5 if SMOKE else 9

# %% [markdown]
# ## The data: pieces with any number of stems
#
# The chapters before this one knew their sources: four voices of a chorale, always in the same
# order. Here only one [**source**](../docs/glossary.md#source) has a name, the
# [**target**](../docs/glossary.md#target). All others together are the *rest*. A piece is a folder
# with a file for each [**stem**](../docs/glossary.md#stem), and the names of the others do not
# matter. We make such a folder: songs for a theremin and a small band. The theremin is a sine that
# glides from note to note. No [**soundfont**](../docs/glossary.md#soundfont) has it, and no table
# of instruments in this course.

# %% tags=["sample"]
from experiments.own_target import song, write_songs
from helpers.display.players import StemPlayer
from helpers.evaluation.results import output_folder

FOLDER = write_songs(output_folder("runs") / f"05-songs-{SONGS}x{SECONDS:g}s", SONGS, SECONDS)
TEST = song(100, min(SECONDS, 8.0))
StemPlayer(TEST)

# %%
from helpers.datasets.stem_folders import find_tracks

found = find_tracks(FOLDER, any_names=True)
pd.Series({piece.name: ", ".join(piece.stems) for piece in found}, name="stems")

# %% [markdown]
# Every third song lacks the theremin. Such pieces are useful: a network that has never heard a
# piece without its target will find one everywhere. A piece may also have the target twice, such as
# the two violins of a quartet, and then both together are the target.
#
# Open-Unmix calls this a data set of *variable sources*. An example is a chunk of a few seconds
# from anywhere in a piece, drawn with replacement. In a share of the examples (here 85 %) the
# target sounds; from the others it is removed. With probability `coherent` the rest comes from the
# same piece, else from another, as in a [**random mix**](../docs/glossary.md#random-mix). Example
# number $i$ depends only on the seed and $i$, so that a training that was stopped resumes with the
# same examples.

# %%
from experiments.targets import recipe_of
from helpers.recipes.targets import with_target
from helpers.recipes.train import mixtures

OWN = with_target(recipe_of("violin", STEPS, quick=True), "theremin", FOLDER)
training, validation = mixtures(OWN)
drawn = [training.draw(np.random.default_rng([0, index])) for index in range(6)]
names = [[segment.variant for segment in example if segment] for example in drawn]
pd.DataFrame(
    {
        "target": [any(v.instrument == "theremin" for v in example) for example in names],
        "stems": [", ".join(f"{v.instrument} ({v.piece[:6]})" for v in e) for e in names],
    }
)

# %%
count = 20 if SMOKE else 200
levels = [training[index][1][0].square().mean().sqrt().item() for index in range(count)]
print(f"the target sounds in {np.mean(np.array(levels) > 0):.0%} of {count} examples")

# %% [markdown]
# `MedleyDB` (Bittner et al., 2014) is read in the same way. Its folder `TRACK` holds
# `TRACK_METADATA.yaml`, `TRACK_STEMS/` and `TRACK_RAW/`. The metadata say which instrument each
# stem is, and whether it has [**bleed**](../docs/glossary.md#bleed) (`has_bleed`): whether the
# microphone of one player heard the others. A network that learns from such a stem learns to keep
# the others. `--no-bleed` leaves these tracks out. Stems whose activity confidence never reaches
# one half are silent and left out too. We could not obtain MedleyDB, so no number here comes from
# it.
#
# One warning if you use the package `openunmix` yourself: its own data sets (`openunmix.data`) and
# its command line call `torchaudio.info` and `torchaudio.set_audio_backend`, which torchaudio has
# removed (seen with torchaudio 2.11). The network is not affected, and this course takes only the
# network and the Wiener filter from there.
#
# **Quick questions**
#
# *1. A piece has two violins, and the target is the violin. What would a network learn if only the
# first violin were the target?*
#
# <details><summary>Answer</summary>
#
# To separate two sounds that nothing in the sound tells apart. The same timbre would be right in
# one bin and wrong in the next, and the network would give half of each.
# </details>
#
# *2. Why must the target sound somewhere in most of the examples?*
#
# <details><summary>Answer</summary>
#
# Without it, the best answer is silence. If it is rare, silence is nearly always right, and the
# network learns that first.
# </details>
#
# ## The model: Open-Unmix
#
# Open-Unmix (Stöter et al., 2019) sees only the [**magnitudes**](../docs/glossary.md#magnitude) of
# the [**STFT**](../docs/glossary.md#stft). Its layers, for $F$ frequency bins and $N$ frames:
#
# | layer | output of one frame |
# | --- | --- |
# | standardise each bin: $(\lvert X \rvert - \mu) / \sigma$ | $F$ values |
# | dense layer, batch normalisation, tanh | 256 |
# | three bidirectional LSTM layers | 256 |
# | both of these side by side (a skip connection) | 512 |
# | dense layer, batch normalisation, ReLU | 256 |
# | dense layer, batch normalisation, scaling of each bin, ReLU | $F$ values of the mask |
#
# (The original has 512 where our networks have 256.)
#
# The [**LSTM**](../docs/glossary.md#lstm) reads the frames forwards and backwards. Its last step
# makes a [**mask**](../docs/glossary.md#mask) $M \geq 0$, and the estimates keep the phase of the
# mixture:
#
# $$\hat S = M\, X, \qquad \hat R = X - \hat S$$
#
# Unlike the masks of chapter 3, this one has no upper limit: where two sounds cancel each other, a
# bin of the target can be larger than that of the mixture. In this course the mixture is also
# brought to one level first, so that the mask does not depend on it.

# %%
from helpers.models.open_unmix import OpenUnmix, OpenUnmixConfig

torch.manual_seed(0)
original = OpenUnmix(OpenUnmixConfig("guitar"))
ours = OpenUnmix(OpenUnmixConfig(target="violin", sample_rate=22050, **recipe_of("violin").model))
sizes = {"original": original, "this course": ours}
pd.DataFrame(
    {
        "parameters": {name: sum(p.numel() for p in m.parameters()) for name, m in sizes.items()},
        "bins": {name: m.config.bins for name, m in sizes.items()},
        "window (ms)": {n: 1000 * m.config.window / m.sample_rate for n, m in sizes.items()},
    }
)

# %% [markdown]
# Our network is smaller, and it looks at the lowest 10 kHz only; what is higher goes to the rest. A
# network of random weights can already be probed. A tone of 440 Hz can only come out at 440 Hz,
# because a mask moves nothing. And what the target loses, the rest must have:

# %%
time = np.arange(2 * 22050) / 22050
tones = {f"{hertz} Hz": 0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (440, 3000, 10_500)}
rows = {}
for name, tone in tones.items():
    mixture = torch.from_numpy(tone.astype(np.float32))[None, None]
    with torch.no_grad():
        target, rest = ours.eval()(mixture)[0, :, 0]
    spectrum = np.abs(np.fft.rfft(target.numpy()))
    rows[name] = {"peak of the target (Hz)": spectrum.argmax() / 2}
    rows[name]["target (dB)"] = 20 * np.log10(target.numpy().std() / tone.std())
    rows[name]["target + rest - mixture"] = float((target + rest - mixture[0, 0]).abs().max())
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# The third tone is above the limit: only what its window spreads into the bins below reaches the
# target.
#
# **Quick questions**
#
# *1. Which of the two estimates would you rather have too loud, and can the network choose?*
#
# <details><summary>Answer</summary>
#
# They sum to the mixture, so what one gets too much, the other lacks. The loss looks at the target
# alone, so the network cares about the rest only through it.
# </details>
#
# *2. Why does the network see magnitudes that are standardised for each bin?*
#
# <details><summary>Answer</summary>
#
# High partials are a hundred times weaker than low ones. Without the scaling the first layer would
# hardly see them. The mean and the deviation come from the first mixtures of the training.
# </details>
#
# ## Training
#
# The loss is the mean squared error of the target's magnitudes (MSE), over $F$ bins and $N$ frames.
# We divide it by that of the silent estimate for the whole mixture $X$, so that loud examples count
# no more than soft ones:
#
# $$L = \frac{\sum_{m, k} \big( |\hat S[m, k]| - |S[m, k]| \big)^2}{\sum_{m, k} |X[m, k]|^2}$$
#
# A square counts large errors most, so the loud partials lead the training and soft passages hardly
# count. Known answers again, for a target that plays alone: the loss ignores the phase, so the stem
# with its sign changed has no loss at all; silence has a loss of one, and half of the amplitude one
# quarter.

# %%
from helpers.training.losses import magnitude_mse

stem = torch.from_numpy(TEST.stems["theremin"])[None, None]
answers = {"the stem": stem, "minus the stem": -stem, "silence": 0 * stem, "half": 0.5 * stem}
pd.Series({n: float(magnitude_mse(e, stem)) for n, e in answers.items()}).round(2)

# %% [markdown]
# The network for the violin learns from ensembles of two to six instruments, as in chapter 4. The
# weights of five of the eleven targets come with the course (`divisi models` lists them);
# `python -m experiments.targets --only oboe` trains another. With `TRAIN` the next cell trains the
# network of the violin for a short time on a few random pieces. It shows the time that is left, and
# resumes when you run it again.

# %%
from experiments.targets import model_of, test_tracks
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import available_models

SHORT = TRAIN or "open-unmix-violin" not in available_models()
VIOLIN = model_of("violin", STEPS, quick=True, progress=True) if SHORT else model_of("violin")
provenance = VIOLIN.card["provenance"]
print(f"best validation at step {provenance['step']:,}: {provenance['val_si_sdr']:.1f} dB")

# %%
PIECE = test_tracks("violin", "rendered")[1]
estimates = model_separator(VIOLIN)(PIECE)
StemPlayer(estimates, references=PIECE)

# %%
from helpers.display.plots import plot_spectrograms

signals = {"mixture": PIECE.mixture, "violin, estimate": estimates["violin"]}
signals["violin, reference"] = PIECE.stems["violin"]
plot_spectrograms(signals, PIECE.sample_rate, mixture=False, limit=6_000)

# %% [markdown]
# **When does a training end?** The original lowers the learning rate when the validation loss
# stands still for 80 epochs, and stops after 140 epochs without progress, at most after 1,000. This
# is [**early stopping**](../docs/glossary.md#early-stopping). The project with the guitar trained
# 200 epochs. We fix the number of steps before and let the learning rate fall along half a cosine;
# the average of recent weights is validated now and then, and the best one is kept. Below are
# validation curves, with a cross where early stopping would have ended them after a patience of
# three validations.

# %%
from experiments.target_features import plot_stopping, stopping_step
from experiments.targets import SHIPPED

cards = {name: f"open-unmix-{name}" for name in SHIPPED}
models = {n: model_of(n) for n, file in cards.items() if file in available_models() and not TRAIN}
models = models or {"violin": VIOLIN}
CURVES = {n: [tuple(p) for p in m.card["provenance"]["validation"]] for n, m in models.items()}
plot_stopping(CURVES, patience=3)

# %% tags=["hide-input"]
ends = {name: stopping_step(curve, 3) for name, curve in CURVES.items()}
lost = {name: max(v for _, v in CURVES[name]) - dict(CURVES[name])[ends[name]] for name in ends}
early = [name for name in ends if ends[name] < CURVES[name][-1][0]]
Markdown(
    f"A patience of three validations would have ended {len(early)} of {len(ends)} trainings early"
    + (f" ({', '.join(early)})" if early else "")
    + f", and cost at most {max(lost.values()):.1f} dB of validation SI-SDR."
)

# %% [markdown]
# With a falling learning rate the best value often comes at the end, when the steps are small: a
# rule that only looks back cannot know this. Early stopping is of use where the learning rate is
# constant and the data are few, so that the network begins to learn them by heart.
#
# **Quick questions**
#
# *1. Early stopping chooses the weights by the validation data. May the same data then be the
# test?*
#
# <details><summary>Answer</summary>
#
# No. The chosen value is the best of many, so it is too good by chance. The test needs pieces that
# chose nothing.
# </details>
#
# *2. What does the MSE of magnitudes not notice that SI-SDR does?*
#
# <details><summary>Answer</summary>
#
# The phase. With the phase of the mixture, perfect magnitudes still give a limited SI-SDR
# (chapter 3).
# </details>
#
# ## The evaluation: easy and hard targets
#
# `python -m experiments.targets` trains one network for each of eleven targets, all with the same
# budget, and measures it on ten ensembles that are new to it, of two to six players of equal level.
# The floor is the mixture, the ceiling is an oracle mask (chapter 1). The soundfont of these
# ensembles has trained, their music has not.

# %%
from experiments.target_features import table

TARGETS = table("rendered")
TARGETS.sort_values("gain", ascending=False).round(1) if len(TARGETS) else "not measured yet"

# %% [markdown]
# `gain` is the improvement in SI-SDR over the mixture. Why do the targets differ? Four measures may
# go with it:
#
# - `oracle`: the SI-SDR of the ideal ratio mask. It is high where target and rest share few bins.
# - `overlap` of the [**long-time spectra**](../docs/glossary.md#long-time-spectrum): let $p_b$ be
#   the share of the target's power in the third-octave band $b$, and $q_b$ that of the rest. The
#   overlap is $\sum_b \min(p_b, q_b)$, from 0 (no band in common) to 1 (equal spectra).
# - `minutes` of the target's stems in the training data.
# - `pitch`: the mean pitch of its notes in MIDI numbers, weighted with their durations.
#
# Two known answers for the overlap, of tones with the same power:

# %%
from experiments.target_features import overlap
from helpers.audio.track import Track


def pair(own: tuple[float, ...], rest: tuple[float, ...]) -> Track:
    """Sums of sines as the stems of a track."""
    time = np.arange(RATE) / RATE
    stems = [sum(np.sin(2 * np.pi * f * time) for f in hertz)[None] for hertz in (own, rest)]
    named = zip(("target", "rest"), stems, strict=True)
    return Track("tones", RATE, {name: stem.astype(np.float32) for name, stem in named})


print(f"440 Hz beside 450 Hz: {overlap(pair((440.0,), (450.0,))):.2f}")
print(f"440 Hz beside 440 and 1760 Hz: {overlap(pair((440.0,), (440.0, 1760.0))):.2f}")

# %%
from experiments.target_features import plot_features
from helpers.display.figures import publish

figure = publish(plot_features(TARGETS), "05_targets") if len(TARGETS) > 2 else None
figure or "The figure comes with the table."

# %% [markdown]
# A measure for such a picture is Spearman's
# [**rank correlation**](../docs/glossary.md#rank-correlation) $\rho$. It replaces the values by
# their ranks; with $d_i$ the difference of the two ranks of target $i$, and without ties,
#
# $$\rho = 1 - \frac{6 \sum_i d_i^2}{n (n^2 - 1)}$$
#
# It is 1 if one measure always rises with the other, and -1 if it always falls. The interval comes
# from the [**bootstrap**](../docs/glossary.md#bootstrap): draw eleven targets with replacement,
# compute $\rho$, repeat this 2,000 times, and take the middle 95 %.

# %%
from experiments.target_features import correlations, spearman

rising = np.arange(11.0)
for name, other in {"rising": rising**3, "falling": -rising}.items():
    print(f"{name}: rho {spearman(rising, other)[0]:.2f}")
RHOS = correlations(TARGETS) if len(TARGETS) > 2 else pd.DataFrame(columns=["rho", "low", "high"])
RHOS.round(2)

# %% tags=["hide-input"]
if len(TARGETS) > 2:
    order = TARGETS["gain"].sort_values(ascending=False)
    clear = [n for n, row in RHOS.iterrows() if row["low"] > 0 or row["high"] < 0]
    words = (
        f"The easiest target of {len(order)} is the {order.index[0]} ({order.iloc[0]:.1f} dB of "
        f"improvement), the hardest the {order.index[-1]} ({order.iloc[-1]:.1f} dB). "
    )
    words += f"The interval excludes zero for: {', '.join(clear)}. " if clear else ""
    words += "" if clear else "No interval excludes zero. "
else:
    words = "The table is made by `python -m experiments.targets`, which takes hours. "
Markdown(words + "Eleven targets are few, and each value is one training with one seed.")

# %% [markdown]
# Read such intervals with care. The measures also depend on each other. The next cell compares two
# of them: the more the long-time spectra overlap, the less an ideal mask can do. A correlation of
# ranks cannot say which of several measures is the cause. To find out, one would change one of them
# alone, for instance transpose all parts of a target.

# %%
if len(TARGETS) > 2:
    rho, low, high = spearman(TARGETS["overlap"], TARGETS["oracle"])
    print(f"rho of overlap and oracle: {rho:.2f}, interval from {low:.2f} to {high:.2f}")

# %% [markdown]
# The same networks on other sounds: a soundfont that did not train, and real recordings, of which
# each target has only a few.

# %%
from helpers.evaluation.results import read_table, results_path


def gains() -> pd.DataFrame:
    """SI-SDR improvement in dB by target and test; empty without the table."""
    path = results_path("05_targets")
    rows = read_table(path) if path.exists() else pd.DataFrame(columns=["metric", "system"])
    rows = rows[(rows["metric"] == "SI-SDRi") & rows["system"].str.startswith("open-unmix")]
    if rows.empty:
        return rows
    return rows.pivot_table("value", "instrument", "test_data", sort=False)


GAINS = gains()
GAINS.round(1)

# %% tags=["hide-input"]
worse = [
    f"{test} {name} ({value:.1f} dB)" for test in GAINS for name, value in GAINS[test].items()
    if value < 0
]  # fmt: skip
words = f"Worse than the mixture: {', '.join(worse) or 'none'}. "
if {"rendered", "unseen soundfont"} <= set(GAINS):
    rho, low, high = spearman(GAINS["rendered"], GAINS["unseen soundfont"])
    words += (
        "The order of the targets with the seen and with the unseen soundfont: rho "
        f"{rho:.2f}, interval from {low:.2f} to {high:.2f}."
    )
Markdown(words)

# %% [markdown]
# So "easy" and "hard" hold for the sounds of the training: with another soundfont most targets
# lose, some of them nearly everything, and the order may be another one. Chapter 4 showed why: a
# network that has heard few players learns these players, and not the instrument.

# %% [markdown]
# **Quick questions**
#
# *1. All players have the same level. What is the floor of a target in an ensemble of five?*
#
# <details><summary>Answer</summary>
#
# The rest has four times the power, so the mixture has about $10 \log_{10}(1/4) = -6.0$ dB.
# </details>
#
# *2. One target has more minutes of training data and a higher improvement. Is more data the
# reason?*
#
# <details><summary>Answer</summary>
#
# The table cannot say. Train the same target with half of its data and compare.
# </details>
#
# ## Wiener filtering: estimates that sum to the recording
#
# Four networks for four instruments know nothing of each other. Their estimates do not sum to the
# mixture: some bins are taken twice, others by nobody. Open-Unmix ends with a
# [**Wiener filter**](../docs/glossary.md#wiener-filter): it divides each bin of the mixture in the
# ratio of the estimated powers,
#
# $$\tilde S_j = \frac{|\hat S_j|^2}{\sum_i |\hat S_i|^2}\, X$$
#
# In stereo it also uses where each source is: it repeats this with the covariance of the two
# channels, by expectation-maximisation (Nugraha et al., 2016). The function `wiener_filter` does
# this with the stems of any separator. Known answer: let 30 % of each stem leak into each other.
# Where only one source sounds in a bin, a leak of amplitude 0.3 becomes one of $0.3^2$, another
# 10.5 dB lower.

# %%
from helpers.evaluation.metrics import si_sdr
from helpers.inference.wiener import wiener_filter

time = np.arange(2 * RATE) / RATE
stems = np.stack([np.sin(2 * np.pi * hertz * time)[None] for hertz in (440.0, 1000.0)])
leaking = stems + 0.3 * stems[::-1]
filtered = wiener_filter(leaking, stems.sum(axis=0))
for name, each in {"with a leak": leaking, "filtered": filtered}.items():
    print(f"{name}: {np.mean([si_sdr(each[i, 0], stems[i, 0]) for i in (0, 1)]):.1f} dB")

# %% [markdown]
# On music, partials share bins, and the gain is smaller. Our songs again, each stem with a leak:

# %%
true = np.stack(list(TEST.stems.values()))
rows = {}
for leak in (0.1, 0.3, 0.5):
    leaking = true + leak * (TEST.mixture - true)
    filtered = wiener_filter(leaking, TEST.mixture)
    quality = [np.mean(si_sdr(each[:, 0], true[:, 0])) for each in (leaking, filtered)]
    missing = 20 * np.log10((TEST.mixture - leaking.sum(0)).std() / TEST.mixture.std())
    rows[f"leak {leak}"] = dict(zip(("without", "with the filter"), quality, strict=True))
    rows[f"leak {leak}"]["mixture minus the sum (dB)"] = missing
pd.DataFrame(rows).T.round(1)

# %% [markdown]
# And on the stems of real separators, four Open-Unmix networks and `chamber`, whose masks sum to
# one already (`python -m experiments.wiener`; rendered quartets, SI-SDR in dB). The second test has
# a soundfont that the Open-Unmix networks have not heard; `chamber` has:

# %%
path = results_path("05_wiener")
if path.exists():
    rows = read_table(path).query("metric == 'SI-SDR' and system in ('open-unmix', 'chamber')")
    shown = rows.pivot_table("value", ["system", "config"], "test_data").round(1)
else:
    shown = "not measured yet"
shown

# %% tags=["hide-input"]
words = "The table is made by `python -m experiments.wiener`, once the networks are trained."
if path.exists() and len(shown):
    means = shown.unstack("config").swaplevel(axis=1)
    bought = means["Wiener filter, 1 iterations"] - means["without Wiener filter"]
    each = [f"{v:+.1f} dB (`{n}`, {test})" for test in bought for n, v in bought[test].items()]
    words = f"One pass of the filter changes the mean SI-SDR by {', '.join(each)}."
Markdown(words)

# %% [markdown]
# **Quick questions**
#
# *1. All estimates are half as loud as they should be. What does the filter make of them?*
#
# <details><summary>Answer</summary>
#
# The right level: the ratio of the powers is the same, and the mixture is divided completely.
# </details>
#
# *2. Where nobody claims a bin, all estimates are nearly zero. Who gets it?*
#
# <details><summary>Answer</summary>
#
# Whoever has the least small estimate, and all equally where nobody has any. The filter must divide
# everything, also noise that belongs to no source; with a further stem for the rest it need not.
# </details>
#
# ## Your own target
#
# The songs from the beginning are a folder as you may have it. One command trains a network for the
# theremin with them:
#
#     divisi train recipes/open-unmix.toml --target theremin --stems FOLDER
#
# One in five of the pieces with the target is held out to choose the weights. A stopped training
# resumes with the same command. Then `divisi separate my.wav --model
# runs/open-unmix-theremin/open-unmix-theremin.safetensors` writes `theremin.wav` and `rest.wav`.
# Here we do the same with the functions behind the command, and fewer steps:

# %%
from helpers.recipes.train import train
from helpers.training.checkpoints import load_model

WEIGHTS = train(OWN, output_folder("runs") / f"05-theremin-{SONGS}x{SECONDS:g}s-{STEPS}")
THEREMIN = load_model(WEIGHTS)
THEREMIN.sources

# %%
answer = model_separator(THEREMIN)(TEST)
truth = {"theremin": TEST.stems["theremin"], "rest": TEST.mixture - TEST.stems["theremin"]}
for name, stem in truth.items():
    floor, value = si_sdr(TEST.mixture[0], stem[0]), si_sdr(answer[name][0], stem[0])
    print(f"{name}: {floor:.1f} dB in the mixture, {value:.1f} dB in the estimate")
StemPlayer(answer, references=Track("a new song", RATE, truth))

# %% [markdown]
# The song is new to the network. A sine without partials is an easy target. Try the voice, or your
# own instrument, and listen to where it fails.
#
# **Quick questions**
#
# *1. Your folder has one piece with the target. The command refuses it. Why?*
#
# <details><summary>Answer</summary>
#
# One piece must be held out to choose the weights, and nothing would be left to learn the target
# from. Cut the piece into two folders, and expect that the choice is too optimistic.
# </details>
#
# ## Your own recording
#
# Choose a recording and press the button.

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({f"open-unmix-{name}": model for name, model in models.items()} | {"own": THEREMIN})

# %% [markdown]
# ## Recap
#
# - An example is a chunk from anywhere in a piece with any number of stems. All stems of the target
#   together are the target; in a stated share of the examples it is missing.
# - Open-Unmix standardises magnitudes, reads them with three bidirectional LSTM layers and
#   estimates one mask without an upper limit. The rest is what remains of the mixture.
# - Its loss, the squared error of magnitudes, ignores the phase. With a learning rate that falls to
#   zero, the best weights often come at the end, which early stopping, looking back, cannot know.
# - Eleven targets differ in their improvement, but none of four measures clearly goes with it: the
#   intervals of the rank correlations are wide. Which targets are easy changes with the soundfont.
# - The Wiener filter divides each bin in the ratio of the estimated powers, so that the stems sum
#   to the recording. It helps most where the estimates leak into each other.
# - `divisi train recipes/open-unmix.toml --target NAME --stems FOLDER` trains a target of your own,
#   and `divisi separate` uses it.
#
# ### What to try next
#
# Train your target longer, with your own stems. With access to MedleyDB, repeat the guitar of the
# original: `divisi train recipes/open-unmix.toml --target guitar --stems MedleyDB --no-bleed`.
# More `steps` in the recipe show what a longer training buys.
#
# ### Exercises
#
# Work in [the exercises](exercises/05_open_unmix.ipynb);
# [the solutions](solutions/05_open_unmix.ipynb) come with their numbers.
#
# 1. How does the floor of a target depend on the number of players?
# 2. Shift a stem by a few samples: what do the loss and the SI-SDR say?
# 3. How does the overlap of two spectra depend on the width of the bands?
# 4. Repeat the Wiener filter: do more iterations help?

# %% [markdown]
# ### References
#
# - R. Bittner, J. Salamon, M. Tierney, M. Mauch, C. Cannam and J. P. Bello, *MedleyDB: a multitrack
#   dataset for annotation-intensive MIR research*, ISMIR 2014.
# - B. Efron and R. Tibshirani, *An introduction to the bootstrap*, Chapman and Hall, 1993.
# - A. A. Nugraha, A. Liutkus and E. Vincent, *Multichannel audio source separation with deep neural
#   networks*, IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2016,
#   [doi 10.1109/TASLP.2016.2580946](https://doi.org/10.1109/TASLP.2016.2580946).
# - C. Spearman, *The proof and measurement of association between two things*, American Journal of
#   Psychology, 1904.
# - F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, *Open-Unmix: a reference implementation
#   for music source separation*, Journal of Open Source Software, 2019,
#   [doi 10.21105/joss.01667](https://doi.org/10.21105/joss.01667).
