"""The RIT study's questions that the post leaves open: their arms, and what is read off them."""

from dataclasses import asdict

import numpy as np
import pytest
from rit_made import LEVELS, PLACE

from made import made_arm, made_results
from studies.rit_mnist import arms as rit_mnist
from studies.rit_mnist.open_questions import (
    capacity,
    leaking,
    pairs,
    robustness_gained,
    widths,
)
from studies.rit_mnist.profiles import PROFILES

PAPER, LAPTOP, DEMO = (PROFILES[name] for name in ("paper", "laptop", "demo"))
IMAGES = 10_000


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda profile: profile.name)
def test_labels_and_predictions_are_left_on_the_same_images(profile):
    arms = {
        (arm.training.role, arm.attack_name): arm
        for arm in rit_mnist.arms(profile)
        if arm.protocol == "corrected" and arm.training.run == 0
    }
    for role in rit_mnist.MAY_LEAK:
        if role not in profile.cases[rit_mnist.CASE].roles:
            continue
        for source, names in rit_mnist.FGSM_OF.items():
            if (role, source) == ("undefended", "the baseline"):
                assert not {(role, name) for name in names} & set(arms)
                continue
            of_labels, of_predictions = (arms[role, name] for name in names)
            assert (of_labels.predicted_labels, of_predictions.predicted_labels) == (False, True)
            for name in ("attack", "epsilons", "images", "crafted_on", "training"):
                assert getattr(of_labels, name) == getattr(of_predictions, name)
            assert (of_labels.crafted_on is None) == (source == "itself")


def test_the_set_of_predictions_differs_from_that_of_labels_alone():
    of_labels, of_predictions = (
        rit_mnist.training(LAPTOP, role) for role in ("fgsm_untrained", rit_mnist.OF_PREDICTIONS)
    )
    differing = {
        name for name, value in vars(of_labels).items() if value != getattr(of_predictions, name)
    }
    assert differing == {"role", "defense"}
    assert asdict(of_labels.defense) == asdict(of_predictions.defense)


def test_networks_of_other_widths_differ_in_nothing_else():
    usual = rit_mnist.training(DEMO, "on_the_fly")
    for role, width in rit_mnist.WIDTHS.items():
        other = rit_mnist.training(DEMO, role)
        differing = {name for name, value in vars(usual).items() if value != getattr(other, name)}
        assert differing == (set() if role == "on_the_fly" else {"role", "network"})
        assert other.network.width == width * usual.network.width
    for profile, run in ((DEMO, 1), (LAPTOP, 4), (PAPER, 5)):
        attacked = {
            (arm.training.role, arm.attack_name): arm
            for arm in rit_mnist.arms(profile)
            if arm.training.role in rit_mnist.WIDTHS and arm.training.run == 0
        }
        assert sum(name == "PGD" for _, name in attacked) == run
        for (_, name), arm in attacked.items():
            alike = attacked["on_the_fly", name]
            assert (arm.attack, arm.epsilons, arm.images) == (
                alike.attack,
                alike.epsilons,
                alike.images,
            )


def under(role, attack, accuracies, images=IMAGES):
    """An arm; at each epsilon so large a share of the images, the first ones, is correct."""
    shares = np.full(len(LEVELS), accuracies[-1])
    shares[0] = accuracies[0]
    correct = np.arange(images) < np.round(shares * images)[:, np.newaxis]
    place = PLACE | {"protocol": "corrected", "role": role, "attack": attack}
    return made_arm(LEVELS, correct, arm=f"{role} {attack}", **place)


@pytest.mark.parametrize(
    "clean, of_labels, of_predictions, leaks, added",
    [
        (0.95, 0.99, 0.95, "yes", "+4.00"),
        (0.95, 0.99, 0.99, "yes", "+0.00"),
        (0.95, 0.90, 0.91, "no", "-1.00"),
        (0.95, 0.95, 0.95, "no", "+0.00"),  # within a point of the clean images
    ],
)
def test_the_label_leaks_where_fgsm_raises_accuracy(clean, of_labels, of_predictions, leaks, added):
    role, (label, prediction) = "fgsm_untrained", rit_mnist.FGSM_OF["the baseline"]
    results = made_results(
        under(role, label, (clean, of_labels)), under(role, prediction, (clean, of_predictions))
    )
    (pair,) = pairs(results)
    table = leaking([pair])
    assert list(table["epsilon"]) == ["0.1", "0.2", "0.3"]
    assert set(table["network"]) == {"FGSM, untrained"} and set(table["made on"]) == {
        "the baseline"
    }
    assert set(table["label leaks"]) == {leaks}
    assert table["labels minus predictions"][0].startswith(added)
    assert table["minus clean"][0].startswith(f"{100 * (of_labels - clean):+z.2f}")


def test_one_row_of_many_does_not_leak_by_chance():
    """Of 400 images 6 more are right: enough for one interval, and not for three at once."""
    label, prediction = rit_mnist.FGSM_OF["itself"]
    role = "fgsm_untrained"
    arms = [under(role, name, (0.95, 0.965), images=400) for name in (label, prediction)]
    table = leaking(pairs(made_results(*arms)))
    assert table["minus clean"][0].startswith("+1.50 [+0.")
    assert set(table["label leaks"]) == {"undecided"}


def robust(accuracies, images=IMAGES):
    """Results of the network trained on the fly, by role its clean and its robust accuracy."""
    arms = [
        under(role, attack, both, images)
        for role, both in accuracies.items()
        for attack in ("FGSM", "PGD")
    ]
    trained = [
        {"case": "rit_cnn/mnist", "role": role, "stage": role, "parameters": 1000 * number}
        for number, role in enumerate(accuracies, start=1)
    ]
    return made_results(*arms, trainings=trained)


def test_widths_are_compared_with_the_next_narrower():
    every = widths(
        robust(
            {
                "on_the_fly_double": (0.98, 0.80),
                "on_the_fly": (0.98, 0.90),
                "on_the_fly_half": (0.97, 0.90),
                "on_the_fly_eighth": (0.50, 0.30),
            }
        )
    )
    table = capacity(every)
    assert list(table["width"]) == ["0.125", "0.5", "1", "2"]
    assert list(table["parameters"]) == ["4,000", "3,000", "2,000", "1,000"]
    assert list(table["more robust"]) == ["", "yes", "no", "no"]
    assert [gain.split()[0] for gain in table["gain at 0.3"][1:]] == ["+60.0", "+0.0", "-10.0"]
    assert [gain.split()[0] for gain in table["gain in clean"][1:]] == ["+47.0", "+1.0", "+0.0"]
    assert robustness_gained(every[0], every[-1]).value == pytest.approx(0.5)


def test_few_images_do_not_decide_what_width_gives():
    every = widths(robust({"on_the_fly": (0.9, 0.6), "on_the_fly_quarter": (0.9, 0.5)}, images=10))
    assert list(capacity(every)["more robust"]) == ["", "undecided"]


def test_what_was_not_run_gives_no_row():
    results = robust({"on_the_fly": (0.9, 0.6)})
    assert pairs(results) == [] and leaking([]).empty
    assert [one.width for one in widths(results)] == [1.0]
