"""Measures of a separation that need no reference, of one window of a recording.

A mixture is float (channels, samples), its stems (sources, channels, samples). `again` separates
another mixture with the same model: each measure that needs it costs one more separation of the
window. It is told how the mixture was changed, since a model may follow a score: by how many
seconds each source is later (what would pass the end comes at the beginning), and the factor by
which all is faster and higher. Which quality the measures indicate is learned: see
`quality_estimate.py`.

All agreements are SI-SDR in dB, limited to -10 to 40 dB, of the new stems against the first ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from ..audio.resampling import resample
from ..music.scores import Part, Score
from .metrics import si_sdr

Again = Callable[[np.ndarray, Sequence[float], float], np.ndarray]
Measures = dict[str, np.ndarray]  # by name, (sources,) each
Pairs = Sequence[tuple[int, int]]  # see `interchangeable`

WINDOW = 5.0  # seconds of a window, for those who cut recordings
LIMITS = (-10.0, 40.0)  # dB, of agreements
GAIN = 3.0  # dB, standard deviation of the balance of a new mix
SHIFT = 0.05  # seconds
SEMITONE = 2 ** (1 / 12)
FRAME = 0.093  # seconds of an STFT window; its hop is a quarter
HIGHEST = 8000.0  # Hz that spectra reach; above it, partials are weak
NEIGHBOURS = 9  # frames over which coherence is estimated: 0.3 s
RESTS = 20.0  # dB that a stem is below its own loudest frames where it rests
LEAKS = (-60.0, 0.0)  # dB, of leakage
PARTIALS = 10
TINY = 1e-12
CENTS = 40.0  # on either side of a partial


def measures(
    again: Again,
    mixture: np.ndarray,
    stems: np.ndarray,
    sample_rate: int,
    score: Score | None = None,
    pairs: Pairs = (),
) -> Measures:
    """All measures of a window, the level of each stem in dB relative to the mixture, and how many
    stems there are (`players`).

    score: its notes in seconds from the beginning of the window, one part for each stem in their
    order. Without it `score fit` is NaN. pairs: of stems that belong to one instrument; which of
    the two comes first may change from one separation to the next, and the better order counts.
    """
    overlap, leaks = leakage(stems, sample_rate)
    energies = np.square(stems, dtype=np.float64).sum((1, 2))
    whole = max(float(np.square(mixture, dtype=np.float64).sum()), 1e-12)
    fits = np.full(len(stems), np.nan)
    for k, stem in enumerate(stems if score else ()):
        others = [*score.parts[:k], *score.parts[k + 1 :]]
        fits[k] = score_fit(stem, sample_rate, score.parts[k], others)
    return {
        "remix": remix_consistency(again, stems, sample_rate, pairs=pairs),
        "shift": shift_agreement(again, mixture, stems, sample_rate, pairs),
        "semitone": semitone_agreement(again, mixture, stems, pairs),
        "certainty": certainty(stems, sample_rate),
        "overlap": overlap,
        "leakage": leaks,
        "level": np.clip(10 * np.log10(energies / whole + 1e-12), *LEAKS),
        "players": np.full(len(stems), float(len(stems))),
        "score fit": fits,
    }


def remix_consistency(
    again: Again, stems: np.ndarray, sample_rate: int, seed: int = 0, pairs: Pairs = ()
) -> np.ndarray:
    """Agreement after remixing, (S,) in dB: the stems are shifted against each other, mixed in
    another balance, and separated again.

    A wrong stem, such as one that holds a note of another player, is a sound that the model has no
    reason to keep together. seed: of shifts and gains.

    The pairs of self-training by remixing (Tzinis et al., "RemixIT", IEEE JSTSP 16(6), 2022) and of
    remix cycle consistency (Saijo and Ogawa, APSIPA 2022), here to measure with.
    """
    rng = np.random.default_rng(seed)
    samples = stems.shape[-1]
    shifts = rng.permutation(len(stems)) * samples // len(stems)
    gains = 10 ** (rng.normal(0.0, GAIN, len(stems)) / 20)
    moved = zip(stems, shifts, gains, strict=True)
    targets = np.stack([gain * np.roll(stem, shift, axis=-1) for stem, shift, gain in moved])
    mixture = targets.sum(axis=0).astype(np.float32)
    return _agreement(again(mixture, (shifts / sample_rate).tolist(), 1.0), targets, pairs)


def shift_agreement(
    again: Again, mixture: np.ndarray, stems: np.ndarray, sample_rate: int, pairs: Pairs = ()
) -> np.ndarray:
    """Agreement with the stems of the mixture 50 ms later and with inverted polarity, (S,) in dB.

    Both changes leave music what it is, so that an estimate that follows from the music stays.
    """
    late = round(SHIFT * sample_rate)
    moved = again(-np.roll(mixture, late, axis=-1), [late / sample_rate] * len(stems), 1.0)
    return _agreement(-np.roll(moved, -late, axis=-1), stems, pairs)


def semitone_agreement(
    again: Again, mixture: np.ndarray, stems: np.ndarray, pairs: Pairs = ()
) -> np.ndarray:
    """Agreement with the stems of the mixture played a semitone higher, and 6 % faster, (S,) in dB.

    By resampling, so that nothing but pitch and tempo changes.
    """
    samples = mixture.shape[-1]
    short = round(samples / SEMITONE)
    higher = again(resample(mixture, samples, short), [0.0] * len(stems), samples / short)
    lower = resample(higher.reshape(-1, short), short, samples)
    return _agreement(lower.reshape(stems.shape), stems, pairs)


def certainty(stems: np.ndarray, sample_rate: int) -> np.ndarray:
    """The SDR that a Wiener filter with the masks of these stems expects, (S,) in dB.

    Where a stem has the share m of a bin, the variance that the filter leaves is m (1 - m) of the
    power of the bin: none where the masks are 0 or 1. A model that is wrong and sure of it is rated
    too high.

    The posterior of Gaussian sources, as in Liutkus et al., "Gaussian processes for underdetermined
    source separation", IEEE TSP 59(7), 2011.
    """
    own, rest = (spectrum.abs() for spectrum in _spectra(stems, sample_rate))
    power = (own + rest) ** 2
    share = own / (own + rest).clamp_min(TINY)
    signal, noise = ((x * power).sum((1, 2)) for x in (share, share * (1 - share)))
    return (10 * torch.log10((signal + TINY) / (noise + TINY))).clamp(*LIMITS).numpy()


def leakage(stems: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """What a stem has in common with the sum of the others: (S,) in 0 to 1, and (S,) in dB.

    The first is the magnitude-squared coherence of the two, over 0.3 s, in the mean over the energy
    of the stem. The second is the level of the coherent part where the stem rests (20 dB below its
    loudest tenth), relative to the others there; NaN where it never rests. Two instruments of one
    chord are coherent only where their partials meet; a copy is coherent everywhere.

    Carter, "Coherence and time delay estimation", Proceedings of the IEEE 75(2), 1987.
    """
    own, rest = _spectra(stems, sample_rate)

    def smooth(x: Tensor) -> Tensor:
        half = NEIGHBOURS // 2
        return avg_pool1d(x, NEIGHBOURS, stride=1, padding=half, count_include_pad=False)

    cross = own * rest.conj()
    cross = smooth(cross.real) ** 2 + smooth(cross.imag) ** 2
    power, beside = own.abs() ** 2, rest.abs() ** 2
    coherence = cross / (smooth(power) * smooth(beside)).clamp_min(TINY**2)
    coherent = coherence.clamp(0, 1) * power
    overall = coherent.sum((1, 2)) / power.sum((1, 2)).clamp_min(TINY)
    levels = np.full(len(stems), np.nan)
    for k, frames in enumerate(power.sum(1)):
        rests = frames < frames.quantile(0.9) * 10 ** (-RESTS / 10)
        others = float(beside[k][:, rests].sum())
        if others > 0:
            level = 10 * np.log10(float(coherent[k][:, rests].sum()) / others + TINY)
            levels[k] = np.clip(level, *LEAKS)
    return overall.numpy(), levels


def score_fit(stem: np.ndarray, sample_rate: int, part: Part, others: list[Part]) -> float:
    """Of the energy of a stem (C, T) on partials of any note of the score, the share on its own.

    0 to 1; a bin that its own notes share with others counts as its own. NaN where nothing of the
    stem lies on a note. part: its notes in seconds from the beginning of the stem, at the pitch of
    the recording; others: those of the other players.

    The score as a mask, as in Ewert et al., "Score-informed source separation for musical audio
    recordings", IEEE Signal Processing Magazine 31(3), 2014.
    """
    energy = _spectra(stem[None], sample_rate)[0][0].abs().numpy() ** 2
    on_own = _on_notes(part, energy.shape, sample_rate)
    on_any = on_own.copy()
    for other in others:
        on_any |= _on_notes(other, energy.shape, sample_rate)
    whole = energy[on_any].sum()
    return float(energy[on_own].sum() / whole) if whole > 0 else float("nan")


def by_score(stems: np.ndarray, sample_rate: int, score: Score, weight: float = 0.1) -> np.ndarray:
    """Stems (S, C, T) whose masks are multiplied by `weight` off the notes of their own part, and
    then sum to one again: (S, C, T), float32, with the same sum.

    score: in seconds from the beginning, one part for each stem in their order. Where no part has a
    note, the masks stay.
    """
    spectra = _stft(stems, sample_rate)  # (S, C, F, N)
    shape = tuple(spectra.shape[2:])
    prior = [np.where(_on_notes(part, shape, sample_rate), 1.0, weight) for part in score.parts]
    masks = spectra.abs() * torch.from_numpy(np.stack(prior))[:, None]
    masks /= masks.sum(dim=0).clamp_min(TINY)
    size, samples = _window(sample_rate), stems.shape[-1]
    masked = (masks * spectra.sum(dim=0)).flatten(0, 1)
    waves = torch.istft(masked, size, size // 4, window=_hann(size), length=samples)
    return waves.view(stems.shape).float().numpy()


def _on_notes(part: Part, shape: tuple[int, int], sample_rate: int) -> np.ndarray:
    """Which bins lie on a partial of a note that sounds, bool (bins, frames)."""
    bins, frames = shape
    size = _window(sample_rate)
    on = np.zeros(shape, bool)
    width = 2 ** (CENTS / 1200)
    for note in part.notes:
        first = max(int(note.onset * sample_rate / (size // 4)), 0)
        last = min(int(np.ceil((note.onset + note.duration) * sample_rate / (size // 4))), frames)
        hertz = 440 * 2 ** ((note.pitch - 69) / 12)
        for k in range(1, PARTIALS + 1):
            low, high = (k * hertz * edge * size / sample_rate for edge in (1 / width, width))
            on[round(low) : min(round(high) + 1, bins), first:last] = True
    return on


def _agreement(new: np.ndarray, first: np.ndarray, pairs: Pairs) -> np.ndarray:
    """(S,) in dB; NaN for a silent stem. Of pairs in the order that agrees better."""
    new, first = new.reshape(len(new), -1), first.reshape(len(first), -1)
    found = np.clip(si_sdr(new, first), *LIMITS)
    for pair in map(list, pairs):
        exchanged = np.clip(si_sdr(new[pair[::-1]], first[pair]), *LIMITS)
        if np.nansum(exchanged) > np.nansum(found[pair]):
            found[pair] = exchanged
    return found


def _window(sample_rate: int) -> int:
    return 4 * round(FRAME * sample_rate / 4)


def _hann(size: int) -> Tensor:
    return torch.hann_window(size, dtype=torch.float64)


def _stft(stems: np.ndarray, sample_rate: int) -> Tensor:
    """(S, C, T) -> complex (S, C, F, N)."""
    size = _window(sample_rate)
    window = _hann(size)
    waves = torch.from_numpy(np.ascontiguousarray(stems, np.float64)).flatten(0, 1)
    spectra = torch.stft(
        waves, size, size // 4, window=window, pad_mode="constant", return_complex=True
    )
    return spectra.unflatten(0, stems.shape[:2])


def _spectra(stems: np.ndarray, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Of each stem and of the sum of the others, complex (S, C * F, N), up to `HIGHEST`."""
    size = _window(sample_rate)
    own = _stft(stems, sample_rate)[:, :, : round(HIGHEST * size / sample_rate)]
    own = own.flatten(1, 2) / (size / 2)
    return own, own.sum(dim=0) - own
