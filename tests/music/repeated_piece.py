"""A score with a pickup and a repeat whose bars are known, and a performance of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.music.score_files import read_score
from helpers.music.scores import Note
from helpers.synthesis.renderer import render_score
from helpers.synthesis.tones import Timbre, Tones

QUARTER = 0.6  # seconds of the score
BOWED = Tones(Timbre(attack=0.08))
LEAD, SLOWER = 0.7, 1.15  # of the performance: seconds before it, and its tempo
#: The bars as they are played: a pickup of a quarter, bars 1 to 4 twice, bars 5 to 8.
PLAYED = ("0", *"1234", *"1234", *"5678")
STARTS = QUARTER * np.array([0, *range(1, 49, 4)])
TRUTH = LEAD + SLOWER * STARTS  # in the performance

TIME = (
    "<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time>"
    "</attributes>"
)
TEMPO = '<direction><direction-type/><sound tempo="100"/></direction>'
FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'
BACKWARD = '<barline location="right"><repeat direction="backward"/></barline>'
RHYTHMS = ((2, 2, 2, 2), (4, 2, 2), (2, 1, 1, 4), (3, 1, 2, 2))  # eighths of a bar
NOTE = (
    "<note><pitch><step>{}</step><octave>{}</octave></pitch><duration>{}</duration>"
    "<type>quarter</type></note>"
)


def write_piece(path: Path) -> Path:
    """Violin and cello, 9 bars, as MusicXML."""
    rng = np.random.default_rng(5)
    parts, names = "", ""
    for place, (name, octave) in enumerate((("Violin", 5), ("Cello", 3)), 1):
        names += f'<score-part id="P{place}"><part-name>{name}</part-name></score-part>'
        bars = ""
        for number in range(9):
            lengths = RHYTHMS[rng.integers(4)] if number else (2,)
            bar = "".join(NOTE.format(rng.choice(list("CDEFGAB")), octave, n) for n in lengths)
            before = {0: TIME + TEMPO, 1: FORWARD}.get(number, "")
            kind = "" if number else ' implicit="yes"'
            bar = before + bar + (BACKWARD if number == 4 else "")
            bars += f'<measure number="{number}"{kind}>{bar}</measure>'
        parts += f'<part id="P{place}">{bars}</part>'
    path.write_text(
        f"<score-partwise><part-list>{names}</part-list>{parts}</score-partwise>", encoding="utf-8"
    )
    return path


def performance(path: Path, sample_rate: int) -> np.ndarray:
    """(channels, samples): the piece after `LEAD` seconds of silence, `SLOWER`."""

    def later(note: Note) -> Note:
        return replace(note, onset=LEAD + SLOWER * note.onset, duration=SLOWER * note.duration)

    score = read_score(path)
    parts = tuple(replace(part, notes=tuple(map(later, part.notes))) for part in score.parts)
    return render_score(replace(score, parts=parts), BOWED, sample_rate).mixture
