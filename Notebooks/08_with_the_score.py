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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/08_with_the_score.ipynb)
#
# # With the score: alignment, combs and two violins apart
#
# *Who plays what is written down.* The networks of the chapters before this one must guess which
# note belongs to which instrument. Of most chamber music there is a
# [**score**](../docs/glossary.md#score) that says it. This chapter aligns a score to a recording,
# makes masks from its notes alone, and then lets a network correct these masks by what it hears.
#
# In this chapter you will
#
# - say what a score knows about a recording, and what it does not;
# - align ten notes by hand with dynamic time warping, then a whole recording, and measure the
#   errors of the onsets;
# - turn notes into harmonic combs, see them on a spectrum, and hear the masks that they make;
# - follow a network that is guided by the score layer by layer, and show that the order of the
#   parts does not matter to it;
# - train it with scores that have errors;
# - multiply its masks by those of a network that knows how instruments sound;
# - read what the score adds, and what wrong scores cost;
# - separate two violins, and a recording of your own with its score.
#
# | brick | in this chapter |
# | --- | --- |
# | task | estimate a stem for each part of a score, of any instruments, also two of one kind |
# | data | rendered ensembles with their notes, and scores with errors; real recordings to test |
# | model | ScoreNet: combs of the notes as a prior, corrected by convolutions |
# | evaluation | onset errors in ms; SI-SDR with right and wrong scores, rendered and real |
# | needs | two cores: 3 min (training 45); T4: not tested; disk: 0.2 GB; recordings: optional |

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
from IPython.display import Markdown, display

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` a small training runs here, even
# where the course brings the weights of the long one.

# %%
SMOKE = runtime.profile() == "smoke"
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
STEPS = 4 if SMOKE else 120  # of a training in this notebook
RATE = 44100  # samples per second
SECONDS = 10.0 if SMOKE else 20.0  # of the score

# %% [markdown]
# ## What does a score know?
#
# Our piece is the beginning of a movement for two violins, viola and cello by Mozart. We let it be
# played with rubato: the tempo wanders, and the four players are not exactly together. Then a
# [**soundfont**](../docs/glossary.md#soundfont) turns it into sound. This gives us three things
# that one rarely has together: the score, the true times of all notes, and the true
# [**stems**](../docs/glossary.md#stem).

# %% tags=["sample"]
from experiments.score_example import example
from helpers.display.players import StemPlayer

PIECE = example(SECONDS)
StemPlayer(PIECE.track)

# %%
written, played = PIECE.score.parts[0].notes, PIECE.played.parts[0].notes
first = zip(written[:6], played[:6], strict=True)
pd.DataFrame(
    [
        {"pitch": w.pitch, "written (s)": w.onset, "played (s)": p.onset, "held (s)": p.duration}
        for w, p in first
    ]
).round(2)

# %% [markdown]
# | the score knows | the score does not know |
# | --- | --- |
# | how many players there are, and of which instruments | how the instruments and the room sound |
# | which notes each player has, and in which order | when exactly each note begins: tempo, rubato |
# | which notes begin together | the concert pitch, intonation and vibrato |
# | how long notes are, in beats | where a note ends in the sound: reverberation, pedal |
# | roughly how loud it should be | how loud it is; wrong notes, ornaments, cuts and repeats |
#
# So the score helps most where the sound alone says least: two players of one instrument have the
# same timbre, and only the notes distinguish them. What the score does not know must come from
# the recording. [**Score-informed separation**](../docs/glossary.md#score-informed-separation)
# needs both (Ewert et al., 2014).
#
# **Quick questions**
#
# *1. Two flutes play the same note at the same time. Can a score help to separate them?*
#
# <details><summary>Answer</summary>
#
# It says that there are two of them. Both have the same partials at the same times, so what is left
# is how loud each one is, and how they differ in tuning and vibrato.
# </details>
#
# *2. Why does the score not say when a note ends in the sound?*
#
# <details><summary>Answer</summary>
#
# It gives the length in beats. Players shorten notes as they like, and strings and rooms go on
# sounding.
# </details>
#
# ## Dynamic time warping, by hand
#
# First we must know where each note of the score lies in the recording: the
# [**alignment**](../docs/glossary.md#alignment). Take ten notes of a
# melody, and a recording of it in twelve frames. The player takes time at the beginning, hurries in
# the middle, and plays one note wrong.

# %%
NAMES = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A"}
SCORE = np.array([64, 64, 65, 67, 67, 65, 64, 62, 60, 60])
FRAMES = np.array([64, 64, 64, 65, 65, 67, 69, 65, 64, 62, 60, 60])
COLUMNS = [NAMES[pitch] for pitch in SCORE]
ROWS = [f"{number} {NAMES[pitch]}" for number, pitch in enumerate(FRAMES)]
COSTS = np.abs(FRAMES[:, None] - SCORE[None, :]).astype(float)

# %% [markdown]
# The **cost** $c[n, m]$ says how badly frame $n$ of the recording fits note $m$ of the score. Here
# it is the distance in semitones. A frame that fits costs nothing.

# %%
from experiments.time_warping import plot_matrix

plot_matrix(COSTS, ROWS, COLUMNS)

# %% [markdown]
# An alignment is a path through this matrix from the lower left to the upper right corner. From
# each cell it goes up (the note is held), to the right (the next note, still in this frame), or
# both at once. The best path has the smallest sum of costs. There are far too many paths to try
# them all, but one observation is enough: the best way to a cell is the best way to one of the
# three cells before it, plus one step. This is
# [**dynamic time warping**](../docs/glossary.md#dynamic-time-warping) (DTW; Sakoe and Chiba, 1978):
#
# $$d[n, m] = c[n, m] + \min\big(d[n-1, m],\; d[n, m-1],\; d[n-1, m-1]\big)$$
#
# The first row and the first column have only one way, so they are sums:

# %%
totals = np.full(COSTS.shape, np.nan)
totals[0] = np.cumsum(COSTS[0])
totals[:, 0] = np.cumsum(COSTS[:, 0])
plot_matrix(totals, ROWS, COLUMNS)

# %% [markdown]
# **Fill in the next row yourself before you read on.** The cell of frame 1 and the second note E
# has three cells before it: 0, 0 and 0. Its own cost is 0, so it becomes 0. The cell to the right
# of it, the note F, has the cells 0, 1 and 0 before it and costs 1: it becomes 1.

# %%
for column in range(1, 10):
    before = totals[0, column], totals[1, column - 1], totals[0, column - 1]
    totals[1, column] = COSTS[1, column] + min(before)
print(totals[1])

# %% [markdown]
# All other rows are filled in the same way. Afterwards we go back from the last cell, always to the
# smallest of the three cells before it:

# %%
for row in range(2, len(FRAMES)):
    for column in range(1, len(SCORE)):
        before = totals[row - 1, column], totals[row, column - 1], totals[row - 1, column - 1]
        totals[row, column] = COSTS[row, column] + min(before)

PATH = [(len(FRAMES) - 1, len(SCORE) - 1)]
while PATH[-1] != (0, 0):
    row, column = PATH[-1]
    before = [(row - 1, column - 1), (row - 1, column), (row, column - 1)]
    PATH.append(min((cell for cell in before if min(cell) >= 0), key=lambda cell: totals[cell]))
plot_matrix(totals, ROWS, COLUMNS, PATH)

# %% [markdown]
# The framed path tells for each note in which frames it sounds. The whole path costs 2, and that is
# the wrong note: A instead of G, two semitones. It does not disturb the alignment, because
# everything around it fits. The same from a library:

# %%
import librosa

theirs, their_path = librosa.sequence.dtw(C=COSTS)
print(f"ours {totals[-1, -1]:g}, librosa's {theirs[-1, -1]:g}")
print(f"all {totals.size} sums are the same: {np.allclose(totals, theirs)}")

# %% [markdown]
# **Quick questions**
#
# *1. The melody begins with E twice, and three frames have an E. When does the second E begin?*
#
# <details><summary>Answer</summary>
#
# The pitch cannot say it: several paths cost the same. The level can, for each note begins with an
# onset. This is why real features include onsets.
# </details>
#
# *2. How many cells has the matrix of an hour of music, in frames of 23 ms?*
#
# <details><summary>Answer</summary>
#
# About 155,000 frames on each side, so $2.4 \cdot 10^{10}$ cells, and 96 GB with four bytes each.
# It must be done coarsely first, and finely only near the coarse path.
# </details>
#
# ## Aligning a recording
#
# A recording has no frames with the name of a note. Two features can be computed from both sides:
# the energy near each semitone, and from the notes the partials that are to be expected. Their
# distance takes the place of the semitones above (Müller, 2015, chapter 3).

# %%
from experiments.curves import plot_images
from experiments.score_example import note_list
from helpers.audio.resampling import resample
from helpers.music import pitch_features

heard = resample(PIECE.track.mixture[0], RATE, pitch_features.RATE)
table = np.array([note for part in PIECE.score.parts for note in note_list(part)]).T
frames = int(PIECE.score.seconds * pitch_features.FRAMES_A_SECOND)
features = {"recording": pitch_features.sound_features(heard, 0.0)[:, :frames]}
features["score"] = pitch_features.note_features(
    tuple(table), frames, pitch_features.FRAMES_A_SECOND, 0.0
)
extent = (0, frames / pitch_features.FRAMES_A_SECOND, 28, 109)
plot_images(features, extent, xlabel="time (s)", ylabel="pitch (MIDI)")

# %%
sides = [pitch_features.directions(each) for each in features.values()]
distances = pitch_features.distances(*sides)
_, path = librosa.sequence.dtw(C=distances)
corner = (0, extent[1], 0, extent[1])
figure = plot_images({"cost of each pair": distances}, corner, xlabel="time in the score (s)")
times = path.T / pitch_features.FRAMES_A_SECOND
figure.axes[0].plot(times[1], times[0], color="white", linewidth=1.0)
figure

# %% [markdown]
# The dark valley is the path. Where the music repeats itself there are other dark stripes, and DTW
# must not follow them. `align` does this in three passes: the whole piece coarsely, to
# find the place, the tempo and the transposition; then in frames of 23 ms; and then each note on
# its own, to where the energy at its partials rises.

# %%
from helpers.display.figures import publish
from helpers.display.score_plots import plot_alignment
from helpers.music.alignment import align

FOUND = align(PIECE.track.mixture, RATE, PIECE.score)
publish(plot_alignment(FOUND), "08_alignment")

# %% [markdown]
# The curve is steep where the players are slow. Below it stands the score as it is written, on the
# left the same notes as they lie in the recording. We know the truth here, so we can measure:

# %%
from experiments.alignment import onset_errors

pairs = zip(FOUND.score.parts, PIECE.played.parts, strict=True)
errors = np.concatenate([onset_errors(*both) for both in pairs])
print(f"{len(errors)} onsets: median {np.median(errors):.0f} ms, 95 % under", end=" ")
print(f"{np.percentile(errors, 95):.0f} ms; fit {FOUND.fit:.2f}, tuning {FOUND.tuning:+.0f} cents")

# %% [markdown]
# A score that does not fit must be refused, because masks from its notes would be meaningless. Here
# is the score of another movement:

# %%
from experiments.scored_pieces import QUARTET
from helpers.music.alignment import AlignmentError
from helpers.music.arrangements import arrangement, excerpts

other = arrangement(excerpts("mozart/k156/movement3", SECONDS)[1], QUARTET)
try:
    align(PIECE.track.mixture, RATE, other)
except AlignmentError as error:
    print(error)

# %% [markdown]
# On other recordings, errors of the onsets in ms: the trio by Brahms from the corpus TRIOS, played
# by real musicians and aligned by hand, and three rendered trios with more and more freedom.

# %%
from experiments import score_tables

ONSETS = score_tables.onset_errors(score_tables.published_rows("08_alignment"))
ONSETS

# %% tags=["hide-input"]
median, most = ONSETS.loc["trios"].iloc[0]
free = ONSETS.loc[("rendered-rubato", "free")].iloc[0]
Markdown(
    f"On the real trio half of the onsets are within {median:.0f} ms and 95 % within {most:.0f} ms."
    f" When the players are free and play wrong notes, the median is {free:.0f} ms."
)

# %% [markdown]
# **Quick questions**
#
# *1. Bowed notes begin softly. What do you expect of their onset errors, compared with the piano?*
#
# <details><summary>Answer</summary>
#
# They are larger, and in one direction: what is found is the steepest rise, which comes after the
# beginning. `align` subtracts a constant for blown, bowed and sung notes.
# </details>
#
# *2. The recording is a semitone lower than the score. Does the path change?*
#
# <details><summary>Answer</summary>
#
# Without a correction nothing would fit. `align` tries transpositions of up to three semitones, and
# the tuning between the semitones is estimated beforehand.
# </details>
#
# ## Combs: a mask from notes alone
#
# A note of the pitch $f$ has its partials at $f, 2f, 3f, \dots$, the
# [**harmonic series**](../docs/glossary.md#harmonic-series). We may draw what is to be expected
# before we hear anything: a bump at each multiple, lower from one to the next. This is a
# [**harmonic comb**](../docs/glossary.md#harmonic-comb). For a note with fundamental $f$:
#
# $$C(\nu) = \sum_{k=1}^{40} k^{-0.8} \exp\Big(-\tfrac12\Big(\frac{1200 \log_2(\nu / k f)}
# {25 \text{ cents}}\Big)^2\Big)$$
#
# The width of 25 cents leaves room for vibrato and tuning. One note of the violin, and its comb:

# %%
from experiments.curves import plot_curves
from experiments.guided_training import recipe_of
from experiments.score_example import note_tensor
from experiments.score_informed import combs
from experiments.scored_pieces import UNSEEN
from helpers.music.scores import Note, Part, Score
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

COMBS = combs(recipe_of(STEPS if SMOKE else 0))
single = Score("one note", (Part("violin", (Note(0.5, 2.0, 69.0),)),))
sound = render_score(single, FluidSynth(find_soundfont(UNSEEN)), RATE).mixture

# %%
with torch.no_grad():
    spectrum = COMBS.stft(torch.from_numpy(sound))[0].abs()  # (F, N)
    comb = COMBS.paint(note_tensor(single), spectrum.shape[1])[0][:, :, 0]
    comb = COMBS.to_linear(comb, COMBS.lobes)[0, 0]  # (linear bins, N)
middle = round(1.5 * RATE / COMBS.config.hop)
hertz = np.arange(len(comb)) * RATE / COMBS.config.window
shown = {"violin, A4": spectrum[: len(comb), middle], "comb": comb[:, middle]}
levels = {
    name: 20 * np.log10(each.numpy() / each.max().item() + 1e-6) for name, each in shown.items()
}
curves = {name: (hertz, level) for name, level in levels.items()}
figure = plot_curves({"": curves}, xlabel="Hz", ylabel="dB", xlim=(0, 5000), ylim=(-80, 5))
publish(figure, "08_comb")

# %% [markdown]
# The comb knows where the partials are. It does not know how strong they are on a violin, nor that
# the bow makes noise between them.
#
# With a comb $C_p$ for all notes of each part $p$, and a small constant $\epsilon$ that leaves
# something for what no part explains, the ratio of the combs is a
# [**ratio mask**](../docs/glossary.md#ratio-mask) (Ewert and Müller, 2012):
#
# $$M_p = \frac{C_p + \epsilon}{\sum_q (C_q + \epsilon) + \epsilon_\text{rest}}$$

# %%
notes = note_tensor(FOUND.score)
FRAME = COMBS.config.hop / RATE  # seconds
with torch.no_grad():
    expected = COMBS.expect(COMBS.paint(notes, round(8.0 / FRAME))[0])  # log of C + epsilon
masks = expected.softmax(dim=1)[0]  # (P + 1, linear bins, N)
names = [*PIECE.track.stems, "rest"]
images = {name: masks[names.index(name)].numpy() for name in ("violin-1", "violin-2", "cello")}
area = (0, 8.0, 0, len(hertz) * RATE / COMBS.config.window / 1000)
publish(plot_images(images, area, xlabel="time (s)", ylabel="kHz", ylim=(0, 3)), "08_masks")

# %% [markdown]
# Bright is what a part gets. Where partials of two parts meet, the mask divides the bin in a ratio
# that knows nothing about their levels: the comb alone cannot do better. Listen, and compare with
# the true stems:

# %%
from experiments.score_example import separated

in_time = separated(COMBS, FOUND.score, PIECE.track)
StemPlayer(in_time, references=PIECE.track)

# %% [markdown]
# How good is it? The floor is the mixture, the ceiling the oracle mask (chapter 1). The notes at
# their true times show which part of the error comes from the alignment, and the score without any
# alignment shows why we took the trouble.

# %%
from experiments.score_example import quality
from helpers.evaluation.baselines import mixture_baseline, oracle_ratio_mask

systems = {
    "mixture": mixture_baseline(PIECE.track),
    "combs, not aligned": separated(COMBS, PIECE.score, PIECE.track),
    "combs, aligned": in_time,
    "combs, true times": separated(COMBS, PIECE.played, PIECE.track),
    "oracle-irm": oracle_ratio_mask(PIECE.track),
}
BASE = quality(systems, PIECE.track)
BASE

# %% tags=["hide-input"]
mean = BASE["mean"]
Markdown(
    f"The combs gain {mean['combs, aligned'] - mean['mixture']:.1f} dB over the mixture without any"
    f" training. Exact times would add {mean['combs, true times'] - mean['combs, aligned']:.1f} dB;"
    f" from there to the oracle mask {mean['oracle-irm'] - mean['combs, true times']:.1f} dB are"
    " left for what the notes do not say."
)

# %% [markdown]
# **Quick questions**
#
# *1. Violin and cello play an octave, equally loud. How does the ratio of the combs divide the
# fundamental of the violin?*
#
# <details><summary>Answer</summary>
#
# It is partial 1 of the violin and partial 2 of the cello, so $1 : 2^{-0.8}$, or 64 % for the
# violin, whatever the instruments do in truth.
# </details>
#
# *2. Why is the comb not made as narrow as possible?*
#
# <details><summary>Answer</summary>
#
# A partial that vibrato or tuning moves out of the comb is lost to its part. A comb that is too
# wide takes what belongs to its neighbours.
# </details>
#
# ## A network guided by the score
#
# The combs are where a network can begin. In the words of statistics they are a
# [**prior**](../docs/glossary.md#prior): what one expects before listening. A network then says in
# each bin by how much to correct it. With the correction $g_p$ of part $p$ the mask is a softmax:
#
# $$M_p = \frac{e^{g_p} (C_p + \epsilon)^{\alpha}}{\sum_q e^{g_q} (C_q + \epsilon_q)^{\alpha}}$$
#
# The sum runs over all parts and the rest. Before the training the last layer is zero, so $g = 0$
# and $\alpha = 1$: the network begins as the mask of the combs. The correction is computed from the
# sound and from *pictures* of the notes.
#
# ![The score network: the mixture passes a shared trunk, each part brings pictures of its notes, a
# correction is added to the logarithm of the combs, and a softmax over the parts gives
# masks.](../Images/diagram_score_net.svg)
#
# Four of these pictures for the second violin:

# %%
with torch.no_grad():
    pictures, pitches, onsets = (each[0] for each in COMBS.paint(notes, round(8.0 / FRAME)))
own = names.index("violin-2")
images = {
    "own partials": pictures[own, 0],
    "own fundamentals": pitches[own],
    "own onsets": onsets[own],
    "partials of others": pictures[:, 0].sum(0) - pictures[own, 0],
}
height = len(pitches[own]) / COMBS.config.resolution
images = {name: np.log1p(100 * image.numpy()) for name, image in images.items()}
figure = plot_images(images, (0, 8.0, 0, height), xlabel="s", ylabel="octaves above C1")
publish(figure, "08_pictures")

# %% [markdown]
# The vertical axis is a [**logarithmic frequency
# axis**](../docs/glossary.md#logarithmic-frequency-axis), as in the mask network of chapter 4: the
# comb has the same shape at every pitch. The layers, without three that only fit the number of
# channels:

# %%
layers = {
    "partials": "trunk: the sound, once for all parts",
    "see": "pictures of the notes",
    "instruments": "a vector for each instrument, unknown, and rest",
    "follow": "two convolutions over time",
    "pitches": "what belongs to which pitch",
    "gather": "copied to the partials",
    "refine": "joined with its neighbours",
    "decide": "one number a bin: the correction",
}
modules = {name: getattr(COMBS, name) for name in layers}
sizes = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
print(f"{sum(p.numel() for p in COMBS.parameters()):,} parameters in total")
pd.DataFrame({"what for": layers, "parameters": sizes})

# %% [markdown]
# None of these layers has a place for "the first part" or "the second part". The same weights see
# each part with its own notes, and all others as one sum. Two things follow. The network takes any
# number of parts. And if the parts come in another order, the estimates come in that order, and
# nothing else changes. A function with this property is
# [**equivariant**](../docs/glossary.md#equivariance): for every permutation $\pi$ of the parts,
#
# $$f(x, \pi n) = \pi f(x, n)$$
#
# We try it with random weights in the last layer, so that there is a correction:

# %%
torch.manual_seed(0)
RANDOM = combs(recipe_of(STEPS if SMOKE else 0))
torch.nn.init.normal_(RANDOM.decide.weight, std=3.0)
excerpt = torch.from_numpy(PIECE.track.mixture[None, :, : 4 * RATE])  # (1, 1, T)
parts, players = notes[:, :4], torch.tensor([[1, 1, 2, 3]])  # violin, violin, viola, cello
turned = [3, 1, 0, 2]
with torch.no_grad():
    estimates = RANDOM(excerpt, parts, players)[0]
    swapped = RANDOM(excerpt, parts[:, turned], players[:, turned])[0]
    before_training = COMBS(excerpt, parts, players)[0]
print(f"in another order: {(swapped[:4] - estimates[turned]).abs().max():.0e} apart")
print(f"from the combs: {(estimates - before_training).abs().max():.0e} apart")
print(f"sum minus mixture: {(estimates.sum(0) - excerpt[0]).abs().max():.0e}")

# %% [markdown]
# A probe with a known answer: a tone A4 with partials, and two parts. If the first part has this
# note and the second an E flat, the first must get the tone. If no part has it, most of it must go
# to the rest.

# %%
seconds = torch.arange(2 * RATE) / RATE
TONE = sum(0.1 / k * torch.sin(2 * torch.pi * 440 * k * seconds) for k in range(1, 6))[None, None]
KEYS = {"A4 and E flat 4": (69.0, 63.0), "E flat 4 and C sharp 5": (63.0, 73.0)}


def probe(model: torch.nn.Module) -> pd.DataFrame:
    """The share of the tone that each part and the rest get, for two scores."""
    table = pd.DataFrame(index=["first part", "second part", "rest"])
    for name, keys in KEYS.items():
        score = torch.tensor([[[[0.0, 2.0, key]] for key in keys]])
        with torch.no_grad():
            energies = model(TONE, score, torch.tensor([[1, 1]]))[0].square().sum(-1)[:, 0]
        table[name] = energies / energies.sum()
    return table.T.round(2)


# %%
probe(COMBS)

# %% [markdown]
# **Quick questions**
#
# *1. The two violins exchange their parts in the score. What happens to the estimates?*
#
# <details><summary>Answer</summary>
#
# They are exchanged too, and nothing else: both have the same instrument, so only the notes differ.
# </details>
#
# *2. What is the place for the rest good for?*
#
# <details><summary>Answer</summary>
#
# For noise, for a player whose part is missing, and for notes that the score lacks. Without it,
# all of this would be forced on the parts.
# </details>
#
# ## Training with scores that have errors
#
# The training data are mixtures whose notes are known: pieces of two to five players, rendered, and
# unrelated stems, of which more than half have two players of one instrument. Some have noise or
# applause, or a player whose part is not given; both belong to the rest. If the network
# always saw the exact notes, it would learn to trust them blindly. So each score is made worse
# first: every deviation is drawn anew for each mixture, small ones more often.

# %%
from helpers.music.score_errors import ScoreErrors

limits = recipe_of().score_errors
drawn = [limits.draw(np.random.default_rng(seed)) for seed in range(3)]
columns = ["at most", *(f"mixture {number}" for number in (1, 2, 3))]
pd.DataFrame([vars(each) for each in (limits, *drawn)], columns).T.round(3)

# %%
melody = np.array(note_list(PIECE.played.parts[0])[:6])
severe = ScoreErrors(timing=0.1, shift=0.0, tuning=0.0, wrong=0.3, missing=0.2, extra=0.2)
changed = severe.apply(melody, np.random.default_rng(3))
columns = ["onset (s)", "end (s)", "pitch"]
pd.concat(
    {
        "played": pd.DataFrame(melody, columns=columns),
        "as the network sees it": pd.DataFrame(changed, columns=columns),
    }, axis=1,
).round(2)  # fmt: skip

# %% [markdown]
# The recipe is `recipes/guided.toml`; `divisi train recipes/guided.toml` trains the network of the
# course, in less than an hour of one core, and resumes where it was stopped. With `TRAIN = True`
# the next cell trains the same network on twelve random pieces of four instruments, for a few
# minutes. The loss is the negative SNR of all stems that sound, the rest included. A silent stem
# has no loss of its own: the masks sum to one, so what leaks into it is missing in another stem.

# %%
from experiments.guided_training import guided

MODEL, origin = guided(STEPS, TRAIN)
Markdown(origin)

# %% tags=["sample"]
guided_stems = separated(MODEL, FOUND.score, PIECE.track)
StemPlayer(guided_stems, references=PIECE.track)

# %%
systems["guided, aligned"] = guided_stems
systems["guided, true times"] = separated(MODEL, PIECE.played, PIECE.track)
RESULT = quality(systems, PIECE.track)
RESULT

# %% tags=["hide-input"]
trained = RESULT["mean"]
Markdown(
    f"On this piece the network changes the mask of the combs by "
    f"{trained['guided, aligned'] - trained['combs, aligned']:+.1f} dB. {origin}"
)

# %% [markdown]
# And the probe from above, where the rest should get a tone that no part has:

# %%
probe(MODEL)

# %% [markdown]
# In our run the trained network gives the rest nothing: what the score lacks goes to the parts.
# In most examples the rest is silent, and what goes there is missing in a stem, so the network
# has learned to leave it empty. The price is paid where a score lacks a part, as a table below
# shows.
#
# **Quick questions**
#
# *1. Why do the errors of a training example begin at zero, rather than being always large?*
#
# <details><summary>Answer</summary>
#
# Most scores are nearly right. A network that only sees bad ones learns to ignore them.
# </details>
#
# *2. In a quarter of the mixtures of more than two players, the score lacks one of them. Where does
# the sound of that player belong?*
#
# <details><summary>Answer</summary>
#
# In the rest. This is what its true stem is in such an example.
# </details>
#
# ## A blind network has a say
#
# The notes do not say what a horn sounds like. `chamber`, the blind network of chapter 4, does know
# that, and nothing of the notes. Two experts that know different things can be multiplied, as in a
# [**product of experts**](../docs/glossary.md#product-of-experts) (Hinton, 2002): what either of
# them rules out is out. With the mask $B_{i(p)}$ that the blind network gives to the instrument of
# part $p$, and a small constant $\epsilon_B$,
#
# $$M_p \propto e^{g_p} \, (C_p + \epsilon)^{\alpha} \, (B_{i(p)} + \epsilon_B)^{\lambda}$$
#
# Two violins have the same factor $B$, so between them the notes decide. A part whose instrument
# the blind network does not know gets what that network gives to nobody else. Its weights are not
# trained here. In a third of the training examples it is left out, so that the correction $g$
# does not lean on it. The exponent $\lambda = 0.5$ was chosen on the Bach10 excerpts, before any
# training. In the weights of the course the correction itself is not given the instruments
# (`instruments = false` in the recipe): how they sound is the other expert's business.

# %%
from experiments.score_informed import BLIND, WHOLE

product = combs(recipe_of(STEPS if SMOKE else 0), BLIND)
systems[f"combs and {BLIND}"] = separated(product, FOUND.score, PIECE.track)
quality({key: systems[key] for key in ("combs, aligned", f"combs and {BLIND}")}, PIECE.track)

# %% [markdown]
# On this piece the comparison flatters the blind network, which has learned from this soundfont.
# The real recordings of the next section were new to it.
#
# **Quick questions**
#
# *1. Why are the masks multiplied, and not averaged?*
#
# <details><summary>Answer</summary>
#
# An average keeps half of every error. In a product a part gets nothing where its score is silent,
# whatever the blind network says, and little where nothing sounds like its instrument.
# </details>
#
# *2. What does $\lambda = 0$ mean, and what a very large $\lambda$?*
#
# <details><summary>Answer</summary>
#
# Nobody asks the blind network; and nobody asks the score, but between two parts of one instrument.
# </details>
#
# ## What does the score add?
#
# Now the measured tables: real recordings with their scores, and rendered string quartets. Their
# soundfont did not train the guided network, but early stages of `chamber`, the blind network of
# chapter 4, which is told the instruments. The guided network contains its third stage. `combs`
# are the combs alone, `guided` is the network of this chapter. Mean SI-SDR in dB; `chamber` has one
# stem for all violins, so it has no value where two of them play. `combs and chamber` is the
# product of the two before any training:

# %%
ROWS = score_tables.published_rows("08_score_informed")
SYSTEMS = ["mixture", "chamber", "combs", f"combs and {BLIND}", "guided", "oracle-irm"]
SHOWN = ROWS[ROWS["system"].isin(SYSTEMS)]
score_tables.means(SHOWN) if len(SHOWN) else Markdown(score_tables.missing("08_score_informed"))

# %%
from experiments.charts import plot_comparison

figure = "The figure comes with the table."
if len(SHOWN):
    figure = publish(plot_comparison(SHOWN, by="test_data"), "08_score_informed")
figure

# %% tags=["hide-input"]
Markdown(score_tables.guided_and_blind(ROWS))

# %% [markdown]
# The score answers a question that a blind network must guess: who plays this note? Expect most of
# it where voices cross or leave their usual register, and where two instruments sound alike. It
# cannot divide a bin that partials of two parts share; there the network has to hear.
#
# On our piece you can hear both. `chamber` has one stem for both violins, so the violins of the
# others are summed for a fair comparison. (It also has an advantage: this soundfont was in its
# training, and not in that of `guided`.)

# %%
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import load_model


def three(stems: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The stems of the quartet with both violins in one."""
    both = {"violin": stems["violin-1"] + stems["violin-2"]}
    return both | {name: stems[name] for name in ("viola", "cello")}


# %%
from helpers.audio.track import Track

MERGED = Track("three stems", RATE, three(PIECE.track.stems))
blind = model_separator(load_model("chamber"), conditioned=True)(MERGED)
compared = {"mixture": mixture_baseline(MERGED), "chamber": blind, "combs": three(in_time)}
compared["guided"] = three(guided_stems)
quality(compared, MERGED)

# %%
StemPlayer(blind, references=MERGED)

# %% [markdown]
# Tunturi and others (2025) trained on synthetic sound and tested on real recordings, in two ways.
# A network that gets the score beside the spectrogram improves on one without it, but struggles
# to generalise from synthetic to real sound. A network that computes its mask from the score
# alone generalises clearly better. Our network combines the two: its prior is the score alone,
# its correction sees score and spectrogram. `python -m experiments.score_informed` trains it with
# one of them only, with scores without errors, and beside the blind network, each for the same
# number of steps. The means over all stems, and in brackets those of the two seeds (SI-SDR in
# dB):

# %%
shown = score_tables.ablation(ROWS)
shown if len(shown) else Markdown(score_tables.missing("08_score_informed"))

# %% [markdown]
# Every network had 120 steps of six examples (`--steps 120`), about a quarter of the training of
# the course, and the combs alone are the row `combs` of the table above. Without the score so few
# steps separate nothing. With the score as an input the network has to learn what a comb is, and
# does, but on Bach10 it is behind the one whose prior knows that from the beginning: the order
# that Tunturi and others found. On the single excerpt of TRIOS the two are within a few tenths.
# Once there is a score, the largest gain is the second expert, on both. Whether the correction is
# given the instruments too makes no difference on Bach10, and on TRIOS a small one. Exact scores
# in the training did no harm to these recordings, whose scores are nearly exact too. Differences
# that are smaller than those of two seeds say nothing.
#
# These are few steps. What does the whole training add, and does all of it carry? The weights of
# the course use the correction $g$ by half (`correction = 0.5` in the recipe), except between
# parts that the blind network cannot tell apart. This was chosen on Bach10 and on rendered
# validation pieces. Here is the choice, beside the whole correction and none:

# %%
chosen = ROWS[ROWS["system"].isin([f"combs and {BLIND}", "guided", WHOLE])]
score_tables.means(chosen) if len(chosen) else Markdown(score_tables.missing("08_score_informed"))

# %% [markdown]
# Half of the correction is as good on Bach10 as none, and better than none and all on the
# rendered quartets and on URMP. On TRIOS all of it would be better, but one excerpt chooses
# nothing. A network that is trained on renderings learns some things about renderings; this is
# one way to take less of them.
#
# ### Late, wrong and missing notes
#
# How much can a score be wrong? Here the aligned scores are made worse on purpose: onsets off by up
# to 200 ms (the standard deviation from note to note), wrong notes, and a part that is missing. The
# dashed lines are the blind network on the same recordings. Where a dot lies below its line, you
# are better off without that score.

# %%
FAULTY = score_tables.published_rows("08_robustness")
score_tables.by_fault(FAULTY) if len(FAULTY) else Markdown(score_tables.missing("08_robustness"))

# %%
figure = "The figure comes with the table."
if len(FAULTY):
    figure = publish(score_tables.plot_robustness(FAULTY, ROWS), "08_robustness")
figure

# %% tags=["hide-input"]
Markdown(score_tables.falls(FAULTY))

# %% [markdown]
# The same on our piece, with the network of this notebook:

# %%
from dataclasses import replace

from experiments.score_informed import FAULTS, with_fault

kinds = ["as aligned", "onsets 200 ms", "wrong notes 10%"]
worse = {kind: with_fault(FOUND.score, FAULTS[kind]) for kind in kinds}
quality({kind: separated(MODEL, score, PIECE.track) for kind, score in worse.items()}, PIECE.track)

# %% [markdown]
# **Quick questions**
#
# *1. All onsets are 100 ms late. Which notes suffer most, long or short ones?*
#
# <details><summary>Answer</summary>
#
# Short ones: of a note of 200 ms half is missed, of one of two seconds a twentieth.
# </details>
#
# *2. Why does a missing part also cost something on the parts that are there?*
#
# <details><summary>Answer</summary>
#
# Its sound must go somewhere. What does not find its way to the rest lands in the stems of those
# whose partials are near.
# </details>
#
# ## Two violins
#
# Here the score does what no blind network of this course can do. Two violins have one timbre, and
# a network for instruments has one stem for both:

# %%
", ".join(load_model("chamber").sources)

# %% [markdown]
# Our quartet without viola and cello is a duo of violins:

# %%
violins = {name: stem for name, stem in PIECE.track.stems.items() if "violin" in name}
DUO = Track("two violins", RATE, violins)
duo_score = replace(FOUND.score, parts=FOUND.score.parts[:2])
duo = {"mixture": mixture_baseline(DUO), "combs": separated(COMBS, duo_score, DUO)}
duo["guided"] = separated(MODEL, duo_score, DUO)
duo["oracle-irm"] = oracle_ratio_mask(DUO)
quality(duo, DUO)

# %%
StemPlayer(duo["guided"], references=DUO)

# %% [markdown]
# And real violins: passages of two players, each recorded alone, mixed at equal level, with the
# notes that others aligned to them. No such recording trained the guided network. `chamber` has
# heard one of these players, but it gives two violins and the rest the same, and has no say here.
# Where you have these recordings, listen to the first of the passages:

# %%
from experiments.scored_pieces import two_violins

DATA = runtime.data_root()
shown = "These recordings are not here; the table below has their numbers."
if DATA and (DATA / "solo_violin").is_dir():
    REAL = next(two_violins())
    real = {"mixture": mixture_baseline(REAL.track)}
    real["guided"] = separated(MODEL, REAL.score, REAL.track)
    display(quality(real, REAL.track))
    shown = StemPlayer(real["guided"], references=REAL.track)
shown

# %% [markdown]
# All passages, and beside them the violins of rendered quartets (SI-SDR improvement in dB):

# %%
pairs = ROWS[ROWS["test_data"].isin(["two real violins", "rendered string quartets"])]
pairs = pairs[pairs["instrument"].str.startswith("violin") & (pairs["metric"] == "SI-SDRi")]
shown = Markdown(score_tables.missing("08_score_informed"))
if len(pairs):
    shown = pairs.pivot_table("value", ["test_data", "instrument"], "system", sort=False).round(1)
shown

# %% tags=["hide-input"]
gains = pairs[pairs["system"] == "guided"].groupby("test_data", sort=False)["value"].mean()
sentence = score_tables.missing("08_score_informed")
if len(gains):
    each = " and ".join(f"{value:.1f} dB on {test}" for test, value in gains.items())
    sentence = f"The guided network improves the violins by {each}, on the mean."
Markdown(sentence)

# %% [markdown]
# ## Your own recording with its score
#
# Choose a recording, and type the path of its score: MIDI or MusicXML, which all notation programs
# export. A score that does not fit is refused with a sentence. To try it, this cell writes our
# piece into two files, whose paths are `RECORDING` and `NOTES`:

# %%
import soundfile

from helpers.evaluation.results import output_folder
from helpers.music.midi import write_midi

FOLDER = output_folder("runs") / "08-own"
FOLDER.mkdir(parents=True, exist_ok=True)
RECORDING, NOTES = FOLDER / "quartet.wav", FOLDER / "quartet.mid"
soundfile.write(RECORDING, PIECE.track.mixture.T, RATE, subtype="FLOAT")
write_midi(PIECE.score, NOTES)

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({"guided": MODEL})

# %% [markdown]
# In a terminal: `divisi separate quartet.wav --score quartet.mid`. Beside the stems this writes
# `aligned.mid`, the notes in the time of the recording, and `separation.json`, which has the fit of
# the score ([more](../docs/stems.md#with-the-score)). In Python:

# %%
import helpers

done = helpers.separate(RECORDING, model=MODEL, score=NOTES)
print({name: done.report["score"][name] for name in ("fit", "transposition", "a4_hz")})
done.player()

# %% [markdown]
# ## Recap
#
# - A score knows who plays which notes in which order. Times, tuning, loudness and timbre must come
#   from the recording.
# - Dynamic time warping fills a matrix of smallest sums and goes back along the cheapest path. On
#   recordings it compares features of pitch, first coarsely, then finely, and the onsets are
#   refined at the partials of their notes. A score that does not fit is refused.
# - A comb expects partials at the multiples of each pitch. The ratio of the combs is a mask that
#   needs no training; it fails where partials of two parts share a bin.
# - The guided network starts from the combs as a prior and corrects them by what it hears. It is
#   equivariant: parts in another order give the same stems in that order.
# - Scores with errors in the training teach it how far to trust them.
# - A blind network knows how instruments sound. Its masks times those of the notes are a product of
#   experts.
# - The score tells who plays a note, which a blind network must guess. The table of robustness says
#   when a score is too wrong to help.
# - With a score two violins have a stem each, and your own recording a stem for every part.
#
# ### What to try next
#
# Align a recording from your shelf to a score from a public library. Train the network longer
# with instruments of your own in `recipes/guided.toml`. The ablation stops after few steps: does
# its order stay the same with `python -m experiments.score_informed --steps 1500`?
#
# ### Exercises
#
# Work in [the exercises](exercises/08_with_the_score.ipynb);
# [the solutions](solutions/08_with_the_score.ipynb) come with their numbers.
#
# 1. What do other steps do to the path of dynamic time warping?
# 2. How does the quality of the combs fall with the error of the onsets?
# 3. Which intervals can two combs not separate?
# 4. Who gets the sound of a part that the score lacks?

# %% [markdown]
# ### References
#
# - S. Ewert and M. Müller, *Score-informed source separation for music signals*, in: Multimodal
#   Music Processing, Dagstuhl Follow-Ups 3, 2012,
#   [doi 10.4230/DFU.Vol3.11041.73](https://doi.org/10.4230/DFU.Vol3.11041.73).
# - S. Ewert, B. Pardo, M. Müller and M. D. Plumbley, *Score-informed source separation for musical
#   audio recordings: an overview*, IEEE Signal Processing Magazine 31(3), 2014,
#   [doi 10.1109/MSP.2013.2296076](https://doi.org/10.1109/MSP.2013.2296076).
# - G. E. Hinton, *Training products of experts by minimizing contrastive divergence*, Neural
#   Computation 14(8), 2002,
#   [doi 10.1162/089976602760128018](https://doi.org/10.1162/089976602760128018).
# - M. Müller, *Fundamentals of music processing*, Springer, 2015.
# - H. Sakoe and S. Chiba, *Dynamic programming algorithm optimization for spoken word recognition*,
#   IEEE Transactions on Acoustics, Speech, and Signal Processing 26(1), 1978.
# - E. Tunturi, D. Diaz-Guerra, A. Politis and T. Virtanen, *Score-informed music source separation:
#   improving synthetic-to-real generalization in classical music*, 2025,
#   [arXiv 2503.07352](https://arxiv.org/abs/2503.07352).
