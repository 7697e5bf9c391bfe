"""`reproduce.py verify`: committed reports, and what is not one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command_line import run, said

COMMITTED = Path(__file__).parents[1] / "reports" / "results"


@pytest.fixture
def copied(tmp_path):
    """A committed report, to be changed."""
    return Path(shutil.copytree(COMMITTED / "icbai" / "laptop", tmp_path / "laptop"))


@pytest.mark.slow
def test_the_committed_reports_verify():
    done = run("verify", "--json")
    documents = json.loads(done.stdout)
    assert not [each for document in documents for each in document["differences"]]
    assert done.exit_code == 0
    folders = {path.parent for path in COMMITTED.glob("*/*/run.json")}
    assert len(documents) == len(folders) + 5 + 1  # verdicts of each study, and the README
    assert all(document["recomputed"] > 0 for document in documents)


def test_what_differs_is_said_and_what_is_not_recomputed(copied):
    text = (copied / "table.csv").read_text()
    assert text.count(",0.9761,") == 1
    (copied / "table.csv").write_text(text.replace(",0.9761,", ",0.9861,"))
    done = run("verify", copied)
    assert done.exit_code == 1
    assert "accuracy is 0.9861; recomputed: 0.9761" in said(done)
    assert "1 differs:" in said(done) and "needs the adversarial image" in said(done)
    document = json.loads(run("verify", copied, "--json").stdout)
    assert [each["column"] for each in document[0]["differences"]] == ["accuracy"]


def test_one_study_and_one_of_its_profiles():
    done = run("verify", "icbai", "--profile", "laptop", "--quiet")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert "icbai/laptop: " in line and line.endswith("entries recomputed, all agree.")


@pytest.mark.parametrize(
    "words, message",
    [
        (["nothing"], "STUDY|DIR is 'nothing'; accepted: ntu, icbai"),
        (["ntu", "--profile", "huge"], "--profile is 'huge'; accepted for ntu: demo"),
        (["ntu", "--profile", "paper"], "no report in"),
        (["--profile", "demo"], "--profile is 'demo'; accepted: with a study only"),
        (["EMPTY"], "first: python reproduce.py run STUDY"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_is_no_report_is_refused(words, message, tmp_path):
    done = run("verify", *(tmp_path if word == "EMPTY" else word for word in words))
    assert done.exit_code == 2 and message in said(done)


@pytest.mark.parametrize("name", ["run.json", "table.csv", "trainings.csv", "correct.npz"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "removed", "other"])
def test_a_damaged_file_is_an_error_in_a_sentence(copied, name, damage):
    path = copied / name
    whole = path.read_bytes()
    path.unlink()
    if damage == "other" and path.suffix == ".npz":
        np.savez(path, other=np.zeros([2, 3], bool))
    elif damage == "other":
        path.write_text("{}")
    elif damage != "removed":
        path.write_bytes(whole[: len(whole) // 2 if damage == "cut" else 0])
    done = run("verify", copied)
    assert done.exit_code in (1, 2), done.output
    assert "laptop" in said(done)
