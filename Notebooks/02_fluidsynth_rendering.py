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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/02_fluidsynth_rendering.ipynb)
#
# # Training on rendered scores: soundfonts, data augmentation and the domain gap
#
# *From a score to sound.* Recordings with separate [**stems**](../docs/glossary.md#stem) are rare,
# but a synthesiser can render thousands of pieces and keep every stem. This chapter builds such
# training data and trains on it. It then measures the networks with a soundfont that was not used
# in training, and with a real violin and a real piano.
#
# In this chapter you will
#
# - listen to soundfonts and to a recorded instrument, and measure how they differ;
# - render random pieces and real music to stems much faster than real time, and reproduce the same
#   files bit for bit;
# - test whether it helps to train in stages, from synthetic tones to soundfonts to effects;
# - compare eight methods against overfitting;
# - separate a violin from a piano, then trios and quartets, with a soundfont that was used in
#   training and with one that was not;
# - apply the networks to a real duo, and find out where and why they fail.
#
# | brick | in this chapter |
# | --- | --- |
# | task | estimate violin and piano, later also cello and flute, from their mixture (44.1 kHz) |
# | data | random pieces and music of the music21 corpus, rendered; recorded solos |
# | model | a recurrent network that computes spectrogram masks (`helpers/models/mask_net.py`) |
# | evaluation | SI-SDR on test pieces with a seen and an unseen soundfont, and on one real duo |
# | needs | two cores: 1 min (training 180); T4: 1 min (25); disk: 0.5 GB; recordings: optional |
#
# You need neither a GPU nor recordings: the trained networks and all tables of results come with
# the course, and the chapter runs in a few minutes on a laptop.

# %% tags=["bootstrap"]
# On Colab: fetch the course, beside the torch and numpy that are there. Anywhere else: nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    fetch = "[ -d divisi ] || git clone -q --depth 1 https://github.com/divisi-contributors/divisi"
    subprocess.run(f"{fetch} && bash divisi/scripts/colab.sh", shell=True, check=True)
    sys.path.insert(0, "/content/divisi")

# %%
import json
import shutil
import time
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from IPython.display import Markdown
from tqdm.auto import tqdm

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. With `TRAIN = True` the cells below train all networks
# here instead of loading those that come with the course, and measure them again. The tables and
# figures of the course stay as they are: yours go to the folder `runs/`. In the `smoke` profile,
# which the tests use, everything is tiny.
#
# A training is saved every minute. You can stop it at any time; when you run its cell again, it
# continues. On Colab a session may end without warning: name a folder of Google Drive in the
# environment variable `DIVISI_RUNS`, and your runs are kept there.

# %%
SMOKE = runtime.profile() == "smoke"
TRAIN = SMOKE  # True trains here instead of loading the weights that come with the course
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second of the tests
SEEN, ALSO_SEEN, UNSEEN = "FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb"  # soundfonts
SEEDS = (0,) if SMOKE else (0, 1, 2)
STUDY_STEPS = 3 if SMOKE else 240  # of the small networks that are compared
ABLATION_STEPS = 2 if SMOKE else 240  # of the networks that are evaluated on the real duo
ABLATION_SEEDS = (0,) if SMOKE else (0, 1)
TRACKS = 1 if SMOKE else 10  # random test pieces, and as many excerpts of real music

# %% [markdown]
# ## What is a soundfont?
#
# A [**soundfont**](../docs/glossary.md#soundfont) is a file of recorded single notes with rules for
# playing them. The rules say which recording serves which key, where it loops while the key is
# held, and how it fades afterwards. FluidSynth is a
# [**synthesiser**](../docs/glossary.md#synthesiser) that follows these rules; the course calls it
# through the package pyfluidsynth. Here is one melody with three soundfonts:

# %%
from helpers.music.scores import Note, Part
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.soundfonts import find_soundfont

PITCHES = (76, 76, 77, 79, 79, 77, 76, 74, 72, 72, 74, 76, 76, 74, 74)  # Ode to Joy
BEATS = (1.0,) * 12 + (1.5, 0.5, 2.0)
onsets = 0.45 * np.cumsum((0.0, *BEATS[:-1]))
notes = zip(onsets, BEATS, PITCHES, strict=True)
tune = Part("flute", tuple(Note(onset, 0.45 * beats, pitch) for onset, beats, pitch in notes))
PLAYERS = {font: FluidSynth(find_soundfont(font)) for font in (SEEN, ALSO_SEEN, UNSEEN)}

# %% [markdown]
# If `DIVISI_DATA` names a folder with recorded notes, a flautist of the Philharmonia Orchestra
# plays the same melody. This sound is also made of [**note
# samples**](../docs/glossary.md#note-sample) (recorded single notes), but there are several
# recordings of each note.

# %%
from helpers.display.players import listen
from helpers.synthesis.sampler import Sampler

if DATA:
    PLAYERS["recorded notes"] = Sampler(DATA / "philharmonia_notes")
played = {name: player.render(tune, RATE) for name, player in PLAYERS.items()}
longest = max(stem.shape[1] for stem in played.values())
played = {
    name: np.pad(0.05 * stem / stem.std(), ((0, 0), (0, longest - stem.shape[1])))
    for name, stem in played.items()
}
listen(played, RATE)

# %% [markdown]
# All versions have the same level, so that you compare timbres. Below, the recorded flute is shown
# as it was in our run, even if you have no recordings.

# %%
from helpers.display.figures import publish, published
from helpers.display.plots import plot_spectrograms, plot_stems

figure = plot_spectrograms(played, RATE, mixture=False, limit=12_000)
publish(figure, "02_soundfonts") if DATA or SMOKE else published("02_soundfonts")

# %% [markdown]
# In a soundfont a note keeps its level until it ends, and when the note is repeated, the same
# recording is played again, including its noise. The first two soundfonts even share recordings:
# both spectrograms have the same weak line below the melody at 1.5 s. MuseScore_General descends
# from FluidR3, so a network that is trained with both has heard less than two independent
# soundfonts. In the recorded notes you see slower attacks, gaps between the notes, differences
# between repetitions of a note, and more noise, probably mainly breath.
#
# How large are the differences? We compare the spectrum of the whole melody in octave bands. With
# the Fourier transform $S[k]$ of the stem, the level of a band $B$ (a set of frequencies $k$)
# relative to the whole is
#
# $$L_B = 10 \log_{10} \frac{\sum_{k \in B} |S[k]|^2}{\sum_k |S[k]|^2}\ \text{dB}.$$
#
# A band with a tenth of the energy has -10 dB.

# %%
from experiments.rendered import octaves

spectra = {name: octaves(stem) for name, stem in played.items()}
BANDS = pd.DataFrame(spectra, ["0.5-1 kHz", "1-2 kHz", "2-4 kHz", "4-8 kHz", "8-16 kHz"])
BANDS.round(1)

# %% tags=["hide-input"]
fonts = BANDS[[SEEN, ALSO_SEEN, UNSEEN]]
spread = fonts.max(axis=1) - fonts.min(axis=1)
Markdown(
    f"The three soundfonts differ most in the band {spread.idxmax()}, by {spread.max():.1f} dB. In "
    "our run, the recorded flute has 6 to 9 dB more energy above 8 kHz than the soundfonts, "
    "probably most of it breath noise. Each of them is one flute, one player and one microphone."
)

# %% [markdown]
# A difference between the training data and the data on which a model is used is called a
# [**domain gap**](../docs/glossary.md#domain-gap). This chapter measures it.
#
# **Quick questions**
#
# *1. A network learns from one soundfont in which a note always sounds exactly the same. What might
# it learn that is of no use for a real flute?*
#
# <details><summary>Answer</summary>
#
# The recordings themselves: their noise, their loop points, their exact attacks. It can recognise
# the sample instead of the instrument.
# </details>
#
# *2. Why are the versions brought to the same level before we compare them?*
#
# <details><summary>Answer</summary>
#
# Because a louder version easily seems better or brighter. The level is the first thing that a
# listener and a network notice, and it is not what we ask about.
# </details>

# %% [markdown]
# ## Scores: random pieces and real music
#
# The training data comes from two kinds of scores. **Random pieces** are generated, so you can have
# as many as you like. They are five seconds long and each instrument plays in its own range. All
# parts share one key and one tempo, so they meet in octaves and fifths as parts of real music do.

# %% tags=["sample"]
from helpers.display.players import StemPlayer
from helpers.music.random_pieces import RandomPiece
from helpers.synthesis.renderer import render_score

piece = RandomPiece(0).score(("violin", "cello", "flute", "piano"))
quartet = render_score(piece, PLAYERS[SEEN], RATE)
StemPlayer(quartet)

# %%
plot_stems(quartet)

# %% [markdown]
# **Real music** has phrases, cadences and voices that imitate each other, which random pieces lack.
# The Python package music21 ([Cuthbert and Ariza, 2010](https://www.music21.org)) comes with a
# corpus of scores: Bach's chorales, string quartets from Haydn to Schumann and some piano music. It
# reads a score into parts, measures and notes:

# %%
from music21 import corpus

written = corpus.parse("haydn/opus74no1", 2)
for part in written.parts:
    first = [f"{note.nameWithOctave} ({note.quarterLength:g})" for note in part.flatten().notes[:5]
             if note.isNote]  # fmt: skip
    print(f"{part.partName}: {', '.join(first)} ...")

# %% [markdown]
# The numbers in brackets are lengths in quarter notes. The course turns them into notes in seconds
# and MIDI pitches (`helpers/music/scores.py`), arranges them for the instruments at hand, and
# renders them. Here, the violin gets the line that suits its range best, and the piano gets the
# remaining lines. MIDI files are read with the package pretty_midi ([Raffel and Ellis,
# 2014](https://github.com/craffel/pretty-midi)).

# %%
from helpers.music.arrangements import Excerpt, arrangement

ten_seconds = Excerpt("haydn/opus74no1/movement2", 0.0, 10.0)
excerpt = arrangement(ten_seconds, ("violin", "piano"))
duo = render_score(excerpt, PLAYERS[SEEN], RATE)
StemPlayer(duo)

# %%
from helpers.evaluation.results import output_folder
from helpers.music.midi import read_midi, write_midi

midi = output_folder("runs") / "02-haydn.mid"
midi.parent.mkdir(parents=True, exist_ok=True)
write_midi(excerpt, midi)
again = read_midi(midi)
print({part.instrument: len(part.notes) for part in again.parts}, "notes in", midi.name)

# %% [markdown]
# The file `helpers/music/splits.csv` assigns each work to training, validation or test. All
# movements of a quartet belong to the same set, and so do all settings of one hymn. Otherwise the
# network could be tested on music that it has already seen ([**data
# leakage**](../docs/glossary.md#data-leakage)), and the result would be too good.

# %%
from helpers.music.splits import KINDS, RANDOM, SPLITS, names

counts = {kind: [len(names(kind, split)) for split in SPLITS] for kind in KINDS}
counts["random piece"] = [len(RANDOM[split]) for split in SPLITS]
pd.DataFrame(counts, SPLITS).T

# %% [markdown]
# ## Performances: tempo, timing and dynamics
#
# When a synthesiser plays exactly what is written, all notes are equally loud and exactly on the
# beat. For each piece we therefore draw a **performance**. It changes the tempo, the delay and the
# length of each note, and the loudness of each player and each note. It also tunes each instrument
# a few cents (hundredths of a semitone) up or down.

# %%
from helpers.music.performances import Performance

performance = Performance.draw(np.random.default_rng(1), len(excerpt.parts))
print(f"tempo {performance.tempo:.2f}, tuning in cents {np.round(performance.tuning, 1)}")
performed = render_score(performance.apply(excerpt), PLAYERS[SEEN], RATE)
listen({"as written": duo.mixture, "performed": performed.mixture}, RATE)

# %% [markdown]
# The relative levels of the stems stay as the soundfont plays them. (`PrettyMIDI.fluidsynth`, a
# common way to render, scales each result to full scale. If you call it once for each stem, the
# balance between the instruments is lost.)
#
# **Quick questions**
#
# *1. Two movements of one quartet, one in training and one in the test: what could go wrong?*
#
# <details><summary>Answer</summary>
#
# Movements of a work share themes, keys and textures. The score on the test would be higher than on
# a work that the network has never met.
# </details>
#
# *2. Why is each instrument tuned a few cents off at random?*
#
# <details><summary>Answer</summary>
#
# Real instruments are never exactly in tune with each other. If all partials of the training data
# coincided exactly, the network would learn a case that does not occur.
# </details>

# %% [markdown]
# ## Reproducible training data
#
# The rendered stems are kept in a [**stem bank**](../docs/glossary.md#stem-bank), a folder with one
# file of samples for each piece. A JSON file beside it says where each stem begins. A *manifest*
# records everything that the samples depend on: settings, checksums of the soundfonts, versions of
# the libraries. Pieces can be rendered in parallel on all cores, and pieces that already exist are
# skipped.

# %%
from helpers.datasets.manifests import manifest
from helpers.datasets.renderings import RenderingConfig, render_random_piece
from helpers.datasets.stem_bank import build_bank

CONFIG = RenderingConfig(
    ("violin", "piano"), soundfonts=(SEEN,), note_samples=0, tones=0, timbre_substitution=0
)
MANIFEST = manifest(CONFIG, None)
FOLDER = output_folder("runs") / "02-bank"


# %%
def build(pieces: list[RandomPiece]) -> float:
    """Render the pieces that the bank lacks; returns the seconds that it took."""
    start = time.perf_counter()
    render = partial(render_random_piece, config=CONFIG, notes_root=None)
    build_bank(FOLDER, pieces, render, CONFIG.sample_rate, workers=1, manifest=MANIFEST)
    return time.perf_counter() - start


# %%
build([RandomPiece(0)])  # loads the soundfont
shutil.rmtree(FOLDER)
pieces = [RandomPiece(number) for number in RANDOM["training"][: 4 if SMOKE else 64]]
seconds = build(pieces)
print(f"{len(pieces)} pieces of two stems of 5 s in {seconds:.1f} s: "
      f"{10 * len(pieces) / seconds:.0f} times real time on one core")  # fmt: skip
print(json.dumps(MANIFEST, indent=2)[:900])

# %% [markdown]
# Delete a piece and render it again: with the same manifest, not one bit differs. If the rendering
# is interrupted, no incomplete piece is left behind, because the JSON file of a piece is written
# last.

# %%
first = FOLDER / f"{pieces[0]}.npy"
before = first.read_bytes()
for path in (first, first.with_suffix(".json")):
    path.unlink()
build(pieces)
print("identical bit for bit:", first.read_bytes() == before)

# %% [markdown]
# On a cluster, the same call runs on all machines: put `build_bank(..., workers=None)` inside
# `joblib.parallel_config(backend="dask")` (or `"ray"`), with a folder that all machines can read
# and write.
#
# ## The test data
#
# Everything below is evaluated on pieces that are not in the training data. There are three tests:
# pieces rendered with a soundfont that is used in training (*seen*), the same pieces rendered with
# one that is not (*unseen*), and a duo played by two people. The first two contain ten random
# pieces of five seconds and ten excerpts of ten seconds from quartets and chorales. The real duo is
# the violin and the piano of the Brahms recording of TRIOS, 43 seconds. It is one recording, so its
# scores describe this duo and no other.
#
# The tables of results come with the course, and so do the rows of the real duo: you see them
# without its recording. A rendered piece is made when it is needed.

# %%
from experiments.rendered import test_pieces
from experiments.studies import Study
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks

DUO = ("violin", "piano")
TESTS = {f"piano-violin-{which}": test_pieces(font, DUO, TRACKS)
         for which, font in (("seen", SEEN), ("unseen", UNSEEN))}  # fmt: skip
if DATA:  # may also hold TRIOS, in a folder `trios`
    trio = next(t for t in find_tracks(DATA / "trios") if "brahms" in t.name.lower()).load()
    stems = {name: trio.stems[name] for name in DUO}
    TESTS["trios-brahms-duo"] = [Track("brahms-duo", trio.sample_rate, stems)]
HALVES = {test: tracks[::2] for test, tracks in TESTS.items()}  # for the comparisons
NOTEBOOK = "02_fluidsynth_rendering"

# %% [markdown]
# ## Does training in stages help?
#
# The first two chapters suggest a plan: first tones, then one soundfont, then several soundfonts
# with effects (reverberation, equalisation, compression and spectral tilt). Each stage starts from
# the weights of the one before. To train from easy data to hard data is called [**curriculum
# learning**](../docs/glossary.md#curriculum-learning) ([Bengio et al.,
# 2009](https://doi.org/10.1145/1553374.1553380)).
#
# A small mask network follows this plan: 240 steps, 80 for each stage. Two control groups spend all
# 240 steps on the last stage. One trains in a single run. The other restarts its schedule of the
# [**learning rate**](../docs/glossary.md#learning-rate) as often as the staged plan does. So we can
# distinguish the effect of the data from the effect of the schedule. Each plan has three seeds (0,
# 1, 2, chosen before), and the two rendered tests use ten of their twenty pieces.

# %%
from experiments.rendered import DRY, real_recipe, rendering, staged

STAGES = {
    "tones": {"rendering": rendering((), tones=1), "mixing": DRY},
    "one soundfont": {"rendering": rendering((SEEN,)), "mixing": DRY},
    "effects": {"rendering": rendering((SEEN, ALSO_SEEN)), "mixing": real_recipe().mixing},
}
PLANS = {
    "in stages": ("tones", "one soundfont", "effects"),
    "last stage, restarted": ("effects", "effects", "effects"),
    "last stage alone": ("effects",),
}

# %% [markdown]
# With `TRAIN` the next cell runs nine trainings of 240 steps. That takes about 15 minutes on two
# cores (2160 steps of 0.35 s, and the rendering) and, as we compute and have not measured, about 4
# minutes on a T4. There, the CPU mixes six examples in each step (12 ms each), and the network
# itself needs about 15 ms. A finished training is not repeated.

# %%
PLANS = dict(list(PLANS.items())[:: 2 if SMOKE else 1])
STAGED = Study("02_stages", NOTEBOOK, HALVES, TRAIN)
STAGED.baselines()
for seed, plan in tqdm(list(product(SEEDS, PLANS)), desc="stages") if TRAIN else ():
    columns = {"train_data": " > ".join(PLANS[plan]), "config": f"{STUDY_STEPS} steps"}
    stages = [STAGES[stage] for stage in PLANS[plan]]
    make = partial(staged, stages, STUDY_STEPS, seed, f"02-stages/{plan}-{seed}")
    STAGED.measure(plan, make, seed=seed, **columns)

# %% [markdown]
# A dot is one seed and a stroke is the mean of the three:

# %%
from experiments.charts import plot_comparison, plot_seeds
from experiments.curves import plot_curves

publish(plot_seeds(STAGED.path, PLANS, STAGED.panels), "02_stages")

# %% tags=["hide-input"]
means = {plan: [STAGED.mean(plan, test) for test in STAGED.panels] for plan in PLANS}
pd.DataFrame(means, STAGED.panels).T.round(1)

# %% [markdown]
# In our run (`Results/02_stages.csv`), training in stages did not help. On the seen soundfont, the
# seeds of one plan differ by up to 1.4 dB, and the means of the plans by only 0.5 dB. On the unseen
# soundfont the staged networks have the lowest mean, but the best of them lies above the worst of a
# control group. On the real duo the seeds overlap too, and it is one recording: it does not rank
# the plans. A possible reason, which we have not tested: the staged networks see the
# varied data of the last stage in only a third of their steps.
#
# The control groups matter. Each stage also restarts the learning rate. Without the control group
# that restarts it too, an effect of the schedule could look like an effect of the stages. All of
# this holds for a small network and 240 steps. Longer trainings may give another result.
#
# **Quick questions**
#
# *1. The plan in stages has 3 x 80 steps, the single run 240. Why would it be unfair to give each
# stage 240 steps?*
#
# <details><summary>Answer</summary>
#
# The staged network would have three times as much training. You could not tell whether the stages
# or the additional steps made the difference.
# </details>
#
# *2. One plan is 1.2 dB better on the real duo, the mean of three seeds. What would you ask before
# you believe it?*
#
# <details><summary>Answer</summary>
#
# How far the seeds of one plan differ, and on how many recordings it was measured. With one
# recording, the difference may belong to this piece alone.
# </details>

# %% [markdown]
# ## Eight methods against overfitting
#
# A network that sees the same minute of music many times can learn that minute by heart. Its
# training loss keeps falling, but its score on new pieces does not rise. This is
# [**overfitting**](../docs/glossary.md#overfitting). The ability to work on new data is
# [**generalisation**](../docs/glossary.md#generalisation), and methods that favour it are called
# [**regularisation**](../docs/glossary.md#regularisation).
#
# Eight methods are compared with a control group (`nothing`). All use the same small network, the
# same minute of music (twelve random pieces, one soundfont) and the same number of steps, with
# three seeds each:
#
# | method | what it changes |
# | --- | --- |
# | dropout | sets random channels to zero during training |
# | weight decay | makes all weights a little smaller in every step |
# | batch, group, layer norm | normalises the activations, see chapter 1 |
# | gain | changes the level of each stem at random (standard deviation 6 dB) |
# | pitch | changes the pitch of each stem at random (standard deviation 60 cents) |
# | remix | combines stems of different pieces |
#
# [**Dropout**](../docs/glossary.md#dropout), [**weight
# decay**](../docs/glossary.md#weight-decay) and
# [**normalisation**](../docs/glossary.md#normalisation) change the network. The last three change
# the data: this is [**data augmentation**](../docs/glossary.md#data-augmentation). *Remix* trains
# with [**random mixes**](../docs/glossary.md#random-mix) instead of [**coherent
# mixes**](../docs/glossary.md#coherent-mix), whose stems belong to one piece.

# %%
from experiments.rendered import SMALL

PLAIN = replace(DRY, coherent=1.0, inactive=0.0, gain=0.0)
CHOICES = {
    "nothing": {},
    "dropout": {"model": SMALL | {"dropout": 0.1}},
    "weight decay": {"weight_decay": 0.5},
    "batch norm": {"model": SMALL | {"normalisation": "batch"}},
    "group norm": {"model": SMALL | {"normalisation": "group"}},
    "layer norm": {"model": SMALL | {"normalisation": "layer"}},
    "gain": {"mixing": replace(PLAIN, gain=6.0)},
    "pitch": {"mixing": replace(PLAIN, detune=60.0)},
    "remix": {"mixing": replace(PLAIN, coherent=0.0)},
}

# %% [markdown]
# With `TRAIN` the next cell runs 27 trainings of 240 steps. That takes about 40 minutes on two
# cores (6480 steps of 0.35 s), about 10 minutes on a T4 (computed as above).

# %%
from experiments.rendered import regularised

CHOICES = dict(list(CHOICES.items())[: 2 if SMOKE else None])
MINUTE = {"max_pieces": 2 if SMOKE else 12, "rendering": rendering((SEEN,)), "mixing": PLAIN}
REGULARISED = Study("02_regularisation", NOTEBOOK, HALVES, TRAIN)
REGULARISED.baselines()
for seed, choice in tqdm(list(product(SEEDS, CHOICES)), desc="methods") if TRAIN else ():
    columns = {"train_data": "twelve random pieces", "config": f"{STUDY_STEPS} steps"}
    run = f"02-regularisation/{choice}-{seed}"
    make = partial(regularised, MINUTE | CHOICES[choice], STUDY_STEPS, seed, run)
    REGULARISED.measure(choice, make, seed=seed, **columns)

# %%
publish(plot_seeds(REGULARISED.path, CHOICES, REGULARISED.panels), "02_regularisation")

# %% tags=["hide-input"]
means = {name: [REGULARISED.mean(name, test) for test in REGULARISED.panels]
         for name in ("mixture", *CHOICES)}  # fmt: skip
METHODS = pd.DataFrame(means, REGULARISED.panels).T
METHODS.round(1)

# %% tags=["hide-input"]
seen, unseen = (METHODS[f"piano-violin-{test}"].drop("mixture") for test in ("seen", "unseen"))
best = seen.nlargest(2)
Markdown(
    f"On new pieces with the seen soundfont ({TRACKS} pieces, seeds {SEEDS}), the best methods are "
    + " and ".join(f"*{name}* ({seen[name] - seen['nothing']:+.1f} dB)" for name in best.index)
    + ". On the unseen soundfont they change the score by "
    + " and ".join(f"{unseen[name] - unseen['nothing']:+.1f} dB" for name in best.index)
    + "."
)

# %% [markdown]
# In our run (`Results/02_regularisation.csv`), augmentation helped most: *remix* and *pitch* are
# better than the control group on both soundfonts with every seed. *Gain* helps on the seen
# soundfont and costs a little on the unseen one.
#
# Of the methods that change the network, weight decay makes no clear difference, and the effect of
# dropout is smaller than the differences between seeds. All three normalisations **lower** the
# score on both soundfonts, with every seed. In chapter 1 normalisation helped, but with other
# networks and with training data that never repeats. So whether a method helps depends on the model
# and the data.
#
# The panel `trios-brahms-duo` shows the limits. In our run, every network of this comparison scores
# *below the unprocessed mixture* on the real duo: each was trained on twelve dry pieces from one
# soundfont. With one recording we cannot rank the methods. In this comparison, none of them
# replaced more varied data.
#
# **Quick questions**
#
# *1. The training loss of `nothing` keeps falling while its score on new pieces stays where it is.
# What does the network learn in these steps?*
#
# <details><summary>Answer</summary>
#
# The twelve pieces themselves: which notes come when. This lowers the training loss and is of no
# use for any other piece.
# </details>
#
# *2. `remix` combines stems that do not belong together. Why can music that makes no musical sense
# be good training data?*
#
# <details><summary>Answer</summary>
#
# Twelve pieces give twelve mixtures, but 12 times 12 random mixes, and the network cannot predict
# one stem from the other. It has to learn how each instrument sounds.
# </details>

# %% [markdown]
# ## Duos, trios and quartets
#
# Now we evaluate two larger networks. They were trained on random pieces and on real music,
# rendered with one soundfont without effects: `violin-piano` and `violin-cello-flute-piano`, both
# with one seed. A third one, `violin-piano-real`, follows below.
#
# Both use a [**logarithmic frequency axis**](../docs/glossary.md#logarithmic-frequency-axis). The
# harmonics of a note lie at $k f_0$, and $\log(k f_0) = \log k + \log f_0$, so a higher note has
# the same pattern of harmonics, only shifted. A convolution needs to learn this pattern once and
# finds it at every pitch:

# %%
from helpers.models.mask_net import MaskNetConfig, log_frequency

sizes = MaskNetConfig(DUO)
analysis = log_frequency(sizes)[0].numpy()  # (log bins, linear bins)
hertz = np.arange(analysis.shape[1]) * sizes.sample_rate / sizes.window
panels = {"linear frequency axis": {}, "logarithmic frequency axis": {}}
for pitch in (220.0, 330.0):
    notes = sum(np.exp(-(((hertz - k * pitch) / 8) ** 2)) / k for k in range(1, 7))
    for panel, bins in zip(panels.values(), (notes[hertz < 2100], analysis @ notes), strict=True):
        panel[f"a note of {pitch:.0f} Hz"] = (range(len(bins)), bins)
plot_curves(panels, xlabel="bin", ylabel="magnitude")

# %% [markdown]
# On the right, the upper note is the lower one moved by $36 \log_2 (330 / 220) = 21$ bins (the axis
# has 36 bins for each octave). On the left, its harmonics lie further apart.
#
# For each source $j$ the network gives a number $z_j$ for each bin. From these numbers a
# [**softmax**](../docs/glossary.md#softmax) computes one mask for each source (notation as in
# chapter 1):
#
# $$M_j[m, k] = \frac{e^{z_j[m, k]}}{\sum_i e^{z_i[m, k]}}, \qquad
# \hat S_j[m, k] = M_j[m, k]\; X[m, k].$$
#
# For example, the numbers 2 and 0 give masks of $e^2 / (e^2 + 1) = 0.88$ and $0.12$. The masks sum
# to one, so the estimates sum to the mixture.
#
# The network for four instruments is not told which of them play: any of them may be inactive. (To
# give a network the list of [**active sources**](../docs/glossary.md#active-source) is called
# [**conditioning**](../docs/glossary.md#conditioning); chapter 4 does so.) The network for violin
# and piano also uses the **phase**. Where two partials fall into one bin, a real mask can only
# divide the bin between them. But the level and the phase of this bin oscillate with the frequency
# difference of the two partials. From this the network computes a [**complex
# mask**](../docs/glossary.md#complex-mask) ([Williamson et al.,
# 2016](https://doi.org/10.1109/TASLP.2015.2512042)), which can change the phase of a bin, too. In
# the example of chapter 1, $S_1 = 3$ and $S_2 = i$, the complex mask $3 / (3 + i) = 0.9 - 0.3 i$
# gives exactly $3$, which no real mask can.

# %%
from helpers.training.checkpoints import load_model

NAMES = ("violin-piano", "violin-cello-flute-piano", "violin-piano-real")
SHIPPED = {name: load_model(name).card["provenance"] for name in NAMES}
pd.DataFrame(
    {
        "steps": card["recipe"]["training"]["steps"],
        "minutes": round(card["seconds"] / 60),
        "validation SI-SDR (dB)": round(card["val_si_sdr"], 1),
    }
    for card in SHIPPED.values()
).set_axis(NAMES)

# %% tags=["hide-input"]
minutes = sum(card["seconds"] for card in SHIPPED.values()) / 60
Markdown(
    f"**What training takes.** The cards record {minutes:.0f} minutes for the three networks on "
    "two cores, of which one trains and the other mixes the examples. For a T4 we compute, and "
    "have not measured, about 5 minutes: 1600 steps of 0.08 s (180 GFLOP at 2.4 TFLOP/s), 1200 of "
    "0.07 s and 600 of 0.13 s (limited by the mixing on the CPU). The rendering of all scores, a "
    "few minutes, comes before it. With `TRAIN` off, the networks are loaded at once."
)


# %%
from experiments.rendered import tiny
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import train


def trained_here(name: str):
    """The network of a recipe: trained, or its training resumed, and saved as a checkpoint."""
    recipe, folder = read_recipe(ROOT / "recipes" / f"{name}.toml"), output_folder("Checkpoints")
    weights = train(tiny(recipe) if SMOKE else recipe, output_folder("runs") / name)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (weights, weights.with_suffix(".json")):
        shutil.copy(file, folder)
    return load_model(folder / name)


# %%
NETWORKS = {name: trained_here(name) if TRAIN else load_model(name) for name in NAMES}
cards = {name: NETWORKS[name].card["provenance"] for name in NAMES[:2]}
curves = {name: tuple(zip(*card["validation"], strict=True)) for name, card in cards.items()}
labels = {"xlabel": "training step", "ylabel": "validation SI-SDR (dB)"}
publish(plot_curves({"": curves}, **labels), "02_training")

# %% [markdown]
# The curves are those that the cards record. They are flat at their ends because the learning rate
# decays to zero; longer training may still improve the networks.

# %%
ENSEMBLES = {"piano-violin": DUO, "trio": ("violin", "cello", "piano")}
ENSEMBLES["quartet"] = ("violin", "cello", "flute", "piano")
FONTS = {"seen": SEEN, "unseen": UNSEEN}
PIECES = {
    f"{ensemble}-{seen}": test_pieces(font, players, TRACKS)
    for (ensemble, players), (seen, font) in product(ENSEMBLES.items(), FONTS.items())
}
STUDY = Study("02_fluidsynth", NOTEBOOK, PIECES, TRAIN)
STUDY.baselines()

# %%
from experiments.studies import overview
from helpers.evaluation.evaluate import model_separator

PLAYED_BY = {"violin-piano": ("piano-violin",), "violin-cello-flute-piano": tuple(ENSEMBLES)}
for name, ensembles in PLAYED_BY.items():
    model = NETWORKS[name]
    tests = [f"{ensemble}-{seen}" for ensemble, seen in product(ensembles, FONTS)]
    columns = {"train_data": name, "checkpoint_sha256": model.card["sha256"]}
    STUDY.measure(name, partial(model_separator, model), tests, model.sources, **columns)
overview(STUDY.path)

# %% [markdown]
# Can you trust the table? Measure the first piece of two tests here, and compare:

# %%
SEPARATOR = model_separator(NETWORKS["violin-piano"])
pd.concat({test: STUDY.check({"violin-piano": SEPARATOR}, test) for test in list(PIECES)[:2]})

# %%
from helpers.evaluation.results import read_table

rows = read_table(STUDY.path).query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="test_data"), "02_fluidsynth")

# %% tags=["hide-input"]
seen = {name: STUDY.mean(name, "piano-violin-seen") for name in ("violin-piano", "oracle-irm")}
unseen = {name: STUDY.mean(name, "piano-violin-unseen") for name in seen}
four = [STUDY.mean("violin-cello-flute-piano", f"{name}-seen") for name in ENSEMBLES]
floor = [STUDY.mean("mixture", f"{name}-seen") for name in ENSEMBLES]
Markdown(
    f"The network for violin and piano reaches {seen['violin-piano']:.1f} dB on unknown pieces "
    f"with the seen soundfont ({2 * TRACKS} pieces, one seed); the ratio mask reaches "
    f"{seen['oracle-irm']:.1f} dB. The network for four instruments reaches {four[0]:.1f} dB on "
    f"duos, {four[1]:.1f} dB on trios and {four[2]:.1f} dB on quartets, where the mixture scores "
    f"{floor[0]:.1f}, {floor[1]:.1f} and {floor[2]:.1f} dB. With the unseen soundfont, the duo "
    f"falls from {seen['violin-piano']:.1f} to {unseen['violin-piano']:.1f} dB and the ratio mask "
    f"only from {seen['oracle-irm']:.1f} to {unseen['oracle-irm']:.1f} dB."
)

# %% [markdown]
# In our run, a real mask could hardly do much better than the network for violin and piano with the
# seen soundfont. An earlier student project reports 20 to 30 dB for rendered pieces, but without a
# table, so the numbers cannot be compared.
#
# With the unseen soundfont **most of the improvement is lost**, and the violin of the duo scores
# slightly below the mixture. The ratio mask hardly changes, so the test pieces themselves are not
# much harder. Much of what the networks have learned is specific to one soundfont. This is the
# domain gap.

# %% tags=["sample"]
test_piece = PIECES["piano-violin-seen"][0]
StemPlayer(SEPARATOR(test_piece), references=test_piece)

# %% [markdown]
# ### Two instruments at the same pitch
#
# The next test has a known answer: the piano plays an A, and one second later the violin plays the
# same A. All partials of one note coincide with partials of the other. What does the network do?

# %%
from helpers.music.scores import Score

PITCH = 69
parts = {"violin": (Note(1.0, 2.0, PITCH),), "piano": (Note(0.0, 3.0, PITCH),)}
score = Score("unison", tuple(Part(name, notes) for name, notes in parts.items()))
unison = render_score(score, PLAYERS[SEEN], RATE)
estimates = SEPARATOR(unison)

# %%
from experiments.rendered import level

levels = {
    name: {"reference": level(unison.stems[name]), "estimate": level(estimates[name])}
    for name in DUO
}
labels = {"xlabel": "time (s)", "ylabel": "level (dBFS)"}
publish(plot_curves(levels, **labels, ylim=(-85, -15)), "02_unison")

# %% tags=["hide-input"]
at = {name: {kind: values[1][25] for kind, values in pair.items()} for name, pair in levels.items()}
piano, violin = at["piano"], at["violin"]
Markdown(
    f"A quarter of a second after the violin's entry, the piano is "
    f"{violin['reference'] - piano['reference']:.0f} dB below the violin. The estimate of the "
    f"piano is {piano['reference'] - piano['estimate']:.0f} dB below its true level, and that of "
    f"the violin differs from its true level by "
    f"{abs(violin['reference'] - violin['estimate']):.1f} dB."
)

# %% [markdown]
# From the entry of the violin on, the network assigns almost everything to the violin, in our run.
# The SI-SDR of the whole example would not show this error clearly, because most of the piano's
# energy is in the first second. A listener knows that a piano note goes on after its attack. Here,
# the network seems to follow the louder source.
#
# **Quick questions**
#
# *1. A network scores 17 dB with the soundfont of its training and 2 dB with another. Is it a good
# separator of violin and piano?*
#
# <details><summary>Answer</summary>
#
# It is a good separator of these two sets of recorded notes. A test with the soundfont of the
# training alone would never have shown the difference.
# </details>
#
# *2. Why does the SI-SDR of a whole note hide an error in its decay?*
#
# <details><summary>Answer</summary>
#
# It compares energies over the whole signal. The attack of the piano has most of the energy, so the
# quiet rest hardly counts, although you hear it.
# </details>

# %% [markdown]
# ## Which training data helps on the real duo?
#
# An [**ablation**](../docs/glossary.md#ablation) measures what each part of a system contributes.
# Here, the network is trained four times with the same number of training steps. Each **ablation
# step** adds one ingredient to the one before:
#
# 1. one soundfont;
# 2. three soundfonts;
# 3. effects that change the timbre, the room and the dynamics of each stem;
# 4. recorded solos of other players, used in random mixes. (This recipe uses no note samples. If
#    you train without `DIVISI_DATA`, there are no solos, and the last step repeats the third.)
#
# Each step has two seeds. The recording that is tested is in none of the training data.
#
# With `TRAIN` the cell after the next one runs eight trainings of 240 steps. That takes about 25
# minutes on two cores (1920 steps of 0.72 s, as the card of `violin-piano-real` records them, and
# the rendering). For a T4 we compute about 5 minutes (mixing with effects takes 0.13 s a step).

# %%
from experiments.rendered import ablation_step

ABLATION = {
    "one soundfont": {"rendering": rendering((SEEN,)), "mixing": DRY, "use_solos": False},
    "several soundfonts": {"mixing": DRY, "use_solos": False},
    "effects": {"use_solos": False},
    "recorded solos": {},
}
ABLATION = dict(list(ABLATION.items())[: 1 if SMOKE else None])
# The unseen soundfont is in the training data from step 2 on.
KNOWN = {test: tracks for test, tracks in HALVES.items() if test != "piano-violin-unseen"}
DUO_STUDY = Study("02_real_duo", NOTEBOOK, KNOWN, TRAIN)
DUO_STUDY.baselines()

# %%
for seed, step in tqdm(list(product(ABLATION_SEEDS, ABLATION)), desc="steps") if TRAIN else ():
    columns = {"train_data": step, "config": f"{ABLATION_STEPS} steps"}
    run = f"02-ablation/{step}-{seed}"
    make = partial(ablation_step, ABLATION[step], ABLATION_STEPS, seed, run)
    DUO_STUDY.measure(step, make, seed=seed, **columns)
publish(plot_seeds(DUO_STUDY.path, ABLATION, DUO_STUDY.panels), "02_real_duo")

# %% [markdown]
# The table shows each instrument of the real duo. [**SI-SIR**](../docs/glossary.md#si-sir) counts
# only the other instrument as an error, and [**SI-SAR**](../docs/glossary.md#si-sar) only what
# belongs to neither instrument; chapter 3 explains them.

# %%
from experiments.studies import by_instrument

by_instrument(DUO_STUDY.path, DUO_STUDY.panels[-1])

# %% tags=["hide-input"]
real = DUO_STUDY.panels[-1]
found = ", ".join(f"{step} {DUO_STUDY.mean(step, real):.1f} dB" for step in ABLATION)
Markdown(
    f"Mean of violin and piano on `{real}`: {found}; the mixture "
    f"{round(DUO_STUDY.mean('mixture', real), 1) + 0.0} dB ({len(ABLATION_SEEDS)} seeds, one "
    "recording)."
)

# %% [markdown]
# In our run (`Results/02_real_duo.csv`), almost all of the improvement comes from the second step.
# With one soundfont the network has the highest score of the four on that soundfont, but on the
# real duo its estimates score below the mixture. With two more soundfonts, the same scores and the
# same number of steps, the real duo is separated, with both seeds.
#
# Effects and recorded solos change the score of the real duo too little for two seeds on one
# recording to show an effect. On the rendered pieces the scores become lower, probably because the
# training task becomes harder. With more than 240 steps the result may be different.
#
# ## Where does the network fail?
#
# The checkpoint `violin-piano-real` was trained for 600 steps with all ingredients. With the
# recording, you can listen to its estimates of the real duo. The figure shows twelve seconds of the
# violin: the true stem, the estimate and the error.

# %%
from IPython.display import display

model = NETWORKS["violin-piano-real"]
steps = model.card["provenance"]["recipe"]["training"]["steps"]
columns = {"train_data": model.card["provenance"]["recipe"]["name"], "config": f"{steps} steps"}
DUO_STUDY.measure("violin-piano-real", partial(model_separator, model), **columns)
if DATA:
    brahms = TESTS["trios-brahms-duo"][0]
    estimates = model_separator(model)(brahms)
    display(StemPlayer(estimates, references=brahms))

# %%
if DATA:
    violin, estimate = brahms.stems["violin"], estimates["violin"]
    SIGNALS = {"violin": violin, "violin, estimate": estimate, "error": estimate - violin}
    figure = plot_spectrograms(SIGNALS, brahms.sample_rate, mixture=False, span=(10, 22))
display(publish(figure, "02_error") if DATA else published("02_error"))

# %%
if DATA:
    stems = {"piano": brahms.stems["piano"], **SIGNALS}
    centres = [177 * 2**octave for octave in range(6)]  # of the octaves from 125 Hz on
    bands = {name: (centres, octaves(stem, 125.0, 6)) for name, stem in stems.items()}
    labels = {"xlabel": "frequency (Hz)", "ylabel": "dB relative to the whole"}
    figure = plot_curves({"Levels of the octave bands": bands}, **labels, xscale="log")
display(publish(figure, "02_error_bands") if DATA else published("02_error_bands"))

# %% tags=["hide-input"]
gains = ", ".join(
    f"the {name} from {DUO_STUDY.mean('mixture', real, name):.1f} to "
    f"{DUO_STUDY.mean('violin-piano-real', real, name):.1f} dB"
    for name in DUO
)
improvement = DUO_STUDY.mean("violin-piano-real", real) - DUO_STUDY.mean("mixture", real)
Markdown(
    f"On `{real}` the network improves {gains}. That is {improvement:.1f} dB more than the mixture "
    "on average (one network, one recording, which was not in the training data)."
)

# %% [markdown]
# On our recording, more than half of the error's energy is between 250 and 500 Hz, where the violin
# has a sixth of its energy and the piano about half. The spectrogram shows when it happens. The
# estimate of the violin contains short, low notes of the piano, even while the violin rests (from
# 14 to 16 s). A violin could play these notes, so their pitch does not show that the piano plays
# them. The network would have to recognise the piano by its timbre and its decay.
#
# **Quick questions**
#
# *1. The ablation adds ingredients in one order. Could another order give another result?*
#
# <details><summary>Answer</summary>
#
# Yes. What an ingredient adds depends on what is there already: effects alone, on one soundfont,
# might help much more than after three soundfonts.
# </details>
#
# *2. Why is the shipped network not compared with the steps of the ablation?*
#
# <details><summary>Answer</summary>
#
# It was trained for 600 steps and they for 240. A difference could come from the longer training.
# </details>

# %% [markdown]
# ## Recap
#
# - **Soundfonts.** A soundfont repeats a few recorded notes. A recorded player has other attacks,
#   more noise and no exact repetitions. Soundfonts also differ from each other.
# - **Rendering.** Scores, performances and renderers give as much training data as you want, many
#   times faster than real time. A stem bank with a manifest makes the same files again, bit for
#   bit, also after an interruption.
# - **Stages.** In our run, training in stages did not help. Only the control group with the same
#   learning-rate schedule allowed a fair comparison.
# - **Overfitting.** In our run, random mixes and pitch changes helped on both soundfonts with every
#   seed, and normalisation lowered the scores with every seed. None of the eight methods made one
#   minute of music enough for the real duo.
# - **Duos to quartets.** With the seen soundfont, the network for violin and piano comes close to
#   the oracle ratio mask. The network for four instruments stays further below it. With an unseen
#   soundfont, both lose most of their improvement (one training each).
# - **Real duo.** On our recording, a second and a third soundfont gave most of the improvement (two
#   seeds). The error that remains is mainly piano in the low register of the violin.
#
# ### What to try next
#
# `divisi render bwv269 --renderer fluidsynth` writes the stems of a chorale, and `divisi train`
# accepts any recipe of `recipes/`. Add a soundfont of your own to the list in
# `recipes/violin-piano-real.toml` and train again. The next chapters work with a real quartet.
#
# ### Exercises
#
# The [exercises](exercises/02_fluidsynth_rendering.ipynb) have cells for your code, and the
# [solutions](solutions/02_fluidsynth_rendering.ipynb) explain their answers.
#
# 1. Does it matter that the test pieces are *performed*? Evaluate the network on the same pieces
#    exactly as they are written.
# 2. Detune the violin of the test pieces by 15 and by 50 cents. Predict the result first.
# 3. Let the violin double the highest notes of the piano throughout. What happens to the scores of
#    the oracle and of the network, and why does the network lose more?
# 4. What makes a soundfont foreign? Change the unseen soundfont, or the network's input, until the
#    network scores better. (Open: find your own way.)

# %% [markdown]
# ### References
#
# - Y. Bengio, J. Louradour, R. Collobert and J. Weston, "Curriculum learning", ICML 2009,
#   [doi 10.1145/1553374.1553380](https://doi.org/10.1145/1553374.1553380).
# - R. M. Bittner, B. McFee, J. Salamon, P. Li and J. P. Bello, "Deep salience representations for
#   F0 estimation in polyphonic music", ISMIR 2017 (harmonics on a logarithmic frequency axis).
# - M. S. Cuthbert and C. Ariza, "music21: a toolkit for computer-aided musicology and symbolic
#   music data", ISMIR 2010, [music21.org](https://www.music21.org).
# - [FluidSynth](https://www.fluidsynth.org), a synthesiser for soundfonts.
# - J. Fritsch and M. D. Plumbley, "Score informed audio source separation using constrained
#   nonnegative matrix factorization and score synthesis", ICASSP 2013 (TRIOS).
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - C. Raffel and D. P. W. Ellis, "Intuitive analysis, creation and manipulation of MIDI data with
#   pretty_midi", ISMIR 2014 late-breaking demo.
# - N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple
#   way to prevent neural networks from overfitting", JMLR 2014.
# - S. Uhlich et al., "Improving music source separation based on deep neural networks through data
#   augmentation and network blending", ICASSP 2017 (random mixes, a recurrent network).
# - D. S. Williamson, Y. Wang and D. Wang, "Complex ratio masking for monaural speech separation",
#   IEEE/ACM TASLP 2016,
#   [doi 10.1109/TASLP.2015.2512042](https://doi.org/10.1109/TASLP.2015.2512042).
