"""The release archive: built without dates, downloaded once, checked, and unpacked by name."""

from __future__ import annotations

import json
import sys
import threading
import types
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import release as builder

from helpers import release, runtime
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.checkpoints import CheckpointError, load_model, save_model


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small release on a local server; this installation has no models of its own."""
    root, served = tmp_path / "root", tmp_path / "served"
    model = WaveUNet(WaveUNetConfig(("violin", "cello"), levels=2, width=4))
    save_model(model, root / "Checkpoints", "duo", {})
    (root / "Results").mkdir()
    (root / "Results" / "duo.csv").write_text("a,b\n")
    archive = served / "divisi-0.zip"
    names = builder.build(root, archive)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    about = builder.describe(archive, names)
    about["url"] = f"http://127.0.0.1:{server.server_port}/{archive.name}"
    manifest = tmp_path / "release.json"
    manifest.write_text(json.dumps(about))
    monkeypatch.setattr(release, "MANIFEST", manifest)
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DIVISI_CHECKPOINTS", str(tmp_path / "none"))
    yield types.SimpleNamespace(about=about, archive=archive, manifest=manifest, server=server)
    server.shutdown()
    server.server_close()


def change(published, **values):
    published.manifest.write_text(json.dumps({**published.about, **values}))


def test_a_model_that_is_not_here_comes_from_the_release(published):
    assert load_model("duo").sources == ("violin", "cello")
    published.archive.unlink()  # it is not downloaded again
    assert load_model("duo").sources == ("violin", "cello")
    files = sorted(p.name for p in release.folder().rglob("*") if p.is_file())
    assert files == ["duo.csv", "duo.json", "duo.safetensors"]


def test_a_name_that_the_release_lacks_is_refused_as_before(published):
    with pytest.raises(CheckpointError, match="There is no model 'trio'"):
        load_model("trio")


def test_another_content_is_refused_and_nothing_is_left(published):
    published.archive.write_bytes(published.archive.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="not that of the release.*with a browser"):
        load_model("duo")
    assert not [p for p in runtime.cache_root().rglob("*") if p.is_file()]


def test_a_larger_answer_is_not_stored(published):
    change(published, size=10)
    with pytest.raises(CheckpointError, match="larger than 10 bytes"):
        load_model("duo")


def test_the_placeholder_is_named(published):
    change(published, url=f"https://github.com/{release.PLACEHOLDER}/divisi/x.zip")
    with pytest.raises(CheckpointError, match="placeholder"):
        load_model("duo")


def test_google_drive_is_the_second_source(published, monkeypatch):
    def download(id, output, quiet):
        assert id == "abc"
        Path(output).write_bytes(published.archive.read_bytes())
        return output

    change(published, url=published.about["url"] + ".gone", drive="abc")
    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
    assert load_model("duo").sources == ("violin", "cello")


def test_a_quota_page_of_google_drive_is_told(published, monkeypatch):
    def download(id, output, quiet):
        Path(output).write_text("<html>quota</html>")
        return output

    change(published, url="", drive="abc")
    monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
    with pytest.raises(CheckpointError, match="quota"):
        load_model("duo")


def test_a_file_put_there_by_hand_is_taken(published):
    target = runtime.cache_root() / "releases" / published.about["sha256"][:16]
    target.mkdir(parents=True)
    (target / published.about["name"]).write_bytes(published.archive.read_bytes())
    published.archive.unlink()
    assert load_model("duo").sources == ("violin", "cello")


def test_fetch_unpacks_models_and_tables(published, capsys):
    from helpers import cli

    assert not cli.main(["fetch", "models"])
    assert str(release.folder()) in capsys.readouterr().out


def test_the_same_files_make_the_same_archive(tmp_path):
    for name in ("one", "two"):
        for path in ("Checkpoints/a.json", "Results/b.csv"):
            (tmp_path / name / path).parent.mkdir(parents=True)
            (tmp_path / name / path).write_text(path)
        builder.build(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_committed_description_names_this_version_and_repository():
    about = release.manifest()
    assert about["url"].startswith(builder.notebooks.address())
    assert {Path(name).parts[0] for name in about["files"]} == set(builder.FOLDERS)
