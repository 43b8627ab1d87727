"""`divisi align`: a recording and its score in, MIDI in time with the recording out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from helpers.music.midi import read_midi, write_midi
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Score
from helpers.synthesis.renderer import render_score
from helpers.synthesis.tones import Tones

RATE = 16_000
NAMES = ["Violino I", "Violino II", "Fagotto"]


def score_of(number: int) -> Score:
    return RandomPiece(number).score(("violin", "violin", "bassoon"), seconds=8.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A stereo recording, its score, and the score of another piece."""
    folder = tmp_path_factory.mktemp("align")
    score, other = score_of(1), score_of(2)
    sound = render_score(score, Tones(), RATE).mixture
    soundfile.write(folder / "trio.wav", np.repeat(sound, 2, axis=0).T * 0.5, RATE)
    faster = (
        replace(p, notes=tuple(replace(n, onset=n.onset / 1.2, duration=n.duration / 1.2)
                for n in p.notes)) for p in score.parts
    )  # fmt: skip
    write_midi(replace(score, parts=tuple(faster)), folder / "trio.mid", NAMES)
    write_midi(other, folder / "other.mid")
    (folder / "text.mid").write_text("no score")
    write_midi(Score("empty", ()), folder / "empty.mid")
    return folder


def test_the_notes_are_written_in_the_time_of_the_recording(divisi, files, tmp_path):
    target = tmp_path / "new" / "aligned.mid"
    code, out, err = divisi("align", files / "trio.wav", files / "trio.mid", "-o", target)
    assert (code, err) == (0, []) and len(out) == 1
    assert "violin-1" in out[0] and "A4 at 4" in out[0]
    written, played = read_midi(target), score_of(1)
    assert [part.name for part in written.parts] == NAMES
    names = [(part.instrument, part.number) for part in written.parts]
    assert names == [("violin", 1), ("violin", 2), ("bassoon", None)]
    for part, truth in zip(written.parts, played.parts, strict=True):
        assert len(part.notes) == len(truth.notes)
        onsets = np.sort([note.onset for note in part.notes])
        assert np.median(np.abs(onsets - np.sort([n.onset for n in truth.notes]))) < 0.04
    code, _, err = divisi("align", files / "trio.wav", files / "trio.mid", "-o", target)
    assert code == 2 and "--overwrite" in err[0]
    before = target.read_bytes()
    words = ("align", files / "trio.wav", files / "trio.mid", "-o", target, "--overwrite")
    assert divisi(*words)[0] == 0 and target.read_bytes() == before


@pytest.mark.parametrize(
    ("recording", "score", "message"),
    [
        ("trio.wav", "other.mid", "other: "),
        ("trio.wav", "none.mid", "none.mid: there is no such file"),
        ("trio.wav", "text.mid", "text.mid: "),
        ("trio.wav", "empty.mid", "empty.mid: has no notes"),
        ("trio.wav", "trio.wav", "trio.wav: is neither MIDI nor MusicXML"),
        ("none.wav", "trio.mid", "none.wav: there is no such file"),
        ("trio.mid", "trio.mid", "trio.mid: this is not audio"),
    ],
)
def test_what_cannot_be_aligned_is_refused_and_nothing_is_written(
    divisi, files, tmp_path, recording, score, message
):
    target = tmp_path / "new" / "aligned.mid"
    code, out, err = divisi("align", files / recording, files / score, "-o", target)
    assert (code, out) == (2, []) and len(err) == 1 and message in err[0]
    assert not target.parent.exists()


def test_the_score_is_not_overwritten(divisi, files):
    words = ("align", files / "trio.wav", files / "trio.mid", "-o", files / "trio.mid")
    code, _, err = divisi(*words, "--overwrite")
    assert code == 2 and "this is what is read" in err[0]
