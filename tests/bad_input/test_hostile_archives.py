"""Archives of data sets and weights that lead out of their folder, grow, or are damaged."""

import csv
import io
import json
import os
import struct
import tarfile
import zipfile

import pytest
from PIL import Image

import models
from data import DatasetNotFoundError, cifar10, cifar100
from data.file_trees import FileTree
from data.gtsrb import _rows
from data.imagenet import class_table
from data.own_images import load_own
from hostile_names import NAMES


@pytest.fixture(scope="module")
def narrow():
    small = {"width": 0.05, "input_shape": (32, 32, 1), "upsampling": 3}
    return models.build("alexnet", 3, preprocessing="unit", **small)


def safetensors(header: bytes | dict, content: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + content


def tensor(begin=0, end=4, shape=(1,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


SAFETENSORS = {
    "nothing": b"",
    "no header": b"\x00" * 8,
    "half a length": b"\x01\x02",
    "a header longer than the file": safetensors(b"{}", length=100),
    "a header of 2**63 bytes": safetensors(b"{}", length=2**63),
    "a header of 2**64 - 1 bytes": safetensors(b"{}", length=2**64 - 1),
    "a header that is no JSON": safetensors(b"x" * 20),
    "a header that is no UTF-8": safetensors(b'{"\xff": 1}'),
    "a header that is a list": safetensors(b"[]"),
    "a deep header": safetensors(b'{"a":' * 10**5 + b"1" + b"}" * 10**5),
    "an unknown type": safetensors({"a": tensor(dtype="F33")}, bytes(4)),
    "offsets beyond the file": safetensors({"a": tensor(0, 400, (100,))}, bytes(4)),
    "negative offsets": safetensors({"a": tensor(-4, 0)}, bytes(4)),
    "offsets in reverse": safetensors({"a": tensor(4, 0)}, bytes(4)),
    "offsets that overlap": safetensors({"a": tensor(0, 4), "b": tensor(2, 6)}, bytes(6)),
    "a hole": safetensors({"a": tensor(0, 4), "b": tensor(8, 12)}, bytes(12)),
    "a huge shape": safetensors({"a": tensor(0, 4, (2**40, 2**40))}, bytes(4)),
    "a shape beyond 64 bits": safetensors({"a": tensor(0, 4, (2**64,))}, bytes(4)),
    "a negative shape": safetensors({"a": tensor(0, 4, (-1,))}, bytes(4)),
    "a shape of text": safetensors({"a": tensor() | {"shape": ["x"]}}, bytes(4)),
    "no shape": safetensors({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, bytes(4)),
    "a name twice": safetensors(
        b'{"a":' + json.dumps(tensor()).encode() + b',"a":' + json.dumps(tensor()).encode() + b"}",
        bytes(4),
    ),
    "more than the header says": safetensors({"a": tensor()}, bytes(400)),
    "other arrays": safetensors({"a": tensor()}, bytes(4)),
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "a zip": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_hostile_safetensors(narrow, tmp_path, kind):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(SAFETENSORS[kind])
    with pytest.raises(models.CheckpointError, match="hostile.safetensors"):
        models.load_torchvision(narrow, path)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_of_arrays(narrow, tmp_path, name):
    header = json.dumps({name.encode(errors="replace").decode(): tensor()}).encode()
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(safetensors(header, bytes(4)))
    with pytest.raises(models.CheckpointError, match="hostile.safetensors"):
        models.load_torchvision(narrow, path)


def picture() -> bytes:
    stored = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stored, "PNG")
    return stored.getvalue()


OUTSIDE = ("../1.png", "../../cat/1.png", "/cat/1.png", "cat/../../1.png", "..\\cat\\1.png")


WRITABLE = [name for name in NAMES if "\udcff" not in name]


@pytest.mark.parametrize("name", [*OUTSIDE, *(f"{name}/1.png" for name in WRITABLE)])
def test_a_zip_is_never_unpacked(tmp_path, monkeypatch, name):
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "x.zip", "w") as target:
        target.writestr(name, picture())
    monkeypatch.chdir(folder)
    tree = FileTree(folder / "x.zip")
    for each in tree.names:
        try:
            assert tree.read(each) == picture()
        except ValueError as error:
            assert "x.zip" in str(error)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x.zip"]


PICTURES = {
    "nothing": b"",
    "text": b"no picture",
    "half": picture()[:40],
    "GIF": b"GIF89a" + bytes(20),
    "PostScript": b"%!PS-Adobe-3.0 EPSF\n%%BoundingBox: 0 0 8 8\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "program": b"#!/bin/sh\ntouch canary\n",
}


@pytest.mark.parametrize("kind", PICTURES)
def test_no_pictures_in_a_folder(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "cat").mkdir(parents=True)
    (tmp_path / "own" / "cat" / "1.png").write_bytes(PICTURES[kind])
    dataset = load_own(tmp_path / "own", (8, 8, 3))
    with pytest.raises(ValueError, match="1 of 1 files cannot be read as images: cat/1.png"):
        dataset.x_test[0:1]
    assert not (tmp_path / "canary").exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"x"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, io.BytesIO(content)


TARS = {
    "above": ("../batch", tarfile.REGTYPE, ""),
    "absolute": ("/tmp/batch", tarfile.REGTYPE, ""),
    "inside and above": ("{folder}/../../batch", tarfile.REGTYPE, ""),
    "a link": ("{folder}/{batch}", tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": ("{folder}/{batch}", tarfile.LNKTYPE, "/etc/passwd"),
    "a device": ("{folder}/{batch}", tarfile.CHRTYPE, ""),
    "a pipe": ("{folder}/{batch}", tarfile.FIFOTYPE, ""),
    "another content": ("{folder}/{batch}", tarfile.REGTYPE, ""),
}


@pytest.mark.parametrize("dataset", [cifar10, cifar100])
@pytest.mark.parametrize("kind", TARS)
def test_hostile_tars(tmp_path, dataset, kind):
    name, type_, target = TARS[kind]
    original = dataset.FOLDER
    path = tmp_path / "in" / original.archive
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        first = next(iter(original.train))
        archive.addfile(*member(name.format(folder=original.name, batch=first), type_, target))
    with pytest.raises((ValueError, DatasetNotFoundError), match=original.archive):
        original.read(path)
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == [path.name]


OUT_OF_A_FOLDER = ("../1.ppm", "/etc/passwd", "a/b.ppm", "..\\1.ppm", "C:x.ppm", "..", ".", "")


@pytest.mark.parametrize("name", OUT_OF_A_FOLDER)
def test_a_table_names_files_of_its_folder_alone(tmp_path, name):
    table = tmp_path / "GT-00000.csv"
    table.write_text(f"Filename;ClassId\n{name};0\n\n")
    with pytest.raises(ValueError, match="GT-00000.csv (cannot be read|has no rows)"):
        _rows(table)


def test_a_large_table_of_classes_is_not_read(tmp_path):
    table = tmp_path / "GT-00000.csv"
    with table.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match="cannot be read.*takes 1,000.0 GB"):
        _rows(table)
    table.write_text("Filename;ClassId\n" + "x" * (csv.field_size_limit() + 1) + ";0\n")
    with pytest.raises(ValueError, match="cannot be read.*field larger"):
        _rows(table)


TABLES = ("", "[]", "{}x", '{"1": ["a", "b"]}', '{"0": "ab"', '{"0": ["a"]}', '{"0": 3}')
TABLES += ('{"0": ["a", {"b": 1}]}', '{"0": ["a", 3]}', "[" * 10**5, '{"0": [["a"], "b"]}')


@pytest.mark.parametrize("text", TABLES)
def test_wrong_tables_of_classes(tmp_path, text):
    path = tmp_path / "classes.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="classes.json cannot be read as a table of classes"):
        class_table(class_index=path)


def test_a_folder_in_a_loop_is_read_once(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(picture())
    os.symlink(tmp_path, tmp_path / "cat" / "again")
    assert len(load_own(tmp_path, (8, 8, 3)).x_test) == 1
