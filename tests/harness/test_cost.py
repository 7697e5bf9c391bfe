"""What a run takes: operations counted by hand and by TensorFlow, and every study's plans."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import data
import models
from attacks import FGSM, PGD
from harness.cost import Pace, Rate, cost_of, measured_rate, shape_of
from harness.plan import Kind, Stage, plan, plan_of
from harness.trained_defenses import PGDTraining, StaticSet
from made import RECIPE, SMALL, small_arm
from studies import STUDIES


def test_operations_by_hand():
    inside = keras.Sequential([keras.Input((4, 4, 8)), layers.Flatten(), layers.Dense(10)])
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, padding="same"),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, strides=2, padding="same"),
            layers.Conv2D(8, 1, groups=4),
            inside,
        ]
    )
    shape = shape_of(network)
    convolution, depthwise = 2 * 3 * 3 * 3 * 16 * 8 * 8, 2 * 3 * 3 * 16 * 4 * 4
    grouped, dense = 2 * 4 * 8 * 4 * 4, 2 * 128 * 10
    relu, flatten = 8 * 8 * 16, 128
    assert shape.operations == convolution + relu + depthwise + grouped + flatten + dense
    assert shape.parameters == network.count_params()
    assert shape.activations == 2 * 8 * 8 * 16 + 4 * 4 * 16 + 4 * 4 * 8 + 128 + 10


@pytest.mark.parametrize("name", ["papernot_cnn", "vgg16", "mobilenet"])
def test_operations_as_tensorflow_counts_them(name):
    network = models.build(name, 10, input_shape=(32, 32, 3), upsampling=1, width=1 / 4)
    run = tf.function(lambda images: network(images, training=False))
    graph = run.get_concrete_function(tf.TensorSpec([1, 32, 32, 3])).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    counted = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    assert shape_of(network).operations == pytest.approx(counted, rel=0.1)


@pytest.mark.parametrize("split", data.SPLITS)
def test_sizes_are_those_of_the_data_set(split):
    loaded, expected = data.load("digits", split), data.sizes("digits", split)
    assert expected.image_shape == loaded.image_shape
    assert expected.classes == loaded.num_classes
    for part in ("train", "validation", "test"):
        assert getattr(expected, part) == len(getattr(loaded, f"y_{part}"))


def operations(training) -> float:
    return cost_of(Stage(Kind.TRAIN, training)).operations


def test_a_training_takes_its_epochs_images_and_defense():
    once = operations(SMALL)
    twice = operations(replace(SMALL, recipe=replace(RECIPE, epochs=2)))
    three_times = operations(replace(SMALL, recipe=replace(RECIPE, epochs=3)))
    assert three_times - twice == pytest.approx(twice - once)
    forwards = shape_of(SMALL.network.build(10, (32, 32, 3), 0.0)).operations
    epoch = (3 * SMALL.images + SMALL.validation_images) * forwards
    assert twice - once == pytest.approx(epoch)
    hardened = operations(replace(SMALL, defense=PGDTraining(0.1, steps=5)))
    assert hardened - once == pytest.approx(SMALL.images * 5 * 2 * forwards)
    taught = replace(SMALL, procedure="soft_labels", temperature=2.0, teacher=SMALL)
    assert operations(taught) - once == pytest.approx(SMALL.images * forwards)
    static = replace(SMALL, crafted_on=SMALL, defense=StaticSet(FGSM(), (0.1, 0.2)))
    assert operations(static) > once + 2 * SMALL.images * 3 * forwards


def test_an_attack_takes_its_images_steps_and_epsilons():
    def taken(**changes):
        return cost_of(Stage(Kind.ATTACK, small_arm(**changes))).operations

    few, more = taken(attack=PGD(steps=10)), taken(attack=PGD(steps=20))
    assert more / few == pytest.approx(2, rel=0.3)
    assert taken(attack=PGD(steps=10), images=80) == pytest.approx(2 * few)
    two = taken(attack=PGD(steps=10), epsilons=(0.1, 0.2))
    assert two / few == pytest.approx(2, rel=0.3)


@pytest.mark.slow
def test_a_rate_is_measured_and_turns_operations_into_seconds():
    rate = measured_rate(seconds=0.05)
    for pace in (rate.training, rate.attacking):
        assert 1e8 < pace.operations < 1e15 and 0 < pace.start < 60
    made = Rate(Pace(1.0, 2.0), Pace(3.0, 4.0), described="", on_gpu=False)
    trained, attacked = (cost_of(stage) for stage in plan_of([small_arm()], "*").stages)
    assert made.seconds(trained) == 1 + trained.operations / 2
    assert made.seconds(attacked) == 3 + attacked.operations / 4


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_plan_can_be_counted(name):
    for profile in STUDIES[name].profiles.values():
        for stage in plan(STUDIES[name], profile).stages:
            cost = cost_of(stage)
            assert np.isfinite([cost.operations, cost.memory, cost.disk]).all()
            assert cost.operations > 0 or stage.kind == Kind.PATCH
            assert 2**29 < cost.memory < 2**38
