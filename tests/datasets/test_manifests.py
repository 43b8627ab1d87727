"""The manifest of a bank changes with all that the samples depend on, and with nothing else."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.datasets import manifests, real_pieces
from helpers.datasets.manifests import code_sha256, manifest, rendering_modules
from helpers.datasets.renderings import RenderingConfig
from helpers.synthesis.note_samples import load_note_samples
from tests.test_layers import imports

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


def config(**chosen) -> RenderingConfig:
    nothing = {"soundfonts": (), "note_samples": 0, "tones": 1, "timbre_substitution": 0}
    return RenderingConfig(QUARTET, 8000, **{**nothing, **chosen})


def test_the_manifest_changes_with_every_byte_of_a_soundfont(tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(manifests, "fluidsynth_version", lambda: "2.3.1")
    made = []
    for content in (b"a", b"a", b"b"):
        (tmp_path / "grand.sf2").write_bytes(content)
        made.append(manifest(config(soundfonts=("grand",)), None))
    assert made[0] == made[1] != made[2]
    assert made[0]["soundfonts"] == {"grand": hashlib.sha256(b"a").hexdigest()}
    assert made[0] | {"soundfonts": {}} == made[2] | {"soundfonts": {}}
    assert made[0]["rendering"]["seed"] == 0
    assert {"numpy", "music21", "pyfluidsynth", "fluidsynth"} <= set(made[0]["versions"])


def write_note(folder: Path, hertz: float) -> None:
    """An oboe note; the index is the same for all notes."""
    header = "instrument,pitch,length,dynamic,file\n"
    (folder / "index.csv").write_text(f"{header}clarinet,A4,1,forte,a.wav\n")
    tone = 0.1 * np.sin(2 * np.pi * hertz * np.arange(44100) / 44100)
    soundfile.write(folder / "a.wav", tone, 44100)


def test_the_manifest_changes_with_the_content_of_recorded_notes(tmp_path, monkeypatch):
    """Failed before: an overwritten file with the same row in index.csv was not noticed."""
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    made, pitches = [], []
    for hertz in (440.0, 440.0, 450.0):
        write_note(tmp_path, hertz)
        made.append(manifest(config(note_samples=1), tmp_path)["notes"])
        load_note_samples.cache_clear()
        pitches.append(load_note_samples(tmp_path, "clarinet")[0].pitch)
    assert made[0] == made[1] != made[2]
    assert pitches[0] == pitches[1] == pytest.approx(69.0, abs=0.02) != pitches[2]
    assert manifest(config(), None)["notes"] is None


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no index.csv"):
        manifest(config(note_samples=1), tmp_path)


def test_the_manifest_changes_with_our_own_code(monkeypatch):
    """Failed before: banks of an older version of the renderers were used again."""
    before = manifest(config(), None)
    assert before == manifest(config(), None)
    modules = [path for path in rendering_modules() if path.name != "tones.py"]
    monkeypatch.setattr(manifests, "rendering_modules", lambda: modules)
    assert manifest(config(), None)["code"] != before["code"]


def test_the_manifest_ignores_comments_docstrings_and_layout(tmp_path):
    versions = {
        "a": '"""One."""\n\ndef f(x):\n    """Two."""\n    return x + 1  # three\n',
        "b": "def f(x):\n    return (\n        x + 1\n    )\n",
        "c": "def f(x):\n    return x + 2\n",
    }
    digests = []
    for source in versions.values():
        (tmp_path / "module.py").write_text(source)
        digests.append(code_sha256([tmp_path / "module.py"]))
    assert digests[0] == digests[1] != digests[2]


def test_the_manifest_covers_all_modules_that_the_renderings_import():
    datasets = Path(real_pieces.__file__).parent
    reached, found = [datasets / "renderings.py", datasets / "real_pieces.py"], set()
    while reached:
        module = reached.pop()
        if module not in found:
            found.add(module)
            reached += imports(module)
    unrelated = {"runtime.py", "files.py", "manifests.py", "signals.py"}
    assert {path for path in found if path.name not in unrelated} <= set(rendering_modules())


def test_the_manifest_does_not_change_with_the_alignment_of_scores():
    unrelated = {"alignment.py", "warping.py", "score_errors.py"}
    assert not {path.name for path in rendering_modules()} & unrelated
    assert {path.name for path in rendering_modules()} > {"scores.py", "fluidsynth.py"}


def test_the_manifest_does_not_change_with_the_patch_version_of_python(monkeypatch):
    """Failed before: 3.12.4 rendered all banks of 3.12.3 again."""
    before = manifest(config(), None)
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    assert manifest(config(), None) == before
