"""FluidSynth: pitch, bends, balance, tails, and the same bits at every render."""

import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers.music.scores import Note, Part
from helpers.runtime import repository_root
from helpers.synthesis.fluidsynth import FluidSynth, fluidsynth_version
from helpers.synthesis.soundfonts import find_soundfonts

RATE = 22050


@pytest.fixture(scope="module")
def soundfont():
    fonts = [font for font in find_soundfonts() if font.suffix == ".sf2"]
    if not fonts:
        pytest.skip("there is no soundfont: apt-get install timgm6mb-soundfont")
    return min(fonts, key=lambda font: font.stat().st_size)


def play(soundfont, *notes: Note, player: str = "organ", gain: float = 0.5) -> np.ndarray:
    return FluidSynth(soundfont, gain=gain).render(Part(player, notes), RATE)


def pitch(sound: np.ndarray, low: float, high: float) -> float:
    """MIDI pitch of the strongest partial between two frequencies (Hz)."""
    size = 1 << 20
    amplitudes = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    first, last = round(low * size / RATE), round(high * size / RATE)
    hertz = (first + np.argmax(amplitudes[first:last])) * RATE / size
    return 69 + 12 * np.log2(hertz / 440)


def test_a_of_440_hertz_sounds_at_440_hertz(soundfont):
    sound = play(soundfont, Note(0.0, 3.0, 69), player="clarinet")[0]
    assert pitch(sound[RATE : 3 * RATE], 400, 480) == pytest.approx(69, abs=0.1)


@pytest.mark.parametrize("fraction", [-0.49, -0.13, 0.02, 0.37, 0.5])
def test_fraction_of_a_pitch_lands_within_three_cents(soundfont, fraction):
    straight, bent = (
        pitch(play(soundfont, Note(0.0, 3.0, p))[0, RATE : 3 * RATE], 390, 490)
        for p in (69, 69 + fraction)
    )
    assert bent - straight == pytest.approx(fraction, abs=0.03)


def test_a_plucked_note_among_bowed_ones_sounds_as_a_pizzicato_program_would(soundfont):
    bowed, plucked = Note(0.0, 0.5, 69), Note(2.0, 1.0, 69, program=45)
    mixed = play(soundfont, bowed, plucked, player="violin")[0, 2 * RATE : 3 * RATE]
    arco = play(soundfont, bowed, Note(2.0, 1.0, 69), player="violin")[0, 2 * RATE : 3 * RATE]
    late = slice(3 * RATE // 4, None)
    assert np.abs(mixed[late]).max() < 0.1 * np.abs(arco[late]).max()
    again = play(soundfont, plucked, Note(4.0, 0.5, 69), player="violin")[0, 4 * RATE :]
    assert np.abs(again).max() == pytest.approx(np.abs(play(
        soundfont, bowed, player="violin")[0]).max(), rel=0.1)  # fmt: skip


def test_bend_of_one_note_leaves_another_alone(soundfont):
    alone = play(soundfont, Note(0.0, 3.0, 69))[0]
    both = play(soundfont, Note(0.0, 3.0, 69), Note(0.5, 2.5, 60.5))[0]
    pitches = [pitch(sound[RATE : 3 * RATE], 425, 455) for sound in (alone, both)]
    assert pitches[0] == pytest.approx(pitches[1], abs=0.005)


def test_repeated_render_has_the_same_bits_after_other_renders(soundfont):
    notes = tuple(Note(0.2 * i, 0.3, 60 + i % 5 + 0.1, 60 + i) for i in range(12))
    first = play(soundfont, *notes, player="saxophone")
    play(soundfont, Note(0.0, 0.5, 40), player="bassoon")
    assert np.array_equal(first, play(soundfont, *notes, player="saxophone"))


def test_another_process_renders_the_same_bits(soundfont):
    code = (
        "import hashlib, sys; from helpers.synthesis.fluidsynth import FluidSynth;"
        "from helpers.music.scores import Note, Part; part = Part('oboe', (Note(0, 0.5, 70.2),));"
        "sound = FluidSynth(sys.argv[1]).render(part, 22050);"
        "print(hashlib.sha256(sound.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code, str(soundfont)]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=repository_root()
    )
    expected = play(soundfont, Note(0, 0.5, 70.2), player="oboe")
    printed = answer.stdout.split()[-1]  # where CI is set, pyfluidsynth says what it found
    assert printed == hashlib.sha256(expected.tobytes()).hexdigest()


def test_threads_that_share_a_soundfont_render_the_same_bits(soundfont):
    def render(pitch):
        return play(soundfont, *(Note(0.1 * i, 0.2, pitch + i % 3) for i in range(20)))

    alone = [render(pitch) for pitch in range(60, 68)]
    with ThreadPoolExecutor(4) as threads:
        in_parallel = list(threads.map(render, range(60, 68)))
    assert all(np.array_equal(one, other) for one, other in zip(alone, in_parallel, strict=True))


def test_the_version_of_the_library_is_known():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", fluidsynth_version())


def test_level_is_the_gain_and_nothing_clips_or_is_normalised(soundfont):
    quiet = play(soundfont, Note(0.0, 1.0, 69, 127), gain=0.1)
    loud = play(soundfont, Note(0.0, 1.0, 69, 127), gain=9.9)
    assert np.abs(loud).max() > 1.0
    assert loud[0, :RATE] == pytest.approx(99 * quiet[0, :RATE], abs=1e-3)


def test_higher_velocity_is_louder(soundfont):
    soft, loud = (np.std(play(soundfont, Note(0.0, 1.0, 69, v))[0, :RATE]) for v in (40, 110))
    assert loud > 2 * soft


def test_note_begins_at_its_onset_within_a_block(soundfont):
    sound = play(soundfont, Note(1.0, 0.5, 69))[0]
    begin = np.flatnonzero(np.abs(sound) > 1e-4)[0]
    assert RATE - 64 <= begin <= RATE + 0.05 * RATE


def test_release_rings_after_the_last_note_until_it_is_silent(soundfont):
    sound = play(soundfont, Note(0.0, 0.5, 69), player="violin")[0]
    assert np.abs(sound[RATE // 2 :]).max() > 1e-3
    assert np.abs(sound[-100:]).max() < 1e-4


def test_stems_sound_different_for_different_instruments(soundfont):
    flute, tuba = (play(soundfont, Note(0, 1, 60), player=p)[0, :RATE] for p in ("flute", "tuba"))
    assert np.corrcoef(flute, tuba)[0, 1] < 0.9


def test_part_without_notes_has_no_samples(soundfont):
    assert play(soundfont).shape == (1, 0)


def test_missing_soundfont_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"grand\.sf2"):
        play(tmp_path / "grand.sf2", Note(0, 1, 60))


def test_file_that_is_no_soundfont_is_refused_by_name(tmp_path):
    (tmp_path / "text.sf2").write_text("not a soundfont")
    with pytest.raises(ValueError, match=r"text\.sf2"):
        play(tmp_path / "text.sf2", Note(0, 1, 60))
