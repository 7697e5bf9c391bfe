"""ByteImages: bytes in memory, the same floats as any other images outside."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from data import ByteImages, training_batches


@pytest.fixture
def stored():
    return np.random.RandomState(0).randint(0, 256, (20, 6, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(3, 9),
        np.array([4, 1, 4]),
        np.arange(20) % 3 == 0,
        7,
        (slice(2), 0),
        slice(0, 0),
    ],
    ids=str,
)
def test_what_is_indexed_comes_out_as_floats(stored, key):
    found = ByteImages(stored)[key]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, stored[key].astype(np.float32) / np.float32(255))


def test_looks_like_an_array_of_floats(stored):
    images = ByteImages(stored)
    assert (images.shape, images.ndim, len(images)) == ((20, 6, 5, 3), 4, 20)
    assert images.dtype == np.float32
    assert images.stored.nbytes == 20 * 6 * 5 * 3
    assert repr(images) == "ByteImages(shape=(20, 6, 5, 3))"


def test_as_an_array(stored):
    images = ByteImages(stored)
    np.testing.assert_array_equal(np.asarray(images), images[:])
    assert np.asarray(images, np.float64).dtype == np.float64
    np.testing.assert_array_equal(tf.convert_to_tensor(images), images[:])
    with pytest.raises(ValueError, match="copy is False"):
        np.array(images, copy=False)


def test_stored_bytes_cannot_be_written_to_through_it(stored):
    with pytest.raises(ValueError, match="read-only"):
        ByteImages(stored).stored[0] = 0
    assert stored.flags.writeable  # the array of the caller is left alone


def test_only_bytes():
    with pytest.raises(ValueError, match="stored has dtype float32; accepted: uint8"):
        ByteImages(np.zeros((1, 2, 2, 3), np.float32))


def test_the_same_training_batches(stored):
    labels = np.arange(20)
    for bytes_batch, floats_batch in itertools.islice(
        zip(
            training_batches(ByteImages(stored), labels, 8),
            training_batches(ByteImages(stored)[:], labels, 8),
        ),
        4,
    ):
        for found, expected in zip(bytes_batch, floats_batch):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


def test_training_batches_convert_no_more_than_they_give():
    # A quarter of a terabyte as floats.
    images = ByteImages(np.broadcast_to(np.uint8(51), (400_000, 224, 224, 3)))
    x, _ = next(iter(training_batches(images, np.arange(400_000), 4)))
    np.testing.assert_array_equal(x, np.full((4, 224, 224, 3), np.float32(0.2)))
