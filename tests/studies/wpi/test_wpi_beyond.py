"""What goes beyond the WPI study: attacks towards a class, and feature squeezing."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from wpi_made import ALL_ATTACKS, joined, made, of

from attacks import PGD
from defenses import defended
from evaluation import evaluate
from harness.arms import TRANSFERRED, Protocol
from made import small_arm, verdicts_on
from studies.wpi import arms, attacks, beyond, profiles, report
from studies.wpi.attacks import BLIND, CW, DEEPFOOL, IFGSM
from studies.wpi.claims import CLAIMS
from studies.wpi.defenses import NONE, SINGLE, SMOOTHED, squeezed
from studies.wpi.details import details
from studies.wpi.profiles import MNIST
from studies.wpi.scores import Place

PAPER, LAPTOP, DEMO = (profiles.PROFILES[name] for name in ("paper", "laptop", "demo"))
SQUEEZED = squeezed("mnist")
BUDGETS = (300, 300, 100)  # right images by epsilon of IFGSM; the last is its budget


def in_variant(profile, variant):
    return [arm for arm in arms.arms(profile) if arm.variant == variant]


@pytest.mark.parametrize("profile", [PAPER, LAPTOP], ids=lambda p: p.name)
def test_every_single_defense_is_attacked_towards_a_class_as_it_is_towards_none(profile):
    usual = {arm.key: arm for arm in arms.arms(profile)}
    towards = in_variant(profile, arms.TARGETED)
    assert len(towards) == len(profile.cases) * len(profile.seeds) * 3 * (1 + len(SINGLE))
    for arm in towards:
        same = usual[arm.key.replace("/targeted/", "/main/")]
        same = replace(same, strip_of=None, similarity=False)
        assert arm == replace(same, variant=arms.TARGETED, random_targets=True)
        assert arm.protocol == Protocol.CORRECTED and arm.crafted_on is None
    assert not any(arm.random_targets for arm in usual.values() if arm.variant != arms.TARGETED)


@pytest.mark.parametrize("profile", [PAPER, LAPTOP], ids=lambda p: p.name)
def test_squeezing_meets_every_attack_made_either_way(profile):
    for case in profile.cases:
        of_case = [arm for arm in in_variant(profile, arms.SQUEEZING) if arm.case == case]
        both = [way(each) for each in attacks.EVERY_ATTACK for way in (str, TRANSFERRED.format)]
        assert {arm.attack_name for arm in of_case} == {*both, BLIND}
        assert {arm.defense for arm in of_case} == {squeezed(case.dataset).in_results}
        assert {arm.training.role for arm in of_case} == {"undefended"}
    assert "1 bit" in SQUEEZED.in_results and "5 bit" in squeezed("cifar10").in_results


def test_the_demo_stays_short():
    few = in_variant(DEMO, arms.TARGETED) + in_variant(DEMO, arms.SQUEEZING)
    assert len(few) == 5
    assert not {arm.training for arm in few} - {arm.training for arm in in_variant(DEMO, "main")}


def flat_network() -> keras.Model:
    """Class 0 for dark images, class 1 for bright ones, from 0.5 on."""
    network = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    weights = np.tile([-1.0, 1.0], (16, 1)) / 16
    network.layers[-1].set_weights([weights, np.array([0.5, -0.5])])
    return network


@pytest.mark.parametrize("straight_through, left", [(True, 0.0), (False, 1.0)])
def test_attacks_see_through_the_squeezing(straight_through, left):
    """With the rounding's own gradient the same attack would stand still."""
    (filtered,) = SQUEEZED.applied
    assert filtered.straight_through
    model = defended(flat_network(), [replace(filtered, straight_through=straight_through)])
    images = np.random.default_rng(0).uniform(0.3, 0.45, (8, 4, 4, 1)).astype(np.float32)
    attack = PGD(steps=10, stop_at_success=True)
    assert evaluate(model, images, np.zeros(8, int), attack, [0.3]).correct.mean() == left


def test_what_is_kept_of_an_attack_towards_a_class_has_the_class():
    images, labels = np.full((6, 4, 4, 1), 0.4, np.float32), np.zeros(6, int)
    attack, arm = PGD(steps=5), small_arm()
    bound = evaluate(flat_network(), images, labels, attack, [0.3], targets=labels + 1)
    assert details(arm, bound)["targets"].tolist() == [1] * 6
    assert "targets" not in details(arm, evaluate(flat_network(), images, labels, attack, [0.3]))


def towards(name, right, reached, images=400, **changes):
    """An attack that turns all images but the first, and the last of them to their target."""
    labels = np.arange(images) % 10
    # What is made of an image that is turned is the class after its own.
    targets = np.where(np.arange(images) >= images - reached, labels + 1, labels + 2) % 10
    return made(
        {(NONE, name): right}, variant=arms.TARGETED, targets=lambda name: targets, **changes
    )


def test_a_target_is_compared_with_any_class_on_the_images_that_were_right():
    clean = {NONE: 300}
    free = made({(NONE, IFGSM): BUDGETS}, clean=clean)
    bound = towards(IFGSM, (300, 300, 150), reached=200, clean=clean)
    shown = report._table(joined(free, bound), beyond.targeted, defense=[NONE], attack=[IFGSM])
    (row,) = shown.to_dict("records")
    assert row["images"] == 300
    # Of 300 images 200 are turned; towards targets 150, and the last 100 of these reach theirs.
    assert row["untargeted: another class, %"].startswith("66.7")
    assert row["targeted: not its own class, %"].startswith("50.0")
    assert row["targeted: the target, %"].startswith("33.3")
    assert row["less for the target, points"].startswith("+33.3")
    assert row["times as far"] == ""  # within a budget all go to its edge


def test_outputs_that_are_no_numbers_are_no_success():
    free, bound = made({(NONE, IFGSM): BUDGETS}), towards(IFGSM, BUDGETS, reached=400)
    for kept in (*free.details.values(), *bound.details.values()):
        kept["predictions"][-1, 200:] = -1
    row = beyond.targeted(Place(joined(free, bound), MNIST, Protocol.CORRECTED), NONE, IFGSM)
    assert row["untargeted: another class, %"].startswith("25.0")
    assert row["targeted: the target, %"].startswith("25.0")


def test_how_far_the_target_is_counts_where_both_are_found():
    free = made({(NONE, DEEPFOOL): 0}, l2=lambda name: np.where(np.arange(400) < 300, 9.0, 1.0))
    bound = towards(DEEPFOOL, 0, reached=100, l2=lambda name: 2.5)
    place = Place(joined(free, bound), MNIST, Protocol.CORRECTED)
    assert beyond.targeted(place, NONE, DEEPFOOL)["times as far"].startswith("2.50")
    nowhere = towards(DEEPFOOL, 0, reached=0)
    place = Place(joined(free, nowhere), MNIST, Protocol.CORRECTED)
    assert beyond.targeted(place, NONE, DEEPFOOL)["times as far"] == ""


def both_ways(defense, through, plain, name=CW):
    return {(defense, name): through, (defense, TRANSFERRED.format(name)): plain}


def test_squeezing_stands_beside_the_blur():
    blur = made(both_ways(SMOOTHED, 40, 300) | both_ways(SMOOTHED, 200, 60, IFGSM))
    counts = both_ways(SQUEEZED, 120, 320) | both_ways(SQUEEZED, 160, 330, IFGSM)
    filtered = made(counts | {(SQUEEZED, BLIND): 20}, variant=arms.SQUEEZING, clean={SQUEEZED: 380})
    results = joined(blur, filtered)
    shown = report._table(results, beyond.squeezing, attack=[CW, IFGSM]).set_index("attack")
    assert shown["through the squeezing, %"].str[:4].tolist() == ["30.0", "40.0"]
    assert shown["from the plain network, %"].str[:4].tolist() == ["80.0", "82.5"]
    assert shown["through the blur, %"].str[:4].tolist() == ["10.0", "50.0"]
    paired = shown["squeezing less blur, both through it, points"]
    assert paired.str[:5].tolist() == ["+20.0", "-10.0"]
    (sentence,) = [beyond.squeezed(results, MNIST)]
    for part in ("95.0 [", "worst of IFGSM, CW at", "30.0 [", "10.0 [", "of +20.0 [", "Square"):
        assert part in sentence
    assert "leaves 5.0 [" in sentence
    without = joined(blur, made(counts, variant=arms.SQUEEZING))
    assert "Square" not in beyond.squeezed(without, MNIST)


def test_the_page_has_no_table_of_what_was_not_run():
    results = joined(made(ALL_ATTACKS), made(of(SMOOTHED, *[40] * 4)))
    every = {"attack": attacks.EVERY_ATTACK}
    assert report._table(results, beyond.squeezing, **every).empty
    assert report._table(results, beyond.targeted, defense=[NONE], **every).empty


def test_no_verdict_counts_what_goes_beyond_the_study():
    counts = {}
    for each in (NONE, *SINGLE):
        for name in attacks.EVERY_ATTACK:
            counts |= both_ways(each, 60, 80, name)
    study = made(counts)
    bound = towards(IFGSM, 0, reached=400)
    best = {}
    for name in attacks.EVERY_ATTACK:
        best |= both_ways(SQUEEZED, 400, 400, name)
    filtered = made(best, variant=arms.SQUEEZING)
    more = verdicts_on(CLAIMS, joined(study, bound, filtered))
    assert more.equals(verdicts_on(CLAIMS, study))
