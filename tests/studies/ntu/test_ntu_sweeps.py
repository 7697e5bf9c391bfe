"""The sweeps over temperature and alpha: their arms, and what their table and picture show."""

from collections import defaultdict

import matplotlib.image
import numpy as np
import pytest

from attacks import CarliniWagner
from evaluation import Estimate
from made import made_arm, made_results
from studies.ntu import arms, sweeps
from studies.ntu.profiles import PROFILES

EPSILONS = np.array([0.0, 0.8 / 255])
SWEPT = {variant for values in arms.SWEEPS.values() for variant in values}


@pytest.mark.parametrize("profile", [PROFILES["paper"], PROFILES["laptop"]], ids=lambda p: p.name)
def test_every_value_is_trained_once_and_attacked_in_every_way(profile):
    attacked = defaultdict(set)
    networks = {}
    for arm in arms.arms(profile):
        if arm.variant in SWEPT:
            attacked[arm.variant].add((arm.attack_name, arm.view))
            networks[arm.variant] = arm.training
            assert arm.case == arms.VGG_ON_CIFAR10 and arm.training.seed == 1
    assert set(attacked) == SWEPT
    through = {(name, view) for name in ("FGSM", "PGD") for view in ("logits", "logits / T")}
    for variant, value in arms.SWEEPS["temperature"].items():
        assert networks[variant].temperature == value and networks[variant].alpha == 0.2
        views = through if value != 1 else {(name, "logits") for name, _ in through}
        assert attacked[variant] == views | {("CW", "logits")}
    for variant, value in arms.SWEEPS["alpha"].items():
        assert networks[variant].alpha == value and networks[variant].temperature == 200


def test_a_student_at_the_studys_values_is_the_one_that_is_there_already():
    """In the paper profile; the laptop's are trained on fewer images."""
    for name, is_same in (("paper", True), ("laptop", False)):
        of_profile = arms.arms(PROFILES[name])
        (student,) = {
            arm.training
            for arm in of_profile
            if (arm.variant, arm.defense) == ("main", "corrected student")
            and arm.case == arms.VGG_ON_CIFAR10
            and arm.training.seed == 1
        }
        for variant in ("NTU-A14 T = 200", "NTU-A14 alpha = 0.2"):
            (swept,) = {arm.training for arm in of_profile if arm.variant == variant}
            assert (swept == student) == is_same
            assert swept.teacher == student.teacher


def test_carlini_and_wagner_go_any_distance_on_a_few_images():
    every = [arm for arm in arms.arms(PROFILES["laptop"]) if arm.attack_name == "CW"]
    assert len(every) == len(SWEPT)
    for arm in every:
        assert isinstance(arm.attack, CarliniWagner) and arm.epsilons == (np.inf,)
        assert arm.images == arms.CW_IMAGES == 200


def left(share: float) -> np.ndarray:
    """bool [2, 200]: nine in ten are right without attack, and so large a share under it."""
    return np.arange(200) < np.round(200 * np.array([[0.9], [share]]))


def measured(temperatures: list[float]) -> list:
    """Students whose logits hide their gradient the more, the hotter they were trained."""
    made = []
    for temperature in temperatures:
        place = {
            "variant": f"NTU-A14 T = {temperature:g}",
            "protocol": "corrected",
            "role": "student",
            "defense": "corrected student",
            "gradient_l2": 1 / temperature,
            "zero_gradient": 1 - 1 / temperature,
        }
        seen, hidden = {"view": "logits"}, {"view": "logits / T"}
        shares = {"FGSM": 0.5, "PGD": 0.8 - 0.5 / temperature}
        made += [made_arm(EPSILONS, left(s), attack=a, **seen, **place) for a, s in shares.items()]
        if temperature > 1:
            made.append(made_arm(EPSILONS, left(0.3), attack="PGD", **hidden, **place))
        cw = {"attack": "CW", "norm": "l2", "fooled_mean_l2": 0.25, **seen}
        made.append(made_arm([0.0, np.inf], left(0.0), **cw, **place))
    return made


def test_the_table_has_a_row_for_each_value_that_was_run():
    rows = sweeps.swept(made_results(*measured([1.0, 200.0])), "temperature")
    assert list(rows["value"]) == [1.0, 200.0]
    shown = sweeps.table(rows, "temperature").to_dict("records")
    half = Estimate.share(0.5, 200).percent()
    assert shown[0] == {
        "T": "1",
        "without attack": Estimate.share(0.9, 200).percent(),
        "FGSM": half,
        "PGD": Estimate.share(0.3, 200).percent(),
        "PGD through logits / T": Estimate.share(0.3, 200).percent(),  # the same output
        "CW, any distance": Estimate.share(0.0, 200).percent(),
        "CW, mean L2": "0.25",
        "input gradient (L2)": "1",
        "gradient exactly zero": "0",
    }
    assert shown[1]["PGD"].startswith("80.0 [") and shown[1]["gradient exactly zero"] == "0.995"
    assert shown[1]["PGD through logits / T"].startswith("30.0 [")
    assert sweeps.swept(made_results(*measured([1.0])), "alpha").empty


def test_what_was_not_measured_is_left_out(tmp_path):
    arm, rows, correct = measured([20.0])[0]
    for row in rows:
        del row["gradient_l2"], row["zero_gradient"]
    swept = sweeps.swept(made_results((arm, rows, correct)), "temperature")
    (shown,) = sweeps.table(swept, "temperature").to_dict("records")
    assert shown["FGSM"].startswith("50.0 [")
    assert [name for name, text in shown.items() if not text] == list(shown)[3:]


def test_the_picture_has_a_panel_for_each_quantity(tmp_path, monkeypatch):
    rows = sweeps.swept(made_results(*measured([1.0, 20.0, 200.0])), "temperature")
    sweeps.draw(rows, "temperature", "a title", tmp_path / "all.png")
    some = rows.assign(**{"CW, mean L2": np.nan})
    sweeps.draw(some, "temperature", "a title", tmp_path / "some.png")
    seen = []
    monkeypatch.setattr(sweeps, "sweep", lambda drawn, *_, **__: seen.append(drawn))
    sweeps.draw(rows.assign(**{"CW, any distance": Estimate(np.nan)}), "temperature", "", tmp_path)
    first = next(iter(seen[0].values()))
    assert [line.label for line in first] == ["without attack", *list(rows)[2:5]]  # CW is left out
    tall, short = (
        matplotlib.image.imread(tmp_path / f"{each}.png").shape for each in ("all", "some")
    )
    assert tall[0] > 1.2 * short[0] and tall[1] == short[1]
