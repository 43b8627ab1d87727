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
# # A score becomes sound
#
# Nobody can record a violinist three thousand times, but a synthesiser can play three thousand
# pieces while you make tea, and hand over every stem. This chapter builds such training data,
# trains on it, and measures how far it carries: to a soundfont that the network never heard, and
# to a real violin and a real piano.
#
# In this chapter you will
#
# - hear what a soundfont is, beside a recorded instrument, and see what the one lacks;
# - turn random pieces and real music into sound at hundreds of times real time, so that anyone
#   can make the same bits again;
# - find out whether it pays to train in stages, from tones to soundfonts to effects;
# - compare nine ways to keep a network from learning its data by heart;
# - part a violin from a piano, then a trio and a quartet, with a soundfont that the network knows
#   and with one that it does not;
# - take it all to a real duo, and see where and why it falls.
#
# The trained networks come with the course, and the tables with every number: nothing needs a GPU.
# With one, delete a network from `Checkpoints/` or a table from `Results/`, and the same cells make
# them anew. Stop the notebook at any time and it goes on where it was.

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
# The numbers you may play with. In the `smoke` profile, which tests this chapter, all of them are
# tiny and everything is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second of the tests
SEEN, ALSO_SEEN, UNSEEN = "FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb"  # soundfonts
SEEDS = (0,) if SMOKE else (0, 1, 2)
STUDY_STEPS = 3 if SMOKE else 240  # of the small trainings that are compared
ABLATION_STEPS = 2 if SMOKE else 240  # of the trainings that are measured on the real duo
ABLATION_SEEDS = (0,) if SMOKE else (0, 1)
TRACKS = 1 if SMOKE else 10  # random test pieces, and as many excerpts of real music

# %% [markdown]
# ## What is a soundfont?
#
# A *soundfont* is a file of recorded single notes with rules for playing them: which recording
# serves which key, where it is looped while the key is held, how it fades afterwards. FluidSynth
# follows the rules. One tune, three soundfonts:

# %%
from helpers.music.scores import Note, Part
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.soundfonts import find_soundfont

PITCHES = (76, 76, 77, 79, 79, 77, 76, 74, 72, 72, 74, 76, 76, 74, 74)  # of Beethoven's ninth
BEATS = (1.0,) * 12 + (1.5, 0.5, 2.0)
onsets = 0.45 * np.cumsum((0.0, *BEATS[:-1]))
notes = zip(onsets, BEATS, PITCHES, strict=True)
tune = Part("flute", tuple(Note(onset, 0.45 * beats, pitch) for onset, beats, pitch in notes))
PLAYERS = {font: FluidSynth(find_soundfont(font)) for font in (SEEN, ALSO_SEEN, UNSEEN)}

# %% [markdown]
# Beside them, where the recorded notes lie under `DIVISI_DATA`, a flautist of the Philharmonia
# Orchestra: single notes too, but several takes of each, joined in the order of the tune.

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
# The partials of a soundfont are drawn with a ruler: a note holds its level to the end, and when it
# comes again it is the same recording, to the hiss. The first two even share recordings (look at
# the shadow under the high notes at 1.5 s): one descends from the other, so a network that knows
# both has heard less than two soundfonts. The flautist takes time to speak, leaves gaps, plays no
# two notes alike, and blows: the stripes under the notes are air.
#
# How much do they differ? Take the tune's spectrum as a whole, in octaves, each sound relative to
# its own level:


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
# Above 8 kHz the recording holds six to nine dB more, most of it air; but the soundfonts differ
# among themselves as well, by three and a half dB in the second octave. Each of them is one flute,
# one player and one microphone. That is the gap this chapter is about.
#
# ## Scores without end
#
# Two kinds of scores feed the training. **Random pieces** cost nothing and never end: five seconds
# long, each instrument in its own range, all in one key and beat, so that parts meet in octaves
# and fifths as they do in music.

# %%
from helpers.music.random_pieces import RandomPiece
from helpers.synthesis.renderer import render_score

piece = RandomPiece(0).score(("violin", "cello", "flute", "piano"))
quartet = render_score(piece, FluidSynth(find_soundfont(SEEN)), RATE)
StemPlayer(quartet)

# %%
plot_stems(quartet)

# %% [markdown]
# **Real music** has what dice do not throw: phrases, cadences, voices that answer each other. The
# corpus of music21 holds Bach's chorales, quartets from Haydn to Schumann and some piano music. A
# quartet is arranged for whoever is there: the violin takes the line that suits it best, the piano
# all that remains.

# %%
from helpers.music.arrangements import Excerpt, arrangement

ten_seconds = Excerpt("haydn/opus74no1/movement2", 0.0, 10.0)
excerpt = arrangement(ten_seconds, ("violin", "piano"))
duo = render_score(excerpt, FluidSynth(find_soundfont(SEEN)), RATE)
StemPlayer(duo)

# %% [markdown]
# Which work trains, validates and tests is written down once, in `helpers/music/splits.csv`: all
# movements of a quartet stand on one side, and so do all settings of a hymn.

# %%
from helpers.music.splits import KINDS, RANDOM, SPLITS, names

counts = {kind: [len(names(kind, split)) for split in SPLITS] for kind in KINDS}
counts["random piece"] = [len(RANDOM[split]) for split in SPLITS]
pd.DataFrame(counts, SPLITS).T

# %% [markdown]
# ## A player, not a machine
#
# Played as written, every note is as loud as the next and exactly on the beat. A *performance* is
# drawn for each piece: tempo, how late each note comes, how long it is held, how loud each player
# and each note is, and by how many cents an instrument is out of tune.

# %%
from helpers.music.performances import Performance

performance = Performance.draw(np.random.default_rng(1), len(excerpt.parts))
print(f"tempo {performance.tempo:.2f}, tuning in cents {np.round(performance.tuning, 1)}")
StemPlayer(render_score(performance.apply(excerpt), FluidSynth(find_soundfont(SEEN)), RATE))

# %% [markdown]
# The levels are left alone: what a soundfont plays softly stays soft beside the others. (A common
# way to render, `PrettyMIDI.fluidsynth`, brings each stem to full scale, and the balance is lost.)
#
# ## The same bits again
#
# Stems are kept in a *bank*: a folder with one file of samples for each piece, a card that says
# what lies where, and a manifest of all that the samples depend on. Pieces are played over all
# cores; what is there is not played again.

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
    """Seconds to render what the bank lacks."""
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
# Throw a piece away and play it again: not one bit differs. A rendering that is killed leaves no
# broken piece behind either, because a piece's card is written last.

# %%
first = FOLDER / f"{pieces[0]}.npy"
before = first.read_bytes()
for path in (first, first.with_suffix(".json")):
    path.unlink()
build(pieces)
print("the same bits:", first.read_bytes() == before)

# %% [markdown]
# With a cluster at hand the same call spreads over it: `joblib.parallel_config(backend="dask")`
# (or `"ray"`) around `build_bank(..., workers=None)`, and a folder that all machines see.
#
# ## What the networks are asked
#
# Everything below is measured on pieces that train nothing, in three ways: played by the soundfont
# that trains, by one that never does, and by two people.

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
if DATA:  # the folder of TRIOS, as published, may lie there too
    trio = next(t for t in find_tracks(DATA / "trios") if "brahms" in t.name.lower()).load()
    stems = {name: trio.stems[name] for name in DUO}
    TESTS["trios-brahms-duo"] = [Track("brahms-duo", trio.sample_rate, stems)]
else:
    print("DIVISI_DATA is not set: the real duo is left out.")


# %%
from experiments.studies import Study


def study(table: str, without: str = "") -> Study:
    """A table of systems that are measured on half of the tracks of each test."""
    halves = {test: tracks[::2] for test, tracks in TESTS.items() if test != without}
    return Study(table, "02_fluidsynth_rendering", halves)


# %% [markdown]
# ## Does it pay to train in stages?
#
# The course of chapter one and two suggests a plan: first tones, then one soundfont, then several
# with effects (rooms, equalisers, compressors, other microphones), each stage going on from the
# weights of the last. A small mask network tries it, and two others spend as many steps on the last
# stage alone: one in a single run, and one whose learning rate starts anew as often as the staged
# one's, so that we see what is due to the data and what to the schedule. Three seeds each.

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
    """The separator of a recipe trained in runs/RUN, and its weights."""
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
# A dot is one seed:

# %%
from experiments.charts import plot_comparison, plot_seeds
from experiments.curves import plot_curves

publish(plot_seeds(STAGED.path, PLANS, TESTS), "02_stages")

# %% [markdown]
# Stages do not pay here. On the soundfont that all plans end with, the seeds of one plan differ by
# more than the plans do. On the unseen soundfont and on the real duo the staged networks are last
# on average, by 0.7 dB and more, though not with every seed: two thirds of their steps
# went to sounds that the test does not hold. And what looks like the best of the three on the real
# duo, starting the learning rate anew, has nothing to do with the data: without that third plan we
# would have compared two schedules and called it a curriculum. All this holds for a small network
# and 240 steps; whoever has 240,000 may find otherwise.
#
# ## Nine ways not to learn by heart
#
# A network that sees the same minute of music again and again will learn that minute. Each of the
# ways that textbooks offer against it gets the same small network, the same minute (twelve random
# pieces, one soundfont) and the same number of steps; three seeds each. *Gain* draws the balance
# anew, *pitch* retunes each stem by up to a semitone or so, *remix* puts stems of different pieces
# together.

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
# On a piece that it does not know, the network gains two and a half decibels from *remix* and two
# from *pitch*, with every seed, and more than half of it survives on the soundfont that it never
# heard. Both make new data out of old. *Gain* helps on the seen soundfont and costs a little on the
# unseen one. Of the means that touch the network instead of the data, weight decay changes nothing,
# dropout lies within what seeds do, and **all three normalisations harm**: about a decibel on the
# seen soundfont, and on the unseen one about half of what there was, with every seed. (Chapter one
# saw a gain from them, in other networks, on data without end. Both are true.)
#
# The third panel puts it in proportion: on the real duo every one of these networks, trained on
# twelve dry pieces from one soundfont, is *worse than doing nothing*, those with dropout or
# normalisation a little less so. No regulariser replaces data.

# %% [markdown]
# ## Two, three and four players
#
# Now two networks of full size, trained on the random pieces and on real music from one soundfont,
# dry. Both hear pitch as position: on a logarithmic axis of frequency a harmonic series has the
# same shape at every pitch, so a convolution learns it once. One knows four instruments, each of
# which may be silent. The other knows the violin and the piano and *looks at phases* too: where two
# partials fall into one bin, a mask of real numbers can only share the bin out, but its level and
# phase swing with the difference of the two, and from that swing the network makes its masks
# complex ([Williamson et al., 2016](https://doi.org/10.1109/TASLP.2015.2512042)).


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
# With a soundfont it knows, the network for two parts unknown pieces at 16.7 dB on average, 17.2 on
# random ones and 16.2 on real music. The oracle, which knows the stems and may only turn bins up
# and down, stands at 17.4, so this is about as far as masks of real numbers could go. (Others
# report 20 to 30 dB for such a task. An hour of training on one core did not get ours there; the
# curve above is flat at its end because the learning rate is, so more steps, or more channels that
# look at phases, may.) The network for four parts trios at 8.1 and quartets at 7.5 dB, from a floor
# of -4 and -6: flute and violin come out best; the cello and the piano share the lower half.
#
# Then comes the soundfont that nobody trained on, and **almost all of it is gone**: 1.9 dB for the
# duo, and on some instruments less than the mixture itself. The oracle loses two decibels on the
# duo, and nothing on trio and quartet. What the networks have learnt so well is one soundfont.

# %%
from helpers.evaluation.results import read_table

rows = read_table(STUDY.path).query("system != 'oracle-ibm'")
publish(plot_comparison(rows, by="test_data"), "02_fluidsynth")

# %%
test_piece = pieces["piano-violin-seen"][0]
StemPlayer(model_separator(NETWORKS["violin-piano"])(test_piece), RATE)

# %% [markdown]
# ### One pitch, two players
#
# A question whose answer is known: the piano strikes an A, and a second later the violin joins on
# the same A. Every partial of the one lies on a partial of the other. What does the network say?

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
# The network says: a violin, and nothing else. The piano is 20 dB below the violin by the time the
# latter has come in, and a quarter of a second later its output lies 25 dB below what it plays.
# That costs the violin nothing and the piano nearly all. A listener who heard the piano's note
# begin would know that it has not ended; this network goes by what is loud now.

# %% [markdown]
# ## What brings rendered sound nearer to real sound
#
# Four trainings of equal length, each with one ingredient more: one soundfont; three of them; the
# effects that turn every rendering into another instrument in another room; and recorded solos of
# other players, mixed with anything. (Of violin and piano there are no recorded single notes: solos
# are all that is recorded here. Without `DIVISI_DATA` the last step is the third once more.) Two
# seeds each. Nothing of the recording that is measured trains any of them.

# %%
ABLATION = {
    "one soundfont": {"rendering": rendering((SEEN,)), "mixing": DRY, "use_solos": False},
    "several soundfonts": {"mixing": DRY, "use_solos": False},
    "effects": {"use_solos": False},
    "recorded solos": {},
}
ABLATION = dict(list(ABLATION.items())[: 2 if SMOKE else None])
DUO_STUDY = study("02_real_duo", without="piano-violin-unseen")  # seen from step two on


# %%
def ablation_step(step: str, seed: int):
    """The network of full size after ABLATION_STEPS steps with the data of one step."""
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
# The second step is the whole climb. Trained on one soundfont, the network parts its own soundfont
# best of all and leaves the real duo worse than it found it. Two more soundfonts, same scores, same
# steps, and the same two people come apart by more than eight decibels, averaged over both. It
# is as if two cases were enough to learn that timbres differ. After that, effects and recorded
# solos give nothing that two seeds could tell: they still cost on rendered sound, where the task is
# harder with them, and 240 steps may be too few to collect.

# %% [markdown]
# ## Where does it fail?
#
# The network that ships, `violin-piano-real`, has 600 steps of the last kind. Listen to what it
# makes of the real duo, and look at twelve seconds of the violin: what was played, what was found,
# and the difference.

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
# The violin rises from -6.6 to 7.2 dB and the piano from 6.5 to 14.3: 10.8 dB better than the
# mixture on average, though nothing of this recording was in the training. The table (dB of each
# sound's own whole) says where the rest lies: more than half of the error is between 250 and 500
# Hz, where the violin has a sixth of its energy and the piano half. The picture says when: below
# its own notes the violin gets short pieces of the pianist's middle register, and it gets them even
# while it rests, from 14 to 16 s. They are notes that a violin could play, and the network does not
# know that this one is not playing.

# %% [markdown]
# ## Recap
#
# - A soundfont is a few recorded notes and the rules to repeat them; a player never repeats one.
# - Scores, performances and renderers make data without end. A bank with a manifest makes the same
#   bits again, piece by piece, after any interruption.
# - Training in stages did not pay: with a control for the learning rate, nothing of it was left.
# - Remixing and retuning the data helped with every seed, normalising the network harmed with every
#   seed, and none of it carried over to real sound.
# - With a known soundfont a duo comes apart as far as an oracle's mask; with an unknown one hardly.
# - A real violin and piano come apart by eight to eleven decibels, most of which a second and a
#   third soundfont gave; what is left is piano in the violin's own low register.
#
# ### What to try next
#
# `divisi render bwv269 --renderer fluidsynth` writes the stems of a chorale, and `divisi train`
# takes any recipe of `recipes/`: add a soundfont of your own to the list of
# `violin-piano-real.toml`. The next chapters ask the same of a real quartet.
#
# ### Exercises
#
# Solutions, with numbers, are in `Notebooks/solutions/02_fluidsynth_rendering.py`.
#
# 1. Does it matter that every test piece is *performed*? Measure the network on the same pieces as
#    they are written.
# 2. Let the violin double the highest notes of the piano throughout. What happens to the oracle and
#    to the network, and why to the network more?
# 3. Put the violin of the test pieces out of tune by 15 and by 50 cents. Guess first.
# 4. Build the bank of this chapter on a local Dask cluster of two workers. Are the bits the same?
