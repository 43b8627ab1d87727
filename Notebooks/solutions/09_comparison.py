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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/divisi-contributors/divisi/blob/main/Notebooks/solutions/09_comparison.ipynb)
#
# # All systems side by side: quality, cost and significance: solutions
#
# These exercises belong to chapter 9. They use its table, and numbers that a random generator
# draws, so they run in seconds.

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

from experiments import comparison
from experiments.comparison_tables import by_metric, by_stem, by_work
from helpers import runtime
from helpers.evaluation.results import read_table
from helpers.evaluation.significance import paired_bootstrap

PATH = runtime.repository_root() / "Results" / f"{comparison.TABLE}.csv"
ROWS = read_table(PATH) if PATH.exists() else None
print("The table is there." if PATH.exists() else "`python -m experiments.comparison` makes it.")

# %% [markdown]
# ## 1. How many works?
#
# A system is better by 0.5 dB on average, and the differences of single works have a standard
# deviation of 1 dB. Draw the differences of 6, 12, 24 and 48 works from a normal distribution, many
# times. How often does the interval of `paired_bootstrap` exclude zero, and how often is its `p`
# below 0.05?

# %% tags=["solution"]
RNG = np.random.default_rng(0)


def found(works: int, mean: float, repeats: int = 60) -> dict[str, float]:
    """The share of experiments in which a difference is found, in both ways."""
    results = [paired_bootstrap(each) for each in RNG.normal(mean, 1.0, (repeats, works))]
    return {
        "interval excludes zero": np.mean([not each.low <= 0 <= each.high for each in results]),
        "p < 0.05": np.mean([each.p < 0.05 for each in results]),
    }


pd.DataFrame({works: found(works, 0.5) for works in (6, 12, 24, 48)}).T.round(2)

# %% [markdown] tags=["solution"]
# With six works the difference is usually missed, with forty-eight it is nearly always found. As a
# rule the half width of the interval is $2 s / \sqrt N$: for a standard deviation of 1 dB it
# becomes smaller than 0.5 dB beyond sixteen works, and then the difference is found in about half
# of the experiments. A comparison with ten or twelve works finds large differences only.

# %% [markdown]
# ## 2. Stems instead of works
#
# Compute the interval of `bach-quartet` minus `chamber` on `quartet-TimGM6mb` twice: with one value
# for each stem, and with one for each work (`by_stem`, `by_work`). Which one is narrower, and which
# one do you trust?

# %% tags=["solution"]
intervals = {}
if ROWS is not None:
    stems = by_stem(ROWS, ["quartet-TimGM6mb"])
    difference = (stems["bach-quartet"] - stems["chamber"]).dropna()
    counts = {"stems": difference, "works": by_work(difference)}
    intervals = {name: paired_bootstrap(values.to_numpy()) for name, values in counts.items()}
pd.DataFrame(intervals.values(), index=list(intervals)).round(2)

# %% [markdown] tags=["solution"]
# The means are about the same; they differ where a work has two movements in the test. The interval
# of the stems treats the stems of a work as independent. They share its notes and its performance,
# and an error in one stem is often found in another one as well. Whether it is narrower depends on
# how different the stems of one work are from each other; only the one of the works answers the
# question what happens on another work.

# %% [markdown]
# ## 3. Another measure, another order?
#
# Rank the systems on `quartet-TimGM6mb` by each of the measures (`by_metric`). Do the orders agree?
# Where they do not, explain why.

# %% tags=["solution"]
order = "The table is missing."
if ROWS is not None:
    table = by_metric(ROWS, "quartet-TimGM6mb").drop(index=["mixture", "oracle-irm"])
    order = table.rank(ascending=False)
order

# %% [markdown] tags=["solution"]
# SI-SDR and SI-SDRi agree by definition, because each stem has one mixture. SI-SAR can have another
# order: a system that changes little has few artifacts, and the mixture itself has none. So a good
# SI-SAR alone says nothing about separation.

# %% [markdown]
# ## 4. Two equal systems
#
# Draw the differences of twelve works with a mean of zero, 200 times. How often is a difference
# found that is not there? What does that mean for a table of ten systems?

# %% tags=["solution"]
print(pd.Series(found(12, 0.0, repeats=200)))
print(f"at least one of 45 independent pairs by chance: {1 - 0.95**45:.0%}")

# %% [markdown] tags=["solution"]
# The p-value promises to be below 0.05 in five of a hundred experiments at most; 200 experiments
# show that only roughly. The interval of the bootstrap excludes zero more often, because it is too
# narrow for twelve values. If the 45 pairs of ten systems were independent, one of them would seem
# to differ almost always. This is why the chapter corrects for many comparisons, and shows the
# critical difference, which allows for all pairs.
