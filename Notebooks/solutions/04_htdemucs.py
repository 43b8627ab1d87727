# %% [markdown]
# # Two ears and a meeting: solutions
#
# Run it with `python Notebooks/solutions/04_htdemucs.py`, or cell by cell.

# %%
import numpy as np
import torch

from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.baselines import oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.music import splits
from helpers.music.arrangements import arrangement, excerpts
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.checkpoints import condition_on, load_model

# %%
RATE = 44100
SECONDS = 3 if runtime.profile() == "smoke" else 12
PLAYERS = ("violin", "horn", "piano")
excerpt = excerpts(splits.names("quartet", "test")[0], 12.0)[1]
score = arrangement(excerpt, PLAYERS)
trio = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE)
stems = {name: stem[:, : SECONDS * RATE] for name, stem in trio.stems.items()}
TRIO = Track("Haydn", RATE, {name: 0.05 * stem / stem.std() for name, stem in stems.items()})


def spectrum(wave: np.ndarray, window: int = 4096) -> torch.Tensor:
    """(samples,) -> complex (bins, frames)."""
    hann = torch.hann_window(window)
    return torch.stft(torch.from_numpy(wave), window, window // 4, window=hann, return_complex=True)


# %% [markdown]
# **1. The best window.** A click wants a short one, a tone a long one, and of both together neither
# gets all it wants: the best lies between, and no window puts everything into a hundredth. That is
# what the second ear is for.

# %%
time = np.arange(RATE) / RATE
both = (0.1 * np.sin(2 * np.pi * 440.0 * time)).astype(np.float32)
both[RATE // 2] += np.sqrt((both**2).sum())  # as much energy as the tone
for window in (64, 256, 1024, 4096, 16384):
    energy = spectrum(both, window).abs().square().flatten().sort(descending=True).values
    share = energy[: len(energy) // 100].sum() / energy.sum()
    print(f"window {window:5}: {share:.2f} of the energy in a hundredth of the bins")

# %% [markdown]
# **2. No clocks.** When all keys are alike all weights are alike, whatever is asked: what arrives
# is the mean of all messages. A transformer without an encoding of time does not know the order of
# what it hears.

# %%
melody = torch.tensor([60.0, 64.0, 67.0, 72.0, 71.0, 67.0, 62.0, 60.0], dtype=torch.float64)
asked, keys = torch.ones(5, 8).double(), torch.ones(8, 8).double()
arrived = (asked @ keys.T / 8**0.5).softmax(dim=1) @ melody
print(f"arrived: {arrived.numpy().round(2)}, the mean of the melody: {melody.mean():.2f}")

# %% [markdown]
# **3. Told afterwards.** Whoever knows who plays can take what the untold network gave to the
# others and share it out among the three, bin by bin, in proportion to what each was given. Some
# of what `told` gains comes back. The rest does not: a network that is told decides differently
# from the beginning, because it knows between whom it has to decide.

# %%
CHAMBER = load_model("chamber")
guessed = model_separator(CHAMBER)(TRIO)
knowing = model_separator(condition_on(CHAMBER, PLAYERS))(TRIO)
found = {name: spectrum(guessed[name][0]).abs() for name in PLAYERS}
whole = sum(found.values()) + 1e-9
mixture = spectrum(TRIO.mixture[0])
hann, length = torch.hann_window(4096), TRIO.mixture.shape[1]
shared = {
    name: torch.istft(share / whole * mixture, 4096, 1024, window=hann, length=length)[None].numpy()
    for name, share in found.items()
}


def mean_si_sdr(estimates: dict[str, np.ndarray]) -> float:
    """Over the three instruments, dB."""
    return np.mean([si_sdr(estimates[name], TRIO.stems[name]) for name in PLAYERS])


print(f"mixture {mean_si_sdr(dict.fromkeys(PLAYERS, TRIO.mixture)):.1f} dB")
for words, estimates in (("not told", guessed), ("shared out", shared), ("told", knowing)):
    print(f"{words:10} {mean_si_sdr(estimates):.1f} dB")
print(f"oracle {mean_si_sdr(oracle_ratio_mask(TRIO)):.1f} dB")
