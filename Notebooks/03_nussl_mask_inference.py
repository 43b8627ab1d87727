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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/03_nussl_mask_inference.ipynb)
#
# # Mask inference with nussl on Bach10
#
# *One mask for each instrument.* This chapter trains the recurrent mask networks of the library
# nussl on Bach10, ten chorales in which every player was recorded alone. It repeats the experiments
# of a student project and looks for the causes of its numbers. It then compares these networks with
# one that was pretrained on rendered music. At the end you separate a recording of your own.
#
# In this chapter you will
#
# - get Bach10, unpack it safely, and make coherent mixtures of its stems as scaper does;
# - train a recurrent network that estimates one mask, and follow its training and validation
#   curves;
# - compare mixture, mask and estimate for a piece that the network has never heard, and compute
#   what masks and the phase of the mixture cost;
# - read a table of six configurations, trained with leave-one-piece-out, in the measures SI-SDR and
#   BSS Eval, and compare them with the published results;
# - find two likely causes of the published numbers: a wrong target, and test pieces that were in
#   the training data;
# - compare them with a network that was pretrained on rendered chorales;
# - separate your own recording.
#
# | brick | in this chapter |
# | --- | --- |
# | task | take one instrument out of a mixture of four; the rest is the second estimate |
# | data | seven excerpts (49 s) from five pieces of Bach10; without them, rendered chorales |
# | model | a bidirectional LSTM that estimates one mask (nussl's mask inference) |
# | evaluation | SI-SDR on the piece that was left out, between a baseline and an oracle mask |
# | needs | two cores: 1 min (training 30); T4: 1 min; disk: 0.1 GB; recordings: optional |
#
# As in the other chapters, a [**source**](../docs/glossary.md#source) is an instrument that we want
# to separate. Its sound alone is its [**stem**](../docs/glossary.md#stem), and the
# [**mixture**](../docs/glossary.md#mixture) is the sum of the stems.
#
# Nothing here needs a GPU: the tables and four trained networks come with the course. Without
# Bach10 you can follow with rendered chorales. Where the text describes a figure of Bach10, the
# cell then shows the one that we made. The numbers in the text come from the tables in `Results/`.
# Where the text says "our run" or "our recording", they were measured on our excerpt `01-excerpt05`
# of Bach10.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd
import torch
from IPython.display import display

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the cells below train the networks
# here. In the `smoke` profile, which the tests use, everything is tiny.

# %%
SMOKE = runtime.profile() == "smoke"
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second
TRAIN = SMOKE  # True trains here instead of showing what came out when we trained
SECONDS = 1.0 if SMOKE else 4.0  # of a training mixture
STEPS = 2 if SMOKE else 75  # of the networks trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")

# %% [markdown]
# ## The data: Bach10
#
# Bach10 (Duan et al., 2010) holds ten chorales by Johann Sebastian Bach. Four musicians recorded
# them one after the other, each with the other parts in the headphones. Violin, clarinet, saxophone
# and bassoon play soprano, alto, tenor and bass. The corpus is free for research, but its authors
# want to know who uses it. Fill in the form on [its
# page](http://music.cs.northwestern.edu/data/Bach10.html) to get `Bach10_v1.1.zip`, and write its
# path below. Without it, leave `ARCHIVE` empty.
#
# A downloaded archive can contain links and paths that lead out of its folder, or far more data
# than its size suggests. The function `unzip` of the course checks this first. It unpacks either
# the whole archive or nothing.

# %%
from helpers.datasets.archives import unzip

ARCHIVE = ""  # such as "Bach10_v1.1.zip"
if ARCHIVE:
    BACH10 = unzip(ARCHIVE, ROOT / "runs" / "Bach10")
elif DATA:
    BACH10 = DATA / "bach10_excerpts"
else:
    BACH10 = None
    print("Bach10 was not found: rendered chorales replace it.")

# %% [markdown]
# The loader knows the layout of the published corpus (one folder a piece, such as
# `01-AchGottundHerr`, with one file for each player) and any other folder of stems. One piece is
# held out: no network in this chapter is trained on it.

# %%
from experiments.folds import leave_one_out
from experiments.pieces import chorale
from helpers.datasets.stem_folders import find_tracks
from helpers.music.splits import TEST

if BACH10:
    piece, others, own = next(leave_one_out(find_tracks(BACH10)))
    RECORDINGS = [folder.load(RATE, channels=1) for folder in others]
    HELD_OUT = own[0].load(RATE, channels=1)
else:
    HELD_OUT, *RECORDINGS = [chorale(work, QUARTET, seconds=10) for work in TEST[:5]]
print(f"{HELD_OUT.name} is held out; {len(RECORDINGS)} recordings are the training data.")

# %%
from helpers.display.players import StemPlayer

StemPlayer(HELD_OUT)

# %% [markdown]
# **Quick questions**
#
# *1. Why is a piece held out, and not a few seconds of every piece?*
#
# <details><summary>Answer</summary>
#
# Different seconds of one piece share its key, its themes and the sound of its players. A network
# could profit from having heard them. A recording that you want to separate is a piece that the
# network has never heard.
# </details>
#
# *2. Why must the check of an archive come before it is unpacked?*
#
# <details><summary>Answer</summary>
#
# Once a file is unpacked through such a path, it may already have replaced a file outside of the
# folder.
# </details>
#
# ## Data augmentation: coherent mixtures
#
# Bach10 is small: the excerpts that come with our tables last 49 seconds in all. [**Data
# augmentation**](../docs/glossary.md#data-augmentation) makes more training data out of little, by
# random changes that keep the task the same. The project that this chapter repeats,
# [MusicSourceSep](https://github.com/andrezg98/MusicSourceSep), used
# [scaper](https://github.com/justinsalamon/scaper) (Salamon et al., 2017). It took a random segment
# of one piece and stretched all four stems by the same factor (0.8 to 1.2), transposed them by the
# same interval (up to two semitones either way), and changed the level of each stem by up to 5 dB
# either way. The four parts stay in time and in tune with each other. This is a [**coherent
# mix**](../docs/glossary.md#coherent-mix). A [**random mix**](../docs/glossary.md#random-mix) would
# combine stems of unrelated pieces.
#
# The network for the violin learns from two stems: the violin, and the rest. Each network has one
# fixed target, so the order of its outputs is clear. It does not need [**permutation-invariant
# training**](../docs/glossary.md#permutation-invariant-training) (Yu et al., 2017), which searches
# for the best order of the outputs.

# %%
from experiments.nussl.coherent_mixes import CoherentMixes

mixes = CoherentMixes(RECORDINGS, "violin", SECONDS, mixes=10, seed=0)
drawn = [mixes.draw(np.random.default_rng([0, index])) for index in range(10)]
pd.DataFrame(
    {
        "recording": [RECORDINGS[mix.track].name for mix in drawn],
        "time": [round(mix.stretch.time, 2) for mix in drawn],
        "semitones": [round(mix.stretch.semitones, 1) for mix in drawn],
        "levels (dB)": [", ".join(f"{gain.decibels:.0f}" for gain in mix.gains) for mix in drawn],
    }
)

# %%
mixture, stems = mixes[0]
StemPlayer({"violin": stems[0].numpy(), "rest": stems[1].numpy()}, RATE)

# %% [markdown]
# **Quick questions**
#
# *1. Why do all stems of a coherent mix get the same stretch?*
#
# <details><summary>Answer</summary>
#
# Otherwise they would be out of time and out of tune with each other, as no real performance is.
# </details>
#
# *2. What can a network learn from coherent mixes that random mixes do not show?*
#
# <details><summary>Answer</summary>
#
# That partials of different instruments coincide, because the parts are in harmony. This is the
# hard part of the task.
# </details>
#
# ## Masks and the phase of the mixture
#
# Everything in this chapter happens in the short-time Fourier transform
# ([**STFT**](../docs/glossary.md#stft)). For a signal $x$, a window $w$ of $N$ samples and a hop of
# $H$ samples, bin $k$ of frame $m$ is
#
# $$X[m, k] = \sum_{n=0}^{N-1} w[n]\, x[n + mH]\, e^{-2\pi i k n / N}$$
#
# with a [**magnitude and a phase**](../docs/glossary.md#magnitude-and-phase), $|X|$ and $\angle X$.
# A [**mask**](../docs/glossary.md#mask) $M[m, k]$ multiplies the mixture. A real mask keeps its
# phase:
#
# $$\hat S[m, k] = M[m, k]\, X[m, k] = M[m, k]\, |X[m, k]|\, e^{i \angle X[m, k]}$$
#
# An inverse STFT turns $\hat S$ into sound. How good can a mask be? An
# [**oracle**](../docs/glossary.md#oracle) is a mask computed from the true stems $S_j$. We compare
# four: the ideal binary mask ([**IBM**](../docs/glossary.md#ibm)), the ideal ratio mask
# ([**IRM**](../docs/glossary.md#irm)), a mask that gives the true magnitude, and a [**complex
# mask**](../docs/glossary.md#complex-mask), which gives the true phase too:
#
# $$\text{IBM}_j = 1 \text{ where } |S_j| > |S_i| \text{ for all } i \neq j, \text{ else } 0$$
#
# $$\text{IRM}_j = \frac{|S_j|}{\sum_i |S_i|}, \qquad
# \text{magnitude}_j = \frac{|S_j|}{|X|}, \qquad \text{complex}_j = \frac{S_j}{X}$$
#
# We compute all four for the piece that was held out, with a window of 512 samples, which the
# networks of this chapter use, and with one of 4096. The value is the mean SI-SDR of the four
# stems (see below); more is better.


# %%
def oracles(track, window: int) -> dict[str, torch.Tensor]:
    """Estimates (instruments, samples) of four oracle masks."""
    hann = torch.hann_window(window)
    options = {"n_fft": window, "hop_length": window // 4, "window": hann}
    waves = torch.from_numpy(np.concatenate(list(track.stems.values())))
    true = torch.stft(waves, **options, return_complex=True)  # (instruments, bins, frames)
    size, total = true.abs(), true.sum(dim=0)
    masks = {"binary (IBM)": (size == size.amax(dim=0)).float()}
    masks["ratio (IRM)"] = size / size.sum(dim=0).clamp_min(1e-9)
    masks["true magnitude"] = size / total.abs().clamp_min(1e-9)
    masks["complex"] = true / (total + 1e-9)
    length = waves.shape[1]
    return {name: torch.istft(m * total, **options, length=length) for name, m in masks.items()}


# %%
from helpers.evaluation.metrics import si_sdr

truth = np.concatenate(list(HELD_OUT.stems.values()))
quality = {
    f"window {window}": {
        name: si_sdr(estimate.numpy(), truth).mean()
        for name, estimate in oracles(HELD_OUT, window).items()
    }
    for window in (512, 4096)
}
pd.DataFrame(quality).round(1)

# %% [markdown]
# Only the complex mask is exact, up to rounding: it is the one that changes the phase. The
# difference between it and the true magnitude is what the phase of the mixture costs. With the long
# window all real masks are better, because one bin of 512 samples is $44100 / 512 = 86$ Hz wide. A
# semitone near 100 Hz is only 6 Hz, so low partials share a bin. The true magnitude is not always
# the best real mask: where the phase is wrong, a smaller magnitude gives a smaller error.
#
# **Quick questions**
#
# *1. Where two stems have the same magnitude and opposite phases, what is the mixture?*
#
# <details><summary>Answer</summary>
#
# Zero. No finite mask can bring the stems back, real or complex.
# </details>
#
# *2. With a window of 4096 samples the oracles are better. What is its price?*
#
# <details><summary>Answer</summary>
#
# It lasts 4096 / 44100 s = 93 ms, and blurs every onset over this time. For these slow chorales
# that costs less than bins that several partials share.
# </details>
#
# ## The model: one mask
#
# [nussl](https://github.com/nussl/nussl) (Manilow et al., 2018) calls its method *mask inference*.
# A bidirectional [**LSTM**](../docs/glossary.md#lstm), a recurrent network that reads the frames
# forwards and backwards, gets the magnitudes of the mixture ($N = 512$, $H = 128$). For each bin it
# estimates a mask between 0 and 1 (by a sigmoid, see chapter 1), the share that belongs to the
# target. The mixture minus this estimate is the rest.
#
# ![Mask inference: the magnitudes of the mixture go through a bidirectional LSTM, which gives a
# mask; mask times mixture is the estimate.](../Images/diagram_mask_inference.svg)
#
# Inside the network, batch [**normalisation**](../docs/glossary.md#normalisation) brings each
# frequency of the input to zero mean and unit variance. [**Dropout**](../docs/glossary.md#dropout)
# sets random outputs of a layer to zero during training, so that the network does not rely on
# single ones. The project published six configurations, A to F. In the table, `mixes` counts the
# different training mixtures, and `hidden` the units (values) of an LSTM layer in each direction;
# the steps are `epochs` times `epoch_length`:

# %%
from experiments.nussl.musicsourcesep import CONFIGURATIONS, PUBLISHED, target_and_rest

table = pd.DataFrame(asdict(configuration) for configuration in CONFIGURATIONS)
table["steps"] = [configuration.steps for configuration in CONFIGURATIONS]
table.set_index("letter")

# %% [markdown]
# An untrained network answers about one half in every bin. Half of the mixture sounds exactly like
# the mixture, only softer.

# %%
from helpers.models.mask_inference import MaskInference, MaskInferenceConfig


def network(hidden: int = 100, layers: int = 2, dropout: float = 0.2) -> MaskInference:
    """An untrained network for the violin, always with the same weights."""
    torch.manual_seed(0)
    small = {"hidden": 8, "layers": 1, "dropout": 0.0}
    size = small if SMOKE else {"hidden": hidden, "layers": layers, "dropout": dropout}
    return MaskInference(MaskInferenceConfig("violin", **size, sample_rate=RATE)).eval()


# %%
untrained = network()
with torch.no_grad():
    mask = untrained.mask(untrained.stft(mixture).abs())
print(f"{sum(p.numel() for p in untrained.parameters()):,} parameters")
print(f"mask: {mask.mean():.2f} ± {mask.std():.2f}")

# %% [markdown]
# **Quick questions**
#
# *1. Why does the network read the frames backwards, too?*
#
# <details><summary>Answer</summary>
#
# What follows helps to recognise who played the beginning of a note. In a live stream this would
# not be possible.
# </details>
#
# *2. Why is an untrained mask about one half?*
#
# <details><summary>Answer</summary>
#
# A sigmoid of values near zero is near one half.
# </details>
#
# ## Training
#
# This is Model D for the violin: 75 steps of the optimiser Adam, with five mixtures each. The loss
# is the mean absolute difference (L1) between the magnitudes of the estimate and of the stem, over
# $K$ bins and $T$ frames:
#
# $$L = \frac{1}{K T} \sum_{m, k} \Big|\, |\hat S[m, k]| - |S[m, k]| \,\Big|$$
#
# We trained the network twice: with ten different mixtures, and with one mixture that is repeated,
# as in Model F. The validation data are the piece that was held out; we only look at the curve and
# choose nothing by it. With `TRAIN = True` in the settings you train both: about a minute each on
# two CPU cores. On a T4 the arithmetic alone would take about a second: 375 examples of about 5
# GFLOP, at a quarter of the peak of 8.1 TFLOPS. The training will take longer than that, because
# recurrent layers compute one frame after the other. The cell shows the time that is left. The
# state is saved every minute; when you run the cell again, it continues. The environment variable
# `DIVISI_RUNS` names a folder for runs. With a folder of Google Drive, your runs are kept when a
# Colab session ends.

# %%
from helpers.datasets.torch_datasets import TrackDataset
from helpers.evaluation.results import output_folder
from helpers.training.losses import magnitude_l1
from helpers.training.trainer import TrainingConfig, fit

TRAINING = TrainingConfig(
    STEPS, batch_size=1 if SMOKE else 5, learning_rate=1e-3, warmup_steps=0, final_rate=1.0,
    gradient_clip=0.0, ema_decay=0.0, validate_every=15, checkpoint_every=STEPS, log_every=1,
)  # fmt: skip
VALIDATION = TrackDataset([target_and_rest(HELD_OUT, "violin")], ("violin", "rest"), 5.0)

# %%
HISTORIES = {}
for count in (10, 1) if TRAIN else ():
    mixes = CoherentMixes(RECORDINGS, "violin", SECONDS, mixes=count, seed=0)
    run = output_folder("runs") / "03-learning" / f"{BACH10 is not None}-{count}"
    loss = partial(magnitude_l1, source=0)
    history = fit(network(), loss, mixes, VALIDATION, config=TRAINING, folder=run)
    HISTORIES[f"{count} mixture" + "s" * (count > 1)] = pd.DataFrame(history.rows)

# %%
from experiments.curves import plot_training
from helpers.display.figures import publish, published
from helpers.display.plots import plot_spectrograms

publish(plot_training(HISTORIES), "03_training") if TRAIN else published("03_training")

# %% [markdown]
# The figure of our run, on Bach10: both networks reach the same training loss. On the piece that
# neither has heard, the one with ten mixtures ends about two decibels higher (mean SI-SDR of violin
# and rest), while the one with a single mixture stops improving half-way. A falling training loss
# without progress on new data is [**overfitting**](../docs/glossary.md#overfitting); progress on
# new data is [**generalisation**](../docs/glossary.md#generalisation). With one seed and one piece,
# this is an example and not a measurement; the table below has five pieces.
#
# **Quick questions**
#
# *1. Which of the two curves would warn you if you had no held-out piece?*
#
# <details><summary>Answer</summary>
#
# None. The training losses are the same; only data that does not train shows the difference.
# </details>
#
# *2. The L1 loss of the magnitudes is zero. Is the estimate equal to the stem?*
#
# <details><summary>Answer</summary>
#
# No: the magnitudes are right, but the phase is still that of the mixture. In the table of oracles
# this is the row `true magnitude`.
# </details>
#
# ## Mixture, mask and estimate
#
# Four trained networks come with the course as [**checkpoints**](../docs/glossary.md#checkpoint)
# (files of weights), `nussl-violin` to `nussl-bassoon`. They are Model D, trained on four of the
# five pieces of our excerpts; with Bach10, the fifth is the piece that you heard at the beginning.
# (They work anywhere: `divisi separate my.wav --model nussl-violin`.)

# %%
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import load_model

NUSSL = {name: load_model(f"nussl-{name}") for name in QUARTET}
estimates = {name: model_separator(model)(HELD_OUT)[name] for name, model in NUSSL.items()}
StemPlayer(estimates, references=HELD_OUT)

# %%
from experiments.nussl.charts import plot_masks, plot_models


def mask_of(model: MaskInference) -> np.ndarray:
    """(bins, frames), the mask of a network for the held-out piece."""
    with torch.no_grad():
        return model.mask(model.stft(torch.from_numpy(HELD_OUT.mixture)).abs())[0].numpy()


# %%
def ours(figure, name: str):
    """The figure of your recording, or the one that we made where Bach10 is missing."""
    return publish(figure, name) if BACH10 else published(name)


masks = {name: mask_of(model) for name, model in NUSSL.items()}
ours(plot_masks(masks, RATE, NUSSL["violin"].config.hop, limit=6_000), "03_masks")

# %%
signals = {"quartet": HELD_OUT.mixture, "violin, estimate": estimates["violin"]}
signals["violin, reference"] = HELD_OUT.stems["violin"]
ours(plot_spectrograms(signals, RATE, mixture=False, limit=6_000), "03_estimate")

# %% [markdown]
# On our recording the mask of the violin takes nearly everything above 4 kHz, and that of the
# bassoon nearly everything below 200 Hz. Between these frequencies the masks show horizontal bands.
# So the networks have learnt mainly in which frequency range each instrument plays, which is
# plausible after 75 steps. Some bands follow partials, but none of them is narrow; the bins of 86
# Hz explain part of this (exercise 3).
#
# Next, a test with a known answer: what does the network for the violin make of a violin alone, and
# of a bassoon alone? A perfect network would return all of the violin (0 dB) and nothing of the
# bassoon.

# %%
from helpers.audio.track import Track

levels = {}
for name in ("violin", "bassoon"):
    solo = Track(f"{name} solo", RATE, {name: HELD_OUT.stems[name]})
    estimate = model_separator(NUSSL["violin"])(solo)["violin"]
    levels[name] = 10 * np.log10((estimate**2).sum() / (solo.mixture**2).sum())
    print(f"{name} solo: the estimate of the violin has {levels[name]:.1f} dB of the input")
print(f"difference: {levels['violin'] - levels['bassoon']:.1f} dB")

# %% [markdown]
# On our recording the network prefers its target by 6 dB, and no more. On a rendered chorale it may
# even prefer the bassoon: these networks have never heard a soundfont.
#
# **Quick questions**
#
# *1. Why do the masks of the four networks not sum to one?*
#
# <details><summary>Answer</summary>
#
# Nothing makes them do so: each network is trained alone, with its own sigmoid (exercise 2).
# </details>
#
# *2. Which test signal would show that a network only filters a frequency range?*
#
# <details><summary>Answer</summary>
#
# A violin that plays low notes: a filter would give them to the bassoon.
# </details>
#
# ## The evaluation: six configurations, leave-one-out
#
# In leave-one-out [**cross-validation**](../docs/glossary.md#cross-validation) each piece is the
# test piece once, and a new network learns from the others. `python -m experiments.nussl.sweep`
# trains all of them: six configurations, four instruments, five pieces. This takes about half an
# hour on two cores and resumes where it was stopped. The measure is the scale-invariant
# signal-to-distortion ratio ([**SI-SDR**](../docs/glossary.md#si-sdr); Le Roux et al., 2019). For
# an estimate $\hat s$ and a stem $s$, both with zero mean,
#
# $$\text{SI-SDR} = 10 \log_{10} \frac{\|\alpha s\|^2}{\|\hat s - \alpha s\|^2}$$
#
# with $\alpha = \langle \hat s, s \rangle / \|s\|^2$, as in chapter 1.
#
# As in the original project, each network is measured on its estimate, with the mixture minus the
# estimate as the second source. The table has a [**baseline**](../docs/glossary.md#baseline)
# (`mixture`, the unprocessed mixture as the estimate) and an oracle (`oracle-irm`). `Results/` also
# holds the tables in the original's layout (`SepModel_..._FULL_EVAL_RESULTS.csv`), so that you can
# compare the two with `diff`.

# %%
from helpers.evaluation.results import read_table

rows = read_table(ROOT / "Results" / "03_nussl_bach10.csv").query("system != 'oracle-ibm'")
means = rows[rows["metric"] == "SI-SDR"].pivot_table("value", "system", "instrument")
means = means[list(QUARTET)].assign(mean=lambda frame: frame.mean(axis=1))
published_values = pd.Series(PUBLISHED).unstack().reindex(columns=QUARTET)
display(means.round(1), published_values.round(1))

# %%
publish(plot_models(means, published_values), "03_models")

# %% [markdown]
# A dot is the mean over seven excerpts, a cross a published value. Three comparisons, each of two
# configurations that differ in one thing:

# %%
PAIRS = {"D - C: 75 steps in place of 10": ("D", "C"), "E - D: 200 units, not 100": ("E", "D")}
PAIRS["F - E: one mixture in place of ten"] = ("F", "E")
pd.DataFrame(
    {
        name: means.loc[f"Model {one}"] - means.loc[f"Model {two}"]
        for name, (one, two) in PAIRS.items()
    }
).T.round(1)

# %% [markdown]
# - **More steps help** in the mean (75 in place of 10).
# - **More units do not help here**: the mean is lower, and clarinet and saxophone make the
#   difference.
# - **Different mixtures may help**: with one in place of ten, the mean is lower.
#
# Each value is one seed (n = 7 excerpts for an instrument, 28 for the mean), so we give no
# [**confidence interval**](../docs/glossary.md#confidence-interval), the range in which the true
# mean probably lies. In chapter four, two trainings of another network (300 steps) that differ only
# in their seed are up to 1 dB apart. Only the first difference is larger than that. All six
# configurations stay closer to the baseline than to the oracle.
#
# **Interference and artifacts.** `Results/03_nussl_bach10.csv` also holds the other measures of
# [**BSS Eval**](../docs/glossary.md#bss-eval) (Vincent et al., 2006) in their scale-invariant form.
# They split the error of an estimate into interference from the other stems and into artifacts,
# which come from no stem: $\hat s = \alpha s + e_\text{interference} + e_\text{artifacts}$.
# SI-[**SIR**](../docs/glossary.md#sir) compares the target with the interference,
# SI-[**SAR**](../docs/glossary.md#sar) compares it with the artifacts. The two parts are
# orthogonal, so their energies add up:
#
# $$10^{-\text{SI-SDR} / 10} = 10^{-\text{SI-SIR} / 10} + 10^{-\text{SI-SAR} / 10}$$

# %%
measures = rows.query("metric in ('SI-SDR', 'SI-SIR', 'SI-SAR')")
measures.pivot_table("value", "system", "metric").round(1)

# %% [markdown]
# Model D suppresses other instruments (its SI-SIR is 2.3 dB, that of the mixture -4.8 dB), but its
# SI-SAR is far below that of the mixture: the masks also distort the target. One measure alone
# would hide this.
#
# Why is the SI-SAR of the mixture not infinite? A sum of stems has no artifacts. But the samples
# are rounded, and the number shows this error. In the table it is 73 dB, because the mixture is a
# 16-bit file; in chapters one and two it is 140 to 148 dB, because the stems are summed in 32-bit
# floating point. We repeat it with a rendered chorale, whose stems are floating-point numbers:

# %%
from helpers.evaluation.metrics import si_sar, si_sir

RENDERED = chorale(TEST[0], QUARTET, seconds=3 if SMOKE else 8)
parts = np.concatenate(list(RENDERED.stems.values())).astype(np.float64)
exact = parts.sum(axis=0)
kinds = {f"{bits} bits": np.round(exact * 2**bits / 2) / 2**bits * 2 for bits in (8, 16, 24)}
kinds |= {"32-bit floating point": exact.astype(np.float32), "64-bit floating point": exact}
pd.Series(
    {name: si_sar(sound, parts, 0) for name, sound in kinds.items()}, name="SI-SAR (dB)"
).round(0)

# %% [markdown]
# Eight bits more are worth $8 \cdot 6.02 = 48$ dB, as for every rounding. A number in 32-bit
# floating point has 24 significant bits. The last row is infinite: there the sum is exact up to
# what the function treats as a rounding error.
#
# **BSS Eval as others compute it.** Published tables often come from `museval` (BSS Eval v4):
# [**SDR**](../docs/glossary.md#sdr), SIR, SAR and ISR (which counts wrong levels and tone colours
# of the target), each the median over frames of a second. Its SDR counts a wrong level as an error.
# Its other measures let each stem pass through a filter of 512 samples before they count: a changed
# tone colour is then no distortion. On rendered sound, whose waves repeat, such a filter turns one
# stem into another, and the SIR loses its meaning (in our run -18 to -27 dB on a chorale). We
# therefore allow a gain only, `filters_len=1`. Beside each other, for the four estimates of Model
# D:

# %%
from museval.metrics import bss_eval

stack = np.stack([estimates[name] for name in QUARTET]).transpose(0, 2, 1).astype(np.float64)
true = np.stack([HELD_OUT.stems[name] for name in QUARTET]).transpose(0, 2, 1).astype(np.float64)
sdr, isr, sir, sar, _ = bss_eval(true, stack, window=RATE, hop=RATE, filters_len=1)
table = {"SDR": sdr, "ISR": isr, "SIR": sir, "SAR": sar}
table = {f"museval {name}": np.nanmedian(values, axis=1) for name, values in table.items()}
flat = (stack[..., 0], true[..., 0])
table["SI-SDR"] = si_sdr(*flat)
table["SI-SIR"] = [si_sir(estimate, flat[1], i) for i, estimate in enumerate(flat[0])]
table["SI-SAR"] = [si_sar(estimate, flat[1], i) for i, estimate in enumerate(flat[0])]
pd.DataFrame(table, index=QUARTET).round(1)

# %% [markdown]
# The same estimates, and values that differ by several decibels. Never compare an SDR of one paper
# with an SI-SDR of another.
#
# **Beside the published values.** The next table is ours minus the published ones:

# %%
(means.reindex(published_values.index)[list(QUARTET)] - published_values).round(1)

# %% [markdown]
# For the violin, A, B, C and F are better here, D and E worse. Our mixtures and excerpts differ
# from the original's, so we cannot say why. E is also worse for clarinet and saxophone, and better
# for the bassoon. For E we can offer an explanation.
#
# **Quick questions**
#
# *1. An estimate is the mixture at half its level. What are its SI-SDR and its SI-SAR?*
#
# <details><summary>Answer</summary>
#
# Those of the mixture: both measures ignore the level (exercise 1).
# </details>
#
# *2. A network returns silence for all but one short, clean note. Which measure notices?*
#
# <details><summary>Answer</summary>
#
# SI-SAR and SI-SDR: the missing notes leave an error that belongs to no other stem, so it counts as
# an artifact. SI-SIR may be high.
# </details>
#
# ## Where the published numbers may come from
#
# The code of the project
# ([the training notebook](https://github.com/andrezg98/MusicSourceSep/blob/8f22ee4a74f8612a3fa9147aaed43847e50bb84b/Notebooks/Nussl/%5BTFG%5D_Bach10_Nussl_SepModel.ipynb),
# as published) shows two things that its tables do not. We have read this code and not run it.
#
# **The target of the bassoon was everything but the bassoon** (cells 38 and 39). The data loader
# sums the other three stems and then takes the second source by its position
# (`IndexSources('source_magnitudes', 1)`). As far as we can tell, the sources are in alphabetical
# order. For three instruments the second source is the target; for the bassoon it is the sum of the
# other three, because `bassoon` comes first.
#
# A cheap check finds such a mistake: compare an estimate with every possible stem. Here are the
# estimate of `nussl-bassoon`, the rest that it leaves, and the mixture:


# %%
def similarity(estimate: np.ndarray) -> dict[str, float]:
    """SI-SDR in dB of an estimate against each stem, and against all but the bassoon."""
    targets = HELD_OUT.stems | {"all but the bassoon": HELD_OUT.mixture - HELD_OUT.stems["bassoon"]}
    return {name: float(si_sdr(estimate[0], stem[0])) for name, stem in targets.items()}


signals = {"estimate": estimates["bassoon"], "rest": HELD_OUT.mixture - estimates["bassoon"]}
signals["mixture"] = HELD_OUT.mixture
pd.DataFrame({name: similarity(signal) for name, signal in signals.items()}).round(1)

# %% [markdown]
# On our recording the rest, taken for the bassoon, scores three decibels less than the mixture
# does. A network that has learnt the other three instruments would give such a score. The published
# value for the bassoon, -6.0 dB, is also below the mixture of our excerpts (see the table above),
# although a network that returned its input unchanged would score as the mixture does.
#
# **One network seems to have been trained through all pieces** (cells 32 and 53). Leave-one-out
# needs a new network for each piece. As far as we can tell, the published notebook creates the
# network and its optimiser once, before the loop over pieces and instruments. Read literally, the
# network that is tested on the second piece was already trained on that piece in the first round
# (and on other instruments in between). The test data would then have been in the training data,
# which is called data leakage. We cannot know that the notebook made the published tables in
# exactly this form.
#
# `python -m experiments.nussl.beyond --carried` trains Model E in this way on purpose, with one
# network for each instrument (`Model E carried`):

# %%
carried = means.reindex(["mixture", "Model E", "Model E carried"])
pd.concat([carried, pd.DataFrame({"as published": published_values.loc["Model E"]}).T]).round(1)

# %%
both = rows[rows["system"].str.startswith("Model E") & (rows["metric"] == "SI-SDR")]
both = both.assign(piece=both["track"].str[:2])
both.pivot_table("value", "piece", "system").round(1)

# %% [markdown]
# The first piece has the same value in both columns, because up to there the two trainings are the
# same. From the second piece on, the carried network has been trained on the piece that tests it.

# %%
gain = carried.loc["Model E carried"] - carried.loc["Model E"]
print(f"carried over the pieces, Model E gains {gain['mean']:.1f} dB in the mean")
gap = carried.loc["Model E carried", list(QUARTET)] - published_values.loc["Model E"]
print(
    "its distance to the published values:", ", ".join(f"{k} {v:+.1f} dB" for k, v in gap.items())
)

# %% [markdown]
# This fits the explanation that the published values of Model E come largely from networks that had
# met the test pieces. It does not prove it. We use excerpts of five pieces, mixtures of 4 s in
# place of 25 s, energy in place of perceived loudness, and one seed. We did not measure the effect
# of these differences. For pieces that a network has never met, expect the values of `Model E`.
#
# **Quick questions**
#
# *1. What do you print before you trust a target that is picked by its position?*
#
# <details><summary>Answer</summary>
#
# The name beside the index, for every instrument, or the SI-SDR of the target against each stem.
# </details>
#
# *2. The carried network is better on pieces two to five. Is it a better network?*
#
# <details><summary>Answer</summary>
#
# The table cannot say: it had learnt from these pieces. Only a piece that is new to both could.
# </details>
#
# ## Pretraining and fine-tuning
#
# All six networks begin with random weights and see four pieces for 10 to 75 steps. *Model G* of
# the table begins with the network `bach-quartet`, which was
# [**pretrained**](../docs/glossary.md#pretrained) on rendered chorales, recorded single notes and
# recorded solos, none of them from Bach10. [**Fine-tuning**](../docs/glossary.md#fine-tuning) then
# continued its training for a few minutes on the pieces that are not the test piece. It was
# measured in the same way. Like the networks of chapter two, it works on a [**logarithmic frequency
# axis**](../docs/glossary.md#logarithmic-frequency-axis), on which a note has the same pattern of
# partials at every pitch.

# %%
QUARTET_MODEL = load_model("bach-quartet")
quartet = model_separator(QUARTET_MODEL)(HELD_OUT)
StemPlayer(quartet, references=HELD_OUT)

# %%
mixtures = dict.fromkeys(QUARTET, HELD_OUT.mixture)
systems = {"mixture": mixtures, "nussl, Model D": estimates, "bach-quartet": quartet}
values = {
    system: {name: float(si_sdr(stems[name][0], HELD_OUT.stems[name][0])) for name in QUARTET}
    for system, stems in systems.items()
}
pd.DataFrame(values).round(1)

# %%
signals = {"violin, nussl": estimates["violin"], "violin, bach-quartet": quartet["violin"]}
signals["violin, reference"] = HELD_OUT.stems["violin"]
ours(plot_spectrograms(signals, RATE, mixture=False, limit=6_000), "03_pretrained")

# %% [markdown]
# Over all excerpts (n = 7 for an instrument, one seed):

# %%
table = means.loc[["mixture", "Model D", "Model G", "oracle-irm"]]
real = read_table(ROOT / "Results" / "real_recordings.csv").query("metric == 'SI-SDR'")
real = real.query("system == 'bach-quartet' and test_data == 'bach10_excerpts'")
untuned = real.groupby("instrument")["value"].mean()[list(QUARTET)]
table.loc["bach-quartet, not fine-tuned"] = [*untuned, untuned.mean()]
table.round(1)

# %% [markdown]
# Nearly all of the gain is there without fine-tuning, so it comes from the pretraining and the
# other architecture; this comparison cannot tell one from the other. Be careful with these numbers:
# `bach-quartet` and its recipe were chosen with the help of these excerpts, and seven excerpts from
# five pieces are few.
#
# A rendered chorale, separated by the same model:

# %% tags=["sample"]
StemPlayer(model_separator(QUARTET_MODEL)(RENDERED), references=RENDERED)

# %% [markdown]
# **Quick questions**
#
# *1. How would you find out what the pretraining is worth, and what the architecture?*
#
# <details><summary>Answer</summary>
#
# Train the architecture of `bach-quartet` from random weights on the same four pieces.
# </details>
#
# *2. Why does the rendered chorale sound better separated than the real one?*
#
# <details><summary>Answer</summary>
#
# Its soundfont was in the training data; the players of Bach10 were not. That is a [**domain
# gap**](../docs/glossary.md#domain-gap), see chapters two and four.
# </details>
#
# ## Your own recording
#
# Run the cell. Choose a recording (any sample rate, any number of channels), a model and its
# instruments, and press the button. The stems appear below it: listen to them beside the mixture,
# look at their spectrograms, download them as a zip. `quartet` separates all four instruments at
# once, each of the other models one.

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({"quartet": QUARTET_MODEL} | {f"nussl-{name}": NUSSL[name] for name in QUARTET})

# %% [markdown]
# Without the buttons use `helpers.separate("my.wav")`, or in a terminal
# `divisi separate my.wav --model bach-quartet`.

# %% [markdown]
# ## Recap
#
# - Bach10 is available after filling in a form. `unzip` unpacks the archive completely or not at
#   all. The stems of a coherent mixture share one time stretch and one transposition; their levels
#   are drawn one by one.
# - The network estimates one mask for one instrument with an L1 loss. In our run ten mixtures
#   generalised better than one, at the same training loss.
# - After 75 steps the masks are mainly frequency bands. Of the oracle masks only the complex one is
#   exact: real masks keep the phase of the mixture, and a short window costs them several decibels.
# - More steps helped. More units and different mixtures changed the mean by less than seeds can
#   differ. All six configurations stay closer to the mixture than to the oracle (seven excerpts,
#   one seed). SI-SIR and SI-SAR show that a mask also distorts. `museval` uses similar names for
#   other measures.
# - Some of our values are above the published ones, some below. As we read the published code, the
#   network for the bassoon learnt the other three instruments. And one network was trained through
#   all pieces, so it was tested on pieces that it had learnt from.
# - A network pretrained on rendered and recorded sound comes much closer to the oracle. How much of
#   this comes from its other architecture, we did not measure. It gains little by fine-tuning (one
#   seed).
# - `OwnRecording` in this notebook and `divisi separate` in a terminal separate a recording of
#   yours.
#
# ### What to try next
#
# With the whole of Bach10 run `python -m experiments.nussl.sweep --data PATH`: ten pieces, each of
# them longer. `--seconds 25` makes mixtures as long as the original's, `--seed 1` repeats
# everything with another seed. Chapter four looks at other training data and at a larger network.
#
# ### Exercises
#
# Work in [the exercises](exercises/03_nussl_mask_inference.ipynb);
# [the solutions](solutions/03_nussl_mask_inference.ipynb) come with their numbers.
#
# 1. A mask of one half everywhere: what are its SI-SDR and its SNR?
# 2. Do the masks of four independent networks sum to one, and what if they did?
# 3. How much of the distance between network and oracle does the window explain?
# 4. Write a softer or a sharper ratio mask: which exponent is best?

# %% [markdown]
# ### References
#
# - Z. Duan, B. Pardo and C. Zhang, *Multiple fundamental frequency estimation by modeling spectral
#   peaks and non-peak regions*, IEEE Transactions on Audio, Speech, and Language Processing, 2010
#   (the paper behind [Bach10](http://music.cs.northwestern.edu/data/Bach10.html)).
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, *SDR – half-baked or well done?*, ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - E. Manilow, P. Seetharaman and B. Pardo, *The Northwestern University Source Separation
#   Library*, ISMIR 2018 ([nussl](https://github.com/nussl/nussl)).
# - J. Salamon, D. MacConnell, M. Cartwright, P. Li and J. P. Bello, *Scaper: a library for
#   soundscape synthesis and augmentation*, WASPAA 2017
#   ([scaper](https://github.com/justinsalamon/scaper)).
# - F.-R. Stöter, A. Liutkus and N. Ito, *The 2018 signal separation evaluation campaign*, LVA/ICA
#   2018, [arXiv 1804.06267](https://arxiv.org/abs/1804.06267) (museval, BSS Eval v4).
# - E. Vincent, R. Gribonval and C. Févotte, *Performance measurement in blind audio source
#   separation*, IEEE Transactions on Audio, Speech, and Language Processing, 2006,
#   [doi 10.1109/TSA.2005.858005](https://doi.org/10.1109/TSA.2005.858005).
# - D. Yu, M. Kolbæk, Z.-H. Tan and J. Jensen, *Permutation invariant training of deep models for
#   speaker-independent multi-talker speech separation*, ICASSP 2017,
#   [arXiv 1607.00325](https://arxiv.org/abs/1607.00325).
