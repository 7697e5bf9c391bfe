"""MobileNetV2 in the place of the networks with ImageNet weights."""

import numpy as np
import pandas as pd
import pytest

from harness.arms import Case
from harness.claims import Standing
from harness.results import selected
from made import TRAINING, made_arm, made_results, verdicts_on
from reports.compare import Status, compare
from studies import STUDIES
from studies.ntu import arms, report
from studies.ntu.claims import CLAIMS
from studies.ntu.published import NAMES

NTU, PLACE = STUDIES["ntu"], Case("mobilenet_v2", "cifar10")
GREY = np.array([0.0, *arms.LEVELS])


def attacked(case: Case, role: str, left: float, protocol: str = "faithful"):
    """FGSM leaves so much of what is right without attack."""
    columns = {"case": str(case), "model": case.model, "published_dataset": case.dataset}
    columns |= {"dataset": case.dataset, "protocol": protocol, "attack": "FGSM", "role": role}
    columns |= {"defense": "none" if role == "undefended" else f"as_listed {role}"}
    columns |= {"view": "softmax"}
    right = np.arange(100) < np.array([90, *[100 * left] * 8])[:, None]
    return made_arm(GREY / 255, right, **columns)


@pytest.fixture
def results():
    roles = {"undefended": 0.4, "student": 0.6, "control": 0.4}
    every = [attacked(PLACE, role, left) for role, left in roles.items()]
    numbers = {"seconds": 9.0, "epochs": 2, "best_epoch": 1, "parameters": 7, "temperature": 1.0}
    for split in ("train", "validation", "test"):
        numbers |= {f"{split}_accuracy": 0.9, f"{split}_images": 100}
    training = TRAINING | {"case": str(PLACE), "stage": "a", "alpha": 1.0, **numbers}
    epochs = dict.fromkeys(("accuracy", "val_accuracy", "loss", "val_loss", "seconds"), 0.5)
    return made_results(
        *every,
        trainings=[training],
        histories=pd.DataFrame([{"stage": "a", "epoch": 0, **epochs}]),
        run={"study": "ntu", "profile": "laptop"},
        compared=arms.COMPARED,
    )


def test_what_is_printed_of_two_networks_is_measured_on_the_one_that_stands_in(results):
    rows = compare(NTU, results)
    fgsm = selected(rows, kind="accuracy under attack", attack="FGSM")
    for case, (model, dataset) in NAMES.items():
        cells = selected(fgsm, model=model, dataset=dataset)
        assert len(cells) == 16
        stands_in = case.model != "vgg16" and dataset == "CIFAR-10"
        assert set(cells["status"]) == {Status.OTHER_NETWORK if stands_in else Status.NOT_RUN}
        assert set(cells["on"]) == {str(PLACE) if stands_in else ""}
    of_one = fgsm[fgsm["on"] != ""]
    expected = np.where(of_one["defense"] == "none", 40.0, 60.0)
    np.testing.assert_allclose(of_one["faithful"], expected)


def test_the_page_names_it(results, tmp_path):
    shown = report.contents(results, compare(NTU, results), tmp_path)
    tables = {each["case"]: each for each in shown["accuracy_tables"] if each["measured"]}
    assert list(tables) == [
        f"mobilenet_v2 on cifar10, which stands in for {model}/cifar10"
        for model in ("resnet50", "inception_v3")
    ]
    for each in tables.values():
        assert set(each["rows"]["control: faithful"][:8]) == {"40.0"}
    assert list(shown["clean"]["model and data"]) == ["mobilenet_v2 on cifar10"]
    assert list(shown["clean"]["test, published"]) == [""]


def test_it_speaks_to_claims_about_mechanisms_and_not_of_the_studys_accuracies(results):
    verdicts = verdicts_on(CLAIMS, results, Standing.REDUCED).set_index("claim")
    helps = verdicts.loc["NTU-3"]
    assert helps["where"] == "mobilenet_v2 on cifar10, faithful, FGSM"
    assert helps["outcome"] == "confirmed"
    assert verdicts.loc["NTU-11a", "outcome"] == "not run"
