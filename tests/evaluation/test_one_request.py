"""An evaluation checks its images once, and looks at each model once."""

from importlib import import_module

import keras
import numpy as np
import pytest
from keras import layers

from attacks import FGSM, PGD, DeepFool
from attacks.engine import task as tasks
from attacks.engine.classifier import Classifier
from evaluation import evaluate


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((20, 6, 6, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def labels():
    return np.arange(20) % 4


def network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(4)])


@pytest.fixture
def counted(monkeypatch):
    """The sizes of the arrays that were checked, and the models that were probed."""
    checked, probed = [], []
    check_images, check_probe = tasks.check_images, Classifier.check_probe

    def note_images(images):
        checked.append(len(images))
        return check_images(images)

    def note_probe(self, images, batch_size):
        probed.append(self.model)
        return check_probe(self, images, batch_size)

    monkeypatch.setattr(tasks, "check_images", note_images)
    monkeypatch.setattr(Classifier, "check_probe", note_probe)
    return checked, probed


OPTIONS = {
    "true labels": lambda labels: {},
    "predicted labels": lambda labels: {"predicted_labels": True},
    "targets": lambda labels: {"targets": (labels + 1) % 4},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("attack", [FGSM(), PGD(2, batch_size=5), DeepFool(3)], ids=str)
def test_everything_is_checked_once(counted, images, labels, attack, options):
    checked, probed = counted
    model = network(0)
    evaluate(model, images, labels, attack, [0.1, 0.2], **options(labels))
    assert checked == [20] and probed == [model]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_surrogate_is_probed_once_too(counted, images, labels, options):
    checked, probed = counted
    model, surrogate = network(0), network(1)
    options = options(labels)
    evaluate(model, images, labels, FGSM(), [0.1, 0.2], surrogate=surrogate, **options)
    assert checked == [20] and probed == [model, surrogate]


def test_so_it_is_in_parts(counted, images, labels, monkeypatch):
    # Of two epsilons, and three copies, five images fit with their logits.
    monkeypatch.setattr(
        import_module("evaluation.evaluate"), "_PART_BYTES", 5 * (2 + 3) * (36 + 4) * 4
    )
    checked, probed = counted
    model, done = network(0), []
    attack = FGSM(batch_size=5)
    evaluate(
        model, images, labels, attack, [0.1, 0.2], progress=lambda count, _: done.append(count)
    )
    assert done == [5, 10, 15, 20]
    assert checked == [20] and probed == [model]
