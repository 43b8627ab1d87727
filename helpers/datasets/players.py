"""Mixtures of players: up to two of one instrument, and what no source explains, in `other`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.levels import rms
from ..augmentation.ambience import Ambience
from ..augmentation.rooms import room_positions
from .mixing import Mixer, MixingConfig, StemSegment, by_kind, choose_variant, normalise_rms
from .stem_bank import StemBank, StemVariant

NOTES = 128  # of a source in one example, at most
FADE = 0.02  # seconds, at both ends of a clip that is joined to others
OTHER = "other"  # the source of everything that is none of the other sources


@dataclass(frozen=True)
class PlayerMixture:
    """Segments of players, the index of the source of each, and the ambience, if any."""

    segments: tuple[StemSegment, ...]
    sources: tuple[int, ...]
    ambience: Ambience | None = None


class PlayerMixer(Mixer):
    """Draws and makes mixtures of players.

    sources: players, such as `violin` and `violin-2`, and perhaps `other`. The first player of an
    instrument is the source of its name, the second, with lower notes on average, that with the
    number; a third one does not play. Instruments that are no source are `other`, and so is an
    ambience; without `other` they do not play.
    In the share `solos` of the mixtures one player is alone, of any instrument. Of the others the
    share `coherent` are pieces, with all their players or, in the share `subsets`, with some; the
    rest are stems of any pieces, and of these the share `doubles` has two players of one
    instrument. A recorded solo that is too short is followed by the next ones of its instrument.
    counted_as: the names of the sources of instruments that have another name.
    ValueError where the bank has too few players.
    """

    def __init__(
        self,
        bank: StemBank,
        sources: Sequence[str],
        config: MixingConfig,
        seconds: float,
        doubles: float = 0.0,
        counted_as: Mapping[str, str] | None = None,
    ):
        self.bank, self.sources, self.config = bank, tuple(sources), config
        self.samples = round(seconds * bank.sample_rate)
        self.doubles, self.counted_as = doubles, dict(counted_as or {})
        self.players = config.players or (2, 7)
        pieces: dict[str, dict[int, list[StemVariant]]] = defaultdict(lambda: defaultdict(list))
        self.instruments: dict[str, list[StemVariant]] = defaultdict(list)  # by their source
        self.clips: dict[str, list[StemVariant]] = defaultdict(list)  # solos that are too short
        for variant in bank.variants:
            if config.variant_weights.get(variant.kind, 0.0) > 0 and self._place(variant, {}) >= 0:
                if variant.voice is not None:
                    pieces[variant.piece][variant.voice].append(variant)
                if variant.kind != "timbre_substitution":
                    self.instruments[self._source(variant.instrument)].append(variant)
                if variant.kind == "solo" and variant.length < self.samples:
                    self.clips[variant.instrument].append(variant)
        ensembles = (self._placed(list(pieces[name].values())) for name in sorted(pieces))
        self.pieces = [voices for voices in ensembles if len(voices) >= self.players[0]]
        self._check()

    def draw(self, rng: np.random.Generator) -> PlayerMixture:
        config = self.config
        room = int(rng.integers(config.rooms))
        positions = room_positions(room) if rng.random() < config.reverb else ()
        featured = self._featured(rng)
        alone = rng.random() < config.solos
        if not alone and rng.random() < config.coherent:
            variants = self._piece(rng, featured)
            longest = max(variant.length for variant in variants)
            offsets, following = [self._offset(rng, longest)] * len(variants), [()] * len(variants)
        else:
            variants = self._unrelated(rng, None if alone else featured, alone)
            following = [self._following(variant) for variant in variants]
            offsets = [
                self._offset(rng, sum(each.length for each in (variant, *more)))
                for variant, more in zip(variants, following, strict=True)
            ]
        drawn = self.segments(rng, variants, offsets, positions)
        segments = [
            replace(segment, following=more)
            for segment, more in zip(drawn, following, strict=True)
            if segment
        ]
        ambience = None
        if OTHER in self.sources and rng.random() < config.ambience:
            ambience = Ambience.draw(rng, config.drums)
        segments.sort(key=self._mean_pitch, reverse=True)
        return PlayerMixture(tuple(segments), self._places(segments), ambience)

    def make(self, mixture: PlayerMixture) -> np.ndarray:
        """The stems of a drawn mixture, (sources, 1, samples); the mixture is their sum."""
        stems = np.zeros((len(self.sources), 1, self.samples), np.float32)
        for source, stem in zip(mixture.sources, super().make(mixture.segments), strict=True):
            stems[source] += stem
        if mixture.ambience:
            level = rms(stems.sum(axis=0)) * 10 ** (mixture.ambience.level / 20)
            sound = mixture.ambience.sound(self.samples, self.bank.sample_rate)
            stems[self.sources.index(OTHER)] += np.float32(level) * sound
        return stems

    def _source(self, instrument: str) -> str:
        return self.counted_as.get(instrument, instrument)

    def _place(self, variant: StemVariant, taken: dict[str, int]) -> int:
        """The index of the next free source of an instrument, -1 where there is none.

        taken: how many players each instrument has; counted here.
        """
        name = self._source(variant.instrument)
        name = name if name in self.sources else OTHER
        number = taken[name] = taken.get(name, 0) + 1
        if number > 1 and name != OTHER:
            name = f"{name}-{number}"
        return self.sources.index(name) if name in self.sources else -1

    def _places(self, players: Sequence[StemVariant | StemSegment]) -> tuple[int, ...]:
        taken: dict[str, int] = {}
        variants = (getattr(player, "variant", player) for player in players)
        return tuple(self._place(variant, taken) for variant in variants)

    def _placed(self, voices: Sequence[Sequence[StemVariant]]) -> list[Sequence[StemVariant]]:
        """The voices that have a source."""
        places = self._places([voice[0] for voice in voices])
        return [voice for voice, place in zip(voices, places, strict=True) if place >= 0]

    def _names(self, voices: Sequence[Sequence[StemVariant]]) -> list[str]:
        """The sources of the voices of a piece, in their order."""
        return [self.sources[place] for place in self._places([voice[0] for voice in voices])]

    def _mean_pitch(self, segment: StemSegment) -> float:
        """MIDI pitch of the notes in a segment, weighted with their durations; 0 without notes."""
        notes = np.array(segment.variant.notes, float).reshape(-1, 3)
        first = segment.offset / self.bank.sample_rate
        last = first + self.samples / self.bank.sample_rate
        seconds = np.minimum(notes[:, 1], last) - np.maximum(notes[:, 0], first)
        seconds = np.maximum(seconds, 0.0)
        return float(seconds @ notes[:, 2] / seconds.sum()) if seconds.any() else 0.0

    def _featured(self, rng: np.random.Generator) -> str | None:
        """The source that plays for certain, with the shares of `featured`."""
        names, shares = list(self.config.featured), list(self.config.featured.values())
        place = np.searchsorted(np.cumsum(shares), rng.random(), side="right")
        return names[place] if place < len(names) else None

    def _piece(self, rng: np.random.Generator, featured: str | None) -> list[StemVariant]:
        """One variant of each voice of a piece, or of some, of at most as many as may play."""
        pieces = self.pieces if featured is None else self.with_source[featured]
        voices = pieces[rng.integers(len(pieces))]
        count = min(len(voices), self.players[1])
        if rng.random() < self.config.subsets and count > 2:
            count = int(rng.integers(2, count))
        if len(voices) > count:
            order = rng.permutation(len(voices))
            names = self._names(voices)
            order = sorted(order, key=lambda i: names[i] not in (featured, _first(featured)))
            voices = [voices[i] for i in sorted(order[:count])]
        kinds = map(by_kind, voices)
        return [choose_variant(rng, each, self.config.variant_weights) for each in kinds]

    def _unrelated(
        self, rng: np.random.Generator, featured: str | None, alone: bool
    ) -> list[StemVariant]:
        """Variants of any pieces, of different instruments but perhaps for one; or only one."""
        least, most = (1, 1) if alone else self.players
        names = rng.permutation(sorted(self.instruments)).tolist()
        count = min(int(rng.integers(least, most + 1)), len(names))
        first = _first(featured)
        names.sort(key=lambda name: name != first)
        names = names[:count]
        if rng.random() < self.doubles or featured != first:
            names = self._with_double(names, first)
        variants: list[StemVariant] = []
        for place, name in enumerate(names):
            some = self.instruments[name]
            if name in names[:place]:  # two players do not play from the same recording
                some = [variant for variant in some if variant not in variants]
            variants.append(choose_variant(rng, by_kind(some), self.config.variant_weights))
        places = self._places(variants)
        return [variant for variant, place in zip(variants, places, strict=True) if place >= 0]

    def _following(self, variant: StemVariant) -> tuple[StemVariant, ...]:
        """The short solos that follow one: as many as fill a segment from anywhere in it on."""
        clips, following, missing = self.clips[variant.instrument], [], self.samples
        if variant not in clips:
            return ()
        place = clips.index(variant)
        while missing > 0:
            place = (place + 1) % len(clips)
            following.append(clips[place])
            missing -= clips[place].length
        return tuple(following)

    def _window(self, segment: StemSegment) -> np.ndarray:
        """The samples of a segment, (1, samples); joined clips are equally loud and fade."""
        if not segment.following:
            return super()._window(segment)
        fade, clips = round(FADE * self.bank.sample_rate), []
        for variant in (segment.variant, *segment.following):
            clip = normalise_rms(self.bank.read(variant, 0, variant.length), segment.variant.rms)
            ramp = np.minimum(1.0, np.arange(1, variant.length + 1, dtype=np.float32) / fade)
            clips.append(clip * ramp * ramp[::-1])
        joined = np.concatenate(clips, axis=1)
        return joined[:, segment.offset : segment.offset + self.samples]

    def _with_double(self, names: list[str], featured: str | None) -> list[str]:
        """A second player of the first instrument that may have one replaces another."""
        for twice in names:
            others = [name for name in names if name not in (twice, featured)]
            two = f"{twice}-2" in self.sources and len(self.instruments[twice]) > 1
            if others and two:
                return [twice if name == others[-1] else name for name in names]
        return names

    def _check(self) -> None:
        """Find the pieces of each featured source; ValueError where the bank has too few."""
        least, config = self.players[0], self.config
        if config.coherent > 0.0 and not self.pieces:
            raise ValueError(f"The stem bank has no piece with {least} players.")
        if config.coherent < 1.0 and len(self.instruments) < least:
            raise ValueError(f"The stem bank has no stems of {least} instruments.")
        self.with_source = {
            name: [piece for piece in self.pieces if name in self._names(piece)]
            for name in config.featured
        }
        for name, pieces in self.with_source.items():
            if not pieces and config.coherent > 0.0:
                raise ValueError(f"The stem bank has no piece with {name}, which is featured.")


def _first(source: str | None) -> str | None:
    """The first player of the instrument of a source."""
    return source and source.removesuffix("-2")


class PlayerDataset(Dataset):
    """Endless mixtures of players: item i is (mixture (1, T), stems (S, 1, T)).

    conditioned: also which sources sound, bool (S,), as `MaskNet` takes them; `other` always does.
    with_notes: also the notes of all sources but `other` (S, NOTES, 3): onset and end in seconds,
    MIDI pitch; -1 where there are no more.
    """

    def __init__(
        self,
        mixer: PlayerMixer,
        seed: int = 0,
        length: int = 2**31,
        conditioned: bool = False,
        with_notes: bool = False,
    ):
        self.mixer, self.seed, self.length = mixer, seed, length
        self.conditioned, self.with_notes = conditioned, with_notes

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([self.seed, index])
        drawn = self.mixer.draw(rng)
        stems = torch.from_numpy(self.mixer.make(drawn))
        item = [stems.sum(0), stems]
        if self.conditioned:
            other = torch.tensor([name == OTHER for name in self.mixer.sources])
            item.append(stems.flatten(1).any(1) | other)
        if self.with_notes:
            item.append(self._notes(drawn))
        return tuple(item)

    def _notes(self, drawn: PlayerMixture) -> Tensor:
        notes = torch.full((len(self.mixer.sources), NOTES, 3), -1.0)
        for source, segment in zip(drawn.sources, drawn.segments, strict=True):
            if self.mixer.sources[source] != OTHER:
                played = torch.from_numpy(self.mixer.notes(segment)[:NOTES]).float()
                notes[source, : len(played)] = played
        return notes
