"""Minimum-norm attacks beside those of Foolbox and ART on the same images."""

import numpy as np
import pytest

from attacks.carlini_wagner import CarliniWagner
from attacks.deepfool import DeepFool
from attacks.fab import FAB
from attacks.norms import ORDER, distances

pytestmark = pytest.mark.filterwarnings("ignore")

SETTINGS = {"search_steps": 3, "steps": 60, "learning_rate": 0.01, "initial_c": 1.0}


def fooled(network, images):
    logits = network.model.predict(images, verbose=0)
    return logits.argmax(axis=1) != network.labels


def lengths(network, images, norm="l2"):
    return distances(images - network.images)[norm]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_deepfool_gives_the_distances_of_foolbox(network, foolbox, norm):
    ours = DeepFool(steps=50, norm=norm, batch_size=32)(
        network.model, network.images, network.labels
    )
    theirs = foolbox.deepfool(network.images, network.labels, steps=50, norm=ORDER[norm])
    np.testing.assert_array_equal(ours.success, fooled(network, theirs))
    assert ours.success.mean() > 0.9
    np.testing.assert_allclose(
        ours.distances[norm], lengths(network, theirs, norm), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("library", ["foolbox", "art"])
def test_carlini_wagner_is_as_near_at_equal_gradients(network, request, library):
    peer, count = request.getfixturevalue(library), 40
    images, labels = network.images[:count], network.labels[:count]
    ours = CarliniWagner(**SETTINGS)(network.model, images, labels)
    theirs = peer.carlini_wagner(images, labels, **SETTINGS)
    their_success = network.model.predict(theirs, verbose=0).argmax(axis=1) != labels
    assert ours.success.sum() >= their_success.sum()
    both = ours.success & their_success
    assert both.any()
    their_lengths = distances(theirs - images)["l2"]
    assert ours.distances["l2"][both].mean() <= their_lengths[both].mean()
    assert ours.gradient_evaluations.max() <= SETTINGS["search_steps"] * SETTINGS["steps"]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fab_is_no_longer_than_deepfool(network, norm):
    data = network.model, network.images, network.labels
    fab, deepfool = FAB(steps=20, norm=norm)(*data), DeepFool(norm=norm)(*data)
    both = fab.success & deepfool.success
    assert fab.success.sum() >= deepfool.success.sum()
    assert fab.distances[norm][both].mean() <= deepfool.distances[norm][both].mean()
