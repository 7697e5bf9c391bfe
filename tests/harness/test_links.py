"""Printed numbers have one home, and a profile cannot misspell what it reduces."""

from dataclasses import replace

import pytest

from harness.links import printed
from studies import STUDIES
from studies.rit_mnist import published as rit_mnist_published


def test_a_printed_number_is_read_from_the_published_table():
    assert printed("ntu", metric="test accuracy", model="VGG-16", dataset="CIFAR-10") == 87.0
    with pytest.raises(ValueError, match="0 published values of ntu have {'metric': 'nothing'}"):
        printed("ntu", metric="nothing")
    with pytest.raises(ValueError, match="6 published values of ntu .*; accepted: entries of one"):
        printed("ntu", metric="test accuracy")


def test_the_curve_that_the_post_prints():
    epsilons, percent = rit_mnist_published.baseline_under_fgsm()
    assert epsilons == (0, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert percent == (99, 79, 24, 10, 10, 10, 10, 10)
    assert rit_mnist_published.training_losses("fgsm_retrained") == (0.203, 0.002)
    assert rit_mnist_published.limit("pgd_retrained") == 0.25


@pytest.mark.parametrize(
    "study, name, accepted",
    [
        ("ntu", "vgg16", "faithful, corrected"),
        ("icbai", "papernot_cnn", "faithful, corrected"),
        ("icbai", "alexnet", "imagenet"),
        ("praxis", "resnext50_32x4d", "FGSM, variants, CW, distillation"),
        ("rit_mnist", "rit_cnn", "faithful, corrected, AutoAttack"),
        ("wpi", "mnist", "faithful, corrected"),
    ],
)
def test_a_misspelled_group_of_attacks_does_not_mean_all_images(study, name, accepted):
    profile = STUDIES[study].profiles["demo"]
    misspelled = replace(profile.scales[name], attack_images={"corected": 10})
    profile = replace(profile, scales=profile.scales | {name: misspelled})
    with pytest.raises(ValueError, match=f"attack_images has 'corected'; accepted: {accepted}"):
        STUDIES[study].arms(profile)
