"""The WPI study: its settings, its arms, its scores and verdicts, and a tiny run of some arms."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from evaluation import macro_f1
from recording import Recorder
from reports import build_report
from reports.wpi import measure
from studies import STUDIES, wpi, wpi_outcomes
from studies.results import Results, collect
from studies.runner import Runner, plan_of
from studies.store import Store
from studies.wpi_attacks import TowardsRival
from studies.wpi_claims import claims
from studies.wpi_published import link

STUDY = STUDIES["wpi"]
PUBLISHED = pd.read_csv(STUDY.published, keep_default_na=False, dtype=str)
PAPER, LAPTOP, DEMO = (wpi.PROFILES[name] for name in ("paper", "laptop", "demo"))
MNIST = wpi.CASES[0]


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
    unknown["metric"] = "something else"
    with pytest.raises(ValueError, match="something else"):
        link(unknown)


def test_settings_are_those_printed_but_for_the_largest_c():
    differing = [
        row["metric"]
        for _, row in PUBLISHED.iterrows()
        if link(row).kind == "setting" and not np.isclose(link(row).setting, float(row["value"]))
    ]
    assert differing == ["CW constant c: search maximum"]


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
        printed = float(link(row.rename(None)).remark.split("published ")[1].split(";")[0])
        assert printed == pytest.approx(expected, rel=0.01, abs=0.006)


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arms_are_all_there_once(profile):
    arms = wpi.arms(profile)
    assert max(Counter(arm.key for arm in arms).values()) == 1
    seen = {(arm.case, arm.protocol, arm.defense, arm.attack_name) for arm in arms}
    for case in profile.cases:
        for attack in wpi.ATTACKS:
            moved = wpi.TRANSFERRED.format(attack)
            for name, defense in wpi.DEFENSES.items():
                if name in wpi.FAITHFUL:
                    # WPI-A10: the blur from the plain network.
                    how = moved if name == wpi.SMOOTHED else attack
                    assert (case, "faithful", defense, how) in seen
                assert (case, "corrected", defense, attack) in seen
            assert (case, "corrected", wpi.DEFENSES[wpi.SMOOTHED], moved) in seen
    for arm in arms:
        assert (arm.crafted_on is not None) == ("from undefended" in arm.attack_name)
        assert arm.crafted_on is None or arm.crafted_on.role == "undefended"
        assert (arm.view == "logits / T") <= hasattr(arm.attack, "temperature")


def test_defenses_are_called_what_arms_call_them():
    labels = {arm.defense for arm in wpi.arms(LAPTOP) if arm.variant == "main"}
    assert labels == set(wpi.DEFENSES.values())


def test_an_arm_pattern_takes_one_data_set():
    keys = [arm.key for arm in wpi.arms(LAPTOP)]
    assert sum(key.startswith(MNIST) for key in keys) * 3 == len(keys)


def test_the_networks_are_those_of_the_recipe():
    plain = wpi.training(PAPER, "faithful", "gtsrb", "undefended")
    assert (plain.split, plain.recipe.epochs, plain.recipe.keep) == ("wpi", 20, "lowest loss")
    hardened = wpi.training(PAPER, "corrected", "gtsrb", "all four")
    assert hardened.split == "corrected"
    assert hardened.recipe.epochs == 5 and hardened.warm_up.recipe.epochs == 20
    assert len(hardened.defense.attacks) == 4
    without = wpi.training(PAPER, "corrected", "gtsrb", f"all but {wpi.CW}")
    kinds = [type(attack).__name__ for attack, _ in without.defense.attacks]
    assert kinds == ["MomentumIterative", "DeepFool", "PixelSwap"]
    student = wpi.training(PAPER, "faithful", "mnist", "student")
    assert student.temperature == student.teacher.temperature == wpi.TEMPERATURE
    assert student.recipe == plain.recipe and student.teacher.role == "teacher"
    # Tracks of GTSRB stay together also on a laptop; its corrected split is in order of class.
    laptop = wpi.training(LAPTOP, "corrected", "gtsrb", "all four")
    assert laptop.split == "corrected" and laptop.images is None


@pytest.mark.parametrize(
    ("protocol", "attack", "expected"),
    [
        ("faithful", wpi.IFGSM, 0.3),
        ("faithful", wpi.CW, np.inf),
        ("corrected", wpi.IFGSM, 0.3),
        ("corrected", wpi.CW, 2.0),
        ("corrected", wpi.SWAP, np.inf),
    ],
)
def test_where_attacks_are_judged(protocol, attack, expected):
    assert wpi.judged_at(protocol, "mnist", attack) == expected
    assert expected in wpi.epsilons(protocol, "mnist", attack)


def test_the_printed_cw_goes_to_the_most_likely_wrong_class():
    """Logits are sums over the three parts of an image; the second part is the runner-up."""
    inputs = keras.Input((2, 3, 1))
    parts = keras.layers.Flatten()(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, use_bias=False)(parts))
    network.set_weights([np.tile(np.eye(3, dtype=np.float32), (2, 1))])
    images = np.tile(np.float32([[[0.8], [0.6], [0.1]]]), (2, 2, 1, 1))
    attack = TowardsRival(search_steps=4, steps=40, learning_rate=0.1, initial_c=1.0)
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
    score, other = (wpi_outcomes.macro_f1(labels, each) for each in (good, worse))
    assert score.value == pytest.approx(macro_f1(labels, good[0], 4))
    assert score.low < score.value < score.high
    assert (score - other).sign == 1 and (other - score).sign == -1
    assert (score - score).sign == 0
    # Paired: what the two have in common does not widen the interval of their difference.
    unpaired = np.hypot(score.high - score.low, other.high - other.low)
    assert (score - other).high - (score - other).low < 0.9 * unpaired
    accuracy = wpi_outcomes.accuracy(labels, good)
    assert accuracy.value == pytest.approx(np.mean(good == labels))
    both = wpi_outcomes.mean([score, other])
    assert both.value == pytest.approx((score.value + other.value) / 2)


def made(f1_like: dict, protocol="corrected", images=400) -> Results:
    """Results on MNIST where so many of the first images are right, by (defense, attack)."""
    labels = np.arange(images) % 10
    rows, correct, details = [], {}, {}
    for (defense, attack), count in f1_like.items():
        plain = attack.removesuffix(", from undefended")
        epsilons = wpi.epsilons(protocol, "mnist", plain)
        arm = f"{defense}|{attack}".replace("|", "/")
        right = np.arange(images) < count
        kept = np.where(right, labels, (labels + 1) % 10)
        details[arm] = {
            "labels": labels,
            "predictions": np.vstack([labels, *[kept] * len(epsilons)]),
            "l2": np.full(images, 1.0 + list(wpi.ATTACKS).index(plain)),
            "linf": np.full(images, 0.1),
            "gap": np.full(images, 0.05),
        }
        correct[arm] = np.vstack([np.full(images, True), *[right] * len(epsilons)])
        rows += [
            {
                "case": MNIST,
                "dataset": "mnist",
                "protocol": protocol,
                "variant": "main",
                "defense": wpi.DEFENSES[defense],
                "attack": attack,
                "arm": arm,
                "seed": 0,
                "images": images,
                "epsilon": epsilon,
                "inference_seconds": 0.1 * images,
                "crafting_seconds": len(epsilons) * 0.01 * (1 + list(wpi.ATTACKS).index(plain)),
            }
            for epsilon in (0.0, *epsilons)
        ]
    return Results(
        {}, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(), correct, {}, wpi.COMPARED,
        details=details,
    )  # fmt: skip


ALL_ATTACKS = {
    (wpi.NONE, wpi.IFGSM): 40,
    (wpi.NONE, wpi.DEEPFOOL): 0,
    (wpi.NONE, wpi.CW): 120,
    (wpi.NONE, wpi.SWAP): 200,
}


def outcomes(results: Results) -> dict[str, dict[str, str]]:
    """By claim and where it was judged."""
    found = {}
    for each in claims(results):
        found.setdefault(each.claim, {})[each.where] = each.outcome
        assert each.evidence
    assert list(found) == [f"WPI-{number}" for number in range(1, 20)]
    return found


def test_of_two_ways_the_one_that_succeeds_counts():
    moved = wpi.TRANSFERRED.format(wpi.CW)
    results = made({(wpi.SMOOTHED, wpi.CW): 100, (wpi.SMOOTHED, moved): 300})
    labels, predictions = wpi_outcomes.judged(results, MNIST, "corrected", wpi.SMOOTHED, wpi.CW)
    np.testing.assert_array_equal(predictions[0] == labels, np.arange(400) < 100)
    tied = link(PUBLISHED[(PUBLISHED["table"] == "Table 7")].iloc[0])
    tied = replace(tied, role=wpi.SMOOTHED)
    assert measure(results)(tied, "corrected")[0] == pytest.approx(
        macro_f1(labels, predictions[0], 10)
    )
    assert measure(results)(tied, "faithful") is None


def test_claims_on_attacks():
    found = outcomes(made(ALL_ATTACKS, protocol="faithful"))
    place = "wpi_cnn on mnist, faithful"
    assert found["WPI-3"] == found["WPI-7"] == found["WPI-8"] == {place: "confirmed"}
    assert found["WPI-6"] == {place: "refuted"}  # CW was made to go further than DeepFool
    assert found["WPI-4"] == {place: "refuted"}  # twice as long
    assert found["WPI-1"] == found["WPI-9"] == {"": "not run"}
    swapped = ALL_ATTACKS | {(wpi.NONE, wpi.DEEPFOOL): 200, (wpi.NONE, wpi.SWAP): 0}
    other = outcomes(made(swapped, protocol="faithful"))
    assert other["WPI-3"] == other["WPI-7"] == {place: "refuted"}


def test_claims_on_defenses():
    place = "wpi_cnn on mnist, corrected"
    gained = {wpi.ADVERSARIAL: 150, wpi.SMOOTHED: 0, wpi.MASKED_SEEN: 0, wpi.COMBINED: 100}
    defended = {(d, a): n + more for (_, a), n in ALL_ATTACKS.items() for d, more in gained.items()}
    found = outcomes(made(ALL_ATTACKS | defended))
    assert found["WPI-9"] == {place: "confirmed"}
    assert found["WPI-12"] == {f"{place}, {wpi.MASKED_SEEN}": "confirmed"}
    assert found["WPI-11"] == {f"{place}, through the blur": "undecided"}
    assert found["WPI-17"] == {place: "confirmed"}
    assert found["WPI-18"] == {place: "refuted"}


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
    effort = replace(DEMO.effort, hardening_images={"mnist": 32})
    profile = replace(DEMO, scales={"mnist": scale}, effort=effort)
    blur, hardened = wpi.DEFENSES[wpi.SMOOTHED], wpi.DEFENSES[wpi.ADVERSARIAL]
    chosen = [
        arm
        for arm in wpi.arms(profile)
        if (arm.protocol, arm.defense, arm.variant) == ("faithful", "none", "main")
        or (arm.protocol, arm.defense) == ("corrected", blur)
        and wpi.IFGSM in arm.attack_name
        or (arm.protocol, arm.defense, arm.attack_name) == ("faithful", hardened, wpi.IFGSM)
    ]
    todo = plan_of(chosen, "*")
    runner = Runner(Store(tmp_path_factory.mktemp("runs")))
    runner.run(todo, Recorder())
    directory = tmp_path_factory.mktemp("results")
    collect(STUDY, profile, runner, todo).save(directory)
    return directory, build_report(STUDY, directory), todo


def test_the_report_shows_what_was_run(run):
    directory, page, todo = run
    assert len(todo.arms) == 4 + 2 + 1
    comparison = pd.read_csv(directory / "comparison.csv")
    assert len(comparison) == len(PUBLISHED)
    scores = comparison[(comparison["kind"] == "F1 score") & (comparison["status"] == "measured")]
    assert list(scores["attack"]) == ["IFGSM", "DeepFool", "CW", "Iterative pixel swap"]
    text = (directory / "report.md").read_text()
    assert "through the blur is" in text and "digits in place of mnist" in text
    pictures = page.read_text().split('src="')[1:]
    assert {"map-mnist", "confidences-mnist", "loss-mnist"} <= {
        picture.split('"')[0].removeprefix("figures/").removesuffix(".png") for picture in pictures
    }
    for picture in pictures:
        assert (directory / picture.split('"')[0]).stat().st_size > 5000


def test_what_is_kept_of_every_image_is_what_the_table_counts(run):
    results = Results.load(run[0], wpi.COMPARED)
    assert set(results.details) == set(results.correct)
    for arm, kept in results.details.items():
        correct = kept["predictions"] == kept["labels"]
        np.testing.assert_array_equal(correct, results.correct[arm])
        rows = results.table[results.table["arm"] == arm]
        for row, predictions in zip(rows.itertuples(), kept["predictions"], strict=True):
            score = wpi_outcomes.macro_f1(kept["labels"], predictions[np.newaxis])
            assert row.macro_f1 == pytest.approx(score.value, abs=1e-5)
        assert kept["l2"].mean() == pytest.approx(rows["mean_l2"].iloc[-1], rel=1e-3, abs=1e-5)
        assert (kept["gap"] >= 0).all() and (kept["gap"] <= 1).all()
    pictured = [kept for kept in results.details.values() if "picture" in kept]
    assert len(pictured) == 4 and all(kept["label"] == wpi.PICTURED for kept in pictured)
    assert all(np.allclose(kept["probabilities"].sum(axis=1), 1) for kept in pictured)
