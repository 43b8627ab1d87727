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
# # Two ears and a meeting
#
# A clap is a moment, a tone is a pitch, and music is both. HT-Demucs listens with one network to
# the wave and with another to the spectrogram, and lets the two confer. This chapter builds it,
# asks which sounds it should learn from so that it understands real players, lets it compete, and
# ends at the model with which `divisi separate` takes apart your recording.
#
# In this chapter you will
#
# - see why one sound needs two pictures, and what each of them hides;
# - take HT-Demucs apart, and compute by hand how its two halves talk to each other;
# - hear a rendered violin become a recorded one, step by step;
# - read an experiment that asks which of those steps help on real recordings;
# - train an HT-Demucs, stop it, and go on;
# - let it compete with a spectrogram network, both with the same time to learn;
# - question trained networks with signals whose answer is known;
# - tell a network of ten instruments who plays, and measure what that is worth;
# - see what a network forgets while it learns, and get some of it back without training;
# - separate your own recording, and teach a model your own players.
#
# Training to the end wants a GPU (on Colab: *Runtime, Change runtime type, T4 GPU*). Everything
# else runs anywhere.

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
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

# %%
from helpers import runtime
from helpers.audio.audio import load
from helpers.audio.track import Track
from helpers.augmentation.effects import Tilt
from helpers.augmentation.recording_chain import Codec, Microphone, Noise
from helpers.augmentation.rooms import Reverb
from helpers.datasets.stem_folders import find_tracks
from helpers.display.charts import plot_ablation, plot_comparison, plot_training
from helpers.display.figures import Figure, style
from helpers.display.own_recording import OwnRecording
from helpers.display.players import StemPlayer, listen
from helpers.display.plots import plot_spectrograms, plot_stems, save_figure
from helpers.evaluation import results

# %%
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.inference.detection import DETECTION_THRESHOLD, detect_instruments
from helpers.models.ht_demucs import HTDemucs, HTDemucsConfig
from helpers.music import splits
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST

# %%
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import train
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.averaging import interpolate
from helpers.training.checkpoints import condition_on, load_model

# %% [markdown]
# The numbers you may play with. In the `smoke` profile, which tests this chapter, they are tiny and
# everything is written to `runs/smoke/`.

# %%
SMOKE, GPU = runtime.profile() == "smoke", torch.cuda.is_available()
ROOT, DATA = runtime.repository_root(), runtime.data_root()
HOME = ROOT / ("runs/smoke" if SMOKE else "")
RATE = 44100  # samples a second
SECONDS = 3 if SMOKE else 12  # of the pieces that are played here
STEPS = 2 if SMOKE else 4_000 if GPU else 150  # of the network trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
RNG = np.random.default_rng(0)

# %% [markdown]
# ## One sound, two pictures
#
# A wave says *when* to the sample, and of a pitch nothing. A spectrum says *which pitch*, and of
# a moment nothing. A spectrogram gives up a little of both. Four sounds whose answer is known; how
# much of their energy lies in the hundredth part of the numbers that is the loudest?

# %%
time = np.arange(RATE) / RATE
click = np.zeros(RATE)
click[RATE // 2] = 1.0
tone = 0.1 * np.sin(2 * np.pi * 440.0 * time)
noise = 0.1 * RNG.normal(size=RATE)
SOUNDS = {"a click": click, "a tone": tone, "noise": noise}


def spectrogram(sound: np.ndarray, window: int) -> np.ndarray:
    """Magnitudes (bins, frames)."""
    wave, hann = torch.from_numpy(sound), torch.hann_window(window).double()
    return torch.stft(wave, window, window // 4, window=hann, return_complex=True).abs().numpy()


# %%
def concentration(numbers: np.ndarray) -> float:
    """The share of the energy in the loudest hundredth of some numbers."""
    energy = np.sort(np.abs(numbers).ravel() ** 2)[::-1]
    return energy[: len(energy) // 100].sum() / energy.sum()


pictures = {"wave": lambda sound: sound, "spectrum": np.fft.rfft}
pictures["spectrogram, window 256"] = lambda sound: spectrogram(sound, 256)
pictures["spectrogram, window 4096"] = lambda sound: spectrogram(sound, 4096)
pd.DataFrame(
    {
        name: {s: concentration(draw(x)) for s, x in SOUNDS.items()}
        for name, draw in pictures.items()
    }
).round(2)

# %%
figure = Figure(8, 2.8)
with style():
    for ax, window in zip(figure.subplots(1, 2, sharey=True), (256, 4096), strict=True):
        levels = 20 * np.log10(spectrogram(click + tone, window) + 1e-6)
        extent = (0, 1, 0, RATE / 2000)
        ax.imshow(levels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-60)
        ax.set(title=f"a click and a tone, window {window}", xlabel="time (s)", ylim=(0, 4))
    figure.axes[0].set_ylabel("kHz")
save_figure(figure, HOME / "Images" / "04_duality.png")
figure

# %% [markdown]
# What is one number in one picture is everywhere in the other. A network that sees only the wave
# must find out by itself that a tone is one thing; one that sees only a spectrogram is given tones
# for nothing, but its window has decided once and for all how sharp a moment can be: with 256
# samples the click is a line and the tone a band, with 4096 it is the other way round. Noise
# is nowhere simple.
#
# ## HT-Demucs
#
# *Hybrid Transformer Demucs* (Rouard, Massa, Défossez, 2023) does not choose. Two U-Nets (chapter
# one) run side by side, one over the wave, one over the spectrogram, both down to a few hundred
# numbers a moment; there a transformer lets each look at the other, and both go up again, and the
# sum of what they say is the estimate. The published network, and where its parameters are:

# %%
published = HTDemucs(HTDemucsConfig(("drums", "bass", "other", "vocals"), RATE, channels=2))
PARTS = {
    "listens to the spectrogram": ("encoder", "decoder", "freq_emb"),
    "listens to the wave": ("tencoder", "tdecoder"),
    "lets them meet": ("channel", "crosstransformer"),
}
named = list(published.network.named_parameters())
for words, beginnings in PARTS.items():
    count = sum(p.numel() for name, p in named if name.startswith(beginnings))
    print(f"{words:28} {count / 1e6:5.1f} million parameters")

# %% [markdown]
# Ours is a twelfth of that. What goes down on both sides, layer by layer:

# %%
SMALL = {"width": 24, "bottleneck": 128, "layers": 3, "heads": 4, "segment_seconds": 4.0}
TINY = {"width": 8, "bottleneck": 32, "layers": 2, "heads": 2, "segment_seconds": 1.0}
torch.manual_seed(0)
network = HTDemucs(HTDemucsConfig(QUARTET, 22050, **(TINY if SMOKE else SMALL))).eval()
shapes = {"spectrogram (channels, bins, frames)": [], "wave (channels, samples)": []}
for branch, seen in zip(("encoder", "tencoder"), shapes.values(), strict=True):
    for layer in getattr(network.network, branch):
        layer.register_forward_hook(lambda _, __, out, seen=seen: seen.append(tuple(out.shape[1:])))
with torch.no_grad():
    estimates = network(torch.zeros(1, 1, 4 * 22050))
print(f"{sum(p.numel() for p in network.parameters()):,} parameters -> {tuple(estimates.shape)}")
pd.DataFrame(shapes, index=[f"after layer {number}" for number in (1, 2, 3, 4)])

# %% [markdown]
# At the bottom both know 192 things about a moment (with the small network), but their moments are
# not the same: the wave has 345 of them in four seconds, the spectrogram 87, and for each of those
# eight bands. No convolution can add two such things.
#
# ## How two ears confer
#
# Attention can. Every moment of the wave *asks* ($q$), every cell of the spectrogram *offers* a key
# ($k$) and a message ($v$), and what arrives is the mean of all messages, weighted by how well the
# key fits:
#
# $$\text{attention}(q, k, v) = \text{softmax}\!\left(\frac{q\,k^\top}{\sqrt{d}}\right) v$$


# %%
def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """q (N, d), k (M, d), v (M, e) -> what arrives (N, e), and the weights (N, M)."""
    weights = (q @ k.T / q.shape[1] ** 0.5).softmax(dim=1)
    return weights @ v, weights


q, k, v = (torch.randn(n, 8, dtype=torch.float64) for n in (5, 7, 7))
torch.allclose(attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v))

# %% [markdown]
# How does a key fit, when one side counts in steps of 256 samples and the other in steps of 1024?
# By being told the time. Each moment gets sines and cosines of many periods added, like the hands
# of clocks that turn at different speeds; two moments whose clocks agree are close. Here both sides
# are given seconds. (HT-Demucs gives each side the count of its own steps, and to the spectrogram
# also the band; that four steps of the one make one of the other, its matrices have to learn.) Let
# the spectrogram offer the pitch of a melody, frame by frame, and let the wave ask for it:

# %%
HZ = 22050


def clocks(times: np.ndarray, width: int = 64) -> torch.Tensor:
    """(N, width): sines and cosines of each time, with periods from 0.1 to 10 seconds."""
    turns = 2 * np.pi * times[:, None] / np.geomspace(0.1, 10.0, width // 2)
    return torch.from_numpy(np.concatenate([np.sin(turns), np.cos(turns)], axis=1))


melody = np.array([60, 64, 67, 72, 71, 67, 62, 60])  # half a second each
asking = np.arange(0, 4, 256 / HZ)  # moments of the wave
offering = np.arange(0, 4, 1024 / HZ)  # frames of the spectrogram
pitch = torch.from_numpy(melody[(2 * offering).astype(int)]).double()[:, None]
sharp = 2.0  # a trained network makes its clocks as loud as it needs them
arrived, weights = attention(sharp * clocks(asking), sharp * clocks(offering), pitch)

# %%
figure = Figure(8, 3.2)
with style():
    left, right = figure.subplots(1, 2)
    left.imshow(weights, origin="lower", aspect="auto", extent=(0, 4, 0, 4), cmap="magma")
    left.set(title="who listens to whom", xlabel="spectrogram (s)", ylabel="wave (s)")
    right.step(offering, pitch[:, 0], where="post", label="offered", color="#6A707C")
    right.plot(asking, arrived[:, 0], label="arrived", color="#2E6FB7")
    right.set(title="the message", xlabel="time (s)", ylabel="pitch (MIDI)")
    right.legend()
save_figure(figure, HOME / "Images" / "04_attention.png")
figure

# %% [markdown]
# Each moment of the wave finds the frame of its own time, and brings its message home, though the
# two sides have not the same number of moments. A network that has learnt may ask for other things
# than the time: for other notes of the same pitch, say. In HT-Demucs layers in which each side
# listens to itself take turns with layers in which it listens to the other.
#
# ## What should it learn from?
#
# The network is only half of the matter. Chapter two rendered thousands of pieces and fell from
# 17 dB to 2 as soon as another soundfont played. What lies between a soundfont and a microphone?
# One violin, as it comes from the soundfont, and a little further each time:

# %%
score = corpus_score(TEST[0], QUARTET)
rendered = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE)
violin = rendered.stems["violin"][:, : SECONDS * RATE]
violin = 0.05 * violin / violin.std()
further = {"from the soundfont": violin}
further["darker"] = Tilt(-6.0).apply(violin, RATE)
further["in a room"] = Reverb.draw(np.random.default_rng(4)).apply(further["darker"], RATE)
STEPS_TO_THE_FILE = {"at a microphone": Microphone, "with its noise": Noise, "as a file": Codec}
for words, effect in STEPS_TO_THE_FILE.items():
    last = list(further.values())[-1]
    further[words] = effect.draw(np.random.default_rng(1)).apply(last[None], RATE)[0]
listen(further, RATE)

# %%
shown = {name: further[name] for name in ("from the soundfont", "in a room", "as a file")}
figure = plot_spectrograms(shown, RATE, mixture=False, limit=12_000)
save_figure(figure, HOME / "Images" / "04_further.png")
figure

# %% [markdown]
# All of that sounds more like a recording. Does it help? One network of fixed size, 300 steps, one
# ingredient after another, two seeds, measured on the seven real excerpts of Bach10
# (`python -m experiments.realism` repeats it, `recipes/realism.toml` is where it begins):

# %%
ABLATION = ROOT / "Results" / "04_realism.csv"
plot_ablation(ABLATION)

# %%
rows = pd.DataFrame(asdict(row) for row in results.read(ABLATION))
rows = rows[rows["metric"] == "SI-SDR"]
rows.pivot_table("value", "system", "instrument", margins=True, margins_name="all").round(1)

# %% [markdown]
# A dot is a seed. **The sources matter**: more than one soundfont is worth two decibels. What comes
# next, recorded notes, solos, foreign timbres and spectral tilt, moves the mean by two or three
# tenths a time, up and once down: with two seeds that is a tendency, half a decibel in all. Then it
# goes *down*: equaliser, room, compressor, vibrato, microphone, noise and codec, all at once on one
# rung, cost a decibel, and mixtures of unrelated pieces another half.
#
# Does realism harm, then? That cannot be read from this. All rungs have the same 300 steps, and
# every effect makes the task harder to learn in them; and these recordings are dry, balanced and
# close, so what a room teaches is not asked. With more steps, or for a recording from the tenth row
# of a church, the order may change; it was not tried. What it does say is what to do with a small
# budget: spend it on sources first. `chamber`, further down, was trained so, with a room or a
# compressor in a minority of its examples.
#
# ## Training
#
# A recipe says all of it in one file; this one is HT-Demucs on those sources. Its 20,000 steps are
# an evening of a GPU. Here it has `STEPS` of them, on fewer pieces; without a GPU that is a taste.

# %%
recipe = read_recipe(ROOT / "recipes" / "quartet-htdemucs.toml")
max_pieces, batch, max_seconds = (2, 2, 3.0) if SMOKE else (0, 16, 30.0) if GPU else (48, 6, 10.0)
rendering = replace(recipe.rendering, max_seconds=max_seconds, note_samples=0 if SMOKE else 1)
training = replace(
    recipe.training, steps=STEPS, batch_size=batch, warmup_steps=STEPS // 8, log_every=1,
    validate_every=max(2, STEPS // 5), learning_rate=5e-4 if GPU else 1e-3,
    ema_decay=0.999 if GPU else 0.98, precision="32-true" if GPU else "bf16-mixed",
)  # fmt: skip
recipe = replace(
    recipe, model=TINY if SMOKE else SMALL, segment_seconds=1.0 if SMOKE else 4.0,
    max_pieces=max_pieces, validation_examples=4 * batch, rendering=rendering, training=training,
)  # fmt: skip

# %% [markdown]
# A session in Colab ends when it likes. Let the run live on your Drive, and after a disconnection
# run the same cells again: `train` finds what is there and goes on from it, with the same examples
# in the same order as if nothing had happened. The button that stops a cell is safe, too.

# %%
if "google.colab" in sys.modules:
    from google.colab import drive

    drive.mount("/content/drive")
DRIVE = Path("/content/drive/MyDrive")
RUN = (DRIVE / "divisi" if DRIVE.is_dir() else HOME) / "runs" / f"04-htdemucs-{STEPS}"
weights = train(recipe, RUN)

# %%
figure = plot_training(RUN / "log.csv")
save_figure(figure, HOME / "Images" / "04_training.png")
figure

# %%
if DATA:
    PIECE = find_tracks(DATA / "bach10_excerpts")[0].load(channels=1)
else:
    stems = {name: stem[:, : SECONDS * RATE] for name, stem in rendered.stems.items()}
    PIECE = Track(TEST[0], RATE, {name: 0.05 * stem / stem.std() for name, stem in stems.items()})
HT_DEMUCS = load_model(weights)
found = model_separator(HT_DEMUCS)(PIECE)
StemPlayer(found, RATE)

# %% [markdown]
# That is what the network finds that you have just trained. After the 150 steps that a processor
# has patience for it is next to nothing: its validation stands at -5.6 dB, where the mixture itself
# would stand at -5. It knows how loud each instrument is on the whole, and a little of who plays
# where. After a GPU's evening come back and listen again.
#
# ## Which network?
#
# The fair question: both learn from the same mixtures, for the same minutes of one processor
# core. `python -m experiments.architectures` measures the seconds that a step takes, trains each as
# long as it may, and asks the real excerpts. The other is the network of chapter two's end: it
# hears pitch as position, and shares the mixture out with masks.

# %%
CONTEST = ROOT / "Results" / "04_architectures.csv"
rows = pd.DataFrame(asdict(row) for row in results.read(CONTEST))
figure = plot_comparison(rows[rows["system"] != "oracle-ibm"], by="instrument")
save_figure(figure, HOME / "Images" / "04_architectures.png")
figure

# %%
rows = rows[(rows["metric"] == "SI-SDR") & (rows["system"] != "oracle-ibm")]
rows.groupby(["system", "config"])["value"].agg(["mean", "std", "count"]).round(1)

# %% [markdown]
# After eight minutes of one core the mask network stands at 3.5 dB and HT-Demucs at -3.2, one and a
# half above doing nothing. That is not what either could learn; it is what knowing something
# beforehand is worth. The mask network is built so that a note looks alike at every pitch, that
# partials are gathered onto their fundamental, and that the stems sum to the recording. HT-Demucs
# has to find all that out, and in the same time it sees 345 batches where the other sees
# 1,798. With eight hundred songs and many GPUs it does find out, and then it
# is not bound to the mixture's phases as a mask is. For budgets like ours the real excerpts
# decide, and the models of this course are mask networks. (One seed, and a small network of
# either kind; with a GPU, `--minutes 600` asks again.)
#
# ## Questions with known answers
#
# Two trained models come with the course. `bach-quartet` knows four instruments in the order of a
# choir; `chamber` knows ten and may be told who plays. Before they are trusted with music they
# answer some questions whose answer is known. What becomes of silence? If the recording is half as
# loud, are the stems? If it begins a second later, do they? Is their sum the recording?

# %%
MODELS = {"HT-Demucs": HT_DEMUCS, "bach-quartet": load_model("bach-quartet")}
CHAMBER = load_model("chamber")
MODELS["chamber"] = condition_on(CHAMBER, QUARTET)


def stems_of(model: torch.nn.Module, mixture: np.ndarray) -> np.ndarray:
    """All estimates, (sources, 1, samples)."""
    return np.stack(list(model_separator(model)(Track("", RATE, {"all": mixture})).values()))


def error(found: np.ndarray, right: np.ndarray) -> float:
    """Level in dB of what is wrong, relative to what is right."""
    return 10 * np.log10(((found - right) ** 2).sum() / (right**2).sum() + 1e-12)


# %%
def answers(model: torch.nn.Module) -> dict[str, float]:
    """In dB: how loud silence becomes, and how far the others are from what is right."""
    mix, gap = PIECE.mixture, np.zeros((1, RATE), np.float32)
    stems = stems_of(model, mix)
    later = stems_of(model, np.concatenate([gap, mix], axis=1))[..., RATE:]
    return {
        "silence": 20 * np.log10(np.abs(stems_of(model, 0 * mix)).max() + 1e-6),
        "half as loud": error(2 * stems_of(model, 0.5 * mix), stems),
        "a second later": error(later, stems),
        "the sum": error(stems.sum(axis=0), mix),
    }


pd.DataFrame({name: answers(model) for name, model in MODELS.items()}).round(0)

# %% [markdown]
# Silence stays silence (-120 dB is what we call nothing). Half as loud is half as loud for all
# three, because each brings what it hears to one level first. A second later is nearly the same for
# the mask networks (their frames and blocks of memory fall elsewhere), less so for HT-Demucs. And
# masks that share out every bin return the recording, where HT-Demucs adds up to it only as well as
# it has learnt to.
#
# And who is heard, when one plays alone?

# %%
alone = {}
for player in QUARTET:
    solo = Track(player, RATE, {player: PIECE.stems[player]})
    heard = model_separator(CHAMBER)(solo)
    energy = {name: float((stem**2).sum()) for name, stem in heard.items()}
    alone[player] = {name: value / sum(energy.values()) for name, value in energy.items()}
pd.DataFrame(alone).T.round(2)

# %% [markdown]
# A row is a player, a column what was heard. Eight tenths of each and more go to the right stem,
# though nobody said that one plays alone. What goes astray goes to neighbours in pitch and colour:
# from the violin to the viola, from the bassoon to horn and cello.
#
# ## Who plays?
#
# Of ten instruments three may be there. A violin, a horn and a piano, from a quartet by Haydn that
# trained nothing; the soundfont that plays them did train, so this is the easy half of the
# question, and real recordings follow:

# %%
excerpt = excerpts(splits.names("quartet", "test")[0], 12.0)[1]
score = arrangement(excerpt, ("violin", "horn", "piano"))
trio = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE)
stems = {name: stem[:, : SECONDS * RATE] for name, stem in trio.stems.items()}
TRIO = Track("Haydn", RATE, {name: 0.05 * stem / stem.std() for name, stem in stems.items()})
StemPlayer(TRIO)

# %%
guessed = model_separator(CHAMBER)(TRIO)
knowing = model_separator(condition_on(CHAMBER, list(TRIO.stems)))(TRIO)
StemPlayer(knowing, RATE)


# %%
def quality(estimates: dict[str, np.ndarray]) -> dict[str, float]:
    """SI-SDR in dB of each stem of the trio."""
    return {name: float(si_sdr(estimates[name][0], TRIO.stems[name][0])) for name in TRIO.stems}


floor = {name: float(si_sdr(TRIO.mixture[0], TRIO.stems[name][0])) for name in TRIO.stems}
pd.DataFrame({"mixture": floor, "not told": quality(guessed), "told": quality(knowing)}).round(1)

# %%
whole = (TRIO.mixture**2).sum()
levels = {name: 10 * np.log10((stem**2).sum() / whole + 1e-9) for name, stem in guessed.items()}
pd.Series(levels, name="level (dB)").sort_values(ascending=False).round(1)

# %% [markdown]
# Not told, the horn is 15 dB below the whole, softer than a bassoon and a cello that are not there:
# that is where its notes went. Telling gives them back, 4.4 dB of them, and 1.8 to the piano. In a
# terminal that is `--instruments violin,horn,piano`.
#
# Where nobody knows who plays, the model can listen first, take those for absent who stay far below
# the whole, and separate once more among the others. That is what `divisi separate` does by itself:

# %%
players = detect_instruments(CHAMBER, [TRIO.mixture], RATE, 1)
print(f"above {DETECTION_THRESHOLD:.0f} dB: {', '.join(players)}")
among = model_separator(condition_on(CHAMBER, players))(TRIO)
silence = np.zeros_like(TRIO.mixture)
pd.DataFrame({"heard": quality({name: among.get(name, silence) for name in TRIO.stems})}).round(1)

# %% [markdown]
# It hears the three, and still two who are not there; of what telling is worth, a quarter comes
# back to the horn and half to the piano. A threshold is a choice: a stricter one would have
# dismissed the bassoon, and the horn before it.
#
# How long did that take to learn? Here is the last of four stages: `bach-quartet` learnt for an
# hour, `recipes/chamber-first.toml` and `recipes/chamber-second.toml` for two more, and then this.
# The curve is the mean SI-SDR of pieces that validate, by the averaged weights, without being told
# who plays.

# %%
learned = CHAMBER.card["provenance"]
curve = pd.DataFrame(learned["validation"], columns=["step", "SI-SDR (dB)"])
figure = Figure(6, 2.6)
with style():
    ax = figure.subplots()
    ax.plot(curve["step"], curve["SI-SDR (dB)"], "o-", color="#2E6FB7")
    ax.set(xlabel="step", ylabel="validation SI-SDR (dB)")
    ax.grid(axis="y")
save_figure(figure, HOME / "Images" / "04_chamber.png")
print(f"{learned['seconds'] / 60:.0f} minutes on {learned['device']}")
figure

# %% [markdown]
# ## Learnt and forgotten
#
# `chamber` went on from `bach-quartet`, and while it learnt ten instruments it forgot some of what
# the other knew: told who plays, it is behind on the real excerpts of Bach10, as the table of the
# next section shows. There is a remedy that costs no training (Wortsman et al., 2022): between the
# weights of the two lie weights that keep most of both. What comes with the course lies a tenth of
# the way back. What if one goes on from there?

# %%
PIECES = {"this quartet": PIECE, "the trio": TRIO}
blends = {}
for share in (0.0, 0.2, 0.4, 0.8):
    mixed = copy.deepcopy(CHAMBER)
    interpolate(mixed, MODELS["bach-quartet"], share)
    for words, track in PIECES.items():
        stems = model_separator(condition_on(mixed, list(track.stems)))(track)
        values = [si_sdr(stems[name][0], stem[0]) for name, stem in track.stems.items()]
        blends.setdefault(words, {})[share] = float(np.mean(values))
pd.DataFrame(blends).rename_axis("share").round(1)

# %% [markdown]
# This quartet gains nothing more on that way, and the trio, whose horn and piano `bach-quartet`
# never met, falls apart. A model for everybody has to stop early.
#
# ## On real recordings
#
# Recordings of people that trained nothing (`bach-quartet-real` alone has heard other pieces of the
# same players), mean SI-SDR with floor and ceiling. A system stands only where it knows all
# players:

# %%
summary = results.summary(ROOT / "Results" / "real_recordings.csv")
summary = summary[(summary["metric"] == "SI-SDR") & (summary["instrument"] == "all")]
summary.pivot_table("mean", "system", "test_data").round(1)

# %%
best = model_separator(MODELS["bach-quartet"])(PIECE)
figure = plot_stems(Track(PIECE.name, RATE, best, PIECE.mixture), limit=4_000)
save_figure(figure, HOME / "Images" / "04_quartet.png")
figure

# %% [markdown]
# Two players, the violin and the cello of URMP, are parted by nine decibels, and 1.4 of them come
# from being told. In the quartet `chamber` stays 0.6 dB behind the specialist that knows nothing
# else, and finds out by itself who plays. The trio of a horn, a violin and a piano is too much for
# it: three decibels better than handing in the mixture, all of them the violin's and the piano's.
# Left to itself it does not hear the horn at all (a silent stem has lost everything, $-\infty$),
# though the rendered trio above was no great difficulty. What lies between a rendered horn and a
# real one was the question of this chapter; for this horn it is not answered. More kinds of horns
# and pianos to learn from would be the first thing to try.

# %%
StemPlayer(best, RATE)

# %% [markdown]
# With the recordings at hand there is a live quintet, too: two violins, flute, clarinet and cello
# on one stereo pair, of which nobody has the stems. There is nothing to measure here but your ears.
# Without them the trio plays once more.

# %%
if DATA:
    sides = [DATA / "live_quintet" / f"{side}.flac" for side in ("left", "right")]
    pair = np.concatenate([load(side, sample_rate=RATE, channels=1)[0] for side in sides])
    QUINTET = Track("quintet", RATE, {"all": pair[:, : SECONDS * RATE]})
else:
    QUINTET = Track("trio", RATE, {"all": TRIO.mixture})
PLAYING = ("violin", "flute", "clarinet", "cello") if DATA else tuple(TRIO.stems)
print(f"{QUINTET.name}: {', '.join(PLAYING)}")
StemPlayer(model_separator(condition_on(CHAMBER, PLAYING))(QUINTET), RATE)

# %% [markdown]
# ## Teach it your players
#
# A model that has heard *your* violin knows it better. Put what you have recorded into a folder per
# piece, one file for each instrument (`mine/sonata/violin.wav`, `mine/sonata/piano.wav`), and
#
# ```sh
# divisi finetune mine --model chamber --name ours
# divisi separate concert.wav --model runs/ours/ours.safetensors
# ```
#
# One piece is kept aside, and its SI-SDR before and after is what you are told. Whoever has a
# fast connection can train on the large public sets instead: `divisi corpora` lists them with their
# licences, `divisi fetch ensembleset` downloads one, and a recipe takes from it with
# `corpora = ["ensembleset"]` and, under `[mixing]`, `recorded = 0.5`.
#
# ## Your own recording
#
# Run the cell, choose a recording (any rate, any number of channels), the model and its
# instruments, and press the button. The stems appear under it: hear them beside the mixture, see
# them, take them away as a zip. The instruments that you choose are what `chamber` is told.

# %%
OwnRecording({"chamber": CHAMBER, "bach-quartet": MODELS["bach-quartet"], "yours": HT_DEMUCS})

# %% [markdown]
# Without buttons the same is `OwnRecording(model).open("my.wav")`, and in a terminal
# `divisi separate my.wav --instruments violin,horn,piano`.

# %% [markdown]
# ## Recap
#
# - A click is one number of the wave and all of the spectrum, a tone the reverse; a spectrogram has
#   to choose a window, and no window is right for both.
# - HT-Demucs listens to both pictures; three quarters of the published one are the transformer
#   between them, in which each moment of one side picks out moments of the other.
# - Between a soundfont and a file from a microphone lie colour, a room, noise and a codec, each of
#   them drawn at random and then applied.
# - With little time to learn, more sources help on real recordings; rooms, microphones and noise,
#   all together, do not.
# - A recipe is trained by one command, or one cell, which goes on where it was stopped.
# - With minutes to learn, the network that hears pitch as position is decibels ahead of HT-Demucs;
#   that decides the default here, not what either could learn in a week.
# - Silence stays silence, stems follow the volume, and masks that sum to one return the recording.
# - A network of ten instruments is better when it is told who plays: it shares out among those
#   alone. Where nobody tells it, it can listen once and tell itself.
# - A network that went on learning has forgotten, too; on the way back to the weights it came from
#   lie better ones, at a price for what the old ones never knew.
# - `divisi separate` takes apart a recording of yours, and `divisi finetune` learns your players.
#
# ### What to try next
#
# With a GPU train `recipes/chamber-first.toml`, `chamber-second.toml` and `chamber.toml` with ten
# times their steps and a batch of 64, and see how much nearer `chamber` comes to the ceiling.
# Chapter five brings in the other systems of the field.
#
# ### Exercises
#
# Solutions, with numbers, are in `Notebooks/solutions/04_htdemucs.py`.
#
# 1. Give the click as much energy as the tone. Which window puts most of both into a hundredth of
#    its bins? Guess first.
# 2. Take the clocks away: all keys are the same. What arrives now? Compute it without a computer.
# 3. What `chamber`, not told, gives to absent instruments could be shared out afterwards among
#    those who play. How much of what telling gains does that bring back?
