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
# # One mask for each instrument
#
# Ten chorales, four players, every player recorded alone: Bach10 is the smallest real orchestra
# that the field has. This chapter takes up a student project that trained nussl's networks on it,
# repeats every experiment, finds out why its numbers were what they were, and goes past them. At
# its end you separate a recording of your own.
#
# In this chapter you will
#
# - get Bach10, unpack it safely, and make mixtures of it as scaper does;
# - train a recurrent network that draws one mask, and watch it learn;
# - see mixture, mask and estimate of a piece that the network has never heard;
# - repeat six configurations with every piece left out in turn, and compare them with what was
#   published;
# - find two faults behind published numbers, one that made them too bad and one too good;
# - put a network beside them that learnt from rendered chorales first, and hear the difference;
# - separate your own recording.
#
# The measured tables and four trained networks come with the course: nothing here needs a GPU, and
# whoever has not got Bach10 can follow with rendered chorales.

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
# The numbers you may play with. In the `smoke` profile, which tests this chapter, they are tiny and
# everything is written to `runs/smoke/`.

# %%
SMOKE = runtime.profile() == "smoke"
ROOT, DATA = runtime.repository_root(), runtime.data_root()
RATE = 44100  # samples per second
SECONDS = 1.0 if SMOKE else 4.0  # of a training mixture
STEPS = 2 if SMOKE else 75  # of the networks trained here
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")

# %% [markdown]
# ## Bach10
#
# Four musicians recorded ten chorales by Johann Sebastian Bach, each part alone, with the others in
# their headphones: violin, clarinet, saxophone and bassoon, soprano to bass. The corpus is free for
# research, and its makers want to know who uses it: fill in the form on
# [its page](http://music.cs.northwestern.edu/data/Bach10.html), and `Bach10_v1.1.zip` arrives. Put
# its path below. An archive from the net can hold links and paths that lead anywhere, or a terabyte
# of zeros; `unzip` looks first and unpacks whole or not at all.

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
# The loader knows the folders of the published corpus (`01-AchGottundHerr`, with a file for each
# player) and any other folder of stems. One piece is set aside and trains nothing:

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
# ## Few recordings, many mixtures
#
# A minute of music is not much to learn from. The project that this chapter takes up,
# [MusicSourceSep](https://github.com/andrezg98/MusicSourceSep), made more of it with
# [scaper](https://github.com/justinsalamon/scaper): a stretch of one piece, all four stems together
# slower or faster (0.8 to 1.2) and higher or lower (two semitones), each stem up to 5 dB louder or
# softer. The voices stay in time and in tune with each other, which is why such mixtures are called
# *coherent*. A network that listens for the violin gets two stems: the violin, and the rest.

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
# ## One mask
#
# [nussl](https://github.com/nussl/nussl)'s *mask inference* looks at the spectrogram frame by
# frame, in both directions of time (a bidirectional LSTM), and says for each bin how much of it
# belongs to the target: a number between nothing and all. The mixture's spectrogram times that mask
# is the estimate; what is left over is the rest. Six configurations were published, A to F:

# %%
from experiments.nussl.musicsourcesep import CONFIGURATIONS, PUBLISHED, target_and_rest

table = pd.DataFrame(asdict(configuration) for configuration in CONFIGURATIONS)
table["steps"] = [configuration.steps for configuration in CONFIGURATIONS]
table.set_index("letter")

# %% [markdown]
# Before it has learnt anything, a network is undecided. Its mask lies about one half everywhere:
# what is half of everything sounds exactly like everything.

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
# ## Watch it learn
#
# Model D for the violin: 75 steps of Adam, five mixtures each, and the loss is the mean difference
# of spectrograms (L1). On two cores that takes a minute. One network twice: with ten different
# mixtures, and with one that is repeated, as in Model F. The validation is the piece left out,
# which only looks on: nothing is chosen by it.

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
for count in (10, 1):
    mixes = CoherentMixes(RECORDINGS, "violin", SECONDS, mixes=count, seed=0)
    run = output_folder("runs") / "03-learning" / f"{BACH10 is not None}-{count}"
    loss = partial(magnitude_l1, source=0)
    history = fit(network(), loss, mixes, VALIDATION, config=TRAINING, folder=run)
    HISTORIES[f"{count} mixture" + "s" * (count > 1)] = pd.DataFrame(history.rows)

# %%
from experiments.curves import plot_training
from helpers.display.figures import publish
from helpers.display.plots import plot_spectrograms

publish(plot_training(HISTORIES), "03_training")

# %% [markdown]
# On what they train on, the two end alike. On the piece that neither has heard (violin and rest
# averaged), ten mixtures are two decibels ahead, and one mixture stops getting better halfway. That
# is one seed and one piece; the table below has five pieces.
#
# ## Mixture, mask, estimate
#
# Four trained networks come with the course, `nussl-violin` to `nussl-bassoon`: Model D, trained on
# four pieces of Bach10. The piece that you heard at the beginning is the fifth. (You can use
# them anywhere: `divisi separate my.wav --model nussl-violin`.)

# %%
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import load_model

NUSSL = {name: load_model(f"nussl-{name}") for name in QUARTET}
estimates = {name: model_separator(model)(HELD_OUT)[name] for name, model in NUSSL.items()}
StemPlayer(estimates, RATE)

# %%
from experiments.nussl.charts import plot_masks, plot_models


def mask_of(model: MaskInference) -> np.ndarray:
    """(bins, frames), the mask of a network for the held-out piece."""
    with torch.no_grad():
        return model.mask(model.stft(torch.from_numpy(HELD_OUT.mixture)).abs())[0].numpy()


masks = {name: mask_of(model) for name, model in NUSSL.items()}
publish(plot_masks(masks, RATE, NUSSL["violin"].config.hop, limit=6_000), "03_masks")

# %%
signals = {"quartet": HELD_OUT.mixture, "violin, estimate": estimates["violin"]}
signals["violin, reference"] = HELD_OUT.stems["violin"]
publish(plot_spectrograms(signals, RATE, mixture=False, limit=6_000), "03_estimate")

# %% [markdown]
# Everything above 4 kHz is the violin's, everything below 200 Hz the bassoon's, and in between lie
# bands: a sensible opinion about who plays where, formed in 75 steps. Some bands follow partials,
# none follows them narrowly, and it cannot: with a window of 512 samples, twelve milliseconds, a
# bin is 86 Hz wide, and the notes of a bassoon are 6 Hz apart. What the violin is given below its
# own lowest note, 196 Hz, is what such bins cannot part. Even an oracle with this window, who knows
# all stems, reaches 3.0 dB on this piece, where its usual window reaches 10.7 (exercise 3).
#
# A question whose answer is known: what does a network for the violin make of a bassoon alone, and
# of a violin alone?

# %%
from helpers.audio.track import Track

for name in ("violin", "bassoon"):
    solo = Track(f"{name} solo", RATE, {name: HELD_OUT.stems[name]})
    estimate = model_separator(NUSSL["violin"])(solo)["violin"]
    level = 10 * np.log10((estimate**2).sum() / (solo.mixture**2).sum())
    print(f"{name} solo: the estimate of the violin has {level:.1f} dB of the input")

# %% [markdown]
# ## Six configurations, every piece left out in turn
#
# `python -m experiments.nussl.sweep` trains all of it: six configurations, four instruments, and
# for each a network per piece that has never heard that piece; half an hour on two cores, and it
# goes on where it was stopped. Each network is measured as in the original: its estimate, and the
# mixture without it as the other source. `Results/` holds the tables in the original's own layout
# (`SepModel_..._FULL_EVAL_RESULTS.csv`), so that the two can be compared with `diff`, and one tidy
# table:

# %%
from helpers.evaluation.results import read_table

rows = read_table(ROOT / "Results" / "03_nussl_bach10.csv").query("system != 'oracle-ibm'")
means = rows[rows["metric"] == "SI-SDR"].pivot_table("value", "system", "instrument")
means = means[list(QUARTET)].assign(mean=lambda frame: frame.mean(axis=1))
published = pd.Series(PUBLISHED).unstack().reindex(columns=QUARTET)
display(means.round(1), published.round(1))

# %%
publish(plot_models(means, published), "03_models")

# %% [markdown]
# A dot is the mean of seven excerpts, a cross what was published. **Steps count**: C and D differ
# in them alone, 10 against 75, and D is 1.4 decibels above C. **Units do not**: E is D with twice
# as many, and 0.7 dB worse, all of it with clarinet and saxophone. **Mixtures do, a little**: F is
# E with one mixture in the place of ten, and falls by another 0.6. All of that is one seed, so
# tenths mean nothing; and all six stay nearer to the floor than to the ceiling.
#
# Beside what was published, the violin of A, B, C and F comes out better here, by 0.5 to 2.6 dB;
# what those owe to other mixtures and excerpts we cannot tell. D and E come out worse, by about
# two; so do E's clarinet and saxophone, by one; and E's bassoon comes out better by 1.6. For E we
# can say why.
#
# ## Where the published numbers come from
#
# Reading the original's code next to its tables tells two things that the tables do not.
#
# **The bassoon's target was everything but the bassoon.** The training stem was picked by its place
# in an alphabetical list, and for the bassoon that place holds the sum of the other three. Of all
# checks this is the cheapest: hand a network's estimate to every possible stem, and see which one
# it resembles. Here is what the estimate of `nussl-bassoon`, and the rest that it leaves, resemble:

# %%
from helpers.evaluation.metrics import si_sdr


def similarity(estimate: np.ndarray) -> dict[str, float]:
    """SI-SDR in dB of an estimate against each stem, and against all but the bassoon."""
    targets = HELD_OUT.stems | {"all but the bassoon": HELD_OUT.mixture - HELD_OUT.stems["bassoon"]}
    return {name: float(si_sdr(estimate[0], stem[0])) for name, stem in targets.items()}


signals = {"estimate": estimates["bassoon"], "rest": HELD_OUT.mixture - estimates["bassoon"]}
signals["mixture"] = HELD_OUT.mixture
pd.DataFrame({name: similarity(signal) for name, signal in signals.items()}).round(1)

# %% [markdown]
# Taken for a bassoon, the rest scores three decibels less than the untouched mixture. That is how a
# network looks that learnt the other three, and the published -6.0 dB lies below the mixture of
# these excerpts too (-5.2): a network that had learnt nothing at all would have stood above it.
#
# **One network went on from piece to piece.** Leaving one out means ten trainings that begin anew.
# In the original, one network was trained on all pieces but the first, measured on the first,
# and then *trained on* with the second left out, and so forth: when it met the second piece it had
# already learnt from it, and the tenth found a network with ten times the steps.
# `python -m experiments.nussl.beyond --carried` does that on purpose (`Model E carried`):

# %%
carried = means.reindex(["mixture", "Model E", "Model E carried"])
pd.concat([carried, pd.DataFrame({"as published": published.loc["Model E"]}).T]).round(1)

# %%
both = rows[rows["system"].str.startswith("Model E") & (rows["metric"] == "SI-SDR")]
both = both.assign(piece=both["track"].str[:2])
both.pivot_table("value", "piece", "system").round(1)

# %% [markdown]
# The first piece has the same numbers twice: until then, nothing differs. From the second on the
# carried network has heard what it is measured on, and it rises, to 1.5 dB more on average over the
# four instruments. Violin and saxophone now stand within half a decibel of what was published, and
# the clarinet above it, after five pieces where the original had ten. So the published numbers of
# Model E are mostly those of networks that had met the piece; the honest ones are two lines
# further up. (What else differs: these are excerpts of five pieces, mixtures of 4 s and not 25, and
# loudness is measured by energy. What those are worth was not tried.)
#
# ## Learn first, then listen
#
# All six networks begin with random weights and hear four pieces for a minute or two. A person who
# is asked to pick out the clarinet has heard clarinets for years. *Model G* of the table is that
# idea: the network `bach-quartet`, which learnt from rendered chorales, recorded single notes and
# solos (none of them from Bach10), fitted for a few minutes to the pieces that are not left out,
# and measured in the same way. It hears pitch as position, as the networks of chapter two do.

# %%
QUARTET_MODEL = load_model("bach-quartet")
quartet = model_separator(QUARTET_MODEL)(HELD_OUT)
StemPlayer(quartet, RATE)

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
publish(plot_spectrograms(signals, RATE, mixture=False, limit=6_000), "03_pretrained")

# %% [markdown]
# Over all seven excerpts, Model G stands at 6.6 dB: violin 7.6, clarinet 7.9, saxophone 6.5,
# bassoon 4.2. Without any fitting `bach-quartet` has 6.2 (`Results/real_recordings.csv`), so nearly
# all of it is what was learnt beforehand, from sound that was not Bach10.
#
# ## Your own recording
#
# Run the cell, choose a recording (any rate, any number of channels), the model and its
# instruments, and press the button. The stems appear under it: hear them beside the mixture, see
# them, take them away as a zip. `quartet` separates all four instruments at once; each of the
# others knows one.

# %%
from helpers.display.own_recording import OwnRecording

OwnRecording({"quartet": QUARTET_MODEL} | {f"nussl-{name}": NUSSL[name] for name in QUARTET})

# %% [markdown]
# Without buttons the same is `helpers.separate("my.wav")`, and in a terminal
# `divisi separate my.wav --model bach-quartet`.

# %% [markdown]
# ## Recap
#
# - Bach10 comes after a form, is unpacked whole or not at all, and makes as many coherent mixtures
#   as one likes: stretched together, levelled one by one.
# - A recurrent network draws one mask for one instrument; 75 steps give it an opinion on who plays
#   where, and one mixture is learnt by heart faster than ten.
# - Its masks are bands and regions, because its bins are wider than the distance of low notes; an
#   oracle with such bins is nearly eight decibels worse.
# - Steps and different mixtures count, units do not: the best of six networks that never met the
#   piece reaches -2.2 dB, from a floor of -4.8.
# - The published bassoon had learnt the other three instruments, and the published networks had
#   heard the pieces they were measured on.
# - A network that learnt from rendered and recorded sound first, then from the other pieces, stands
#   at 6.6 dB where the best of the six stands at -2.2.
# - The last cell, and one line in a terminal, do all of it with your recording.
#
# ### What to try next
#
# With the whole of Bach10 run `python -m experiments.nussl.sweep --data PATH`: ten pieces, each of
# them longer. `--seconds 25` makes mixtures as long as the original's. Chapter four takes the other
# road, more kinds of data and larger networks.
#
# ### Exercises
#
# Solutions, with numbers, are in `Notebooks/solutions/03_nussl_mask_inference.py`.
#
# 1. A mask of one half everywhere: what is its SI-SDR? And what would its SNR be? Guess, compute,
#    and say why the published tables show SNRs of +1 dB beside SI-SDRs of -4 dB.
# 2. The four networks do not know of each other. Do their masks sum to one? Divide each by their
#    sum and measure again.
# 3. Give the oracle the network's window (512 samples) instead of its own. How much of the distance
#    to it is due to the window?
