"""Downloads from a server that cuts connections, sends parts or cannot, and changes its file."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from files import downloads
from files.downloads import download

CONTENT = np.random.RandomState(0).bytes(1_000_000)
OTHER = np.random.RandomState(1).bytes(900_000)
MOST = 2_000_000


def md5(content):
    return hashlib.md5(content).hexdigest()


class Server(ThreadingHTTPServer):
    """Has one file. `asked` holds the range of each request and the range's condition."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut_after, self.asked = CONTENT, None, []
        self.sends_parts, self.states_length, self.heeds_condition = True, True, True
        self.version_header = "ETag"

    def handle_error(self, request, client_address):
        """A client that hangs up early is no fault here."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file"

    @property
    def version(self):
        return f'"{md5(self.content)}"'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted, condition = self.headers["Range"], self.headers["If-Range"]
        server.asked.append((wanted, condition))
        start = 0
        if wanted and server.sends_parts:
            if condition == server.version or not server.heeds_condition:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(server.content):
            return self.send_error(416)
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            total = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if server.version_header:
            self.send_header(server.version_header, server.version)
        if server.states_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "file.bin"


@pytest.fixture
def one_connection(monkeypatch):
    """A call gives up as soon as its connection ends, as if the program had been killed."""
    monkeypatch.setattr(downloads, "_CONNECTIONS", 1)


def files_beside(path):
    return {each.name for each in path.parent.iterdir()} - {path.name, "download.lock"}


@pytest.fixture
def half(server, path, one_connection):
    """The first 400,000 bytes have come; the server is sound from here on."""
    server.cut_after = 400_000
    with pytest.raises(ConnectionError, match="ended 1 times .*; 400,000 bytes are kept"):
        download(server.url, path, MOST, md5(CONTENT))
    assert not path.exists()
    assert path.with_name("file.bin.part").read_bytes() == CONTENT[:400_000]
    server.cut_after = None


def test_a_whole_file_is_downloaded_once(server, path, capsys):
    for _ in range(2):
        assert download(server.url, path, MOST, md5(CONTENT)) == path
    assert path.read_bytes() == CONTENT
    assert server.asked == [(None, None)] and not files_beside(path)
    assert capsys.readouterr().err == f"downloading {server.url} from 0.0 of 1.0 MB\n"


@pytest.mark.parametrize("version_header", ["ETag", "Last-Modified"])
@pytest.mark.parametrize("checksum", [md5(CONTENT), hashlib.sha256(CONTENT).hexdigest(), None])
def test_the_second_try_asks_for_the_rest(server, path, version_header, checksum, monkeypatch):
    monkeypatch.setattr(downloads, "_CONNECTIONS", 1)
    server.version_header, server.cut_after = version_header, 400_000
    for _ in range(2):
        with pytest.raises(ConnectionError, match="bytes are kept for the next try"):
            download(server.url, path, MOST, checksum)
    server.cut_after = None
    download(server.url, path, MOST, checksum)
    assert server.asked == [
        (None, None),
        ("bytes=400000-", server.version),
        ("bytes=800000-", server.version),
    ]
    assert path.read_bytes() == CONTENT and not files_beside(path)


def test_a_connection_that_ends_is_opened_again(server, path):
    server.cut_after = 300_000
    download(server.url, path, MOST, md5(CONTENT))
    assert [wanted for wanted, _ in server.asked] == [
        None,
        "bytes=300000-",
        "bytes=600000-",
        "bytes=900000-",
    ]
    assert path.read_bytes() == CONTENT


def test_a_server_that_sends_no_parts(server, path, half):
    server.sends_parts = False
    download(server.url, path, MOST, md5(CONTENT))
    assert path.read_bytes() == CONTENT and not files_beside(path)


@pytest.mark.parametrize("version_header", [None, "X-Other"])
def test_a_server_that_names_no_version(server, path, version_header, one_connection):
    server.version_header, server.cut_after = version_header, 400_000
    with pytest.raises(ConnectionError, match="ended 1 times before the file did$"):
        download(server.url, path, MOST)
    server.cut_after = None
    download(server.url, path, MOST)
    assert server.asked == [(None, None)] * 2 and path.read_bytes() == CONTENT


@pytest.mark.parametrize("heeds_condition", [True, False])
def test_a_changed_file_is_begun_anew(server, path, half, heeds_condition, monkeypatch):
    """Also where the server sends a part of the new file, whatever was the condition."""
    monkeypatch.setattr(downloads, "_CONNECTIONS", 2)
    server.content, server.heeds_condition = OTHER, heeds_condition
    download(server.url, path, MOST, md5(OTHER))
    assert path.read_bytes() == OTHER and not files_beside(path)


def test_a_part_that_is_longer_than_the_file(server, path, half, monkeypatch):
    monkeypatch.setattr(downloads, "_CONNECTIONS", 2)
    server.content, server.heeds_condition = OTHER[:300_000], False
    download(server.url, path, MOST)
    assert path.read_bytes() == OTHER[:300_000]


def test_a_wrong_checksum(server, path):
    for _ in range(2):  # nothing of it is kept
        message = f"file has the checksum {md5(CONTENT)}; accepted: {md5(OTHER)}"
        with pytest.raises(ValueError, match=message):
            download(server.url, path, MOST, md5(OTHER))
        assert not path.exists() and not files_beside(path)
    assert server.asked == [(None, None)] * 2


def test_a_file_with_another_checksum_is_replaced(server, path):
    path.parent.mkdir()
    path.write_bytes(CONTENT[:1000])
    download(server.url, path, MOST, md5(CONTENT))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("states_length", [True, False])
def test_a_file_that_is_too_large(server, path, states_length):
    server.states_length = states_length
    with pytest.raises(ValueError, match="takes 1.0 MB; accepted: at most 900,000 bytes"):
        download(server.url, path, 900_000, md5(CONTENT))
    assert not path.exists() and not files_beside(path)


def test_a_file_of_unknown_length_needs_a_checksum(server, path):
    server.states_length = False
    with pytest.raises(ConnectionError, match="does not say how long the file is"):
        download(server.url, path, MOST)
    server.cut_after = 400_000
    with pytest.raises(ValueError, match="has the checksum"):
        download(server.url, path, MOST, md5(CONTENT))
    server.cut_after = None
    download(server.url, path, MOST, md5(CONTENT))
    assert path.read_bytes() == CONTENT


def test_no_server(server, path, half):
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError, match="refused.*; 400,000 bytes are kept for the next try"):
        download(url, path, MOST, md5(CONTENT))


def test_no_such_file(server, path, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", lambda handler: handler.send_error(404))
    with pytest.raises(ConnectionError, match="HTTP Error 404: Not Found$"):
        download(server.url, path, MOST)
    assert not files_beside(path)
