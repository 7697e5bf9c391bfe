"""What the numbers of NTU show of its audit: as printed, and on results made by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from harness.claims import Run, Standing
from harness.links import read_published
from made import made_arm, made_results
from studies.ntu import STUDY, arms, printed_numbers, units

EPSILONS = np.array([0.0, *arms.LEVELS]) / 255
IMAGES = 1000


def right(*accuracies: float) -> np.ndarray:
    """bool [9, IMAGES]: at each epsilon the first so many images are right."""
    return np.arange(IMAGES) < np.round(IMAGES * np.array(accuracies))[:, None]


def network(role: str, correct: np.ndarray, protocol: str = "faithful", **columns):
    """An arm under PGD, as it is compared with the study."""
    compared = arms.COMPARED[protocol]
    place = {"role": role, "protocol": protocol, "attack": "PGD", "view": compared.views[0]}
    place["defense"] = "none" if role == "undefended" else f"{compared.procedure} {role}"
    return made_arm(EPSILONS, correct, **place | columns)


def shown_of(*made, trainings=None, histories=None) -> dict[str, str]:
    """What the audit says of results made by hand, as if they were of the published size."""
    trainings = trainings or [{"case": "other", "stage": "train-0"}]
    results = made_results(*made, trainings=trainings, histories=histories, compared=arms.COMPARED)
    return STUDY.audit([Run("here", results, Standing.PUBLISHED)])


FALLING = right(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
PLATEAU = right(0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5)


def test_the_printed_numbers_show_what_the_audit_says_of_them():
    shown = STUDY.audit([])
    for number, says in {
        "NTU-A2": "12 of the 12 printed columns of PGD are constant from 0.4 on",
        "NTU-A4": "16 of 16 printed accuracies of VGG-16 under FGSM are below those under PGD",
        "NTU-A5": "above the clean one: 1 of 96",  # VGG-16 on CIFAR-100, PGD at 0.2
        "NTU-A7": "In 63 of 96 cells",
        "NTU-A8": "+6.18 (VGG-16 on CIFAR-100)",
        "NTU-A10": "In 5 of 6 cases",
        "NTU-A17": "11 convolutions (text: 12), 4 max-poolings (text: 5), 2 Dense layers",
        "NTU-A18": "0.0927 after 200 epochs in batches of 128 and of 0.0762",
        "NTU-A21": "32 of the 36 printed averages follow from the tables",
        "NTU-A22": "better in 4 of 8 cells",
    }.items():
        assert says in shown[number]
    assert "FGSM mean drop: 0.50 for 0.1875" in shown["NTU-A21"]


def test_other_printed_numbers_show_something_else(monkeypatch):
    rows = read_published(STUDY.folder).copy()
    is_cell = rows["measures"] == "accuracy under attack"
    last = rows.index[is_cell & (rows["attack"] == "PGD")][-1]
    rows.loc[last, "value"] = "12.3"
    monkeypatch.setattr(printed_numbers, "read_published", lambda folder: rows)
    printed_numbers.cells.cache_clear()
    try:
        assert "11 of the 12 printed columns" in printed_numbers.constant_columns()
        assert "191 of the 192 printed accuracies" in printed_numbers.two_hundred_images()
        # The drop and the gain that the column goes into.
        assert "30 of the 36 printed averages" in printed_numbers.averages()
    finally:
        printed_numbers.cells.cache_clear()


def test_a1_the_printed_share_of_the_clean_accuracy_is_told_apart_from_others():
    stated = units.published_shares(arms.VGG_ON_CIFAR10, "PGD")
    near = network("undefended", right(1.0, *stated))
    far = network("undefended", right(1.0, *stated - 0.1), variant=arms.UNIT)
    text = shown_of(near, far)["NTU-A1"]
    assert re.search(r" by 0\.0 \[\S+ \S+ points \(0-255 grey levels\)", text)
    assert re.search(r", 10\.0 \[\S+ \S+ points \(images in \[0, 1\]\)", text)
    assert "the other units were not run" in text


def test_a2_the_plateau_and_what_steps_that_reach_do():
    moved = network("undefended", PLATEAU, max_linf_to_previous=0.0, mean_linf=0.4 / 255)
    reaching = network("undefended", FALLING, protocol="corrected")
    text = shown_of(moved, reaching)["NTU-A2"]
    assert "moves an image by 0.400 grey levels at 0.4 and by 0.400 at 0.8" in text
    assert "): confirmed" in text and "no pixel changes by more than 0 grey levels" in text
    assert "): refuted" in text and "accuracy changes by -40.0 [" in text
    assert (
        "): refuted" not in shown_of(moved, network("undefended", PLATEAU, "corrected"))["NTU-A2"]
    )


def test_a3_both_steps():
    text_step = network("undefended", FALLING, attack=arms.STEP_OF_THE_TEXT)
    text = shown_of(network("undefended", PLATEAU), text_step)["NTU-A3"]
    assert re.search(r"by \+0\.0 \[\S+ \S+ points with the step of the listing", text)
    assert re.search(r"and by -40\.0 \[\S+ \S+ with that of the text", text)


@pytest.mark.parametrize("again", [0, 30])
def test_a5_images_that_become_right_under_an_attack_on_the_prediction(again):
    faithful = FALLING.copy()
    faithful[2, 900 : 900 + again] = True
    made = network("undefended", faithful), network("undefended", FALLING, "corrected")
    text = shown_of(*made)["NTU-A5"]
    assert f"{again} of 100 become right under an attack on the prediction" in text
    assert "and 0 of 100 under one on the true label" in text


def test_a6_what_rounding_leaves():
    arm, rows, correct = network("undefended", FALLING, out_of_range=0.25, rounded_accuracy=0.9)
    for row in rows[1:5]:
        row["rounds_away"] = 1.0
    text = shown_of((arm, rows, correct))["NTU-A6"]
    assert "is the clean one again at 4 of 8 epsilons" in text
    assert "at 0.8 10.0 [" in text and "right as floats and 90.0 [" in text
    assert "25 % of the images leave" in text


def test_a7_what_as_many_images_as_the_study_tested_can_tell():
    # Of 1,000 images the student gets 600 right and the undefended network 500, all others wrong.
    made = network("undefended", right(*[0.5] * 9)), network("student", right(*[0.6] * 9))
    text = shown_of(*made)["NTU-A7"]
    shown = re.search(
        r"100 draws of 200 of the 1,000 images give the undefended network (\S+) to (\S+) % at 0.8 "
        r"\(all: 50.0\), and distillation a mean gain of \+(\S+) to \+(\S+) points \(all: \+10.0",
        text,
    )
    low, high, least, most = map(float, shown.groups())
    # Standard deviations of draws without replacement: 3.2 and 1.9 points.
    assert 38 < low < 45 and 55 < high < 62 and 3 < least < 8 and 12 < most < 17
    few = [network(role, np.ones((9, 200), bool)) for role in ("undefended", "student")]
    assert "draws of" not in shown_of(*few)["NTU-A7"]


def test_a9_and_a10_the_student_beside_its_control():
    made = [
        network("undefended", FALLING),
        network("student", right(*[0.95] * 9)),
        network("control", right(*[0.92] * 9)),
    ]
    shown = shown_of(*made)
    assert "student less undefended network +5.0 [" in shown["NTU-A9"]
    assert "the student gains +50.0 [" in shown["NTU-A10"]  # 95 less 45, the mean of 80 to 10
    assert "and +3.0 [" in shown["NTU-A10"]


def test_a11_and_a12_the_terms_of_the_loss():
    student = {"role": "student", "procedure": "as_listed", "stage": "train-1", "seed": 0}
    history = {
        "stage": "train-1",
        "student_gradient_norm": [1.0, 2.0],
        "distillation_gradient_norm": [1.0, 1e-3],
        "student_loss": [2.3, 1.6],
    }
    made = network("student", FALLING)
    shown = shown_of(made, trainings=[student], histories=pd.DataFrame(history))
    assert "has 0.0005 times the norm of that of the student term" in shown["NTU-A11"]
    floor = np.log(np.sum(np.exp([1.0] + 9 * [0.0]))) - 1  # of a one-hot output
    assert f"ends at 1.600; with 10 classes it cannot fall below {floor:.3f}" in shown["NTU-A12"]


def test_a15_a_temperature_that_is_kept():
    made = [
        network("student", FALLING, zero_gradient=0.75),
        network("student", PLATEAU, view="softmax at T"),
    ]
    text = shown_of(*made)["NTU-A15"]
    assert "10.0 [8.3, 12.0] % right (gradients that are zero: 75 %) where T is 1" in text
    assert "50.0 [46.9, 53.1] % right (gradients that are zero: 0 %) where T is kept" in text


def test_a16_for_every_image_the_worst_of_all_outputs():
    other = FALLING.copy()
    other[-1] = np.roll(other[-1], 50)
    made = [
        network("student", each, "corrected", view=view, zero_gradient=0.4)
        for view, each in {"logits": FALLING, "logits / T": other}.items()
    ]
    text = shown_of(*made, network("undefended", right(*[0.02] * 9), "corrected"))["NTU-A16"]
    # Of 100 images, 50 are right through both outputs.
    assert "leaves 5.0 [" in text and "a difference of +3.0 [" in text
    assert "is zero on 40 % of the images" in text


def test_a14_by_the_temperature_of_the_training():
    made = [
        network("student", correct, "corrected", variant=f"NTU-A14 T = {temperature}", **columns)
        for temperature, correct, columns in (
            (1, FALLING, {}),
            (200, PLATEAU, {"view": "logits / T"}),
            (200, right(*[0.9] * 9), {"view": "logits"}),
        )
    ]
    text = shown_of(*made)["NTU-A14"]
    assert re.search(r"leaves, by .* 10\.0 \[\S+ \S+ % at 1, 50\.0 \[\S+ \S+ % at 200\.", text)
    assert "Not run here" in shown_of(*made[:1])["NTU-A14"]


def test_a18_and_a19_networks_that_are_trained_otherwise():
    def trained(accuracy: float, protocol: str = "corrected", **columns):
        return {
            "protocol": protocol,
            "role": "undefended",
            "stage": "train-1",
            **{f"{split}_images": 1000 for split in ("validation", "test")},
            **{f"{split}_accuracy": accuracy for split in ("validation", "test")},
        } | columns

    halved = [trained(0.6), trained(0.7, variant=arms.RATE_HALVED)]
    text = shown_of(network("undefended", FALLING), trainings=halved)["NTU-A18"]
    assert re.search(r"60\.0 \[\S+ \S+ % with the listed rate and 70\.0 \[", text)
    resnet = {"case": "resnet50/cifar10", "model": "resnet50"}
    both = [trained(0.8, "faithful", case=resnet["case"]), trained(0.9, case=resnet["case"])]
    text = shown_of(network("undefended", FALLING, **resnet), trainings=both)["NTU-A19"]
    assert re.search(r"80\.0 \[\S+ \S+ % on raw pixels \(faithful\) and 90\.0 \[", text)
