# ---
# jupyter:
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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/09_comparison.ipynb)
#
# # All systems side by side: quality, cost and significance
#
# *Read the tables.* Each of the earlier chapters measures its own networks on its own tests. Here
# all of them separate the same pieces, on the same machine, in one run. You compare what they
# reach and what they cost, find out which differences are more than chance, and choose a system for
# your own recordings.
#
# In this chapter you will
#
# - hear every system on the same piece;
# - read six measures of quality beside each other, and see what each of them hides;
# - compare quality with computing time and size in one picture;
# - see which instruments a system separates well;
# - decide which differences are real, with the paired bootstrap and the critical difference;
# - look up which command to type for your ensemble.
#
# | brick | in this chapter |
# | --- | --- |
# | task | the stems of duos, quartets and a mixed ensemble |
# | data | twelve held-out works, rendered with two soundfonts; recordings of real players |
# | model | every system of the course (`experiments/systems.py`) |
# | evaluation | six measures, costs, intervals, ranks (`helpers/evaluation/significance.py`) |
# | needs | two cores: 1 min (measuring 60); T4: 1 min; disk: 0.1 GB; recordings: none |
#
# All numbers come from one table, `Results/09_comparison.csv`. You need neither recordings nor a
# GPU.

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

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from helpers import runtime

# %% [markdown]
# These are the settings that you may change. Nothing is trained in this chapter. With `MEASURE =
# True` the systems are measured here, into the folder `runs/`, as far as their values are missing
# there. In the `smoke` profile, which the tests use, three systems separate two seconds of two
# pieces.

# %%
SMOKE = runtime.profile() == "smoke"
MEASURE = SMOKE  # True measures here what the table of the course lacks
SECONDS = 2.0 if SMOKE else 6.0  # of the piece that you hear
REFERENCE = "chamber"  # the system that the others are compared with
SOME = ("tones wave-unet", "bach-quartet", "chamber")  # the systems of the smoke profile

# %% [markdown]
# ## The systems
#
# A *system* is one way to get all stems of an ensemble. Some systems are one network with several
# sources. Others are several networks, one for each instrument. The networks of chapter one know no
# instruments, only voices: here the highest voice is assigned to the instrument with the highest
# register. The system `chamber` is given the list of the instruments, as
# `divisi separate --instruments` does.

# %%
from experiments.systems import SYSTEMS, missing
from helpers.training.checkpoints import available_models

CARDS = available_models()
print(missing(CARDS) or "All systems have weights.")
pd.DataFrame(map(asdict, SYSTEMS)).set_index("name")

# %% [markdown]
# ## The same piece, separated by each system
#
# Before the numbers, the sound. The piece is the beginning of a chorale by Bach that no network was
# trained on, rendered with the [**soundfont**](../docs/glossary.md#soundfont) `TimGM6mb`. Switch to
# *True* to hear the true stem.

# %% tags=["sample"]
from experiments.comparison import ENSEMBLES, rendered_tests
from helpers.display.players import StemPlayer

HEARD = {name: rendered_tests(2, SECONDS)[f"{name}-TimGM6mb"][1].load() for name in ENSEMBLES}
StemPlayer(HEARD["quartet"])

# %% [markdown]
# Systems that do not know the quartet separate the same chorale in the scoring that they know.


# %%
def separated(system) -> StemPlayer:
    """A system on the first ensemble that it knows; the quartet comes first."""
    for ensemble in ("quartet", "mixed", "duo"):
        track = HEARD[ensemble]
        if system.knows(track.instruments, CARDS):
            estimates = system.separator(track.instruments)(track)
            return StemPlayer(estimates, references=track, title=f"{system.name}, {ensemble}")
    return None


# %%
players = {system.name: separated(system) for system in SYSTEMS}
for name, player in players.items():
    if player and name != REFERENCE:
        display(player)

# %% tags=["sample"]
players[REFERENCE]

# %% [markdown]
# **Quick questions**
#
# *1. Which system leaves most of the other instruments in its stems, and which one sounds muffled?
# Write down your order before you read on.*
#
# <details><summary>Answer</summary>
#
# Your ears decide. Networks for tones assign by register and leave much of the others. Masks that
# remove much also remove high partials of the wanted instrument, and that sounds muffled.
# </details>
#
# *2. Why do all systems get the same mixture?*
#
# <details><summary>Answer</summary>
#
# Pieces differ more than systems do. On different pieces you would compare the pieces.
# </details>

# %% [markdown]
# ## One table of six measures
#
# The tests are the beginnings of twelve works that are in no training set: movements of string
# quartets by Haydn and Mozart, and chorales by Bach. Each is arranged for three ensembles and
# rendered with two soundfonts. The recordings of real players are excerpts of Bach10, TRIOS and
# URMP. A system has values only where it knows all instruments, and it is not measured on pieces
# that it was trained on. Of the chapter on nussl, the networks that come with the course learned
# from all pieces of Bach10 but one. The recipes of `bach-quartet` and `chamber` were chosen with
# the help of the excerpts of Bach10, so their values there are somewhat too good.

# %%
from experiments import comparison
from experiments.comparison_tables import by_metric, kinds
from helpers.evaluation.results import read_table, results_path

if MEASURE:
    TESTS = comparison.real_tests() | rendered_tests()
    if SMOKE:
        TESTS = {"quartet-TimGM6mb": rendered_tests(2, SECONDS)["quartet-TimGM6mb"]}
    some = [system for system in SYSTEMS if system.name in SOME]
    comparison.compare(TESTS, some if SMOKE else SYSTEMS)
PATH = results_path(comparison.TABLE)
ROWS = read_table(PATH)

# %%
from experiments.studies import overview

overview(PATH)

# %% [markdown]
# `mixture` is the floor, the mixture as the estimate of every stem. `oracle-irm` and `oracle-ibm`
# are [**oracles**](../docs/glossary.md#oracle), masks computed from the true stems. The values are
# means of [**SI-SDR**](../docs/glossary.md#si-sdr) in dB over all stems of a test. An empty cell
# means that a system does not know all of its instruments. One test with all measures:

# %%
QUARTET = "quartet-TimGM6mb"
by_metric(ROWS, QUARTET)

# %% [markdown]
# - **SI-SDR** counts every error except a wrong level; **SI-SDRi** is its improvement over the
#   mixture.
# - [**SI-SIR**](../docs/glossary.md#si-sir) counts only what is left of the other instruments, and
#   [**SI-SAR**](../docs/glossary.md#si-sar) only what belongs to no instrument. A system can raise
#   one at the cost of the other: a mask that removes too much removes the others, but distorts. The
#   mixture itself has no artifacts, so its SI-SAR is only limited by rounding.
# - [**SNR**](../docs/glossary.md#snr) counts a wrong level too, and so does
#   [**SDR**](../docs/glossary.md#sdr) of museval, which is the median over frames of one second.
#
# ### A soundfont that the system has not heard
#
# Which soundfonts a system was trained with is part of its rows (`train_data`). In this table the
# value of a soundfont is marked `new` where the training did not have it.

# %%
from experiments.comparison_tables import by_soundfont

by_soundfont(ROWS)

# %% [markdown]
# Compare the rows in which the second value is new with those in which it is not. Where both
# soundfonts are known, a difference between them says which of them is easier. Where only the
# second is new, it also contains the [**domain gap**](../docs/glossary.md#domain-gap) of chapter
# two. `bach-quartet` and `chamber` know both soundfonts, so for them only the real recordings show
# how well they generalise.
#
# **Quick questions**
#
# *1. A system has a high SI-SIR and a low SI-SAR. How does it sound?*
#
# <details><summary>Answer</summary>
#
# Hardly anything of the other instruments is left, but the wanted one is distorted.
# </details>
#
# *2. Half of the mixture as the estimate: what happens to its SNR, and what to its SI-SDR?*
#
# <details><summary>Answer</summary>
#
# The SNR rises, because the error becomes smaller. The SI-SDR stays as it is. Chapter three
# computes both.
# </details>

# %% [markdown]
# ## Quality against computing time
#
# The [**real-time factor**](../docs/glossary.md#real-time-factor) is the computing time divided by
# the duration of the music:
#
# $$\text{real-time factor} = \frac{\text{computing time}}{\text{duration of the audio}}$$
#
# At 0.1, five minutes of music take half a minute. It is measured for all stems together, on two
# cores, without a GPU. In the picture the area of a circle shows the number of parameters. Up and
# to the left is better.

# %%
from experiments.comparison_charts import plot_gains, plot_ranks, plot_speed
from helpers.display.figures import publish

publish(plot_speed(ROWS), "09_speed")

# %% tags=["hide-input"]
from experiments.comparison_tables import PUBLISHED, costs_of

means = by_metric(ROWS, QUARTET)["SI-SDR"]
factors = costs_of(ROWS)["real-time factor"]
known = means.index.intersection(factors.index)
best, quickest = means[known].idxmax(), factors[known].idxmin()
Markdown(
    f"On `{QUARTET}` the best system is `{best}` with {means[best]:.1f} dB, at a real-time factor "
    f"of {factors[best]:.2f}. The fastest is `{quickest}`: {means[quickest]:.1f} dB at "
    f"{factors[quickest]:.2f}. The mixture has {means['mixture']:.1f} dB, the ratio mask "
    f"{means['oracle-irm']:.1f} dB."
)

# %% [markdown]
# A hollow circle belongs to a system that was measured on some of the pieces only; do not compare
# its height with others. All costs, with the number of examples in training and the memory of the
# whole process:

# %%
costs_of(ROWS).round(2)

# %% [markdown]
# ### What others report
#
# The dotted line is the published mean of MusicSourceSep on the complete pieces of Bach10, of which
# ours are excerpts. Its networks were trained from piece to piece (see chapter three). The other
# published figures are of other music or in another measure, so they have no place in the picture:

# %%
pd.DataFrame(map(asdict, PUBLISHED)).drop(columns="test").round(1).set_index("system")

# %% [markdown]
# MUSDB18 has four fixed stems, drums among them, and 100 songs to train on. A system that is better
# there need not be better for a quartet of four melodies in one register.
#
# **Quick questions**
#
# *1. A system takes four times as long and is better by a decibel. When is it worth it?*
#
# <details><summary>Answer</summary>
#
# For one recording, nearly always, if the decibel is real. For an archive of thousands of hours or
# a rehearsal that waits for the result, perhaps not.
# </details>
#
# *2. Why is it not enough to count parameters?*
#
# <details><summary>Answer</summary>
#
# A weight of a convolution is used at every position, a weight of a linear layer once a frame. Two
# networks with as many parameters can differ greatly in computing time.
# </details>

# %% [markdown]
# ## Which instruments gain
#
# The same values by instrument, as improvement over the mixture (SI-SDRi, dB):

# %%
publish(plot_gains(ROWS), "09_gains")

# %% tags=["hide-input"]
from experiments.comparison_tables import by_stem

gains = by_stem(ROWS, next(iter(kinds(ROWS).values())), "SI-SDRi")[REFERENCE]
by_name = gains.groupby("instrument").mean().sort_values()
Markdown(
    f"On rendered pieces `{REFERENCE}` improves the {by_name.index[0]} least "
    f"({by_name.iloc[0]:.1f} dB) and the {by_name.index[-1]} most ({by_name.iloc[-1]:.1f} dB)."
)

# %% [markdown]
# An improvement depends on where one starts. A soft instrument has a low SI-SDR in the mixture, so
# it can gain more than a loud one. Compare systems within a column rather than instruments within a
# row.

# %% [markdown]
# ## Which differences are real?
#
# Twelve works are few. Had we chosen other works, the means would be different, and perhaps the
# order as well. Two facts make a comparison sharper. First, all systems separate the same pieces,
# so we look at the *difference* on each piece: a hard piece is hard for both. This is a [**paired
# comparison**](../docs/glossary.md#paired-comparison). Second, the stems of a work are not
# independent of each other, so we average them and count works, not stems.
#
# For the mean difference $\bar d = \frac{1}{N} \sum_i d_i$ over $N$ works, the
# [**bootstrap**](../docs/glossary.md#bootstrap) draws $N$ of these works with replacement, computes
# the mean, and repeats this 10,000 times. The middle 95 % of the means are the [**confidence
# interval**](../docs/glossary.md#confidence-interval). One pair, step by step:

# %%
from experiments.comparison_tables import by_work

stems = by_stem(ROWS, [QUARTET])
pair = by_work(stems["bach-quartet"] - stems[REFERENCE])
rng = np.random.default_rng(0)
drawn = rng.choice(pair, (10_000, len(pair))).mean(axis=1)
print(
    f"{len(pair)} works, mean {pair.mean():.2f} dB, "
    f"95 % of the means from {np.quantile(drawn, 0.025):.2f} to {np.quantile(drawn, 0.975):.2f}"
)
pair.round(1)

# %% [markdown]
# Every system against the reference, on the stems that both separate. `real` says that the interval
# does not contain zero and that there are at least six works. With five works even five differences
# of the same sign have a probability of $2 \cdot 2^{-5} = 0.06$ if both systems are equal.

# %%
from experiments.comparison_tables import differences

for kind, tests in kinds(ROWS).items():
    display(Markdown(f"**{kind}**, dB more than `{REFERENCE}`"))
    display(differences(ROWS, REFERENCE, tests))

# %% tags=["hide-input"]
sentences = []
for kind, tests in kinds(ROWS).items():
    found = differences(ROWS, REFERENCE, tests)
    better = found[found["real"] & (found["difference"] > 0)].index
    worse = found[found["real"] & (found["difference"] < 0)].index
    open_ = found[~found["real"]].index
    groups = {"better": better, "worse": worse, "not shown to differ": open_}
    listed = [f"{word}: {', '.join(names) or 'none'}" for word, names in groups.items()]
    sentences.append(f"On {kind} pieces, compared with `{REFERENCE}`: {'; '.join(listed)}.")
Markdown(" ".join(sentences))

# %% [markdown]
# ### All pairs at once
#
# An interval of 95 % is wrong in one of twenty cases. With ten systems there are 45 pairs, and one
# or two of them would look different by chance. The [**Friedman
# test**](../docs/glossary.md#friedman-test) asks first whether the systems differ at all: it ranks
# them on each work. If they do, the Nemenyi test says how far two mean ranks
# must be apart ([Demšar, 2006](https://www.jmlr.org/papers/v7/demsar06a.html)), the [**critical
# difference**](../docs/glossary.md#critical-difference). With $k$ systems, $N$ works and the
# quantile $q$ of the studentised range,
#
# $$CD = q \sqrt{\frac{k (k + 1)}{6 N}}$$

# %%
from experiments.comparison_charts import RANKED
from experiments.comparison_tables import ranked

RANKS = ranked(ROWS, RANKED)
publish(plot_ranks(RANKS), "09_ranks") if RANKS else print("Ranks need three systems.")

# %% tags=["hide-input"]
if RANKS:
    alike = "; ".join(", ".join(group) for group in RANKS.groups)
    display(
        Markdown(
            f"Over {RANKS.pieces} works, p = {RANKS.p:.2g} that all {len(RANKS.mean)} systems are "
            f"equal; the critical difference is {RANKS.critical:.1f} ranks. The test cannot tell "
            f"apart: {alike or 'none of them'}."
        )
    )

# %% [markdown]
# Two systems differ where their bars do not overlap. The test is careful: it knows only the order
# on each work and not by how many decibels, and it allows for all pairs. So it finds fewer
# differences than the intervals do.
#
# **Quick questions**
#
# *1. Two systems differ by 0.5 dB with an interval from -0.2 to 1.2 dB. Are they equally good?*
#
# <details><summary>Answer</summary>
#
# That was not shown. The interval allows for a difference of 1.2 dB as well as for none. More
# works make it narrower.
# </details>
#
# *2. Why does the bootstrap draw works and not stems?*
#
# <details><summary>Answer</summary>
#
# Four stems of one chorale share its notes, its tempo and its room. Counted as four, they would
# make the interval about half as wide, although they say little more than one.
# </details>

# %% [markdown]
# ## Which one for your recording?
#
# For each ensemble, the best system on the test that comes nearest to a real recording, and the
# fastest one that reaches at least half of its improvement, if it is another. `minutes` is what
# five minutes of music take on two cores.

# %%
from experiments.comparison_tables import advice

pd.set_option("display.max_colwidth", None)
advice(ROWS).set_index(["ensemble", "you want"])

# %% tags=["hide-input"]
first = advice(ROWS).iloc[0]
Markdown(
    f"For instance, the {first['ensemble']} on `{first['test']}`: `{first['command']}` reaches "
    f"{first['SI-SDR']:.1f} dB, the mixture {first['mixture']:.1f} dB. Other ensembles: "
    "`divisi separate my.wav` detects the instruments, and `--instruments` is better where you "
    "know them."
)

# %% [markdown]
# If you have a score, none of these systems reads it: all of them work from the recording alone.
# The table cannot say what a score is worth.
#
# Take the advice as what it is. A test with one recording of one ensemble says little about others.
# Listen, and trust your ears more than a decibel.

# %% [markdown]
# ## Recap
#
# - **Sound.** The same piece, separated by each system, is the quickest comparison, and the one
#   that counts.
# - **Measures.** SI-SDR is a summary. SI-SIR and SI-SAR tell remains of the others from distortion;
#   SNR and SDR also count the level.
# - **Cost.** Real-time factor, memory and parameters say different things. Quality has to be read
#   beside them.
# - **Instruments.** A mean hides that a system may fail for one instrument; the gains show it.
# - **Significance.** Differences are computed piece by piece, and works are counted, not stems.
#   Intervals compare two systems; the critical difference allows for all pairs.
# - **Choice.** The table of advice gives a command for an ensemble, and the figure behind it.
#
# ### What to try next
#
# `python -m experiments.comparison` measures everything again. A system of your own is one line in
# `experiments/systems.py`; only what is missing is measured then.
#
# ### Exercises
#
# Work in [the exercises](exercises/09_comparison.ipynb); [the
# solutions](solutions/09_comparison.ipynb) explain their answers.
#
# 1. How many works does it take to show a difference of half a decibel?
# 2. Count stems instead of works. What happens to the intervals?
# 3. Does the order of the systems depend on the measure?
# 4. How often do two equal systems seem to differ?

# %% [markdown]
# ### References
#
# - J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006,
#   [jmlr.org](https://www.jmlr.org/papers/v7/demsar06a.html).
# - B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", Chapman and Hall, 1993.
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - F.-R. Stöter, A. Liutkus and N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA
#   2018, [arXiv 1804.06267](https://arxiv.org/abs/1804.06267).
