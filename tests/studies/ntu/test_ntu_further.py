"""What the study did not do: its arms, where they are shown, and where they must not count."""

from collections import defaultdict

import numpy as np
import pytest

from attacks import JSMA
from harness.arms import Case
from made import made_arm, made_results, verdicts_on
from reports.compare import compare
from reports.worst_case import worst_case
from studies import STUDIES
from studies.ntu import arms, further
from studies.ntu.claims import CLAIMS
from studies.ntu.profiles import PROFILES

SIMPLE, SIGNS = Case("papernot_cnn", "cifar10"), Case("vgg16", "gtsrb")
RUN = [PROFILES["paper"], PROFILES["laptop"]]
GREY = np.array([0.0, *arms.LEVELS, 8.0])


def new_arms(profile):
    """Those of the first seed."""
    every = [arm for arm in arms.arms(profile) if arm.variant == "not in the study"]
    return [arm for arm in every if arm.training.run == 0]


@pytest.mark.parametrize("profile", RUN, ids=lambda p: p.name)
def test_jsma_is_run_on_every_corrected_network_and_through_every_output(profile):
    through = defaultdict(set)
    for arm in new_arms(profile):
        if isinstance(arm.attack, JSMA):
            assert (arm.case, arm.protocol) == (arms.VGG_ON_CIFAR10, "corrected")
            assert arm.epsilons == (np.inf,) and arm.images == profile.jsma_images
            assert arm.attack.theta == 1 and arm.attack.gamma * 784 == pytest.approx(112)
            assert f"JSMA, {arm.attack.output}" == arm.attack_name
            through[arm.defense].add((arm.attack.output, arm.view))
    plain = {("logits", "logits"), ("probabilities", "logits")}
    softened = plain | {("probabilities", "logits / T")}
    assert through == {
        "none": plain,
        "corrected student": softened,
        "corrected control": plain,  # trained at T = 1
        "papernot student": softened,
        "papernot control": softened,
    }


@pytest.mark.parametrize("profile", RUN, ids=lambda p: p.name)
def test_a_simpler_network_and_a_third_data_set_go_through_the_corrected_protocol(profile):
    assert not {SIMPLE, SIGNS} & {*arms.CASES, *profile.cases}
    through = defaultdict(set)
    for arm in new_arms(profile):
        if not isinstance(arm.attack, JSMA):
            assert arm.protocol == "corrected" and arm.training.split == "held-out"
            assert arm.training.dataset == arm.case.dataset
            through[arm.case, arm.defense].add((arm.attack_name, arm.view))
    seen = {(attack, "logits") for attack in arms.ATTACKS}
    softened = seen | {(attack, "logits / T") for attack in arms.ATTACKS}
    defenses = {"none": seen, "corrected student": softened, "corrected control": seen}
    assert through == {(c, d): v for c in (SIMPLE, SIGNS) for d, v in defenses.items()}


def test_the_networks_are_trained_as_the_studys_own():
    paper = PROFILES["paper"]
    student = arms.training(paper, SIGNS, "corrected", "student", 0, "corrected")
    own = arms.training(paper, arms.VGG_ON_CIFAR10, "corrected", "student", 0, "corrected")
    assert (student.recipe, student.network) == (own.recipe, own.network)
    assert (student.temperature, student.alpha) == (200, 0.2)
    simple = arms.training(paper, SIMPLE, "corrected", "undefended")
    assert simple.network.model == "papernot_cnn" and simple.recipe.optimizer == "Adam"


def test_there_are_none_in_the_demo():
    assert not new_arms(PROFILES["demo"])


def left(share: float, clean: float = 0.9) -> np.ndarray:
    """bool [1 + E, 100]: so many are right without attack, and at every epsilon."""
    return np.arange(100) < np.round(100 * np.array([clean, *[share] * (len(GREY) - 1)]))[:, None]


def networks(case: Case, variant: str, undefended: float, student: float, hidden: float) -> list:
    """FGSM and PGD leave so much; of the student also through logits / T."""
    place = {"case": str(case), "model": case.model, "published_dataset": case.dataset}
    place |= {"dataset": case.dataset, "protocol": "corrected", "variant": variant}
    made = []
    for attack in arms.ATTACKS:
        for role, defense, view, share in (
            ("undefended", "none", "logits", undefended),
            ("student", "corrected student", "logits", student),
            ("student", "corrected student", "logits / T", hidden),
            ("control", "corrected control", "logits", undefended),
        ):
            columns = {"role": role, "defense": defense, "view": view, "attack": attack}
            made.append(made_arm(GREY / 255, left(share), **place, **columns))
    return made


def jsma(attack: str, view: str, clean: float, share: float, **columns):
    """One arm of JSMA on the student, which leaves so much."""
    place = {"variant": "not in the study", "protocol": "corrected", "role": "student"}
    place |= {"defense": "corrected student", "view": view, "attack": attack, "norm": "l0"}
    turned = {"fooled": round(100 * (clean - share)), "fooled_mean_l0": 61.2}
    turned |= {"fooled_mean_l0_share": 61.2 / 3072, "kind": "other"}
    return made_arm([0.0, np.inf], left(share, clean)[:2], **place | turned | columns)


def test_the_student_is_compared_on_the_same_images_at_the_worse_of_its_outputs():
    made = networks(arms.VGG_ON_CIFAR10, "main", 0.3, 0.6, 0.6)
    made += networks(SIMPLE, "not in the study", 0.3, 0.8, 0.2)
    rows = further.paired(made_results(*made))
    assert list(dict.fromkeys(rows["network"])) == [
        "vgg16 on cifar10 (the study's)",
        "papernot_cnn on cifar10 (not in the study)",
    ]
    simple = rows[rows["network"].str.startswith("papernot_cnn")]
    assert list(simple["epsilon"]) == ["clean", "0.8/255", "8/255"] * 2
    clean, attacked = simple.iloc[0], simple.iloc[1]
    assert clean["student less undefended"].startswith("+0.0 [")
    assert attacked["student"].startswith("20.0 [")  # through logits alone it would be 80
    assert attacked["student less undefended"].startswith("-10.0 [")
    study = rows[rows["network"].str.startswith("vgg16")].iloc[1]
    assert study["student less control"].startswith("+30.0 [")


def called(row) -> str:
    return row["role"]


def test_success_counts_images_that_were_right():
    made = [
        jsma("JSMA, logits", "logits", 0.5, 0.1),
        jsma("JSMA, probabilities", "logits", 0.5, 0.5, fooled=0, fooled_mean_l0=np.nan),
        jsma("JSMA, probabilities", "logits / T", 0.0, 0.0, fooled=0, fooled_mean_l0=np.nan),
    ]
    shown = further.jsma(made_results(*made), called).to_dict("records")
    turned = [row["turned, of those right"] for row in shown]
    assert turned[0].startswith("80.0 [") and turned[1].startswith("0.0 [") and turned[2] == ""
    assert [row["values changed, mean"] for row in shown] == ["61", "", ""]
    assert [row["share of all values"] for row in shown] == ["2.0 %", "", ""]
    assert [row["derivatives of"] for row in shown] == ["logits", "probabilities", "probabilities"]


def test_what_was_not_run_is_not_shown():
    """As in results that were made before, which have no column of L0 distances either."""
    results = made_results(*networks(arms.VGG_ON_CIFAR10, "main", 0.3, 0.6, 0.6))
    assert further.jsma(results, called).empty
    assert further.paired(results).empty and not further.was_run(results)


PLAIN = {"protocol": "corrected", "seconds": 1.0, "stage": "train-0"}
for split in ("train", "validation", "test"):
    PLAIN |= {f"{split}_accuracy": 0.5, f"{split}_images": 200}


def test_nothing_of_it_enters_a_claim_a_comparison_or_the_worst_case():
    study = made_results(*networks(arms.VGG_ON_CIFAR10, "main", 0.3, 0.6, 0.6), trainings=[PLAIN])
    more = networks(SIMPLE, "not in the study", 0.1, 0.9, 0.9)
    more += networks(SIGNS, "not in the study", 0.1, 0.9, 0.9)
    more += [jsma("JSMA, logits", "logits", 0.5, 0.1)]
    beyond = {"variant": "not in the study"}
    of_more = [PLAIN | {"case": str(case)} | beyond for case in (SIMPLE, SIGNS)]
    both = made_results(
        *networks(arms.VGG_ON_CIFAR10, "main", 0.3, 0.6, 0.6), *more, trainings=[PLAIN, *of_more]
    )
    alone = made_results(*more, trainings=of_more)
    assert set(verdicts_on(CLAIMS, alone)["outcome"]) == {"not run"}
    assert verdicts_on(CLAIMS, both).equals(verdicts_on(CLAIMS, study))
    ntu = STUDIES["ntu"]
    assert compare(ntu, both).equals(compare(ntu, study))
    assert not any(status.is_measured for status in compare(ntu, alone)["status"])
    assert worst_case(ntu, both).equals(worst_case(ntu, study))
    assert worst_case(ntu, alone).empty


def test_the_picture_has_a_panel_for_each_attack(tmp_path):
    made = networks(SIMPLE, "not in the study", 0.3, 0.8, 0.2)
    drawn = further.lines(made_results(*made), SIMPLE, "PGD")
    assert [line.label for line in drawn] == ["undefended", "student", "control"]
    assert [line.estimates[-1].value for line in drawn] == [0.3, 0.2, 0.3]
