"""The measurements and verdicts of the Praxis study on results made by hand."""

from functools import partial

import numpy as np
import pytest

from evaluation.busy import NotTimed
from harness.arms import Role, View
from harness.claims import Standing
from harness.results import Results
from made import made_arm, made_results, verdicts_on
from studies.praxis import STUDY
from studies.praxis import arms as praxis
from studies.praxis.measures import measure, seconds_per_iteration, timed
from studies.praxis.published import clean_error, link

PUBLISHED = STUDY.published
LEVELS = (0.0, *praxis.EPSILONS)
VGG19 = praxis.CLASSIFIERS["vgg19"]
SHARKS = ("great_white_shark", "tiger_shark", "hammerhead")


def first(count, of=1000):
    """Outcomes of which the first so many are right."""
    return np.arange(of) < count


def attacked(
    case, protocol, attack, epsilons, correct, role=Role.UNDEFENDED, view=View.LOGITS, **columns
):
    """An arm with these outcomes."""
    columns = {"dataset": case.dataset, "top_5_accuracy": 1.0, **columns}
    columns = {"crafting_seconds": 2.0, "inference_seconds": 0.0, **columns}
    return made_arm(
        epsilons,
        correct,
        case=str(case),
        model=case.model,
        published_dataset=case.dataset,
        protocol=protocol,
        role=role,
        view=view,
        defense="none" if role == Role.UNDEFENDED else f"soft_labels {role}",
        attack=attack,
        rounded_accuracy=0.75,
        gradient_evaluations=9.0,
        fooled=1000,
        fooled_median_l2=0.5,
        **columns,
    )


def fgsm(*counts, model="vgg19", protocol="faithful", attack="FGSM", of=1000, **columns):
    """An arm of part A: how many are right without attack, at 1 % and so on; the last stays."""
    case = praxis.CLASSIFIERS[model]
    epsilons = (*LEVELS, praxis.ANY) if attack == "CW" else LEVELS
    counts += (len(epsilons) - len(counts)) * counts[-1:]
    right = [first(count, of) for count in counts]
    return attacked(case, protocol, attack, epsilons, right, **columns)


def three_networks(*counts, **columns):
    """How many are right without attack and under it, network by network."""
    pairs = zip(praxis.PUBLISHED_MODELS, counts, strict=True)
    return [fgsm(*each, model=model, protocol="corrected", **columns) for model, each in pairs]


def results_of(*arms, **shown) -> Results:
    shown = {
        "images": np.zeros((3, 16, 16, 3), np.uint8),
        "adversarial": np.full((3, 16, 16, 3), 1, np.uint8),
        "mean_change": np.array([1.1, 1.15, 1.2]),
        "largest_change": np.array([1.2, 1.2, 1.2]),
        "label_names": np.array(SHARKS),
        "label_confidences": np.array([[0.8, 0.9, 0.95], [0.1, 0.2, 0.3]]),
        "ranks": np.array([[0, 0, 0], [2, 7, 9]]),
        "every_label": np.array([2, 3, 4, 500]),
        "every_prediction": np.array([3, 2, 395, 501]),
    } | shown
    return made_results(*arms, compared=praxis.COMPARED, pictured={arm: shown for arm, *_ in arms})


def verdicts(claim, results, standing=Standing.PUBLISHED):
    """The outcomes of a claim, and its evidence."""
    [judged] = [each for each in STUDY.claims if each.id == claim]
    rows = verdicts_on([judged], results, standing)
    return rows["outcome"].tolist(), " ".join(rows["evidence"])


def test_every_claim_says_what_it_needs():
    elsewhere = made_results(made_arm(LEVELS, 11 * [first(900)]), compared=praxis.COMPARED)
    rows = verdicts_on(STUDY.claims, elsewhere)
    parts = ("1a", "1b", "2", "3a", "3b", "4", "5", "6a", "6b", *map(str, range(7, 13)))
    assert rows["claim"].tolist() == [f"PRX-{part}" for part in parts]
    assert set(rows["outcome"]) == {"not run"}
    assert all("FGSM" in needs or "CW" in needs for needs in rows["evidence"])


def as_printed(of, vgg19=0.1988):
    """Three networks with the errors of table 1, but for the top-1 error of VGG-19."""
    arms = []
    for name, model in praxis.PRINTED_NAMES.items():
        error, error_5 = (clean_error(name, k) / 100 for k in (1, 5))
        right = round(of * (1 - (vgg19 if model == "vgg19" else error)))
        columns = {"protocol": "corrected", "of": of, "top_5_accuracy": 1 - error_5}
        arms.append(fgsm(right, model=model, **columns))
    return arms


@pytest.mark.parametrize(
    "arms, outcome",
    [
        (as_printed(20_000), "confirmed"),
        (as_printed(20_000, vgg19=0.25), "refuted"),
        (as_printed(5_000), "undecided"),  # 19.88 % of 5,000 images is known to 1.1 points
        (as_printed(20_000)[:2], "not run"),
    ],
)
def test_clean_errors(arms, outcome):
    assert verdicts("PRX-1a", results_of(*arms))[0] == [outcome]


def test_the_errors_and_their_order_are_of_the_published_networks():
    reduced = partial(verdicts, results=results_of(*as_printed(20_000)), standing="reduced")
    for claim in ("PRX-1a", "PRX-1b", "PRX-5"):
        outcomes, evidence = reduced(claim)
        assert outcomes == ["undecided"] and "at a reduced size" in evidence


ORDERS = [
    ((300, 200, 100), 1000, "confirmed"),
    ((300, 100, 200), 1000, "refuted"),
    ((200, 200, 100), 1000, "refuted"),
    ((205, 200, 100), 1000, "undecided"),
    ((30, 30, 10), 60, "undecided"),
]


@pytest.mark.parametrize("counts, of, outcome", ORDERS)
def test_the_order_of_clean_errors(counts, of, outcome):
    arms = three_networks(*((count, 5) for count in counts), of=of)
    assert verdicts("PRX-1b", results_of(*arms))[0] == [outcome]


@pytest.mark.parametrize("counts, of, outcome", ORDERS)
def test_the_order_is_paired_at_every_epsilon(counts, of, outcome):
    arms = three_networks(*((5, count) for count in counts), of=of)
    outcomes, evidence = verdicts("PRX-5", results_of(*arms))
    assert outcomes == [outcome]
    shown = "no difference" if counts == (200, 200, 100) else outcome  # by one of the two pairs
    assert "of 20 comparisons " in evidence and f" {shown}" in evidence


def test_the_order_may_not_turn_at_one_epsilon():
    arms = three_networks((5, 200, 300), (5, 300, 200), (5, 100, 100))
    outcomes, evidence = verdicts("PRX-5", results_of(*arms))
    assert outcomes == ["refuted"]
    assert "of 20 comparisons 1 refuted, 19 confirmed" in evidence
    assert "of densenet201 less that of resnext50_32x4d: -10.0 [" in evidence


@pytest.mark.parametrize("at_2, outcome", [(80, "confirmed"), (190, "undecided"), (700, "refuted")])
def test_two_percent_cripple(at_2, outcome):
    arms = [fgsm(900, 300, at_2, protocol=protocol) for protocol in praxis.COMPARED]
    outcomes, evidence = verdicts("PRX-2", results_of(*arms))
    assert outcomes == 2 * [outcome]
    assert f"a rise of +{(900 - at_2) / 10:.1f} [" in evidence


@pytest.mark.parametrize("model", ["mobilenet", "densenet201"])
def test_other_networks_are_judged_by_their_names(model):
    rows = verdicts_on(STUDY.claims, results_of(fgsm(900, 300, 80, model=model)), "reduced")
    where = dict(zip(rows["claim"], rows["where"]))
    for claim in ("PRX-2", "PRX-3a", "PRX-3b", "PRX-4", "PRX-11", "PRX-12"):
        assert where[claim] == f"{model} on imagenet, faithful"


@pytest.mark.parametrize(
    "one_to_four, outcome",
    [
        ((300, 200, 150, 100), "confirmed"),
        ((100, 150, 200, 300), "refuted"),
        ((500, 100, 200, 90), "refuted"),  # significantly back at 3 %
        ((100, 100, 100, 100), "no difference"),
        ((105, 103, 101, 100), "undecided"),
    ],
)
def test_a_rise_until_4_percent(one_to_four, outcome):
    assert verdicts("PRX-3a", results_of(fgsm(900, *one_to_four)))[0] == [outcome]


@pytest.mark.parametrize(
    "at_10, outcome", [(100, "confirmed"), (110, "undecided"), (300, "refuted"), (20, "refuted")]
)
def test_what_comes_after_4_percent(at_10, outcome):
    counts = np.interp(LEVELS, [0, 0.01, 0.04, 0.1], [900, 300, 100, at_10]).round()
    assert verdicts("PRX-3b", results_of(fgsm(*counts)))[0] == [outcome]


@pytest.mark.parametrize(
    "changes, outcome",
    [
        ((1.1, 1.15, 1.2), "confirmed"),
        ((1.1, 1.15, 1.6), "refuted"),
        ((0.7, 1.15, 1.2), "refuted"),
        ((5.1, 5.1, 5.1), "refuted"),
        ((1.1, 1.15, float("nan")), "refuted"),
    ],
)
def test_about_one_grey_level_in_every_image(changes, outcome):
    results = results_of(fgsm(900, 100), mean_change=np.array(changes))
    assert verdicts("PRX-4", results)[0] == [outcome]


@pytest.mark.parametrize(
    "attack, protocol, claim",
    [
        ("CW", "corrected", "PRX-6a"),
        (praxis.AGAIN, "faithful", "PRX-6b"),
        (praxis.STEP, "faithful", "PRX-6b"),
    ],
)
@pytest.mark.parametrize(
    "counts, of, outcome",
    [
        ((4000, 2000), 20_000, "confirmed"),
        ((4000, 2300, 2000), 20_000, "refuted"),  # at 1 % alone
        ((4000, 1700, 2000), 20_000, "refuted"),
        ((400, 400), 400, "undecided"),
    ],
)
def test_what_may_be_cw_is_compared_on_the_images_it_was_given(
    attack, protocol, claim, counts, of, outcome
):
    arms = (
        fgsm(4000, 2000, protocol=protocol, of=20_000),
        fgsm(*counts, protocol=protocol, attack=attack, of=of),
    )
    outcomes, evidence = verdicts(claim, results_of(*arms))
    assert outcomes == [outcome] and f"on {of} images" in evidence
    if claim == "PRX-6a":
        assert "after rounding to 8 bits the top-1 error is 25.00 %" in evidence
    other = {"PRX-6a": "PRX-6b", "PRX-6b": "PRX-6a"}[claim]
    assert verdicts(other, results_of(*arms))[0] == ["not run"]


@pytest.mark.parametrize(
    "seconds, standing, outcome",
    [
        (20.0, Standing.PUBLISHED, "confirmed"),  # FGSM takes 2 seconds
        (6.0, Standing.PUBLISHED, "refuted"),
        (120.0, Standing.PUBLISHED, "refuted"),
        (120.0, Standing.REDUCED, "undecided"),
    ],
)
def test_ten_times_as_long(seconds, standing, outcome):
    arms = (
        fgsm(64, 0, of=64, variant=praxis.TIMING),
        fgsm(64, 0, of=64, protocol="corrected", attack="CW", crafting_seconds=seconds),
    )
    outcomes, evidence = verdicts("PRX-7", results_of(*arms), standing)
    assert outcomes == [outcome] and f", {seconds / 2:.0f} times as long" in evidence
    assert verdicts("PRX-7", results_of(arms[0]))[0] == ["not run"]


def part_b(student, control=8 * [200], under_cw=(0, 0)):
    """Both protocols' FGSM, and CW; right images of student and control."""
    levels, arms = (0.0, *praxis.DISTILLATION_EPSILONS), []
    counts = {"student": student, "control": control, "undefended": 8 * [150]}
    at_any = dict(zip(counts, (*under_cw, 0)))
    for role, under in counts.items():
        correct = [first(800), *map(first, under)]
        view = "logits" if role == "undefended" else "logits / T"
        arm = partial(attacked, praxis.DISTILLED, role=role)
        arms += [
            arm("faithful", "FGSM", levels, correct),
            arm("corrected", "FGSM", levels, correct, view=view),
            arm(
                "corrected",
                "CW",
                (*levels, praxis.ANY),
                [*correct, first(at_any[role])],
                view=view,
            ),
        ]
    return results_of(*arms)


@pytest.mark.parametrize(
    "student, outcome",
    [
        (8 * [400], "confirmed"),
        (8 * [100], "refuted"),
        ([*(7 * [400]), 100], "refuted"),
        ([*(7 * [400]), 200], "refuted"),
        ([*(7 * [400]), 205], "undecided"),
    ],
)
def test_distillation_defends_against_fgsm(student, outcome):
    outcomes, evidence = verdicts("PRX-8", part_b(student))
    assert outcomes == 2 * [outcome]
    assert f"gain over hard labels at T {min(student) / 10 - 20:+.1f} [" in evidence


@pytest.mark.parametrize(
    "under_cw, outcome",
    [((0, 0), "confirmed"), ((20, 0), "undecided"), ((200, 0), "refuted"), ((0, 200), "refuted")],
)
def test_distillation_does_not_help_against_cw(under_cw, outcome):
    results = part_b(8 * [400], under_cw=under_cw)
    outcomes, evidence = verdicts("PRX-9", results)
    assert outcomes == [outcome]
    distances = "of the images that were right and are turned "
    assert f"{distances}0.500 (1000 images) and 0.500 (1000 images)" in evidence
    row = PUBLISHED[PUBLISHED["metric"].str.startswith("accuracy before attack")].iloc[0]
    assert measure(results, link(row), "faithful").value == pytest.approx(0.8)


@pytest.mark.parametrize(
    "confidences, times, outcome",
    [
        ((0.8, 0.9, 0.95), 10, "confirmed"),
        ((0.95, 0.8, 0.7), 10, "refuted"),
        ((0.95, 0.95, 0.7), 10, "undecided"),  # on one of three
        ((0.8, 0.9, 0.95), 1, "undecided"),
        ((0.95, 0.8, 0.7), 1, "undecided"),
    ],
)
def test_confidences_but_for_the_great_white_shark(confidences, times, outcome):
    clean = np.tile(confidences, times)
    shown = {
        "label_names": np.tile(SHARKS, times),
        "label_confidences": np.stack([clean, 0 * clean]),
    }
    outcomes, evidence = verdicts("PRX-10", results_of(fgsm(900, 100), **shown))
    assert outcomes == [outcome]
    assert "three images are not known" in evidence
    assert f"great white shark {confidences[0]:.4f}, tiger shark" in evidence
    assert ("images would decide" in evidence) == (outcome == "undecided")


@pytest.mark.parametrize(
    "top_5, outcome",
    [
        ((0.9, 0.3), "confirmed"),
        ((0.9, 0.44), "undecided"),
        ((0.9, 0.6), "refuted"),
        ((0.9, 0.95), "refuted"),
        ((0.0, 0.0), "not run"),
    ],
)
def test_the_true_class_leaves_the_top_5(top_5, outcome):
    arm, rows, correct = fgsm(900, 100)
    for row in rows:
        row["top_5_accuracy"] = top_5[row["epsilon"] > 0]
    outcomes, evidence = verdicts("PRX-11", results_of((arm, rows, correct)))
    assert outcomes == [outcome]
    if outcome != "not run":
        assert "1 -> 3, 1 -> 8, 1 -> 10" in evidence and "900 images have" in evidence
        assert f"{max(100 - 100 * top_5[1] / 0.9, 0):.1f} [" in evidence


@pytest.mark.parametrize(
    "labels, predictions, outcome",
    [
        (30 * [2], 30 * [395], "confirmed"),
        (30 * [2], [395, *(29 * [500])], "undecided"),
        (30 * [2], 30 * [500], "undecided"),
        (300 * [2], 300 * [500], "refuted"),
        (30 * [2], 30 * [2], "not run"),  # no fish is taken for something else
        (30 * [500], 30 * [2], "not run"),  # there is no fish
    ],
)
def test_fish_become_other_fish(labels, predictions, outcome):
    shown = {"every_label": np.array(labels), "every_prediction": np.array(predictions)}
    assert verdicts("PRX-12", results_of(fgsm(900, 100), **shown))[0] == [outcome]


def test_digits_have_no_pictures_of_imagenet():
    results = results_of(fgsm(900, 300, 80, dataset="digits"))
    rows = verdicts_on(STUDY.claims, results, Standing.STAND_IN)
    outcomes = dict(zip(rows["claim"], rows["outcome"]))
    assert outcomes["PRX-10"] == outcomes["PRX-12"] == "not run"
    assert outcomes["PRX-2"] == outcomes["PRX-3a"] == outcomes["PRX-11"] == "no verdict"


def test_confidences_are_of_the_image_and_rank_that_the_row_names():
    results = results_of(fgsm(900, model="resnext50_32x4d", protocol="corrected"))
    (shown,) = results.pictured.values()
    shown["confidences"] = np.arange(30).reshape(2, 3, 5) / 100
    tied = [link(row) for _, row in PUBLISHED.iterrows()]
    tied = [each for each in tied if each.kind == "confidence" and each.attacks == ("FGSM",)]
    assert {each.index[0] for each in tied} == {2, 3, 4}
    for each in tied:
        shark, rank = each.index
        measured = measure(results, each, "corrected")
        expected = each.factor * (15 + 5 * (shark - 2) + rank - 1) / 100
        assert measured.value == pytest.approx(expected) and measured.images == 1


def test_times_of_a_batch_are_of_crafting_and_classifying_on_a_quiet_machine():
    columns = {"variant": praxis.TIMING, "crafting_seconds": 0.01, "inference_seconds": 0.64}
    arm, rows, correct = attacked(
        VGG19, "faithful", "FGSM", (0.0, 0.02), 2 * [first(64, 64)], **columns
    )
    seconds = seconds_per_iteration(timed(results_of((arm, rows, correct)), VGG19, "FGSM"))
    assert (seconds.value, seconds.images) == (pytest.approx(32 * (0.01 + 0.01)), 64)
    for share in (0.06, np.nan):
        busy = [row | {"others_share": share} for row in rows]
        with pytest.raises(NotTimed, match="other programs"):
            timed(results_of((arm, busy, correct)), VGG19, "FGSM")
