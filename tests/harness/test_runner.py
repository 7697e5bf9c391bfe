"""A study run end to end at the smallest size: stages, resumption, results, report."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from attacks import PGD, random_targets
from evaluation.diagnostics import flags, not_recorded
from harness.collect import collect
from harness.machine import commit
from harness.plan import plan, plan_of
from harness.results import Results
from harness.runner import Runner
from harness.store import Store
from made import PLACE, small_arm
from recording import Recorder
from reports import build_report
from studies.run import run_study


def test_every_stage_runs_once_and_a_second_run_does_nothing(finished):
    root, todo, _, recorder = finished
    assert len(recorder.ran) == recorder.stages == len(todo.trainings) + len(todo.arms)
    again = Recorder()
    Runner(Store(root)).run(todo, again)
    assert not again.ran and len(again.there) == recorder.stages
    assert not list(root.glob("*.partial"))


def test_results_hold_every_arm_and_image(finished, study, tiny_profile, tmp_path):
    _, todo, runner, _ = finished
    results = collect(study, tiny_profile, runner, todo)
    assert set(results.table["arm"]) == {arm.key for arm in todo.arms}
    assert len(results.table) == sum(1 + len(arm.epsilons) for arm in todo.arms)
    for arm, rows in results.table.groupby("arm"):
        # The table is the per-image outcomes, counted.
        assert (results.correct[arm].sum(axis=1) == rows["correct"]).all()
        assert (rows["ci_low"] <= rows["accuracy"]).all()
        assert (rows["accuracy"] <= rows["ci_high"]).all()

    results.save(tmp_path)
    loaded = Results.load(tmp_path, study.compared)
    pd.testing.assert_frame_equal(loaded.table, results.table, check_dtype=False, rtol=1e-5)
    assert loaded.run == results.run


def test_the_plateau_is_the_same_images(finished):
    _, todo, runner, _ = finished
    for arm in todo.arms:
        if arm.attack_name == "PGD":
            outcomes = runner.outcomes(arm)
            from_04 = outcomes.epsilons * 255 > 0.35
            assert (np.ptp(outcomes.examples[from_04], axis=0) < 1e-6).all()
            assert (outcomes.linf[from_04].max(axis=0) * 255 < 0.4 + 1e-3).all()


def said_of(table: pd.DataFrame, correct) -> pd.Series:
    """The flags of every row as one text."""
    marked = flags(table, correct, PLACE)
    texts = ["; ".join(flag.text for flag in marked.get(index, [])) for index in table.index]
    return pd.Series(texts, table.index)


def test_flags_say_what_is_wrong_with_a_row(finished, study, tiny_profile):
    _, todo, runner, _ = finished
    results = collect(study, tiny_profile, runner, todo)
    table = results.table
    assert "flags" not in table and (table["climbs"] == "cross-entropy").all()
    assert not_recorded(table) == {}
    said = said_of(table, results.correct)
    pgd = (table["attack"] == "PGD") & (table["epsilon_grey"] > 0.45)
    assert said[pgd].str.contains("all steps together reach").all()
    outside = table["out_of_range"] > 0  # black pixels of digits, moved without clipping
    assert outside.any() and said[outside].str.contains("leave").all()
    # Hardly trained, it may well be at chance; nothing else is said without attack.
    assert said[table["epsilon"] == 0].str.fullmatch("(right on .* no better than guessing)?").all()


def test_an_attack_towards_a_class_keeps_the_class_and_whether_it_was_reached(tmp_path):
    usual = small_arm(epsilons=(0.1, 1.0), attack=PGD(steps=5, stop_at_success=True))
    towards = replace(usual, variant="targeted", random_targets=True)
    runner, todo = Runner(Store(tmp_path)), plan_of([usual, towards], "*")
    runner.run(todo, _Quiet())
    outcomes, table = runner.outcomes(towards), runner.outcomes(towards).table()
    np.testing.assert_array_equal(outcomes.targets, random_targets(outcomes.labels, 10))
    assert runner.outcomes(usual).targets is None
    reached = (outcomes.predictions == outcomes.targets).mean(axis=1)
    np.testing.assert_allclose(table["target_rate"].iloc[1:], reached)
    # It goes there: a target is reached more often than an untargeted attack ends there.
    chance = (runner.outcomes(usual).predictions == outcomes.targets).mean(axis=1)
    assert reached[1] > 0.5 > chance[1]


@pytest.mark.slow
def test_some_arms_now_and_some_later_make_one_report(finished, tiny_study, tmp_path, monkeypatch):
    """A run of some arms neither loses nor hides what earlier runs measured."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *arguments, **options: None)
    root, todo, _, _ = finished
    run = dict(runs=root, directory=tmp_path / "results", progress=Recorder())
    report = run_study("ntu", "demo", arms="*student*", **run)
    assert set(report.results.table["arm"]) == {arm.key for arm in todo.arms}

    elsewhere = dict(run, runs=tmp_path / "runs")
    with pytest.raises(ValueError, match=r"would lose them; accepted: '\*', or another"):
        run_study("ntu", "demo", arms="*none/softmax/FGSM*", **elsewhere)


def test_results_say_when_and_with_which_commit(finished, study, tiny_profile):
    _, todo, runner, _ = finished
    run = collect(study, tiny_profile, runner, todo).run
    assert run["date"] == date.today().isoformat()
    assert run["commit"] == commit() != ""


def test_reductions_name_everything_that_was_reduced(finished, study, tiny_profile):
    _, todo, runner, _ = finished
    run = collect(study, tiny_profile, runner, todo).run
    assert run["as_published"] is False
    said = "\n".join(run["reductions"])
    for part in (
        "cifar10: digits",
        "up-sampling 1 instead of 5",
        "epochs 2 instead of 200",
        "training images 128 instead of all",
        "test images 20 instead of 200",
        "seeds: 1 instead of 3",
        "batch size 64 instead of 128",
        "width",
    ):
        assert part in said


def test_the_report_shows_published_beside_measured(finished, study, tiny_profile, tmp_path):
    _, todo, runner, _ = finished
    results = collect(study, tiny_profile, runner, todo)
    results.table["not_finite"] = 0.0
    results.table.loc[results.table["role"] == "student", "not_finite"] = 0.25
    results.save(tmp_path)
    page = build_report(study, tmp_path)
    text = (tmp_path / "report.md").read_text()
    untrusted = "- vgg16/cifar10, faithful, as_listed student: logits not finite on 25% of the"
    assert text.count(untrusted) == text.count("logits not finite on") - 1 == 1  # and a flag
    assert "Accuracies that cannot be trusted" in text
    comparison = pd.read_csv(tmp_path / "comparison.csv")
    assert len(comparison) == 491
    measured = comparison[comparison["status"].str.startswith("measured")]
    # Tables 5-1 and 5-2 (32 cells), 3 clean accuracies, 6 means, 2 + 1 epsilons, 2 over all cases
    assert set(measured["table"]) >= {"Table 5-1", "Table 5-2", "Section 5.1.1"}
    assert (measured["kind"] == "accuracy under attack").sum() == 32
    cell = measured[(measured["table"] == "Table 5-2") & (measured["attack"] == "PGD")].iloc[-1]
    assert cell["faithful_images"] == 20
    assert f"{cell['faithful']:.1f} [{cell['faithful_low']:.1f}" in text
    for picture in page.read_text().split('src="')[1:]:
        path = tmp_path / picture.split('"')[0]
        assert path.stat().st_size > 5000


class _Quiet(Recorder):
    @contextmanager
    def stage(self, title):
        yield lambda share, text: None


def test_a_missing_data_set_is_found_before_anything_is_computed(study, tiny_profile, tmp_path):
    profile = replace(tiny_profile, datasets={"cifar10": "cifar10"})
    (tmp_path / "data").mkdir()
    recorder = Recorder()
    with pytest.raises(OSError, match="cifar10"):
        Runner(Store(tmp_path / "runs"), tmp_path / "data").run(plan(study, profile), recorder)
    assert not recorder.ran and not (tmp_path / "runs").exists()


def test_data_that_nothing_was_trained_on_are_not_read(finished, tmp_path):
    """Another copy of CIFAR-100 than the original, say, which no arm that was run needs."""
    root, todo, *_ = finished
    for name in ("train", "test", "meta"):
        path = tmp_path / "datasets" / "cifar-100-python" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"another file")
    arm = todo.arms[0]
    elsewhere = replace(arm, training=replace(arm.training, dataset="cifar100"))
    runner = Runner(Store(root), data_dir=tmp_path)
    with pytest.raises(ValueError, match="MD5 sum"):
        runner.fingerprint(elsewhere.training)
    assert runner.finished([*todo.arms, elsewhere]) == todo.arms
