"""The RIT study: what is read off curves, its arms, and a tiny run of it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import data
from evaluation import Curve, NotRun
from harness.claims import judged
from harness.collect import collect
from harness.plan import plan, plan_of
from harness.reductions import reductions
from harness.results import Results
from harness.rule import Ruling, within
from harness.runner import Runner
from harness.store import Store
from harness.study import Scope
from recording import Recorder
from reports import build_report
from reports.compare import Status
from reports.verdicts import run_in
from studies import STUDIES
from studies.rit_mnist import arms as rit_mnist
from studies.rit_mnist.curves import (
    area_gain,
    constant_from,
    crossing,
    entropy,
    largest_step,
    median_limit,
)
from studies.rit_mnist.measures import MEETINGS
from studies.rit_mnist.profiles import PROFILES
from studies.rit_mnist.published import baseline_under_fgsm, link, training_losses

STUDY = STUDIES["rit_mnist"]
PUBLISHED = STUDY.published
PAPER, LAPTOP, DEMO = (PROFILES[name] for name in ("paper", "laptop", "demo"))
ROLES = tuple(rit_mnist.NETWORKS)
LEVELS = np.array([0.0, *rit_mnist.EPSILONS])


def falling(accuracies, epsilons=LEVELS, images: int = 1000) -> Curve:
    """One seed; at each epsilon so large a share of the images, the first ones, is correct."""
    counts = np.round(np.array(accuracies) * images)
    epsilons = np.array(epsilons)
    return Curve(epsilons, 255 * epsilons, (np.arange(images) < counts[:, None])[:, None])


def ends(estimate):
    return estimate.value, estimate.low, estimate.high


def test_curves_meet_where_lines_between_the_grid_do():
    epsilons = [0.0, 0.1, 0.2, 0.3]
    first = falling([0.90, 0.80, 0.50, 0.10], epsilons)
    second = falling([0.95, 0.70, 0.40, 0.40], epsilons)
    # Above by 0.1 at 0.2, below by 0.3 at 0.3: a quarter of the way.
    upper = crossing(first, second)
    assert upper.value == pytest.approx(0.225)
    assert 0.2 < upper.low < 0.225 < upper.high < 0.25
    # Below by 0.05 at 0, above by 0.1 at 0.1: from a third of the way on.
    assert crossing(second, first).value == pytest.approx(0.1 / 3)
    apart = crossing(falling([0.1] * 4, epsilons), first)
    assert np.isnan(apart.value) and apart.short() == "nowhere"
    # That both have come to nothing is no crossing.
    spent = crossing(falling([0.9, 0.8, 0.0, 0.0], epsilons), falling([0.8, 0.2, 0, 0], epsilons))
    assert np.isnan(spent.value) and within(spent, 0.1, 0.3).ruling == Ruling.REFUTED
    assert within(apart, -9.9, 10.1).ruling == Ruling.REFUTED
    ranges = ((0.12, 0.32), (0.4, 0.6), (0.225, 0.295))
    rulings = [within(upper, *each).ruling for each in ranges]
    assert rulings == [Ruling.CONFIRMED, Ruling.REFUTED, Ruling.UNDECIDED]


def test_areas_and_limits_by_hand():
    epsilons = [0.0, 0.1, 0.3, 0.9]
    first = falling([1.0, 1.0, 0.5, 0.0], epsilons)
    second = falling([1.0, 0.0, 0.0, 0.0], epsilons)
    # (0.1 + 0.2 x 0.75 - 0.1 x 0.5) / 0.3; what lies beyond 0.3 does not count.
    assert area_gain(first, second).value == pytest.approx(0.2 / 0.3)
    assert area_gain(first, first).sign == 0
    # Between epsilons the curves are straight: 0.875 and 0 at 0.15, 0.25 and 0 at 0.6.
    assert area_gain(first, second, up_to=0.15).value == pytest.approx(
        (0.05 + 0.05 * 0.9375) / 0.15
    )
    assert area_gain(first, second, up_to=0.6).value == pytest.approx((0.2 + 0.3 * 0.375) / 0.6)
    # And from 0.15 on to 0.6, without the first of these.
    beyond = (0.2 + 0.3 * 0.375 - 0.05 - 0.05 * 0.9375) / 0.45
    assert area_gain(first, second, up_to=0.6, start=0.15).value == pytest.approx(beyond)
    with pytest.raises(NotRun, match="up_to is 1; accepted: up to 0.9"):
        area_gain(first, second, up_to=1)
    assert median_limit(falling([1.0, 0.8, 0.4, 0.3], epsilons)).value == 0.1
    # An image that is wrong once and right again is not held beyond.
    again = falling([1.0, 0.2, 1.0, 1.0], epsilons)
    assert ends(median_limit(again)) == (0.0, 0.0, 0.0)
    assert entropy(np.array([[5, 5, 0, 0], [9, 0, 0, 0], [1, 1, 1, 1]])).tolist() == [1, 0, 2]


def as_published() -> np.ndarray:
    """99 % without attack, 79 % at 0.1, 24 % at 0.2, 10 % from 0.4 on."""
    return np.interp(LEVELS, [0, 0.1, 0.2, 0.4, 0.9], [0.99, 0.79, 0.24, 0.1, 0.1])


def test_steps_and_plateaus():
    curve = falling(as_published())
    assert ends(largest_step(curve)) == (0.2, 0.2, 0.2)
    assert constant_from(curve).value == pytest.approx(0.4)
    assert np.isnan(constant_from(falling(1 - LEVELS)).value)


def test_every_row_is_linked():
    kinds = PUBLISHED.apply(lambda row: link(row).kind, axis=1)
    assert kinds.value_counts().to_dict() == {
        "setting": 46,
        "no counterpart": 2,
        **dict.fromkeys(MEETINGS, 1),
        "median limit": 3,
        "clean accuracy": 2,
        "accuracy under attack": 2,
        "first loss": 2,
        "last loss": 2,
        **dict.fromkeys(("largest step", "constant from"), 3),
        **dict.fromkeys(("plateau", "wrong class", "wrong class beyond", "first error"), 1),
    }
    differing = [
        (row["metric"], link(row))
        for _, row in PUBLISHED[kinds == "setting"].iterrows()
        if not np.isclose(link(row).setting, float(row["value"]))
    ]
    assert {metric for metric, _ in differing} == {
        "images per training epsilon",
        "combined training images",
    }
    assert all(tied.remark for _, tied in differing)
    for tied in PUBLISHED.apply(link, axis=1):
        assert not tied.is_measured or tied.kind in MEETINGS or tied.role in ROLES
    unknown = PUBLISHED.iloc[0].copy()
    unknown["measures"] = "something else"
    with pytest.raises(ValueError, match="something else"):
        link(unknown)


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arms_are_all_there_once(profile):
    arms = rit_mnist.arms(profile)
    assert max(Counter(arm.key for arm in arms).values()) == 1
    seen = {(arm.protocol, arm.training.role, arm.attack_name) for arm in arms}
    roles = [role for role in ROLES if role in profile.cases[rit_mnist.CASE].roles]
    assert len(roles) == (5 if profile == DEMO else 7)
    for role in roles:
        assert ("corrected", role, "FGSM") in seen and ("corrected", role, "PGD") in seen
        assert (("corrected", role, "PGD, from undefended") in seen) == (role != "undefended")
        for attack in ("FGSM", "PGD"):
            published = role in rit_mnist.PUBLISHED_ROLES
            assert (("faithful", role, attack) in seen) == published
    assert (("corrected", "on_the_fly", "AutoAttack") in seen) == (profile != DEMO)
    for arm in arms:
        if arm.attack_name == "FGSM":
            assert arm.images is None and arm.epsilons == rit_mnist.EPSILONS
            assert arm.strip_of == (rit_mnist.PICTURED if arm.training.role in ROLES else None)


def test_the_networks_are_those_of_the_post():
    by_role = {role: rit_mnist.training(PAPER, role) for role in ROLES}
    baseline = by_role["undefended"]
    assert baseline.sources == {} and baseline.defense is None
    for attack in ("fgsm", "pgd"):
        retrained, untrained = by_role[f"{attack}_retrained"], by_role[f"{attack}_untrained"]
        assert retrained.warm_up == retrained.crafted_on == untrained.crafted_on == baseline
        assert untrained.warm_up is None
        assert retrained.defense == untrained.defense
        assert retrained.defense.epsilons == (0.05, 0.1, 0.2, 0.25, 0.3)
        assert retrained.recipe == baseline.recipe
    # As many updates as an epoch of six times the images has.
    control = by_role["control"]
    assert control.recipe == replace(baseline.recipe, epochs=300) and control.warm_up == baseline
    on_the_fly = by_role["on_the_fly"].defense
    assert (on_the_fly.epsilon, on_the_fly.step_size) == (0.3, 0.12)
    assert all(training.recipe.keep == "last" for training in by_role.values())


def test_the_demo_trains_for_less_and_its_static_sets_for_fewer_epochs():
    robust = rit_mnist.training(DEMO, "on_the_fly").defense
    assert robust.epsilon == 0.2 and robust.step_size == 0.08
    changed = reductions(STUDY, DEMO, plan(STUDY, DEMO))
    assert "rit_cnn/mnist (on_the_fly): epsilon of PGD training 0.2 instead of 0.3" in changed
    epochs = {role: rit_mnist.training(DEMO, role).recipe.epochs for role in ROLES}
    # The control has as many updates as an epoch of six times the images.
    assert epochs["control"] == 6 * epochs["fgsm_retrained"]
    assert epochs["fgsm_retrained"] < epochs["undefended"]


def reported(tmp_path, cases=DEMO.cases, pattern="*"):
    """A run of digits with few updates and its report; the networks are hardly trained."""
    scale = replace(
        DEMO.scales[rit_mnist.CASE.model],
        width=1 / 16,
        epochs=1,
        images=64,
        validation_images=60,
        attack_images={"faithful": 12, "corrected": 6, "AutoAttack": 2},
    )
    profile = replace(DEMO, scales={rit_mnist.CASE.model: scale}, cases=cases)
    todo = plan(STUDY, profile, pattern)
    runner, recorder = Runner(Store(tmp_path / "runs")), Recorder()
    runner.run(todo, recorder)
    directory = tmp_path / "results"
    collect(STUDY, profile, runner, todo).save(directory)
    page = build_report(STUDY, directory)
    for picture in page.read_text().split('src="')[1:]:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000
    return directory, recorder, todo


@pytest.mark.slow
def test_a_report_of_some_networks(tmp_path):
    some = {rit_mnist.CASE: Scope(roles=("undefended", "fgsm_retrained"))}
    directory, recorder, todo = reported(tmp_path, some, "*/FGSM/*")
    # FGSM is the same in both protocols, and computed once.
    assert len(todo.arms) == 4 and len(recorder.ran) == 2 + 2 and len(recorder.there) == 2
    text = (directory / "report.md").read_text()
    assert "give the label away" not in text and "wider network" not in text
    comparison = pd.read_csv(directory / "comparison.csv")
    assert len(comparison) == len(PUBLISHED)
    assert set(comparison["status"]) == {
        Status.OTHER_DATA,
        Status.NOT_RUN,
        Status.SETTING,
        Status.CHANGED,
        Status.NO_COUNTERPART,
    }

    results = Results.load(directory, rit_mnist.COMPARED)
    kept = results.examples[todo.arms[0].key]
    digits = data.load("digits")
    of_class = np.flatnonzero(digits.y_test == rit_mnist.PICTURED)
    right = of_class[results.correct[todo.arms[0].key][0][of_class]]
    first = digits.x_test[[*right, *of_class][0]]  # right without attack, if any is
    np.testing.assert_array_equal(kept["strip"][0], np.round(first * 255))
    moved = np.abs(kept["strip"].astype(int) - kept["strip"][0]).max(axis=(1, 2, 3))
    np.testing.assert_allclose(moved, 255 * LEVELS, atol=1)
    counts = kept["confusion"]
    assert (counts.sum(axis=2) == np.bincount(digits.y_test)).all()
    table = results.table[results.table["arm"] == todo.arms[0].key]
    assert np.trace(counts[0]) == table["correct"].iloc[0]


def test_a_strip_of_a_class_that_is_not_attacked_is_refused(tmp_path):
    todo = plan(STUDY, DEMO, "*faithful/none/logits/FGSM*")
    (arm,) = todo.arms
    untrained = replace(arm.training.recipe, epochs=0, warm_up=0)
    arm = replace(arm, strip_of=11, training=replace(arm.training, recipe=untrained))
    runner = Runner(Store(tmp_path))
    with pytest.raises(ValueError, match="strip_of is 11 in .*; accepted: a class of the images"):
        runner.run(plan_of([arm], "*"), Recorder())


# What is hardly trained may have no gradient, which AutoAttack says.
@pytest.mark.filterwarnings("ignore:the gradient of the loss:RuntimeWarning")
@pytest.mark.slow
def test_a_report_of_all_networks(tmp_path):
    roles = (*ROLES, "on_the_fly_quarter", rit_mnist.OF_PREDICTIONS)
    directory, recorder, todo = reported(tmp_path, {rit_mnist.CASE: Scope(roles)})
    assert len(recorder.ran) + len(recorder.there) == len(todo.trainings) + len(todo.arms)
    text = (directory / "report.md").read_text()
    assert "The label leaks in" in text and "From the narrowest to the widest" in text
    assert "None here." not in text.split("## A network that holds")[1].split("## Flags")[0]
    # Everything was run, on other images than MNIST's.
    verdicts = judged(STUDY.claims, [run_in(STUDY, directory)])
    assert {verdict.outcome for verdict in verdicts} == {"no verdict"}


def test_the_curve_and_losses_that_the_post_prints():
    curve = baseline_under_fgsm()
    assert curve == {0: 99, 0.1: 79, 0.2: 24, **dict.fromkeys((0.5, 0.6, 0.7, 0.8, 0.9), 10)}
    assert training_losses("fgsm_retrained") == {1: 0.203, 50: 0.002}
