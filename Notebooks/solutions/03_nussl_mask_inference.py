# %% [markdown]
# # One mask for each instrument: solutions
#
# Run it with `python Notebooks/solutions/03_nussl_mask_inference.py`, or cell by cell. Without
# Bach10 a rendered chorale takes its place.

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
# **1. Half of everything.** SI-SDR does not hear the volume, so half of the mixture is the mixture:
# the floor. SNR does. Against a stem s beside equally loud others n the mixture has an error n;
# its half has (n - s) / 2, a quarter of the energy of both together. With three others n has three
# times the energy of s, so the SNR rises from -4.8 dB to 10 log10(4 / 4) = 0 dB, and with a mask of
# a quarter to 10 log10(16 / 12) = 1.2 dB. An SNR of +1 dB is what timidity earns.

# %%
for share in (1.0, 0.5, 0.25):
    estimates = {name: share * TRACK.mixture for name in QUARTET}
    noise = np.mean([snr(estimates[name], TRACK.stems[name]) for name in QUARTET])
    print(f"a mask of {share:.2f}: SI-SDR {mean_si_sdr(estimates):5.1f} dB, SNR {noise:5.1f} dB")

# %% [markdown]
# **2. Masks that sum to one.** The estimates of one bin are divided by their sum; with the
# mixture's phase in all of them, that is the same as dividing the masks.

# %%
models = {name: load_model(f"nussl-{name}") for name in QUARTET}
single = {name: model_separator(models[name])(TRACK)[name] for name in QUARTET}
total = np.sum(list(single.values()), axis=0)
residual = 10 * np.log10(((TRACK.mixture - total) ** 2).sum() / (TRACK.mixture**2).sum())
print(f"the mixture minus the sum of the four estimates: {residual:.1f} dB of the mixture")
shared = oracle_ratio_mask(Track(TRACK.name, TRACK.sample_rate, single, TRACK.mixture))
print(f"SI-SDR: single masks {mean_si_sdr(single):.1f} dB, shared {mean_si_sdr(shared):.1f} dB")

# %% [markdown]
# **3. The oracle's window.** A window of 512 samples sees 86 Hz as one; the oracle's has 4096. It
# chooses by the sample rate, so a track that claims an eighth of its rate gets an eighth of it.

# %%
for window, rate in ((4096, RATE), (512, RATE // 8)):
    estimates = oracle_ratio_mask(Track(TRACK.name, rate, TRACK.stems))
    print(f"oracle with a window of {window}: {mean_si_sdr(estimates):.1f} dB")
