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
# # Two voices, one wave
#
# Two singers reach a microphone and one wave leaves it. This chapter takes that wave apart again,
# with singers so simple that every result can be explained.
#
# In this chapter you will
#
# - build mixtures whose stems you know, see them and hear them;
# - measure a separation in decibels, with a floor under it and a ceiling over it;
# - train a Wave-U-Net and a Conv-TasNet from scratch on the same melodies, bring two voices apart
#   by more than 40 dB, and see what a third and a fourth voice cost;
# - ask the trained networks what they have learnt, with a signal whose answer is known;
# - put two claims of the field to the test: that the initial weights matter, and that
#   normalisation helps.
#
# Nothing needs a GPU: the trained networks come with the course. Delete them from `Checkpoints/`
# and the same cells train them anew; stop the notebook at any time and it goes on where it was.

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
# The numbers you may play with. In the `smoke` profile, which tests this chapter, all of them are
# tiny and everything is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
RATE = 8000  # samples per second
STEPS = dict.fromkeys(ENSEMBLES, 8) if SMOKE else {2: 6000, 3: 6000, 4: 2000}  # of training
STUDY_STEPS = 2 if SMOKE else 100
SEEDS = (0,) if SMOKE else (0, 1, 2)
TRACKS = 2 if SMOKE else 10  # test melodies
SECONDS = 1.0 if SMOKE else 6.0  # of each
TRAINING, VALIDATION, TEST = 1, 2, 3  # seeds of the melodies: no two sets share one

# %% [markdown]
# ## What does a mixture look like?
#
# A *singer* here is a handful of harmonics under a smooth envelope, walking at random through a
# major scale. The soprano has three harmonics and sings from D5 up, the bass five from E2 up.

# %%
from helpers.display.plots import plot_stems, plot_waveforms

duet = Melodies(ENSEMBLES[2], SECONDS, TEST).track(0)
plot_waveforms(duet, span=(0.5, 0.56))

# %% [markdown]
# In these 60 ms you can still make out the slow wave of the bass, with the fast one of the soprano
# riding on it. Listen to all of it, together and one by one, and look at its spectrogram:

# %%
from helpers.display.players import StemPlayer

StemPlayer(duet)

# %%
from helpers.display.figures import publish

publish(plot_stems(duet, limit=2500), "01_duet")

# %% [markdown]
# The mixture is the sum of the two, sample by sample, and the spectrogram shows why it might be
# taken apart: the voices lie one above the other and hardly touch. Look closer:
# only the two weakest harmonics of the bass (20 and 26 dB under its first) reach above the lowest
# note of the soprano, 587 Hz. Nothing is noisy, there is no room around the singers, and each has
# one timbre for ever. That makes two voices an easy task, and we chose it so: it shows how far a
# network can get when little stands in its way. Four voices are another matter.

# %%
quartet = Melodies(ENSEMBLES[4], SECONDS, TEST).track(0)
plot_stems(quartet, limit=2500)

# %%
StemPlayer(quartet)

# %% [markdown]
# Alto and tenor sing between the others, in the same key, so their harmonics fall onto
# each other: the tenor's third on the alto's second whenever they sing a fifth. Where two partials
# share a frequency, the microphone only gets their sum.
#
# ## How good is a separation?
#
# Take the bass as the truth and spoil it in ways that we know. The *signal-to-noise ratio* compares
# the energy of the truth with that of the error, $10 \log_{10} \|s\|^2 / \|\hat s - s\|^2$. The
# *scale-invariant* ratio first scales the truth to fit the estimate as well as it can,
# $\alpha = \hat s \cdot s / \|s\|^2$, and calls only the rest an error
# ([Le Roux et al., 2019](https://arxiv.org/abs/1811.02508)).

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
# Ten per cent of noise is 20 dB, one per cent is 40 dB: there it takes headphones to hear it.
# Turning the volume down is no error at all to SI-SDR: a mixing desk can undo it, and a network
# that errs only in level has done the hard part. To the SNR it is one, and since we would like to
# have the levels right as well, the networks below are *trained* on the SNR and *judged* by SI-SDR.
# Being a millisecond late is a grave error to both, though no ear would notice.
#
# ## What is the least, and what is the most?
#
# A number means little alone. The **floor** is to do nothing: hand out the mixture as the estimate
# of every voice. The **ceiling** asks an oracle that knows the stems to share out each bin of the
# mixture's spectrogram in proportion to their magnitudes (the *ideal ratio mask*). A network that
# masks spectrograms cannot do much better; a network that works on the waveform might.

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
# The floor is about 0 dB for two equally loud voices (the other voice *is* the error) and falls as
# voices are added. The ceiling falls even faster: with overlapping harmonics, an oracle that can
# only mask is at a loss.
#
# ## How much of it is easy?
#
# Before training a network, try the oldest tool there is: **one fixed filter for each voice**, the
# same at all times (Wiener, 1949). It is found by solving a system of linear equations, from
# the training melodies; no step of training is needed.


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
# With two voices a low-pass and a high-pass filter do most of it: remember that when the networks
# shine. With four, no filter can follow who sings where, and it fails. What a network has to offer
# is that it can change its mind from note to note.
#
# ## Two networks
#
# **Wave-U-Net** ([Stoller et al., 2018](https://arxiv.org/abs/1806.03185)) halves the rate of the
# wave again and again, so that short filters see ever longer stretches of time, and then climbs
# back, with the details handed over at each level. **Conv-TasNet**
# ([Luo and Mesgarani, 2019](https://arxiv.org/abs/1809.07454)) learns its own kind of spectrogram,
# masks it with a stack of dilated convolutions, and turns it back into waves. Both map
# `mixture (B, C, T)` to `estimates (B, S, C, T)`.

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
# Both are trained on the same endless stream of melodies, half a second at a time, none of which
# comes twice. What is validated and tested on are other melodies, of other seeds.

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
    """What a card says about a training: commit, device, time, settings, learning curve."""
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
# The Wave-U-Net for two voices stumbled around step 1500, at the highest learning rate, and took
# 1500 steps to recover: one training is one throw of the dice. All curves grow flat because the
# learning rate goes down to zero, not because there is nothing left to learn.
#
# ## How far do they come?
#
# Both take the test now: melodies that neither has heard, the same for all systems.

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
# Two voices come apart by **41 dB** (Conv-TasNet) and 37 dB (Wave-U-Net), where a fixed filter gets
# to 27. Conv-TasNet even goes through the ceiling, which is one for *masks on a spectrogram*: the
# oracle can only turn bins up and down and must keep the mixture's phases, a network is free to do
# better. With a third voice everything falls by 16 to 23 dB, oracle and networks alike, and now it
# is the Wave-U-Net that is ahead, at 22 dB. With four voices, and a third of the training, it
# reaches 11 dB and Conv-TasNet 7: both under the oracle, and the bass is the only one that
# comes out well.
#
# Do not read a ranking of architectures into this: each was trained once, with one seed, at
# sizes that a laptop bears, and neither was tuned.
#
# The table again, voice by voice:

# %%
table = summary(STUDY.path).query("metric == 'SI-SDR' and instrument != 'all'")
table.pivot_table("mean", ["test_data", "system"], "instrument").round(1)

# %% [markdown]
# ### Listen

# %%
StemPlayer(model_separator(NETWORKS[2, "conv-tasnet"])(duet), RATE)

# %%
separated = model_separator(NETWORKS[4, "wave-unet"])(quartet)
StemPlayer(separated, RATE)

# %%
plot_stems(separated, RATE, limit=2500)

# %% [markdown]
# Seen side by side, what is left of the others shows as faint lines where there should be nothing.
#
# ## What have they learnt?
#
# Probe the networks of two voices with a signal whose answer is known: a cosine that glides from
# the bass' register up into the soprano's. There is no other voice, so the whole of it should go
# first to one and then to the other. Where is the border?


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
# All three change hands at about 500 Hz, between the strong harmonics of the bass and the lowest
# note of the soprano. But the networks are not quite sure of a bare cosine between 200 and 450 Hz:
# up to a twentieth of its energy (-13 dB) goes to the soprano. In all their training, these
# frequencies only came as an upper harmonic of a bass note, and its first is missing here.
#
# Is that all that the networks are, a pair of filters? Here is a probe that tells a filter from
# something that knows about notes. A cosine of 659 Hz alone can only be the soprano's E5. The same
# frequency is also the fourth harmonic of the bass' E3: played as a whole note of the bass, all of
# it should stay in the bass. What does the soprano's output say in either case?

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
# The cosine goes to the soprano in all three. Of the bass note, the filter gives the soprano all
# that lies above its border, the fourth and the fifth harmonic, at -20 dB. The networks keep them
# in the bass, 20 dB better: having heard 165, 330 and 494 Hz, they know whose 659 Hz this is. They
# have learnt notes, and that is what lifts them so far above a filter.
#
# ### The spectrogram that Conv-TasNet made for itself
#
# Its first layer compares each 8 ms of the wave with 128 learned waveforms. Here are their spectra,
# sorted by the frequency that each answers to most, and a few of the waveforms.

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
# Three in five of the filters answer to frequencies under 500 Hz, where the harmonics of the bass
# are; evenly spaced, as in a spectrogram, it would be one in eight. Nobody told the network: it put
# its filters where telling the voices apart takes the most detail. And where the singers never
# sing, the random numbers that the weights began with are still there, as the speckle in the
# picture and the jagged edges of the waveforms.
#
# ## Two claims of the field
#
# *Choose your initial weights with care* and *normalise your activations*: every course says so.
# Does it matter here? Both networks get the same short training on three voices, with another
# recipe for their first weights, or another normalisation after their convolutions, and nothing
# else changed; three times each, with other weights and other melodies. What is left as it is, is
# PyTorch's initialisation for both, no normalisation for the Wave-U-Net, and for Conv-TasNet the
# layer normalisation of its paper.

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
# Initial weights matter, and the two networks disagree about which. For the Wave-U-Net all nine
# networks with a recipe of its own are ahead of all three with PyTorch's default, by 1.8 to 3 dB on
# average. The default draws weights of a sixth of the variance that keeps a signal alive through a
# rectifier (He), so without normalisation it fades from layer to layer. Which of the three recipes
# is the best, three seeds do not say: their means lie within 1.3 dB, and the seeds of one recipe
# differ by up to 3.
#
# For Conv-TasNet it is the other way round: the default is ahead of all nine others, and He's
# recipe is last, by 5 dB. Its layers are normalised, so there is no fading to cure; our guess,
# untested, is that larger weights only add up in its skip connections and push the masks into
# saturation. So the claim holds in its weak form (it matters) and fails in its strong one (this
# recipe is the best).

# %%
publish(seeds("normalisation"), "01_normalisation")

# %% [markdown]
# Conv-TasNet gains from every normalisation with every seed, 1.0 dB (layer) to 1.8 dB (batch) on
# average, where the seeds of one choice differ by less than half a decibel. The Wave-U-Net gains
# from group normalisation, 1.7 dB, with every seed too; batch and layer normalisation lie within
# half a decibel of none, less than their seeds differ, so nobody can tell them apart from these
# numbers. All this holds for two small networks, the first 100 steps and one learning rate: it
# says who starts well, not who ends well, and a normalised network might bear a higher rate.

# %% [markdown]
# ## Recap
#
# - A mixture is the plain sum of its stems. Whether it can be taken apart depends on whether
#   their partials keep apart, in frequency or at least in time.
# - SI-SDR compares a stem with the error that is left after the best scaling: 20 dB is ten per
#   cent, 40 dB one per cent. It means something between a floor (the mixture) and a ceiling (an
#   oracle mask), and a fixed filter tells how much of a task is easy.
# - Two small networks learn it from scratch: 41 dB for two voices, above a mask that knows the
#   answer, and about half of it for three.
# - A gliding cosine shows where a network draws its border, a single note of the bass that it knows
#   notes and not only bands; Conv-TasNet's own filters crowd where telling voices apart is hard.
# - With a few seeds each, a claim becomes a measurement: initial weights matter, but what helps one
#   network harms the other; normalisation helps or makes no difference.
#
# ### What to try next
#
# Change `ENSEMBLES` to two voices that share a register, such as alto and tenor, and train again.
# Then swap the singers for real instruments: the next chapters do.
#
# ### Exercises
#
# 1. Let the bass have three harmonics, or ten (in `helpers/data/melodies.py`). What happens to the
#    fixed filter, to the oracle and to the networks, before and after training anew?
# 2. Feed the networks the four lowest harmonics of E3 as four cosines of equal level. Whom do they
#    give the highest to? Take the lower ones away one by one: which of them decides?
# 3. Train with `negative_si_sdr` in the place of `negative_snr` and compare SNR and SI-SDR.
# 4. Repeat the study of normalisation with a learning rate three times as high, or ten
#    times as many steps. Which of its conclusions survive?
