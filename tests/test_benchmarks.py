"""The benchmark's arithmetic, what it counts, and what it writes; never a time."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from typer.testing import CliRunner

from benchmarks import (
    attacks,
    bare,
    libraries,
    memory,
    memory_works,
    networks,
    peaks,
    peers,
    pytorch,
    report,
    rows,
    training,
    training_works,
)
from benchmarks.measuring import BARE, Measured, outcome
from benchmarks.networks import SMALL, Network
from benchmarks.ours import Ours
from benchmarks.timing import Contestant, Timings, alternate

ROW = rows.Row(
    "a work",
    "pgd",
    {"epsilons": (0.1,), "steps": 3, "step_size": 0.05},
    images=5,
    goals={"CleverHans": 2.0, "Foolbox": 4.0, "ART": 9.0, rows.EFFICIENCY: 0.75},
)
SECONDS = {
    "ours": [1.0, 2.0, 9.0],
    "CleverHans": [4.0, 4.0, 1.0],
    "Foolbox": [6.0, 7.0, 5.0],
    BARE: [1.5, 2.0, 1.9],
}


@pytest.fixture(autouse=True)
def no_collecting(monkeypatch):
    """Collecting garbage before each turn takes longer than all that is timed here."""
    monkeypatch.setattr("benchmarks.timing.gc.collect", lambda: None)


@pytest.fixture
def measured():
    return Measured(ROW, Timings(SECONDS), credited=0.8, passes={}, outcomes={})


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4)]
    )
    images = np.random.default_rng(0).random((8, 6, 6, 1), np.float32)
    return Network(model, images, model.predict(images, verbose=0).argmax(axis=1))


@pytest.fixture
def alone(monkeypatch, network, tmp_path):
    """The command on a tiny network, where neither Foolbox nor ART nor PyTorch is installed."""
    monkeypatch.setattr(peers, "foolbox", None)
    monkeypatch.setattr(peers, "art_attacks", None)
    monkeypatch.setattr(pytorch, "torch", None)
    monkeypatch.setitem(networks.BUILDERS, SMALL, lambda: network)
    monkeypatch.setattr(attacks, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(attacks.console, "width", 200)

    def call(*arguments):
        return CliRunner().invoke(attacks.app, arguments)

    return call


def test_ratios_and_efficiency(measured):
    assert measured.ratios == {"CleverHans": 2.0, "Foolbox": 3.0}
    assert measured.efficiency == pytest.approx(0.8 * 1.9 / 2)


def test_missed_goals_are_marked(measured):
    assert report.missed(measured) == ["Foolbox"]  # 2.0 is reached, ART was not measured
    table = report.as_markdown([measured], [], repeats=3)
    assert "| a work | 2000.0 | 2.00 (2) | 3.00 (4, missed) | - | 0.76 (0.75) | - |" in table
    slower = replace(measured, credited=0.7)
    assert report.missed(slower) == ["Foolbox", rows.EFFICIENCY]
    [screen] = report.on_screen([measured], [])
    assert list(screen.columns[3].cells) == ["[red]3.00 (4, missed)[/]"]


@pytest.mark.parametrize("difference, equal", [(1e-6, True), (2e-6, False), (np.nan, False)])
def test_images_that_differ_are_marked(measured, difference, equal):
    compared = replace(measured, difference=difference)
    assert ("equality" not in report.missed(compared)) == equal
    assert ("NOT EQUAL" not in report.as_markdown([compared], [], 3)) == equal


def test_memory_is_compared_with_the_leanest():
    assert report.memory_ratio({"ours": 30.0, "CleverHans": 40.0, "ART": 20.0}) == 1.5
    assert report.memory_ratio({"ours": 30.0}) is None
    assert report.memory_ratio(None) is None


def test_growth_is_relative_to_the_smallest():
    scaling = rows.Scaling("growth", ROW, "images", (2, 4), ("Foolbox",))
    timings = Timings({"ours at 2": [1, 2, 3], "ours at 4": [3, 3, 9], "Foolbox at 2": [1, 1, 1]})
    assert report.growth(scaling, timings) == {"ours": [1.0, 1.5]}


def test_contestants_take_turns():
    order = []
    a, b = (Contestant(name, lambda name=name: order.append(name)) for name in "ab")
    timings = alternate([a, b], 8)
    turns = {"".join(order[first : first + 2]) for first in range(0, 16, 2)}
    assert turns == {"ab", "ba"}
    assert [len(each) for each in timings.seconds.values()] == [8, 8]


def test_short_works_run_more_often():
    timings = alternate([Contestant("a", lambda: None)], 3, at_least=0.05)
    assert len(timings.seconds["a"]) > 3


def test_a_part_of_the_work_is_multiplied(monkeypatch):
    monkeypatch.setattr("benchmarks.timing._seconds", lambda run: 0.5)
    timings = alternate([Contestant("a", lambda: None, factor=8)], 3)
    assert timings.medians == {"a": 4.0}


def test_passes_of_a_pgd(network):
    recorded = bare.Recorded(network.model)
    images, labels = network.images[:5], network.labels[:5]
    result = Ours(recorded).pgd(images, labels, (0.1,), steps=3, step_size=0.05)
    assert bare.passes(recorded.passes, bare.GRADIENTS) == [(bare.GRADIENTS, 5)] * 3
    assert bare.credited(recorded.passes, bare.GRADIENTS, result) == 1.0


def test_passes_of_a_deepfool(network):
    recorded = bare.Recorded(network.model)
    result = Ours(recorded).deepfool(network.images, network.labels, steps=2)
    jacobians = bare.passes(recorded.passes, bare.JACOBIANS)
    iterations = result.gradient_evaluations.max() // 3
    assert len(jacobians) == iterations > 0
    counted = result.gradient_evaluations.sum() / (3 * sum(size for _, size in jacobians))
    assert bare.credited(recorded.passes, bare.JACOBIANS, result) == pytest.approx(counted)


def test_passes_of_a_square_attack(network):
    recorded = bare.Recorded(network.model)
    Ours(recorded).square(network.images, network.labels, epsilon=0.01, queries=5)
    assert bare.passes(recorded.passes, bare.GRADIENTS) == []
    assert len(bare.passes(recorded.passes, bare.FORWARDS)) >= 5


def test_bare_passes_are_those_of_the_model(network):
    def last(kind):
        sizes = [(kind, 8), (kind, 3)]
        return bare.Bare(network.model).replay(sizes, network.images, network.labels)()

    images = tf.constant(network.images[:3])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        logits = network.model(images)
        loss = keras.losses.sparse_categorical_crossentropy(
            network.labels[:3], logits, from_logits=True
        )
        third = logits[:, 3] - logits[:, 0]
    np.testing.assert_allclose(last(bare.FORWARDS), logits, rtol=1e-5, atol=1e-6)
    gradient = tape.gradient(loss, images)
    np.testing.assert_allclose(last(bare.GRADIENTS), gradient, rtol=1e-4, atol=1e-6)
    rows = last(bare.JACOBIANS)
    assert len(rows) == 3
    np.testing.assert_allclose(rows[2], tape.gradient(third, images), rtol=1e-4, atol=1e-6)


def test_outcomes_of_images_and_of_accuracies(network):
    assert outcome([network.images], network) == {"accuracies": [1.0], "mean_l2": [None]}
    assert outcome([np.float64(0.5), 0.25], network) == {"accuracies": [0.5, 0.25]}


@pytest.mark.skipif(not peaks.is_measurable(), reason="only Linux says the peak")
def test_memory_of_a_work(network, tmp_path):
    network.save(tmp_path)

    class Wasteful(Ours):
        def pgd(self, images, labels, epsilons, steps, step_size):
            np.ones(50 * 2**20 // 8)

    assert 45 < peaks.peak(ROW, Wasteful, tmp_path) < 80


@pytest.mark.skipif(not peaks.is_measurable(), reason="only Linux says the peak")
def test_memory_of_a_few_images_and_of_all():
    def run(count):
        return np.ones(count * memory_works.MIB // 8)

    work = memory_works.Work(run, 90, inputs=0, outputs=30 * memory_works.MIB, few=20)
    measured = memory.measure("ones", work)
    assert 18 < measured.few_images < 40 and 85 < measured.peak < 120
    assert measured.bound == measured.few_images + 30 + memory.SLACK


def test_a_missed_bound_fails_the_run(monkeypatch, tmp_path):
    def call(few_images):
        paths = ["--json", str(tmp_path / "m.json"), "--table", str(tmp_path / "m.md")]
        sizes = {"before": 800, "inputs": 10, "outputs": 20, "besides": 512, "peak": 700}
        measured = memory.Measured("load CIFAR-10", 60_000, few_images=few_images, **sizes)
        monkeypatch.setattr(memory, "alone", lambda row: measured)
        done = CliRunner().invoke(memory.app, ["--only", "load*", *paths])
        return done.exit_code, (tmp_path / "m.md").read_text()

    exit_code, table = call(few_images=104)
    assert exit_code == 0
    assert "| load CIFAR-10 | 60,000 | 800 | 10 | 104 | 20 | 512 | 700 | 700 | 1.00 |" in table
    exit_code, table = call(few_images=54)
    assert exit_code == 1
    assert "| 700 | 650 | 1.08 (missed) |" in table
    assert json.loads((tmp_path / "m.json").read_text())["rows"][0]["missed"]


@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_rows_name_what_there_is(row):
    assert hasattr(Ours, row.method)
    for name in set(row.goals) - {rows.EFFICIENCY}:
        assert hasattr(libraries.KINDS[name], row.method)
    assert set(row.without) <= set(libraries.KINDS)
    assert row.network in networks.BUILDERS


@pytest.mark.slow
def test_a_quick_run_without_the_libraries(alone, tmp_path):
    paths = ["--json", str(tmp_path / "new" / "a.json"), "--table", str(tmp_path / "new" / "a.md")]
    done = alone("--quick", "--only", "FGSM*", *paths)
    assert done.exit_code == 0, done.output
    assert done.output.count("pip install -r requirements-peers.txt") == 2
    assert done.output.count("pip install -r requirements-torch.txt") == 1
    written = json.loads((tmp_path / "new" / "a.json").read_text())
    names = [row.name for row in rows.ROWS if row.name.startswith("FGSM")]
    assert [row["name"] for row in written["rows"]] == names
    for row in written["rows"]:
        assert set(row["seconds"]) == {"ours", "CleverHans", BARE}
        assert all(len(each) == 3 for each in row["seconds"].values())
        ours, theirs = (row["outcomes"][name]["accuracies"] for name in ("ours", "CleverHans"))
        assert ours == pytest.approx(theirs)
    assert written["rows"][0]["passes"] == {"gradients x 8": 1}
    assert written["rows"][1]["passes"] == {"gradients x 8": 1, "forwards x 8": 8}
    assert {"python", "tensorflow", "foolbox"} <= set(written["versions"])
    table = (tmp_path / "new" / "a.md").read_text()
    assert all(f"| {name} | " in table for name in names)
    assert not (tmp_path / "results").exists()  # a part does not replace the whole


def test_a_quick_scaling(alone, tmp_path):
    done = alone("--quick", "--only", "PGD by steps", "--json", str(tmp_path / "a.json"))
    assert done.exit_code == 0, done.output
    [scaling] = json.loads((tmp_path / "a.json").read_text())["scaling"]
    assert set(scaling["growth"]) == {"ours", "CleverHans"}
    assert scaling["growth"]["ours"][0] == 1.0


def test_unequal_images_fail_the_run(alone, monkeypatch):
    monkeypatch.setattr("benchmarks.measuring._difference", lambda results: 0.1)
    done = alone("--quick", "--only", "PGD-40, 1 epsilon")
    assert done.exit_code == 1
    assert "images differ" in done.output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--repeats", "2"], "--repeats is 2; accepted: 3 or more"),
        (["--only", "nothing*"], "--only is 'nothing*'; accepted: a pattern that matches one of"),
    ],
)
def test_wrong_arguments(alone, arguments, message):
    done = alone(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


def test_our_pgd_starts_from_the_image_as_the_others_do(network):
    """One step of 0.01 moves every pixel by that; a random start would move it by up to 0.1."""
    images, labels = network.images[:4], network.labels[:4]
    (crafted,) = Ours(network.model).pgd(images, labels, [0.1], steps=1, step_size=0.01)
    moved = getattr(crafted, "images", crafted) - images
    assert np.abs(moved).max() == pytest.approx(0.01, abs=1e-6)


def test_what_was_measured_outlives_an_interrupt(alone, monkeypatch, tmp_path):
    measure, measured = attacks.Bench.measure, []

    def interrupted(bench, row, *arguments):
        if measured:
            raise KeyboardInterrupt
        measured.append(row.name)
        return measure(bench, row, *arguments)

    monkeypatch.setattr(attacks.Bench, "measure", interrupted)
    path = tmp_path / "a.json"
    assert alone("--quick", "--only", "FGSM*", "--json", str(path)).exit_code != 0
    [row] = json.loads(path.read_text())["rows"]
    assert [row["name"]] == measured == ["FGSM, 8 epsilons, images"]


def trained(work, images, seconds, goal=None):
    row = training_works.Row(work, "rit_cnn", training_works.bare_step, 100, goal)
    return training.Measured(row, Timings(seconds), images)


def test_training_is_compared_image_by_image():
    row = trained(
        "a set", 300, {"plain fit": [9.0, 2.0, 1.0], "epoch": [12.0, 12.0, 1.0], "once": [4, 3, 5]}
    )
    assert row.speeds == {"plain fit": 50.0, "epoch": 25.0}
    assert row.times_fit == 2.0 and row.made_once == 2.0
    assert row.efficiency is None and not row.missed
    table = training.as_markdown([row], repeats=3)
    assert "| rit_cnn, a set | 25 | 50 | 2.00 | 2.00 | - |" in table


@pytest.mark.parametrize("seconds, missed", [(1.9, False), (1.7, True)])
def test_efficiency_of_fit(seconds, missed):
    times = {"plain fit": [2.0] * 3, "epoch": [seconds] * 3}
    row = trained(training_works.BARE, 100, times, goal=0.9)
    assert row.efficiency == pytest.approx(seconds / 2)
    assert row.missed == missed
    assert (", missed" in training.as_markdown([row], 3)) == missed


@pytest.mark.slow
def test_a_quick_run_of_trainings(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "RESULTS", tmp_path / "results")
    paths = ["--json", str(tmp_path / "t.json"), "--table", str(tmp_path / "t.md")]
    done = CliRunner().invoke(training.app, ["--quick", "--only", "rit_cnn, soft*", *paths])
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "t.json").read_text())
    assert "benchmarks.training" in written["command"]
    [row] = written["rows"]
    assert row["images"] == {"plain fit": 32, "epoch": 32}
    assert {part: len(each) for part, each in row["seconds"].items()} == {
        "plain fit": 3,
        "epoch": 3,
        "once": 3,
    }
    assert f"| {row['name']} | " in (tmp_path / "t.md").read_text()
    assert not (tmp_path / "results").exists()  # a part does not replace the whole


@pytest.mark.slow
@pytest.mark.parametrize("row", training_works.ROWS[:8], ids=lambda row: row.work)
def test_every_work_trains(row, monkeypatch):
    build, networks = training_works.Setting.build, []

    def remembered(on, seed=0):
        networks.append(build(on, seed))
        return networks[-1]

    monkeypatch.setattr(training_works.Setting, "build", remembered)
    work = row.make(training_works.setting("rit_cnn", 16))
    if work.once is not None:
        work.once()
    before = [network.get_weights() for network in networks]
    work.epoch()
    moved = [
        any(not np.array_equal(*pair) for pair in zip(old, network.get_weights()))
        for old, network in zip(before, networks)
    ]
    assert moved.count(True) == 1  # the one that is trained, never a teacher
    assert work.images >= 16


def test_a_training_that_is_not_there():
    done = CliRunner().invoke(training.app, ["--only", "nothing*"])
    assert done.exit_code == 2
    message = " ".join(done.output.replace("│", " ").split())
    assert "--only is 'nothing*'; accepted: a pattern that matches one of" in message


def test_an_epoch_on_a_static_set_is_of_all_its_images():
    on = training_works.setting("rit_cnn", 16)
    assert on.images.shape == (16, 28, 28, 1) and on.labels.shape == (16, 10)
    assert training_works.fgsm_set(on).images == 64
