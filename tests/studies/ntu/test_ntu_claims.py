"""Verdicts on results whose answer is known by construction."""

import numpy as np
import pandas as pd
import pytest

from harness import links
from harness.claims import judged
from made import made_arm, made_results
from studies.ntu.arms import COMPARED
from studies.ntu.claims import CLAIMS
from studies.ntu.published import FOLDER

EPSILONS = np.arange(0, 9) / 10 / 255
IMAGES = 400


def curve(*accuracies: float) -> np.ndarray:
    """bool [9, IMAGES]: at each epsilon the first so many images are correct."""
    return np.arange(IMAGES) < IMAGES * np.array(accuracies)[:, None]


FALLING = curve(0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
PLATEAU = curve(0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.5)


def verdicts_of(outcomes: dict, seconds=(100.0, 100.0, 100.0), profile="paper") -> pd.DataFrame:
    """Verdicts on results that hold these (protocol, role, attack) outcomes."""
    arms = []
    for (protocol, role, attack), values in outcomes.items():
        procedure, (view, *_) = COMPARED[protocol]
        defense = "none" if role == "undefended" else f"{procedure} {role}"
        columns = dict(protocol=protocol, view=view, role=role, defense=defense, attack=attack)
        arms.append(made_arm(EPSILONS, values, mean_linf=0.0, **columns))
    trainings = [
        {
            "role": role,
            "seconds": taken,
            "test_images": 200,
            **{f"{split}_accuracy": 0.87 for split in ("train", "validation", "test")},
        }
        for role, taken in zip(("undefended", "teacher", "student"), seconds, strict=True)
    ]
    results = made_results(*arms, trainings=trainings, run={"profile": profile})
    return pd.DataFrame([vars(verdict) for verdict in judged(CLAIMS, results)])


def outcome(verdicts: pd.DataFrame, claim: str, where: str) -> str:
    (ruling,) = verdicts[
        (verdicts["claim"] == claim) & verdicts["where"].str.contains(where, regex=False)
    ]["outcome"]
    return ruling


def everything(undefended, student, control, protocol="faithful"):
    return {
        (protocol, role, attack): values
        for role, values in (("undefended", undefended), ("student", student), ("control", control))
        for attack in ("FGSM", "PGD")
    }


def test_every_claim_has_a_verdict_whatever_was_run():
    verdicts = verdicts_of({("faithful", "undefended", "FGSM"): FALLING})
    assert list(dict.fromkeys(verdicts["claim"])) == [f"NTU-{n}" for n in range(1, 17)]
    for claim in ("NTU-3", "NTU-7", "NTU-14"):
        assert (verdicts[verdicts["claim"] == claim]["outcome"] == "not run").all()


def test_accuracy_falls_unless_a_step_upward_is_significant():
    verdicts = verdicts_of(
        {
            ("faithful", "undefended", "FGSM"): FALLING,
            ("faithful", "undefended", "PGD"): curve(0.9, 0.5, 0.6, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4),
            ("faithful", "student", "FGSM"): curve(*[0.9] * 9),
        }
    )
    assert outcome(verdicts, "NTU-1", "undefended, FGSM") == "confirmed"
    assert outcome(verdicts, "NTU-1", "undefended, PGD") == "refuted"
    assert outcome(verdicts, "NTU-1", "student, FGSM") == "undecided"


def test_the_plateau_is_confirmed_as_run_and_refuted_as_a_property():
    verdicts = verdicts_of(
        {
            ("faithful", "undefended", "PGD"): PLATEAU,
            ("corrected", "undefended", "PGD"): FALLING,
            ("faithful", "student", "PGD"): FALLING,
        }
    )
    assert outcome(verdicts, "NTU-2", "undefended, as run") == "confirmed"
    assert outcome(verdicts, "NTU-2", "undefended, as a property") == "refuted"
    assert outcome(verdicts, "NTU-2", "student, as run") == "refuted"


def test_the_clean_accuracy_that_is_claimed_is_read_from_the_published_table(monkeypatch):
    run = {("faithful", "undefended", "FGSM"): FALLING}
    evidence = verdicts_of(run).set_index("claim")["evidence"]["NTU-11"]
    assert evidence.startswith("published 87.0, measured 87.0 [81.6, 91.0] %")

    table = links.read_published(FOLDER).copy()
    table.loc[table["metric"] == "test accuracy", "value"] = "12.50"
    monkeypatch.setattr(links, "read_published", lambda folder: table)
    evidence = verdicts_of(run).set_index("claim")["evidence"]["NTU-11"]
    assert evidence.startswith("published 12.5, measured 87.0 [81.6, 91.0] %")


HIGH = curve(*[0.95] * 9)


@pytest.mark.parametrize(
    "student, control, expected",
    [
        (HIGH, FALLING, "confirmed"),
        # As good as its control: no effect of distillation, however large the gain.
        (HIGH, HIGH, "undecided"),
        (FALLING, curve(*[0.1] * 9), "undecided"),
        (curve(*[0.1] * 9), FALLING, "refuted"),
    ],
    ids=["beats both", "equals control", "equals undefended", "worse"],
)
def test_distillation_helps_only_if_it_beats_undefended_and_control(student, control, expected):
    verdicts = verdicts_of(everything(FALLING, student, control))
    assert outcome(verdicts, "NTU-3", "faithful, PGD") == expected


def test_better_everywhere_needs_every_cell():
    better = curve(0.9, 0.95, 0.95, 0.95, 0.95, 0.6, 0.5, 0.4, 0.3)
    verdicts = verdicts_of(everything(FALLING, better, FALLING))
    assert outcome(verdicts, "NTU-6", "faithful") == "confirmed"
    worse_once = better.copy()
    worse_once[3] = curve(*[0.2] * 9)[3]
    verdicts = verdicts_of(everything(FALLING, worse_once, FALLING))
    assert outcome(verdicts, "NTU-6", "faithful") == "refuted"


def test_gain_at_small_epsilon_is_a_contrast_of_gains():
    early = curve(0.9, 0.99, 0.99, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
    assert outcome(verdicts_of(everything(FALLING, early, FALLING)), "NTU-5", "PGD") == "confirmed"
    late = curve(0.9, 0.85, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9)
    assert outcome(verdicts_of(everything(FALLING, late, FALLING)), "NTU-5", "PGD") == "refuted"


def test_pgd_is_compared_with_fgsm_where_its_steps_reach():
    weaker_beyond = {
        (protocol, "undefended", attack): values
        for protocol in ("faithful", "corrected")
        for attack, values in (("FGSM", FALLING), ("PGD", PLATEAU))
    }
    verdicts = verdicts_of(weaker_beyond)
    # Faithful PGD cannot follow beyond 0.4; corrected PGD has no such excuse.
    assert outcome(verdicts, "NTU-10", "faithful, undefended") == "confirmed"
    assert outcome(verdicts, "NTU-10", "corrected, undefended") == "refuted"


def test_training_time_counts_teacher_and_student():
    base = {("faithful", "undefended", "FGSM"): FALLING}
    slow = verdicts_of(base, seconds=(100.0, 60.0, 60.0))
    assert outcome(slow, "NTU-12", "vgg16") == "confirmed"
    cheap = verdicts_of(base, seconds=(200.0, 50.0, 50.0))
    assert outcome(cheap, "NTU-12", "vgg16") == "refuted"
    reduced = verdicts_of(base, seconds=(200.0, 50.0, 50.0), profile="laptop")
    assert outcome(reduced, "NTU-12", "vgg16") == "undecided"
