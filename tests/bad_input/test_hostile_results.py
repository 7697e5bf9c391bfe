"""Folders of results and stages that somebody made: refused, and left as they were."""

import json
import os
import shutil
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest

from attacks import Journal, Patch
from command_line import run
from evaluation import Outcomes
from files.csv_files import read_table
from harness.resumption import Resumption
from harness.store import Store
from harness.stored import trained_in
from hostile_names import NAMES
from studies.run import RESULTS

SOURCE = RESULTS / "icbai" / "laptop"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "laptop")
    return tmp_path / "laptop"


def npy(shape: str, dtype: str = "'<f8'", content: bytes = b"") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def archive(path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def cell(column: str, value, file: str = "table.csv"):
    """Writes one cell of a table."""

    def change(folder):
        frame = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
        frame.loc[3, column] = value
        frame.to_csv(folder / file, index=False)

    return change


def without(column: str, file: str = "table.csv"):
    def change(folder):
        pd.read_csv(folder / file, dtype=str, keep_default_na=False).drop(columns=column).to_csv(
            folder / file, index=False
        )

    return change


def content(file: str, written: bytes | str):
    def change(folder):
        (folder / file).write_bytes(written if isinstance(written, bytes) else written.encode())

    return change


def entry(name: str, value):
    """Writes one entry of run.json."""

    def change(folder):
        run = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(run | {name: value}))

    return change


def arrays(file: str, **members: bytes):
    return lambda folder: archive(folder / file, **members)


def linked(file: str, to: str):
    def change(folder):
        (folder / file).unlink()
        (folder / file).symlink_to(to)

    return change


WRONG = {
    "a table that is nothing": content("table.csv", ""),
    "a table of bytes": content("table.csv", bytes(range(256)) * 10),
    "a table of one line": content("table.csv", "a" * 10**6),
    "a table of many columns": content("table.csv", "," * 10**6),
    "a table of rows wider than its head": content("table.csv", "arm\n" + "x," * 5000),
    "an open quotation": content("table.csv", 'arm,epsilon\n"x'),
    "no accuracy": without("accuracy"),
    "no arm": without("arm"),
    "no dataset of a training": without("dataset", "trainings.csv"),
    "no number": cell("accuracy", "many"),
    "an accuracy that is missing": cell("accuracy", ""),
    "a seed that is missing": cell("seed", ""),
    "an epsilon of text": cell("epsilon", "8/255"),
    "a large number": cell("images", "9" * 400),
    "an arm without outcomes": cell("arm", "other"),
    "run.json that is nothing": content("run.json", ""),
    "run.json that is a list": content("run.json", "[]"),
    "run.json that is deep": content("run.json", '{"a":' * 5000 + "1" + "}" * 5000),
    "run.json that is no UTF-8": content("run.json", b'{"study": "\xff"}'),
    "run.json without an end": content("run.json", '{"study": "icbai"'),
    "a study that is a list": entry("study", ["icbai"]),
    "a study that is a path": entry("study", "../icbai"),
    "a profile with markup": entry("profile", "<b>demo</b>"),
    "versions that are a text": entry("versions", "all"),
    "data that are a number": entry("data", 3),
    "seeds that are a text": entry("seeds", "three"),
    "a machine that is an object": entry("machine", {"a": 1}),
    "outcomes that are nothing": content("correct.npz", ""),
    "outcomes of no arm": arrays("correct.npz"),
    "outcomes declared alone": arrays("correct.npz", x=npy("(1000000000000,)")),
    "outcomes that are objects": arrays("correct.npz", x=npy("(1,)", "'|O'", b"cos\nsystem\n.")),
    "examples without an arm": arrays("examples.npz", images=npy("(1,)", content=bytes(8))),
    "examples declared alone": arrays("examples.npz", **{"a|images": npy("(10000000000, 9)")}),
    "a pipe": lambda folder: ((folder / "table.csv").unlink(), os.mkfifo(folder / "table.csv")),
    "a device": linked("table.csv", "/dev/zero"),
    "a device of outcomes": linked("correct.npz", "/dev/zero"),
}
WRONG |= {
    f"{column} {name!r:.40}": cell(column, name)
    for name in ("<script>", "=HYPERLINK(1)", "[a](b)", "a | b", "`x`", "$\\frac$", "\x1b[2J")
    for column in ("arm", "attack", "dataset")
}
WRONG |= {
    f"a machine {name!r}": cell("machine", name) for name in ("=cmd()", "@sum", "+1+cmd", "\x1b")
}


def state(folder) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.parent.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_folder_is_refused(folder, kind):
    WRONG[kind](folder)
    before = state(folder)
    for words in (
        ("report", "icbai", "--profile", "laptop", "--results", folder),
        ("verify", folder),
    ):
        if words[0] == "verify" and kind.startswith("a machine '"):
            continue  # which recomputes no machine
        done = run(*words)
        assert done.exit_code in (1, 2), (words, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert "Traceback" not in done.output
        if done.exit_code == 2:
            assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1
    assert state(folder) == before


@pytest.mark.slow
def test_links_in_a_folder_lead_nowhere(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("report.md", "index.html", "comparison.csv", "verdicts.csv"):
        (outside / name).write_text("mine")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(outside / name)
    done = run("report", "icbai", "--profile", "laptop", "--results", folder)
    assert done.exit_code == 0, done.output
    assert {path.read_text() for path in outside.iterdir()} == {"mine"}
    assert not (folder / "report.md").is_symlink()
    shutil.rmtree(folder / "figures")
    (folder / "figures").symlink_to(outside)
    done = run("report", "icbai", "--profile", "laptop", "--results", folder)
    assert done.exit_code == 2 and "cannot be reported" in done.stderr
    assert len(list(outside.iterdir())) == 4


ARCHIVES = {
    "nothing": b"",
    "text": b"no archive",
    "declared alone": {"x": npy("(1000000000000,)")},
    "objects": {"x": npy("(1,)", "'|O'", b"cos\nsystem\n(S'true'\ntR.")},
    "others": {"x": npy("(1,)", content=bytes(8))},
    "without a name": {"": npy("(1,)", content=bytes(8))},
}


def written(path, kind) -> None:
    if isinstance(ARCHIVES[kind], bytes):
        path.write_bytes(ARCHIVES[kind])
    else:
        archive(path, **ARCHIVES[kind])


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("load", [Outcomes.load, Patch.load])
def test_a_wrong_stage_is_refused(tmp_path, kind, load):
    written(tmp_path / "x.npz", kind)
    with pytest.raises(ValueError, match=r"x.npz (cannot be read|holds no)"):
        load(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_wrong_journal_is_begun_again(tmp_path, kind):
    for name in ("journal-000000.npz", "journal-x.npz", "journal-999999999.npz"):
        written(tmp_path / name, kind)
    made = Journal(tmp_path).once("key", lambda: {"a": np.arange(3)})
    assert list(made["a"]) == [0, 1, 2]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_wrong_state_of_a_training_is_begun_again(tmp_path, kind):
    for number in (0, 1):
        written(tmp_path / f"state-{number}.npz", kind)
    assert Resumption(tmp_path, tmp_path / "model.h5", "last").position == (0, 0)


DESCRIPTIONS = ("", "[]", "{", "3", '{"epochs": "x"}', "[" * 10**5, '{"a": 1}', "null", '"x"')


@pytest.mark.parametrize("text", DESCRIPTIONS)
def test_a_wrong_description_is_refused(tmp_path, text):
    for name in ("made.json", "training.json", "checksums.json", "seconds.json"):
        (tmp_path / name).write_text(text)
    store = Store(tmp_path)
    for read in (store.made, lambda path: trained_in(path / "training.json")):
        with pytest.raises(ValueError, match=r"(made|training).json"):
            read(tmp_path)
    assert store.damage(tmp_path) and not store.has(tmp_path)
    assert store.seconds(tmp_path) in (None, 3.0)


@pytest.mark.parametrize("name", [name for name in NAMES if "\udcff" not in name])
def test_names_in_checksums_lead_nowhere(tmp_path, name):
    (tmp_path / "checksums.json").write_text(json.dumps({name: "0"}))
    assert Store(tmp_path.parent).damage(tmp_path) == f"{name} is missing"


def test_a_stage_is_not_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    store = Store(tmp_path / "runs")
    store.root.mkdir()
    path = store.path("train", {})
    path.with_name(f"{path.name}.partial").symlink_to(outside)
    with pytest.raises(ValueError, match="is a link; accepted: a folder"), store.writing(path, {}):
        pass
    assert not list(outside.iterdir())


def test_a_large_table_is_not_read(tmp_path):
    with open(tmp_path / "table.csv", "wb") as file:
        file.truncate(10**12)  # sparse: it takes no room
    with pytest.raises(ValueError, match="table.csv takes 1,000.0 GB; accepted: at most 67.1 MB"):
        read_table(tmp_path / "table.csv")
