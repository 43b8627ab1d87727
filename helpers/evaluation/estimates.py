"""Stems that any tool wrote: their files, whose stem each is, and what does not fit the piece."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, dropwhile
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from ..audio.recordings import Recording, beginning
from ..audio.resampling import ResampleStream
from ..audio.track import AudioError
from ..datasets.stem_folders import MIXTURE, StemFolder, audio_files, part_name
from ..files import plain_name
from ..music.instruments import numbered_names, read_name
from .pieces import Blocks, Piece, examine_file, examine_piece
from .rows import Provenance
from .systems import measure_stems

CONFIG = "stems in files"
SHORTEST_GAP = 0.1  # seconds that lengths differ by, below which nothing is said of it
DELAY_WINDOW, LONGEST_DELAY = 30.0, 0.5  # seconds
#: A delay is reported where it correlates this well, and this much better than none: the delay
#: alone then limits the SI-SDR of a perfect estimate to 27 dB.
CORRELATED, BETTER = 0.3, 1.001
REST = re.compile(r"(no|minus|without)[\W_]")  # `no_vocals`: what is left without them


def find_estimates(root: Path, pieces: Iterable[str]) -> dict[str, dict[str, Path]]:
    """The files of each piece by the instrument, or other name, that they hold.

    Read are `ROOT/PIECE/STEM.wav`, `ROOT/PIECE_STEM.wav` and `PIECE_(Stem)_MODEL.wav`, in every
    format of stems; of a single piece also `ROOT/STEM.wav`. In the names of pieces `_` stands for
    what file names cannot contain. Mixtures are left out.
    AudioError where `root` is no folder or holds nothing of any piece.
    """
    if not root.is_dir():
        raise AudioError(f"{root}: there is no such folder; give the one that holds the estimates.")
    places = {place: piece for piece in pieces for place in (piece, plain_name(piece))}
    found: dict[str, dict[Path, str]] = {piece: {} for piece in places.values()}
    for path in audio_files(root):
        owners = [place for place in places if _rest(path, place) not in ("", path.stem)]
        if owners:
            place = max(owners, key=len)
            found[places[place]][path] = _rest(path, place)
    for place, piece in places.items():
        for path in audio_files(root / place):
            found[piece][path] = _rest(path, place)
    if len(found) == 1 and not any(found.values()):
        found = {piece: {path: path.stem for path in audio_files(root)} for piece in found}
    if not any(found.values()):
        first = next(iter(places))
        raise AudioError(
            f"{root}: it holds no estimates of these pieces; write those of {first} to"
            f" {root / plain_name(first)}, one file per instrument."
        )
    return {piece: _named(files) for piece, files in found.items()}


def _rest(path: Path, place: str) -> str:
    """The name of a file without that of its piece at the start, if it stands there."""
    return re.sub(rf"^{re.escape(place)}(?=$|[\s_.(-])", "", path.stem)


def _named(files: Mapping[Path, str]) -> dict[str, Path]:
    """Files by what the rest of their names, without the piece, says that they hold."""
    read = {}
    for path, rest in files.items():
        bracketed = re.search(r"\(([^()]+)\)", rest)
        text = bracketed[1] if bracketed else rest.strip(" _.-") or MIXTURE
        read[path] = (text, None) if REST.match(text.lower()) else part_name(text, "")
    stems = [path for path in files if read[path][0] != MIXTURE]
    return dict(zip(numbered_names([read[path] for path in stems]), stems, strict=True))


def paired(references: Collection[str], estimates: Collection[str]) -> dict[str, str]:
    """For each stem and each estimate the source that it belongs to, or its own name.

    Equal names belong together; then those of one instrument, whose players are summed. A name that
    may mean several instruments, such as `bass`, means the only one of them that the piece has.
    """
    stems, written = set(references) - set(estimates), set(estimates) - set(references)
    present = set().union(*(each for each in map(_meanings, stems) if len(each) == 1))
    names = {name: name for name in (*references, *estimates)}
    for name in written:
        common = _meanings(name) & present
        if len(common) == 1:
            (names[name],) = common
    reached = {names[name] for name in written} & present
    return names | {name: source for name in stems for source in _meanings(name) & reached}


def _meanings(name: str) -> set[str]:
    return {row.name for row in read_name(name).instruments} or {name}


@dataclass(frozen=True)
class FittedRecording:
    """A recording in blocks at another sample rate, and of mono instead of its channels."""

    recording: Recording
    sample_rate: int
    channels: int

    def blocks(self) -> Iterator[np.ndarray]:
        count = min(self.recording.channels, self.channels)
        stream = ResampleStream(self.recording.sample_rate, self.sample_rate, count)
        for block in self.recording.blocks():
            mixed = block if count == len(block) else block.mean(axis=0, keepdims=True)
            yield stream.push(mixed)
        yield stream.flush()


@dataclass(frozen=True)
class WrittenStems:
    """The stems of a tool in files, as `find_estimates` gives them, as a system to measure.

    A stem without an estimate is not measured; where the tool has that instrument in other pieces,
    it counts as silent. Estimates are resampled to the rate of the stems, mixed to mono where those
    are, and cut or padded at the end to their length. A delay is reported and not compensated.
    notes: sentences on all this, each with the pieces that it holds for.
    """

    name: str
    files: Mapping[str, Mapping[str, Path]]
    notes: dict[str, list[str]] = field(default_factory=dict)
    _estimates: dict[str, Piece] = field(default_factory=dict, repr=False)

    def provenance(self, test_data: str) -> Provenance:
        return Provenance("none", test_data, "unknown", config=CONFIG, device="unknown")

    def examine(self, folder: StemFolder) -> Piece:
        found = self.files[folder.name]
        if not found:
            raise AudioError(
                f"{folder.name}: there are no estimates of it; separate it, or leave it out of the"
                " references."
            )
        sources = paired(folder.stems, found)
        piece = examine_piece(folder, sources)
        stems: dict[str, list[Blocks]] = {}
        for name, path in found.items():
            recording = examine_file(path, folder.name)
            self._compare(recording, piece)
            fitted = FittedRecording(recording, piece.sample_rate, piece.channels)
            stems.setdefault(sources[name], []).append(fitted)
        self._estimates[folder.name] = replace(piece, stems=stems, mixture=None)
        return piece

    def measure(self, piece: Piece) -> Iterator[tuple[str, str, float]]:
        estimates, known = self._estimates[piece.name], self._instruments()
        silent = []
        for name in piece.stems:
            if name not in estimates.stems and _meanings(name) <= known:
                silent.append(name)
                self._note(piece, f"{name} has an estimate in other pieces only: silent in these")
            elif name not in estimates.stems:
                self._note(piece, f"{name} has no estimate: it is not measured")
        for name in [name for name in estimates.stems if name not in piece.stems]:
            self._note(piece, f"{name} is no stem of the piece: only its level is measured (leak)")
        mixtures = ((a[1], b[1]) for a, b in zip(piece.blocks(), estimates.blocks(), strict=True))
        if late := delay(mixtures, piece.sample_rate):
            when = f"{abs(late)} samples too {'late' if late > 0 else 'early'}"
            self._note(piece, f"estimates are {when}, which lowers all values: align them")
        yield from measure_stems(piece, estimates, silent)

    def _instruments(self) -> set[str]:
        """All that the tool has an estimate of in any piece."""
        meanings = (_meanings(name) for found in self.files.values() for name in found)
        return set().union(*(each for each in meanings if len(each) == 1))

    def _compare(self, recording: Recording, piece: Piece) -> None:
        rate, channels = recording.sample_rate, recording.channels
        if channels not in (1, piece.channels) and piece.channels > 1:
            raise AudioError(
                f"{piece.name}/{recording.path.name}: it has {channels} channels and the stems have"
                f" {piece.channels}; write estimates of {piece.channels} or 1."
            )
        if rate != piece.sample_rate:
            self._note(piece, f"estimates were resampled from {rate} to {piece.sample_rate} Hz")
        if channels != piece.channels:
            mono = "the mean of their channels" if piece.channels == 1 else "mono"
            self._note(piece, f"stems of {piece.channels} channels were compared with {mono}")
        gap = recording.seconds - piece.seconds
        if gap < -SHORTEST_GAP:
            self._note(piece, "estimates are shorter than the piece: silence was added at the end")
        elif gap > SHORTEST_GAP:
            self._note(piece, "estimates are longer than the piece: what is more was left out")

    def _note(self, piece: Piece, sentence: str) -> None:
        pieces = self.notes.setdefault(sentence, [])
        if piece.name not in pieces:
            pieces.append(piece.name)


def delay(pairs: Iterable[tuple[np.ndarray, np.ndarray]], sample_rate: int) -> int:
    """How many samples later than the mixture the sum of the estimates is; 0 where none is certain.

    pairs: blocks of both, (channels, n). The lag of the highest correlation, up to half a second,
    in the first half minute in which the mixture sounds.
    """
    sounding = dropwhile(lambda pair: not pair[0].any(), pairs)
    blocks = (np.stack([each.mean(axis=0) for each in pair]) for pair in sounding)
    if (first := next(blocks, None)) is None:
        return 0
    signals = beginning(chain([first], blocks), round(DELAY_WINDOW * sample_rate))
    mixture, estimate = signals.astype(np.float64)
    reach = min(round(LONGEST_DELAY * sample_rate), len(mixture) - 1)
    zero = len(mixture) - 1
    near = correlate(estimate, mixture, method="fft")[zero - reach : zero + reach + 1]
    lag = int(np.argmax(near)) - reach
    loudness = np.linalg.norm(mixture) * np.linalg.norm(estimate)
    certain = near.max() > CORRELATED * loudness and near.max() > BETTER * near[reach]
    return lag if certain else 0
