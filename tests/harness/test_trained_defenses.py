"""Hardened, warmed up and pre-trained networks, and defenses put in front, run by the runner."""

import json
from dataclasses import replace
from hashlib import sha256

import keras
import numpy as np
import pandas as pd
import pytest

import models
from attacks import BIM, FGSM
from defenses import FeatureSmoothing, GradientMasking
from harness.arms import Arm, Network, Training, description
from harness.plan import plan_of
from harness.runner import Runner
from harness.store import Store
from harness.trained_defenses import (
    NoisyUpdates,
    PGDTraining,
    RandomAttacks,
    StaticSet,
    StaticSetOfPredictions,
    Trades,
)
from made import RECIPE, small_arm
from made import SMALL as PLAIN
from recording import Recorder

DEFENSES = [
    PGDTraining(epsilon=0.1, steps=2),
    Trades(epsilon=0.1, steps=2),
    StaticSet(FGSM(), epsilons=(0.1, 0.2)),
    StaticSetOfPredictions(FGSM(), epsilons=(0.1, 0.2)),
    RandomAttacks(((FGSM(), 0.1), (BIM(steps=2), 0.1))),
    NoisyUpdates(scale=0.01),
]


def run(runner: Runner, *arms: Arm) -> Recorder:
    recorder = Recorder()
    runner.run(plan_of(list(arms), "*"), recorder)
    return recorder


def trained(runner: Runner, training: Training) -> tuple[keras.Model, dict, pd.DataFrame]:
    without_attack = replace(plan_of([small_arm(training)], "*"), arms=[])
    runner.run(without_attack, Recorder())
    path = runner.training_path(training)
    return (
        models.load_checkpoint(path / "model.h5"),
        json.loads((path / "training.json").read_text()),
        pd.read_csv(path / "history.csv"),
    )


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Runner:
    return Runner(Store(tmp_path_factory.mktemp("runs")))


@pytest.mark.slow
@pytest.mark.parametrize("defense", DEFENSES, ids=lambda defense: defense.name)
def test_a_hardened_network_starts_from_the_plain_one_and_differs(runner, defense):
    training = replace(
        PLAIN, role="retrained", defense=defense, warm_up=PLAIN, crafted_on=PLAIN, seed=2
    )
    start, _, _ = trained(runner, PLAIN)
    network, report, history = trained(runner, training)
    further, _, _ = trained(runner, replace(training, defense=None))
    moved = [np.abs(a - b).max() for a, b in zip(network.get_weights(), start.get_weights())]
    assert 0 < max(moved) < 1, "not the plain network's weights, trained on"
    assert any((a != b).any() for a, b in zip(network.get_weights(), further.get_weights()))
    assert report["epochs"] == len(history) == 1
    assert small_arm(training).defense == f"{defense.name} retrained"


def test_a_static_set_needs_a_network_to_craft_on(runner):
    training = replace(PLAIN, role="untrained", defense=StaticSet(FGSM(), epsilons=(0.1,)))
    with pytest.raises(ValueError, match="crafted_on is None"):
        run(runner, small_arm(training))


def test_the_examples_of_a_static_set_leave_the_labels_or_the_predictions():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(2))
    model.layers[-1].set_weights([np.tile([1.0, -1.0], (16, 1)), np.zeros(2)])
    images, wrong = np.full((3, 4, 4, 1), 0.5, np.float32), np.ones(3, int)  # it says class 0
    moved = {}
    for defense in (StaticSet(FGSM(), (0.1,)), StaticSetOfPredictions(FGSM(), (0.1,))):
        crafted, labels = defense.training_set(model, (images, wrong), lambda done, images: None)
        moved[defense.name] = float((crafted[3:] - images).mean())
        assert labels.tolist() == [1] * 6
    # Class 1 is left by brighter pixels, and class 0 by darker ones.
    assert moved == pytest.approx({"FGSM set": 0.1, "FGSM set of predictions": -0.1})


def test_distilled_and_hardened_at_once_is_refused():
    with pytest.raises(ValueError, match="procedure is 'soft_labels' with the defense 'TRADES'"):
        replace(PLAIN, procedure="soft_labels", defense=Trades(epsilon=0.1))


@pytest.mark.slow
@pytest.mark.parametrize("keep", models.KEEP)
def test_the_kept_epoch_is_the_one_that_the_recipe_names(runner, keep):
    # A rate at which the validation loss goes up and down.
    recipe = replace(RECIPE, learning_rate=0.1, epochs=4, keep=keep)
    network, report, history = trained(runner, replace(PLAIN, recipe=recipe))
    expected = {
        "best accuracy": history["val_accuracy"].argmax(),
        "lowest loss": history["val_loss"].argmin(),
        "last": 3,
    }[keep]
    assert report["best_epoch"] == expected + 1
    dataset = runner.dataset(PLAIN)
    right = network.predict(dataset.x_validation[:32], verbose=0).argmax(1)
    accuracy = np.mean(right == dataset.y_validation[:32])
    np.testing.assert_allclose(accuracy, history["val_accuracy"][expected])


@pytest.mark.parametrize("keep", models.KEEP)
def test_a_diverged_training_is_no_result(runner, keep):
    recipe = replace(RECIPE, optimizer="SGD", learning_rate=1e30, epochs=3, keep=keep)
    training = replace(PLAIN, recipe=recipe)
    for _ in range(2):  # a second attempt says the same
        with pytest.raises(ValueError, match="diverged: in epoch 1 its loss is nan, .* 1e\\+30"):
            run(runner, small_arm(training))
        assert not runner.training_path(training).exists()


def test_noisy_updates_keep_the_recipes_adam_and_refuse_another():
    recipe = replace(RECIPE, beta_1=0.5, beta_2=0.7, epsilon=1e-3, amsgrad=True)
    optimizer = NoisyUpdates(scale=0.1).optimizer(recipe, 10, 0)
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.5, 0.7, 1e-3)
    assert optimizer.amsgrad and float(optimizer.learning_rate) == pytest.approx(0.003)
    for other in ({"optimizer": "SGD"}, {"decay": 0.1}, {"halve_every": 2}):
        with pytest.raises(ValueError, match="accepted for noisy updates: Adam at a constant rate"):
            NoisyUpdates(scale=0.1).optimizer(replace(RECIPE, **other), 10, 0)


def test_an_unknown_epoch_to_keep_is_refused():
    with pytest.raises(ValueError, match="keep is 'first'; accepted: best accuracy, lowest loss"):
        replace(RECIPE, keep="first")


@pytest.mark.slow
def test_a_pretrained_network_is_used_as_it_is(tmp_path):
    network = Network("mobilenet", upsampling=1, width=1 / 4, preprocessing="unit")
    # keras.applications' own network without its top, as its weights come.
    weights = tmp_path / "mobilenet.weights.h5"
    own = keras.applications.MobileNet(
        input_shape=(32, 32, 3), alpha=1 / 4, weights=None, include_top=False
    )
    own.save_weights(weights)
    pretrained = replace(
        PLAIN,
        network=replace(network, weights="imagenet"),
        recipe=replace(RECIPE, epochs=0),
    )
    with pytest.raises(ValueError, match="weights of mobilenet: .* is not there"):
        Runner(Store(tmp_path), weights={"mobilenet": tmp_path / "absent.h5"})
    runner = Runner(Store(tmp_path / "runs"), weights={"mobilenet": weights})
    loaded, report, history = trained(runner, pretrained)
    kernel = next(layer for layer in own.layers if layer.name == "conv1").get_weights()[0]
    np.testing.assert_array_equal(loaded.get_layer("conv1").get_weights()[0], kernel)
    assert report["epochs"] == report["best_epoch"] == len(history) == 0
    assert report["test_images"] == len(runner.dataset(PLAIN).y_test)
    stage = json.loads((runner.training_path(pretrained) / "stage.json").read_text())
    assert stage["weights"] == sha256(weights.read_bytes()).hexdigest()
    named = f"mobilenet.weights.h5, SHA-256 {stage['weights']}"
    assert runner.weight_files == {"mobilenet": named}
    # Other weights are another stage.
    own.get_layer("conv1").kernel.assign_add(np.ones_like(kernel))
    own.save_weights(weights)
    again = Runner(Store(tmp_path / "runs"), weights={"mobilenet": weights})
    assert again.training_path(pretrained) != runner.training_path(pretrained)


@pytest.mark.slow
def test_what_is_applied_is_attacked_through_or_only_classifies(runner):
    smoothing = FeatureSmoothing(kernel_size=3, sigma=2.0)
    adaptive = small_arm(PLAIN, applied=(smoothing,))
    transferred = small_arm(PLAIN, applied=(smoothing,), crafted_on=PLAIN)
    run(runner, small_arm(PLAIN), adaptive, transferred)
    plain, through, past = map(runner.outcomes, (small_arm(PLAIN), adaptive, transferred))
    # The attack that does not see the blur makes the plain network's images.
    both, of_past, of_plain = np.intersect1d(
        past.example_rows, plain.example_rows, return_indices=True
    )
    assert len(both)
    np.testing.assert_array_equal(past.examples[:, of_past], plain.examples[:, of_plain])
    np.testing.assert_array_equal(past.l2, plain.l2)
    assert (through.l2 != plain.l2).any()
    network = models.load_checkpoint(runner.training_path(PLAIN) / "model.h5")
    blurred = network.predict(smoothing.filter(past.examples[0]), verbose=0).argmax(1)
    np.testing.assert_array_equal(past.predictions[0, past.example_rows], blurred)
    np.testing.assert_array_equal(past.clean_predictions, through.clean_predictions)
    assert adaptive.defense == smoothing.name


def test_defenses_with_equal_numbers_are_told_apart():
    """Digests name stages: what differs in class alone must differ in them."""
    one, other = PGDTraining(0.1, 2), Trades(0.1, 2)
    assert description(one)["class"] != description(other)["class"]
    first = replace(PLAIN, defense=RandomAttacks(((FGSM(), 0.1),)))
    second = replace(PLAIN, defense=RandomAttacks(((BIM(), 0.1),)))
    assert description(first) != description(second)
    masked = [small_arm(PLAIN, applied=(GradientMasking("logits", scale),)) for scale in (0.1, 0.2)]
    assert description(masked[0]) != description(masked[1])


def test_an_infinite_epsilon_has_a_digest(runner):
    assert runner.arm_path(small_arm(PLAIN, epsilons=(float("inf"),))).name.startswith("attack-")
