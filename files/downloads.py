"""Downloads that go on where they stopped, as far as the server can send a part of a file."""

import hashlib
import os
import sys
import tempfile
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock

from files.limits import check_size

_CONNECTIONS = 5  # in one call; later calls go on from what these brought
_SECONDS = 30  # without a byte
_BLOCK = 2**18


def download(url: str, path: Path, most: int, checksum: str | None = None) -> Path:
    """`path`, which is what `url` gives; it is downloaded unless it is there.

    What has come lies beside it in `NAME.part` until all is there and its checksum is right. A
    server that cannot send a part, or whose file has changed, sends all of it again.

    Args:
        url: of http or https.
        path: the file; its folder is made.
        most: the bytes that are accepted.
        checksum: the file's MD5 or SHA-256 sum in hexadecimal digits; `None` if it is not known.
            Then a file of the length that the server states is right.

    Raises:
        ConnectionError: the file did not come, or not as a whole.
        ValueError: it is larger than `most` or has another checksum; nothing is kept of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / "download.lock"):  # two programs would write to the same part
        if not path.is_file() or (checksum and _sum(path, checksum) != checksum):
            part = _Part(url, path, most, checksum is not None)
            part.complete()
            if checksum and (actual := _sum(part.path, checksum)) != checksum:
                part.drop()
                raise ValueError(f"{url} has the checksum {actual}; accepted: {checksum}")
            os.replace(part.path, path)
            part.drop()
    return path


def keras_cache(folder: str) -> Path:
    """A folder in the cache of Keras, "datasets" or "models"."""
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    if not os.access(home, os.W_OK):  # where Keras goes then
        home = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras")
    return home / folder


class _Part:
    """What has come of a file, and beside it by what the server knows that version of the file."""

    def __init__(self, url: str, path: Path, most: int, has_checksum: bool):
        self.path = path.with_name(f"{path.name}.part")
        self._version = path.with_name(f"{path.name}.version")
        self._url, self._most, self._has_checksum = url, most, has_checksum

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def complete(self) -> None:
        reason = f"the connection ended {_CONNECTIONS} times before the file did"
        for _ in range(_CONNECTIONS):
            try:
                if self._receive():
                    return
            except ConnectionError as error:
                reason = str(error)
                break
        kept = f"; {size:,} bytes are kept for the next try" if (size := self._size()) else ""
        raise ConnectionError(f"{reason}{kept}")

    def _size(self) -> int:
        """The bytes that another connection can go on from."""
        return self.path.stat().st_size if self.path.exists() and self._version.exists() else 0

    def _receive(self) -> bool:
        """Takes what one connection brings; whether the file is complete then."""
        start = self._size()
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": self._version.read_text()}
        try:
            response = urlopen(Request(self._url, headers=headers), timeout=_SECONDS)
        except HTTPError as error:
            if error.code != 416:
                raise ConnectionError(str(error)) from error
            self.drop()  # the file is not longer than the part
            return False
        except (OSError, HTTPException) as error:
            raise ConnectionError(str(error)) from error
        with response:
            if response.status == 206 and not self._continues(response.headers, start):
                self.drop()
                return False
            if response.status != 206:
                start = 0
                self._begin(response.headers)
            return self._append(response, start)

    def _continues(self, headers: Message, start: int) -> bool:
        """Whether a part that was sent begins where ours ends, in the same version of the file."""
        same_version = _version(headers) in (None, self._version.read_text())
        return same_version and headers.get("Content-Range", "").startswith(f"bytes {start}-")

    def _begin(self, headers: Message) -> None:
        self.drop()
        if version := _version(headers):
            self._version.write_text(version)

    def _append(self, response: HTTPResponse, start: int) -> bool:
        total = None if response.length is None else start + response.length
        if total is None and not self._has_checksum:
            raise ConnectionError("the server does not say how long the file is")
        self._check_size(total or 0)
        size = "" if total is None else f" of {total / 1e6:,.1f} MB"
        print(f"downloading {self._url} from {start / 1e6:,.1f}{size}", file=sys.stderr)
        with self.path.open("ab") as file:
            while block := _read(response):
                self._check_size(file.tell() + len(block))
                file.write(block)
            return file.tell() == total if total is not None else block is not None

    def _check_size(self, size: int) -> None:
        try:
            check_size(self._url, size, self._most)
        except ValueError:
            self.drop()
            raise


def _read(response: HTTPResponse) -> bytes | None:
    """The next bytes; none at the end, `None` where the connection ended before it."""
    try:
        return response.read(_BLOCK)
    except (OSError, HTTPException):
        return None


def _version(headers: Message) -> str | None:
    """The name or the date by which a server knows that a file has not changed; see If-Range."""
    etag = headers["ETag"]
    return etag if etag and not etag.startswith("W/") else headers["Last-Modified"]


def _sum(path: Path, expected: str) -> str:
    """The sum of a file, of the kind that the expected one has."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5" if len(expected) == 32 else "sha256").hexdigest()
