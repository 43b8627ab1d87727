"""Scores from MusicXML, plain or packed (.mxl), as notation programs share them.

music21 reads the notation and plays it as MIDI: repeats, tempi, dynamics, transposing instruments.
From there on it is a MIDI file like any other.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from .corpus import align_bars, to_sounding_pitch
from .instruments import read_name
from .midi import midi_score
from .notation import leave_out_others, play_ornaments, repeat_choices, take_repeats
from .scores import Score

LARGEST = 32 << 20  # bytes, unpacked; a symphony has about 20 MB
DEEPEST = 100  # levels of elements; MusicXML needs about ten
MOST_REPEATS = 16  # times that one passage is played
COUNTS = {"beats", "beat-type", "staves"}  # elements with a small number
Bars = list[tuple[str, float]]  # number and first quarter note of each, from 0
QUOTES = "[\"'`]"
DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
CONTAINER = "META-INF/container.xml"
ENCODING = re.compile(rb"""^<\?xml[^>]*encoding=["']([A-Za-z][\w.-]*)["']""")


def read_musicxml(path: Path | str) -> Score:
    """The players of a score, one part each, at sounding pitch; see `midi_score`.

    Repeats are played, grace notes on the beat, trills, mordents and turns written out. Chord
    symbols, cue notes and hidden parts are left out. A quarter note is half a second where no tempo
    is given. Nothing outside the file is read, and nothing is unpacked to the disk.
    ValueError for a file that is no MusicXML in parts, declares entities, or is larger unpacked
    than 32 MB.
    """
    return next(unfoldings(path))


def unfoldings(path: Path | str) -> Iterator[Score]:
    """The score with its repeats as written, then as players may take them: see `repeat_choices`.

    Only the first one warns.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = _bounded(file, path.name)
    text = _text(_unpacked(data, path.name) if data[:2] == b"PK" else data, path.name)
    _check(text, path.name)
    for choice in repeat_choices(ElementTree.fromstring(text)):
        root = ElementTree.fromstring(text)
        leave_out_others(root)
        take_repeats(root, choice)
        with warnings.catch_warnings():
            if not all(choice):
                warnings.simplefilter("ignore")
            played = ElementTree.tostring(root, "unicode")
            midi, bars = _as_midi(played, path.name, _bar_numbers(root))
            score = midi_score(midi, path.name, bars)
        yield score


def _bounded(file, name: str) -> bytes:
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"{name}: larger than {LARGEST >> 20} MB, which no score is.")
    return data


def _unpacked(data: bytes, name: str) -> bytes:
    """The score in an .mxl archive: the one that its container names, else the first."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            inside = next((n for n in names if n.endswith((".musicxml", ".xml"))), None)
            if CONTAINER in names:
                with archive.open(CONTAINER) as file:
                    container = _text(_bounded(file, name), name)
                _check(container, name, root="container")
                rootfiles = ElementTree.fromstring(container).iter()
                paths = (element.get("full-path") for element in rootfiles)
                inside = next(filter(None, paths), inside)
            if inside not in names:
                raise ValueError(f"{name}: the archive holds no score; export it again.")
            with archive.open(inside) as file:
                return _bounded(file, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{name}: not a readable archive ({error}); export it again.") from error


def _text(data: bytes, name: str) -> str:
    """XML as text, in the encoding of its byte-order mark or declaration, which is left out."""
    declared = ENCODING.match(data)
    encoding = declared[1].decode() if declared else "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif data[:3] == b"\xef\xbb\xbf":
        encoding = "utf-8-sig"
    try:
        return DECLARATION.sub("", data.decode(encoding).lstrip("\ufeff"), count=1)
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"{name}: its text is not in {encoding}; export it again.") from error


def _check(text: str, name: str, root: str = "score-partwise") -> None:
    """Refuse what is no well-formed XML with this root, and entities, which can grow without end
    or name other files."""
    depth, element = 0, ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, element
        depth, element = depth + 1, tag
        if depth == 1 and tag.rpartition(":")[2] != root:
            raise ValueError(
                f"{name}: it begins with <{tag[:40]}>, not with <{root}>; export it as MusicXML."
            )
        if depth > DEEPEST:
            raise ValueError(f"{name}: its elements are nested deeper than {DEEPEST} levels.")
        times = attributes.get("times", "1") if tag == "repeat" else "1"
        if not times.isdecimal() or int(times[:9]) > MOST_REPEATS:
            raise ValueError(f"{name}: it repeats a passage more than {MOST_REPEATS} times.")

    def end(_: str) -> None:
        nonlocal depth, element
        depth, element = depth - 1, ""

    def characters(content: str) -> None:
        if element in COUNTS and re.search(r"\d{4}", content):
            raise ValueError(f"{name}: <{element}> is {content[:12]}; no score has so many.")

    def entity(*_: object) -> None:
        raise ValueError(f"{name}: declares entities, which MusicXML does not need; remove them.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = characters, entity
    parser.buffer_text = True
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, UnicodeError) as error:
        raise ValueError(f"{name}: not well-formed XML ({error}); export it again.") from error


def _bar_numbers(root: ElementTree.Element) -> list[str]:
    """The numbers of the bars as written, without what would end a line or a quotation."""
    part = root.find("part")
    bars = [] if part is None else part.findall("measure")
    return [re.sub(QUOTES, "", " ".join(bar.get("number", "").split())) for bar in bars]


def _as_midi(text: str, name: str, numbers: Sequence[str]) -> tuple[bytes, Bars]:
    """What music21 plays for a score, and its bars. Warns of parts that name no instrument.

    numbers: of the bars as written.
    """
    from music21 import converter, repeat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # music21's, of its own repairs
            score = converter.parseData(text, format="musicxml")
            align_bars(list(score.parts))
            to_sounding_pitch(score)
            _leave_out_symbols(score)
            graces = play_ornaments(score)
            unnamed = _unnamed_parts(score)
            try:
                played = _played(score, numbers)
            except repeat.ExpanderException:  # repeats that contradict each other: play once
                for mark in list(score.recurse().getElementsByClass(repeat.RepeatMark)):
                    score.remove(mark, recurse=True)
                played = _played(score, numbers)
    except Exception as error:  # music21 raises of any kind where it does not expect something
        raise ValueError(f"{name}: music21 cannot read this score ({error}).") from error
    if graces:
        warnings.warn(
            f"{name}: grace notes ({graces}) at the end of a bar are left out; no note follows "
            "them there.",
            stacklevel=3,
        )
    for part in unnamed:
        warnings.warn(
            f"{name}: '{part}' names no instrument of the table; it is played by the piano.",
            stacklevel=3,
        )
    return played


def _played(score, numbers: Sequence[str]) -> tuple[bytes, Bars]:
    """A music21 score as MIDI, and its bars, with the repeats played."""
    from music21.midi.translate import music21ObjectToMidiFile

    part = next(iter(score.parts))
    for bar, number in zip(part.getElementsByClass("Measure"), numbers, strict=False):
        bar.editorial.written = number  # music21 numbers bars anew after a da capo
    bars = part.expandRepeats(copySpanners=False).getElementsByClass("Measure")
    starts = [(bar.editorial.get("written", ""), float(bar.offset)) for bar in bars]
    return music21ObjectToMidiFile(score).writestr(), starts


def _leave_out_symbols(score) -> None:
    """Remove chord symbols."""
    from music21.harmony import Harmony

    for symbol in list(score.recurse().getElementsByClass(Harmony)):
        score.remove(symbol, recurse=True)


def _unnamed_parts(score) -> list[str]:
    """Names of parts that mean no instrument and have no General MIDI program either."""
    names = {
        part.partName or ""
        for part in score.parts
        if all(row.midiProgram is None for row in part.getInstruments(recurse=True))
        and any(note.pitches for note in part.recurse().notes)  # not percussion
    }
    return sorted(name for name in names if not read_name(name).instruments)
