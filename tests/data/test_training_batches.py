"""Batches: every image once an epoch, the same batches after a resumption."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from data import ByteImages, RandomErasing, steps_per_epoch, training_batches

COUNT, BATCH = 23, 5
STEPS = 5
LABELS = np.arange(COUNT)
# Every image is of one value, which says which it is.
IMAGES = np.broadcast_to((LABELS[:, None, None, None] + 1) / 32, (COUNT, 8, 8, 3))
IMAGES = IMAGES.astype(np.float32)


def take(batches, steps):
    return list(itertools.islice(batches.as_numpy_iterator(), steps))


def epochs(batches, count):
    drawn = take(batches, count * STEPS)
    return [drawn[i : i + STEPS] for i in range(0, len(drawn), STEPS)]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for (x, y), (x_expected, y_expected) in zip(found, expected):
        np.testing.assert_array_equal(x, x_expected)
        np.testing.assert_array_equal(y, y_expected)


def test_every_image_once_an_epoch_with_its_label():
    for epoch in epochs(training_batches(IMAGES, LABELS, BATCH), 3):
        assert [len(y) for _, y in epoch] == [5, 5, 5, 5, 3]
        x, y = (np.concatenate(parts) for parts in zip(*epoch))
        assert sorted(y) == LABELS.tolist()
        np.testing.assert_array_equal(x, IMAGES[y])


def test_order_differs_between_epochs_and_seeds():
    orders = [
        tuple(np.concatenate([y for _, y in epoch]))
        for seed in (0, 1)
        for epoch in epochs(training_batches(IMAGES, LABELS, BATCH, seed=seed), 3)
    ]
    assert len(set(orders)) == 6
    assert tuple(LABELS) not in orders


def test_first_places_are_shared_evenly():
    drawn = take(training_batches(IMAGES[:4], LABELS[:4], 4), 500)  # an epoch is one batch
    firsts = np.array([y[0] for _, y in drawn])
    assert np.abs(np.bincount(firsts, minlength=4) / len(firsts) - 0.25).max() < 0.08


@pytest.mark.parametrize("erasing", [None, RandomErasing(probability=0.5)])
def test_resumption_sees_the_batches_of_an_uninterrupted_training(erasing):
    whole = epochs(training_batches(IMAGES, LABELS, BATCH, seed=4, erasing=erasing), 4)
    resumed = training_batches(IMAGES, LABELS, BATCH, seed=4, erasing=erasing, initial_epoch=2)
    assert_same(take(resumed, 2 * STEPS), whole[2] + whole[3])


def test_erasing_is_for_all_batches_and_never_twice_the_same():
    erasing = RandomErasing(probability=1)
    drawn = epochs(training_batches(IMAGES, LABELS, BATCH, erasing=erasing), 2)
    patterns = set()
    for x, y in drawn[0] + drawn[1]:
        changed = x != IMAGES[y]
        assert changed.any((1, 2, 3)).all() and not changed.all((1, 2, 3)).any()
        assert x[changed].min() >= 0 and x[changed].max() <= 1
        patterns |= {noise.tobytes() for noise in np.where(changed, x, 0)}
    assert len(patterns) == 2 * COUNT


def test_erasing_does_not_depend_on_the_seed_or_the_past_of_the_layer():
    used = RandomErasing(seed=7)
    used(IMAGES, training=True)
    fresh = training_batches(IMAGES, LABELS, BATCH, erasing=RandomErasing(seed=1))
    expected = take(fresh, STEPS)
    assert_same(take(training_batches(IMAGES, LABELS, BATCH, erasing=used), STEPS), expected)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], np.eye(COUNT, dtype=np.float32)])
def test_shapes_and_types_are_known_to_the_graph(labels):
    x, y = training_batches(IMAGES, labels, BATCH, erasing=RandomErasing()).element_spec
    assert x == tf.TensorSpec((None, 8, 8, 3), tf.float32)
    assert y == tf.TensorSpec((None, *labels.shape[1:]), labels.dtype)


def test_soft_labels_stay_with_their_images():
    soft = np.random.default_rng(0).random((COUNT, 10))
    for x, y in take(training_batches(IMAGES, soft, BATCH), STEPS):
        np.testing.assert_array_equal(y, soft[(32 * x[:, 0, 0, 0] - 1).astype(int)])


def test_labels_in_a_column_train_as_others_do():
    weights = []
    for labels in (LABELS % 2, LABELS[:, None] % 2):
        network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
        network.add(keras.layers.Dense(2, kernel_initializer="zeros"))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile("sgd", loss, metrics=["accuracy"], run_eagerly=True)
        batches = training_batches(IMAGES, labels, BATCH)
        network.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)
        weights.append(network.get_weights()[0])
    assert np.any(weights[0])
    np.testing.assert_array_equal(*weights)


def test_bytes_can_be_erased():
    stored = np.full((COUNT, 8, 8, 3), 200, np.uint8)
    erasing = RandomErasing(probability=1)
    for x, _ in take(training_batches(ByteImages(stored), LABELS, BATCH, erasing=erasing), STEPS):
        assert (x != np.float32(200 / 255)).any((1, 2, 3)).all() and x.max() <= 1


def test_a_dataset_is_refused_with_what_works():
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    with pytest.raises(ValueError, match="images is a tf.data.Dataset; accepted: arrays") as error:
        training_batches(dataset, None, BATCH)
    recommended = "map(np.concatenate, zip(*dataset.as_numpy_iterator()))"
    assert recommended in str(error.value)
    images, labels = eval(recommended)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_more_images_than_a_graph_could_hold():
    images = np.broadcast_to(np.float32(0.5), (200_000, 64, 64, 3))
    labels = np.arange(len(images))
    ((x, y),) = take(training_batches(images, labels, BATCH), 1)
    np.testing.assert_array_equal(x, np.full((BATCH, 64, 64, 3), 0.5))


def test_read_only_images_are_accepted():
    images = IMAGES.copy()
    images.flags.writeable = False
    assert_same(
        take(training_batches(images, LABELS, BATCH), STEPS),
        take(training_batches(IMAGES, LABELS, BATCH), STEPS),
    )


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(10, 5, 2), (11, 5, 3), (3, 5, 1)])
def test_steps_per_epoch(count, batch_size, steps):
    assert steps_per_epoch(count, batch_size) == steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": LABELS[1:]}, "images is 23 images, with 22 labels; accepted: one label for"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images is 0 images"),
        ({"batch_size": 0}, "batch_size is 0; accepted: at least 1"),
        ({"initial_epoch": -1}, "initial_epoch is -1; accepted: at least 0"),
        (
            {"images": 255 * IMAGES, "erasing": RandomErasing()},
            r"images is from 7.96875 to 183.281; accepted: with erasing, .*\[0, 1\] .*by 255",
        ),
        ({"images": -IMAGES, "erasing": RandomErasing()}, "images is from -0.71875 to -0.03125;"),
        ({"images": IMAGES * np.nan, "erasing": RandomErasing()}, "images is from nan to nan;"),
        (
            {"images": IMAGES.astype(np.uint8), "erasing": RandomErasing()},
            "images is of uint8; accepted: with erasing, floats",
        ),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    defaults = {"images": IMAGES, "labels": LABELS, "batch_size": BATCH}
    with pytest.raises(ValueError, match=message):
        training_batches(**defaults | arguments)
