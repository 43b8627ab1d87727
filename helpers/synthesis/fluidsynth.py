"""A renderer of soundfonts. The only module that uses FluidSynth.

A soundfont is loaded once per process, because that takes seconds (an .sf3 is decompressed at
every load). The synthesiser writes floats: nothing is clipped, dithered or normalised, and the
balance between instruments is that of the soundfont.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from ..music.instruments import instrument
from ..music.scores import Note, Part

BLOCK = 64  # samples: FluidSynth quantises events to its own blocks
CHANNELS = 9  # used in turn, so that a pitch bend does not affect the last eight releases
BEND_RANGE = 2.0  # semitones, FluidSynth's default
ERROR_AND_WARNING = (1, 2)  # FluidSynth's log levels
LONGEST_TAIL = 4.0  # seconds after the last note
TAIL_STEP = 64 * BLOCK  # samples
SILENCE = 1e-5  # peak, -100 dB full scale
LOCK = threading.Lock()  # the reference count of a soundfont is not thread-safe


class FluidSynthError(ImportError):
    """FluidSynth is not installed."""


@dataclass(frozen=True)
class FluidSynth:
    """A renderer that plays each part with its General MIDI program, or those of its notes.

    soundfont: an .sf2 or .sf3 file. gain: a factor. The same part always gives the same bits.

    Chapter: 02.
    """

    soundfont: Path
    gain: float = 0.5

    def render(self, part: Part, sample_rate: int) -> np.ndarray:
        """(1, samples) float32, both channels averaged, with a release of at most 4 s.

        Events are quantised to 64 samples. Fractional pitches are pitch bends, exact to 0.03 cents.
        ValueError if the soundfont is missing, broken or lacks the program.
        """
        with LOCK:
            font = _open(str(self.soundfont), sample_rate, self.gain)
            return font.play(part.notes, instrument(part.instrument).program)[None]


class _Font:
    """A loaded soundfont, given to a new synthesiser for each part.

    A used synthesiser keeps filter states even after a system reset, so that its second render
    differs in the last bits; a new one costs a millisecond.
    """

    def __init__(self, soundfont: str, sample_rate: int, gain: float) -> None:
        self.api = _library()
        self.sample_rate = sample_rate
        self.soundfont = Path(soundfont)
        if not self.soundfont.is_file():
            raise ValueError(f"{soundfont}: this soundfont does not exist; see find_soundfonts().")
        self.settings = {
            "gain": float(gain),
            "samplerate": float(sample_rate),
            "channels": 16,
            "synth.polyphony": 128,
            "synth.reverb.active": 0,
            "synth.chorus.active": 0,
            "synth.threadsafe-api": 0,
        }
        self._declare()
        self.holder = self.api.Synth(**self.settings)
        number = self.holder.sfload(str(self.soundfont))
        if number < 0:
            self.holder.delete()
            raise ValueError(f"{self.soundfont.name}: FluidSynth cannot read this soundfont.")
        self.font = self.api.fluid_synth_get_sfont_by_id(self.holder.synth, number)
        self.remove(self.holder.synth, self.font)

    def _declare(self) -> None:
        """The three functions of FluidSynth's C interface that pyfluidsynth lacks."""
        pointer, number = ctypes.c_void_p, ctypes.c_int
        font = (("synth", pointer, 1), ("sfont", pointer, 1))
        self.add = self.api.cfunc("fluid_synth_add_sfont", number, *font)
        self.remove = self.api.cfunc("fluid_synth_remove_sfont", number, *font)
        self.write = self.api.cfunc(
            "fluid_synth_write_float",
            number,
            ("synth", pointer, 1),
            ("len", number, 1),
            ("lout", pointer, 1),
            ("loff", number, 1),
            ("lincr", number, 1),
            ("rout", pointer, 1),
            ("roff", number, 1),
            ("rincr", number, 1),
        )

    def play(self, notes: tuple[Note, ...], program: int) -> np.ndarray:
        """The notes as (samples,) float32."""
        synth = self.api.Synth(**self.settings)
        number = self.add(synth.synth, self.font)
        try:
            select = partial(self._select, synth, number)
            for channel in range(CHANNELS):
                select(channel, program)
            sounds = self._sounds(synth, notes, [program] * CHANNELS, select)
            return np.concatenate([*sounds, np.zeros(0, np.float32)])
        finally:
            synth.system_reset()
            self.remove(synth.synth, self.font)
            synth.delete()

    def _select(self, synth, number: int, channel: int, program: int) -> None:
        """Give a channel a program of the soundfont with this number."""
        if synth.program_select(channel, number, 0, program) != 0:
            raise ValueError(
                f"{self.soundfont.name}: this soundfont has no program {program}; "
                "use a General MIDI soundfont."
            )

    def _sounds(
        self,
        synth,
        notes: tuple[Note, ...],
        programs: list[int],
        select: Callable[[int, int], None],
    ) -> Iterator[np.ndarray]:
        """programs: of each channel; changed with `select` for notes that have their own."""
        clock, usual = 0, programs[0]
        for block, start, channel, note in self._events(notes):
            if block > clock:
                yield self._write(synth, (block - clock) * BLOCK)
                clock = block
            key = int(np.clip(round(note.pitch), 0, 127))
            if start:
                program = usual if note.program is None else note.program
                if programs[channel] != program:
                    select(channel, program)
                    programs[channel] = program
                bend = round((note.pitch - key + BEND_RANGE) / (2 * BEND_RANGE) * 16384)
                synth.pitch_bend(channel, int(np.clip(bend, 0, 16383)) - 8192)
                synth.noteon(channel, key, int(np.clip(note.velocity, 1, 127)))
            else:
                synth.noteoff(channel, key)
        for _ in range(round(LONGEST_TAIL * self.sample_rate / TAIL_STEP) if notes else 0):
            yield (tail := self._write(synth, TAIL_STEP))
            if np.abs(tail).max() < SILENCE:
                break

    def _events(self, notes: tuple[Note, ...]) -> list[tuple[int, bool, int, Note]]:
        """(block, starts, channel, note) in order of time; at equal times, ends come first."""
        events = []
        for i, note in enumerate(sorted(notes, key=lambda note: note.onset)):
            first = round(note.onset * self.sample_rate / BLOCK)
            last = round((note.onset + note.duration) * self.sample_rate / BLOCK)
            events.append((first, True, i % CHANNELS, note))
            events.append((max(last, first + 1), False, i % CHANNELS, note))
        return sorted(events, key=lambda event: event[:3])

    def _write(self, synth, samples: int) -> np.ndarray:
        stereo = np.empty((2, samples), np.float32)
        left, right = (row.ctypes.data for row in stereo)
        self.write(synth.synth, samples, left, 0, 1, right, 0, 1)
        return stereo.mean(axis=0)


def fluidsynth_version() -> str:
    """The version of the C library, such as `2.3.1`."""
    return _library().cfunc("fluid_version_str", ctypes.c_char_p)().decode()


@cache
def _open(soundfont: str, sample_rate: int, gain: float) -> _Font:
    return _Font(soundfont, sample_rate, gain)


def _library():
    """pyfluidsynth with its log silenced; FluidSynthError if it is missing."""
    try:
        import fluidsynth
    except ImportError as error:
        raise FluidSynthError(
            "FluidSynth is missing: `apt install fluidsynth`, `brew install fluid-synth` or "
            "`choco install fluidsynth`, then `pip install pyfluidsynth`."
        ) from error
    pointer, number = ctypes.c_void_p, ctypes.c_int
    log = (("level", number, 1), ("function", pointer, 1), ("data", pointer, 1))
    silence = fluidsynth.cfunc("fluid_set_log_function", pointer, *log)
    for level in ERROR_AND_WARNING:
        silence(level, None, None)
    return fluidsynth
