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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/01_synthetic_tones.ipynb)
#
# # Separating synthetic voices with Wave-U-Net and Conv-TasNet
#
# *Two voices, one waveform.* This chapter separates mixtures of two to four synthetic voices. The
# voices are simple, so that you can see and hear what the networks do, and test why.
#
# In this chapter you will
#
# - build mixtures whose stems you know, look at them and listen to them;
# - measure a separation in decibels with SI-SDR, and compare it with a baseline and an oracle;
# - write a small network and its training loop, and compare a Wave-U-Net and a Conv-TasNet that
#   were trained on the same melodies, with two, three and four voices;
# - find out what the trained networks have learned, with test signals whose answer is known;
# - test two common recommendations: choose the initial weights with care, and normalise the
#   activations.
#
# | brick | in this chapter |
# | --- | --- |
# | task | estimate each of two, three or four voices from their mixture (mono, 8 kHz) |
# | data | random melodies of synthetic voices; each training example is a new one |
# | model | Wave-U-Net and Conv-TasNet; for comparison a fixed linear filter and oracle masks |
# | evaluation | SI-SDR on ten test melodies of six seconds for each number of voices |
# | needs | two cores: 1 min (training 50); T4: 1 min (10); disk: 0.1 GB; recordings: none |
#
# You do not need a GPU: the trained networks and the tables of results come with the course, and
# the chapter runs in a minute or two on a laptop.

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
from functools import partial
from itertools import permutations, product

import numpy as np
import pandas as pd
import torch
from IPython.display import Audio, Markdown
from torch import nn
from tqdm.auto import tqdm

from helpers import runtime
from helpers.datasets.tone_melodies import ENSEMBLES, Melodies

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the cells below train all networks
# here instead of loading those that come with the course, and measure them again. The tables and
# figures of the course stay as they are: yours go to the folder `runs/`. In the `smoke` profile,
# which the tests use, everything is tiny.
#
# A training shows a progress bar with the time that is left. It is saved every minute. You can stop
# it at any time; when you run its cell again, it continues. On Colab a session may end without
# warning: name a folder of Google Drive in the environment variable `DIVISI_RUNS`, and your runs
# are kept there.

# %%
SMOKE = runtime.profile() == "smoke"
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
RATE = 8000  # samples per second
STEPS = dict.fromkeys(ENSEMBLES, 8) if SMOKE else {2: 6000, 3: 6000, 4: 2000}  # training steps
FIRST_STEPS = 10 if SMOKE else 500  # of the network that you write yourself
STUDY_STEPS = 2 if SMOKE else 100
SEEDS = (0,) if SMOKE else (0, 1, 2)
TRACKS = 2 if SMOKE else 10  # test melodies
SECONDS = 1.0 if SMOKE else 6.0  # length of a test melody
TRAINING, VALIDATION, TEST = 1, 2, 3  # seeds, one for each set of melodies

# %% [markdown]
# ## What does a mixture look like?
#
# A [**source**](../docs/glossary.md#source) is something that makes sound; here it is a synthetic
# voice. The sound of one source alone is its [**stem**](../docs/glossary.md#stem). The
# [**mixture**](../docs/glossary.md#mixture) is the sum of the stems, sample by sample:
#
# $$x[n] = \sum_j s_j[n].$$
#
# [**Source separation**](../docs/glossary.md#source-separation) computes an *estimate* $\hat s_j$
# of each stem from the mixture $x$ alone.
#
# Each voice here is a sum of a few harmonics under a smooth envelope. Its melody is a random walk
# through a major scale: each note lies a small random step above or below the one before. The
# soprano has three harmonics and sings from D5 (587 Hz) upwards. The bass has five and sings from
# E2 (82 Hz) to E3 (165 Hz).

# %%
from helpers.display.plots import plot_stems, plot_waveforms

duet = Melodies(ENSEMBLES[2], SECONDS, TEST).track(0)
plot_waveforms(duet, span=(0.5, 0.56))

# %% [markdown]
# The figure shows 60 ms. In the mixture you can see the slow oscillation of the bass and, on top of
# it, the fast one of the soprano. Now listen to the mixture and to each voice alone, and look at
# the spectrogram of the whole melody:

# %% tags=["sample"]
from helpers.display.players import StemPlayer

StemPlayer(duet)

# %%
from helpers.display.figures import publish

publish(plot_stems(duet, limit=2500), "01_duet")

# %% [markdown]
# A spectrogram shows the **short-time Fourier transform** ([**STFT**](../docs/glossary.md#stft)).
# The signal is cut into overlapping frames, each frame is multiplied by a window $w$ of $N$
# samples, and the Fourier transform of each frame is taken:
#
# $$X[m, k] = \sum_{n=0}^{N-1} w[n]\, x[n + mH]\, e^{-2\pi i k n / N}.$$
#
# $m$ counts the frames, which start every $H$ samples (the *hop*), and $k$ counts the frequencies.
# Each value $X[m, k]$, a *bin*, is a complex number. Its [**magnitude** and
# **phase**](../docs/glossary.md#magnitude-and-phase) say how much of a frequency is there, and at
# which point of its cycle the oscillation is.
#
# Here is one frame of the mixture, computed with this formula. With $N = 512$ samples the bins lie
# $8000 / 512 = 15.6$ Hz apart.

# %%
from experiments.curves import plot_curves

N = 512
frame = np.hanning(N) * duet.mixture[0, 4000 : 4000 + N]
spectrum = np.array([np.sum(frame * np.exp(-2j * np.pi * k * np.arange(N) / N)) for k in range(90)])
hertz = np.arange(90) * RATE / N
loudest = np.abs(spectrum).argmax()
print(f"largest bin: k = {loudest}, {hertz[loudest]:.0f} Hz, |X| = {abs(spectrum[loudest]):.2f}, "
      f"phase {np.degrees(np.angle(spectrum[loudest])):.0f} degrees")  # fmt: skip
decibels = 20 * np.log10(np.abs(spectrum) / np.abs(spectrum).max())
plot_curves({"Magnitude of one frame": {"": (hertz, decibels)}}, xlabel="frequency (Hz)",
            ylabel="dB below the largest bin")  # fmt: skip

# %% [markdown]
# Each peak is a harmonic of one of the two voices. A spectrogram is a row of such frames, with the
# magnitude as colour.
#
# In the spectrogram above, the two voices lie one above the other and hardly overlap. Only the two
# weakest harmonics of the bass, 20 and 26 dB below its first, reach above the lowest note of the
# soprano. There is no noise and no reverberation, and each voice has one fixed timbre. This makes
# two voices an easy task. We chose it so: it shows how far a network can get when little stands in
# its way. Four voices are harder.

# %%
quartet = Melodies(ENSEMBLES[4], SECONDS, TEST).track(0)
plot_stems(quartet, limit=2500)

# %%
StemPlayer(quartet)

# %% [markdown]
# Alto and tenor sing between the other two, in the same key, so harmonics of different voices often
# coincide. When alto and tenor sing a fifth, for example, the third harmonic of the tenor has
# almost the same frequency as the second harmonic of the alto. Where two partials share a
# frequency, the mixture contains only their sum.
#
# **Quick questions**
#
# *1. You double the window of the STFT to 1024 samples. What do you gain, and what do you lose?*
#
# <details><summary>Answer</summary>
#
# The bins lie only 7.8 Hz apart, so that two harmonics close to each other fall into different
# bins. But each frame now lasts 128 ms instead of 64 ms, so the onset of a note is located less
# exactly.
# </details>
#
# *2. Two voices sing exactly the same note, at the same time and with the same timbre. Can any
# method separate them?*
#
# <details><summary>Answer</summary>
#
# Not from the sound alone: every division of the sum into two parts of this kind explains the
# mixture equally well. A difference in time, level, place or timbre is needed.
# </details>

# %% [markdown]
# ## How good is a separation?
#
# Take the bass $s$ as the true stem and make an estimate $\hat s$ from it by damaging it in a known
# way. The **signal-to-noise ratio** ([**SNR**](../docs/glossary.md#snr)) compares the energy of the
# stem, $\|s\|^2 = \sum_n s[n]^2$, with the energy of the error:
#
# $$\text{SNR} = 10 \log_{10} \frac{\|s\|^2}{\|s - \hat s\|^2}\ \text{dB}.$$
#
# The **scale-invariant signal-to-distortion ratio** ([**SI-SDR**](../docs/glossary.md#si-sdr),
# [Le Roux et al., 2019](https://arxiv.org/abs/1811.02508)) first scales the stem so that it fits
# the estimate as well as possible, and counts only the rest as an error (the mean of both signals
# is subtracted first):
#
# $$\text{SI-SDR} = 10 \log_{10} \frac{\|\alpha s\|^2}{\|\alpha s - \hat s\|^2}\ \text{dB}, \qquad
# \alpha = \frac{\langle \hat s, s \rangle}{\|s\|^2}.$$
#
# Here $\langle \hat s, s \rangle = \sum_n \hat s[n]\, s[n]$, and $\alpha$ is the best factor.
#
# Compute both by hand for signals of three samples, $s = (1, 0, -1)$ and $\hat s = (2, -1, -1)$:
#
# - the error is $s - \hat s = (-1, 1, 0)$, so the SNR is $10 \log_{10} (2 / 2) = 0$ dB;
# - $\langle \hat s, s \rangle = 2 + 0 + 1 = 3$ and $\|s\|^2 = 2$, so $\alpha = 1.5$ and
#   $\alpha s = (1.5, 0, -1.5)$;
# - the rest is $\alpha s - \hat s = (-0.5, 1, -0.5)$, so the SI-SDR is
#   $10 \log_{10} (4.5 / 1.5) = 4.8$ dB.

# %%
from helpers.evaluation.metrics import si_sdr, snr

s, estimate = np.array([1.0, 0.0, -1.0]), np.array([2.0, -1.0, -1.0])
print(f"SNR {snr(estimate, s):.1f} dB, SI-SDR {si_sdr(estimate, s):.1f} dB")
along, across = np.sqrt(4.5), np.sqrt(1.5)  # the lengths of the scaled stem and of the rest
triangle = {
    "scaled stem": ([0, along], [0, 0]),
    "estimate": ([0, along], [0, across]),
    "rest": ([along, along], [0, across]),
}
plot_curves({"SI-SDR compares two sides of a triangle": triangle}, aspect="equal")

# %% [markdown]
# The rest stands at a right angle to the stem: nothing in it can be explained by the stem at any
# level. Now the same with sound. Each estimate is the bass, damaged in a known way:

# %%
rng = runtime.seed_everything(0)
bass, mixture = duet.stems["bass"][0], duet.mixture[0]
noise = rng.standard_normal(bass.size) * bass.std()
estimates = {
    "10 % noise": bass + 0.1 * noise,
    "1 % noise": bass + 0.01 * noise,
    "half the level": 0.5 * bass,
    "1 ms late": np.roll(bass, RATE // 1000),
    "the mixture": mixture,
}
for name, estimate in estimates.items():
    print(f"{name:>15}: SNR {snr(estimate, bass):6.1f} dB, SI-SDR {si_sdr(estimate, bass):6.1f} dB")

# %%
from helpers.display.players import listen

listen({name: estimates[name] for name in ("10 % noise", "1 % noise", "1 ms late")}, RATE)

# %% [markdown]
# An error with 10 percent of the stem's amplitude gives 20 dB, one with 1 percent gives 40 dB. At
# 40 dB you probably need headphones to hear the noise.
#
# A change of level is no error for SI-SDR. You can correct it with a volume control, and a network
# that is wrong only in level has solved the hard part. For the SNR a wrong level is an error. We
# want correct levels too, so the networks below are *trained* with the SNR and *evaluated* with
# SI-SDR.
#
# A delay of one millisecond is a large error for both measures, although you can hardly hear it.
# Both compare waveforms, not what a listener perceives.
#
# **Quick questions**
#
# *1. A separator returns the true stem upside down (multiplied by -1). What are its SI-SDR and its
# SNR?*
#
# <details><summary>Answer</summary>
#
# The SI-SDR is perfect, because the scale factor may be negative. The SNR is about -6 dB: the error
# is twice the stem, so it has four times its energy.
# </details>
#
# *2. A separator improves from 10 to 16 dB. By which factor does the amplitude of the error
# fall?*
#
# <details><summary>Answer</summary>
#
# By a factor of two. 6 dB are a factor of four in energy and of two in amplitude.
# </details>

# %% [markdown]
# ## What are the lowest and the highest scores to expect?
#
# A number alone says little, so we measure two references on the same melodies. The
# [**baseline**](../docs/glossary.md#baseline), or *floor*, is to do nothing: the unchanged mixture
# is the estimate of every voice. The [**oracle**](../docs/glossary.md#oracle) knows the true stems.
# It computes a [**mask**](../docs/glossary.md#mask), a factor for each bin of the mixture's STFT,
# and multiplies:
#
# $$\hat S_j[m, k] = M_j[m, k]\; X[m, k].$$
#
# The **ideal ratio mask** ([**IRM**](../docs/glossary.md#irm)) divides each bin in proportion to
# the magnitudes of the stems. The **ideal binary mask** ([**IBM**](../docs/glossary.md#ibm)) gives
# each bin to the loudest stem:
#
# $$M_j^{\text{IRM}} = \frac{|S_j|}{\sum_i |S_i|}, \qquad
# M_j^{\text{IBM}} = \begin{cases} 1 & \text{if } |S_j| = \max_i |S_i| \\ 0 & \text{otherwise.}
# \end{cases}$$
#
# For example, let one bin of the mixture contain $S_1 = 3$ and $S_2 = i$, where $i$ is the
# imaginary unit (a quarter of a cycle ahead). The IRM is $3/4$ for the first and $1/4$ for the
# second; the IBM is 1 and 0. Both masks are real. They change the magnitude of a bin and keep the
# **phase of the mixture**: the estimates of the IRM are $\tfrac34 (3 + i)$ and $\tfrac14 (3 + i)$.
# Neither is exactly $3$ or $i$:

# %%
stems = np.array([3, 1j])
ratio = np.abs(stems) / np.abs(stems).sum()
binary = (np.abs(stems) == np.abs(stems).max()).astype(float)
for name, mask in {"IRM": ratio, "IBM": binary}.items():
    print(f"{name}: mask {mask}, estimates {mask * stems.sum()}, "
          f"errors {np.abs(mask * stems.sum() - stems).round(2)}")  # fmt: skip

# %% [markdown]
# The oracles are therefore a reference for networks that mask magnitudes, not a strict upper bound.
# A network that works on the waveform can exceed them.

# %%
from experiments.studies import Study, overview

TESTS = {
    f"tones-{count}-voices": [Melodies(singers, SECONDS, TEST).track(i) for i in range(TRACKS)]
    for count, singers in ENSEMBLES.items()
}
STUDY = Study("01_synthetic_tones", "01_synthetic_tones", TESTS, trains=TRAIN)
STUDY.baselines()
overview(STUDY.path).loc[["mixture", "oracle-ibm", "oracle-irm"]]

# %% tags=["hide-input"]
two, four = (STUDY.mean("oracle-irm", f"tones-{count}-voices") for count in (2, 4))
floors = [STUDY.mean("mixture", test) for test in TESTS]
Markdown(
    f"Each number is the mean over {TRACKS} melodies and all voices. The baseline (`mixture`) is "
    "about 0 dB for two equally loud voices, because the other voice is the error. It "
    f"falls to {floors[1]:.1f} and {floors[2]:.1f} dB as voices are added. The ratio mask falls "
    f"much more, from {two:.1f} dB with two voices to {four:.1f} dB with four: where harmonics "
    "overlap, a real factor for each bin cannot restore both stems."
)

# %% [markdown]
# ## How much of the task is easy?
#
# Before you train a network, try the simplest method: one [**Wiener
# filter**](../docs/glossary.md#wiener-filter) for each voice, a linear filter $h$ that never
# changes (Wiener, 1949). Its estimate is a weighted sum of neighbouring samples of the mixture,
# $\hat s[n] = \sum_u h[u]\, x[n - u]$, with 513 weights $h[u]$ (*taps*). They minimise the mean
# squared error $\mathbb{E}\,|s[n] - \hat s[n]|^2$, where $\mathbb{E}$ is the mean over all samples.
# The solution is a system of linear equations:
#
# $$\sum_u h[u]\, r_{xx}[t - u] = r_{sx}[t] \quad \text{for all } t.$$
#
# It contains two correlations: $r_{xx}[t] = \mathbb{E}\,x[n]\,x[n - t]$ compares the mixture with
# itself, delayed by $t$ samples; $r_{sx}[t] = \mathbb{E}\,s[n]\,x[n - t]$ compares the stem with
# the delayed mixture. Both are measured on 60 training melodies (`experiments/tones.py`). There is
# no iterative training. The figure shows the gain of each filter:

# %%
from experiments.tones import filtered, response, wiener_filters

FILTERS = {
    count: wiener_filters(Melodies(singers, SECONDS, TRAINING), 4 if SMOKE else 60)
    for count, singers in ENSEMBLES.items()
}
gains = {
    f"{n} voices": dict(zip(ENSEMBLES[n], map(response, FILTERS[n]), strict=True)) for n in (2, 4)
}
labels = {"xlabel": "frequency (Hz)", "ylabel": "gain of the filter (dB)"}
publish(plot_curves(gains, **labels, xlim=(0, 1200), ylim=(-60, 5)), "01_fixed_filters")

# %%
for test, filters in zip(TESTS, FILTERS.values(), strict=True):
    make = partial(partial, filtered, filters)
    STUDY.measure("fixed-filter", make, [test], train_data=test, config="513 taps")
overview(STUDY.path).loc[["mixture", "fixed-filter", "oracle-irm"]]

# %% tags=["hide-input"]
two, three, four = (STUDY.mean("fixed-filter", test) for test in TESTS)
Markdown(
    f"With two voices, a low-pass and a high-pass filter reach {two:.1f} dB on average. Keep this "
    f"number in mind when you judge the networks. With three voices the fixed filters reach "
    f"{three:.1f} dB and with four only {four:.1f} dB: the registers overlap, and a fixed filter "
    "cannot follow who sings which note. A network can do something else at every note."
)

# %% [markdown]
# **Quick questions**
#
# *1. The floor of two voices is about 0 dB. What would it be for each voice if the bass were 10 dB
# louder than the soprano?*
#
# <details><summary>Answer</summary>
#
# About +10 dB for the bass and -10 dB for the soprano: for each voice the other one is the error.
# The mean stays near 0 dB, so look at each voice too.
# </details>
#
# *2. A network reaches 25 dB with two voices. Is it good?*
#
# <details><summary>Answer</summary>
#
# Compared with the floor yes, but a fixed low-pass and high-pass filter already reach more. It has
# learned nothing that needs a network.
# </details>

# %% [markdown]
# ## A network and its training, written out
#
# A network for separation needs three parts. An **encoder** turns the waveform into features, a
# second part computes a mask for each source, and a **decoder** turns the masked features back into
# waveforms. Here is the smallest useful version, in the manner of
# [**Conv-TasNet**](../docs/glossary.md#conv-tasnet) ([Luo and Mesgarani,
# 2019](https://arxiv.org/abs/1809.07454)), which replaces the STFT by a learned transform. In the
# code, `relu` sets negative values to zero, and `sigmoid` maps every number to a value between 0
# and 1, as a mask needs it. The letters give the shapes: batch `B`, sources `S`, features `F`,
# frames `N`, samples `T`.


# %%
class FirstNetwork(nn.Module):  # (B, 1, T) -> (B, S, 1, T), for T a multiple of 32
    def __init__(self, sources=2, features=64):
        super().__init__()
        self.encode = nn.Conv1d(1, features, 64, stride=32, padding=32)
        dilated = partial(nn.Conv1d, features, features, 3)
        self.layers = nn.ModuleList(dilated(padding=step, dilation=step) for step in (1, 2, 4))
        self.masks = nn.Conv1d(features, sources * features, 1)
        self.decode = nn.ConvTranspose1d(features, 1, 64, stride=32, padding=32)

    def forward(self, mixture):
        frames = features = torch.relu(self.encode(mixture))  # (B, F, N): which waveforms, when
        for layer in self.layers:
            features = features + torch.relu(layer(features))  # looks at neighbouring frames
        masks = torch.sigmoid(self.masks(features)).unflatten(1, (-1, frames.shape[1]))
        return self.decode((masks * frames[:, None]).flatten(0, 1)).unflatten(0, (len(mixture), -1))


# %% [markdown]
# The [**loss**](../docs/glossary.md#loss) is the number that training makes small. Two are common
# in source separation. The *L1 loss* is the mean absolute error over the $T$ samples. The negative
# SNR has a *soft ceiling*, here 60 dB:
#
# $$\mathcal{L}_1 = \frac1T \sum_n |s[n] - \hat s[n]|, \qquad
# \mathcal{L}_{\text{SNR}} = 10 \log_{10}
# \frac{\|s - \hat s\|^2 + \tau \|s\|^2}{\|s\|^2}, \quad \tau = 10^{-60/10}.$$
#
# The term with $\tau$ keeps a few almost perfect examples from dominating the mean (Wisdom et al.,
# 2021). If SI-SDR takes the place of SNR, the network is free to choose any level. For the three
# samples from above, the L1 loss is $(1 + 1 + 0) / 3 = 0.67$, the SNR loss 0 dB, and the SI-SDR
# loss -4.8 dB:

# %%
from helpers.training.losses import l1, negative_si_sdr, negative_snr

LOSS = partial(negative_snr, ceiling=60.0)
stem = torch.tensor([[[[1.0, 0.0, -1.0]]]])  # (B, S, C, T)
estimate = torch.tensor([[[[2.0, -1.0, -1.0]]]])
for name, loss in {"L1": l1, "SNR": LOSS, "SI-SDR": negative_si_sdr}.items():
    print(f"{name:>7}: {loss(estimate, stem):6.2f}, half as loud: {loss(estimate / 2, stem):6.2f}")

# %% [markdown]
# Half as loud, the estimate has a better SNR and L1 loss, and the same SI-SDR.
#
# And here is the whole training. In each [**step**](../docs/glossary.md#step) the network separates
# a [**batch**](../docs/glossary.md#batch) of four new melodies of half a second. `backward`
# computes how the loss changes with each weight (the *gradient*). The optimiser then moves the
# weights a little in the direction in which the loss falls; how far, is set by the [**learning
# rate**](../docs/glossary.md#learning-rate) `lr`. All steps together take about ten seconds.

# %%
from experiments.tones import SHORT_SECONDS

runtime.seed_everything(0)
model = FirstNetwork()
melodies = Melodies(ENSEMBLES[2], SHORT_SECONDS, TRAINING)
optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
losses = []
for step in tqdm(range(FIRST_STEPS), desc="training"):
    examples = [melodies[4 * step + number] for number in range(4)]
    mixture, stems = map(torch.stack, zip(*examples, strict=True))  # (B, 1, T), (B, S, 1, T)
    loss = LOSS(model(mixture), stems)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())

# %%
smooth = pd.Series(losses).ewm(span=20).mean()
curves = {"each step": (range(len(losses)), losses), "smoothed": (range(len(losses)), smooth)}
labels = {"xlabel": "training step", "ylabel": "loss (dB)"}
publish(plot_curves({"The first network learns": curves}, **labels), "01_first_network")


# %%
def first_separator(track) -> dict[str, np.ndarray]:
    """The estimates (1, T) of the first network by voice."""
    with torch.no_grad():
        estimates = model(torch.from_numpy(track.mixture)[None])[0]
    return dict(zip(track.stems, estimates.numpy(), strict=True))


first = first_separator(duet)
StemPlayer(first, references=duet)

# %% tags=["hide-input"]
scores = [
    si_sdr(first_separator(track)[voice][0], stem[0])
    for track in TESTS["tones-2-voices"]
    for voice, stem in track.stems.items()
]
size = sum(weights.numel() for weights in model.parameters())
Markdown(
    f"After {FIRST_STEPS} steps this network of {size:,} weights reaches {np.mean(scores):.1f} dB "
    f"on the {TRACKS} test melodies, where the fixed filters reach "
    f"{STUDY.mean('fixed-filter', 'tones-2-voices'):.1f} dB. It separates, and it is not "
    "yet better than a filter."
)

# %% [markdown]
# **Quick questions**
#
# *1. Why does the loop draw new melodies in each step instead of repeating the same ones?*
#
# <details><summary>Answer</summary>
#
# A network that sees the same examples again can learn them by heart. With new melodies in each
# step, a falling loss means that it has learned something about all melodies. Chapter 2 shows the
# other case.
# </details>
#
# *2. What happens to the estimates if the masks are all 1?*
#
# <details><summary>Answer</summary>
#
# Every source gets the same estimate: the mixture, encoded and decoded. That is the floor.
# </details>

# %% [markdown]
# ## Two networks
#
# **Conv-TasNet** is the network that you just wrote, made larger: 128 learned waveforms, and twelve
# blocks of **dilated** [**convolutions**](../docs/glossary.md#convolution). The frames that such a
# convolution reads lie apart: by 1 frame in the first block, then by 2, 4, ... and 32 frames.
#
# ![Conv-TasNet: an encoder, a network that computes a mask for each source, a
# decoder](../Images/diagram_conv_tasnet.svg)
#
# [**Wave-U-Net**](../docs/glossary.md#wave-u-net) ([Stoller et al.,
# 2018](https://arxiv.org/abs/1806.03185)) has no frames and no masks: it works on the waveform. It
# is a [**U-Net**](../docs/glossary.md#u-net). An encoder halves the sample rate at each of its six
# levels, so that short filters see longer and longer stretches of time. A decoder doubles the rate
# again at each level. [**Skip connections**](../docs/glossary.md#skip-connection) copy the details
# of each encoder level to the decoder level of the same rate. Its last source is the mixture minus
# the other estimates, so the estimates always sum to the mixture.
#
# ![Wave-U-Net: down-sampling blocks, up-sampling blocks, and skip connections between
# them](../Images/diagram_wave_unet.svg)
#
# Both diagrams show the default sizes for three sources. Here, Wave-U-Net has half as many
# channels, and the filters of Conv-TasNet are 64 samples long.
#
# One level of the encoder of Wave-U-Net is a convolution, a rectifier (`leaky_relu` keeps positive
# values and makes negative ones smaller), and a decimation that drops every second sample. After
# six levels, one second has become 125 samples:

# %%
signal, channels = torch.from_numpy(duet.mixture[None, :, :RATE]), 1
for level in range(1, 7):
    convolution = nn.Conv1d(channels, 8 * level, kernel_size=15, padding=7)
    signal = nn.functional.leaky_relu(convolution(signal), 0.2)
    signal, channels = signal[..., ::2], 8 * level
    print(f"level {level}: {tuple(signal.shape)}, {RATE // 2**level} samples per second")

# %% [markdown]
# Decimation has a price, **aliasing**: a frequency $f$ above half the new rate $f_s$ appears at
# $|f - f_s|$. A cosine of 3000 Hz at 8000 samples per second becomes one of
# $|3000 - 4000| = 1000$ Hz:

# %%
decimated = np.cos(2 * np.pi * 3000 * np.arange(RATE) / RATE)[::2]
peak = np.abs(np.fft.rfft(decimated)).argmax() * (RATE / 2) / len(decimated)
print(f"after the decimation: {peak:.0f} Hz")

# %% [markdown]
# The network has to learn filters that remove such frequencies before the decimation, or it has to
# make use of them.
#
# How much of the mixture can influence one sample of an estimate? This stretch is the [**receptive
# field**](../docs/glossary.md#receptive-field). A convolution of $K$ taps (weights) at level $l$
# sees $(K - 1)\, 2^l$ samples more than the one before it, because its taps lie $2^l$ samples
# apart. With $K = 15$, the six levels of the encoder ($l = 0$ to $5$) and the convolution below
# them ($l = 6$) see
#
# $$1 + 14\,(1 + 2 + 4 + \dots + 64) = 1 + 14 \cdot 127 = 1779$$
#
# samples. The decoder adds some more. We can measure it: the gradient of one sample of the estimate
# is zero for all samples of the mixture that it does not depend on.

# %%
from experiments.tones import SYSTEMS, network

for system in SYSTEMS:
    fresh = network(system, ENSEMBLES[2])
    mixture = torch.randn(1, 1, 2 * RATE, requires_grad=True)
    fresh(mixture)[0, 0, 0, RATE].backward()
    reached = int((mixture.grad != 0).sum())
    size = sum(weights.numel() for weights in fresh.parameters())
    print(f"{system:>11}: {size:,} weights, one second comes out as "
          f"{tuple(fresh(torch.randn(1, 1, RATE)).shape)}, sees {reached} samples")  # fmt: skip

# %% [markdown]
# Wave-U-Net sees 2035 samples, a quarter of a second. Conv-TasNet sees everything, because its
# normalisation takes the mean over the whole example.
#
# Both map `mixture (B, C, T)` to `estimates (B, S, C, T)`: batch, sources, channels and samples.
# The order of the sources is fixed (soprano first), because the voices differ in register. Two
# voices of the same kind have no such order. For these, **permutation-invariant training**
# ([**PIT**](../docs/glossary.md#permutation-invariant-training), [Yu et al.,
# 2017](https://arxiv.org/abs/1607.00325)) computes the loss of each of the $S$ estimates with each
# stem, and takes the assignment $\pi$ with the smallest mean:
#
# $$\mathcal{L}_{\text{PIT}} = \min_\pi \frac1S \sum_j \mathcal{L}(\hat s_j, s_{\pi(j)}).$$
#
# Here the first network's two estimates are given in the wrong order:

# %%
swapped = {"estimate 1": first["bass"], "estimate 2": first["soprano"]}
matrix = pd.DataFrame(
    {
        voice: [-snr(estimate[0], stem[0]) for estimate in swapped.values()]
        for voice, stem in duet.stems.items()
    },
    index=list(swapped),
)
for order in permutations(range(2)):
    mean = np.mean([matrix.iloc[row, column] for row, column in enumerate(order)])
    print(f"estimates 1, 2 = {', '.join(matrix.columns[list(order)])}: mean loss {mean:.1f} dB")
matrix.round(1)

# %% [markdown]
# The matrix holds the loss of each pair (minus the SNR). The smaller of the two means is the PIT
# loss, and it belongs to the right assignment.
#
# **Quick questions**
#
# *1. Wave-U-Net without skip connections: what would its estimates lack?*
#
# <details><summary>Answer</summary>
#
# Fine detail. After six decimations only 125 samples per second are left at the bottom, with more
# channels. The skip connections carry the exact waveform around this bottleneck.
# </details>
#
# *2. How many assignments does PIT compare for four sources, and how many losses does it need?*
#
# <details><summary>Answer</summary>
#
# 24 assignments (4 factorial), but only 16 losses, one for each pair of estimate and stem.
# </details>

# %% [markdown]
# ## Training the networks
#
# Both networks train on the same stream of random melodies, half a second each, and no melody is
# repeated. The validation and test melodies come from other seeds.
#
# The course's training loop, `fit`, does what your loop did. It also measures the SI-SDR on
# validation melodies. It raises the learning rate at the start and lets it decay to zero, limits
# the gradient, and averages the weights over many steps. It saves its state and resumes from it.
# The trained weights are saved as [**checkpoints**](../docs/glossary.md#checkpoint), each with a
# JSON file (its card) that records how it was made.


# %%
from experiments.tones import save
from helpers.evaluation.results import output_folder
from helpers.training.trainer import TrainingConfig, fit

RECIPE = TrainingConfig(steps=1, batch_size=4, learning_rate=3e-3, validate_every=500)


def trained(system: str, singers: tuple[str, ...], name: str) -> nn.Module:
    """Train a network, or resume its training, and save it as a checkpoint."""
    runtime.seed_everything(0)
    fresh, config = network(system, singers), replace(RECIPE, steps=STEPS[len(singers)])
    data = Melodies(singers, SHORT_SECONDS, TRAINING), Melodies(singers, 4.0, VALIDATION, 8)
    history = fit(fresh, LOSS, *data, config=config, folder=output_folder("runs") / name)
    return save(fresh, name, config, history)


# %%
from helpers.training.checkpoints import load_model

NAMES = {
    (count, system): f"tones-{count}-voices-{system}" for count in ENSEMBLES for system in SYSTEMS
}
CARDS = {key: load_model(name).card["provenance"] for key, name in NAMES.items()}
pd.DataFrame(
    {"steps": card["training"]["steps"], "minutes": round(card["seconds"] / 60, 1)}
    for card in CARDS.values()
).set_axis(NAMES.values())

# %% tags=["hide-input"]
minutes = sum(card["seconds"] for card in CARDS.values()) / 60
steps = sum(card["training"]["steps"] for card in CARDS.values())
Markdown(
    f"**What training takes.** The cards record {minutes:.0f} minutes for the six networks, on one "
    f"core of a CPU ({steps:,} steps of {60000 * minutes / steps:.0f} ms); two cores need hardly "
    "less, because the networks are small. For a T4 we compute, and have not measured, "
    f"{steps * 0.016 / 60:.0f} minutes: each step makes four melodies on the CPU (9 ms) and starts "
    "about 600 small operations on the GPU (about 7 ms). The arithmetic itself, 1.4 GFLOP a step "
    "or less, hardly counts. With `TRAIN` off, the next cell loads the networks at once."
)

# %%
NETWORKS = {
    (count, system): trained(system, ENSEMBLES[count], name) if TRAIN else load_model(name)
    for (count, system), name in NAMES.items()
}

# %%
curves = {f"{count} voices": {} for count in ENSEMBLES}
for (count, system), network_here in NETWORKS.items():
    steps_and_decibels = zip(*network_here.card["provenance"]["validation"], strict=True)
    curves[f"{count} voices"][system] = tuple(steps_and_decibels)
labels = {"xlabel": "training step", "ylabel": "validation SI-SDR (dB)"}
publish(plot_curves(curves, **labels), "01_training")

# %% [markdown]
# The curves are those that the cards record. In our run, the validation score of the Wave-U-Net for
# two voices fell from 31.5 to 15.1 dB at step 1500 and needed about 1500 steps to recover. Such
# instabilities depend on the random seed, and one training run is one sample. All curves become
# flat at the end, because the learning rate decays to zero. So this does not show that the networks
# cannot learn more.
#
# ## How well do they separate?
#
# Now both networks are evaluated on the test melodies. Neither has been trained on them, and all
# systems get the same ones. What the table of the course already holds is not measured again.

# %%
from helpers.evaluation.evaluate import model_separator

for (count, system), model in NETWORKS.items():
    test, steps = f"tones-{count}-voices", model.card["provenance"]["training"]["steps"]
    columns = {"config": f"{steps} steps", "checkpoint_sha256": model.card["sha256"]}
    make = partial(model_separator, model)
    STUDY.measure(system, make, [test], train_data=test, **columns)
overview(STUDY.path)

# %% [markdown]
# Can you trust the table? Measure the first melody of each test here, and compare:

# %%
checks = {
    f"tones-{count}-voices": STUDY.check(
        {system: model_separator(NETWORKS[count, system]) for system in SYSTEMS},
        f"tones-{count}-voices",
    )
    for count in ENSEMBLES
}
pd.concat(checks)

# %%
from experiments.charts import plot_comparison
from helpers.evaluation.results import read_table, summary

rows = read_table(STUDY.path).query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="test_data"), "01_voices")

# %% tags=["hide-input"]
conv, wave, mask = (
    [STUDY.mean(system, test) for test in TESTS]
    for system in ("conv-tasnet", "wave-unet", "oracle-irm")
)
fixed = STUDY.mean("fixed-filter", "tones-2-voices")
Markdown(
    f"With two voices, Conv-TasNet reaches {conv[0]:.1f} dB and Wave-U-Net {wave[0]:.1f} dB, the "
    f"fixed filters {fixed:.1f} dB and the ratio mask {mask[0]:.1f} dB ({TRACKS} melodies, one "
    f"seed for each network). With a third voice they reach {conv[1]:.1f} and {wave[1]:.1f} dB, "
    f"and the ratio mask {mask[1]:.1f} dB. With four voices and a third of the training steps, "
    f"they reach {conv[2]:.1f} and {wave[2]:.1f} dB, and the ratio mask {mask[2]:.1f} dB."
)

# %% [markdown]
# In our run, Conv-TasNet even exceeds the oracle masks with two voices. This is possible because
# these are oracles for *masks on an STFT*: they keep the phase of the mixture, and a network with a
# learned transform does not have to. With four voices both networks are below the oracle masks, and
# only the bass is separated well.
#
# This is not a ranking of architectures. Each network was trained once, with one seed, at a size
# that a laptop can train, and neither was tuned.
#
# The same results for each voice:

# %%
table = summary(STUDY.path).query("metric == 'SI-SDR' and instrument != 'all'")
table.pivot_table("mean", ["test_data", "system"], "instrument").round(1)

# %% [markdown]
# ### Listen to the estimates
#
# Each row has the estimate and, for comparison at the same level, the true stem.

# %%
StemPlayer(model_separator(NETWORKS[2, "conv-tasnet"])(duet), references=duet)

# %% tags=["sample"]
separated = model_separator(NETWORKS[4, "wave-unet"])(quartet)
StemPlayer(separated, references=quartet)

# %%
plot_stems(separated, RATE, limit=2500)

# %% [markdown]
# What is left of the other voices shows as faint lines where the stem should be silent.
#
# **Quick questions**
#
# *1. Why does the table show the ratio mask although no network uses it?*
#
# <details><summary>Answer</summary>
#
# It says what perfect masks of magnitudes would reach on the same melodies. A score near it is good
# for such a method, and a fall of the ratio mask from two to four voices says that the mixtures
# themselves became harder.
# </details>
#
# *2. Network A has 21.5 dB and network B 19.1 dB, one training each. Which architecture is better?*
#
# <details><summary>Answer</summary>
#
# You cannot tell. Another seed may reverse the order, as may more steps or another learning rate.
# You need several trainings of each.
# </details>

# %% [markdown]
# ## What have the networks learned?
#
# We test the networks for two voices with a signal whose answer is known: a cosine that rises from
# the register of the bass to that of the soprano. There is no second voice, so all of it should go
# first to the bass and then to the soprano. At which frequency does the assignment change?

# %%
from experiments.tones import glide, level

cosine, frequency = glide(70, 1800, 2.0 if SMOKE else 8.0)
Audio(cosine, rate=RATE, normalize=False)

# %%
from helpers.audio.track import Track

SEPARATORS = {"fixed-filter": partial(filtered, FILTERS[2])} | {
    system: model_separator(NETWORKS[2, system]) for system in SYSTEMS
}
probe = Track("glide", RATE, {"soprano": cosine, "bass": 0 * cosine})
levels = {
    system: {voice: (frequency, level(estimate[0])) for voice, estimate in separator(probe).items()}
    for system, separator in SEPARATORS.items()
}
labels = {"xlabel": "frequency (Hz)", "ylabel": "level of the estimate (dB)"}
publish(plot_curves(levels, **labels, xscale="log", ylim=(-62, 5)), "01_glide")

# %% tags=["hide-input"]
from experiments.tones import turnover

changes = {
    system: turnover(frequency, {voice: values for voice, (_, values) in curves.items()})
    for system, curves in levels.items()
}
found = ", ".join(f"{system} at {hertz:.0f} Hz" for system, hertz in changes.items())
Markdown(
    f"The soprano's estimate becomes louder than that of the bass here: {found}. The three strong "
    "harmonics of the bass end at 494 Hz, and the lowest note of the soprano is 587 Hz."
)

# %% [markdown]
# In our run, the networks are less certain between 200 and 450 Hz: up to about a twentieth of the
# cosine's energy (-12 to -13 dB) goes to the soprano. In the training data these frequencies occur
# only as upper harmonics of a bass note, together with a first harmonic that is missing here.
#
# Are the networks more than a pair of filters? The next test distinguishes a filter from a model
# that uses the whole note. A cosine of 659 Hz alone can only be the soprano's E5. The same
# frequency is also the fourth harmonic of the bass's E3. When the bass sings this note, all of it
# should stay in the bass. How much of each signal appears in the estimate of the soprano?

# %%
from experiments.tones import leak
from helpers.datasets.tone_melodies import SINGERS
from helpers.music.scores import Note, Part
from helpers.synthesis.tones import Tones

time = np.arange(RATE) / RATE
tone = 0.1 * np.cos(2 * np.pi * 659.26 * time)[None].astype(np.float32)
note = Tones(SINGERS["bass"].timbre).render(Part("bass", (Note(0.0, 1.0, 52),)), RATE)
SIGNALS = {"a cosine at 659 Hz": tone, "a bass note, E3": note}


def leaks(signals: dict[str, np.ndarray]) -> pd.DataFrame:
    """The level of the soprano's estimate in dB, relative to each signal."""
    systems = SEPARATORS.items()
    return pd.DataFrame({n: {s: leak(made, x) for s, made in systems} for n, x in signals.items()})


# %%
LEAKS = leaks(SIGNALS)
LEAKS.round(1)

# %% tags=["hide-input"]
filter_leak, *network_leaks = LEAKS["a bass note, E3"]
Markdown(
    "The table gives the level of the soprano's estimate in dB, relative to the signal. All three "
    "systems give the cosine to the soprano. For the bass note they differ. The filter lets "
    "everything above its cut-off frequency through to the soprano, here the fourth and the fifth "
    f"harmonic, at {filter_leak:.0f} dB. The estimates of the networks are "
    f"{filter_leak - max(network_leaks):.0f} dB lower, or more."
)

# %% [markdown]
# So the networks use more than the frequency. Have they learned what a harmonic series is? One more
# test: the same five harmonics with the same strengths, first with the phases that all notes of
# this chapter have (sines that start together), then with others (cosines). Your ear can hardly
# tell them apart.

# %%
strengths = np.array(SINGERS["bass"].timbre.harmonics)[:, None]
angles = 2 * np.pi * 164.81 * np.arange(1, 6)[:, None] * time
PHASES = {"sines": np.sin(angles), "cosines": np.cos(angles)}
PHASES = {
    n: (0.1 * strengths * x).sum(0, keepdims=True, dtype=np.float32) for n, x in PHASES.items()
}
listen(PHASES, RATE)

# %%
leaks(PHASES).round(1)

# %% [markdown]
# The filter treats both alike. In our run, both networks keep the sines in the bass, as they do
# with the note. But they give the upper harmonics of the cosines to the soprano, even more than the
# filter does. They have not learned a rule about frequencies alone. They have learned the
# *waveform* of a bass note, and in the training data its harmonics always have the same phases.
# Real instruments have no such fixed phases, so this would not help with them. You find such a
# shortcut only with a test signal: the test melodies have the same phases as the training melodies.
#
# ### The learned filters of Conv-TasNet
#
# The encoder of Conv-TasNet compares each frame of 8 ms with 128 learned waveforms, its filters.
# The figure shows their spectra, sorted by the frequency at which each is largest, and the next one
# shows some of the waveforms.

# %%
from experiments.curves import plot_images
from experiments.tones import filter_spectra

learned = NETWORKS[2, "conv-tasnet"].analysis_filters.detach().numpy()
waveforms, spectra = filter_spectra(learned)
extent, labels = (0, len(spectra), 0, RATE / 2), {"xlabel": "filter", "ylabel": "frequency (Hz)"}
figure = plot_images({"Spectra of the filters": spectra.T}, extent, **labels, ylim=(0, 2500))
publish(figure, "01_learned_filters")

# %%
chosen = {f"filter {row}": waveforms[row] for row in range(10, 80, 20)}
shapes = {name: {"": (range(len(shape)), shape)} for name, shape in chosen.items()}
plot_curves(shapes, xlabel="sample")

# %% tags=["hide-input"]
low = np.mean(spectra.argmax(axis=1) * RATE / 512 < 500)
Markdown(
    f"{low:.0%} of the filters have their peak below 500 Hz, where most of the bass's energy lies. "
    f"With the even spacing of an STFT it would be {500 / (RATE / 2):.1%}. Nobody prescribed this: "
    "the training placed the filters where fine resolution helps to separate these two voices."
)

# %% [markdown]
# The spectra are speckled and the waveforms jagged. This is probably what is left of the random
# initial weights: where the voices have no energy, nothing corrects them.
#
# **Quick questions**
#
# *1. Why test with a cosine, which no voice ever sings?*
#
# <details><summary>Answer</summary>
#
# Because the right answer is known at every moment, and because only one property varies, the
# frequency. A melody mixes many causes.
# </details>
#
# *2. How would you change the training data so that the networks cannot rely on the phases?*
#
# <details><summary>Answer</summary>
#
# Draw the phase of each harmonic at random for each note. The phases then say nothing about the
# voice, and the networks have to use frequencies and levels.
# </details>

# %% [markdown]
# ## Do initialisation and normalisation matter?
#
# *Initialise the weights with care* and *normalise the activations* are common recommendations. Do
# they matter here?
#
# [**Initialisation**](../docs/glossary.md#initialisation) is the rule by which the first, random
# weights are drawn. *Xavier* (Glorot and Bengio, 2010) and *He* (He et al., 2015) choose their
# variance so that signals keep their level from layer to layer; *orthogonal* (Saxe et al., 2014)
# draws weight matrices that preserve lengths.
# [**Normalisation**](../docs/glossary.md#normalisation) brings the activations of a layer (its
# output values) to zero mean and unit variance. The mean is taken over the batch (*batch*), over
# groups of channels of one example (*group*) or over all its channels (*layer*). At test time,
# batch normalisation uses running averages of the training instead.
#
# Both networks get the same short training on three voices. Only the initialisation or only the
# normalisation changes. Each choice is trained three times, with other weights and other melodies
# (three [**seeds**](../docs/glossary.md#seed), chosen before: 0, 1, 2), and is evaluated on the
# first four test melodies. The defaults are PyTorch's initialisation for both networks, no
# normalisation for Wave-U-Net, and the layer normalisation of its paper for Conv-TasNet.
#
# With `TRAIN` the next cell runs 48 trainings of 100 steps. That takes about six minutes on two
# cores (4800 steps of 50 ms, and the evaluation), and about two minutes on a T4 (computed as
# above).

# %%
from experiments.tones import short_training

CHOICES = {
    "initialisation": ("default", "xavier", "he", "orthogonal"),
    "normalisation": ("none", "batch", "group", "layer"),
}
TRIO = {"tones-3-voices": TESTS["tones-3-voices"][:4]}
STUDIES = {kind: Study(f"01_{kind}", "01_synthetic_tones", TRIO, TRAIN) for kind in CHOICES}
for kind, choices in CHOICES.items() if TRAIN else ():
    for system, choice, seed in tqdm(list(product(SYSTEMS, choices, SEEDS)), desc=kind):
        columns = {"train_data": "tones-3-voices", "config": f"{choice}, {STUDY_STEPS} steps"}
        make = partial(short_training, system, {kind: choice}, seed, STUDY_STEPS)
        STUDIES[kind].measure(system, make, seed=seed, **columns)

# %%
from experiments.charts import plot_seeds


def seeds(kind: str):
    """The rows of a study with the column `choice`, in a panel for each system."""
    rows = read_table(STUDIES[kind].path)
    rows["choice"] = rows["config"].str.split(",").str[0]
    return plot_seeds(rows, CHOICES[kind], SYSTEMS, by="choice", panel="system")


publish(seeds("initialisation"), "01_initialisation")


# %% tags=["hide-input"]
def gains(kind: str, system: str) -> str:
    """How far the mean of each choice lies above the first one, in dB."""
    study, (first, *others) = STUDIES[kind], CHOICES[kind]
    means = {c: study.mean(system, "tones-3-voices", config=f"{c},") for c in CHOICES[kind]}
    changes = (f"{choice} {means[choice] - means[first]:+.1f}" for choice in others)
    return f"{system} {means[first]:.1f} dB ({', '.join(changes)})"


Markdown(
    "A dot is one seed and a stroke is their mean. With the default, and the change in dB with "
    f"each other choice: {gains('initialisation', 'wave-unet')}; "
    f"{gains('initialisation', 'conv-tasnet')}. The two networks prefer different ones."
)

# %% [markdown]
# In our run (`Results/01_initialisation.csv`; three seeds, four melodies), all nine trainings of
# Wave-U-Net with Xavier, He or orthogonal weights are better than all three with PyTorch's default.
# A likely reason: the default draws weights with about a sixth of He's variance, so without
# normalisation the signal becomes weaker from layer to layer. Three seeds cannot tell which of the
# three recipes is best: the seeds of one recipe differ more than their means.
#
# For Conv-TasNet the default is better than all nine other runs, and He is the lowest. The layers
# of this network are normalised, so the signal does not become weaker. Our guess, which we have not
# tested: larger weights add up in the skip connections and push the masks close to 0 or 1, where
# gradients are small.
#
# So initialisation matters for both networks early in training, but no recipe is best for both.

# %%
publish(seeds("normalisation"), "01_normalisation")

# %% tags=["hide-input"]
Markdown(
    "Without normalisation, and the change in dB with each: "
    f"{gains('normalisation', 'wave-unet')}; {gains('normalisation', 'conv-tasnet')}."
)

# %% [markdown]
# In our run (`Results/01_normalisation.csv`; three seeds, four melodies), Conv-TasNet improves with
# every normalisation and every seed, and the seeds of one choice differ by less than 0.5 dB.
# Wave-U-Net improves with group normalisation, also with every seed. Its changes with batch and
# layer normalisation are smaller than the differences between seeds, so these numbers do not show
# an effect.
#
# These results hold for two small networks, 100 training steps and one learning rate. They show
# which networks learn faster at the start, not which are better at the end. A normalised network
# might also tolerate a higher learning rate.
#
# **Quick questions**
#
# *1. Why are three seeds better than one training that is three times as long?*
#
# <details><summary>Answer</summary>
#
# One training gives one number, whatever its length. Only repeated trainings show how far numbers
# differ by chance, and so which difference between two choices means something.
# </details>
#
# *2. Batch normalisation uses the mean over the examples of a batch. What follows for a batch of
# one?*
#
# <details><summary>Answer</summary>
#
# The mean and the variance then come from one example alone, and vary much from example to example.
# At test time the running averages take their place, so the network meets other values than in
# training. Group and layer normalisation do not depend on the batch.
# </details>

# %% [markdown]
# ## Recap
#
# - **Mixtures.** A mixture is the sum of its stems. It is easy to separate where the partials of
#   the sources differ in frequency or in time, and hard where they coincide.
# - **Measures.** SI-SDR compares the scaled stem with the remaining error: 20 dB is an error of
#   10 percent of the amplitude, 40 dB of 1 percent. A score needs a baseline (the mixture) and an
#   oracle (an ideal mask) for comparison, and a fixed filter shows how much of the task is easy.
# - **Networks.** An encoder, masks, a decoder and a loop of fifteen lines already separate two
#   voices. In our run, Conv-TasNet and Wave-U-Net came near the oracle masks or above them with two
#   and three voices. They stayed below them with four voices and less training (one seed each).
# - **Test signals.** A rising cosine shows at which frequency a network assigns sound to the other
#   voice. A single bass note shows that the networks use more than frequency bands, and the same
#   note with other phases shows that, in our run, they rely on its waveform.
# - **Recommendations.** In short trainings with three seeds, the initialisation mattered, but what
#   helped one network harmed the other. Normalisation helped or made no clear difference.
#
# ### What to try next
#
# Train the first network for longer, or with more features, until it passes the fixed filter. Then
# replace the voices by real instruments, as the next chapters do.
#
# ### Exercises
#
# The [exercises](exercises/01_synthetic_tones.ipynb) have cells for your code, and the
# [solutions](solutions/01_synthetic_tones.ipynb) explain their answers.
#
# 1. Make one voice 10 dB louder. Predict the floor of each voice, then measure it.
# 2. Remove the harmonics of a bass note one by one: which of them decides to which voice the note
#    is assigned?
# 3. Train with the SI-SDR instead of the SNR as the loss. What changes?
# 4. Two voices of one register: train a network for alto and tenor, with and without PIT. (Open:
#    find your own way to make it better.)

# %% [markdown]
# ### References
#
# - X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
#   networks", AISTATS 2010.
# - K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing human-level
#   performance on ImageNet classification", ICCV 2015,
#   [arXiv 1502.01852](https://arxiv.org/abs/1502.01852).
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - A. Liutkus and R. Badeau, "Generalized Wiener filtering with fractional power spectrograms",
#   ICASSP 2015 (ratio masks).
# - Y. Luo and N. Mesgarani, "Conv-TasNet: surpassing ideal time-frequency magnitude masking for
#   speech separation", IEEE/ACM TASLP 2019, [arXiv 1809.07454](https://arxiv.org/abs/1809.07454).
# - A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of
#   learning in deep linear neural networks", ICLR 2014,
#   [arXiv 1312.6120](https://arxiv.org/abs/1312.6120).
# - D. Stoller, S. Ewert and S. Dixon, "Wave-U-Net: a multi-scale neural network for end-to-end
#   audio source separation", ISMIR 2018, [arXiv 1806.03185](https://arxiv.org/abs/1806.03185).
# - D. Wang, "On ideal binary mask as the computational goal of auditory scene analysis", in *Speech
#   Separation by Humans and Machines*, 2005 (binary masks).
# - N. Wiener, *Extrapolation, Interpolation, and Smoothing of Stationary Time Series*, 1949.
# - S. Wisdom et al., "What's all the fuss about free universal sound separation data?", ICASSP
#   2021, [arXiv 2011.00803](https://arxiv.org/abs/2011.00803) (the soft ceiling of the loss).
# - D. Yu, M. Kolbæk, Z.-H. Tan and J. Jensen, "Permutation invariant training of deep models for
#   speaker-independent multi-talker speech separation", ICASSP 2017,
#   [arXiv 1607.00325](https://arxiv.org/abs/1607.00325).
