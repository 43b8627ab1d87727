"""The tracks of the second development set, built in memory from recorded solos and phrases.

    python -m experiments.second_set --listen FOLDER

writes the mixtures as WAV files to listen to; their audio is not part of the repository.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.jobs import corpus_folder
from experiments.pieces import SAMPLE_RATE
from helpers.audio.audio import load
from helpers.audio.levels import rms
from helpers.audio.track import AudioError, Track
from helpers.audio.wav import save
from helpers.datasets.development_set import Clip, clips

TEST_DATA = "second-development-set"
FADE = 0.02  # seconds, at both ends of a clip


def tracks(root: Path, names: Sequence[str] = (), sample_rate: int = SAMPLE_RATE) -> list[Track]:
    """The ensembles, by default all, in mono. root: the folder of real recordings.

    Stems are named as in the table: `violin-1`, `violin-2`. AudioError where a file is missing.
    """
    wanted = names or list(dict.fromkeys(clip.ensemble for clip in clips()))
    return [_track(root, name, sample_rate) for name in wanted]


def _track(root: Path, name: str, sample_rate: int) -> Track:
    own = [clip for clip in clips() if clip.ensemble == name]
    length = round(max(clip.at + clip.seconds for clip in own) * sample_rate)
    stems = {clip.stem: np.zeros((1, length), np.float32) for clip in own}
    for clip in own:
        audio, start = cut(root, clip, sample_rate), round(clip.at * sample_rate)
        place = stems[clip.stem][:, start : start + audio.shape[1]]
        place += audio[:, : place.shape[1]]
    return Track(name, sample_rate, stems)


def cut(root: Path, clip: Clip, sample_rate: int) -> np.ndarray:
    """(1, samples) of a clip at its level. AudioError where its file is shorter."""
    audio, _ = load(root / clip.file, sample_rate=sample_rate, channels=1)
    start, samples = round(clip.offset * sample_rate), round(clip.seconds * sample_rate)
    audio = audio[:, start : start + samples]
    if audio.shape[1] < samples or not audio.any():
        raise AudioError(
            f"{clip.file}: has no {clip.seconds:g} s of sound from {clip.offset:g} s on; restore"
            " the original file."
        )
    ramp = np.linspace(0, 1, round(FADE * sample_rate), dtype=np.float32)
    audio = audio * np.float32(10 ** (clip.level / 20) / rms(audio))
    audio[:, : len(ramp)] *= ramp
    audio[:, -len(ramp) :] *= ramp[::-1]
    return audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", type=Path, required=True, metavar="FOLDER")
    folder = parser.parse_args().listen
    folder.mkdir(parents=True, exist_ok=True)
    for track in tracks(corpus_folder()):
        save(folder / f"{track.name}.wav", track.mixture, track.sample_rate, "PCM_16")
    print(f"{folder}: the mixtures; do not publish them.")


if __name__ == "__main__":
    main()
