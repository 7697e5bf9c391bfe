"""The WPI study: its settings, its arms, its scores and verdicts, and a tiny run of some arms."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from evaluation import macro_f1
from harness.results import Results, collect
from harness.runner import Runner, plan_of
from harness.store import Store
from recording import Recorder
from reports import build_report
from studies import STUDIES
from studies.wpi import arms as wpi
from studies.wpi import claims as wpi_claims
from studies.wpi import scores as wpi_outcomes
from studies.wpi.attacks import TowardsRival
from studies.wpi.claims import claims
from studies.wpi.published import link
from studies.wpi.report import _left_out as left_out_table
from studies.wpi.report import _steps as steps_table
from studies.wpi.report import measure

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
        tied = link(row.rename(None))
        assert tied.ratio == pytest.approx(expected)
        # The note beside the time has the same ratio, rounded.
        noted = row["note"].partition(" x the undefended time")
        if noted[1]:
            assert float(noted[0]) == pytest.approx(expected, abs=0.006)
        assert f"published {expected:.3g}" in tied.remark


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
                # WPI-A10: both ways, for every defense.
                assert name == wpi.NONE or (case, "corrected", defense, moved) in seen
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


ORDER = (*wpi.ATTACKS, wpi.UNSEEN)


def test_a_ratio_to_nothing_has_an_end_that_is_infinite():
    some, none = (
        wpi_outcomes.Score(value, np.array(draws), 3)
        for value, draws in ((0.2, [0.1, 0.2, 0.0, 0.3]), (0.1, [0.1, 0.0, 0.0, 0.1]))
    )
    ratio = some / none
    assert (ratio.value, ratio.low, ratio.high) == (2.0, 1.0, np.inf)
    nothing = wpi_outcomes.Score(0.0, np.zeros(4), 3)
    assert np.isnan((nothing / nothing).low)


def made(
    f1_like: dict,
    protocol="corrected",
    images=400,
    case=MNIST,
    profile="paper",
    clean=None,
    variant="main",
    slower=None,
    seconds=None,
    **kept_of,
) -> Results:
    """Results where so many of the first images are right, by (defense, attack).

    A count may be a sequence, by epsilon. `clean` has the counts without attack and `slower` the
    factors of inference time by defense, `seconds` those of crafting by attack; `kept_of` changes
    what is kept of every image, by name: a function of the attack.
    """
    labels = np.arange(images) % 10
    rows, correct, details = [], {}, {}
    for (defense, attack), counts in f1_like.items():
        plain = attack.removesuffix(", from undefended")
        number = ORDER.index(plain) if plain in ORDER else 0
        epsilons = wpi.epsilons(protocol, case.split("/")[1], plain if plain in ORDER else wpi.SWAP)
        arm = f"{case}/{protocol}/{variant}/{defense}/{attack}"
        without = np.arange(images) < (clean or {}).get(defense, images)
        counts = np.broadcast_to(counts, len(epsilons))
        rights = [without, *(without & (np.arange(images) < count) for count in counts)]
        details[arm] = {
            "labels": labels,
            "predictions": np.vstack(
                [np.where(right, labels, (labels + 1) % 10) for right in rights]
            ),
            "l2": np.full(images, 1.0 + number),
            "linf": np.full(images, 0.1),
            "l0": np.full(images, 10.0),
            "ssim": np.full(images, 0.9 - 0.1 * number),
            "gap": np.full(images, 0.05),
        } | {name: np.full(images, of(plain)) for name, of in kept_of.items()}
        correct[arm] = np.vstack(rights)
        rows += [
            {
                "case": case,
                "dataset": case.split("/")[1],
                "protocol": protocol,
                "variant": variant,
                "defense": wpi.DEFENSES.get(defense, defense),
                "attack": attack,
                "arm": arm,
                "seed": 0,
                "images": images,
                "epsilon": epsilon,
                "inference_seconds": 0.1 * images * (slower or {}).get(defense, 1),
                "crafting_seconds": (seconds or {}).get(plain, 0.01 * (1 + number))
                * (len(epsilons) if plain in (wpi.IFGSM, wpi.UNSEEN) else 1),
            }
            for epsilon in (0.0, *epsilons)
        ]
    nothing = pd.DataFrame()
    return Results(
        {"profile": profile},
        pd.DataFrame(rows),
        *(nothing, nothing),
        correct,
        {},
        wpi.COMPARED,
        details=details,
    )


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


def together(*parts: Results) -> Results:
    return Results(
        parts[0].run,
        pd.concat([part.table for part in parts], ignore_index=True),
        pd.DataFrame(),
        pd.DataFrame(),
        {arm: each for part in parts for arm, each in part.correct.items()},
        {},
        wpi.COMPARED,
        details={arm: each for part in parts for arm, each in part.details.items()},
    )


def of(defense: str, *counts, also: bool = False) -> dict:
    """Counts of right images under the attacks of the study in order, and `also` under PGD."""
    names = [*wpi.ATTACKS, *([wpi.UNSEEN] if also else [])]
    return {(defense, name): count for name, count in zip(names, counts, strict=True)}


FAITHFUL, CORRECTED = "wpi_cnn on mnist, faithful", "wpi_cnn on mnist, corrected"


def verdict(claim: str, results: Results, where: str = CORRECTED) -> str:
    """Of one claim, without judging the others."""
    (judge,) = (judge for judge, (number, _) in wpi_claims._CLAIMS.items() if number == claim)
    return {place: outcome for place, outcome, _ in judge(results)}[where]


def test_claims_on_attacks():
    found = outcomes(made(ALL_ATTACKS, protocol="faithful"))
    assert found["WPI-2"] == found["WPI-3"] == found["WPI-7"] == {FAITHFUL: "confirmed"}
    assert found["WPI-6"] == {FAITHFUL: "refuted"}  # CW was made to go further than DeepFool
    assert found["WPI-4"] == {FAITHFUL: "refuted"}  # twice as long
    assert found["WPI-1"] == found["WPI-9"] == {"": "not run"}
    swapped = ALL_ATTACKS | {(wpi.NONE, wpi.DEEPFOOL): 200, (wpi.NONE, wpi.SWAP): 0}
    other = outcomes(made(swapped | {(wpi.NONE, wpi.IFGSM): 300}, protocol="faithful"))
    assert other["WPI-2"] == other["WPI-3"] == other["WPI-7"] == {FAITHFUL: "refuted"}
    near = made(ALL_ATTACKS, protocol="faithful", seconds={wpi.DEEPFOOL: 0.012})
    assert verdict("WPI-4", near, FAITHFUL) == "confirmed"
    assert verdict("WPI-2", near, FAITHFUL) == "refuted"


def test_attacks_are_compared_at_any_distance_and_not_at_budgets_of_other_norms():
    counts = of(wpi.NONE, (100, 60, 40), (400, 300, 200, 0), (400, 400, 300, 120), 200)
    found = outcomes(made(counts))
    assert found["WPI-3"] == found["WPI-7"] == {CORRECTED: "confirmed"}


def test_a_short_search_of_cw_is_not_taken_for_a_weak_one():
    slow = {wpi.CW: 0.1}
    for profile, expected in (("paper", "confirmed"), ("laptop", "undecided")):
        weak = made(ALL_ATTACKS, "faithful", profile=profile, seconds=slow)
        assert verdict("WPI-5", weak, FAITHFUL) == expected
        # The slower of the two may be another with a longer search.
        least = made(ALL_ATTACKS, "faithful", profile=profile, seconds=slow | {wpi.SWAP: 1.0})
        assert verdict("WPI-7", least, FAITHFUL) == expected
        strong = ALL_ATTACKS | {(wpi.NONE, wpi.CW): 0, (wpi.NONE, wpi.IFGSM): 200}
        strong = made(strong, "faithful", profile=profile, seconds=slow)
        assert verdict("WPI-5", strong, FAITHFUL) == "refuted"
    quick = made(ALL_ATTACKS, "faithful", profile="paper")
    assert verdict("WPI-5", quick, FAITHFUL) == "refuted"
    quick = made(ALL_ATTACKS, "faithful", profile="laptop")
    assert verdict("WPI-5", quick, FAITHFUL) == "undecided"


@pytest.mark.parametrize(
    ("right", "profile", "expected"),
    [
        (184, "paper", "confirmed"),
        (100, "paper", "refuted"),
        (320, "paper", "refuted"),
        (100, "laptop", "refuted"),
        (320, "laptop", "undecided"),
    ],
)
def test_cw_stays_near_its_score_on_gtsrb(right, profile, expected):
    counts = of(wpi.NONE, 0, 0, right, 200)
    results = made(counts, "faithful", 400, wpi.CASES[2], profile, seconds={wpi.CW: 0.1})
    assert verdict("WPI-5", results, "wpi_cnn on gtsrb, faithful") == expected


def test_distances_are_judged_by_l2_and_ssim():
    l2 = dict(zip(wpi.ATTACKS, (1.0, 3.0, 1.5, 5.0)))
    ssim = dict(zip(wpi.ATTACKS, (0.9, 0.7, 0.95, 0.3)))
    results = made(ALL_ATTACKS, l2=l2.get, ssim=ssim.get)
    assert verdict("WPI-6", results) == "confirmed"
    assert verdict("WPI-6", made(ALL_ATTACKS, l2=l2.get, ssim=lambda name: 0.5)) == "undecided"
    turned = {name: 1 - value for name, value in ssim.items()}
    assert verdict("WPI-6", made(ALL_ATTACKS, l2=l2.get, ssim=turned.get)) == "refuted"


def test_closeness_to_the_boundary():
    assert verdict("WPI-8", made(ALL_ATTACKS)) == "confirmed"
    assert verdict("WPI-8", made(ALL_ATTACKS, gap=lambda name: 0.5)) == "refuted"
    none = made(ALL_ATTACKS | {(wpi.NONE, wpi.DEEPFOOL): 400})
    assert verdict("WPI-8", none) == "undecided"


def test_the_baseline_on_three_data_sets():
    def clean_of(*counts):
        return together(
            *(made(of(wpi.NONE, 0, 0, 0, 0), case=case, clean={wpi.NONE: count})
              for case, count in zip(wpi.CASES, counts))
        )  # fmt: skip

    assert verdict("WPI-1", clean_of(398, 300, 396), "corrected") == "confirmed"
    assert verdict("WPI-1", clean_of(300, 398, 396), "corrected") == "refuted"
    low = clean_of(398, 100, 300)
    assert verdict("WPI-1", low, "corrected") == "refuted"
    # A smaller network trained on fewer images does not refute that the whole one is excellent.
    small = replace(low, run={"profile": "laptop"})
    assert verdict("WPI-1", small, "corrected") == "undecided"


SINGLE = (wpi.ADVERSARIAL, wpi.SMOOTHED, *wpi.MASKED, wpi.DISTILLED)


def test_adversarial_training_is_best_only_under_attacks_it_was_not_trained_on_too():
    plain = of(wpi.NONE, 40, 0, 20, 100, 0, also=True)
    others = [of(name, 60, 20, 40, 120, 20, also=True) for name in SINGLE]
    counts = {key: count for each in (plain, *others) for key, count in each.items()}
    best = counts | of(wpi.ADVERSARIAL, 200, 150, 150, 220, 150, also=True)
    assert verdict("WPI-9", made(best)) == "confirmed"
    assert verdict("WPI-9", made(counts | of(wpi.DISTILLED, *[300] * 5, also=True))) == "refuted"
    seen_only = counts | of(wpi.ADVERSARIAL, 200, 150, 150, 220, 0, also=True)
    assert verdict("WPI-9", made(seen_only)) == "undecided"
    incomplete = {key: count for key, count in best.items() if key[0] != wpi.DISTILLED}
    assert outcomes(made(incomplete))["WPI-9"] == {"": "not run"}


@pytest.mark.parametrize(
    ("case", "right", "expected"),
    [(0, 340, "confirmed"), (0, 400, "undecided"), (1, 400, "confirmed"), (1, 300, "refuted")],
)
def test_clean_accuracy_after_adversarial_training(case, right, expected):
    counts = of(wpi.NONE, 0, 0, 0, 0) | of(wpi.ADVERSARIAL, 9, 9, 9, 9)
    clean = {wpi.NONE: 400 if case == 0 else 380, wpi.ADVERSARIAL: right}
    results = made(counts, case=wpi.CASES[case], clean=clean)
    where = f"wpi_cnn on {wpi.DATASETS[case]}, corrected"
    assert verdict("WPI-10", results, where) == expected


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ((40, 120, 40, 120), "confirmed"),
        ((100, 380, 100, 40), "refuted"),  # the mean of DeepFool and swap is the larger one
        ((40, 40, 40, 40), "undecided"),
    ],
)
def test_smoothing_helps_most_against_two_attacks(gains, expected):
    counts = of(wpi.NONE, 0, 0, 0, 0) | of(wpi.SMOOTHED, *gains)
    results = made(counts)
    assert verdict("WPI-11", results, f"{CORRECTED}, through the blur") == expected


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        ((40, 0, 120, 200), "confirmed"),
        ((40, 0, 60, 200), "confirmed"),  # worse is not useful
        ((140, 0, 120, 200), "refuted"),
        ((40, 0, 120, 201), "refuted"),  # the black-box attack was affected
    ],
)
def test_masking_is_useless(masked, expected):
    results = made(ALL_ATTACKS | of(wpi.MASKED_SEEN, *masked))
    assert verdict("WPI-12", results, f"{CORRECTED}, {wpi.MASKED_SEEN}") == expected


@pytest.mark.parametrize(
    ("student", "expected"),
    [((40, 390, 30, 200), "confirmed"), ((40, 100, 30, 200), "refuted"),
     ((40, 390, 200, 200), "refuted"), ((40, 390, 30, 100), "refuted")],
)  # fmt: skip
def test_distillation(student, expected):
    results = made(of(wpi.NONE, 40, 0, 30, 100) | of(wpi.DISTILLED, *student))
    assert verdict("WPI-13", results) == expected


def test_distillation_and_clean_accuracy():
    place = "wpi_cnn on cifar10, corrected"
    for student, expected in ((380, "confirmed"), (300, "refuted")):
        clean = {wpi.NONE: 340, wpi.DISTILLED: student}
        counts = of(wpi.NONE, 0, 0, 0, 0) | of(wpi.DISTILLED, 0, 0, 0, 0)
        control = {("soft_labels control", wpi.IFGSM): 0}
        results = together(
            made(counts, case=wpi.CASES[1], clean=clean),
            made(
                control,
                case=wpi.CASES[1],
                clean={"soft_labels control": 345},
                variant="WPI-14",
            ),
        )
        assert verdict("WPI-14", results, place) == expected


def test_where_and_which_defenses_work_better():
    def gaining(by_case, network, other):
        return together(
            *(
                made(
                    of(wpi.NONE, 0, 0, 0, 0)
                    | of(wpi.ADVERSARIAL, *[gain * network] * 4)
                    | of(wpi.DISTILLED, *[gain * network] * 4)
                    | of(wpi.SMOOTHED, *[gain * other] * 4),
                    case=case,
                )
                for case, gain in zip(wpi.CASES, by_case)
            )
        )

    found = gaining((100, 50, 40), 2, 1)
    assert verdict("WPI-15", found, "corrected") == "confirmed"
    assert verdict("WPI-16", found) == "confirmed"
    found = gaining((50, 100, 40), 1, 2)
    assert verdict("WPI-15", found, "corrected") == "refuted"
    assert verdict("WPI-16", found) == "refuted"


def test_prediction_times_are_compared_only_on_a_quiet_machine():
    counts = ALL_ATTACKS | {
        (d, a): 9 for d in (wpi.ADVERSARIAL, wpi.SMOOTHED) for _, a in ALL_ATTACKS
    }
    for slower, expected in (
        ({}, "confirmed"),
        ({wpi.SMOOTHED: 1.5}, "refuted"),
        ({wpi.SMOOTHED: 1.5, wpi.ADVERSARIAL: 1.2}, "undecided"),
    ):
        assert verdict("WPI-17", made(counts, slower=slower)) == expected


def test_a_combination_is_better_than_its_parts():
    parts = of(wpi.ADVERSARIAL, *[100] * 4) | of(wpi.SMOOTHED, *[80] * 4)
    for combined, expected in ((200, "confirmed"), (50, "refuted"), (100, "undecided")):
        results = made(ALL_ATTACKS | parts | of(wpi.COMBINED, *[combined] * 4))
        assert verdict("WPI-18", results) == expected


def test_small_steps_and_momentum():
    names = list(wpi.step_attacks("mnist"))
    for lengths, expected in (((2, 1, 3, 1.5), "confirmed"), ((2, 1, 1, 0.5), "refuted")):
        l2 = dict(zip(names, lengths))
        steps = made({(wpi.NONE, name): 0 for name in names}, variant="WPI-19", l2=l2.get)
        assert verdict("WPI-19", together(made(ALL_ATTACKS), steps)) == expected


def test_distances_are_of_images_that_were_right_and_that_every_attack_turned():
    """An image that was wrong moves by nothing, one that holds by all that is allowed."""
    names = list(wpi.step_attacks("mnist"))
    l2 = dict(zip(names, (2.0, 1.0, 3.0, 1.5)))
    # 300 of 400 are right without attack; the first 100, or 150 of one attack, hold.
    counts = {(wpi.NONE, name): 150 if name == names[0] else 100 for name in names}
    steps = made(counts, variant="WPI-19", l2=l2.get, clean={wpi.NONE: 300})
    for kept in steps.details.values():
        kept["l2"][300:], kept["l2"][:100] = 0.0, 50.0
    results = together(made(ALL_ATTACKS), steps)
    (judged,) = [each for each in claims(results) if each.claim == "WPI-19"]
    assert "of 150 images that were right and that all four turn" in judged.evidence
    assert f"{names[0]} 2.000" in judged.evidence and judged.outcome == "confirmed"
    shown = steps_table(replace(results, table=results.table.assign(accuracy=0.25)))
    shown = shown.set_index("attack")
    assert shown["successes"].to_list() == [150, 200, 200, 200]
    assert shown["L2 of successes"].str.startswith(("2.000", "1.000", "3.000", "1.500")).all()


def test_outputs_that_are_no_numbers_are_neither_right_nor_turned():
    kept = made({(wpi.NONE, wpi.CW): 10}, images=20).details.popitem()[1]
    assert wpi_outcomes.turned(kept).sum() == 10
    kept["predictions"][-1, 15:] = -1
    assert wpi_outcomes.turned(kept).sum() == 5
    f1 = wpi_outcomes.macro_f1(kept["labels"], kept["predictions"][-1:]).value
    assert f1 == pytest.approx(macro_f1(kept["labels"], kept["predictions"][-1], 10))


def test_the_report_finds_the_arms_of_left_out_attacks():
    """Their defense is called what arms call it."""
    called = {arm.defense: arm.attack_name for arm in wpi.arms(DEMO) if arm.variant == "WPI-A1"}
    assert len(called) == len(wpi.ATTACKS)
    parts = [made(ALL_ATTACKS), made(of(wpi.ADVERSARIAL, *[100] * 4))]
    parts += [made({(defense, attack): 50}, variant="WPI-A1") for defense, attack in called.items()]
    shown = left_out_table(together(*parts))
    assert list(shown["attack"]) == list(wpi.ATTACKS)
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


@pytest.mark.slow
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


@pytest.mark.slow
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
