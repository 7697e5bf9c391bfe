"""Printed numbers have one home, and a profile cannot misspell what it reduces."""

from dataclasses import replace

import pytest

from harness.links import printed
from studies import STUDIES
from studies.ntu.published import FOLDER


def test_a_printed_number_is_read_from_the_published_table():
    assert printed(FOLDER, metric="test accuracy", model="VGG-16", dataset="CIFAR-10") == 87.0
    with pytest.raises(
        ValueError, match="{'metric': 'nothing'}, which 0 published values of ntu have"
    ):
        printed(FOLDER, metric="nothing")
    with pytest.raises(ValueError, match="which 6 published values of ntu have; accepted: entr"):
        printed(FOLDER, metric="test accuracy")


@pytest.mark.parametrize(
    "study, name, accepted",
    [
        ("ntu", "vgg16", "faithful, corrected"),
        ("icbai", "papernot_cnn", "faithful, corrected"),
        ("icbai", "alexnet", "imagenet"),
        ("praxis", "vgg19", "FGSM, variants, CW, distillation"),
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
