"""Images and arrays that would take memory, read without end or run code."""

import io
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from data import cifar10
from data.file_trees import FileTree, open_zip
from data.image_files import check_pixels
from data.own_images import load_own
from data.sources import _ArraysOnly
from files import MEMBER
from files.npz_files import read_arrays


def header(shape: str, dtype: str = "'<f4'") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


ARRAYS = {
    "declared alone": header("(100000000000,)"),
    "declared beyond any address": header(f"({10**30},)"),
    "negative": header("(-4,)"),
    "nothing": b"",
    "no array": b"\x93NUMPX",
    "no version": b"\x93NUMPY\x09\x00",
    "brackets": header("(" * 4000),
    "code": header("__import__('os').system('true')"),
    "objects": header("(1,)", "'|O'") + b"cos\nsystem\n(S'true'\ntR.",
    "short": header("(4,)") + b"1234",
    "long": header("(1,)") + b"12345678",
    "strange type": header("(1,)", "[('a', '<q9')]"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_hostile_arrays(tmp_path, kind):
    path = tmp_path / "hostile.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", ARRAYS[kind])
        archive.writestr("y.npy", ARRAYS[kind])
    with pytest.raises(ValueError, match="hostile.npz cannot be read as npz, plain arrays only"):
        load_own(path, (32, 32, 3))


def test_an_array_that_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    from files import limits

    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(10**6, np.uint8))
    assert path.stat().st_size < 10**4
    monkeypatch.setattr(limits, "memory_at_hand", lambda: 10**6)
    with pytest.raises(ValueError, match="bomb.npz .*x takes 1.0 MB; accepted: at most 750,000"):
        read_arrays(path)


def test_a_file_of_a_zip_that_declares_too_much(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", b"content")
        archive.getinfo("cat/1.png").file_size = MEMBER + 1
    with pytest.raises(ValueError, match=r"bomb.zip: cat/1.png takes 536.9 MB; accepted: at most"):
        open_zip(path)


def png(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    packed = zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(body))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", len(packed))
        + b"IDAT"
        + packed
        + struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    )


def jpeg(width: int, height: int) -> bytes:
    stored = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stored, "JPEG")
    content = bytearray(stored.getvalue())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize("made", [png, jpeg])
def test_images_of_too_many_pixels(made):
    check_pixels(made(8000, 8000))
    with pytest.raises(ValueError, match="60,000 x 60,000 pixels; accepted: 67,108,864 in all"):
        check_pixels(made(60_000, 60_000))


@pytest.mark.parametrize("made", [png, jpeg])
def test_images_that_would_be_scaled_to_too_many_pixels(made):
    check_pixels(made(100, 10_000))
    for size in ((1, 65_000), (65_000, 10)):
        with pytest.raises(ValueError, match="accepted: sides that differ by a factor of 100"):
            check_pixels(made(*size))


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"\xff\xd8\xff", b"%!PS-Adobe", b"GIF89a"])
def test_no_images(content):
    with pytest.raises(ValueError, match="no JPEG or PNG"):
        check_pixels(content)


def test_folders_in_circles_pipes_and_devices_are_left_out(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    (tmp_path / "cat" / "above").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "cat" / "2.png")
    (tmp_path / "cat" / "3.png").symlink_to("/dev/zero")
    (tmp_path / "cat" / "4.png").symlink_to("nowhere")
    assert FileTree(tmp_path).names == ("cat/1.png",)


def test_a_pipe_is_no_npz_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(FileNotFoundError, match="pipe.npz is no file; accepted: an .npz file"):
        load_own(tmp_path / "pipe.npz", (32, 32, 3))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_unpacks_to_too_much(tmp_path, monkeypatch, mode):
    monkeypatch.setattr("data.sources.MEMBER", 10**6)
    path = tmp_path / cifar10.FOLDER.archive
    with tarfile.open(path, mode) as archive:
        member = tarfile.TarInfo(f"{cifar10.FOLDER.name}/data_batch_1")
        member.size = 2 * 10**6
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    with pytest.raises(ValueError, match="cannot be read as tar: what it unpacks to takes"):
        cifar10.FOLDER.read(path)


@pytest.mark.parametrize(
    "content", [b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nload\n."]
)
def test_a_batch_calls_nothing(content):
    with pytest.raises(ValueError, match="a batch names .*; accepted: arrays alone"):
        _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
