"""RandomErasing against a loop that draws until a rectangle fits, as the paper writes it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import ks_2samp, kstest

from data import RandomErasing

HEIGHT, WIDTH, CHANNELS = 40, 28, 3
COUNT = 4000
UNTOUCHED = 1.0  # no noise has this value, so that the erased pixels are known exactly
AREA, ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)


def rectangle_of_the_paper(random):
    """Top, left, height and width in pixels, by Algorithm 1."""
    while True:
        area = random.uniform(*AREA) * HEIGHT * WIDTH
        aspect = random.uniform(*ASPECT)
        height, width = np.sqrt(area * aspect), np.sqrt(area / aspect)
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        if x + width <= WIDTH and y + height <= HEIGHT:
            rows = [row for row in range(HEIGHT) if y <= row + 0.5 < y + height]
            columns = [column for column in range(WIDTH) if x <= column + 0.5 < x + width]
            return rows[0], columns[0], len(rows), len(columns)


def blank(count=COUNT, dtype=np.float32):
    return np.full((count, HEIGHT, WIDTH, CHANNELS), UNTOUCHED, dtype)


@pytest.fixture(scope="module")
def erased():
    return RandomErasing(probability=1.0).erase(blank(), [1, 2]).numpy()


def bounding_boxes(images):
    """Top, left, height and width [N, 4] of what is erased."""
    mask = (images != UNTOUCHED).any(-1)
    rows, columns = mask.any(2), mask.any(1)
    extent = [rows.argmax(1), columns.argmax(1), rows.sum(1), columns.sum(1)]
    return np.stack(extent, axis=1)


def test_rectangles_follow_the_distribution_of_the_paper(erased):
    random = np.random.default_rng(0)
    expected = np.array([rectangle_of_the_paper(random) for _ in range(COUNT)])
    found = bounding_boxes(erased)
    quantities = {
        "top": lambda box: box[:, 0],
        "left": lambda box: box[:, 1],
        "height": lambda box: box[:, 2],
        "width": lambda box: box[:, 3],
        "bottom": lambda box: box[:, 0] + box[:, 2],
        "right": lambda box: box[:, 1] + box[:, 3],
        "area": lambda box: box[:, 2] * box[:, 3],
        "aspect": lambda box: box[:, 2] / box[:, 3],
        "position given size": lambda box: box[:, 0] / (HEIGHT + 1 - box[:, 2]),
    }
    for name, quantity in quantities.items():
        assert ks_2samp(quantity(expected), quantity(found)).pvalue > 0.01, name


def test_one_full_rectangle_in_each_image(erased):
    mask = (erased != UNTOUCHED).any(-1)
    boxes = bounding_boxes(erased)
    assert (boxes[:, 2:] > 0).all()
    np.testing.assert_array_equal(mask.sum((1, 2)), boxes[:, 2] * boxes[:, 3])
    for image, (top, left, height, width) in zip(mask, boxes):
        assert image[top : top + height, left : left + width].all()
    assert ((erased != UNTOUCHED).all(-1) == mask).all()


def test_noise_is_uniform_for_every_pixel_and_channel(erased):
    noise = erased[(erased != UNTOUCHED).all(-1)]
    assert noise.min() >= 0 and noise.max() <= 1
    for channel in range(CHANNELS):
        assert kstest(noise[:10_000, channel], "uniform").pvalue > 0.01
    correlation = np.corrcoef(noise.T) - np.eye(CHANNELS)
    assert np.abs(correlation).max() < 0.02
    assert np.abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.02
    assert len(np.unique(noise[:1000])) > 2900


def test_share_of_erased_images():
    images = RandomErasing(probability=0.3).erase(blank(), [3, 4]).numpy()
    share = (images != UNTOUCHED).any((1, 2, 3)).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / COUNT)


def test_whether_an_image_is_erased_does_not_depend_on_its_rectangle(erased):
    some = RandomErasing(probability=0.5).erase(blank(), [1, 2]).numpy()
    touched = (some != UNTOUCHED).any((1, 2, 3))
    np.testing.assert_array_equal(some[touched], erased[touched])
    area = bounding_boxes(erased)[:, 2:].prod(1)
    assert ks_2samp(area[touched], area[~touched]).pvalue > 0.01


def test_area_and_aspect_are_ranges_of_the_rectangle():
    layer = RandomErasing(probability=1, area=(0.1, 0.1), aspect=(4, 4))
    boxes = bounding_boxes(layer.erase(blank(500), [0, 0]).numpy())
    height, width = np.sqrt(0.1 * HEIGHT * WIDTH * 4), np.sqrt(0.1 * HEIGHT * WIDTH / 4)
    assert np.abs(boxes[:, 2] - height).max() < 1
    assert np.abs(boxes[:, 3] - width).max() < 1


def test_probability_zero_and_rectangles_that_never_fit_leave_the_images():
    images = blank(50)
    too_wide = RandomErasing(probability=1, area=(1, 1), aspect=(0.1, 0.1))
    for layer in (RandomErasing(probability=0), too_wide):
        np.testing.assert_array_equal(layer.erase(images, [0, 0]), images)


def test_inference_is_the_identity():
    layer, images = RandomErasing(probability=1, seed=0), blank(5)
    for arguments in ({}, {"training": False}):
        np.testing.assert_array_equal(layer(images, **arguments), images)
    assert (layer(images, training=True).numpy() != images).any((1, 2, 3)).all()


def test_same_seed_same_batch_compiled_or_not():
    layer, images = RandomErasing(), blank(64)
    compiled = tf.function(layer.erase)
    seed, other = tf.constant([5, 6]), tf.constant([5, 7])
    expected = layer.erase(images, seed).numpy()
    np.testing.assert_array_equal(layer.erase(images, seed), expected)
    np.testing.assert_array_equal(compiled(tf.constant(images), seed), expected)
    np.testing.assert_array_equal(RandomErasing(seed=9).erase(images, seed), expected)
    assert (layer.erase(images, other).numpy() != expected).any()


def test_call_follows_the_seed_of_the_layer_and_moves_on():
    images = blank(64)
    first, second = RandomErasing(seed=1), RandomErasing(seed=1)
    compiled = tf.function(lambda batch: second(batch, training=True))
    drawn = [first(images, training=True).numpy() for _ in range(2)]
    for expected in drawn:
        np.testing.assert_array_equal(compiled(tf.constant(images)), expected)
    assert (drawn[0] != drawn[1]).any()


def test_in_a_tf_data_map():
    layer = RandomErasing(probability=1, seed=1)
    batches = tf.data.Dataset.from_tensor_slices(blank(10)).batch(4)
    batches = batches.map(lambda batch: layer(batch, training=True))
    images = np.concatenate(list(batches.as_numpy_iterator()))
    assert images.shape == blank(10).shape
    assert (images != UNTOUCHED).any((1, 2, 3)).all()


def test_in_a_model():
    layers = [keras.Input((None, None, 3)), RandomErasing(probability=1, seed=0)]
    model = keras.Sequential(layers)
    assert model.output_shape == (None, None, None, 3)
    np.testing.assert_array_equal(model.predict(blank(3), verbose=0), blank(3))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept(dtype):
    images = blank(8, dtype)
    result = RandomErasing(probability=1)(tf.constant(images), training=True)
    assert result.dtype == dtype
    assert result.shape == images.shape
    assert result.numpy().max() <= 1


def test_configuration_survives():
    layer = RandomErasing(probability=0.7, area=(0.1, 0.2), aspect=(0.5, 2.0), seed=3, name="e")
    stored = keras.saving.serialize_keras_object(layer)
    for copy in (
        RandomErasing.from_config(layer.get_config()),
        keras.saving.deserialize_keras_object(stored),
    ):
        assert copy.get_config() == layer.get_config()
        np.testing.assert_array_equal(copy.erase(blank(16), [1, 1]), layer.erase(blank(16), [1, 1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probability": 1.1}, "probability is 1.1; accepted: 0 to 1"),
        ({"probability": float("nan")}, "probability is nan; accepted: 0 to 1"),
        ({"area": (0.4, 0.02)}, r"area is \(0.4, 0.02\); accepted: a pair"),
        ({"area": (0.0, 0.4)}, "area is .*; accepted: .* 0 < low"),
        ({"area": (0.02, 1.2)}, "area is .*; accepted: .* high <= 1"),
        ({"area": 0.4}, "area is 0.4; accepted: a pair"),
        ({"aspect": (-1, 2)}, r"aspect is \(-1, 2\)"),
        ({"aspect": (1, 2, 3)}, r"aspect is \(1, 2, 3\); accepted: a pair"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomErasing(**arguments)


@pytest.mark.parametrize("call", ["erase", "layer"])
def test_a_single_image(call):
    layer, image = RandomErasing(probability=1, seed=0), blank(1)[0]

    def erase(image):
        return layer(image, training=True) if call == "layer" else layer.erase(image, [1, 2])

    for erased in (erase(image), tf.function(erase)(tf.constant(image))):
        assert erased.shape == image.shape
        assert 0 < (erased.numpy() != UNTOUCHED).mean() < 1
    if call == "erase":
        np.testing.assert_array_equal(erased, layer.erase(image[np.newaxis], [1, 2])[0])


@pytest.mark.parametrize(
    "images", [np.zeros((8, 8), np.float32), np.zeros((2, 8, 8, 3), np.uint8), np.zeros(3)]
)
def test_images_that_are_refused(images):
    with pytest.raises(ValueError, match="images is .* accepted: floats"):
        RandomErasing().erase(images, [0, 0])


@pytest.mark.parametrize(
    ("scale", "shown"), [(255, "0 to 255"), (-1, "-1 to -?0"), (np.nan, "nan to nan")]
)
def test_another_range_is_refused(scale, shown):
    images = scale * np.linspace(0, 1, 192, dtype=np.float32).reshape(2, 4, 8, 3)
    layer = RandomErasing(probability=1)
    for erase in (lambda x: layer.erase(x, [0, 0]), lambda x: layer(x, training=True)):
        with pytest.raises(ValueError, match=rf"images is from {shown}; accepted: \[0, 1\].*255"):
            erase(images)
    np.testing.assert_array_equal(layer(images), images)  # nothing is erased here
