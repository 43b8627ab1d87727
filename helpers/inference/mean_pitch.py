"""The mean pitch of a stem, which decides who of two players comes first."""

from __future__ import annotations

import numpy as np

FRAME = 0.1  # seconds
HIGHEST = 12_000.0  # Hz; above it there is nothing that a pitch needs
PITCHES = np.arange(33.0, 103.0, 0.5)  # MIDI: 55 Hz to 3 kHz
PARTIALS, DECAY = 10, 0.84  # that add to a pitch; each counts less than the one below
FLOOR = 1e-3  # of the stem's mean power; quieter frames have no pitch


class MeanPitch:
    """The pitch of a stem in frames of 0.1 s, by subharmonic summation; 16 bytes a frame.

    Of several notes at once the strongest counts. Octaves may be wrong, in both of two players of
    one instrument alike.

    Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988.
    """

    def __init__(self, sample_rate: int) -> None:
        self.length = 1 << round(np.log2(FRAME * sample_rate))
        self.window = np.hanning(self.length)
        spacing = sample_rate / (2 * self.length)  # of the bins, with zero padding to twice
        frequencies = 440.0 * 2.0 ** ((PITCHES - 69.0) / 12.0)
        partials = np.arange(1, PARTIALS + 1)
        places = partials[:, None] * frequencies / spacing  # (partials, pitches)
        limit = min(HIGHEST, sample_rate / 2) / spacing - 1
        self.weights = np.where(places < limit, DECAY ** (partials[:, None] - 1), 0.0)
        self.places = np.minimum(places, limit)
        self._rest = np.zeros(0)
        self._pitches: list[float] = []
        self._powers: list[float] = []

    def update(self, block: np.ndarray) -> None:
        """block: (channels, samples)."""
        sound = np.concatenate([self._rest, block.mean(axis=0)])
        whole = len(sound) // self.length * self.length
        self._add(sound[:whole].reshape(-1, self.length))
        self._rest = sound[whole:]

    def _add(self, frames: np.ndarray) -> None:
        below = self.places.astype(int)
        above = self.places - below
        for frame in frames:  # one at a time: the partials of all pitches are many
            spectrum = np.abs(np.fft.rfft(frame * self.window, 2 * self.length)) ** 0.5
            partials = spectrum[below] * (1 - above) + spectrum[below + 1] * above
            self._pitches.append(PITCHES[(self.weights * partials).sum(axis=0).argmax()])
            self._powers.append(np.square(frame).mean())

    def value(self) -> float:
        """The mean over the frames that sound, in MIDI numbers; 0 for silence."""
        pitches, powers = np.array(self._pitches), np.array(self._powers)
        if not powers.any():
            return 0.0
        return float(pitches[powers > FLOOR * powers.mean()].mean())
