"""The worst of all attacks for every image, and which attack it takes."""

from types import SimpleNamespace

import numpy as np

from made import made_arm, made_results
from reports.worst_case import worst_case

STUDY = SimpleNamespace(headline=(("FGSM", 25.5),))
EPSILONS = [0.0, 0.1, 0.2]


def left(*images: int) -> np.ndarray:
    """bool [3, 100]: all are right without attack, then all but these; all are lost at 0.2."""
    right = np.ones([3, 100], bool)
    right[1, list(images)] = right[2] = False
    return right


def test_every_image_faces_the_attack_that_breaks_it():
    fgsm = made_arm(EPSILONS, left(*range(40)), attack="FGSM")
    pgd = made_arm(EPSILONS, left(*range(45), 99), attack="PGD")
    other = made_arm(EPSILONS, left(*range(10), 50, 51), attack="PGD", view="logits")
    (row,) = worst_case(STUDY, made_results(fgsm, pgd, other)).to_dict("records")
    assert row["network"] == "vgg16 on cifar10, undefended"
    assert (row["within"], row["attacks"]) == ("25.5/255 (linf)", "3")
    assert row["strongest one"] == "54.0 (PGD through softmax)"
    assert row["worst of all"].startswith("52.0 [")
    assert row["images that one alone breaks"] == "PGD through softmax 6, PGD through logits 2"


def test_the_first_images_count_that_all_attack():
    fgsm = made_arm(EPSILONS, left(*range(50, 100)), attack="FGSM")
    few = made_arm(EPSILONS, left(*range(5))[:, :50], attack="AutoAttack")
    (row,) = worst_case(STUDY, made_results(fgsm, few)).to_dict("records")
    assert (row["images"], row["strongest one"]) == ("50", "90.0 (AutoAttack)")
    assert row["images that one alone breaks"] == "AutoAttack 5"


def test_other_norms_networks_and_epsilons_are_other_rows():
    arms = [
        made_arm(EPSILONS, left(1), attack="FGSM"),
        made_arm(EPSILONS, left(2), attack="PGD"),
        made_arm([0.0, 1.0, 2.0], left(3), attack="CW", norm="l2"),
        made_arm([0.0, 1.0, np.inf], left(3), attack="DeepFool", norm="l2"),
        made_arm(EPSILONS, left(4), attack="FGSM", defense="alone"),
        made_arm(EPSILONS, left(5), attack="FGSM", variant="a control"),
    ]
    rows = worst_case(STUDY, made_results(*arms))
    assert rows["within"].tolist() == ["25.5/255 (linf)", "1 (l2)"]
    assert rows["worst of all"].str[:4].tolist() == ["98.0", "99.0"]
    assert worst_case(STUDY, made_results(arms[0])).empty
