"""The benchmark of distances: what it runs, sums up and writes; never a time."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from benchmarks import distances, libraries, networks
from benchmarks.networks import Network
from benchmarks.searches import NORMS, SEARCHES


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4)]
    )
    images = np.random.default_rng(0).random((8, 6, 6, 1), np.float32)
    return Network(model, images, model.predict(images, verbose=0).argmax(axis=1))


@pytest.mark.slow
def test_a_quick_run_without_the_libraries(monkeypatch, network, tmp_path):
    ours = tuple(each for each in SEARCHES if each.make and each.attack in ("DDN", "FMN"))
    monkeypatch.setattr(distances, "SEARCHES", ours)
    monkeypatch.setattr(distances, "best_distance", nothing_known)
    monkeypatch.setattr(libraries, "available", dict)
    monkeypatch.setitem(networks.BUILDERS, networks.SMALL, lambda: network)
    done = CliRunner().invoke(distances.app, ["--quick", "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "distances_digits.json").read_text())["rows"]
    assert [(row["norm"], row["attack"]) for row in rows[::2]] == [
        ("linf", "FMN"), ("l2", "DDN"), ("l2", "FMN"), ("l1", "FMN"), ("l0", "FMN")
    ]  # fmt: skip
    assert [row["gradients"] for row in rows[:2]] == list(distances.QUICK_BUDGETS)
    assert all(0 <= row["optimality"] <= 1 for row in rows)
    # Alone in its norm, the nearest of its two runs is the best that is known.
    assert max(row["optimality"] for row in rows if row["norm"] == "linf") > 0.9
    table = (tmp_path / "distances_digits.md").read_text()
    assert "](distances_digits.png)" in table and "| L2 | DDN | ours | 18 |" in table
    assert (tmp_path / "distances_digits.png").stat().st_size > 5000


def nothing_known(model, images, labels, norm, *, seconds):
    class Result:
        distances = np.full(len(images), np.inf)

    return Result


def test_a_quick_run_does_not_replace_the_results():
    done = CliRunner().invoke(distances.app, ["--quick"])
    assert done.exit_code == 2 and "--quick is given" in done.output


@pytest.mark.parametrize("search", SEARCHES, ids=lambda each: f"{each.name}, {each.norm}")
def test_searches_name_what_there_is(search):
    assert search.norm in NORMS
    if search.make:
        for budget in (9, 800):
            attack = search.make(budget)
            assert attack.norm == search.norm
            assert attack.most_of_run(10, (6, 6, 1)).gradients <= budget
    else:
        assert hasattr(libraries.KINDS[search.library], search.method)
