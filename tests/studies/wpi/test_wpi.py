"""The WPI study: its settings, its arms, its scores, and a tiny run of some arms."""

import shutil
from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
import pytest
from wpi_made import ALL_ATTACKS, joined, made, of

from evaluation import Estimate, NotRun, average, busy, macro_f1
from evaluation.busy import NotTimed
from harness.arms import TRANSFERRED, Case, Protocol
from harness.collect import collect
from harness.plan import plan_of
from harness.results import Results
from harness.runner import Runner
from harness.store import Store
from recording import Recorder
from reports import build_report
from studies import STUDIES
from studies.wpi import arms, attacks, defenses, profiles, report
from studies.wpi.details import fooled
from studies.wpi.measures import measure
from studies.wpi.profiles import MNIST
from studies.wpi.published import link
from studies.wpi.scores import Place, Predictions

STUDY = STUDIES["wpi"]
PUBLISHED = STUDY.published
PAPER, LAPTOP, DEMO = (profiles.PROFILES[name] for name in ("paper", "laptop", "demo"))


def training(profile, protocol, dataset, role):
    return arms.Run(profile, Case("wpi_cnn", dataset), Protocol(protocol)).training(role)


def test_every_row_is_linked():
    tied = [link(row) for _, row in PUBLISHED.iterrows()]
    assert Counter(each.kind for each in tied) == {
        "time ratio": 75,
        "F1 score": 14,
        "setting": 20,
        "confidence gap": 1,
        "accuracy under attack": 1,
        "no counterpart": 2,
        "background": 1,
    }
    assert all(each.remark for each in tied if each.kind in ("no counterpart", "time ratio"))
    unknown = PUBLISHED.iloc[0].copy()
    unknown["measures"] = "something else"
    with pytest.raises(ValueError, match="something else"):
        link(unknown)


def test_settings_are_those_printed_but_for_the_largest_c():
    differing = [
        row["metric"]
        for _, row in PUBLISHED.iterrows()
        if link(row).kind == "setting" and not np.isclose(link(row).setting, float(row["value"]))
    ]
    assert differing == ["CW constant c: search maximum"]


def test_remarks_on_settings_have_the_numbers_of_the_paper_profile():
    remarks = {row["metric"]: link(row).remark for _, row in PUBLISHED.iterrows()}
    runs = PAPER.cw["corrected"].search_steps
    assert f"what {runs} runs reach" in remarks["CW constant c: search maximum"]
    scales = (
        f"{defenses.SEEN_NOISE.scale:g} on the gradient seen, "
        f"{defenses.UPDATE_NOISE.scale:g} on the weights' updates"
    )
    assert scales in remarks["gradient noise variance"]


def test_published_ratios_are_those_of_the_printed_times():
    times = PUBLISHED[PUBLISHED["metric"] == "prediction time"].set_index(
        ["dataset", "defense", "attack"]
    )
    value = times["value"].astype(float)
    for (dataset, defense, attack), row in times.iterrows():
        if defense != "none":
            expected = value[dataset, defense, attack] / value[dataset, "none", attack]
        elif attack != "none":
            expected = value[dataset, "none", attack] / value[dataset, "none", "none"]
        else:
            expected = value[dataset, "none", "none"] / value["MNIST", "none", "none"]
        row = row.copy()
        row["dataset"], row["defense"], row["attack"] = dataset, defense, attack
        tied = link(row.rename(None))
        assert tied.ratio == pytest.approx(expected)
        # The note beside the time has the same ratio, rounded.
        noted = row["note"].partition(" x the undefended time")
        if noted[1]:
            assert float(noted[0]) == pytest.approx(expected, abs=0.006)
        assert f"published {expected:.3g}" in tied.remark


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arms_are_all_there_once(profile):
    planned = arms.arms(profile)
    assert max(Counter(arm.key for arm in planned).values()) == 1
    seen = {(arm.case, arm.protocol, arm.defense, arm.attack_name) for arm in planned}
    for case in profile.cases:
        for attack in attacks.ATTACKS:
            moved = TRANSFERRED.format(attack)
            for defense in profile.defenses:
                if defense in defenses.FAITHFUL and "faithful" in profile.cases[case].protocols:
                    # WPI-A10: the blur from the plain network.
                    how = moved if defense == defenses.SMOOTHED else attack
                    assert (case, "faithful", defense.in_results, how) in seen
                assert (case, "corrected", defense.in_results, attack) in seen
                # WPI-A10: both ways, for every defense.
                missing = (case, "corrected", defense.in_results, moved) not in seen
                assert missing == (defense == defenses.NONE)
    for arm in planned:
        assert (arm.crafted_on is not None) == ("from undefended" in arm.attack_name)
        assert arm.crafted_on is None or arm.crafted_on.role == "undefended"
        assert (arm.view == "logits / T") <= hasattr(arm.attack, "temperature")


def test_defenses_are_called_what_arms_call_them():
    labels = {arm.defense for arm in arms.arms(LAPTOP) if arm.variant == "main"}
    assert labels == {defense.in_results for defense in defenses.DEFENSES}


def test_an_arm_pattern_takes_one_data_set():
    keys = [arm.key for arm in arms.arms(LAPTOP)]
    assert sum(key.startswith(str(MNIST)) for key in keys) * 3 == len(keys)


def test_the_networks_are_those_of_the_recipe():
    plain = training(PAPER, "faithful", "gtsrb", "undefended")
    assert plain.split == "random-64-16-20"
    assert (plain.recipe.epochs, plain.recipe.keep) == (20, "lowest loss")
    trained = training(PAPER, "corrected", "gtsrb", "all four")
    assert trained.split == "held-out"
    assert trained.recipe.epochs == 5 and trained.warm_up.recipe.epochs == 20
    assert len(trained.defense.attacks) == 4
    without = training(PAPER, "corrected", "gtsrb", f"all but {attacks.CW}")
    kinds = [type(attack).__name__ for attack, _ in without.defense.attacks]
    assert kinds == ["MomentumIterative", "DeepFool", "PixelSwap"]
    student = training(PAPER, "faithful", "mnist", "student")
    assert student.temperature == student.teacher.temperature == defenses.TEMPERATURE
    assert student.recipe == plain.recipe and student.teacher.role == "teacher"
    # Tracks of GTSRB stay together also on a laptop.
    laptop = training(LAPTOP, "corrected", "gtsrb", "all four")
    assert laptop.split == "held-out" and laptop.images is None


@pytest.mark.parametrize(
    ("protocol", "attack", "expected"),
    [
        ("faithful", attacks.IFGSM, 0.3),
        ("faithful", attacks.CW, np.inf),
        ("corrected", attacks.IFGSM, 0.3),
        ("corrected", attacks.CW, 2.0),
        ("corrected", attacks.SWAP, np.inf),
    ],
)
def test_where_attacks_are_judged(protocol, attack, expected):
    assert attacks.budget(protocol, "mnist", attack) == expected
    assert expected in attacks.epsilons(protocol, "mnist", attack)


def test_the_printed_cw_goes_to_the_most_likely_wrong_class():
    """Logits are sums over the three parts of an image; the second part is the runner-up."""
    inputs = keras.Input((2, 3, 1))
    parts = keras.layers.Flatten()(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, use_bias=False)(parts))
    network.set_weights([np.tile(np.eye(3, dtype=np.float32), (2, 1))])
    images = np.tile(np.float32([[[0.8], [0.6], [0.1]]]), (2, 2, 1, 1))
    attack = attacks.TowardsRival(search_steps=4, steps=40, learning_rate=0.1, initial_c=1.0)
    found = attack.sweep(network, images, np.array([0, 2]), epsilons=[np.inf])[0]
    assert found.logits.argmax(axis=1).tolist() == [1, 0]
    # The second image is wrong as it is, so its rival is reached.
    np.testing.assert_array_equal(found.images[1], images[1])
    assert found.distances["l2"][0] == pytest.approx(0.2, abs=0.02)


def test_scores_are_macro_f1_with_paired_intervals():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    good = np.where(random.random(300) < 0.9, labels, (labels + 1) % 4)[np.newaxis]
    worse = np.where(np.arange(300) < 15, (labels + 2) % 4, good)
    first, second = Predictions(labels, good), Predictions(labels, worse)
    score, other = first.f1, second.f1
    assert score.value == pytest.approx(macro_f1(labels, good[0], 4))
    assert score.low < score.value < score.high
    assert (score - other).sign == 1 and (other - score).sign == -1
    assert (score - score).sign == 0
    # Paired: what the two have in common does not widen the interval of their difference.
    unpaired = np.hypot(score.high - score.low, other.high - other.low)
    assert (score - other).high - (score - other).low < 0.9 * unpaired
    assert first.accuracy.value == pytest.approx(np.mean(good == labels))
    both = average([score, other])
    assert both.value == pytest.approx((score.value + other.value) / 2)


def test_a_ratio_to_nothing_has_an_end_that_is_infinite():
    some, none = (
        Estimate.of_draws(value, np.array(draws), 3)
        for value, draws in ((0.2, [0.1, 0.2, 0.0, 0.3]), (0.1, [0.1, 0.0, 0.0, 0.1]))
    )
    ratio = some / none
    assert (ratio.value, ratio.low, ratio.high) == (2.0, 1.0, np.inf)
    nothing = Estimate.of_draws(0.0, np.zeros(4), 3)
    assert np.isnan((nothing / nothing).low)


def test_of_two_ways_the_one_that_succeeds_counts():
    moved = TRANSFERRED.format(attacks.CW)
    results = made({(defenses.SMOOTHED, attacks.CW): 100, (defenses.SMOOTHED, moved): 300})
    compared = Place(results, MNIST, Protocol.CORRECTED).compared(defenses.SMOOTHED, attacks.CW)
    np.testing.assert_array_equal(compared.correct[0], np.arange(400) < 100)
    turned = made({(defenses.SMOOTHED, attacks.CW): 300, (defenses.SMOOTHED, moved): 100})
    other = Place(turned, MNIST, Protocol.CORRECTED).compared(defenses.SMOOTHED, attacks.CW)
    np.testing.assert_array_equal(other.correct, compared.correct)
    tied = link(PUBLISHED[(PUBLISHED["table"] == "Table 7")].iloc[0])
    tied = replace(tied, role=defenses.SMOOTHED.name)
    assert measure(results, tied, Protocol.CORRECTED).value == pytest.approx(
        macro_f1(compared.labels, compared.predicted[0], 10)
    )
    with pytest.raises(NotRun):
        measure(results, tied, Protocol.FAITHFUL)


def test_times_of_crafting_are_per_epsilon_and_of_a_quiet_machine():
    place = Place(made(ALL_ATTACKS, busy=[attacks.CW]), MNIST, Protocol.CORRECTED)
    # Per epsilon where every epsilon is a run of its own.
    assert place.crafting_seconds(defenses.NONE, attacks.IFGSM) == pytest.approx(0.01)
    assert place.crafting_seconds(defenses.NONE, attacks.SWAP) == pytest.approx(0.04)
    with pytest.raises(NotTimed, match="at most 5% of the processors"):
        place.crafting_seconds(defenses.NONE, attacks.CW)


def test_the_picture_of_accuracies_shows_the_unseen_attack_where_it_was_run():
    for protocol, also in ((Protocol.FAITHFUL, False), (Protocol.CORRECTED, True)):
        results = made(of(defenses.NONE, *[40] * (4 + also), also=also), protocol)
        (name, shown), *others = report._accuracies(Place(results, MNIST, protocol)).items()
        assert (name, others) == ("no defense", [])
        assert list(shown) == ["none", *attacks.ATTACKS, *["PGD"] * also]


def test_outputs_that_are_no_numbers_are_neither_right_nor_turned():
    kept = made({(defenses.NONE, attacks.CW): 10}, images=20).details.popitem()[1]
    assert fooled(kept).sum() == 10
    kept["predictions"][-1, 15:] = -1
    assert fooled(kept).sum() == 5
    f1 = Predictions(kept["labels"], kept["predictions"][-1:]).f1.value
    assert f1 == pytest.approx(macro_f1(kept["labels"], kept["predictions"][-1], 10))


def test_the_report_finds_the_arms_of_left_out_attacks():
    """Their defense is called what arms call it."""
    only = replace(PAPER, cases={MNIST: PAPER.cases[MNIST]})
    called = {arm.defense: arm.attack_name for arm in arms.arms(only) if arm.variant == "WPI-A1"}
    lacking = {name: defenses.left_out(name) for name in attacks.ATTACKS}
    assert called == {defense.in_results: name for name, defense in lacking.items()}
    parts = [made(ALL_ATTACKS), made(of(defenses.ADVERSARIAL, *[100] * 4))]
    parts += [made({(each, name): 50}, variant="WPI-A1") for name, each in lacking.items()]
    shown = report._table(joined(*parts), report._left_out, attack=attacks.ATTACKS)
    assert list(shown["attack"]) == list(attacks.ATTACKS)
    assert (shown["F1, trained on all four"] != shown["F1, trained on the other three"]).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Some arms with few updates and images; the networks are hardly trained."""
    scale = replace(
        DEMO.scales["mnist"],
        width=1 / 16,
        epochs=2,
        images=160,
        validation_images=60,
        attack_images={"faithful": 20, "corrected": 12},
    )
    images = {"mnist": 32}
    profile = replace(DEMO, scales={"mnist": scale}, adversarial_training_images=images)
    profile = replace(profile, cases={MNIST: PAPER.cases[MNIST]})
    blur, trained = (each.in_results for each in (defenses.SMOOTHED, defenses.ADVERSARIAL))
    chosen = [
        arm
        for arm in arms.arms(profile)
        if (arm.protocol, arm.defense, arm.variant) == ("faithful", "none", "main")
        or (arm.protocol, arm.defense) == ("corrected", blur)
        and attacks.IFGSM in arm.attack_name
        or (arm.protocol, arm.defense, arm.attack_name) == ("faithful", trained, attacks.IFGSM)
        or (arm.protocol, arm.defense, arm.attack_name) == ("corrected", "none", attacks.IFGSM)
        and arm.variant in ("main", arms.TARGETED)
        or arm.variant == arms.SQUEEZING
    ]
    todo = plan_of(chosen, "*")
    runner = Runner(Store(tmp_path_factory.mktemp("runs")))
    runner.run(todo, Recorder())
    directory = tmp_path_factory.mktemp("results")
    collect(STUDY, profile, runner, todo).save(directory)
    return directory, build_report(STUDY, directory), todo


@pytest.mark.slow
def test_the_report_shows_what_was_run(run):
    directory, page, todo = run
    assert len(todo.arms) == 4 + 2 + 1 + 2 + 2
    comparison = pd.read_csv(directory / "comparison.csv")
    assert len(comparison) == len(PUBLISHED)
    scores = comparison[
        (comparison["kind"] == "F1 score") & comparison["status"].str.startswith("measured")
    ]
    assert list(scores["attack"]) == ["IFGSM", "DeepFool", "CW", "Iterative pixel swap"]
    text = (directory / "report.md").read_text()
    assert "through the blur is" in text and "digits in place of mnist" in text
    for heading in ("## Towards a chosen class", "## Feature squeezing, a newer filter"):
        assert heading in text
    assert "through the squeezing and" in text
    pictures = page.read_text().split('src="')[1:]
    assert {"map-mnist", "accuracies", "loss-mnist"} <= {
        picture.split('"')[0].removeprefix("figures/").removesuffix(".png") for picture in pictures
    }
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


@pytest.mark.slow
def test_the_report_says_where_no_time_is_of_a_quiet_machine(run, tmp_path):
    directory = shutil.copytree(run[0], tmp_path / "busy")
    with patch.object(busy, "MOST", -1.0):
        build_report(STUDY, directory)
    text = (directory / "report.md").read_text()
    assert "No time of this run is known to be undisturbed" in text
    assert "Nothing was run for this table." not in text.split("## Times as ratios")[1]


@pytest.mark.slow
def test_what_is_kept_of_every_image_is_what_the_table_counts(run):
    results = Results.load(run[0], arms.COMPARED)
    assert set(results.details) == set(results.correct)
    for arm, kept in results.details.items():
        correct = kept["predictions"] == kept["labels"]
        np.testing.assert_array_equal(correct, results.correct[arm])
        rows = results.table[results.table["arm"] == arm]
        for row, predictions in zip(rows.itertuples(), kept["predictions"], strict=True):
            score = Predictions(kept["labels"], predictions[np.newaxis]).f1
            assert row.macro_f1 == pytest.approx(score.value, abs=1e-5)
        assert kept["l2"].mean() == pytest.approx(rows["mean_l2"].iloc[-1], rel=1e-3, abs=1e-5)
        assert (kept["gap"] >= 0).all() and (kept["gap"] <= 1).all()
    pictured = [kept for kept in results.details.values() if "picture" in kept]
    assert len(pictured) == 5 and all(kept["label"] == arms.PICTURED for kept in pictured)
    assert all(np.allclose(kept["probabilities"].sum(axis=1), 1) for kept in pictured)


def pictured(right: bool):
    """Results under the study's attacks with one image of a seven, taken for a seven or not."""
    results = made(ALL_ATTACKS, Protocol.FAITHFUL)
    likely = np.where(np.arange(10) == (7 if right else 5), 0.91, 0.01)
    turned = np.where(np.arange(10) == 9, 0.91, 0.01)
    for arm, kept in results.details.items():
        after = likely if attacks.CW in arm else turned
        images = {name: np.full((4, 4, 1), level) for name, level in _LEVELS.items()}
        kept |= images | {"label": np.array(7), "probabilities": np.stack([likely, after])}
    return Place(results, MNIST, Protocol.FAITHFUL)


_LEVELS = {"picture": 0.25, "adversarial": 0.5}


def test_an_image_that_is_wrong_without_attack_is_not_shown():
    with pytest.raises(NotRun, match="an image of class 7 that is right without attack"):
        report._confidences(pictured(right=False))


def test_a_picture_says_which_attack_did_not_turn_it():
    titles = [shown.title for shown in report._confidences(pictured(right=True))]
    assert titles[0] == "clean, faithful" and titles[1] == "IFGSM, faithful"
    assert [title for title in titles if "not turned" in title] == ["CW, faithful, not turned"]
