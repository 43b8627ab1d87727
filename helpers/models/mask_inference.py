"""nussl's recurrent mask inference: one instrument and the rest of the mixture. Chapter: 03.

Manilow, Seetharaman, Pardo, "The Northwestern University Source Separation Library", ISMIR 2018;
Hershey et al., "Deep clustering", ICASSP 2016, for the recurrent stack. nussl is imported when the
first network is built, not with this module: it takes seconds.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn

NOMINAL_RMS = 0.16  # of the spectrogram that the network sees
SILENCE = 1e-5  # RMS below which a mixture is not amplified further
LIMITS = {
    "hidden": (1, 8192), "layers": (1, 16), "dropout": (0.0, 1.0), "window": (16, 131_072),
    "hop": (1, 65_536), "sample_rate": (1000, 384_000), "segment_seconds": (0.01, 3600.0),
}  # fmt: skip
INSTALL = 'pip install "divisi[nussl]" && pip install --no-deps nussl==1.1.9'


@dataclass(frozen=True)
class MaskInferenceConfig:
    """target: the instrument. hidden: units of each direction of each of the `layers`.

    window, hop: of the STFT in samples. dropout: between the layers.
    """

    target: str
    hidden: int = 200
    layers: int = 2
    dropout: float = 0.2
    window: int = 512
    hop: int = 128
    sample_rate: int = 44100
    segment_seconds: float = 12.0

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        if self.hop > self.window // 2:
            raise ValueError(f"hop is {self.hop}; it must be at most half the window.")


class MaskInference(nn.Module):
    """Spectrogram in dB -> batch norm of each frequency -> bidirectional LSTM -> sigmoid mask.

    The sources are the target and `rest`, the mixture minus the target's estimate. STFT and network
    are nussl's (`sqrt_hann` window, a full-scale sine has magnitude one half). Unlike in nussl,
    every mixture is normalised to the same RMS first, so masks do not depend on its level.
    """

    Config = MaskInferenceConfig

    def __init__(self, config: MaskInferenceConfig):
        super().__init__()
        self.config = config
        self.sources = (config.target, "rest")
        self.sample_rate = config.sample_rate
        self.channels = 1
        self.segment_seconds = config.segment_seconds
        bins = config.window // 2 + 1
        nussl = import_nussl()
        description = nussl.ml.networks.builders.build_recurrent_mask_inference(
            num_features=bins,
            hidden_size=config.hidden,
            num_layers=config.layers,
            bidirectional=True,
            dropout=config.dropout,
            num_sources=1,
            mask_activation=["sigmoid"],
            normalization_args={"num_features": bins},
        )
        self.network = nussl.ml.SeparationModel(description)
        self.register_buffer("window", torch.hann_window(config.window).sqrt(), persistent=False)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """No parameter has an axis of sources: there is one mask."""
        return {}

    def forward(self, mixture: Tensor) -> Tensor:
        """mixture (B, C, T) -> estimates (B, 2, C, T)."""
        spectrum = self.stft(mixture.flatten(0, 1))  # (B * C, F, N)
        target = self.istft(spectrum * self.mask(spectrum.abs()), mixture.shape[-1])
        target = target.view_as(mixture)
        return torch.stack([target, mixture - target], dim=1)

    def mask(self, magnitude: Tensor) -> Tensor:
        """magnitude (B, F, N) of mixtures -> the target's mask, (B, F, N) in 0..1."""
        rms = magnitude.square().sum(1, keepdim=True).mean(2, keepdim=True).sqrt()
        normalised = magnitude * (NOMINAL_RMS / rms.clamp_min(SILENCE))
        # (B, F, N) -> (B, N, F, channel) -> (B, N, F, channel, source)
        mask = self.network(mix_magnitude=normalised.transpose(1, 2).unsqueeze(-1))["mask"]
        return mask[..., 0, 0].transpose(1, 2).float()

    def stft(self, waveform: Tensor) -> Tensor:
        """waveform (B, T) -> complex (B, F, N)."""
        return torch.stft(
            waveform, self.config.window, self.config.hop, window=self.window / self.window.sum(),
            pad_mode="constant", return_complex=True,
        )  # fmt: skip

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """complex (B, F, N) -> waveforms (B, length)."""
        window = self.window / self.window.sum()
        return torch.istft(
            spectrum, self.config.window, self.config.hop, window=window, length=length
        )


def import_nussl() -> ModuleType:
    """nussl, imported with names that have moved since its last release in 2021.

    ImportError with the remedy if it, or a package that it needs, is not installed.
    """
    if "nussl" not in sys.modules:
        try:
            with _legacy_names():
                import nussl  # noqa: F401
        except ModuleNotFoundError as error:
            raise ImportError(f"{error.name} is not installed; run `{INSTALL}`.") from error
    return sys.modules["nussl"]


@contextmanager
def _legacy_names() -> Iterator[None]:
    """Restore for the duration of the import what nussl expects.

    Until SciPy 1.13, `scipy.signal` had three windows that nussl reads. The empty `soxbindings`
    keeps its audio effects, unused here, from starting the program `sox`, whose absence would be
    reported on standard error.
    """
    import scipy.signal

    windows = ("hamming", "hann", "blackman")
    moved = [name for name in windows if not hasattr(scipy.signal, name)]
    no_sox = importlib.util.find_spec("soxbindings") is None
    for name in moved:
        setattr(scipy.signal, name, getattr(scipy.signal.windows, name))
    if no_sox:
        sys.modules["soxbindings"] = ModuleType("soxbindings")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in moved:
            delattr(scipy.signal, name)
        if no_sox:
            del sys.modules["soxbindings"]
