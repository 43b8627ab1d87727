"""Independent changes of the time and the pitch of a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
import torch
from torchaudio.functional import phase_vocoder


@dataclass(frozen=True)
class Stretch:
    """`time` times as long (0.8 is faster, 1.2 slower), and `semitones` higher.

    Unlike the effects, it changes the number of samples.
    """

    time: float = 1.0
    semitones: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, spread: float = 0.2, semitones: float = 2.0) -> Stretch:
        """Uniformly within 1 - spread ... 1 + spread and -semitones ... semitones."""
        return cls(rng.uniform(1 - spread, 1 + spread), rng.uniform(-semitones, semitones))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        """(channels, samples) -> float32 (channels, round(samples * time)).

        A phase vocoder stretches by time * pitch, and its output is resampled by the pitch
        (Laroche and Dolson, "Improved phase vocoder time-scale modification of audio",
        IEEE TSAP 1999, section I). Windows of 46 ms, hop a quarter.
        """
        samples = round(stem.shape[-1] * self.time)
        pitch = 2 ** (self.semitones / 12)
        longer = _vocode(stem, self.time * pitch, window=4 * round(sample_rate * 0.0116))
        if pitch != 1.0:
            longer = soxr.resample(np.ascontiguousarray(longer.T), pitch, 1.0).T
        result = np.zeros((len(stem), samples), np.float32)
        result[:, : longer.shape[1]] = longer[:, :samples]
        return result


def _vocode(stem: np.ndarray, factor: float, window: int) -> np.ndarray:
    """(channels, samples) -> (channels, round(samples * factor)) at the same pitch."""
    samples, hop = round(stem.shape[-1] * factor), window // 4
    if factor == 1.0:
        return stem
    hann = torch.hann_window(window)
    waveform = torch.nn.functional.pad(torch.from_numpy(stem), (0, window))
    spectrum = torch.stft(
        waveform, window, hop, window=hann, pad_mode="constant", return_complex=True
    )
    advance = torch.linspace(0, torch.pi * hop, window // 2 + 1)[:, None]
    spectrum = phase_vocoder(spectrum, 1 / factor, advance)
    return torch.istft(spectrum, window, hop, window=hann, length=samples).numpy()
