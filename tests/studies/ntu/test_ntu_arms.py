"""The arms of the NTU study: all there, each with what its claim needs."""

from collections import Counter
from dataclasses import replace

import pytest

from harness.arms import Case
from harness.plan import plan
from studies import STUDIES
from studies.ntu import arms as ntu
from studies.ntu.profiles import PROFILES

PAPER, LAPTOP, DEMO = (PROFILES[name] for name in ("paper", "laptop", "demo"))
STUDY = STUDIES["ntu"]
VGG, RESNET = Case("vgg16", "cifar10"), Case("resnet50", "cifar10")


#: The study's cases, and where those are too large, what stands in for them.
PLACES = {
    PAPER.name: ntu.CASES,
    LAPTOP.name: (VGG, Case("vgg16", "cifar100"), RESNET, *ntu.STAND_INS),
}


@pytest.mark.parametrize("profile", [PAPER, LAPTOP], ids=lambda p: p.name)
def test_all_published_arms_are_there(profile):
    arms = [arm for arm in ntu.arms(profile) if arm.variant == "main"]
    for case in PLACES[profile.name]:
        for protocol in ("faithful", "corrected"):
            for role in ("undefended", "student", "control"):
                for attack in ("FGSM", "PGD"):
                    found = [
                        arm
                        for arm in arms
                        if (arm.case, arm.protocol, arm.training.role, arm.attack_name)
                        == (case, protocol, role, attack)
                    ]
                    assert found, (case, protocol, role, attack)
                    assert all(len(arm.epsilons) >= 8 for arm in found)
        scope = profile.cases[case]
        of_case = [arm for arm in arms if arm.case == case]
        assert {arm.training.role for arm in of_case} == set(scope.roles)
        procedures = {arm.training.procedure for arm in of_case} - {None}
        assert procedures == {"as_listed", "corrected", "papernot"} - set(scope.left_out)


def test_a_procedure_that_is_not_known_cannot_be_left_out():
    scope = replace(PAPER.cases[VGG], left_out=("papernots",))
    with pytest.raises(ValueError, match="left_out is .*papernots.*; accepted: any of as_listed"):
        ntu.arms(replace(PAPER, cases={VGG: scope}))


@pytest.mark.parametrize("profile", [PAPER, LAPTOP, DEMO], ids=lambda p: p.name)
def test_arm_names_are_unique(profile):
    assert max(Counter(arm.key for arm in ntu.arms(profile)).values()) == 1


def test_controls_change_one_thing_each():
    base = {
        protocol: ntu.training(PAPER, VGG, protocol, "undefended")
        for protocol in ("faithful", "corrected")
    }
    arms = {
        (a.case, a.protocol, a.variant): a.training
        for a in ntu.arms(PAPER)
        if a.variant != "main" and a.training.seed == 0
    }

    no_erasing = arms[VGG, "corrected", "NTU-15 no erasing"]
    assert base["corrected"].erasing and not no_erasing.erasing
    adam = arms[VGG, "corrected", "NTU-16 Adam 0.001"]
    assert (adam.recipe.optimizer, adam.recipe.epochs) == ("Adam", 200)
    assert adam.recipe.weight_decay == 0.0005
    halved = arms[VGG, "corrected", "NTU-A18 rate halved"]
    assert halved.recipe.halve_every == 20
    frozen = arms[RESNET, "faithful", "NTU-14 batch normalisation frozen"]
    assert frozen.network.weights == "imagenet" and not frozen.network.train_batch_norm
    scratch = arms[Case("inception_v3", "cifar100"), "faithful", "NTU-8 from scratch"]
    assert scratch.network.weights is None and scratch.network.upsampling == 7
    assert arms[RESNET, "faithful", "NTU-8 equal up-sampling"].network.upsampling == 5
    assert arms[VGG, "faithful", "NTU-8 equal up-sampling"].network.upsampling == 7


def test_student_and_control_start_alike_and_apart_from_their_teacher():
    student = ntu.training(PAPER, VGG, "faithful", "student", 3, "as_listed")
    control = ntu.training(PAPER, VGG, "faithful", "control", 3, "as_listed")
    assert student.seed == control.seed != student.teacher.seed
    assert student.recipe == control.recipe


def test_papernot_networks_share_their_warm_up():
    roles = [
        ntu.training(PAPER, VGG, "corrected", role, 0, "papernot")
        for role in ("teacher", "student", "control")
    ]
    assert len({training.warm_up for training in roles}) == 1
    assert roles[0].warm_up.recipe.epochs == 1


def test_a_corrected_teacher_with_the_undefended_recipe_is_the_undefended_network():
    teacher = ntu.training(LAPTOP, VGG, "corrected", "teacher", 0, "corrected")
    assert teacher == ntu.training(LAPTOP, VGG, "corrected", "undefended")
    paper = ntu.training(PAPER, VGG, "corrected", "teacher", 0, "corrected")
    assert paper.role == "teacher" and paper.recipe.epochs == 125


def test_a_plan_trains_what_others_need_first():
    todo = plan(STUDY, DEMO, "*papernot student*")
    done = set()
    for training in todo.trainings:
        assert set(training.sources.values()) <= done
        done.add(training)
    assert {arm.training for arm in todo.arms} <= done


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(ValueError, match="'nonsense'.*for example: 'vgg16/cifar10"):
        plan(STUDY, DEMO, "nonsense")


def test_faithful_pgd_starts_from_the_image():
    """As the study ran it; that of other attacks starts at random by default."""
    faithful = [arm for arm in STUDY.arms(PAPER) if arm.protocol == "faithful"]
    starts = {arm.attack_name: getattr(arm.attack, "random_start", False) for arm in faithful}
    assert starts == {"FGSM": False, "PGD": False, "PGD, step 0.05": False}


def test_an_unknown_split_is_refused():
    training = plan(STUDY, DEMO).trainings[0]
    with pytest.raises(ValueError, match="split is 'official'; accepted: held-out, test-vali"):
        replace(training, split="official")


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="'tiny'; accepted for ntu: demo, laptop, colab, paper"):
        STUDY.profile("tiny")
