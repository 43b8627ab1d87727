"""The pitch of a recorded note, and whether it is the one in the index.

Indexes have mistakes: 40 % of the trombone's notes in our copy of the Philharmonia Orchestra's are
an octave lower than their names, a few notes of other instruments are others, and six of the
viola's are trills.
"""

from __future__ import annotations

import numpy as np

RATE = 44100  # Hz, of all note samples
FLOOR = 1e-2  # of magnitudes, -40 dB: weaker harmonics do not count, nor those above half the rate
LOWER_OCTAVE = 0.06  # power between the harmonics, relative to theirs (-12 dB), of a lower note
TRILL = 0.15  # share of the time on another note


def measure_pitch(sound: np.ndarray, near: float, rate: int = RATE) -> float:
    """The MIDI pitch within 1.5 semitones of `near` with the strongest harmonics.

    sound: (samples,). The score is the sum of the log magnitudes of the eight lowest harmonics,
    floored at -40 dB, so that a weak fundamental does not matter.
    """
    size = 1 << max(18, int(len(sound) - 1).bit_length())
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    decades = np.log(spectrum / spectrum.max() + FLOOR)
    pitches = near + np.arange(-150, 151) / 100.0
    hertz = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0)
    bins = np.rint(np.arange(1, 9)[:, None] * hertz * size / rate).astype(int)  # (8, pitches)
    heard = decades[np.minimum(bins, len(decades) - 1)]
    strength = np.where(bins < len(decades), heard, np.log(FLOOR))
    return float(pitches[np.argmax(strength.sum(axis=0))])


def sounding_pitch(sound: np.ndarray, written: float, rate: int = RATE) -> float | None:
    """The measured pitch of a steady note: near `written`, or an octave lower if it sounds there.

    sound: (samples,). written: MIDI. None for a trill, or another note.
    """
    for near in (written, written - 12):
        pitch = measure_pitch(sound, near, rate)
        if between_harmonics(sound, pitch, rate) < LOWER_OCTAVE:
            return pitch if share_of_other_pitch(sound, pitch, rate) < TRILL else None
    return None


def between_harmonics(sound: np.ndarray, pitch: float, rate: int = RATE) -> float:
    """Power at 0.5, 1.5, 2.5 and 3.5 times the fundamental, relative to that at 1 to 4 times.

    sound: (samples,); the first second is looked at. Of each, the strongest value within 0.4
    semitones.
    """
    sound = sound[:rate]
    size = 1 << 17
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)) ** 2

    def sum_of_peaks(multiples: np.ndarray) -> float:
        centres = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0) * multiples * size / rate
        edges = [(int(c * 2.0 ** (-0.4 / 12.0)), int(c * 2.0 ** (0.4 / 12.0)) + 2) for c in centres]
        return sum(float(power[low:high].max(initial=0.0)) for low, high in edges)

    harmonics = np.arange(1, 5)
    return sum_of_peaks(harmonics - 0.5) / (sum_of_peaks(harmonics) + 1e-30)


def share_of_other_pitch(sound: np.ndarray, pitch: float, rate: int = RATE) -> float:
    """The share of the time in which a trill is on its other note.

    sound: (samples,). pitch: MIDI, of the note. By autocorrelation of frames of 93 ms: another
    period within 2.3 semitones is stronger by a tenth than those within 0.3 semitones.
    """
    size, hop = 4096, 2048
    sound = np.pad(sound, (0, max(0, size - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop] * np.hanning(size)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size)) ** 2)[:, :size]
    distances = np.arange(-2.3, 2.31, 0.1)  # semitones
    lags = rate / (440.0 * 2.0 ** ((pitch + distances - 69.0) / 12.0))
    near = np.array([np.interp(lags, np.arange(size), row) for row in correlation])
    own = near[:, np.abs(distances) < 0.35].max(axis=1)
    return float(np.mean(near.max(axis=1) > 1.1 * own))
