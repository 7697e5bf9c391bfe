"""What the numbers of Praxis show of its audit: as printed, and on results made by hand."""

import numpy as np
import pytest

from harness.claims import Run, Standing
from harness.links import read_published
from harness.results import Results
from made import made_arm, made_results
from studies.praxis import STUDY, arms, printed_numbers

LEVELS = (0.0, *arms.EPSILONS)
IMAGES = 200


def arm(attack: str, *right: int, protocol: str = "faithful", epsilons=LEVELS, **columns):
    """An attack on VGG-19: how many are right without it, at 1 % and so on; the last stays."""
    counts = (*right, *[right[-1]] * (len(epsilons) - len(right)))
    columns = {"top_5_accuracy": 1.0, "variant": "main", "gradient_evaluations": 90.0} | columns
    case = arms.CLASSIFIERS["vgg19"]
    return made_arm(
        epsilons,
        [np.arange(IMAGES) < count for count in counts],
        **dict(case=str(case), model=case.model, protocol=protocol, attack=attack, view="logits"),
        **dict(published_dataset="imagenet", dataset="imagenet", **columns),
    )


def results_of(*made, **mean_change: float) -> Results:
    """`mean_change` in grey levels of the pictured images, by protocol."""
    pictures = np.zeros((3, 16, 16, 3), np.uint8)
    pictured = {
        name: {
            "images": pictures,
            "adversarial": pictures + 1,
            "mean_change": np.full(3, mean_change.get(rows[0]["protocol"], 1.0)),
            "largest_change": np.full(3, 10.0),
        }
        for name, rows, _ in made
    }
    training = [{"case": "other", "stage": "train-0"}]
    return made_results(*made, trainings=training, compared=arms.COMPARED, pictured=pictured)


def shown_of(results: Results) -> dict[str, str]:
    return STUDY.audit([Run("here", results, Standing.PUBLISHED)])


def test_the_printed_numbers_show_what_the_audit_says_of_them():
    shown = STUDY.audit([])
    for number, says in {
        "PRX-A1": "126 of the 126 printed error rates are multiples of 0.02 %",
        "PRX-A3": "56 of the 60 printed errors under CW equal those under FGSM, and 30 of the 30",
        "PRX-A4": "2 of them are in table 3 for image 23, and 3 for image 18",
        "PRX-A5": "table 3, image 12: 1.0004",
        "PRX-A8": "0.87, less that of the network before it, without attack, 0.79, is +0.08",
        "PRX-A10": "10.6 on ResNeXt50_32x4d, 12.4 on DenseNet201, 21.0 on VGG-19; FGSM is fastest "
        "on VGG-19, and CW slowest on VGG-19",
    }.items():
        assert says in shown[number]
    assert "15 of 15 confidences and classes" in shown["PRX-A3"]


def test_other_printed_numbers_show_something_else(monkeypatch):
    rows = read_published(STUDY.folder).copy()
    errors = rows.index[(rows["table"] == "Table 8") & (rows["metric"] == "top-1 error")]
    confidences = rows.index[rows["table"] == "Table 7"]
    rows.loc[errors[0], "value"] = "12.35"
    rows.loc[confidences[-1], "value"] = "0.9"
    monkeypatch.setattr(printed_numbers, "read_published", lambda folder: rows)
    caches = printed_numbers.errors, printed_numbers.confidences
    for cached in caches:
        cached.cache_clear()
    try:
        shown = printed_numbers.cw_repeats_fgsm()
        assert "55 of the 60" in shown and "29 of the 30" in shown and "14 of 15" in shown
        assert "125 of the 126" in printed_numbers.five_thousand_images()
        assert printed_numbers.sums_of_confidences().startswith("3 of 9 lists")
    finally:
        for cached in caches:
            cached.cache_clear()


def test_a2_grey_levels_in_both_units():
    made = arm("FGSM", 180, 60), arm("FGSM", 180, 20, protocol="corrected")
    text = shown_of(results_of(*made, faithful=1.15, corrected=5.1))["PRX-A2"]
    assert "by 1.15 grey levels on average between standardised images, and by 5.10" in text


@pytest.mark.parametrize("equal", [10, 7])
def test_a3_fgsm_run_again_beside_fgsm(equal):
    again = [180, *[60] * equal, *[61] * (10 - equal)]
    text = shown_of(results_of(arm("FGSM", 180, 60), arm(arms.AGAIN, *again)))["PRX-A3"]
    assert f"{arms.AGAIN}: the top-1 error is FGSM's at {equal} of 10 epsilons" in text


def test_a3_cw_has_its_own_search():
    fgsm = arm("FGSM", 180, 40, protocol="corrected", units="pixels")
    counts = (180, *[60] * 10, 0)
    cw = arm("CW", *counts, protocol="corrected", epsilons=(*LEVELS, 1.0), rounded_accuracy=0.75)
    text = shown_of(results_of(fgsm, cw))["PRX-A3"]
    assert "makes 100.0 [" in text and "25.0 [" in text  # three quarters of the rounded are right
    assert "its top-1 error less FGSM's is -10.0 [" in text  # 140 wrong, 160 under FGSM


def test_a7_errors_without_attack():
    text = shown_of(results_of(arm("FGSM", 176, 40, protocol="corrected")))["PRX-A7"]
    assert "12.00 [" in text and "10.16 to 19.88 %" in text


def test_a10_times_are_a_ratio_of_seconds_per_image():
    seconds = {"inference_seconds": 0.0, "seconds": 1.0}
    fgsm = arm("FGSM", 180, 40, variant=arms.TIMING, crafting_seconds=0.01, **seconds)
    cw = arm("CW", 180, 40, protocol="corrected", crafting_seconds=0.25, **seconds)
    assert "CW takes 25 times as long as FGSM" in shown_of(results_of(fgsm, cw))["PRX-A10"]


def test_a11_errors_on_the_images_that_were_right():
    text = shown_of(results_of(arm("FGSM", 160, 100, 40, out_of_range=0.9)))["PRX-A11"]
    assert "80.0 [" in text  # 160 of all 200 at 2 %
    assert "% of all images are wrong, and 75.0 [" in text  # 120 of 160
    assert "90 % of the images leave" in text
