"""What a data set says about each stem: notes, pitch, dynamics, instrument, estimated quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.audio import load
from ..audio.levels import rms
from ..files import replaced_atomically
from ..inference.detection import level_confidence
from ..inference.stem_drafts import RESIDUAL
from ..music.alignment import Alignment, AlignmentError, align
from ..music.instruments import find_instrument
from ..music.midi import write_midi
from ..music.pitch_features import RATE
from ..music.scores import Part, Score
from ..playing.dynamics import level_curve
from ..playing.onsets import played_parts
from ..playing.pitch import FRAME, note_pitches, pitch_curve, tracked_pitch
from ..transcription.players import transcribed, tuning_of

NONE, SCORE, TRANSCRIPTION = "", "score", "transcription"  # where notes are from
CHORDAL = ("keyboard", "plucked", "percussion")  # families without a curve of one pitch


def annotate(
    files: Mapping[str, Path],
    scores: Sequence[Score],
    named: bool,
    confidence: Mapping[str, float],
    quality: Mapping[str, float],
    transcribe: bool = False,
) -> dict[str, Any]:
    """Write NAME.mid and NAME.csv beside each stem; returns what `separation.json` says of them.

    files: the stems, by name. scores: of the recording, with its repeats and without; none where
    there is no score. named: the score named the instruments. confidence: of the detection, from
    0 to 1; empty where the model detects none. quality: the estimated SI-SDR of stems in dB.
    transcribe: without a score, read the notes from the stems. The CSV has the columns seconds,
    f0_hz (0 where no pitch is heard) and level_db.
    """
    stems = {name: load(path, sample_rate=RATE, channels=1)[0] for name, path in files.items()}
    players = {name: stem for name, stem in stems.items() if name != RESIDUAL}
    counts, found, remark = {name: 1 for name in players}, None, ""
    if scores:
        mixture = np.sum(list(stems.values()), axis=0)
        counts = {name: sum(p.instrument == name for p in scores[0].parts) for name in players}
        try:
            found = align(mixture, RATE, [_one_part_a_stem(score, players) for score in scores])
        except AlignmentError as error:
            remark = str(error)
    levels = _levels(players, stems)
    confidence = confidence or {n: level_confidence(levels[n], len(players)) for n in players}
    notes, notes_from = {name: Part(name, ()) for name in players}, NONE
    if found is not None:
        notes |= {part.instrument: part for part in found.score.parts}
        notes_from = SCORE
    elif transcribe and not scores:
        notes |= _transcribed(stems)
        notes_from = TRANSCRIPTION
    pitches = _pitches(players, found, counts)
    entry: dict[str, Any] = {}
    for name, stem in players.items():
        folder = files[name].parent
        parts = (notes[name],) if find_instrument(name) else ()  # none for `other`
        write_midi(Score(name, parts), folder / f"{name}.mid")
        _write_curves(folder / f"{name}.csv", pitches[name], level_curve(stem, RATE))
        entry[name] = {
            "instrument": row.name if (row := find_instrument(name)) else name,
            "players": max(counts[name], 1),
            "confidence": 1.0 if named else confidence.get(name, 1.0),
            "estimated_si_sdr": quality.get(name),
            "notes": len(notes[name].notes),
            "notes_from": notes_from if parts else NONE,
        }
    return {"players": entry, "score": found and _of_score(found), "remark": remark}


def _transcribed(stems: Mapping[str, np.ndarray]) -> dict[str, Part]:
    """The part of each stem (1, samples) of an instrument, read as `divisi transcribe` does."""
    tuning = tuning_of(np.sum(list(stems.values()), axis=0)[0], RATE)
    return {
        name: transcribed(name, stem[0], RATE, tuning)
        for name, stem in stems.items()
        if find_instrument(name)
    }


def _levels(players: Mapping[str, np.ndarray], stems: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The levels of stems in dB relative to the recording, their sum with the residual."""
    whole = rms(np.sum(list(stems.values()), axis=0)) or 1.0
    return {name: 20 * math.log10(max(rms(stem) / whole, 1e-6)) for name, stem in players.items()}


def _one_part_a_stem(score: Score, names: Mapping[str, np.ndarray]) -> Score:
    """The score with the parts of one instrument joined, as a model without a score has stems."""
    parts = []
    for name in names:
        lines = [part.notes for part in score.parts if part.instrument == name]
        notes = sorted((n for line in lines for n in line), key=lambda n: (n.onset, n.pitch))
        parts.append(Part(name, tuple(notes)))
    return replace(score, parts=tuple(parts))


def _pitches(
    players: Mapping[str, np.ndarray], found: Alignment | None, counts: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """The pitch of each stem of one player in Hz, by the score where there is one."""
    frames = {name: len(level_curve(stem, RATE)) for name, stem in players.items()}
    pitches = {name: np.zeros(count) for name, count in frames.items()}
    parts = {part.name: part for part in played_parts(players, RATE, found)} if found else {}
    for name, stem in players.items():
        row = find_instrument(name)
        if row is None or row.family in CHORDAL or counts[name] > 1:
            continue
        if found is None:
            pitches[name] = tracked_pitch(stem, RATE, row, frames[name])
        elif name in parts:
            pitches[name] = pitch_curve(note_pitches(stem, RATE, parts[name]), frames[name])
    return pitches


def _write_curves(path: Path, pitch: np.ndarray, level: np.ndarray) -> None:
    seconds = FRAME * np.arange(len(level))
    rows = (f"{t:.2f},{f:.2f},{db:.1f}" for t, f, db in zip(seconds, pitch, level, strict=True))
    with replaced_atomically(path) as draft:
        draft.write_text("\n".join(["seconds,f0_hz,level_db", *rows]) + "\n", encoding="utf-8")


def _of_score(found: Alignment) -> dict[str, Any]:
    return {
        "title": found.written.title,
        "fit": round(found.fit, 4),
        "transposition": found.transposition,
        "a4_hz": round(440 * 2 ** (found.tuning / 1200), 2),
        "alignment": np.round(found.times, 4).tolist(),
    }
