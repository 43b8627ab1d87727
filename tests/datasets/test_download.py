"""Downloads from a local server that answers like Zenodo: complete and checked, or not at all."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from helpers.datasets.download import DownloadError, RemoteFile, fetch, zenodo_file

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


class Zenodo(BaseHTTPRequestHandler):
    """Answers as Zenodo does, also to byte ranges, with the content of the server."""

    def do_GET(self):
        server = self.server
        if self.path == "/api/records/42":
            return self.answer(200, json.dumps(server.record()).encode())
        if self.path != "/files/a.zip":
            return self.answer(404, b"")
        server.ranges.append(self.headers.get("Range"))
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if not server.resumable:
            return self.answer(200, server.content)
        span = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return self.answer(206, server.content[start:], span)

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        stop, self.server.stop_after = self.server.stop_after, None
        self.wfile.write(body if status == 404 else body[:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def zenodo(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Zenodo)
    server.content, server.resumable, server.stop_after, server.ranges = CONTENT, True, None, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    api = f"{server.address}/api/records"
    monkeypatch.setattr("pooch.downloaders.ZenodoRepository.base_api_url", api)
    server.record = lambda: {
        "files": [
            {
                "key": "a.zip", "size": len(CONTENT), "checksum": f"md5:{MD5}",
                "links": {"self": f"{server.address}/files/a.zip"},
            }
        ]
    }  # fmt: skip
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def find(name="a.zip", record=42) -> RemoteFile:
    return zenodo_file(record, name)


def test_a_record_states_size_and_md5(zenodo):
    url = f"{zenodo.address}/files/a.zip"
    assert find() == RemoteFile("a.zip", url, len(CONTENT), f"md5:{MD5}")


def test_a_download_is_complete_and_leaves_nothing_else(zenodo, tmp_path):
    path = fetch(find(), tmp_path / "new")
    assert path == tmp_path / "new" / "a.zip" and path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_downloaded_once(zenodo, tmp_path):
    for _ in range(2):
        fetch(find(), tmp_path)
    assert zenodo.ranges == ["bytes=0-"]


def test_a_broken_download_is_resumed_at_its_end(zenodo, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.datasets.download.CHUNK", 1000)
    file, zenodo.stop_after = find(), 4000
    with pytest.raises(DownloadError, match="a.zip: the connection broke .* again to continue"):
        fetch(file, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip.part"]
    assert file.downloaded(tmp_path) == 4000
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert zenodo.ranges == ["bytes=0-", "bytes=4000-"]


def test_a_server_that_sends_no_ranges_is_read_from_the_start(zenodo, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(b"a useless beginning")
    zenodo.resumable = False
    assert fetch(find(), tmp_path).read_bytes() == CONTENT


def test_a_partial_file_longer_than_the_whole_is_discarded(zenodo, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"x")
    assert fetch(find(), tmp_path).read_bytes() == CONTENT


def test_a_damaged_download_is_refused_and_removed(zenodo, tmp_path):
    zenodo.content = b"x" + CONTENT[1:]
    with pytest.raises(DownloadError, match="a.zip: .* not have the checksum that Zenodo states"):
        fetch(find(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    zenodo.content = CONTENT
    assert fetch(find(), tmp_path).read_bytes() == CONTENT


def test_a_download_stops_at_the_size_that_zenodo_states(zenodo, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.datasets.download.CHUNK", 1000)
    file, zenodo.content, zenodo.resumable = find(), CONTENT + bytes(10**6), False
    assert fetch(file, tmp_path).read_bytes() == CONTENT


def test_an_unknown_file_is_refused_with_the_names_of_the_record(zenodo):
    with pytest.raises(DownloadError, match=r"no file 'b.zip'; choose from a.zip\."):
        find("b.zip")


def test_a_record_without_files_is_refused(zenodo):
    with pytest.raises(DownloadError, match=r"records/7: Zenodo lists no files"):
        find(record=7)


def test_a_zenodo_that_does_not_answer_is_reported(monkeypatch):
    monkeypatch.setattr("pooch.downloaders.ZenodoRepository.base_api_url", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"Zenodo lists no files \(ConnectionError\)"):
        find()


@pytest.mark.parametrize("answer", [[], {"files": ["a.zip"]}, {"files": [{"key": "a.zip"}]}])
def test_an_answer_without_files_is_reported(zenodo, answer):
    zenodo.record = lambda: answer
    with pytest.raises(DownloadError, match="lists no files"):
        find()


def test_a_name_that_leads_elsewhere_stays_in_the_folder(zenodo):
    listed = zenodo.record()
    listed["files"][0]["key"] = "../a.zip"
    zenodo.record = lambda: listed
    assert find("../a.zip").name == "a.zip"
