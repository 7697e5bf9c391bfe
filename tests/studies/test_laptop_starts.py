"""The arms of the laptop profile start: every kind of network, role and control.

Each is run for a few images of the digits, which says nothing of its result.
"""

from dataclasses import replace

import numpy as np
import pytest

from harness.plan import plan
from harness.runner import Runner
from harness.store import Store
from recording import Recorder
from studies.ntu.arms import arms
from studies.ntu.profiles import PROFILES

STARTED = replace(
    PROFILES["laptop"],
    datasets=dict.fromkeys(PROFILES["laptop"].datasets, "digits"),
    jsma_images=2,
    scales={
        model: replace(
            scale,
            # Of which many are trained.
            width=1 / 16 if model.startswith("vgg16") else scale.width,
            epochs=1,
            images=16,
            validation_images=16,
            batch_size=16,
            pretrained=False,
            attack_images={"faithful": 2, "corrected": 2},
        )
        for model, scale in PROFILES["laptop"].scales.items()
    },
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        "vgg16/cifar10/main/*/FGSM/*",
        "vgg16/cifar100/main/*/as_listed student/softmax/FGSM/*",
        "vgg16/cifar10/NTU-[!A]*/FGSM/*",
        "vgg16/cifar10/NTU-A1 *faithful*/FGSM/*",
        "vgg16/cifar10/NTU-A14 alpha = 0/*/FGSM/*",
        "vgg16/cifar10/NTU-A18*/FGSM/*",
        "vgg16/cifar10/not in the study/*/corrected student/*/JSMA*",
        "papernot_cnn/cifar10/*/FGSM/*",
        "vgg16/gtsrb/*student/logits/FGSM/*",
        "resnet50/cifar10/main/corrected/corrected control/logits/FGSM/*",
        "inception_v3/cifar10/main/faithful/as_listed control/softmax/FGSM/*",
        "mobilenet_v2/cifar100/main/corrected/corrected control/logits/FGSM/*",
    ],
)
def test_arms_start(study, tmp_path, pattern):
    todo = plan(study, STARTED, pattern)
    runner = Runner(Store(tmp_path))
    runner.run(todo, Recorder())
    for arm in todo.arms:
        outcomes = runner.outcomes(arm)
        assert outcomes.predictions.shape == (len(arm.epsilons), 2)
        # Some of these hardly trained networks have no gradient, so not every image moves.
        assert (outcomes.linf <= outcomes.epsilons[:, np.newaxis] + 1e-6).all()


def test_what_is_started_are_arms_of_the_laptop_profile():
    started = {arm.key for arm in arms(STARTED)}
    laptop = {arm.key for arm in arms(PROFILES["laptop"])}
    # With one batch size for all, more teachers are the undefended network itself, and without
    # ImageNet weights it is trained from scratch and its batch normalisation too.
    assert started <= laptop
    left = ("corrected teacher", "NTU-8 from scratch", "NTU-14")
    assert all(any(name in key for name in left) for key in laptop - started)
