"""The table of instruments: names and abbreviations, families, GM programs and ranges."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """program: General MIDI, counted from 0. low, high: the usual sounding range in MIDI pitch."""

    name: str
    aliases: tuple[str, ...]
    family: str
    program: int
    low: int
    high: int


# Programs: General MIDI 1 sound set. Ranges: sounding pitch, from orchestration books. Names and
# abbreviations: English, Italian, French and German scores, URMP and Bach10.
INSTRUMENTS = (
    Instrument("violin", ("vn", "vln", "vl", "violino", "violon"), "strings", 40, 55, 103),
    Instrument("viola", ("va", "vla", "bratsche", "alto-viola"), "strings", 41, 48, 91),
    Instrument("cello", ("vc", "vlc", "violoncello", "violoncelle"), "strings", 42, 36, 84),
    Instrument(
        "double-bass",
        ("db", "cb", "contrabass", "string-bass", "upright-bass", "contrabbasso", "kontrabass"),
        "strings", 43, 28, 67,
    ),
    Instrument("harp", ("hp", "arpa", "harfe", "harpe"), "plucked", 46, 24, 103),
    Instrument(
        "guitar", ("gtr", "acoustic-guitar", "classical-guitar", "chitarra"), "plucked", 24, 40, 84
    ),
    Instrument("piccolo", ("pic", "picc", "ottavino"), "woodwind", 72, 74, 108),
    Instrument("flute", ("fl", "flauto", "flote"), "woodwind", 73, 60, 98),
    Instrument("recorder", ("rec", "blockflote"), "woodwind", 74, 60, 91),
    Instrument("oboe", ("ob", "hautbois"), "woodwind", 68, 58, 91),
    Instrument("english-horn", ("eh", "cor-anglais", "corno-inglese"), "woodwind", 69, 52, 81),
    Instrument("clarinet", ("cl", "clarinetto", "klarinette"), "woodwind", 71, 50, 94),
    Instrument("bass-clarinet", ("bcl", "clarinetto-basso"), "woodwind", 71, 34, 77),
    Instrument(
        "saxophone", ("sax", "saxphone", "tenor-sax", "tenor-saxophone", "tsax"),
        "woodwind", 66, 44, 76,
    ),
    Instrument("soprano-saxophone", ("soprano-sax", "ssax"), "woodwind", 64, 56, 88),
    Instrument("alto-saxophone", ("alto-sax", "asax"), "woodwind", 65, 49, 81),
    Instrument("baritone-saxophone", ("baritone-sax", "bari-sax", "bsax"), "woodwind", 67, 36, 69),
    Instrument("bassoon", ("bn", "bsn", "fg", "fagotto", "fagott"), "woodwind", 70, 34, 75),
    Instrument("contrabassoon", ("cbn", "contrafagotto"), "woodwind", 70, 22, 53),
    Instrument("horn", ("hn", "french-horn", "corno", "cor"), "brass", 60, 34, 77),
    Instrument("trumpet", ("tpt", "tromba", "trompete"), "brass", 56, 52, 84),
    Instrument("trombone", ("tbn", "posaune"), "brass", 57, 40, 72),
    Instrument("tuba", ("tba",), "brass", 58, 26, 65),
    Instrument("piano", ("pno", "pf", "pianoforte", "klavier"), "keyboard", 0, 21, 108),
    Instrument("harpsichord", ("hpsd", "cembalo", "clavecin"), "keyboard", 6, 29, 89),
    Instrument("organ", ("org", "church-organ", "pipe-organ", "orgel"), "keyboard", 19, 36, 96),
    Instrument("voice", ("vox", "vocals", "vocal", "singer", "choir"), "voice", 52, 40, 84),
    Instrument("timpani", ("timp", "kettledrums", "pauken"), "percussion", 47, 36, 60),
)  # fmt: skip


def instrument(name: str) -> Instrument:
    """The row of a name or alias, in any case, with or without a number (`Violin II`, `vn-1`).

    KeyError with the nearest name.
    """
    rows = {alias: row for row in INSTRUMENTS for alias in (row.name, *row.aliases)}
    plain = _plain(name)
    unnumbered = re.sub(r"-?\d+$|-(i{1,3}|iv)$", "", plain)
    for key in (plain, unnumbered):
        if key in rows:
            return rows[key]
    near = difflib.get_close_matches(unnumbered, rows, n=1, cutoff=0.5)
    hint = f"did you mean '{rows[near[0]].name}'?" if near else "see INSTRUMENTS for the names."
    raise KeyError(f"There is no instrument '{name}'; {hint}")


def _plain(name: str) -> str:
    """Lower case, words joined by hyphens: `French Horn.` -> `french-horn`."""
    return re.sub(r"[\s_.\-]+", "-", name.strip().lower()).strip("-")
