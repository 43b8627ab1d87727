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
# - train a Wave-U-Net and a Conv-TasNet from scratch on the same melodies, and measure how much
#   harder the task becomes with a third and a fourth voice;
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
#
# You do not need a GPU: the trained networks come with the course. Delete them from `Checkpoints/`
# and the same cells train them again. You can stop the notebook at any time; when you run a cell
# again, its training continues from the last saved state.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
from dataclasses import asdict, replace
from functools import partial
from itertools import product

import numpy as np
import torch
from IPython.display import Audio, display
from scipy.linalg import solve_toeplitz
from tqdm.auto import tqdm

from helpers import runtime
from helpers.datasets.tone_melodies import ENSEMBLES, Melodies

# %% [markdown]
# These are the settings that you may change. In the `smoke` profile, which the tests use, all of
# them are tiny and every result is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
RATE = 8000  # samples per second
STEPS = dict.fromkeys(ENSEMBLES, 8) if SMOKE else {2: 6000, 3: 6000, 4: 2000}  # training steps
STUDY_STEPS = 2 if SMOKE else 100
SEEDS = (0,) if SMOKE else (0, 1, 2)
TRACKS = 2 if SMOKE else 10  # test melodies
SECONDS = 1.0 if SMOKE else 6.0  # length of a test melody
TRAINING, VALIDATION, TEST = 1, 2, 3  # seeds, one for each set of melodies

# %% [markdown]
# ## What does a mixture look like?
#
# A **source** is something that makes sound; here it is a synthetic voice. The sound of one source
# alone is its **stem**. The **mixture** is the sum of the stems, sample by sample:
#
# $$x[n] = \sum_i s_i[n].$$
#
# **Source separation** computes an *estimate* $\hat s_i$ of each stem from the mixture $x$ alone.
#
# Each voice here is a sum of a few harmonics under a smooth envelope. It sings a random walk
# through a major scale. The soprano has three harmonics and sings from D5 (587 Hz) upwards. The
# bass has five and sings from E2 (82 Hz) to E3 (165 Hz).

# %%
from helpers.display.plots import plot_stems, plot_waveforms

duet = Melodies(ENSEMBLES[2], SECONDS, TEST).track(0)
plot_waveforms(duet, span=(0.5, 0.56))

# %% [markdown]
# The figure shows 60 ms. In the mixture you can see the slow oscillation of the bass and, on top of
# it, the fast one of the soprano. Now listen to the mixture and to each voice alone, and look at
# the spectrogram of the whole melody:

# %%
from helpers.display.players import StemPlayer

StemPlayer(duet)

# %%
from helpers.display.figures import publish

publish(plot_stems(duet, limit=2500), "01_duet")

# %% [markdown]
# A spectrogram shows the **short-time Fourier transform** (**STFT**). The signal is cut into
# overlapping frames, each frame is multiplied by a window $w$ of $N$ samples, and the Fourier
# transform of each frame is taken:
#
# $$X[m, k] = \sum_{n=0}^{N-1} w[n]\, x[n + mH]\, e^{-2\pi i k n / N}.$$
#
# $m$ counts the frames, which start every $H$ samples (the *hop*), and $k$ counts the frequencies.
# Each value $X[m, k]$, a *bin*, is a complex number. Its **magnitude** $|X[m, k]|$ says how much of
# a frequency is there; its **phase** says where in its cycle the oscillation stands. The figure
# shows the magnitude in decibels on a logarithmic frequency axis.
#
# The two voices lie one above the other and hardly overlap. Only the two weakest harmonics of the
# bass, 20 and 26 dB below its first, reach above the lowest note of the soprano. There is no noise
# and no reverberation, and each voice has one fixed timbre. This makes two voices an easy task. We
# chose it so: it shows how far a network can get when little stands in its way. Four voices are
# harder.

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
# ## How good is a separation?
#
# Take the bass $s$ as the true stem and make an estimate $\hat s$ from it by damaging it in a known
# way. The **signal-to-noise ratio** (**SNR**) compares the energy of the stem with the energy of
# the error:
#
# $$\text{SNR} = 10 \log_{10} \frac{\|s\|^2}{\|s - \hat s\|^2}\ \text{dB}.$$
#
# The **scale-invariant signal-to-distortion ratio** (**SI-SDR**, [Le Roux et al.,
# 2019](https://arxiv.org/abs/1811.02508)) first scales the stem so that it fits the estimate as
# well as possible, and counts only the rest as an error (the mean of both signals is subtracted
# first):
#
# $$\text{SI-SDR} = 10 \log_{10} \frac{\|\alpha s\|^2}{\|\alpha s - \hat s\|^2}\ \text{dB}, \qquad
# \alpha = \frac{\langle \hat s, s \rangle}{\|s\|^2}.$$

# %%
from helpers.evaluation.metrics import si_sdr, snr

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
for name in ("10 % noise", "1 % noise"):
    print(name)
    display(Audio(estimates[name], rate=RATE))

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
# ## What are the lowest and the highest scores to expect?
#
# A number alone says little, so we measure two references on the same melodies. The **baseline**,
# or *floor*, is to do nothing: the unchanged mixture is the estimate of every voice. The **oracle**
# knows the true stems. It computes a **mask**, a factor for each bin of the mixture's STFT, and
# multiplies:
#
# $$\hat S_i[m, k] = M_i[m, k]\; X[m, k].$$
#
# The **ideal ratio mask** (**IRM**) divides each bin in proportion to the magnitudes of the stems.
# The **ideal binary mask** (**IBM**) gives each bin to the loudest stem:
#
# $$M_i^{\text{IRM}} = \frac{|S_i|}{\sum_j |S_j|}, \qquad
# M_i^{\text{IBM}} = \begin{cases} 1 & \text{if } |S_i| = \max_j |S_j| \\ 0 & \text{otherwise.}
# \end{cases}$$
#
# Both change only the magnitude of a bin and keep the phase of the mixture. They are a reference
# for networks that mask a spectrogram, not a strict upper bound. A network that works on the
# waveform can exceed them.

# %%
from experiments.studies import Study, overview

TESTS = {
    f"tones-{count}-voices": [Melodies(singers, SECONDS, TEST).track(i) for i in range(TRACKS)]
    for count, singers in ENSEMBLES.items()
}
STUDY = Study("01_synthetic_tones", "01_synthetic_tones", TESTS)
STUDY.baselines()
overview(STUDY.path)

# %% [markdown]
# Each number is the mean over ten melodies and all voices. The baseline (`mixture`) is about 0 dB
# for two equally loud voices, because the other voice is the error. It falls as voices are added.
# The oracles fall much more, from 38 dB (`oracle-irm`, two voices) to 12 dB (four voices): where
# harmonics overlap, a real factor for each bin cannot restore both stems.
#
# ## How much of the task is easy?
#
# Before you train a network, try the simplest method: one **Wiener filter** for each voice, a
# linear filter that never changes (Wiener, 1949). It minimises the mean squared error
# $\mathbb{E}\,|s[n] - (h * x)[n]|^2$. The solution is a system of linear equations in the
# autocorrelation $r_{xx}$ of the mixture and its cross-correlation $r_{sx}$ with the stem:
#
# $$\sum_\tau h[\tau]\, r_{xx}[t - \tau] = r_{sx}[t].$$
#
# Both correlations are measured on 60 training melodies. There is no iterative training.


# %%
def wiener_filters(melodies: Melodies, examples: int, taps: int = 513) -> np.ndarray:
    """(voices, taps): for each voice the filter of least squared error, centred."""
    stems = np.stack([melodies[i][1].squeeze(1).numpy() for i in range(examples)])  # (N, S, T)
    length = 2 * stems.shape[-1]
    spectra = np.fft.rfft(stems, length)
    mixtures = spectra.sum(axis=1, keepdims=True)
    own = np.fft.irfft((abs(mixtures) ** 2).mean(axis=(0, 1)))[:taps]  # autocorrelation
    shared = np.fft.irfft((spectra * mixtures.conj()).mean(axis=0))  # (S, T)
    own[0] *= 1 + 1e-9
    shared = np.roll(shared, taps // 2, axis=1)[:, :taps]
    return np.stack([solve_toeplitz(own, right) for right in shared])


# %%
def filtered(filters: np.ndarray, track) -> dict[str, np.ndarray]:
    """The estimate of each voice: the mixture through its filter."""
    estimates = (np.convolve(track.mixture[0], taps, "same")[None] for taps in filters)
    return dict(zip(track.stems, estimates, strict=True))


# %%
FILTERS = {
    count: wiener_filters(Melodies(singers, SECONDS, TRAINING), 4 if SMOKE else 60)
    for count, singers in ENSEMBLES.items()
}
for test, filters in zip(TESTS, FILTERS.values(), strict=True):
    make = partial(partial, filtered, filters)
    STUDY.measure("fixed-filter", make, [test], train_data=test, config="513 taps")
overview(STUDY.path)

# %%
from experiments.curves import plot_curves


def response(taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and the gain of a filter in dB."""
    return np.fft.rfftfreq(4096, 1 / RATE), 20 * np.log10(abs(np.fft.rfft(taps, 4096)) + 1e-6)


gains = {
    f"{n} voices": dict(zip(ENSEMBLES[n], map(response, FILTERS[n]), strict=True)) for n in (2, 4)
}
labels = {"xlabel": "frequency (Hz)", "ylabel": "gain of the filter (dB)"}
publish(plot_curves(gains, **labels, xlim=(0, 1200), ylim=(-60, 5)), "01_fixed_filters")

# %% [markdown]
# With two voices, a low-pass and a high-pass filter reach 26.6 dB on average. Keep this number in
# mind when you judge the networks. With four voices the fixed filters reach only 3.3 dB: the
# registers overlap, and a fixed filter cannot follow who sings which note. A network can do
# something else at every note.
#
# ## Two networks
#
# **Wave-U-Net** ([Stoller et al., 2018](https://arxiv.org/abs/1806.03185)) works on the waveform.
# It is a **U-Net**: an encoder halves the sample rate at each of its six levels, so that short
# filters see longer and longer stretches of time, and a decoder doubles the rate again. **Skip
# connections** copy the details of each encoder level to the decoder level of the same rate. Its
# last source is the mixture minus the other estimates, so the estimates always sum to the mixture.
#
# **Conv-TasNet** ([Luo and Mesgarani, 2019](https://arxiv.org/abs/1809.07454)) replaces the STFT by
# a learned transform. An encoder compares each short frame with 128 learned waveforms. A stack of
# **dilated convolutions**, whose taps lie further apart in each layer, computes a mask for each
# source. A decoder turns the masked frames back into waveforms.
#
# Both map `mixture (B, C, T)` to `estimates (B, S, C, T)`: batch, sources, channels and samples.
# The order of the sources is fixed (soprano first), because the voices differ in register. Two
# voices of the same kind have no such order; for these, **permutation-invariant training**
# (**PIT**, [Yu et al., 2017](https://arxiv.org/abs/1607.00325)) computes the loss for the best
# assignment of estimates to stems.

# %%
from helpers.models.conv_tasnet import ConvTasNet, ConvTasNetConfig
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig

SYSTEMS = {
    "wave-unet": partial(WaveUNetConfig, width=4 if SMOKE else 8),
    "conv-tasnet": partial(
        ConvTasNetConfig, filters=128, filter_length=64, bottleneck=32, hidden=64
    ),
}


def untrained(system: str, singers: tuple[str, ...], **choices: str) -> torch.nn.Module:
    """A network with fresh weights."""
    model = {"wave-unet": WaveUNet, "conv-tasnet": ConvTasNet}[system]
    return model(SYSTEMS[system](singers, **choices))


# %%
for system in SYSTEMS:
    model = untrained(system, ENSEMBLES[2])
    with torch.no_grad():
        shape = tuple(model(torch.randn(1, 1, RATE)).shape)
    size = sum(weight.numel() for weight in model.parameters())
    print(f"{system:>11}: {size:,} weights, one second comes out as {shape}")

# %% [markdown]
# Both networks train on the same stream of random melodies, half a second each, and no melody is
# repeated. A network therefore cannot memorise its training data; chapter 2 shows what happens when
# it can. The validation and test melodies come from other seeds.
#
# The loss of a stem is its negative SNR with a soft ceiling of 60 dB:
#
# $$\mathcal{L} = 10 \log_{10}\big(\|s - \hat s\|^2 + \tau \|s\|^2\big) - 10 \log_{10} \|s\|^2,
# \qquad \tau = 10^{-60/10}.$$
#
# The term with $\tau$ keeps a few almost perfect examples from dominating the mean over all stems
# and examples. The trained weights are saved as **checkpoints** in `Checkpoints/`, each with a JSON
# file (its card) that records how it was made.

# %%
from helpers.evaluation.results import output_folder
from helpers.training.losses import negative_snr
from helpers.training.trainer import TrainingConfig, fit

LOSS = partial(negative_snr, ceiling=60.0)
RECIPE = TrainingConfig(
    steps=1, batch_size=4, learning_rate=3e-3, validate_every=500, checkpoint_every=250
)
EXAMPLE_SECONDS = 0.512  # of a training example


def data(singers: tuple[str, ...]) -> tuple[Melodies, Melodies]:
    """Training and validation melodies."""
    return Melodies(singers, EXAMPLE_SECONDS, TRAINING), Melodies(singers, 4, VALIDATION, 8)


# %%
def provenance(config: TrainingConfig, history) -> dict:
    """What the card of a checkpoint records: commit, device, time, settings, learning curve."""
    curve = list(zip(*history.column("val_si_sdr"), strict=True))
    seconds = round(history.rows[-1]["seconds"])
    device = runtime.describe_device(runtime.pick_device())
    made = {"commit": runtime.commit(), "device": device, "seconds": seconds}
    return {**made, "training": asdict(config), "validation": curve}


# %%
from helpers.training.checkpoints import available_models, load_model, save_model


def trained(system: str, singers: tuple[str, ...], steps: int) -> torch.nn.Module:
    """The saved network; if there is none, it is trained (or its training resumed) and saved."""
    name, folder = f"tones-{len(singers)}-voices-{system}", output_folder("Checkpoints")
    if name not in available_models(folder):
        runtime.seed_everything(0)
        model, config = untrained(system, singers), replace(RECIPE, steps=steps)
        run = output_folder("runs") / name
        history = fit(model, LOSS, *data(singers), config=config, folder=run)
        if not history.finished:
            raise KeyboardInterrupt("The training is saved; run this cell again to resume.")
        save_model(model, folder, name, provenance(config, history))
    return load_model(folder / name)


# %%
NETWORKS = {
    (count, system): trained(system, singers, STEPS[count])
    for count, singers in ENSEMBLES.items()
    for system in SYSTEMS
}

# %%
curves = {f"{count} voices": {} for count in ENSEMBLES}
for (count, system), model in NETWORKS.items():
    steps_and_decibels = zip(*model.card["provenance"]["validation"], strict=True)
    curves[f"{count} voices"][system] = tuple(steps_and_decibels)
labels = {"xlabel": "training step", "ylabel": "validation SI-SDR (dB)"}
publish(plot_curves(curves, **labels), "01_training")

# %% [markdown]
# In our run, the validation score of the Wave-U-Net for two voices fell from 31.5 to 15.1 dB at
# step 1500 and needed about 1500 steps to recover. Such instabilities depend on the random seed,
# and one training run is one sample. All curves become flat at the end. This does not prove that
# the networks cannot learn more: the learning rate decays to zero at the last step.
#
# ## How well do they separate?
#
# Now both networks are evaluated on the test melodies. Neither has been trained on them, and all
# systems get the same ones.

# %%
from helpers.evaluation.evaluate import model_separator

for (count, system), model in NETWORKS.items():
    test, steps = f"tones-{count}-voices", model.card["provenance"]["training"]["steps"]
    columns = {"config": f"{steps} steps", "checkpoint_sha256": model.card["sha256"]}
    make = partial(model_separator, model)
    STUDY.measure(system, make, [test], train_data=test, **columns)
overview(STUDY.path)

# %%
from experiments.charts import plot_comparison
from helpers.evaluation.results import read_table, summary

rows = read_table(STUDY.path).query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="test_data"), "01_voices")

# %% [markdown]
# In our run (`Results/01_synthetic_tones.csv`, ten melodies each), Conv-TasNet separates two voices
# with 41.1 dB and Wave-U-Net with 37.3 dB. The fixed filters reach 26.6 dB. Conv-TasNet even
# exceeds the oracle masks (37.8 and 39.4 dB). This is possible because these are oracles for *masks
# on an STFT*: they keep the phase of the mixture, and a network on the waveform does not have to.
#
# With a third voice all scores fall by 16 to 23 dB, the oracle's as well as the networks'. Now
# Wave-U-Net has the higher score, 21.5 dB against 19.1 dB. With four voices and a third of the
# training steps, Wave-U-Net reaches 11.1 dB and Conv-TasNet 7.4 dB. Both are below the oracle
# masks, and only the bass is separated well.
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

# %%
StemPlayer(model_separator(NETWORKS[2, "conv-tasnet"])(duet), RATE)

# %%
separated = model_separator(NETWORKS[4, "wave-unet"])(quartet)
StemPlayer(separated, RATE)

# %%
plot_stems(separated, RATE, limit=2500)

# %% [markdown]
# What is left of the other voices shows as faint lines where the stem should be silent.
#
# ## What have the networks learned?
#
# We test the networks for two voices with a signal whose answer is known: a cosine that rises from
# the register of the bass to that of the soprano. There is no second voice, so all of it should go
# first to the bass and then to the soprano. At which frequency does the assignment change?


# %%
def glide(low: float, high: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A cosine with linearly rising pitch, (1, T), and its frequency in Hz, (T,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = low * (high / low) ** (time / seconds)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return 0.1 * np.cos(phase)[None].astype(np.float32), frequency


def level(signal: np.ndarray, window: int = 400) -> np.ndarray:
    """dB of the running RMS over 50 ms, relative to the cosine, (T,)."""
    power = np.convolve(signal**2, np.ones(window) / window, "same")
    return 10 * np.log10(power / 0.005 + 1e-8)


# %%
cosine, frequency = glide(70, 1800, 2.0 if SMOKE else 8.0)
Audio(cosine, rate=RATE, normalize=False)

# %%
from helpers.audio.track import Track


def probe(signal: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """The estimates of filters and networks for two voices, for a signal (1, T)."""
    track = Track("probe", RATE, {"soprano": signal, "bass": 0 * signal})
    estimates = {"fixed-filter": filtered(FILTERS[2], track)}
    return estimates | {name: model_separator(NETWORKS[2, name])(track) for name in SYSTEMS}


# %%
levels = {
    system: {voice: (frequency, level(estimate[0])) for voice, estimate in estimates.items()}
    for system, estimates in probe(cosine).items()
}
labels = {"xlabel": "frequency (Hz)", "ylabel": "level of the estimate (dB)"}
publish(plot_curves(levels, **labels, xscale="log", ylim=(-62, 5)), "01_glide")

# %% [markdown]
# Both networks change from bass to soprano at about 500 Hz, and the filters at about 570 Hz. That
# is between the three strong harmonics of the bass, which end at 494 Hz, and the lowest note of the
# soprano, 587 Hz. Between 200 and 450 Hz, however, the networks are less certain: up to about a
# twentieth of the cosine's energy (-12 to -13 dB) goes to the soprano. In the training data these
# frequencies occur only as upper harmonics of a bass note, together with a first harmonic that is
# missing here.
#
# Are the networks more than a pair of filters? The next test distinguishes a filter from a model
# that uses the whole note. A cosine of 659 Hz alone can only be the soprano's E5. The same
# frequency is also the fourth harmonic of the bass's E3. When the bass sings this note, all of it
# should stay in the bass. How much of each signal appears in the estimate of the soprano?

# %%
from helpers.datasets.tone_melodies import SINGERS
from helpers.music.scores import Note, Part
from helpers.synthesis.tones import Tones

time = np.arange(RATE) / RATE
tone = 0.1 * np.cos(2 * np.pi * 659.26 * time)[None].astype(np.float32)
note = Tones(SINGERS["bass"].timbre).render(Part("bass", (Note(0.0, 1.0, 52),)), RATE)
for name, signal in {"a cosine at 659 Hz": tone, "a bass note, E3": note}.items():
    for system, estimates in probe(signal).items():
        share = np.mean(estimates["soprano"] ** 2) / np.mean(signal**2)
        print(f"{name:>18}, {system:>12}: soprano at {10 * np.log10(share):6.1f} dB")

# %% [markdown]
# All three systems give the cosine to the soprano. For the bass note they differ. The filter lets
# everything above its cut-off frequency through to the soprano, here the fourth and the fifth
# harmonic, at -20 dB. The networks keep these harmonics in the bass: the soprano's estimate is more
# than 20 dB lower than the filter's. Apparently they use the lower harmonics at 165, 330 and 494 Hz
# to decide where the energy at 659 Hz belongs. No fixed filter can do this. Exercise 2 tests it
# further.
#
# ### The learned filters of Conv-TasNet
#
# The encoder of Conv-TasNet compares each frame of 8 ms with 128 learned waveforms, its filters.
# The figure shows their spectra, sorted by the frequency at which each is largest, and the next one
# shows some of the waveforms.

# %%
from experiments.curves import plot_images

waveforms = NETWORKS[2, "conv-tasnet"].analysis_filters.detach().numpy()
spectra = np.abs(np.fft.rfft(waveforms, 512))
order = np.argsort(spectra.argmax(axis=1), kind="stable")
spectra = spectra[order] / spectra[order].max(axis=1, keepdims=True)
extent, labels = (0, len(order), 0, RATE / 2), {"xlabel": "filter", "ylabel": "frequency (Hz)"}
figure = plot_images({"Spectra of the filters": spectra.T}, extent, **labels, ylim=(0, 2500))
publish(figure, "01_learned_filters")

# %%
chosen = {f"filter {row}": waveforms[order[row]] for row in range(10, 80, 20)}
shapes = {name: {"": (range(len(shape)), shape)} for name, shape in chosen.items()}
plot_curves(shapes, xlabel="sample")

# %% [markdown]
# Three in five of the filters have their peak below 500 Hz, where most of the bass's energy lies.
# With the even spacing of an STFT it would be one in eight. Nobody prescribed this: the training
# placed the filters where fine resolution helps to separate these two voices. The speckle in the
# spectra and the jagged waveforms are probably what is left of the random initial weights at
# frequencies where the voices have no energy and nothing corrects them.
#
# ## Do initialisation and normalisation matter?
#
# *Initialise the weights with care* and *normalise the activations* are common recommendations. Do
# they matter here?
#
# **Initialisation** is the rule by which the first, random weights are drawn. *Xavier* (Glorot and
# Bengio, 2010) and *He* (He et al., 2015) choose their variance so that signals keep their level
# from layer to layer; *orthogonal* (Saxe et al., 2014) draws weight matrices that preserve lengths.
# **Normalisation** brings the activations of a layer to zero mean and unit variance, over the batch
# (*batch*), over groups of channels (*group*) or over all channels of one example (*layer*).
#
# Both networks get the same short training on three voices. Only the initialisation or only the
# normalisation changes. Each choice is trained three times, with other weights and other melodies,
# and is evaluated on four test melodies. The defaults are PyTorch's initialisation for both
# networks, no normalisation for Wave-U-Net, and the layer normalisation of its paper for
# Conv-TasNet.

# %%
CHOICES = {
    "initialisation": ("default", "xavier", "he", "orthogonal"),
    "normalisation": ("none", "batch", "group", "layer"),
}
TRIO = {"tones-3-voices": TESTS["tones-3-voices"][:4]}
STUDIES = {kind: Study(f"01_{kind}", "01_synthetic_tones", TRIO) for kind in CHOICES}


# %%
def short_training(system: str, choice: dict[str, str], seed: int):
    """The separator of a network for three voices after STUDY_STEPS steps."""
    runtime.seed_everything(seed)
    model = untrained(system, ENSEMBLES[3], **choice)
    chosen = (model.config.initialisation, model.config.normalisation, str(seed))
    folder = output_folder("runs") / "-".join(["study", system, *chosen])
    melodies = Melodies(ENSEMBLES[3], EXAMPLE_SECONDS, 100 + seed)
    config = replace(RECIPE, steps=STUDY_STEPS, warmup_steps=STUDY_STEPS // 10, seed=seed)
    fit(model, LOSS, melodies, config=config, folder=folder, progress=False)
    return model_separator(model)


# %%
for kind, choices in CHOICES.items():
    for system, choice, seed in tqdm(list(product(SYSTEMS, choices, SEEDS)), desc=kind):
        columns = {"train_data": "tones-3-voices", "config": f"{choice}, {STUDY_STEPS} steps"}
        make = partial(short_training, system, {kind: choice}, seed)
        STUDIES[kind].measure(system, make, seed=seed, **columns)

# %%
from experiments.charts import plot_seeds


def seeds(kind: str):
    """The rows of a study with the column `choice`, in a panel for each system."""
    rows = read_table(STUDIES[kind].path)
    rows = rows[rows["config"].str.endswith(f" {STUDY_STEPS} steps")]
    rows["choice"] = rows["config"].str.split(",").str[0]
    return plot_seeds(rows, CHOICES[kind], SYSTEMS, by="choice", panel="system")


# %%
publish(seeds("initialisation"), "01_initialisation")

# %% [markdown]
# A dot is one seed and a stroke is the mean of three. The initial weights matter, but the two
# networks prefer different ones.
#
# For Wave-U-Net, all nine runs with Xavier, He or orthogonal weights are better than all three runs
# with PyTorch's default, on average by 1.8 to 3.0 dB. A likely reason: the default draws weights
# with about a sixth of He's variance, so without normalisation the signal becomes weaker from layer
# to layer. Three seeds cannot tell which of the three recipes is best: their means lie within
# 1.3 dB, and the seeds of one recipe differ by up to 2.9 dB.
#
# For Conv-TasNet the default is better than all nine other runs, and He is the lowest, 5 dB below
# the default. The layers of this network are normalised, so the signal does not become weaker. Our
# guess, which we have not tested, is that larger weights add up in the skip connections and drive
# the masks into saturation.
#
# So initialisation matters for both networks, but no recipe is best for both.

# %%
publish(seeds("normalisation"), "01_normalisation")

# %% [markdown]
# Conv-TasNet improves with every normalisation and every seed, on average by 1.0 dB (layer) to
# 1.8 dB (batch), while the seeds of one choice differ by less than 0.5 dB. Wave-U-Net improves with
# group normalisation, also with every seed, on average by 1.7 dB. Batch and layer normalisation are
# within 0.5 dB of no normalisation. That is less than the difference between seeds, so these
# numbers do not separate them.
#
# These results hold for two small networks, 100 training steps and one learning rate. They show
# which networks learn faster at the start, not which are better at the end. A normalised network
# might also tolerate a higher learning rate.

# %% [markdown]
# ## Recap
#
# - **Mixtures.** A mixture is the sum of its stems. It is easy to separate where the partials of
#   the sources differ in frequency or in time, and hard where they coincide.
# - **Measures.** SI-SDR compares the scaled stem with the remaining error: 20 dB is an error of
#   10 percent of the amplitude, 40 dB of 1 percent. A score needs a baseline (the mixture) and an
#   oracle (an ideal mask) for comparison, and a fixed filter shows how much of the task is easy.
# - **Networks.** Trained from scratch, Conv-TasNet reached 41 dB and Wave-U-Net 37 dB with two
#   voices, near or above the oracle masks. With three voices they reached 19 and 22 dB, with four
#   voices and less training 7 and 11 dB (one seed each).
# - **Test signals.** A rising cosine shows at which frequency a network assigns sound to the other
#   voice. A single bass note suggests that the networks use whole notes, not only frequency bands.
# - **Recommendations.** In short trainings with three seeds, the initialisation mattered, but what
#   helped one network harmed the other. Normalisation helped or made no clear difference.
#
# ### What to try next
#
# Train on two voices that share a register, such as alto and tenor: change `ENSEMBLES` in
# `helpers/datasets/tone_melodies.py`. The cells reuse what they find, so delete
# `Checkpoints/tones-2-voices-*` and `Results/01_synthetic_tones.csv` first. Then replace the voices
# by real instruments, as the next chapters do.
#
# ### Exercises
#
# 1. Give the bass three harmonics, or ten (`SINGERS` in `helpers/datasets/tone_melodies.py`). What
#    happens to the fixed filter, to the oracle masks and to the networks, before and after training
#    them again?
# 2. Give the networks the four lowest harmonics of E3 as four cosines of equal level. To which
#    voice do they assign the highest one? Remove the lower ones one by one: which of them decides?
# 3. Train with `negative_si_sdr` instead of `negative_snr` and compare SNR and SI-SDR.
# 4. Repeat the comparison of normalisations with a learning rate three times as high, or with ten
#    times as many steps. Which conclusions still hold?

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
