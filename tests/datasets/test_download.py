"""Downloads from a small Zenodo of its own, on this machine: whole and checked, or not at all."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from helpers.datasets.download import DownloadError, RemoteFile, check_space, fetch, zenodo_file

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


class Zenodo(BaseHTTPRequestHandler):
    """Answers as Zenodo does, to byte ranges too; what it serves lies on the server."""

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
def zenodo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Zenodo)
    server.content, server.resumable, server.stop_after, server.ranges = CONTENT, True, None, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.checksum = f"md5:{MD5}"
    server.record = lambda: {
        "files": [
            {
                "key": "a.zip", "size": len(CONTENT), "checksum": server.checksum,
                "links": {"self": f"{server.address}/files/a.zip"},
            }
        ]
    }  # fmt: skip
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def find(server, name="a.zip", record=42) -> RemoteFile:
    return zenodo_file(record, name, f"{server.address}/api")


def test_a_record_states_size_and_md5(zenodo):
    url = f"{zenodo.address}/files/a.zip"
    assert find(zenodo) == RemoteFile("a.zip", url, len(CONTENT), MD5)


def test_what_arrives_is_what_was_deposited(zenodo, tmp_path):
    path = fetch(find(zenodo), tmp_path / "new")
    assert path == tmp_path / "new" / "a.zip" and path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_what_is_there_is_not_fetched_again(zenodo, tmp_path):
    for _ in range(2):
        fetch(find(zenodo), tmp_path)
    assert zenodo.ranges == ["bytes=0-"]


def test_a_download_goes_on_where_it_was_cut_off(zenodo, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.datasets.download.CHUNK", 1000)
    file, zenodo.stop_after = find(zenodo), 4000
    with pytest.raises(DownloadError, match="a.zip: the connection broke .* goes on"):
        fetch(file, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip.part"]
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert zenodo.ranges == ["bytes=0-", "bytes=4000-"]


def test_a_server_that_cannot_go_on_sends_all_of_it(zenodo, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(b"a beginning that is no use")
    zenodo.resumable = False
    assert fetch(find(zenodo), tmp_path).read_bytes() == CONTENT


def test_a_beginning_of_a_longer_file_is_dropped(zenodo, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"x")
    assert fetch(find(zenodo), tmp_path).read_bytes() == CONTENT


def test_a_damaged_download_is_refused_and_removed(zenodo, tmp_path):
    zenodo.content = b"x" + CONTENT[1:]
    with pytest.raises(DownloadError, match="a.zip: .* not what Zenodo states, by its md5"):
        fetch(find(zenodo), tmp_path)
    assert list(tmp_path.iterdir()) == []
    zenodo.content = CONTENT
    assert fetch(find(zenodo), tmp_path).read_bytes() == CONTENT


def test_a_file_without_md5_is_fetched_with_a_warning(zenodo, tmp_path):
    zenodo.checksum = ""
    with pytest.warns(UserWarning, match="a.zip: .* cannot be checked"):
        assert fetch(find(zenodo), tmp_path).read_bytes() == CONTENT


def test_another_file_is_refused_by_those_that_there_are(zenodo):
    with pytest.raises(DownloadError, match=r"no file 'b.zip'; choose from a.zip\."):
        find(zenodo, "b.zip")


def test_a_record_that_does_not_answer_is_told(zenodo):
    with pytest.raises(DownloadError, match=r"records/7: Zenodo does not answer \(HTTPError\)"):
        find(zenodo, record=7)


@pytest.mark.parametrize("answer", [[], {"files": ["a.zip"]}, {"files": [{"key": "a.zip"}]}])
def test_an_answer_that_lists_no_files_is_told(zenodo, answer):
    zenodo.record = lambda: answer
    with pytest.raises(DownloadError, match="is no list of files"):
        find(zenodo)


def test_a_name_that_leads_elsewhere_stays_in_the_folder(zenodo):
    listed = zenodo.record()
    listed["files"][0]["key"] = "../a.zip"
    zenodo.record = lambda: listed
    assert find(zenodo, "../a.zip").name == "a.zip"


def test_a_full_disk_is_told_before_the_download(tmp_path):
    file = RemoteFile("a.zip", "", 10**18, "")
    with pytest.raises(DownloadError, match=r"a.zip: unpacking it takes 2000000000.0 GB more"):
        check_space(file, tmp_path / "new" / "folder")
    check_space(RemoteFile("a.zip", "", 10, ""), tmp_path)
