"""A renderer of synthetic tones: harmonics under an envelope, with vibrato and breath noise.

Additive synthesis without aliasing: only harmonics below the Nyquist frequency are summed. The sum
is a complex polynomial in z = r exp(i phase), evaluated by Horner's rule; with a brightness r < 1
high harmonics decay before low ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..music.scores import Note, Part

LEVEL = 0.08  # RMS of a steady note at velocity 80 (-22 dB full scale)
BLOCK = 4096  # samples processed at once, to stay in the CPU cache
LONG = 1 << 20  # samples of one note processed at once, to bound the memory
N = 24  # harmonics of SPECTRA


def _harmonics(amplitude) -> tuple[float, ...]:
    return tuple(float(amplitude(k)) for k in range(1, N + 1))


#: Harmonic amplitudes of instrument families: the slow roll-off of a bowed string, the weak even
#: harmonics of a cylindrical reed, the few harmonics of a flute, the formant of brass around the
#: fourth harmonic, and the octaves and twelfths of an organ.
SPECTRA = {
    "string": _harmonics(lambda k: k**-1.1),
    "reed": _harmonics(lambda k: (1.0 if k % 2 else 0.12 + 0.03 * k) * k**-0.9),
    "flute": _harmonics(lambda k: k**-2.6),
    "brass": _harmonics(lambda k: np.exp(-0.5 * (np.log2(k / 3.5) / 1.1) ** 2)),
    "organ": _harmonics(lambda k: {1: 1.0, 2: 0.8, 3: 0.35, 4: 0.5, 6: 0.2, 8: 0.3}.get(k, 0.01)),
}


@dataclass(frozen=True)
class Timbre:
    """The timbre of a synthetic instrument.

    harmonics: amplitudes of harmonics 1, 2, ..., scaled to a common power.
    attack, decay, release: seconds. sustain: level after the decay, 0 to 1.
    vibrato_rate: Hz. vibrato_depth: cents to each side, reached after a third of a second.
    dulling: decay of harmonic k relative to the first, (k - 1) times this in nepers per second.
    breath: RMS of white noise under the same envelope, relative to the tone.
    seed: of the breath noise and of the initial phases.

    Chapter: 01.
    """

    harmonics: tuple[float, ...] = SPECTRA["string"]
    attack: float = 0.03
    decay: float = 0.2
    sustain: float = 0.8
    release: float = 0.08
    vibrato_rate: float = 5.5
    vibrato_depth: float = 0.0
    dulling: float = 0.0
    breath: float = 0.0
    seed: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Timbre:
        """One of SPECTRA with a random tilt, two resonances and a few decibels of noise."""
        spectra = list(SPECTRA.values())
        amplitudes = np.array(spectra[rng.integers(len(spectra))])
        k = np.arange(1, N + 1)
        decibels = rng.normal(0.0, 2.0, N) + rng.normal(0.0, 3.0) * np.log2(k)
        for _ in range(2):
            centre, width = rng.uniform(1.0, 12.0), rng.uniform(0.5, 3.0)
            decibels += rng.normal(0.0, 5.0) * np.exp(-0.5 * ((k - centre) / width) ** 2)
        amplitudes = amplitudes * 10.0 ** (decibels / 20.0)
        return cls(
            harmonics=tuple(amplitudes.tolist()),
            attack=float(np.exp(rng.uniform(np.log(0.008), np.log(0.12)))),
            decay=float(rng.uniform(0.05, 0.6)),
            sustain=float(rng.uniform(0.4, 1.0)),
            release=float(np.exp(rng.uniform(np.log(0.03), np.log(0.4)))),
            vibrato_rate=float(rng.uniform(4.5, 7.0)),
            vibrato_depth=float(rng.uniform(0.0, 30.0) * (rng.random() < 0.7)),
            dulling=float(rng.exponential(0.15)),
            breath=float(10.0 ** rng.uniform(-4.0, -1.7)),
            seed=int(rng.integers(2**31)),
        )


@dataclass(frozen=True)
class Tones:
    """A renderer of one timbre. The same part always gives the same bits.

    Chapter: 01.
    """

    timbre: Timbre = field(default_factory=Timbre)

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """(1, samples) float32 with the last release; notes may overlap.

        As in General MIDI, the velocity gives a factor of (velocity / 80) squared.
        """
        length = round((part.seconds + self.timbre.release) * sample_rate) + 1
        stem = np.zeros(length if part.notes else 0, np.float32)
        for i, note in enumerate(part.notes):
            rng = np.random.default_rng([self.timbre.seed, i])
            sound = self._play(note, sample_rate, rng)
            first = round(note.onset * sample_rate)
            stem[first : first + len(sound)] += sound[: length - first]
        return stem[None]

    def _play(self, note: Note, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
        timbre, turned = self.timbre, 0.0
        start = rng.uniform(0.0, 2.0 * np.pi)
        sound = np.empty(round((note.duration + timbre.release) * sample_rate), np.float32)
        amplitudes = self._amplitudes(note, sample_rate)
        for first in range(0, len(sound), LONG):  # in blocks: a pedal point may last for minutes
            block = sound[first : first + LONG]
            time = np.arange(first, first + len(block)) / sample_rate
            phase, turned = self._phase(note, time, sample_rate, turned)
            brightness = np.exp(-timbre.dulling * time).astype(np.float32)
            block[:] = _sum_harmonics(phase + start, brightness, amplitudes)
            if timbre.breath:
                block += timbre.breath * rng.standard_normal(len(block), dtype=np.float32)
            block *= self._envelope(note, time)
        return sound * np.float32(LEVEL * (note.velocity / 80.0) ** 2)

    def _phase(
        self, note: Note, time: np.ndarray, sample_rate: int, turned: float
    ) -> tuple[np.ndarray, float]:
        """The integral of the frequency in radians modulo 2 pi, (samples,) float64.

        turned: the integral up to this block, returned for the next one.
        """
        hertz = 440.0 * 2.0 ** ((note.pitch - 69.0) / 12.0)
        if not self.timbre.vibrato_depth:
            return np.mod(2.0 * np.pi * hertz * time, 2.0 * np.pi), 0.0
        swing = np.sin(2.0 * np.pi * self.timbre.vibrato_rate * time) * np.minimum(3.0 * time, 1.0)
        frequency = hertz * 2.0 ** (self.timbre.vibrato_depth / 1200.0 * swing)
        steps = 2.0 * np.pi / sample_rate * frequency
        steps[0] += turned
        phase = np.cumsum(steps)
        return np.mod(phase, 2.0 * np.pi), float(phase[-1])

    def _amplitudes(self, note: Note, sample_rate: int) -> np.ndarray:
        """Harmonics below the Nyquist frequency; with those above it, their power is 1."""
        amplitudes = np.array(self.timbre.harmonics)
        amplitudes = amplitudes / np.sqrt(0.5 * np.sum(amplitudes**2))
        highest = 440.0 * 2.0 ** ((note.pitch - 69.0) / 12.0 + self.timbre.vibrato_depth / 1200.0)
        return amplitudes[: max(0, int(np.ceil(sample_rate / 2.0 / highest)) - 1)]

    def _envelope(self, note: Note, time: np.ndarray) -> np.ndarray:
        """Cosine attack, exponential decay to the sustain level, cosine release."""
        timbre = self.timbre
        rise = np.clip(time / max(timbre.attack, 1e-4), 0.0, 1.0)
        fall = np.clip((time - note.duration) / max(timbre.release, 1e-4), 0.0, 1.0)
        since = np.maximum(time - timbre.attack, 0.0)
        decay = timbre.sustain + (1.0 - timbre.sustain) * np.exp(-3.0 * since / timbre.decay)
        rise, fall = np.sin(np.pi / 2 * rise) ** 2, np.cos(np.pi / 2 * fall) ** 2
        return (rise * decay * fall).astype(np.float32)


def _sum_harmonics(phase: np.ndarray, brightness: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """sum over k of amplitudes[k - 1] brightness^(k - 1) sin(k phase), (samples,) float32."""
    sound = np.zeros(len(phase), np.float32)
    for first in range(0, len(phase) if len(amplitudes) else 0, BLOCK):
        block = slice(first, first + BLOCK)
        angle = phase[block].astype(np.float32)
        unit = np.empty(len(angle), np.complex64)
        unit.real, unit.imag = np.cos(angle), np.sin(angle)
        z = unit * brightness[block]
        total = np.full(len(angle), amplitudes[-1], np.complex64)
        for amplitude in amplitudes[-2::-1]:
            total *= z
            total += np.complex64(amplitude)
        sound[block] = (total * unit).imag
    return sound
