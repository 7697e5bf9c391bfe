"""The WPI study: its settings, its arms, its scores and verdicts, and a tiny run of some arms."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from evaluation import Estimate, NotRun, average, macro_f1
from harness.arms import TRANSFERRED, Case, Protocol
from harness.claims import judged
from harness.collect import collect
from harness.plan import plan_of
from harness.results import Results
from harness.runner import Runner
from harness.store import Store
from made import made_arm, made_results
from recording import Recorder
from reports import build_report
from studies import STUDIES
from studies.wpi import arms, attacks, defenses, profiles, report
from studies.wpi.claims import CLAIMS
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
            for defense in defenses.DEFENSES:
                if defense in defenses.FAITHFUL:
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


ORDER = (*attacks.ATTACKS, attacks.UNSEEN)


def test_a_ratio_to_nothing_has_an_end_that_is_infinite():
    some, none = (
        Estimate.of_draws(value, np.array(draws), 3)
        for value, draws in ((0.2, [0.1, 0.2, 0.0, 0.3]), (0.1, [0.1, 0.0, 0.0, 0.1]))
    )
    ratio = some / none
    assert (ratio.value, ratio.low, ratio.high) == (2.0, 1.0, np.inf)
    nothing = Estimate.of_draws(0.0, np.zeros(4), 3)
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
    made, details = [], {}
    for (defense, attack), counts in f1_like.items():
        plain = attack.removesuffix(", from undefended")
        known = plain in ORDER
        number = ORDER.index(plain) if known else 0
        epsilons = attacks.epsilons(protocol, case.dataset, plain if known else attacks.SWAP)
        without = np.arange(images) < (clean or {}).get(defense, images)
        counts = np.broadcast_to(counts, len(epsilons))
        rights = [without, *(without & (np.arange(images) < count) for count in counts)]
        crafting = (seconds or {}).get(plain, 0.01 * (1 + number))
        made.append(
            made_arm(
                (0.0, *epsilons),
                np.vstack(rights),
                case=str(case),
                model=case.model,
                published_dataset=case.dataset,
                dataset=case.dataset,
                protocol=protocol,
                variant=variant,
                view="logits",
                defense=defense.in_results,
                attack=attack,
                inference_seconds=0.1 * images * (slower or {}).get(defense, 1),
                crafting_seconds=crafting
                * (len(epsilons) if plain in attacks.WITHIN_BUDGET else 1),
            )
        )
        details[made[-1][0]] = {
            "labels": labels,
            "predictions": np.vstack(
                [np.where(right, labels, (labels + 1) % 10) for right in rights]
            ),
            "l2": np.full(images, 1.0 + number),
            "linf": np.full(images, 0.1),
            "l0": np.full(images, 10.0),
            "ssim": np.full(images, 0.9 - 0.1 * number),
            "gap": np.full(images, 0.05),
        } | {name: np.full(images, value(plain)) for name, value in kept_of.items()}
    run = {"profile": profile}
    return made_results(*made, compared=arms.COMPARED, run=run, details=details)


ALL_ATTACKS = {
    (defenses.NONE, attacks.IFGSM): 40,
    (defenses.NONE, attacks.DEEPFOOL): 0,
    (defenses.NONE, attacks.CW): 120,
    (defenses.NONE, attacks.SWAP): 200,
}


def outcomes(results: Results) -> dict[str, dict[str, str]]:
    """By claim and where it was judged."""
    by_claim = {}
    for each in judged(CLAIMS, results):
        by_claim.setdefault(each.claim, {})[each.where] = each.outcome
        assert each.evidence
    assert list(by_claim) == [f"WPI-{number}" for number in range(1, 20)]
    return by_claim


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


def together(*parts: Results) -> Results:
    return replace(
        parts[0],
        table=pd.concat([part.table for part in parts], ignore_index=True),
        correct={arm: each for part in parts for arm, each in part.correct.items()},
        details={arm: each for part in parts for arm, each in part.details.items()},
    )


def of(defense, *counts, also: bool = False) -> dict:
    """Counts of right images under the attacks of the study in order, and `also` under PGD."""
    names = [*attacks.ATTACKS, *([attacks.UNSEEN] if also else [])]
    return {(defense, name): count for name, count in zip(names, counts, strict=True)}


FAITHFUL, CORRECTED = "mnist, faithful", "mnist, corrected"


def verdict(claim: str, results: Results, where: str = CORRECTED) -> str:
    """Of one claim, without judging the others."""
    (chosen,) = (each for each in CLAIMS if each.id == claim)
    return {each.where: each.outcome for each in judged((chosen,), results)}[where]


def test_claims_on_attacks():
    found = outcomes(made(ALL_ATTACKS, protocol="faithful"))
    assert found["WPI-2"] == found["WPI-3"] == found["WPI-7"] == {FAITHFUL: "confirmed"}
    assert found["WPI-6"] == {FAITHFUL: "refuted"}  # CW was made to go further than DeepFool
    assert found["WPI-4"] == {FAITHFUL: "refuted"}  # twice as long
    assert found["WPI-1"] == found["WPI-9"] == {"": "not run"}
    swapped = ALL_ATTACKS | {
        (defenses.NONE, attacks.DEEPFOOL): 200,
        (defenses.NONE, attacks.SWAP): 0,
    }
    other = outcomes(made(swapped | {(defenses.NONE, attacks.IFGSM): 300}, protocol="faithful"))
    assert other["WPI-2"] == other["WPI-3"] == other["WPI-7"] == {FAITHFUL: "refuted"}
    near = made(ALL_ATTACKS, protocol="faithful", seconds={attacks.DEEPFOOL: 0.012})
    assert verdict("WPI-4", near, FAITHFUL) == "confirmed"
    assert verdict("WPI-2", near, FAITHFUL) == "refuted"


def test_attacks_are_compared_at_any_distance_and_not_at_budgets_of_other_norms():
    counts = of(defenses.NONE, (100, 60, 40), (400, 300, 200, 0), (400, 400, 300, 120), 200)
    found = outcomes(made(counts))
    assert found["WPI-3"] == found["WPI-7"] == {CORRECTED: "confirmed"}


def test_a_short_search_of_cw_is_not_taken_for_a_weak_one():
    slow = {attacks.CW: 0.1}
    for profile, expected in (("paper", "confirmed"), ("laptop", "undecided")):
        weak = made(ALL_ATTACKS, "faithful", profile=profile, seconds=slow)
        assert verdict("WPI-5", weak, FAITHFUL) == expected
        # The slower of the two may be another with a longer search.
        least = made(ALL_ATTACKS, "faithful", profile=profile, seconds=slow | {attacks.SWAP: 1.0})
        assert verdict("WPI-7", least, FAITHFUL) == expected
        strong = ALL_ATTACKS | {(defenses.NONE, attacks.CW): 0, (defenses.NONE, attacks.IFGSM): 200}
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
    counts = of(defenses.NONE, 0, 0, right, 200)
    results = made(counts, "faithful", 400, profiles.CASES[2], profile, seconds={attacks.CW: 0.1})
    assert verdict("WPI-5", results, "gtsrb, faithful") == expected


def test_distances_are_judged_by_l2_and_ssim():
    l2 = dict(zip(attacks.ATTACKS, (1.0, 3.0, 1.5, 5.0)))
    ssim = dict(zip(attacks.ATTACKS, (0.9, 0.7, 0.95, 0.3)))
    results = made(ALL_ATTACKS, l2=l2.get, ssim=ssim.get)
    assert verdict("WPI-6", results) == "confirmed"
    assert verdict("WPI-6", made(ALL_ATTACKS, l2=l2.get, ssim=lambda name: 0.5)) == "undecided"
    turned = {name: 1 - value for name, value in ssim.items()}
    assert verdict("WPI-6", made(ALL_ATTACKS, l2=l2.get, ssim=turned.get)) == "refuted"


def test_distances_need_two_images_that_every_attack_fools():
    one = made(ALL_ATTACKS | {(defenses.NONE, attacks.DEEPFOOL): 399})
    (verdict,) = [each for each in judged(CLAIMS, one) if each.claim == "WPI-6"]
    assert (verdict.outcome, verdict.evidence) == ("undecided", "images that all attacks fool: 1")


def test_times_of_crafting_are_per_epsilon_and_recorded():
    place = Place(made(ALL_ATTACKS, seconds={attacks.CW: np.nan}), MNIST, Protocol.CORRECTED)
    # Per epsilon where every epsilon is a run of its own.
    assert place.crafting_seconds(defenses.NONE, attacks.IFGSM) == pytest.approx(0.01)
    assert place.crafting_seconds(defenses.NONE, attacks.SWAP) == pytest.approx(0.04)
    with pytest.raises(NotRun):
        place.crafting_seconds(defenses.NONE, attacks.CW)


def test_bars_show_the_unseen_attack_where_it_was_run():
    for protocol, also in ((Protocol.FAITHFUL, False), (Protocol.CORRECTED, True)):
        results = made(of(defenses.NONE, *[40] * (4 + also), also=also), protocol)
        name, bars = report._accuracies(results, protocol, defenses.NONE, MNIST)
        assert (name, list(bars)) == ("mnist", ["clean", *attacks.ATTACKS, *["PGD"] * also])


def test_closeness_to_the_boundary():
    assert verdict("WPI-8", made(ALL_ATTACKS)) == "confirmed"
    assert verdict("WPI-8", made(ALL_ATTACKS, gap=lambda name: 0.5)) == "refuted"
    none = made(ALL_ATTACKS | {(defenses.NONE, attacks.DEEPFOOL): 400})
    assert verdict("WPI-8", none) == "undecided"


def test_the_baseline_on_three_data_sets():
    def clean_of(*counts):
        return together(
            *(made(of(defenses.NONE, 0, 0, 0, 0), case=case, clean={defenses.NONE: count})
              for case, count in zip(profiles.CASES, counts))
        )  # fmt: skip

    assert verdict("WPI-1", clean_of(398, 300, 396), "corrected") == "confirmed"
    assert verdict("WPI-1", clean_of(300, 398, 396), "corrected") == "refuted"
    low = clean_of(398, 100, 300)
    assert verdict("WPI-1", low, "corrected") == "refuted"
    # A smaller network trained on fewer images does not refute that the whole one is excellent.
    small = replace(low, run={"profile": "laptop"})
    assert verdict("WPI-1", small, "corrected") == "undecided"


SINGLE = (defenses.ADVERSARIAL, defenses.SMOOTHED, *defenses.MASKED, defenses.DISTILLED)


def test_adversarial_training_is_best_only_under_attacks_it_was_not_trained_on_too():
    plain = of(defenses.NONE, 40, 0, 20, 100, 0, also=True)
    others = [of(name, 60, 20, 40, 120, 20, also=True) for name in SINGLE]
    counts = {key: count for each in (plain, *others) for key, count in each.items()}
    best = counts | of(defenses.ADVERSARIAL, 200, 150, 150, 220, 150, also=True)
    assert verdict("WPI-9", made(best)) == "confirmed"
    assert (
        verdict("WPI-9", made(counts | of(defenses.DISTILLED, *[300] * 5, also=True))) == "refuted"
    )
    seen_only = counts | of(defenses.ADVERSARIAL, 200, 150, 150, 220, 0, also=True)
    assert verdict("WPI-9", made(seen_only)) == "undecided"
    incomplete = {key: count for key, count in best.items() if key[0] != defenses.DISTILLED}
    assert outcomes(made(incomplete))["WPI-9"] == {"": "not run"}


@pytest.mark.parametrize(
    ("case", "right", "expected"),
    [(0, 340, "confirmed"), (0, 400, "undecided"), (1, 400, "confirmed"), (1, 300, "refuted")],
)
def test_clean_accuracy_after_adversarial_training(case, right, expected):
    counts = of(defenses.NONE, 0, 0, 0, 0) | of(defenses.ADVERSARIAL, 9, 9, 9, 9)
    clean = {defenses.NONE: 400 if case == 0 else 380, defenses.ADVERSARIAL: right}
    results = made(counts, case=profiles.CASES[case], clean=clean)
    where = f"{profiles.DATASETS[case]}, corrected"
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
    counts = of(defenses.NONE, 0, 0, 0, 0) | of(defenses.SMOOTHED, *gains)
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
    results = made(ALL_ATTACKS | of(defenses.MASKED_SEEN, *masked))
    assert verdict("WPI-12", results, f"{CORRECTED}, {defenses.MASKED_SEEN}") == expected


@pytest.mark.parametrize(
    ("student", "expected"),
    [((40, 390, 30, 200), "confirmed"), ((40, 100, 30, 200), "refuted"),
     ((40, 390, 200, 200), "refuted"), ((40, 390, 30, 100), "refuted")],
)  # fmt: skip
def test_distillation(student, expected):
    results = made(of(defenses.NONE, 40, 0, 30, 100) | of(defenses.DISTILLED, *student))
    assert verdict("WPI-13", results) == expected


def test_distillation_and_clean_accuracy():
    place = "cifar10, corrected"
    for student, expected in ((380, "confirmed"), (300, "refuted")):
        clean = {defenses.NONE: 340, defenses.DISTILLED: student}
        counts = of(defenses.NONE, 0, 0, 0, 0) | of(defenses.DISTILLED, 0, 0, 0, 0)
        control = {(defenses.HARD_LABELS, attacks.IFGSM): 0}
        results = together(
            made(counts, case=profiles.CASES[1], clean=clean),
            made(
                control,
                case=profiles.CASES[1],
                clean={defenses.HARD_LABELS: 345},
                variant="WPI-14",
            ),
        )
        assert verdict("WPI-14", results, place) == expected


def test_where_and_which_defenses_work_better():
    def gaining(by_case, network, other):
        return together(
            *(
                made(
                    of(defenses.NONE, 0, 0, 0, 0)
                    | of(defenses.ADVERSARIAL, *[gain * network] * 4)
                    | of(defenses.DISTILLED, *[gain * network] * 4)
                    | of(defenses.SMOOTHED, *[gain * other] * 4),
                    case=case,
                )
                for case, gain in zip(profiles.CASES, by_case)
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
        (d, a): 9 for d in (defenses.ADVERSARIAL, defenses.SMOOTHED) for _, a in ALL_ATTACKS
    }
    for slower, expected in (
        ({}, "confirmed"),
        ({defenses.SMOOTHED: 1.5}, "refuted"),
        ({defenses.SMOOTHED: 1.5, defenses.ADVERSARIAL: 1.2}, "undecided"),
    ):
        assert verdict("WPI-17", made(counts, slower=slower)) == expected


def test_a_combination_is_better_than_its_parts():
    parts = of(defenses.ADVERSARIAL, *[100] * 4) | of(defenses.SMOOTHED, *[80] * 4)
    for combined, expected in ((200, "confirmed"), (50, "refuted"), (100, "undecided")):
        results = made(ALL_ATTACKS | parts | of(defenses.COMBINED, *[combined] * 4))
        assert verdict("WPI-18", results) == expected


def test_small_steps_and_momentum():
    names = list(attacks.step_attacks("mnist"))
    for lengths, expected in (((2, 1, 3, 1.5), "confirmed"), ((2, 1, 1, 0.5), "refuted")):
        l2 = dict(zip(names, lengths))
        steps = made({(defenses.NONE, name): 0 for name in names}, variant="WPI-19", l2=l2.get)
        assert verdict("WPI-19", together(made(ALL_ATTACKS), steps)) == expected


def test_distances_are_of_images_that_were_right_and_that_every_attack_turned():
    """An image that was wrong moves by nothing, one that holds by all that is allowed."""
    names = list(attacks.step_attacks("mnist"))
    l2 = dict(zip(names, (2.0, 1.0, 3.0, 1.5)))
    # 300 of 400 are right without attack; the first 100, or 150 of one attack, hold.
    counts = {(defenses.NONE, name): 150 if name == names[0] else 100 for name in names}
    steps = made(counts, variant="WPI-19", l2=l2.get, clean={defenses.NONE: 300})
    for kept in steps.details.values():
        kept["l2"][300:], kept["l2"][:100] = 0.0, 50.0
    results = together(made(ALL_ATTACKS), steps)
    (verdict,) = [each for each in judged(CLAIMS, results) if each.claim == "WPI-19"]
    assert "over 150 images that were right and that all four fool" in verdict.evidence
    assert f"{names[0]} 2.000" in verdict.evidence and verdict.outcome == "confirmed"
    shown = report._table(results, report._steps, attack=attacks.STEP_ATTACKS).set_index("attack")
    assert shown["successes"].to_list() == [150, 200, 200, 200]
    assert shown["L2 of successes"].str.startswith(("2.000", "1.000", "3.000", "1.500")).all()


def test_outputs_that_are_no_numbers_are_neither_right_nor_turned():
    kept = made({(defenses.NONE, attacks.CW): 10}, images=20).details.popitem()[1]
    assert fooled(kept).sum() == 10
    kept["predictions"][-1, 15:] = -1
    assert fooled(kept).sum() == 5
    f1 = Predictions(kept["labels"], kept["predictions"][-1:]).f1.value
    assert f1 == pytest.approx(macro_f1(kept["labels"], kept["predictions"][-1], 10))


def test_the_report_finds_the_arms_of_left_out_attacks():
    """Their defense is called what arms call it."""
    called = {arm.defense: arm.attack_name for arm in arms.arms(DEMO) if arm.variant == "WPI-A1"}
    lacking = {name: defenses.left_out(name) for name in attacks.ATTACKS}
    assert called == {defense.in_results: name for name, defense in lacking.items()}
    parts = [made(ALL_ATTACKS), made(of(defenses.ADVERSARIAL, *[100] * 4))]
    parts += [made({(each, name): 50}, variant="WPI-A1") for name, each in lacking.items()]
    shown = report._table(together(*parts), report._left_out, attack=attacks.ATTACKS)
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
    blur, trained = (each.in_results for each in (defenses.SMOOTHED, defenses.ADVERSARIAL))
    chosen = [
        arm
        for arm in arms.arms(profile)
        if (arm.protocol, arm.defense, arm.variant) == ("faithful", "none", "main")
        or (arm.protocol, arm.defense) == ("corrected", blur)
        and attacks.IFGSM in arm.attack_name
        or (arm.protocol, arm.defense, arm.attack_name) == ("faithful", trained, attacks.IFGSM)
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
    assert len(pictured) == 4 and all(kept["label"] == arms.PICTURED for kept in pictured)
    assert all(np.allclose(kept["probabilities"].sum(axis=1), 1) for kept in pictured)
