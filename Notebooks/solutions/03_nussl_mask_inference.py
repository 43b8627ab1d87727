# %% [markdown]
# # Mask inference with nussl on Bach10: solutions
#
# Run it with `python Notebooks/solutions/03_nussl_mask_inference.py`, or cell by cell. Without
# Bach10 it uses a rendered chorale. The numbers in the text are those of our held-out excerpt of
# Bach10 (`01-excerpt05`).

# %%
import numpy as np

from experiments.pieces import chorale
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.baselines import oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr, snr
from helpers.music.splits import TEST
from helpers.training.checkpoints import load_model

# %%
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
SECONDS = 2 if runtime.profile() == "smoke" else 10
DATA = runtime.data_root()
if DATA:
    recording = find_tracks(DATA / "bach10_excerpts")[0].load(channels=1)
else:
    recording = chorale(TEST[0], QUARTET, SECONDS)
RATE = recording.sample_rate
stems = {name: recording.stems[name][:, : SECONDS * RATE] for name in QUARTET}
TRACK = Track(recording.name, RATE, stems)


def mean_si_sdr(estimates: dict[str, np.ndarray]) -> float:
    """Over the four instruments, dB."""
    return np.mean([si_sdr(estimates[name], TRACK.stems[name]) for name in QUARTET])


# %% [markdown]
# **1. Half of everything.** SI-SDR does not depend on the level, so half of the mixture scores as
# the mixture does, -4.8 dB. SNR depends on it. Let $s$ be the stem and $n$ the sum of the others,
# with $\|n\|^2 = 3 \|s\|^2$ and $n$ uncorrelated with $s$. A mask of $c$ gives the estimate
# $c (s + n)$ and
#
# $$\text{SNR} = 10 \log_{10} \frac{\|s\|^2}{(1 - c)^2 \|s\|^2 + c^2 \|n\|^2}$$
#
# which is $-10 \log_{10} ((1 - c)^2 + 3 c^2)$.
#
# This is -4.8 dB for $c = 1$, 0 dB for $c = 1/2$ and 1.2 dB for the best constant, $c = 1/4$. An
# SNR of +1 dB therefore needs no separation at all: a network earns it by making its estimate
# softer. The published SNRs of about +1 dB beside SI-SDRs of -4 dB look like this.

# %%
for share in (1.0, 0.5, 0.25):
    estimates = {name: share * TRACK.mixture for name in QUARTET}
    noise = np.mean([snr(estimates[name], TRACK.stems[name]) for name in QUARTET])
    print(f"a mask of {share:.2f}: SI-SDR {mean_si_sdr(estimates):5.1f} dB, SNR {noise:5.1f} dB")

# %% [markdown]
# **2. Masks that sum to one.** In each bin we divide the estimates by their sum. All of them have
# the phase of the mixture, so this is the same as dividing the masks. In our run the independent
# masks do not sum to one (the mixture minus the sum of the estimates is 10 dB below the mixture).
# The shared masks are 0.3 dB better: -0.1 in place of -0.4 dB.

# %%
models = {name: load_model(f"nussl-{name}") for name in QUARTET}
single = {name: model_separator(models[name])(TRACK)[name] for name in QUARTET}
total = np.sum(list(single.values()), axis=0)
residual = 10 * np.log10(((TRACK.mixture - total) ** 2).sum() / (TRACK.mixture**2).sum())
print(f"the mixture minus the sum of the four estimates: {residual:.1f} dB of the mixture")
shared = oracle_ratio_mask(Track(TRACK.name, TRACK.sample_rate, single, TRACK.mixture))
print(f"SI-SDR: single masks {mean_si_sdr(single):.1f} dB, shared {mean_si_sdr(shared):.1f} dB")

# %% [markdown]
# **3. The window of the oracle.** With a window of 512 samples a bin is 86 Hz wide. The oracle of
# our tables uses 4096 samples and chooses its window by the sample rate, so a track with an eighth
# of the sample rate gets an eighth of the window. In our run the oracle falls from 10.7 to 3.0 dB.
# The networks stand at -0.4 dB here, so of the 11.1 dB between them and the usual oracle 7.7 dB
# come with the window.

# %%
for window, rate in ((4096, RATE), (512, RATE // 8)):
    estimates = oracle_ratio_mask(Track(TRACK.name, rate, TRACK.stems))
    print(f"oracle with a window of {window}: {mean_si_sdr(estimates):.1f} dB")
