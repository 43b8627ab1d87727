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
# all of them separate the same pieces, on the same machine. You compare what they reach and what
# they cost, find out which differences are more than chance, and choose a system for your own
# recordings.
#
# In this chapter you will
#
# - hear every system on the same piece;
# - read six measures of quality beside each other, and see what each of them hides;
# - compare quality with computing time and size in one picture;
# - see which instruments a system separates well;
# - decide which differences are real, with the paired bootstrap and the critical difference;
# - look up which command to type for your ensemble, with a score and without.
#
# | brick | in this chapter |
# | --- | --- |
# | task | the stems of duos, quartets and a mixed ensemble |
# | data | twelve held-out pieces, rendered with two soundfonts; recordings of real players |
# | model | every system of the course (`experiments/systems.py`) |
# | evaluation | six measures, costs, intervals, ranks (`helpers/evaluation/significance.py`) |
# | needs | two cores: 2 min; T4: not tested; disk: 0.1 GB; recordings: none |
#
# All numbers come from one table, `Results/09_comparison.csv`, and those with a score from the
# table of chapter 8. You need neither recordings nor a GPU.

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
# sources. Others are several networks, one for each instrument. The networks of chapter 1 know no
# instruments, only voices: here the highest voice is assigned to the instrument with the highest
# register. The system `chamber` is given the list of the instruments, as
# `divisi separate --instruments` does; `chamber detected` is the same network, which has to detect
# them. `ensemble` and `ensemble detected` are the same with the model of chapter 4 that knows more
# instruments, and two players of many. What separates with a score (chapter 8) comes at the end.

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
def separated(system) -> StemPlayer | None:
    """A system on the first ensemble that it knows; the quartet comes first."""
    for ensemble in ("quartet", "mixed", "duo"):
        track = HEARD[ensemble]
        if system.knows(track.instruments, CARDS):
            estimates = system.separator(track.instruments)(track)
            return StemPlayer(estimates, references=track, title=f"{system.name}, {ensemble}")
    return None


# %%
CHOSEN = [system for system in SYSTEMS if not SMOKE or system.name in SOME]
players = {system.name: separated(system) for system in CHOSEN}
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
# Your ears decide. The table below has a measure for both: SI-SIR for what is left of the others,
# and SI-SAR for distortion, such as that of a mask which also removes high partials of the wanted
# instrument.
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
# The tests are the beginnings of twelve pieces that are in no training set: four movements of two
# string quartets by Haydn and Mozart, and eight chorales by Bach. Each is arranged for three
# ensembles and rendered with two soundfonts. The recordings of real players are excerpts of Bach10,
# TRIOS and URMP. A system has values only where it knows all instruments, and it is not measured on
# pieces that it was trained on. The networks of chapter 3 that come with the course learned from
# all pieces of Bach10 but one. The recipes of `bach-quartet`, `chamber` and `ensemble` were chosen
# with the help of the excerpts of Bach10, so their values there are somewhat too good.

# %%
from experiments import comparison
from experiments.comparison_tables import by_metric, kinds
from helpers.evaluation.results import read_table, results_path

if MEASURE:
    TESTS = comparison.real_tests() | rendered_tests()
    if SMOKE:
        TESTS = {"quartet-TimGM6mb": rendered_tests(2, SECONDS)["quartet-TimGM6mb"]}
    comparison.compare(TESTS, CHOSEN)
PATH = results_path(comparison.TABLE)
ROWS = read_table(PATH) if PATH.exists() else None


# %%
def shown(make):
    """What a function makes of the table, or a sentence where there is no table."""
    missing = "Not measured yet: `python -m experiments.comparison` makes the table."
    return missing if ROWS is None else make()


# %%
from experiments.studies import overview

shown(lambda: overview(PATH))

# %% [markdown]
# `mixture` is the floor, the mixture as the estimate of every stem. `oracle-irm` and `oracle-ibm`
# are [**oracles**](../docs/glossary.md#oracle), masks computed from the true stems. The values are
# means of [**SI-SDR**](../docs/glossary.md#si-sdr) in dB over all stems of a test. An empty cell
# means that a system has no values for some of the stems, such as those of an instrument that it
# does not know. `-inf` means that it missed an instrument and gave silence. Stems that it missed
# are left out of differences and gains (column `missed`), and a system with a missed stem is left
# out of means, ranks and advice. One test with all measures:

# %%
QUARTET = "quartet-TimGM6mb"
shown(lambda: by_metric(ROWS, QUARTET).round(1))

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

shown(lambda: by_soundfont(ROWS))

# %% [markdown]
# Compare the rows in which the second value is new with those in which it is not. Where both
# soundfonts are known, a difference between them says which of them is easier. Where only the
# second is new, it also contains the [**domain gap**](../docs/glossary.md#domain-gap) of chapter 2.
# For systems that know both, such as `bach-quartet` and `chamber`, only the real recordings show
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
# The SNR rises, because the error becomes smaller. The SI-SDR stays as it is. Chapter 3 computes
# both.
# </details>

# %% [markdown]
# ## Quality against computing time
#
# The [**real-time factor**](../docs/glossary.md#real-time-factor) is the computing time divided by
# the duration of the music:
#
# $$\text{real-time factor} = \frac{\text{computing time}}{\text{duration of the audio}}$$
#
# At 0.1, five minutes of music take half a minute. It is measured for all stems of an ensemble
# together, on two cores, without a GPU, and with every ensemble that a system knows: a system with
# one network for each instrument takes longer for a quartet than for a duo. Each panel of the
# picture has the factor of its own ensemble. The area of a circle shows the number of parameters,
# and `new` that the soundfont is new to the system. Up and to the left is better.

# %%
from experiments.comparison_charts import plot_gains, plot_ranks, plot_speed
from experiments.comparison_tables import PUBLISHED, costs_of
from helpers.display.figures import publish

shown(lambda: publish(plot_speed(ROWS), "09_speed"))


# %% tags=["hide-input"]
def best_and_fastest() -> str:
    means = by_metric(ROWS, QUARTET)["SI-SDR"]
    factors = costs_of(ROWS, "quartet")["real-time factor"].reindex(means.index).dropna()
    best, fastest = means[factors.index].idxmax(), factors.idxmin()
    return (
        f"On `{QUARTET}` the best system is `{best}` with {means[best]:.1f} dB, at a real-time"
        f" factor of {factors[best]:.2f}. The fastest is `{fastest}`: {means[fastest]:.1f} dB at"
        f" {factors[fastest]:.2f}. The mixture has {means['mixture']:.1f} dB, the ratio mask"
        f" {means['oracle-irm']:.1f} dB."
    )


Markdown(shown(best_and_fastest))

# %% [markdown]
# A hollow circle belongs to a system that has values for some of the stems only; do not compare its
# height with others. All costs with each ensemble, with the number of examples in training (0 where
# it is not known) and the memory of the whole process:


# %%
def all_costs() -> pd.DataFrame:
    costs = {ensemble: costs_of(ROWS, ensemble) for ensemble in ENSEMBLES}
    return pd.concat(costs, names=["ensemble"]).round(2)


shown(all_costs)

# %% [markdown]
# ### What others report
#
# The dotted line is the published mean of MusicSourceSep on the complete pieces of Bach10, of which
# ours are excerpts (see chapter 3). The other published figures are of other music or in another
# measure, so they have no place in the picture:

# %%
pd.DataFrame(map(asdict, PUBLISHED)).drop(columns="test").round(1).set_index("system")

# %% [markdown]
# MUSDB18 has four fixed stems, drums among them, and 100 songs to train on. A system that is better
# there need not be better for a quartet.
#
# **Quick questions**
#
# *1. A system takes four times as long and is better by a decibel. When is it worth it?*
#
# <details><summary>Answer</summary>
#
# For one recording, nearly always, if the decibel is not chance. For an archive of thousands of
# hours or a rehearsal that waits for the result, perhaps not.
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
# The same values by instrument, as improvement over the mixture (SI-SDRi, dB), with a panel for
# each test:

# %%
shown(lambda: publish(plot_gains(ROWS), "09_gains"))

# %% tags=["hide-input"]
from experiments.comparison_tables import by_stem


def least_and_most() -> str:
    rendered = by_stem(ROWS, kinds(ROWS)["rendered"], "SI-SDRi")[REFERENCE]
    gains = rendered.groupby("instrument").mean().sort_values()
    return (
        f"On rendered pieces `{REFERENCE}` improves the {gains.index[0]} least ({gains.iloc[0]:.1f}"
        f" dB) and the {gains.index[-1]} most ({gains.iloc[-1]:.1f} dB)."
    )


Markdown(shown(least_and_most))

# %% [markdown]
# An improvement depends on where one starts. A soft instrument has a low SI-SDR in the mixture, so
# it can gain more than a loud one. Compare systems within a column rather than instruments within a
# row. On recordings a column may still hold different pieces, because a system is measured on those
# whose instruments it knows and which it has not learned from.

# %% [markdown]
# ## Which differences are more than chance?
#
# A few works are a small sample. Had we chosen other works, the means would be different, and
# perhaps the order as well. Two facts make a comparison sharper. First, all systems separate the
# same pieces, so we look at the *difference* on each piece: a hard piece is hard for both. This is
# a [**paired comparison**](../docs/glossary.md#paired-comparison). Second, the stems of a work are
# not independent of each other, so we average them and count works, not stems. Movements of one
# quartet are one work, and so are excerpts of one recording.
#
# For the mean difference $\bar d = \frac{1}{N} \sum_i d_i$ over $N$ works, the
# [**bootstrap**](../docs/glossary.md#bootstrap) draws $N$ of these works with replacement, computes
# the mean, and repeats this 10,000 times. The middle 95 % of the means are the [**confidence
# interval**](../docs/glossary.md#confidence-interval). One pair, step by step:

# %%
from experiments.comparison_tables import by_work

if ROWS is not None:
    stems = by_stem(ROWS, [QUARTET])
    pair = by_work(stems["bach-quartet"] - stems[REFERENCE])
    drawn = np.random.default_rng(0).choice(pair, (10_000, len(pair))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"{len(pair)} works, mean {pair.mean():.2f} dB")
    print(f"95 % of the means from {low:.2f} to {high:.2f} dB")
    display(pair.round(1))

# %% [markdown]
# A second question is whether chance alone could do this. If two systems were equal, each
# difference could as well have the other sign. The *p-value* is the share of all choices of signs
# whose mean is at least as far from zero. With five works even five differences of the same sign
# have $p = 2 \cdot 2^{-5} = 0.06$, which is not enough for the usual limit of 0.05.
#
# Every system against the reference, on the stems that both separate. There are many of them, so
# `significant` says that $p < 0.05$ after Holm's correction for [**multiple
# comparisons**](../docs/glossary.md#multiple-comparisons). A stem in `missed` has no difference, so
# a system with missed stems is worse than its row says.

# %%
from experiments.comparison_tables import differences, least_p

KINDS = {} if ROWS is None else kinds(ROWS)
FOUND = {kind: differences(ROWS, REFERENCE, tests) for kind, tests in KINDS.items()}
FOUND = {kind: found for kind, found in FOUND.items() if len(found)}
for kind, found in FOUND.items():
    display(Markdown(f"**{kind}**, dB more than `{REFERENCE}`"))
    display(found)


# %% tags=["hide-input"]
def too_few(kind: str, found: pd.DataFrame) -> str:
    return (
        f"On {kind} pieces there are at most {found['works'].max():.0f} works. If a system were"
        f" better in all of them, its p would still be {least_p(found):.2g} after Holm's correction"
        f" for {len(found)} comparisons: no difference there can be significant, however large."
    )


# %% tags=["hide-input"]
def verdict(kind: str, found: pd.DataFrame) -> str:
    if least_p(found) >= 0.05:
        return too_few(kind, found)
    sure, positive = found["significant"].astype(bool), found["difference"] > 0
    groups = {"better": sure & positive, "worse": sure & ~positive, "not shown to differ": ~sure}
    listed = [f"{word}: {', '.join(found.index[g]) or 'none'}" for word, g in groups.items()]
    return f"On {kind} pieces, compared with `{REFERENCE}`: {'; '.join(listed)}."


Markdown(shown(lambda: " ".join(verdict(*each) for each in FOUND.items())))

# %% [markdown]
# One thing no interval here contains: every system was trained once. Another seed of the same
# training would differ a little, too.
#
# ### All pairs at once
#
# With ten systems there are 45 pairs, and about two of them would look different at $p < 0.05$ by
# chance. The [**Friedman test**](../docs/glossary.md#friedman-test) asks first whether the systems
# differ at all: it ranks them on each work. If they do, the Nemenyi test says how far two mean
# ranks must be apart ([Demšar, 2006](https://www.jmlr.org/papers/v7/demsar06a.html)), the
# [**critical difference**](../docs/glossary.md#critical-difference). With $k$ systems, $N$ works
# and the quantile $q$ of the studentised range, divided by $\sqrt 2$,
#
# $$CD = q \sqrt{\frac{k (k + 1)}{6 N}}$$

# %%
from experiments.comparison_charts import RANKED
from experiments.comparison_tables import ranked

tests = RANKED if ROWS is not None else ()
RANKS = {test: each for test in tests if (each := ranked(ROWS, test))}
publish(plot_ranks(RANKS), "09_ranks") if RANKS else "Ranks need three systems in the table."

# %% tags=["hide-input"]
for test, each in RANKS.items():
    alike = "; ".join(", ".join(group) for group in each.groups)
    display(
        Markdown(
            f"`{test}`: over {each.pieces} works, p = {each.p:.2g} if all {len(each.mean)} systems"
            f" are equal; the critical difference is {each.critical:.1f} ranks. The test cannot"
            f" tell apart: {alike or 'none of them'}."
        )
    )

# %% [markdown]
# Two systems differ where their bars do not overlap. The test is careful: it knows only the order
# on each work and not by how many decibels, and it allows for all pairs. So do not be surprised if
# it finds fewer differences.
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
# Four stems of one chorale share its notes and its tempo. Counted as four independent values, they
# make the interval narrower than four values of one piece justify.
# </details>

# %% [markdown]
# ## Which one for your recording?
#
# For each ensemble, the best system on the test that comes nearest to a real recording, and the
# fastest one that reaches at least half of its improvement, if it is another. `minutes` is how long
# you wait for five minutes of music of this ensemble on two cores. There is no row where no system
# improves the mixture. *with the score* is the network `guided` of chapter 8, on the tests of that
# chapter; its time is not measured.

# %%
from experiments.comparison_tables import advice
from experiments.score_tables import guided_and_blind, means, published_rows

SCORED = published_rows("08_score_informed")
pd.set_option("display.max_colwidth", None)
ADVICE = shown(lambda: advice(ROWS, SCORED).set_index(["ensemble", "you want"]))
ADVICE

# %% [markdown]
# For any other ensemble, `divisi separate my.wav` detects the instruments. Name them with
# `--instruments` where you know them: the table of differences compares `chamber detected` with
# `chamber`, and its column `missed` counts the instruments that were not detected. A system of
# several models has one command for each.
#
# **Do you have the score?** What it gives on each test of chapter 8, mean SI-SDR in dB on
# recordings and rendered pieces with their scores:

# %%
SCORED = SCORED[SCORED["system"].isin(["mixture", "chamber", "guided", "oracle-irm"])]
means(SCORED)

# %% tags=["hide-input"]
Markdown(guided_and_blind(SCORED))

# %% [markdown]
# `chamber` has one stem for all violins, so it has no value where two of them play. Chapter 8 also
# measures how wrong a score may be.
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
#   Intervals and p-values compare two systems; many comparisons need a correction, and the critical
#   difference allows for all pairs.
# - **Choice.** The table of advice gives a command for an ensemble, with a score and without, and
#   the figure behind it.
#
# ### What to try next
#
# A system of your own is one line in `experiments/systems.py`; `python -m experiments.comparison`
# then measures only what is missing.
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
# - S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
#   Statistics, 1979.
# - J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", ICASSP
#   2019, [arXiv 1811.02508](https://arxiv.org/abs/1811.02508).
# - F.-R. Stöter, A. Liutkus and N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA
#   2018, [arXiv 1804.06267](https://arxiv.org/abs/1804.06267).
