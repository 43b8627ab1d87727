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
from dataclasses import asdict, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from IPython.display import display
from tqdm.auto import tqdm

# %%
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.manifests import manifest
from helpers.datasets.mixing import MixingConfig
from helpers.datasets.renderings import RenderingConfig, render_random_piece
from helpers.datasets.stem_bank import build_bank
from helpers.datasets.stem_folders import find_tracks

# %%
from helpers.display.figures import Figure, style
from helpers.display.palette import colour
from helpers.display.players import StemPlayer
from helpers.display.plots import plot_comparison, plot_spectrograms, plot_stems, save_figure
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance
from helpers.music.arrangements import Excerpt, arrangement, excerpts
from helpers.music.performances import Performance
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Note, Part, Score
from helpers.music.splits import KINDS, RANDOM, SPLITS, names

# %%
from helpers.recipes.schema import Recipe, read_recipe
from helpers.recipes.train import train

# %%
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.sampler import Sampler
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.checkpoints import available_models, load_model

# %% [markdown]
# The numbers you may play with. In the `smoke` profile, which tests this chapter, all of them are
# tiny and everything is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
ROOT, DATA = runtime.repository_root(), runtime.data_root()
HOME = ROOT / ("runs/smoke" if SMOKE else "")
RATE = 44100  # samples a second, of what is heard and measured
SEEN, ALSO_SEEN, UNSEEN = "FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb"  # soundfonts
SEEDS = (0,) if SMOKE else (0, 1, 2)
STUDY_STEPS = 3 if SMOKE else 240  # of the small trainings that are compared
LADDER_STEPS = 2 if SMOKE else 240  # of those that meet the real duo
LADDER_SEEDS = (0,) if SMOKE else (0, 1)
TRACKS = 1 if SMOKE else 10  # random pieces to measure on, and as many excerpts of real music

# %% [markdown]
# ## What is a soundfont?
#
# A *soundfont* is a file of recorded single notes with rules for playing them: which recording
# serves which key, where it is looped while the key is held, how it fades afterwards. FluidSynth
# follows the rules. One tune, three soundfonts:

# %%
PITCHES = (76, 76, 77, 79, 79, 77, 76, 74, 72, 72, 74, 76, 76, 74, 74)  # of Beethoven's ninth
BEATS = (1.0,) * 12 + (1.5, 0.5, 2.0)
onsets = 0.45 * np.cumsum((0.0, *BEATS[:-1]))
tune = Part(
    "flute",
    tuple(
        Note(onset, 0.45 * beats, pitch)
        for onset, beats, pitch in zip(onsets, BEATS, PITCHES, strict=True)
    ),
)
PLAYERS = {font: FluidSynth(find_soundfont(font)) for font in (SEEN, ALSO_SEEN, UNSEEN)}

# %% [markdown]
# Beside them, where the recorded notes lie under `DIVISI_DATA`, a flautist of the Philharmonia
# Orchestra: single notes too, but several takes of each, joined in the order of the tune.

# %%
if DATA:
    PLAYERS["recorded notes"] = Sampler(DATA / "philharmonia_notes")
else:
    print("DIVISI_DATA is not set: the recorded flute is left out.")
played = {name: player.render(tune, RATE) for name, player in PLAYERS.items()}
max_seconds = max(sound.shape[1] for sound in played.values())
played = {
    name: np.pad(0.05 * sound / sound.std(), ((0, 0), (0, max_seconds - sound.shape[1])))
    for name, sound in played.items()
}

# %%
StemPlayer(played, RATE)

# %%
figure = plot_spectrograms(played, RATE, mixture=False, limit=12_000)
save_figure(figure, HOME / "Images" / "02_soundfonts.png")
figure

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
def octaves(sound: np.ndarray, lowest: float = 500.0, count: int = 5) -> list[float]:
    """The level of each octave from `lowest` Hz on, dB relative to the whole."""
    power = np.abs(np.fft.rfft(sound[0])) ** 2
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / RATE)
    starts = lowest * 2.0 ** np.arange(count)
    shares = [power[(start <= hertz) & (hertz < 2 * start)].sum() for start in starts]
    return [float(10 * np.log10(share / power.sum())) for share in shares]


spectra = {name: octaves(sound) for name, sound in played.items()}
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
ten_seconds = Excerpt("haydn/opus74no1/movement2", 0.0, 10.0)
excerpt = arrangement(ten_seconds, ("violin", "piano"))
duo = render_score(excerpt, FluidSynth(find_soundfont(SEEN)), RATE)
StemPlayer(duo)

# %% [markdown]
# Which work trains, validates and tests is written down once, in `helpers/music/splits.csv`: all
# movements of a quartet stand on one side, and so do all settings of a hymn.

# %%
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
CONFIG = RenderingConfig(
    ("violin", "piano"), soundfonts=(SEEN,), note_samples=0, tones=0, timbre_substitution=0
)
MANIFEST = manifest(CONFIG, None)
FOLDER = HOME / "runs" / "02-bank"


def build(pieces: list[RandomPiece]) -> float:
    """Seconds that it takes to play what the bank lacks."""
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
def played_by(font: str, ensemble: tuple[str, ...], count: int = TRACKS) -> list[Track]:
    """Random pieces, and as many excerpts of quartets and chorales, none of which trains."""
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
DUO = ("violin", "piano")
TESTS = {"piano-violin-seen": played_by(SEEN, DUO), "piano-violin-unseen": played_by(UNSEEN, DUO)}
if DATA:  # the folder of TRIOS, as published, may lie there too
    trio = next(t for t in find_tracks(DATA / "trios") if "brahms" in t.name.lower()).load()
    stems = {name: trio.stems[name] for name in DUO}
    TESTS["trios-brahms-duo"] = [Track("brahms-duo", trio.sample_rate, stems)]
else:
    print("DIVISI_DATA is not set: the real duo is left out.")


# %%
def rows_of(table: str) -> list:
    """What a table in `Results/` holds so far."""
    path = results.results_path(table)
    return results.read(path) if path.exists() else []


def here(test: str, **details: str | int) -> Provenance:
    """Where the rows of a test come from."""
    return Provenance.here("02_fluidsynth_rendering", test, **details)


# %% [markdown]
# ## Does it pay to train in stages?
#
# The course of chapter one and two suggests a plan: first tones, then one soundfont, then several
# with effects (rooms, equalisers, compressors, other microphones), each stage going on from the
# weights of the last. A small mask network tries it, and two others spend as many steps on the last
# stage alone: one in a single run, and one whose learning rate starts anew as often as the staged
# one's, so that we see what is due to the data and what to the schedule. Three seeds each.

# %%
REAL = read_recipe(ROOT / "recipes" / "violin-piano-real.toml")
SMALL = {"width": 16, "pitch_channels": 8, "hidden": 192, "resolution": 24}
DRY = MixingConfig(
    coherent=0.6, inactive=0.02, gain=5.0, tilt=(0.0, 0.0), equaliser=0.0, detune=0.0, reverb=0.0,
    compression=0.0,
)  # fmt: skip
STUDY = replace(
    REAL,
    name="02-study", scores=("random",), use_solos=False, model=SMALL, export={},
    segment_seconds=3.0, validation_examples=8, max_pieces=4 if SMOKE else 0,
    training=replace(
        REAL.training, steps=STUDY_STEPS, batch_size=6, warmup_steps=20, ema_decay=0.98,
        validate_every=STUDY_STEPS, checkpoint_every=STUDY_STEPS, workers=0,
    ),
)  # fmt: skip


# %%
def play_with(soundfonts: tuple[str, ...], tones: int = 0) -> RenderingConfig:
    """Who plays the voices of a training."""
    return replace(REAL.rendering, soundfonts=soundfonts, tones=tones)


STAGES = {
    "tones": {"rendering": play_with((), tones=1), "mixing": DRY},
    "one soundfont": {"rendering": play_with((SEEN,)), "mixing": DRY},
    "effects": {"rendering": play_with((SEEN, ALSO_SEEN)), "mixing": REAL.mixing},
}
PLANS = {
    "in stages": ("tones", "one soundfont", "effects"),
    "last stage, restarted": ("effects", "effects", "effects"),
    "last stage alone": ("effects",),
}


# %%
def follow(plan: str, seed: int):
    """The small network after all stages of a plan; all plans have STUDY_STEPS steps in all."""
    stages, start = PLANS[plan], ""
    for place, stage in enumerate(stages):
        run = HOME / "runs" / "02-stages" / f"{plan}-{seed}-{place}".replace(" ", "-")
        steps = STUDY_STEPS // len(stages)
        numbers = replace(STUDY.training, steps=steps, seed=10 * seed + place)
        recipe = replace(STUDY, training=numbers, start_from=start, **STAGES[stage])
        start = str(train(recipe, run, progress=False))
    return load_model(start)


# %%
def study(table: str, system: str, seed: int, train, tests=TESTS, **details: str) -> None:
    """Train a network and measure it on half of the tests, unless the table holds it all."""
    done = {row.test_data for row in rows_of(table) if (row.system, row.seed) == (system, seed)}
    if set(tests) <= done:
        return
    separator = model_separator(train())
    for test in tests:
        rows = evaluate(system, separator, TESTS[test][::2], here(test, seed=seed, **details))
        results.append(results.results_path(table), rows)


# %%
def floor_and_ceiling(table: str, tests=TESTS) -> None:
    """The same tracks untouched, and shared out by those who know the stems."""
    if not {"mixture", "oracle-irm"} & {row.system for row in rows_of(table)}:
        for test in tests:
            rows = evaluate_baselines(TESTS[test][::2], here(test))
            results.append(results.results_path(table), rows)


# %%
for seed, plan in tqdm(list(product(SEEDS, PLANS)), desc="stages"):
    details = {"train_data": " > ".join(PLANS[plan]), "config": f"{STUDY_STEPS} steps"}
    study("02_stages", plan, seed, partial(follow, plan, seed), **details)
floor_and_ceiling("02_stages")

# %% [markdown]
# A dot is one seed:


# %%
def scores(table: str) -> pd.Series:
    """Mean SI-SDR over tracks and instruments, by system, test and seed."""
    rows = pd.DataFrame(asdict(row) for row in rows_of(table))
    rows = rows[rows["metric"] == "SI-SDR"]
    return rows.groupby(["system", "test_data", "seed"])["value"].mean()


# %%
def plot_study(table: str, systems, tests=TESTS) -> Figure:
    """A row for each system: a dot for each seed, a line for their mean; a panel for each test."""
    figure, means = Figure(8, 0.9 + 0.24 * len(systems)), scores(table)
    with style():
        axes = figure.subplots(1, len(tests), sharey=True, squeeze=False)[0]
        for ax, test in zip(axes, tests, strict=True):
            for place, system in enumerate(systems):
                dots = means[system, test]
                ax.plot(dots, [place] * len(dots), "o", color="#BC4012", alpha=0.6, markersize=5)
                ax.vlines(dots.mean(), place - 0.35, place + 0.35, color="#22252B")
            ax.set(title=test, xlabel="SI-SDR (dB)")
            ax.grid(axis="x")
        axes[0].set_yticks(range(len(systems)), systems)
        axes[0].invert_yaxis()
    return figure


# %%
figure = plot_study("02_stages", PLANS)
save_figure(figure, HOME / "Images" / "02_stages.png")
figure

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
    numbers = replace(STUDY.training, seed=seed, **change.pop("training", {}))
    plain = replace(
        STUDY, max_pieces=2 if SMOKE else 12, rendering=play_with((SEEN,)), mixing=PLAIN
    )
    run = HOME / "runs" / "02-regularisation" / f"{choice}-{seed}".replace(" ", "-")
    recipe = replace(plain, training=numbers, **change)
    return load_model(train(recipe, run, progress=False))


# %%
for seed, choice in tqdm(list(product(SEEDS, CHOICES)), desc="regularisation"):
    details = {"train_data": "twelve random pieces", "config": f"{STUDY_STEPS} steps"}
    study("02_regularisation", choice, seed, partial(regularised, choice, seed), **details)
floor_and_ceiling("02_regularisation")

# %% [markdown]

# %%
figure = plot_study("02_regularisation", CHOICES)
save_figure(figure, HOME / "Images" / "02_regularisation.png")
figure

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
def trained(name: str):
    """The saved network; where there is none it is trained, or trained on, and saved."""
    folder, path = HOME / "Checkpoints", ROOT / "recipes" / f"{name}.toml"
    if name not in available_models(folder):
        weights = train(tiny(path) if SMOKE else path, HOME / "runs" / name)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (weights, weights.with_suffix(".json")):
            shutil.copy(file, folder)
    return load_model(folder / name)


# %%
def tiny(path) -> Recipe:
    """A recipe at the size of a test."""
    numbers = replace(STUDY.training, batch_size=1, steps=2, validate_every=2)
    small = {"scores": ("random",), "pieces": 2, "validation": 1, "training": numbers}
    return replace(read_recipe(path), **small)


# %%
NETWORKS = {name: trained(name) for name in ("violin-piano", "violin-cello-flute-piano")}
figure = Figure(8, 2.6)
with style():
    ax = figure.subplots()
    for name, shade in zip(NETWORKS, ("#BC4012", "#2B4CB4"), strict=True):
        curve = NETWORKS[name].card["provenance"]["validation"]
        ax.plot(*zip(*curve, strict=True), "o-", color=shade, label=name, markersize=3)
    ax.set(xlabel="training step", ylabel="validation SI-SDR (dB)")
    ax.grid(axis="y")
    ax.legend(loc="lower right")
save_figure(figure, HOME / "Images" / "02_training.png")
figure

# %%
ENSEMBLES = {"piano-violin": DUO, "trio": ("violin", "cello", "piano")}
ENSEMBLES["quartet"] = ("violin", "cello", "flute", "piano")
FONTS = {"seen": SEEN, "unseen": UNSEEN}
for (ensemble, players), (heard, font) in product(ENSEMBLES.items(), FONTS.items()):
    test, known = f"{ensemble}-{heard}", rows_of("02_fluidsynth")
    todo = {n: m for n, m in NETWORKS.items() if set(players) <= set(m.sources)}
    done = {row.checkpoint_sha256 for row in known if row.test_data == test}
    if not {model.card["sha256"] for model in todo.values()} <= done:
        tracks = played_by(font, players)
        rows = evaluate_baselines(tracks, here(test))
        for name, model in todo.items():
            source = here(test, train_data=name, checkpoint_sha256=model.card["sha256"])
            rows += evaluate(name, model_separator(model), tracks, source, sources=model.sources)
        results.append(results.results_path("02_fluidsynth"), rows)


# %%
def overview(table: str, metric: str = "SI-SDR") -> pd.DataFrame:
    """The mean of a metric over all instruments and tracks: a row a system, a column a test."""
    summary = results.summary(results.results_path(table))
    summary = summary[(summary["metric"] == metric) & (summary["instrument"] == "all")]
    return summary.pivot_table("mean", "system", "test_data", sort=False).round(1)


overview("02_fluidsynth")

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
rows = pd.DataFrame(asdict(row) for row in rows_of("02_fluidsynth"))
figure = plot_comparison(rows[rows["system"] != "oracle-ibm"], by="test_data")
save_figure(figure, HOME / "Images" / "02_fluidsynth.png")
figure

# %%
test_piece = played_by(SEEN, DUO, 1)[0]
StemPlayer(model_separator(NETWORKS["violin-piano"])(test_piece), RATE)

# %% [markdown]
# ### One pitch, two players
#
# A question whose answer is known: the piano strikes an A, and a second later the violin joins on
# the same A. Every partial of the one lies on a partial of the other. What does the network say?

# %%
PITCH = 69
solo = {name: Part(name, (Note(onset, 3.0 - onset, PITCH),)) for name, onset in
        (("violin", 1.0), ("piano", 0.0))}  # fmt: skip
unison = render_score(Score("unison", tuple(solo.values())), FluidSynth(find_soundfont(SEEN)), RATE)
answer = model_separator(NETWORKS["violin-piano"])(unison)


# %%
def level(sound: np.ndarray, window: int = RATE // 20) -> np.ndarray:
    """dB full scale of each 50 ms."""
    frames = sound[0, : sound.shape[1] // window * window].reshape(-1, window)
    return 10 * np.log10((frames**2).mean(1) + 1e-10)


# %%
figure = Figure(8, 2.6)
with style():
    for ax, name in zip(figure.subplots(1, 2, sharey=True), DUO, strict=True):
        for sounds, dashes, what in ((unison.stems, ":", "played"), (answer, "-", "found")):
            times = np.arange(len(level(sounds[name]))) / 20
            ax.plot(times, level(sounds[name]), dashes, color=colour(name), label=what)
        ax.set(title=name, xlabel="time (s)", ylabel="level (dBFS)", ylim=(-85, -15))
        ax.legend(loc="upper right")
save_figure(figure, HOME / "Images" / "02_unison.png")
figure

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
    "one soundfont": {"rendering": play_with((SEEN,)), "mixing": DRY, "solos": False},
    "several soundfonts": {"mixing": DRY, "solos": False},
    "effects": {"solos": False},
    "recorded solos": {},
}
ABLATION = dict(list(ABLATION.items())[: 2 if SMOKE else None])
HARD = [test for test in TESTS if test != "piano-violin-unseen"]  # seen from step two on


# %%
def ablation_recipes(step: str, seed: int):
    """The network of full size after LADDER_STEPS steps with the data of one step."""
    run = HOME / "runs" / "02-ladder" / f"{step}-{seed}".replace(" ", "-")
    numbers = replace(
        REAL.training, steps=LADDER_STEPS, validate_every=LADDER_STEPS, ema_decay=0.99, seed=seed
    )
    smoke = {"model": SMALL, "pieces": 4, "scores": ("random",)} if SMOKE else {}
    recipe = replace(REAL, name="02-ladder", training=numbers, **ABLATION[step], **smoke)
    return load_model(train(recipe, run, progress=False))


# %%
for seed, step in tqdm(list(product(LADDER_SEEDS, ABLATION)), desc="ladder"):
    details = {"train_data": step, "config": f"{LADDER_STEPS} steps"}
    study("02_real_duo", step, seed, partial(ablation_recipes, step, seed), HARD, **details)
floor_and_ceiling("02_real_duo", HARD)

# %%
figure = plot_study("02_real_duo", ABLATION, HARD)
save_figure(figure, HOME / "Images" / "02_real_duo.png")
figure


# %%
def by_instrument(table: str, test: str) -> pd.DataFrame:
    """Means of every metric of one test, by system and instrument."""
    summary = results.summary(results.results_path(table))
    summary = summary[summary["test_data"] == test]
    return summary.pivot_table("mean", ["system", "instrument"], "metric", sort=False).round(1)


by_instrument("02_real_duo", HARD[-1])

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
model = trained("violin-piano-real")
details = {"train_data": model.card["provenance"]["recipe"]["name"], "config": "600 steps"}
study("02_real_duo", "violin-piano-real", 0, lambda: model, HARD, **details)

# %%
if DATA:
    real = TESTS["trios-brahms-duo"][0]
    found = model_separator(model)(real)
    display(StemPlayer(found, real.sample_rate))

# %%
if DATA:
    violin, estimate = real.stems["violin"], found["violin"]
    pictures = {
        "the violin": violin,
        "the violin as found": estimate,
        "what is wrong": estimate - violin,
    }
    figure = plot_spectrograms(pictures, real.sample_rate, mixture=False, span=(10, 22))
    save_figure(figure, HOME / "Images" / "02_error.png")
    display(figure)

# %%
if DATA:
    bands = ["125-250 Hz", "250-500 Hz", "0.5-1 kHz", "1-2 kHz", "2-4 kHz", "4-8 kHz"]
    sounds = {"piano": real.stems["piano"], **pictures}
    where = {name: octaves(sound, 125.0, len(bands)) for name, sound in sounds.items()}
    display(pd.DataFrame(where, bands).round(1))

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
