"""`divisi dataset build` at toy size: from recordings and scores to what a student can read."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from helpers.archives.card import FIELDS
from helpers.audio.track import AudioError
from helpers.cli import main
from helpers.commands import transcribe
from helpers.datasets.collections import Collection
from helpers.files import file_sha256
from helpers.inference.detection import DOUBT, SLOPE
from helpers.inference.stem_files import REPORT
from helpers.music.midi import write_midi
from helpers.music.scores import Note, Part, Score
from helpers.synthesis.renderer import render_score
from helpers.synthesis.tones import SPECTRA, Timbre, Tones

RATE = 8000  # that of the model
HIGH = (72, 74, 76, 77, 79, 77, 76, 74, 72, 76, 79, 84, 83, 81, 79, 77, 76, 74, 71, 72, 67, 69, 71,
        74, 72, 69, 65, 67, 64, 71, 74, 72)  # fmt: skip
LOW = (48, 53, 52, 50, 47, 48, 55, 53, 52, 48, 47, 45, 43, 50, 52, 53, 55, 47, 50, 48, 52, 53, 55,
       43, 45, 50, 53, 52, 48, 43, 47, 48)  # fmt: skip


def duet(title, shift=0, order=1):
    """Chords of violin and bassoon at half a second."""
    lines = {"violin": HIGH[::order], "bassoon": LOW[::order]}
    return Score(title, tuple(
        Part(name, tuple(Note(0.5 * i, 0.48, p + shift) for i, p in enumerate(line)))
        for name, line in lines.items()
    ))  # fmt: skip


@pytest.fixture(scope="module")
def rendered():
    """Two works, and one of them once more, a third lower under another name."""
    scores = {"one": duet("one"), "one again": duet("one again", -3), "two": duet("two", order=-1)}
    timbres = {
        "violin": Tones(Timbre(SPECTRA["string"])),
        "bassoon": Tones(Timbre(SPECTRA["reed"])),
    }
    return {name: (score, render_score(score, timbres, RATE)) for name, score in scores.items()}


@pytest.fixture(scope="module")
def recordings(rendered, tmp_path_factory):
    """Three recordings with scores and one without."""
    root = tmp_path_factory.mktemp("data") / "recordings"
    (root / "disc").mkdir(parents=True)
    (root.parent / "scores").mkdir()
    for name, (score, track) in rendered.items():
        place = root / "disc" / name if name == "two" else root / name
        soundfile.write(place.with_suffix(".wav"), 3 * track.mixture.T, RATE)
        write_midi(replace(score, title=name), root.parent / "scores" / f"{name}.mid")
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    soundfile.write(root / "noise.wav", noise, RATE)
    with (root / "recordings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["recording", "work", "source", "licence"])
        table.writerow(["disc/two.wav", "Duet, retrograde", "https://example.org/two", "CC0-1.0"])
    return root


def words(folder, output, model):
    common = ("--licence", "CC BY 4.0", "--source", "rendered here")
    scores = folder.parent / "scores"
    return ("dataset", "build", folder, "-o", output, "--model", model, "--scores", scores, *common)


def described(output):
    """The JSON of all samples in the shards of a data set."""
    said = []
    for path in sorted((output / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            names = [name for name in tar.getnames() if name.endswith(".json")]
            said += [json.load(tar.extractfile(name)) for name in names]
    return said


@pytest.fixture(scope="module")
def made(recordings, duo):
    """The data set, and what the command printed at the end."""
    output, printed = recordings.parent / "set", io.StringIO()
    with redirect_stdout(printed):
        assert main([str(word) for word in words(recordings, output, duo)]) == 0
    return output, printed.getvalue().splitlines()[-1]


@pytest.fixture
def data(made):
    """To be read and not changed."""
    return Collection(made[0])


@pytest.fixture
def folder(made, recordings, tmp_path):
    """A copy of recordings and data set to be changed."""
    shutil.copytree(recordings.parent, tmp_path / "copy")
    return tmp_path / "copy" / recordings.name


@pytest.fixture
def output(folder):
    return folder.parent / "set"


def test_recordings_become_a_data_set(made, data):
    assert made[1].startswith(f"{made[0]}: 4 recordings of 4 works")
    assert data.track_ids == ["disc/two", "noise", "one", "one again"]
    assert data.licences == ["CC BY 4.0", "CC0-1.0"]
    two = data.track("disc/two")
    assert (two.work, two.licence) == ("Duet, retrograde", "CC0-1.0")
    assert two.instruments == ("violin", "bassoon")
    assert [player["confidence"] for player in two.players.values()] == [1.0, 1.0]
    assert data.validate() == ([], [])


def test_no_melody_stands_in_two_splits(data):
    splits = data.get_track_splits()
    assert sorted(sum(splits.values(), [])) == data.track_ids
    assert set(splits) == {"train", "validation", "test"}
    assert data.track("one").split == data.track("one again").split
    assert [track.id for track in data.load_tracks("test")] == splits["test"]


def test_stems_notes_and_curves_belong_to_the_recording(data, rendered):
    """The model of this test gives half of the mixture, three tenths, and a fifth is left over."""
    track = data.track("one")
    sound, truth = track.audio(), rendered["one"][1].mixture
    assert sound.mixture == pytest.approx(3 * truth, abs=1e-3)
    assert sound.stems["violin"] == pytest.approx(1.5 * truth, abs=1e-3)
    notes = track.notes("bassoon").notes
    assert [round(note.pitch) for note in notes] == list(LOW)
    assert np.array([note.onset for note in notes]) == pytest.approx(0.5 * np.arange(32), abs=0.05)
    assert track.alignment.shape[0] == 2
    curves = track.curves("bassoon")
    assert len(curves.seconds) == pytest.approx(track.seconds / 0.02, abs=1)
    middle = np.searchsorted(curves.seconds, 0.5 * np.arange(32) + 0.25)
    written = 440 * 2 ** ((np.array(LOW) - 69) / 12)
    assert np.mean(np.abs(curves.f0[middle] / written - 1) < 0.01) > 0.9
    assert curves.level[middle].min() > -40


def test_a_recording_without_a_score_has_curves_and_no_notes(data):
    """The stems of this model have half and three tenths of the amplitude of the recording."""
    track = data.track("noise")
    assert track.alignment is None
    levels = [20 * np.log10(share) + 10 * np.log10(2) + DOUBT for share in (0.5, 0.3)]
    expected = [1 / (1 + np.exp(-level / SLOPE)) for level in levels]
    assert [p["confidence"] for p in track.players.values()] == pytest.approx(expected, abs=0.01)
    assert track.notes("violin").notes == ()
    assert len(track.curves("violin").level) == 100


def test_every_stem_says_where_its_notes_are_from(data):
    said = {t.id: {p["notes_from"] for p in t.players.values()} for t in data.load_tracks()}
    assert said == {"disc/two": {"score"}, "noise": {""}, "one": {"score"}, "one again": {"score"}}


def test_notes_are_transcribed_where_there_is_no_score(
    divisi, rendered, folder, output, network, duo
):
    """Only what has no score is made again, and only once."""
    alone = 3 * rendered["one"][1].stems["violin"][0, : 8 * RATE]
    soundfile.write(folder / "alone.wav", alone, RATE)
    stems = [output / "tracks" / name / "violin.flac" for name in ("one", "noise", "alone")]
    before = [stem.stat().st_mtime_ns for stem in stems[:2]]
    assert divisi(*words(folder, output, duo), "--transcribe")[0] == 0
    stamps = [stem.stat().st_mtime_ns for stem in stems]
    assert stamps[0] == before[0] and stamps[1] > before[1]
    assert divisi(*words(folder, output, duo), "--transcribe")[0] == 0
    assert stamps == [stem.stat().st_mtime_ns for stem in stems]
    data = Collection(output)
    alone, scored = data.track("alone"), data.track("one")
    assert [p["notes_from"] for p in alone.players.values()] == ["transcription"] * 2
    assert [p["notes_from"] for p in scored.players.values()] == ["score"] * 2
    notes = alone.notes("violin").notes
    assert alone.players["violin"]["notes"] == len(notes) and data.validate() == ([], [])
    heard = {(round(2 * note.onset), round(note.pitch)) for note in notes}
    assert len(heard & set(enumerate(HIGH[:16]))) >= 14
    samples = {(each["recording"], each["player"]): each for each in described(output)}
    assert samples["alone", "violin"]["notes_from"] == "transcription"
    assert samples["alone", "residual"]["notes_from"] == ""
    read = 1 + (data.track("noise").players["violin"]["notes"] > 0)
    assert f"| violin | 5 | 3 | 3 | {read} |" in (output / "README.md").read_text()


def test_without_the_readers_of_notes_nothing_is_written(
    divisi, folder, duo, monkeypatch, tmp_path
):
    monkeypatch.setattr(transcribe, "find_spec", lambda name: None)
    code, _, err = divisi(*words(folder, tmp_path / "new", duo), "--transcribe")
    assert code == 2 and 'pip install "divisi[train,notes]"' in err[0]
    assert not (tmp_path / "new").exists()


def test_a_second_run_separates_nothing_and_writes_the_same_bytes(divisi, folder, output, duo):
    stamp = (output / "tracks/one/violin.flac").stat().st_mtime_ns
    before = {path.name: file_sha256(path) for path in (output / "shards").glob("*.tar")}
    assert divisi(*words(folder, output, duo))[0] == 0
    assert (output / "tracks/one/violin.flac").stat().st_mtime_ns == stamp
    assert before == {path.name: file_sha256(path) for path in (output / "shards").glob("*.tar")}


def test_a_new_score_makes_its_recording_again_and_no_other(divisi, folder, output, duo):
    stems = [output / "tracks" / name / "violin.flac" for name in ("one", "noise")]
    stamps = [stem.stat().st_mtime_ns for stem in stems]
    write_midi(duet("one", 2), folder.parent / "scores" / "one.mid")
    (folder / "one again.wav").unlink()
    assert divisi(*words(folder, output, duo))[0] == 0
    assert [stem.stat().st_mtime_ns > old for stem, old in zip(stems, stamps, strict=True)] == [
        True,
        False,
    ]
    assert Collection(output).track_ids == ["disc/two", "noise", "one"]


@pytest.mark.parametrize("lacking", ["licence", "source"])
def test_without_a_licence_or_a_source_nothing_is_written(divisi, folder, duo, tmp_path, lacking):
    given = {"licence": "CC BY 4.0", "source": "here"} | {lacking: " "}
    more = [word for name, value in given.items() for word in (f"--{name}", value)]
    output = tmp_path / "new"
    code, _, err = divisi("dataset", "build", folder, "-o", output, "--model", duo, *more)
    assert code == 2
    assert f"noise.wav and 2 more: the {lacking} is not known" in err[-1]
    assert f"pass --{lacking}" in err[-1]
    assert not output.exists()


def test_a_table_with_a_wrong_name_is_refused(divisi, folder, duo, tmp_path):
    with (folder / "recordings.csv").open("a") as file:
        file.write("three.wav,x,y,z\n")
    code, _, err = divisi(*words(folder, tmp_path / "new", duo))
    assert code == 2
    assert "there is no recording 'three.wav'" in err[-1]


def test_a_damaged_recording_costs_the_others_nothing(divisi, folder, output, duo):
    (folder / "bad.wav").write_text("no audio")
    code, _, err = divisi(*words(folder, output, duo))
    assert code == 1
    assert any("bad.wav" in line for line in err)
    assert len(Collection(output).track_ids) == 4


def test_the_card_names_licences_sources_and_splits(made):
    card = (made[0] / "README.md").read_text()
    assert card.startswith("---\nlicense: other\n")
    assert "path: shards/train-*.tar" in card
    assert "| 1 | CC0-1.0 | https://example.org/two |" in card
    assert "| bassoon | 4 | 3 | 3 | 0 |" in card
    assert "estimates of a model" in card


def test_shards_have_a_sample_for_each_player(made):
    names, said = [], described(made[0])
    for path in sorted((made[0] / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            names += tar.getnames()
    assert len(names) == 4 * 3 * 4  # recordings, players with what is left over, files
    assert {each["player"] for each in said} == {"violin", "bassoon", "residual"}
    assert {tuple(each) for each in said} == {tuple(FIELDS)}
    estimated = {(each["recording"], each["player"]): each["estimated_si_sdr"] for each in said}
    report = json.loads((made[0] / "tracks" / "one" / REPORT).read_text())["estimated_si_sdr"]
    assert estimated["one", "violin"] == report["violin"]["value"]
    assert all(value is None for (_, player), value in estimated.items() if player == "residual")


def test_hugging_face_reads_the_shards(made, data, tmp_path):
    datasets = pytest.importorskip("datasets", reason="`datasets` of Hugging Face is not installed")
    loaded = datasets.load_dataset(str(made[0]), cache_dir=str(tmp_path / "hf"))
    assert set(loaded) == set(data.get_track_splits())
    train = loaded["train"]
    said = {(each["json"]["recording"], each["json"]["player"]): each for each in train}
    assert {recording for recording, _ in said} == set(data.get_track_splits()["train"])
    (recording, player), sample = next((k, v) for k, v in said.items() if k[1] == "violin")
    sound, rate = soundfile.read(io.BytesIO(sample["flac"]))
    assert rate == RATE
    assert sound == pytest.approx(data.track(recording).audio().stems[player][0], abs=1e-6)
    assert sample["json"]["licence"] == data.track(recording).licence


def test_changed_and_missing_files_are_found(output):
    data = Collection(output)
    (data.root / "tracks/one/violin.mid").unlink()
    (data.root / "tracks/one/bassoon.csv").write_text("seconds,f0_hz,level_db\n")
    missing, changed = data.validate()
    assert [path.name for path in missing] == ["violin.mid"]
    assert [path.name for path in changed] == ["bassoon.csv"]


def test_another_folder_is_no_data_set(tmp_path):
    with pytest.raises(AudioError, match="divisi dataset build"):
        Collection(tmp_path)
    manifest = '{"version": 1, "recordings": {"../x": {}}, "name": "", "licences": []}'
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(AudioError, match="build it again"):
        Collection(tmp_path)
