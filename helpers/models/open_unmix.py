"""Open-Unmix: one target instrument and the rest of the mixture. Chapter: 05.

Stöter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix: a reference implementation for music source
separation", JOSS 2019. The network is the class of the package `openunmix`, which is imported when
the first model is built: it brings torchaudio, which takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

QUIETEST = 1e-5  # RMS below which a mixture is not amplified further
LIMITS = {
    "hidden": (2, 8192), "layers": (1, 16), "window": (16, 131_072), "hop": (1, 65_536),
    "sample_rate": (1000, 384_000), "bandwidth": (10.0, 192_000.0),
    "segment_seconds": (0.01, 3600.0),
}  # fmt: skip
INSTALL = 'pip install "divisi[train]"'


@dataclass(frozen=True)
class OpenUnmixConfig:
    """target: the instrument. hidden: units of each layer, half of them in each direction.

    layers: of the LSTM. window, hop: of the STFT in samples. bandwidth: Hz; the network sees and
    masks the bins below it, those above go to the rest. With the window, the hop and the sample
    rate doubled the same weights fit audio at twice the rate.
    """

    target: str
    hidden: int = 512
    layers: int = 3
    window: int = 4096
    hop: int = 1024
    bandwidth: float = 16_000.0
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
        if self.hidden % 2:
            raise ValueError(f"hidden is {self.hidden}; it must be even, for two directions.")
        if self.bandwidth > self.sample_rate / 2:
            raise ValueError(
                f"bandwidth is {self.bandwidth:g} Hz; it must be at most half the sample rate."
            )

    @property
    def bins(self) -> int:
        """The number of bins below `bandwidth`."""
        return round(self.bandwidth * self.window / self.sample_rate) + 1


class OpenUnmix(nn.Module):
    """Magnitudes -> dense layer -> three bidirectional LSTM layers -> two dense layers -> mask.

    The sources are the target and `rest`, the mixture minus the target's estimate; both have the
    phase of the mixture. Every mixture is normalised to the same RMS first, so masks do not depend
    on its level.
    """

    Config = OpenUnmixConfig

    def __init__(self, config: OpenUnmixConfig):
        super().__init__()
        self.config = config
        self.sources = (config.target, "rest")
        self.sample_rate = config.sample_rate
        self.channels = 1
        self.segment_seconds = config.segment_seconds
        self.network = _network()(
            nb_bins=config.bins,
            nb_channels=1,
            hidden_size=config.hidden,
            nb_layers=config.layers,
        )
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """No parameter has an axis of sources: there is one mask."""
        return {}

    def forward(self, mixture: Tensor) -> Tensor:
        """mixture (B, C, T) -> estimates (B, 2, C, T)."""
        waves = mixture.flatten(0, 1)  # (B * C, T)
        spectrum = self.stft(waves)
        level = waves.square().mean(-1).sqrt().clamp_min(QUIETEST)[:, None, None]
        heard = spectrum[:, : self.config.bins]
        masked = heard * self.mask(heard.abs() / level)
        spectrum = torch.cat([masked, torch.zeros_like(spectrum[:, self.config.bins :])], dim=1)
        target = self.istft(spectrum, mixture.shape[-1]).view_as(mixture)
        return torch.stack([target, mixture - target], dim=1)

    def mask(self, magnitude: Tensor) -> Tensor:
        """magnitude (B, bins, N) of mixtures with an RMS of 1 -> the target's mask, 0 or more."""
        # The network multiplies its mask with its input, so the input is divided out again.
        seen = magnitude.clamp_min(1e-8)
        return (self.network(seen.unsqueeze(1)).squeeze(1) / seen).float()

    @torch.no_grad()
    def standardise(self, mixtures: Tensor) -> None:
        """Set the network's scaling of its input from mixtures (B, C, T), as in the original.

        Each bin gets zero mean; the standard deviations have a floor of 1e-4 of the largest.
        """
        waves = mixtures.flatten(0, 1)
        level = waves.square().mean(-1).sqrt().clamp_min(QUIETEST)[:, None, None]
        magnitude = self.stft(waves)[:, : self.config.bins].abs() / level
        spread = magnitude.std((0, 2))
        self.network.input_mean.copy_(-magnitude.mean((0, 2)))
        self.network.input_scale.copy_(1.0 / spread.clamp_min(1e-4 * spread.max()))

    def stft(self, waveform: Tensor) -> Tensor:
        """waveform (B, T) -> complex (B, F, N); a full-scale sine has magnitude one half."""
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


def _network() -> type[nn.Module]:
    """The class `openunmix.model.OpenUnmix`; ImportError with the remedy where it is missing.

    `openunmix.data`, which calls functions that torchaudio has removed, is never imported.
    """
    try:
        from openunmix.model import OpenUnmix as Network
    except ModuleNotFoundError as error:
        raise ImportError(f"{error.name} is not installed; run `{INSTALL}`.") from error
    return Network
