"""What a separator listens to: occlusion, integrated gradients, and linear probes.

Two questions are kept apart. A mask decides how much of a bin goes to a stem, and an estimate is
that share of the mixture. So a change in a bin always changes the estimate in this bin; what tells
about the network is how it changes the estimate elsewhere, or the masks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from ..music.scores import Note

Separate = Callable[[np.ndarray], np.ndarray]  # mixture (C, T) -> stems (S, C, T)

PARTIALS = 10
CENTS = 40.0  # on either side of a partial
PENALTY = 1e-2  # of a probe's weights, for each frame
SOUNDS = 1e-6  # share of its energy that a stem must have in a part, for changes of it to count


def frequency_influence(
    separate: Separate, mixture: np.ndarray, sample_rate: int, edges: Sequence[float]
) -> np.ndarray:
    """How the stems change in each band when another band of the mixture is silenced.

    edges: of the bands, in Hz, increasing. Returns (S, silenced, observed): the energy of the
    change relative to that of the stem in the observed band, NaN where it has none. A filter that
    does not listen has ones on the diagonal and zeros elsewhere.

    Occlusion as in Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV
    2014, of bands instead of patches.
    """
    samples = mixture.shape[-1]
    places = [round(edge * samples / sample_rate) for edge in edges]
    bands = [slice(*both) for both in zip(places, places[1:], strict=False)]
    return _influence(
        separate, mixture, bands, np.fft.rfft, lambda spectrum: np.fft.irfft(spectrum, samples)
    )


def time_influence(
    separate: Separate, mixture: np.ndarray, sample_rate: int, seconds: float
) -> np.ndarray:
    """How the stems change at each time when the mixture is silenced at another.

    seconds: of the pieces that are silenced; what is left at the end stays. Returns (S, silenced,
    observed) as `frequency_influence`.
    """
    step = round(seconds * sample_rate)
    spans = [slice(k, k + step) for k in range(0, mixture.shape[-1] - step + 1, step)]
    return _influence(separate, mixture, spans, np.asarray, np.asarray)


def _influence(
    separate: Separate,
    mixture: np.ndarray,
    parts: Sequence[slice],
    forth: Callable[[np.ndarray], np.ndarray],
    back: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """parts: of the last axis of what `forth` gives; `back` is its inverse."""
    whole, stems = forth(mixture), forth(separate(mixture))
    energies = np.stack([_energy(stems[..., part]) for part in parts], axis=-1)  # (S, parts)
    found = []
    for silenced in parts:
        rest = whole.copy()
        rest[..., silenced] = 0
        change = forth(separate(back(rest).astype(np.float32))) - stems
        found.append(np.stack([_energy(change[..., part]) for part in parts], axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack(found, axis=1) / energies[:, None]
    sounds = energies > SOUNDS * energies.sum(axis=-1, keepdims=True)
    return np.where(sounds[:, None], shares, np.nan)


def _energy(stems: np.ndarray) -> np.ndarray:
    """(S, C, K) -> (S,)."""
    return np.square(np.abs(stems), dtype=np.float64).sum((1, 2))


def beside(influence: np.ndarray) -> float:
    """The mean influence (..., n, n) of a part on the others, changes above 100 % counted as 100 %.

    0 for a filter that does not listen.
    """
    off = ~np.eye(influence.shape[-1], dtype=bool)
    return float(np.nanmean(np.minimum(influence[..., off], 1.0)))


@dataclass(frozen=True, eq=False)
class Attribution:
    """gradient: the mean gradient between baseline and input. difference: the input less the
    baseline; both of the input's shape."""

    gradient: Tensor
    difference: Tensor

    @property
    def shares(self) -> Tensor:
        """The share of each element in the difference of the outputs."""
        return self.gradient * self.difference


def integrated_gradients(
    function: Callable[[Tensor], Tensor], value: Tensor, baseline: Tensor, steps: int = 16
) -> Attribution:
    """What each element of `value` adds to function(value) - function(baseline).

    The gradient is the mean on the straight line from baseline to value, at the middles of `steps`
    equal pieces. For enough steps the shares sum to the whole difference.

    Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017, eq. 1.
    """
    total = torch.zeros_like(value)
    for number in range(steps):
        point = baseline + (number + 0.5) / steps * (value - baseline)
        point = point.detach().requires_grad_()
        total += torch.autograd.grad(function(point), point)[0]
    return Attribution(total / steps, value - baseline)


def mask_attribution(
    model: nn.Module, mixture: Tensor, source: str, steps: int = 16
) -> tuple[Attribution, float]:
    """What each bin of the spectrogram that a mask network sees does to the mask of a source.

    mixture: (T,), at the rate of the model. The function is the share of the mixture's energy that
    the mask gives to the source; the mixture that is multiplied stays as it is, so that only what
    the network hears counts. The baseline has the power of each frame evenly on all bins that the
    network sees, and so no partials.

    Returns the attribution of these bins (F, N), whose shares sum to the share of the energy less
    that for the baseline, and this difference.
    """
    place = list(model.config.sources).index(source)
    active = model.active[None]
    magnitude = model.stft(mixture[None]).abs()  # (1, all bins, N)
    energy = magnitude.square()
    seen = magnitude[:, : len(model.synthesis)]
    flat = seen.square().mean(dim=1, keepdim=True).sqrt().expand_as(seen)

    def share(visible: Tensor) -> Tensor:
        features, _ = model.features(visible, active)
        mask = model.masks(features, active, magnitude.shape[1])[:, place]
        return (mask.square() * energy).sum() / energy.sum()

    found = integrated_gradients(share, seen, flat, steps)
    with torch.no_grad():
        whole = float(share(seen) - share(flat))
    return Attribution(found.gradient[0], found.difference[0]), whole


def on_partials(notes: Iterable[Note], hertz: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Which bins lie within 40 cents, or a bin, of a partial of a note that sounds: bool (F, N).

    hertz: (F,) of the bins in equal steps. seconds: (N,) of the frames.
    """
    on = np.zeros((len(hertz), len(seconds)), bool)
    width, step = 2 ** (CENTS / 1200), hertz[1] - hertz[0]
    for note in notes:
        frames = (seconds >= note.onset) & (seconds < note.onset + note.duration)
        partials = 440 * 2 ** ((note.pitch - 69) / 12) * np.arange(1, PARTIALS + 1)[:, None]
        near = (hertz > partials / width - step / 2) & (hertz < partials * width + step / 2)
        on |= near.any(axis=0)[:, None] & frames
    return on


def attribution_by_partials(
    attribution: np.ndarray, own: np.ndarray, others: np.ndarray
) -> dict[str, float]:
    """The sums of an attribution (F, N) over own partials, over those of others alone, and over the
    rest, relative to the sum of its absolute values."""
    whole = float(np.abs(attribution).sum()) or 1.0
    places = {"own": own, "others": others & ~own, "elsewhere": ~own & ~others}
    return {name: float(attribution[place].sum()) / whole for name, place in places.items()}


def randomised(model: nn.Module, layers: Iterable[str], seed: int = 0) -> nn.Module:
    """A copy with new random weights in these layers, named as in `model.named_modules()`."""
    changed = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in layers:
            for module in changed.get_submodule(name).modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
    return changed


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of the absolute values of two attributions of the same shape.

    It must fall when the weights are random: Adebayo et al., "Sanity checks for saliency maps",
    NeurIPS 2018. Shares may pass for what the input does, which they are multiplied by; gradients
    are not.
    """
    return float(spearmanr(np.abs(one).ravel(), np.abs(other).ravel())[0])


def probe(
    states: np.ndarray, labels: np.ndarray, test_states: np.ndarray, test_labels: np.ndarray
) -> float:
    """How often a linear classifier is right that reads a label from hidden states.

    states: (frames, units), labels: (frames,), to fit; the others to test on. Ridge regression on
    indicators of the labels, units standardised. What it reads must be there in a linear form; only
    the comparison with an untrained network tells that training put it there.

    Alain and Bengio, "Understanding intermediate layers using linear classifier probes", ICLR
    workshop 2017.
    """
    known, indices = np.unique(labels, return_inverse=True)
    mean, scale = states.mean(axis=0), states.std(axis=0) + 1e-6
    x = (states - mean) / scale
    y = np.eye(len(known))[indices]
    gram = x.T @ x + PENALTY * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (y - y.mean(axis=0)))
    scores = (test_states - mean) / scale @ weights + y.mean(axis=0)
    return float(np.mean(known[scores.argmax(axis=1)] == test_labels))
