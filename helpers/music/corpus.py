"""music21's corpus as rows of numbers, and which of its chorales Bach10 recorded.

Parsing is slow (20 seconds for all chorales on two cores), so the rows are cached as JSON under
`cache_root()/scores`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from .. import runtime
from ..files import replaced_atomically

#: The ten pieces of Bach10 as its folders spell them. They are test data: `chorale_names` excludes
#: every setting of these hymns.
BACH10_TITLES = (
    "Ach Gott und Herr",
    "Ach lieben Christen",
    "Christ der du bist Tag und Licht",
    "Christe du Beistand",
    "Die Nacht",
    "Die Sonne",
    "Herr Gott",
    "Für deinen Thron",
    "Jesus",
    "Nun bitten",
)

# The same hymns in other spellings, and hymns that share a melody with one of them: "Wo Gott der
# Herr" and "Wär Gott nicht mit uns" with 02, "Nun komm" with 03, "Wenn wir in höchsten Nöten sein"
# with 08. Bach10 calls piece 09 only "Jesus", so every "Jesu ..." is excluded.
SPELLINGS = (
    "Christ der du bist",
    "Christe der du bist",
    "Die Sonn",
    "Vor deinen Thron",
    "Jesu",
    "Wo Gott der Herr",
    "Wär Gott nicht mit uns",
    "Nun komm der Heiden Heiland",
    "Wenn wir in höchsten Nöten",
)

# Corpus files without a title that have one of those melodies, found by the intervals of the
# soprano (178.7 is 114.7, 146.8 is 359) and by their words (119.9 and 120.6 belong to 328).
UNTITLED = ("bwv119.9", "bwv120.6", "bwv146.8", "bwv178.7")

FORMAT = 3  # version of the cached rows; increase it when `parse` changes its result


def chorale_names() -> list[str]:
    """The four-part Bach chorales of the corpus, such as `bwv269`, without those of Bach10.

    53 of 365 files are excluded: bwv14.5 36.8-2 48.3 62.6 64.8 78.7 81.7 87.7 114.7 119.9 120.6
    145-a 146.8 159.5 169.7 178.7 190.7 194.6 197.5 227.1 227.11 227.7 245.14 245.28 255 256 257
    258 273 274 275 296 297 326 327 328 352-365 385 431 432.
    """
    return sorted(name for name in chorales() if not is_bach10(name))


def is_bach10(name: str) -> bool:
    """Whether the corpus chorale `name` (`bwv255`) may be a piece of Bach10.

    True if a title begins like one of BACH10_TITLES or SPELLINGS (ignoring case, accents and
    punctuation), or for one of UNTITLED.
    """
    hymns = [_letters(text) for text in BACH10_TITLES + SPELLINGS]
    titles = [_letters(text) for text in _titles().get(name, ())]
    return name in UNTITLED or any(t.startswith(h) for t in titles for h in hymns)


def names_bach10(title: str) -> bool:
    """Whether a title, such as the name of a folder, contains one of those hymns."""
    return any(_letters(hymn) in _letters(title) for hymn in BACH10_TITLES + SPELLINGS)


@lru_cache(maxsize=1)
def chorales() -> dict[str, list[dict]]:
    """All chorales in exactly four parts, including Bach10: name -> parts as `work` gives them."""
    return _cached("chorales", _parse_chorales)


def work(name: str) -> list[dict]:
    """The parts of one work: `{"name": "Violin I", "notes": [[onset, duration, pitch], ...]}`.

    Onsets and durations are in quarter notes, ordered by onset. Ties are merged, chords become
    several notes, rests are gaps; pitches are sounding ones; repeats, grace notes and fermatas are
    ignored. KeyError with the nearest names for an unknown work.
    """
    if _cache_file("chorales").is_file() and name in chorales():
        return chorales()[name]
    return _cached(name, lambda: parse(_find(name)))


def works() -> dict[str, Path]:
    """The files of the corpus by name; a work of Bach is both `bach/bwv269` and `bwv269`."""
    from music21 import corpus

    known: dict[str, Path] = {}
    for path in sorted(corpus.getCorePaths()):  # .mxl replaces .krn
        inside = Path(str(path).split(f"corpus{os.sep}", 1)[-1]).with_suffix("")
        known[inside.as_posix()] = path
        if inside.parts[0] == "bach":
            known[inside.name] = path
    return known


def parse(path: Path | str) -> list[dict]:
    """The parts of a score file that music21 reads, as `work` gives them."""
    from music21 import converter

    # without the pickles of music21, which are broken where two processes write one at once
    score = converter.parse(path, forceSource=True, storePickle=False)
    align_bars(list(score.parts))
    to_sounding_pitch(score)
    parts = []
    for part in score.parts:
        notes = [
            [round(float(note.offset), 4), round(float(note.quarterLength), 4), pitch.midi]
            for note in part.flatten().stripTies().notes
            for pitch in note.pitches
            if note.quarterLength > 0
        ]
        parts.append({"name": part.partName or "", "notes": sorted(notes)})
    return parts


def to_sounding_pitch(score) -> None:
    """Shift the parts of transposing instruments from where they are written to where they sound.

    music21 knows which parts are written so from the file, and does not ask where the file is
    silent.
    """
    for part in score.parts:
        if part.atSoundingPitch is False:
            part.toSoundingPitch(inPlace=True)


def align_bars(parts: list) -> None:
    """Make the bars of all parts begin at the same time.

    music21 derives the length of a bar from its notes, so that a misprint shifts the rest of its
    part. Here a bar is as long as in most parts; in a tie, the length nearest to its time
    signature wins.
    """
    bars = [list(part.getElementsByClass("Measure")) for part in parts]
    if len({len(part_bars) for part_bars in bars}) != 1:
        return  # unknown which bars correspond
    starts = [[float(bar.offset) for bar in part_bars] for part_bars in bars]
    start = starts[0][0] if bars[0] else 0.0
    for number, simultaneous in enumerate(zip(*bars, strict=True)):
        for part, bar in zip(parts, simultaneous, strict=True):
            part.setElementOffset(bar, start)
        if number + 1 < len(bars[0]):
            lengths = [round(part[number + 1] - part[number], 4) for part in starts]
            nominal = float(simultaneous[0].barDuration.quarterLength)
            start += max(set(lengths), key=lambda n: (lengths.count(n), -abs(n - nominal), n))


def _cache_file(name: str) -> Path:
    plain = re.sub(r"[^\w.-]+", "__", name)
    return runtime.cache_root() / "scores" / f"{plain}-{FORMAT}.json"


def _cached(name: str, compute):
    file = _cache_file(name)
    if not file.is_file():
        parsed = compute()
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced_atomically(file) as draft:
            draft.write_text(json.dumps(parsed, separators=(",", ":")), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def _parse_chorales() -> dict[str, list[dict]]:
    from joblib import Parallel, delayed

    files = {n: path for n, path in works().items() if n.startswith("bwv")}
    parsed = Parallel(n_jobs=-1)(delayed(parse)(path) for path in files.values())
    return {name: parts for name, parts in zip(files, parsed, strict=True) if len(parts) == 4}


def _find(name: str) -> Path:
    known = works()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        raise KeyError(f"music21's corpus has no '{name}'; the nearest are: {', '.join(near)}.")
    return known[name]


@lru_cache(maxsize=1)
def _titles() -> dict[str, list[str]]:
    """Hymn titles of each chorale, by the name of its corpus file."""
    from music21.corpus.chorales import ChoraleListRKBWV

    catalogue = ChoraleListRKBWV()
    titles: dict[str, list[str]] = {}
    for entries in (catalogue.byBWV, catalogue.byRiemenschneider):
        for entry in entries.values():
            titles.setdefault(f"bwv{entry['bwv']}", []).append(entry["title"])
    return titles


def _letters(text: str) -> str:
    """The letters of a title in lower case: `Für deinen Thron, o Gott` -> `furdeinenthronogott`."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss").lower())
    return re.sub(r"[^a-z]", "", letters.encode("ascii", "ignore").decode())
