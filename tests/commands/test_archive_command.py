"""`divisi separate FOLDER`: structure, index, going on, sharing, and what stops a run."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import namedtuple
from contextlib import nullcontext

import pytest

from helpers.archives import cluster, stores
from helpers.commands import archive, archive_progress, separate
from helpers.commands.archive_progress import duration
from helpers.files import file_sha256
from helpers.inference import stem_files
from helpers.training.checkpoints import load_model
from tests.commands.processes import start


def index(output):
    """Folder -> row."""
    with (output / "index.csv").open(newline="", encoding="utf-8") as file:
        return {row["folder"]: row for row in csv.DictReader(file)}


def tree(output):
    """All files but the stems and their players."""
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    return {name for name in names if not name.endswith((".wav", "player.html"))}


@pytest.fixture
def album(recording, tmp_path):
    """Three recordings at two depths, a damaged one, and notes."""
    for name in ("a.wav", "disc/b.flac", "disc/late/c.wav"):
        recording(f"album/{name}", seconds=0.5)
    (tmp_path / "album" / "disc" / "bad.wav").write_text("no audio")
    (tmp_path / "album" / "notes.txt").write_text("words")
    return tmp_path / "album"


def test_an_archive_keeps_its_structure_and_one_bad_file_stops_nothing(
    divisi, album, duo, tmp_path
):
    output = tmp_path / "out"
    code, out, err = divisi("separate", album, "-o", output, "--model", duo)
    assert code == 1
    assert out[0] == "3 recordings, 2 s of audio."
    assert "on this machine, at" in out[1] and "need up to" in out[2] and "free" in out[2]
    assert out[-1].startswith("3 recordings separated in ")
    assert len(out) == 7
    assert err[0] == "divisi: warning: notes.txt: no audio; it is left out."
    assert "bad.wav: this is not audio" in err[1]
    assert err[2] == (
        f"divisi: 1 of 4 recordings refused: {album / 'disc' / 'bad.wav'};"
        f" {output / 'index.csv'} says why."
    )
    folders = {"a", "disc/b", "disc/late/c"}
    assert tree(output) == {"index.csv", *(f"{name}/separation.json" for name in folders)}
    rows = index(output)
    assert set(rows) == {*folders, "disc/bad"}
    assert rows["a"]["seconds"] == "0.5" and rows["a"]["model"] == "duo"
    assert rows["disc/bad"]["error"].startswith("this is not audio")


def test_skip_existing_goes_on_by_content_model_and_options(
    divisi, album, recording, duo, loud, tmp_path
):
    (album / "disc" / "bad.wav").unlink()
    output = tmp_path / "out"
    words = ("separate", album, "-o", output, "--skip-existing", "--model")
    assert divisi(*words, duo)[0] == 0
    shutil.rmtree(output / "disc" / "late")
    before = (output / "a" / "separation.json").stat().st_mtime_ns
    code, out, _ = divisi(*words, duo)
    assert code == 0 and "2 of them have stems, and 0 s are left" in out[0]
    assert "1 recording separated" in out[-1] and "2 had been before" in out[-1]
    assert (output / "a" / "separation.json").stat().st_mtime_ns == before
    for more in (loud,), (duo, "--residual"):
        code, _, err = divisi(*words, *more)
        assert code == 1 and sum("exists already" in line for line in err) == 3
    recording("album/a.wav", seconds=0.7)
    code, _, err = divisi(*words, duo)
    assert code == 1 and sum("a: exists already" in line for line in err) == 1
    code, out, _ = divisi(*words, duo, "--overwrite")
    assert code == 0 and "1 recording separated" in out[-1]
    assert index(output)["a"]["seconds"] == "0.7"


def test_the_report_has_what_identifies_the_stems(divisi, album, duo, tmp_path):
    words = ("separate", album / "a.wav", "-o", tmp_path, "--model", duo, "--residual")
    assert divisi(*words)[0] == 0
    report = json.loads((tmp_path / "a" / "separation.json").read_text())
    assert report["recording_sha256"] == file_sha256(album / "a.wav")
    assert report["options"] == {"residual": True}
    assert divisi(*words, "--skip-existing")[1][-1].startswith("0 recordings separated")


def test_stems_that_are_not_whole_are_no_reason_to_skip(divisi, album, duo, tmp_path):
    words = ("separate", album / "a.wav", "-o", tmp_path, "--model", duo, "--skip-existing")
    divisi(*words)
    (tmp_path / "a" / "violin.wav").unlink()
    assert divisi(*words)[0] == 1
    assert divisi(*words, "--overwrite")[0] == 0
    assert (tmp_path / "a" / "violin.wav").is_file()


def test_a_model_is_loaded_once(divisi, album, duo, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "helpers.training.checkpoints.load_model",
        lambda *words, **more: calls.append(1) or load_model(*words, **more),
    )
    divisi("separate", album, "-o", tmp_path / "out", "--model", duo)
    assert len(calls) == 1


def test_a_bug_in_one_recording_is_told_and_the_others_are_done(
    divisi, album, duo, tmp_path, monkeypatch
):
    write = stem_files.write_float

    def fail(folder, recording, *rest):
        return 1 / 0 if recording.path.name == "b.flac" else write(folder, recording, *rest)

    monkeypatch.setattr(stem_files, "write_float", fail)
    code, _, err = divisi("separate", album, "-o", tmp_path / "out", "--model", duo)
    assert code == 1 and any("Traceback" in line for line in err)
    rows = index(tmp_path / "out")
    assert rows["disc/b"]["error"] == "ZeroDivisionError: division by zero (a bug)."
    assert rows["disc/late/c"]["seconds"] == "0.5"


def test_a_full_disk_stops_the_run(divisi, album, duo, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 10**4, 10**4))
    code, _, err = divisi("separate", album, "-o", tmp_path / "out", "--model", duo)
    assert code == 2 and "needs" in err[-1] and "free" in err[-1]
    assert tree(tmp_path / "out") <= {"index.csv"}


@pytest.fixture
def disk(tmp_path):
    """Mount a disk in memory with options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode != 0:
            pytest.skip("needs the right to mount a small disk")
        return place

    yield mount
    subprocess.run(["umount", str(place)], check=False, capture_output=True)


def test_a_read_only_disk_is_refused(divisi, album, duo, disk):
    place = disk("size=1m,ro")
    for output in (place, place / "deep" / "out"):
        code, _, err = divisi("separate", album, "-o", output, "--model", duo)
        assert code == 2 and "(Read-only file system)" in err[-1] and "-o" in err[-1]


def test_a_disk_that_becomes_full_stops_the_run_with_whole_folders(
    divisi, album, recording, duo, disk, monkeypatch
):
    (album / "disc" / "bad.wav").unlink()
    recording("album/b.wav", seconds=10, rate=44100)
    place = disk("size=1m")
    for module in ("helpers.commands.archive_job", "helpers.inference.stem_files"):
        monkeypatch.setattr(f"{module}.check_space", lambda *_: None)
    code, _, err = divisi("separate", album, "-o", place / "out", "--model", duo)
    assert code == 2 and "the disk became full" in err[-1]
    assert tree(place / "out") == {"index.csv", "a/separation.json"}
    assert not list(place.rglob(".divisi-*"))


def test_ctrl_c_leaves_whole_folders_and_the_next_run_goes_on(
    divisi, album, duo, tmp_path, monkeypatch
):
    output, count = tmp_path / "out", []
    write = stem_files.write_float

    def stop(*words):
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return write(*words)

    monkeypatch.setattr(stem_files, "write_float", stop)
    words = ("separate", album, "-o", output, "--model", duo, "--skip-existing")
    code, _, err = divisi(*words)
    assert code == 130 and err[-1] == "divisi: stopped; no partial output is left."
    assert tree(output) == {"index.csv", "a/separation.json"}
    assert {path.name for path in output.iterdir()} == {"index.csv", "a"}
    assert divisi(*words)[0] == 1  # the damaged one
    assert len(index(output)) == 4


def test_two_runs_into_one_folder_are_refused_unless_they_share(divisi, album, duo, tmp_path):
    from helpers.archives.claims import Claims

    words = ("separate", album, "-o", tmp_path / "out", "--model", duo)
    with Claims(tmp_path / "out", shared=True):
        code, out, err = divisi(*words)
        assert code == 2 and "another run is writing there" in err[-1]
        assert divisi(*words, "--skip-existing")[0] == 1
    assert tree(tmp_path / "out") >= {"index.csv", "a/separation.json"}


def test_another_index_is_not_replaced(divisi, album, duo, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.csv").write_text("mine")
    code, _, err = divisi("separate", album, "-o", tmp_path / "out", "--model", duo)
    assert code == 2 and "index.csv: is not the index of an archive" in err[-1]
    assert tree(tmp_path / "out") == {"index.csv"}


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_recordings_and_stems_can_lie_at_addresses(divisi, album, duo, tmp_path, kind):
    fsspec = pytest.importorskip("fsspec")
    root = f"memory://{tmp_path.name}" if kind == "memory" else f"file://{tmp_path}/there"
    system, base = fsspec.core.url_to_fs(root)
    for path in album.rglob("*.*"):
        place = f"{base}/in/{path.relative_to(album)}"
        system.makedirs(place.rpartition("/")[0], exist_ok=True)
        system.put_file(str(path), place)
    words = ("separate", f"{root}/in", "-o", f"{root}/out", "--model", duo, "--skip-existing")
    code, out, err = divisi(*words)
    assert code == 1 and "bad.wav" in err[-1]
    assert any(line.startswith(f"{root}/out/disc/b: 0.5 s of audio") for line in out)
    names = {str(path) for path in stores.files(f"{root}/out")}
    stems = {"violin.wav", "bassoon.wav", "player.html", "separation.json"}
    folders = ("a", "disc/b", "disc/late/c")
    assert names == {"index.csv", *(f"{folder}/{stem}" for folder in folders for stem in stems)}
    code, out, _ = divisi(*words)
    assert code == 1 and "3 had been before" in out[-1]


def test_a_project_of_recordings_at_an_address_is_refused(divisi, duo, tmp_path):
    words = ("separate", "memory://in", "-o", tmp_path / "out", "--model", duo)
    code, _, err = divisi(*words, "--project", "reaper")
    assert code == 2 and "files on a disk and not to memory://in; leave it out." in err[0]
    assert not (tmp_path / "out").exists()


def test_killed_runs_share_the_work_and_leave_nothing_half(
    divisi, recording, duo, tmp_path, tmp_path_factory
):
    """`DIVISI_KILLS=10` kills ten times."""
    prints = tmp_path_factory.mktemp("prints")
    for number in range(4):
        recording(f"album/{number}.wav", rate=48_000, channels=2, seconds=8)
    rng = random.Random(0)
    for count in range(int(os.environ.get("DIVISI_KILLS", "1"))):
        moment = rng.uniform(0.0, 4.0)
        share(divisi, tmp_path / "album", tmp_path / f"out {count}", duo, prints, moment)


def share(divisi, album, output, model, prints, moment):
    """Two runs share an archive; the first is killed after some seconds. All is done once.

    A first run that is killed at its very end, after the second one left, leaves its claims: the
    same command once more then takes them away.
    """
    words = ("separate", album, "-o", output, "--model", model, "--skip-existing")
    first = start(*words, folder=prints)
    second = start(*words, folder=prints)
    deadline = time.monotonic() + 300
    while not list(output.rglob(".divisi-*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(moment)
    first.stop(signal.SIGKILL)
    code, _, err = second.wait(300)
    assert (code, err) == (0, []), err
    first.process.join()
    recordings = sorted(path.stem for path in album.iterdir())
    assert sorted(index(output)) == recordings
    code, out, _ = divisi(*words)
    assert code == 0 and f"{len(recordings)} had been before" in out[-1]
    assert sorted(path.name for path in output.iterdir()) == [*recordings, "index.csv"]
    printed = "".join(path.read_text() for path in (first.out, second.out)).splitlines()
    made = [line for line in printed if "s of audio at" in line]
    assert len(made) in (len(recordings), len(recordings) - 1)  # killed before it could print
    for name in recordings:
        report = json.loads((output / name / "separation.json").read_text())
        assert all((output / name / file).is_file() for file in report["files"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--scheduler", "tcp://127.0.0.1:9"), "no scheduler answers there within 5 seconds"),
        (("--scheduler", "nonsense"), "no scheduler answers there within 5 seconds"),
    ],
)
def test_a_scheduler_that_does_not_answer_is_one_sentence(
    divisi, album, duo, tmp_path, words, message
):
    pytest.importorskip("distributed")
    (album / "notes.txt").unlink()
    began = time.monotonic()
    code, out, err = divisi("separate", album, "-o", tmp_path / "out", "--model", duo, *words)
    assert (code, out, len(err)) == (2, [], 1) and message in err[0]
    assert time.monotonic() - began < 60
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", ["0", "-1", "many", "1001"])
def test_a_number_of_workers_that_is_none_is_refused(divisi, album, count):
    assert divisi("separate", album, "--workers", count)[0] == 2


def test_a_cluster_is_either_new_or_running(divisi, album):
    code, _, err = divisi("separate", album, "--workers", 2, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2 and "not allowed with argument --workers" in err[0]


def test_workers_elsewhere_get_whole_paths(divisi, album, duo, tmp_path, monkeypatch):
    jobs = []
    monkeypatch.setattr(cluster, "connected", lambda *_: nullcontext())
    monkeypatch.setattr(archive, "outcomes", lambda job, *_: jobs.append(job) or iter(()))
    monkeypatch.chdir(tmp_path)
    for model in (os.path.relpath(duo), "bach-quartet"):
        divisi("separate", "album", "-o", "out", "--model", model, "--scheduler", "tcp://a:1")
    assert [job.arguments.model for job in jobs] == [os.path.abspath(duo), "bach-quartet"]
    assert {job.output for job in jobs} == {tmp_path / "out"}


@pytest.mark.parametrize(
    ("options", "seconds"),
    [((), 1 + 4 * 1), (("--estimate", "0"), 1), (("--overwrite",), 3 + 4 * 3),
     (("--overwrite", "--skip-existing"), 1 + 4 * 1)],
)  # fmt: skip
def test_the_expected_time_counts_what_will_be_separated(
    divisi, recording, duo, tmp_path, monkeypatch, options, seconds
):
    words = ("separate", tmp_path / "album", "-o", tmp_path / "out", "--model", duo)
    recording("album/a.wav", seconds=2.0)
    divisi(*words, "--estimate", "0")
    recording("album/b.wav", seconds=1.0)
    monkeypatch.setattr(archive_progress, "_real_time_factor", lambda *_: 100.0)
    _, out, _ = divisi(*words, *options)
    words = archive_progress.duration(100.0 * seconds)
    assert out[1].startswith(f"They take about {words} on this machine")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (99, "99 s"), (300, "5 min"), (12_000, "3 h 20 min"), (4.5e6, "52 days")],
)
def test_durations_are_readable(seconds, words):
    assert duration(seconds) == words


def test_every_option_counts_unless_it_changes_nothing_in_the_stems():
    from helpers.cli import parser

    chosen = parser().parse_args(
        ["separate", "a.wav", "--instruments", "violin,cello", "--device", "cpu", "--overwrite"]
    )
    assert separate.options_of(chosen) == {"instruments": "violin,cello"}
    assert separate.options_of(parser().parse_args(["separate", "a.wav"])) == {}
