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
# *From a score to sound.* Recordings with separate stems are rare, but a synthesiser can render
# thousands of pieces and keep every stem. This chapter builds such training data, trains on it, and
# measures how far the result carries: to a soundfont that was not used in training, and to a real
# violin and a real piano.
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
#
# The trained networks and all tables of results come with the course, so you do not need a GPU.
# With one, you can delete a network from `Checkpoints/` or a table from `Results/`, and the same
# cells compute it again. You can stop the notebook at any time; when you run a cell again, its work
# continues from the last saved state.

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
from IPython.display import display
from tqdm.auto import tqdm

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. In the `smoke` profile, which the tests use, all of
# them are tiny and every result is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
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
# A **soundfont** is a file of recorded single notes with rules for playing them: which recording
# serves which key, where it loops while the key is held, how it fades afterwards. FluidSynth is a
# **synthesiser** that follows these rules. Here is one melody with three soundfonts:

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
# plays the same melody. This sound is also made of **note samples** (recorded single notes), but
# with several recordings for each note. They are joined in the order of the melody.

# %%
from helpers.synthesis.sampler import Sampler

if DATA:
    PLAYERS["recorded notes"] = Sampler(DATA / "philharmonia_notes")
else:
    print("DIVISI_DATA is not set: the recorded flute is left out.")
played = {name: player.render(tune, RATE) for name, player in PLAYERS.items()}
max_samples = max(stem.shape[1] for stem in played.values())
played = {
    name: np.pad(0.05 * stem / stem.std(), ((0, 0), (0, max_samples - stem.shape[1])))
    for name, stem in played.items()
}

# %%
from helpers.display.players import StemPlayer

StemPlayer(played, RATE)

# %%
from helpers.display.figures import publish
from helpers.display.plots import plot_spectrograms, plot_stems

publish(plot_spectrograms(played, RATE, mixture=False, limit=12_000), "02_soundfonts")

# %% [markdown]
# In a soundfont a note keeps its level until it ends, and when the note is repeated, the same
# recording is played again, including its noise. The first two soundfonts even share recordings:
# look at the weak line below the melody at 1.5 s. MuseScore_General descends from FluidR3, so a
# network that is trained with both has heard less than two independent soundfonts. In the recorded
# notes you see slower attacks, gaps between the notes, differences between repetitions of a note,
# and more noise, probably mainly breath.
#
# How large are the differences? We compare the spectrum of the whole melody in octave bands. With
# the Fourier transform $S[k]$ of the stem, the level of a band $B$ relative to the whole is
#
# $$L_B = 10 \log_{10} \frac{\sum_{k \in B} |S[k]|^2}{\sum_k |S[k]|^2}\ \text{dB}.$$


# %%
def octaves(stem: np.ndarray, lowest: float = 500.0, count: int = 5) -> list[float]:
    """The level of each octave from `lowest` Hz on, dB relative to the whole."""
    power = np.abs(np.fft.rfft(stem[0])) ** 2
    hertz = np.fft.rfftfreq(stem.shape[1], 1 / RATE)
    starts = lowest * 2.0 ** np.arange(count)
    shares = [power[(start <= hertz) & (hertz < 2 * start)].sum() for start in starts]
    return [float(10 * np.log10(share / power.sum())) for share in shares]


spectra = {name: octaves(stem) for name, stem in played.items()}
pd.DataFrame(spectra, ["0.5-1 kHz", "1-2 kHz", "2-4 kHz", "4-8 kHz", "8-16 kHz"]).round(1)

# %% [markdown]
# With our data, the recording has 6 to 9 dB more energy above 8 kHz than the soundfonts, probably
# most of it breath noise. The soundfonts also differ from each other, by 3.5 dB in the second
# octave (1-2 kHz). Each of them is one flute, one player and one microphone. A difference between
# the training data and the data on which a model is used is called a **domain gap**. This chapter
# measures it.
#
# ## Scores: random pieces and real music
#
# The training data comes from two kinds of scores. **Random pieces** are generated, so you can have
# as many as you like. They are five seconds long and each instrument plays in its own range. All
# parts share one key and one tempo, so they meet in octaves and fifths as parts of real music do.

# %%
from helpers.music.random_pieces import RandomPiece
from helpers.synthesis.renderer import render_score

piece = RandomPiece(0).score(("violin", "cello", "flute", "piano"))
quartet = render_score(piece, FluidSynth(find_soundfont(SEEN)), RATE)
StemPlayer(quartet)

# %%
plot_stems(quartet)

# %% [markdown]
# **Real music** has phrases, cadences and voices that imitate each other, which random pieces lack.
# The corpus of the Python package music21 contains Bach's chorales, string quartets from Haydn to
# Schumann and some piano music. We arrange these works for the instruments at hand: the violin gets
# the line that suits its range best, and the piano gets the remaining lines.

# %%
from helpers.music.arrangements import Excerpt, arrangement

ten_seconds = Excerpt("haydn/opus74no1/movement2", 0.0, 10.0)
excerpt = arrangement(ten_seconds, ("violin", "piano"))
duo = render_score(excerpt, FluidSynth(find_soundfont(SEEN)), RATE)
StemPlayer(duo)

# %% [markdown]
# The file `helpers/music/splits.csv` assigns each work to training, validation or test. All
# movements of a quartet belong to the same set, and so do all settings of one hymn. Otherwise the
# network could be tested on music that it has already seen (**data leakage**), and the result would
# be too good.

# %%
from helpers.music.splits import KINDS, RANDOM, SPLITS, names

counts = {kind: [len(names(kind, split)) for split in SPLITS] for kind in KINDS}
counts["random piece"] = [len(RANDOM[split]) for split in SPLITS]
pd.DataFrame(counts, SPLITS).T

# %% [markdown]
# ## Performances: tempo, timing and dynamics
#
# When a synthesiser plays exactly what is written, all notes are equally loud and exactly on the
# beat. For each piece we therefore draw a **performance**: the tempo, the delay of each note, how
# long it is held, the loudness of each player and each note, and the tuning of each instrument in
# cents (hundredths of a semitone).

# %%
from helpers.music.performances import Performance

performance = Performance.draw(np.random.default_rng(1), len(excerpt.parts))
print(f"tempo {performance.tempo:.2f}, tuning in cents {np.round(performance.tuning, 1)}")
StemPlayer(render_score(performance.apply(excerpt), FluidSynth(find_soundfont(SEEN)), RATE))

# %% [markdown]
# The relative levels of the stems stay as the soundfont plays them. (`PrettyMIDI.fluidsynth`, a
# common way to render, scales each result to full scale. If you call it once for each stem, the
# balance between the instruments is lost.)
#
# ## Reproducible training data
#
# The rendered stems are kept in a **stem bank**, a folder with one file of samples for each piece.
# A JSON file beside it says where each stem begins. A *manifest* records everything that the
# samples depend on: settings, checksums of the soundfonts, versions of the libraries. Pieces can be
# rendered in parallel on all cores, and pieces that already exist are skipped.

# %%
from helpers.datasets.manifests import manifest
from helpers.datasets.renderings import RenderingConfig, render_random_piece
from helpers.datasets.stem_bank import build_bank
from helpers.evaluation.results import output_folder

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
# Everything below is evaluated on pieces that are not in the training data, in three versions:
# rendered with a soundfont that is used in training (*seen*), rendered with one that is not
# (*unseen*), and played by two people. The first two contain ten random pieces of five seconds and
# ten excerpts of ten seconds from quartets and chorales. The real duo is the violin and the piano
# of the Brahms recording of TRIOS, 43 seconds. It is one recording, so its scores describe this duo
# and no other.

# %%
from helpers.audio.track import Track
from helpers.music.arrangements import excerpts


def play(font: str, ensemble: tuple[str, ...], count: int = TRACKS) -> list[Track]:
    """Random pieces, and as many excerpts of quartets and chorales, of the test split."""
    works = [*names("quartet", "test"), *names("chorale", "test")[:2]][:count]
    scores = [RandomPiece(number).score(ensemble) for number in RANDOM["test"][:count]]
    if not SMOKE:
        scores += [arrangement(excerpts(work, 10.0)[0], ensemble) for work in works]
    tracks = []
    for number, score in enumerate(scores):
        performed = Performance.draw(np.random.default_rng(number), len(ensemble)).apply(score)
        tracks.append(render_score(performed, FluidSynth(find_soundfont(font)), RATE))
    return tracks


# %%
from helpers.datasets.stem_folders import find_tracks

DUO = ("violin", "piano")
TESTS = {"piano-violin-seen": play(SEEN, DUO), "piano-violin-unseen": play(UNSEEN, DUO)}
if DATA:  # may also hold TRIOS, in a folder `trios`
    trio = next(t for t in find_tracks(DATA / "trios") if "brahms" in t.name.lower()).load()
    stems = {name: trio.stems[name] for name in DUO}
    TESTS["trios-brahms-duo"] = [Track("brahms-duo", trio.sample_rate, stems)]
else:
    print("DIVISI_DATA is not set: the real duo is left out.")


# %%
from experiments.studies import Study


def study(table: str, without: str = "") -> Study:
    """A table of systems, evaluated on half of the tracks of each test."""
    halves = {test: tracks[::2] for test, tracks in TESTS.items() if test != without}
    return Study(table, "02_fluidsynth_rendering", halves)


# %% [markdown]
# ## Does training in stages help?
#
# The first two chapters suggest a plan: first tones, then one soundfont, then several soundfonts
# with effects (reverberation, equalisation, compression and spectral tilt). Each stage starts from
# the weights of the one before. To train from easy data to hard data is called **curriculum
# learning** ([Bengio et al., 2009](https://doi.org/10.1145/1553374.1553380)).
#
# A small mask network follows this plan. Two control groups spend the same number of steps on the
# last stage only. One trains in a single run. The other restarts its **learning-rate schedule** as
# often as the staged plan does, so that we can tell the effect of the data from the effect of the
# schedule. Each plan has three seeds, and the two rendered tests use ten of their twenty pieces.

# %%
from helpers.datasets.mixing import MixingConfig
from helpers.recipes.schema import read_recipe

REAL = read_recipe(ROOT / "recipes" / "violin-piano-real.toml")
SMALL = {"width": 16, "pitch_channels": 8, "hidden": 192, "resolution": 24}
DRY = MixingConfig(
    coherent=0.6, inactive=0.02, gain=5.0, tilt=(0.0, 0.0), equaliser=0.0, detune=0.0, reverb=0.0,
    compression=0.0,
)  # fmt: skip

# %%
TRAINING = replace(
    REAL.training, steps=STUDY_STEPS, batch_size=6, warmup_steps=20, ema_decay=0.98,
    validate_every=STUDY_STEPS, checkpoint_every=STUDY_STEPS, workers=0,
)  # fmt: skip
RECIPE = replace(
    REAL,
    name="02-study", scores=("random",), use_solos=False, model=SMALL, export={},
    segment_seconds=3.0, validation_examples=8, max_pieces=4 if SMOKE else 0, training=TRAINING,
)  # fmt: skip


# %%
def rendering(soundfonts: tuple[str, ...], tones: int = 0) -> RenderingConfig:
    """The training data with these renderers."""
    return replace(REAL.rendering, soundfonts=soundfonts, tones=tones)


STAGES = {
    "tones": {"rendering": rendering((), tones=1), "mixing": DRY},
    "one soundfont": {"rendering": rendering((SEEN,)), "mixing": DRY},
    "effects": {"rendering": rendering((SEEN, ALSO_SEEN)), "mixing": REAL.mixing},
}
PLANS = {
    "in stages": ("tones", "one soundfont", "effects"),
    "last stage, restarted": ("effects", "effects", "effects"),
    "last stage alone": ("effects",),
}

# %%
from helpers.evaluation.evaluate import model_separator
from helpers.recipes.train import train
from helpers.training.checkpoints import available_models, load_model


def trained(recipe, run: str):
    """The separator that a recipe gives, trained in runs/RUN, and the path of its weights."""
    weights = train(recipe, output_folder("runs") / run.replace(" ", "-"), progress=False)
    return model_separator(load_model(weights)), str(weights)


# %%
def staged(plan: str, seed: int):
    """The small network after all stages of a plan; all plans have STUDY_STEPS steps in all."""
    stages, start = PLANS[plan], ""
    for place, stage in enumerate(stages):
        steps = STUDY_STEPS // len(stages)
        training = replace(TRAINING, steps=steps, seed=10 * seed + place)
        recipe = replace(RECIPE, training=training, start_from=start, **STAGES[stage])
        separator, start = trained(recipe, f"02-stages/{plan}-{seed}-{place}")
    return separator


# %%
STAGED = study("02_stages")
STAGED.baselines()
for seed, plan in tqdm(list(product(SEEDS, PLANS)), desc="stages"):
    columns = {"train_data": " > ".join(PLANS[plan]), "config": f"{STUDY_STEPS} steps"}
    STAGED.measure(plan, partial(staged, plan, seed), seed=seed, **columns)

# %% [markdown]
# A dot is one seed and a stroke is the mean of the three:

# %%
from experiments.charts import plot_comparison, plot_seeds
from experiments.curves import plot_curves

publish(plot_seeds(STAGED.path, PLANS, TESTS), "02_stages")

# %% [markdown]
# In our run (`Results/02_stages.csv`), training in stages did not help. On the seen soundfont, the
# seeds of one plan differ by up to 1.4 dB, but the means of the plans by only 0.5 dB. On the unseen
# soundfont the staged networks have the lowest mean, by 0.8 dB or more. On the real duo they have
# the lowest mean too, but there the seeds of the plans overlap, and it is one recording. A possible
# reason, which we have not tested: the staged networks see the varied data of the last stage in
# only a third of their steps.
#
# The control groups matter. On the real duo, the plan with restarts has the highest mean, although
# it uses the same data as the single run. Without it, an effect of the schedule could look like an
# effect of the curriculum. All of this holds for a small network and 240 steps. Longer trainings
# may give another result.
#
# ## Eight methods against overfitting
#
# A network that sees the same minute of music many times can learn that minute by heart: the
# training loss falls, but the score on new pieces does not rise. This is **overfitting**. The
# ability to work on new data is **generalisation**, and methods that favour it are called
# **regularisation**.
#
# Eight methods are compared with a control group (`nothing`). All use the same small network, the
# same minute of music (twelve random pieces, one soundfont) and the same number of steps, with
# three seeds each:
#
# | method | what it changes |
# | --- | --- |
# | **dropout** | sets random channels to zero during training |
# | **weight decay** | makes all weights a little smaller in every step |
# | batch, group, layer **normalisation** | scales the activations, see chapter 1 |
# | gain | changes the level of each stem at random (standard deviation 6 dB) |
# | pitch | changes the pitch of each stem at random (standard deviation 60 cents) |
# | remix | **random mixes**: combines stems of different pieces instead of **coherent mixes** |
#
# The last three change the data instead of the network. This is **data augmentation**.

# %%
PLAIN = replace(DRY, coherent=1.0, inactive=0.0, gain=0.0)
CHOICES = {
    "nothing": {},
    "dropout": {"model": SMALL | {"dropout": 0.1}},
    "weight decay": {"training": {"weight_decay": 0.5}},
    "batch norm": {"model": SMALL | {"normalisation": "batch"}},
    "group norm": {"model": SMALL | {"normalisation": "group"}},
    "layer norm": {"model": SMALL | {"normalisation": "layer"}},
    "gain": {"mixing": replace(PLAIN, gain=6.0)},
    "pitch": {"mixing": replace(PLAIN, detune=60.0)},
    "remix": {"mixing": replace(PLAIN, coherent=0.0)},
}
CHOICES = dict(list(CHOICES.items())[: 2 if SMOKE else None])


# %%
def regularised(choice: str, seed: int):
    """The small network after STUDY_STEPS steps on one minute of music."""
    change = dict(CHOICES[choice])
    training = replace(TRAINING, seed=seed, **change.pop("training", {}))
    data = {"max_pieces": 2 if SMOKE else 12, "rendering": rendering((SEEN,)), "mixing": PLAIN}
    recipe = replace(RECIPE, training=training, **{**data, **change})
    return trained(recipe, f"02-regularisation/{choice}-{seed}")[0]


# %%
REGULARISED = study("02_regularisation")
REGULARISED.baselines()
for seed, choice in tqdm(list(product(SEEDS, CHOICES)), desc="regularisation"):
    columns = {"train_data": "twelve random pieces", "config": f"{STUDY_STEPS} steps"}
    REGULARISED.measure(choice, partial(regularised, choice, seed), seed=seed, **columns)

# %%
publish(plot_seeds(REGULARISED.path, CHOICES, TESTS), "02_regularisation")

# %% [markdown]
# In our run (`Results/02_regularisation.csv`, ten pieces for each rendered test), augmentation
# helped most. On new pieces with the seen soundfont, *remix* gains 2.6 dB and *pitch* 2.2 dB on
# average, each with every seed. On the unseen soundfont more than half of this gain is left. *Gain*
# helps on the seen soundfont and costs a little on the unseen one.
#
# Of the methods that change the network, weight decay makes no clear difference, and the effect of
# dropout is smaller than the differences between seeds. All three normalisations **lower** the
# score: by 0.7 to 0.9 dB on the seen soundfont, and to about half of the control group's score on
# the unseen one, with every seed. In chapter 1 normalisation helped, but with other networks and
# with training data that never repeats. A recommendation depends on the model and the data.
#
# The third panel shows the limits. On the real duo every network of this comparison scores *below
# the unprocessed mixture*: each was trained on twelve dry pieces from one soundfont. Those with
# dropout, batch or group normalisation are a little closer to it, but this rests on one recording.
# None of the eight methods replaces more varied data.

# %% [markdown]
# ## Duos, trios and quartets
#
# Now we evaluate two larger networks. They were trained on random pieces and on real music,
# rendered with one soundfont without effects: `violin-piano` (64 minutes on one core) and
# `violin-cello-flute-piano` (22 minutes), both with one seed.
#
# Both use a **logarithmic frequency axis**. The harmonics of a note lie at $k f_0$, and
# $\log(k f_0) = \log k + \log f_0$, so a higher note has the same pattern of harmonics, only
# shifted. A convolution needs to learn this pattern once and finds it at every pitch. From the
# network's outputs $z_i$ a **softmax** computes one mask for each source (notation as in chapter
# 1):
#
# $$M_i[m, k] = \frac{e^{z_i[m, k]}}{\sum_j e^{z_j[m, k]}}, \qquad
# \hat S_i[m, k] = M_i[m, k]\; X[m, k].$$
#
# The masks sum to one, so the estimates sum to the mixture.
#
# The network for four instruments is not told which of them play: any of them may be inactive. (To
# give a network the list of **active sources** is called **conditioning**; chapter 4 does so.) The
# network for violin and piano also uses the **phase**. Where two partials fall into one bin, a real
# mask can only divide the bin between them. But the level and the phase of this bin oscillate with
# the frequency difference of the two partials. From this the network computes a **complex mask**
# ([Williamson et al., 2016](https://doi.org/10.1109/TASLP.2015.2512042)), which can change the
# phase of a bin, too.


# %%
def shipped(name: str):
    """The saved network; if there is none, it is trained (or its training resumed) and saved."""
    folder, recipe = output_folder("Checkpoints"), read_recipe(ROOT / "recipes" / f"{name}.toml")
    if name not in available_models(folder):
        weights = train(tiny(recipe) if SMOKE else recipe, output_folder("runs") / name)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (weights, weights.with_suffix(".json")):
            shutil.copy(file, folder)
    return load_model(folder / name)


# %%
def tiny(recipe):
    """The recipe at the size of a test."""
    training = replace(TRAINING, batch_size=1, steps=2, validate_every=2)
    data = {"scores": ("random",), "max_pieces": 2, "validation_examples": 1}
    return replace(recipe, training=training, **data)


# %%
NETWORKS = {name: shipped(name) for name in ("violin-piano", "violin-cello-flute-piano")}
cards = {name: model.card["provenance"] for name, model in NETWORKS.items()}
curves = {name: tuple(zip(*card["validation"], strict=True)) for name, card in cards.items()}
labels = {"xlabel": "training step", "ylabel": "validation SI-SDR (dB)"}
publish(plot_curves({"": curves}, **labels), "02_training")

# %%
ENSEMBLES = {"piano-violin": DUO, "trio": ("violin", "cello", "piano")}
ENSEMBLES["quartet"] = ("violin", "cello", "flute", "piano")
FONTS = {"seen": SEEN, "unseen": UNSEEN}
pieces = {
    f"{ensemble}-{seen}": play(font, players)
    for (ensemble, players), (seen, font) in product(ENSEMBLES.items(), FONTS.items())
}
STUDY = Study("02_fluidsynth", "02_fluidsynth_rendering", pieces)
STUDY.baselines()

# %%
from experiments.studies import by_instrument, overview

for name, model in NETWORKS.items():
    tests = [test for test, tracks in pieces.items() if set(tracks[0].stems) <= set(model.sources)]
    columns = {"train_data": name, "checkpoint_sha256": model.card["sha256"]}
    STUDY.measure(name, partial(model_separator, model), tests, model.sources, **columns)
overview(STUDY.path)

# %% [markdown]
# In our run (`Results/02_fluidsynth.csv`, 20 pieces for each column), the network for violin and
# piano reaches 16.7 dB on unknown pieces with the seen soundfont: 17.2 dB on random pieces and
# 16.2 dB on real music. The oracle ratio mask reaches 17.4 dB, so a real mask could hardly do much
# better. An earlier student project reports 20 to 30 dB for rendered pieces, but without a table,
# so the numbers cannot be compared. The validation curve above is flat at its end because the
# learning rate is; longer training may still improve the network.
#
# The network for four instruments reaches 12.9 dB on duos, 8.1 dB on trios and 7.5 dB on quartets,
# where the mixture scores 0.0, -3.7 and -6.4 dB. In the quartets, flute and violin have the highest
# scores, piano and cello the lowest.
#
# With the unseen soundfont **most of the improvement is lost**. The duo falls from 16.7 to 1.9 dB,
# and the violin in it scores slightly below the mixture. The oracle loses only 2 dB on the duo and
# changes by less than half a decibel on trios and quartets, so the test pieces themselves are not
# much harder. Much of what the networks have learned is specific to one soundfont. This is the
# domain gap.

# %%
from helpers.evaluation.results import read_table

rows = read_table(STUDY.path).query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="test_data"), "02_fluidsynth")

# %%
test_piece = pieces["piano-violin-seen"][0]
StemPlayer(model_separator(NETWORKS["violin-piano"])(test_piece), RATE)

# %% [markdown]
# ### Two instruments at the same pitch
#
# The next test has a known answer: the piano plays an A, and one second later the violin plays the
# same A. All partials of the one coincide with partials of the other. What does the network do?

# %%
from helpers.music.scores import Score

PITCH = 69
parts = {"violin": (Note(1.0, 2.0, PITCH),), "piano": (Note(0.0, 3.0, PITCH),)}
score = Score("unison", tuple(Part(name, notes) for name, notes in parts.items()))
unison = render_score(score, FluidSynth(find_soundfont(SEEN)), RATE)
estimates = model_separator(NETWORKS["violin-piano"])(unison)


# %%
def level(stem: np.ndarray, window: int = RATE // 20) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, and the level of each 50 ms in dBFS."""
    frames = stem[0, : stem.shape[1] // window * window].reshape(-1, window)
    return np.arange(len(frames)) / 20, 10 * np.log10((frames**2).mean(1) + 1e-10)


# %%
levels = {
    name: {"reference": level(unison.stems[name]), "estimate": level(estimates[name])}
    for name in DUO
}
labels = {"xlabel": "time (s)", "ylabel": "level (dBFS)"}
publish(plot_curves(levels, **labels, ylim=(-85, -15)), "02_unison")

# %% [markdown]
# From the entry of the violin on, the network assigns almost everything to the violin. By then the
# piano's note has decayed to 16 dB below the violin, and a quarter of a second later the estimate
# of the piano is 25 dB below its true level. The estimate of the violin hardly suffers. The SI-SDR
# of the whole example would not show this error clearly, because most of the piano's energy is in
# the first second. A listener knows that a piano note goes on after its attack; here the network
# seems to follow the louder source.

# %% [markdown]
# ## Which training data helps on the real duo?
#
# An **ablation** measures what each part of a system contributes: here it trains the network four
# times with the same number of steps, and each **ablation step** adds one ingredient:
#
# 1. one soundfont;
# 2. three soundfonts;
# 3. effects that change the timbre, the room and the dynamics of each stem;
# 4. recorded solos of other players, used in random mixes. (This recipe uses no note samples.
#    Without `DIVISI_DATA` there are no solos, and the last step repeats the third.)
#
# Each step has two seeds. The recording that is tested is in none of the training data.

# %%
ABLATION = {
    "one soundfont": {"rendering": rendering((SEEN,)), "mixing": DRY, "use_solos": False},
    "several soundfonts": {"mixing": DRY, "use_solos": False},
    "effects": {"use_solos": False},
    "recorded solos": {},
}
ABLATION = dict(list(ABLATION.items())[: 2 if SMOKE else None])
DUO_STUDY = study("02_real_duo", without="piano-violin-unseen")  # in the data from step 2 on


# %%
def ablation_step(step: str, seed: int):
    """A full-size network after ABLATION_STEPS training steps with one step's data."""
    budget = {"steps": ABLATION_STEPS, "validate_every": ABLATION_STEPS, "ema_decay": 0.99}
    training = replace(REAL.training, **budget, seed=seed)
    smoke = {"model": SMALL, "max_pieces": 4, "scores": ("random",)} if SMOKE else {}
    recipe = replace(REAL, name="02-ablation", training=training, **ABLATION[step], **smoke)
    return trained(recipe, f"02-ablation/{step}-{seed}")[0]


# %%
DUO_STUDY.baselines()
for seed, step in tqdm(list(product(ABLATION_SEEDS, ABLATION)), desc="ablation"):
    columns = {"train_data": step, "config": f"{ABLATION_STEPS} steps"}
    DUO_STUDY.measure(step, partial(ablation_step, step, seed), seed=seed, **columns)

# %%
publish(plot_seeds(DUO_STUDY.path, ABLATION, DUO_STUDY.tests), "02_real_duo")

# %%
by_instrument(DUO_STUDY.path, list(DUO_STUDY.tests)[-1])

# %% [markdown]
# In our run (`Results/02_real_duo.csv`), almost all of the improvement comes from the second step.
# With one soundfont the network has the highest score of the four on that soundfont, but on the
# real duo its estimates score below the mixture. With two more soundfonts, the same scores and the
# same number of steps, the real duo is separated at 8.3 dB, and the mixture scores 0.0 dB (mean of
# violin and piano, two seeds, one recording).
#
# Effects and recorded solos make no difference on the real duo that two seeds on one recording
# could show. On the rendered pieces the scores become lower, as the training task becomes harder.
# With more than 240 steps the result may be different.

# %% [markdown]
# ## Where does the network fail?
#
# The checkpoint `violin-piano-real` was trained for 600 steps with all ingredients. Listen to its
# estimates of the real duo and look at twelve seconds of the violin: the true stem, the estimate
# and the error.

# %%
model = shipped("violin-piano-real")
columns = {"train_data": model.card["provenance"]["recipe"]["name"], "config": "600 steps"}
DUO_STUDY.measure("violin-piano-real", partial(model_separator, model), **columns)

# %%
if DATA:
    real = TESTS["trios-brahms-duo"][0]
    estimates = model_separator(model)(real)
    display(StemPlayer(estimates, real.sample_rate))

# %%
if DATA:
    violin, estimate = real.stems["violin"], estimates["violin"]
    signals = {"violin": violin, "violin, estimate": estimate, "error": estimate - violin}
    figure = plot_spectrograms(signals, real.sample_rate, mixture=False, span=(10, 22))
    display(publish(figure, "02_error"))

# %%
if DATA:
    bands = ["125-250 Hz", "250-500 Hz", "0.5-1 kHz", "1-2 kHz", "2-4 kHz", "4-8 kHz"]
    stems = {"piano": real.stems["piano"], **signals}
    levels = {name: octaves(stem, 125.0, len(bands)) for name, stem in stems.items()}
    display(pd.DataFrame(levels, bands).round(1))

# %% [markdown]
# On our recording, the violin improves from -6.6 to 7.2 dB and the piano from 6.5 to 14.3 dB. That
# is 10.8 dB more than the mixture on average (one network, one recording of 43 seconds, which was
# not in the training data).
#
# The table gives the level of each octave band relative to the whole of each signal. More than half
# of the error's energy is between 250 and 500 Hz, where the violin has a sixth of its energy and
# the piano about half. The figure shows when it happens: the violin's estimate contains short notes
# of the piano below the notes of the violin, even while the violin rests (from 14 to 16 s). A
# violin could play these notes. To avoid the error, the network would need to know that it does not
# play them here.

# %% [markdown]
# ## Recap
#
# - **Soundfonts.** A soundfont repeats a few recorded notes. A recorded player has other attacks,
#   more noise and no exact repetitions. Soundfonts also differ from each other.
# - **Rendering.** Scores, performances and renderers give as much training data as you want. A stem
#   bank with a manifest makes the same files again, bit for bit, also after an interruption.
# - **Stages.** Training in stages did not help here. Only the control group with the same
#   learning-rate schedule allowed a fair comparison.
# - **Overfitting.** Random mixes and pitch changes helped with every seed, and normalisation
#   lowered the scores with every seed. None of the eight methods made one minute of music enough
#   for the real duo.
# - **Duos to quartets.** With the seen soundfont, the network for violin and piano comes close to
#   the oracle ratio mask. With an unseen soundfont, most of the improvement is lost.
# - **Real duo.** A second and a third soundfont gave most of the improvement. The shipped network
#   is 10.8 dB above the mixture on one recording; what remains is mainly piano in the violin's low
#   register.
#
# ### What to try next
#
# `divisi render bwv269 --renderer fluidsynth` writes the stems of a chorale, and `divisi train`
# accepts any recipe of `recipes/`. Add a soundfont of your own to the list in
# `recipes/violin-piano-real.toml` and train again. The next chapters work with a real quartet.
#
# ### Exercises
#
# Solutions are in `Notebooks/solutions/02_fluidsynth_rendering.py`.
#
# 1. Does it matter that the test pieces are *performed*? Evaluate the network on the same pieces
#    exactly as they are written.
# 2. Let the violin double the highest notes of the piano throughout. What happens to the scores of
#    the oracle and of the network, and why does the network lose more?
# 3. Detune the violin of the test pieces by 15 and by 50 cents. Predict the result first.
# 4. Build the stem bank of this chapter on a local Dask cluster with two workers. Are the files
#    identical?

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
