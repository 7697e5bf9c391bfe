"""Decoding, scaling and cropping against Pillow; order; what cannot be read."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data import ImageFiles
from data.file_trees import FileTree
from data.image_files import listed, scale_and_crop

SIDE = 64


@pytest.fixture
def image_files(write_tree):
    """`ImageFiles` of contents, which get names and labels by their position."""

    def make(contents, place="pictures", **options):
        names = [f"{index:03}.JPEG" for index in range(len(contents))]
        path = write_tree(place, dict(zip(names, contents)))
        labels = np.arange(len(contents), dtype=np.int64) * 10
        return ImageFiles(
            FileTree(path), tuple(names), labels, ("name",), **{"side": SIDE} | options
        )

    return make


def by_torchvision(image, side):
    """Resize(8 / 7 side) and CenterCrop(side) as torchvision computes them, by Pillow."""
    height, width = image.shape[:2]
    shorter = side * 8 // 7
    if width <= height:
        size = (shorter, int(shorter * height / width))
    else:
        size = (int(shorter * width / height), shorter)
    scaled = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    left, top = (int(round((length - side) / 2.0)) for length in size)
    return np.asarray(scaled.crop((left, top, left + side, top + side)))


def assert_close(found, expected, most=2):
    """A grey level or so of rounding."""
    assert found.dtype == expected.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= most


@pytest.mark.parametrize("place", ["pictures", "pictures.zip"])
def test_images_of_the_right_size_are_what_pillow_decodes(image_files, make_picture, pixels, place):
    contents = [make_picture(seed) for seed in range(5)]
    images = image_files(contents, place).read()
    assert images.dtype == np.uint8 and images.shape == (5, SIDE, SIDE, 3)
    for image, content in zip(images, contents):
        assert_close(image, pixels(content))


def test_without_loss_nothing_changes(image_files, make_picture, pixels):
    content = make_picture(file_format="PNG")  # also what a file of ImageNet is, named JPEG
    np.testing.assert_array_equal(image_files([content]).read()[0], pixels(content))


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("size", [(SIDE, SIDE), (90, 120)])
def test_grey_and_cmyk_become_rgb(image_files, make_picture, pixels, mode, size):
    content = make_picture(3, size, mode)
    expected = pixels(content)
    if size != (SIDE, SIDE):
        expected = by_torchvision(expected, SIDE)
    found = image_files([content]).read()[0]
    assert_close(found, expected, most=3)
    grey = (found[..., :1] == found).all()
    assert grey == (mode == "L")


@pytest.mark.parametrize(
    "size",
    [(500, 375), (375, 500), (256, 256), (257, 300), (225, 224), (231, 997), (150, 100), (33, 20)],
)
def test_scaled_and_cropped_as_in_torchvision(size):
    # Noise at a tenth of the size has edges everywhere: a shift by half a pixel would show.
    coarse = np.random.RandomState(0).randint(0, 256, (size[1] // 10, size[0] // 10, 3))
    image = np.asarray(Image.fromarray(coarse.astype(np.uint8)).resize(size))
    found = scale_and_crop(tf.constant(image), 224).numpy()
    assert_close(found, by_torchvision(image, 224))


def test_each_part_of_the_pipeline_scales(image_files, make_picture, pixels):
    contents = [make_picture(0, (100, 80)), make_picture(1, (64, 64)), make_picture(2, (64, 65))]
    for image, content, scaled in zip(image_files(contents).read(), contents, (True, False, True)):
        expected = pixels(content)
        assert_close(image, by_torchvision(expected, SIDE) if scaled else expected)


@pytest.mark.parametrize("place", ["pictures", "pictures.zip"])
def test_order_does_not_depend_on_which_file_is_decoded_first(image_files, make_picture, place):
    sizes = [(900, 900), (10, 10), (64, 64), (300, 200)]  # very unequal work
    files = image_files([make_picture(seed, sizes[seed % 4]) for seed in range(20)], place)
    images = files.read()
    assert len({image.tobytes() for image in images}) == 20
    np.testing.assert_array_equal(files.read(), images)
    for index in (0, 1, 10, 19):
        alone = ImageFiles(
            files.tree, (files.names[index],), files.labels[:1], files.class_names, SIDE
        )
        np.testing.assert_array_equal(alone.read()[0], images[index])


def test_batches_are_the_images_in_unit_range_with_their_labels(image_files, make_picture):
    files = image_files([make_picture(seed) for seed in range(7)])
    batches = list(files.batches(3).as_numpy_iterator())
    assert [len(x) for x, _ in batches] == [3, 3, 1]
    images, labels = (np.concatenate(part) for part in zip(*batches))
    assert images.dtype == np.float32 and labels.dtype == np.int64
    np.testing.assert_array_equal(images, files.read() / np.float32(255))
    assert labels.tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_batches_have_32_images_and_known_shapes(image_files, make_picture):
    files = image_files([make_picture()] * 33)
    x, y = files.batches().element_spec
    assert x == tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)
    assert y == tf.TensorSpec((None,), tf.int64)
    assert [len(labels) for _, labels in files.batches()] == [32, 1]
    with pytest.raises(ValueError, match="batch_size is 0; accepted: at least 1"):
        files.batches(0)


def spoiled(content):
    return {
        "empty": b"",
        "text": b"<html>404 Not Found</html>",
        "truncated": content[: len(content) // 2],
        "header only": content[:20],
    }


@pytest.mark.parametrize("place", ["pictures", "pictures.zip"])
def test_files_that_cannot_be_read_are_named(image_files, make_picture, place):
    contents = [make_picture(seed) for seed in range(6)]
    contents[2:2] = spoiled(contents[4]).values()
    message = ": 4 of 10 files cannot be read as images: 002.JPEG, 003.JPEG, 004.JPEG, 005.JPEG$"
    with pytest.raises(ValueError, match=place + message):
        image_files(contents, place).read()


@pytest.mark.parametrize("kind", spoiled(b""))
def test_batches_end_at_a_file_that_cannot_be_read(image_files, make_picture, kind):
    contents = [make_picture(seed) for seed in range(3)]
    batches = iter(image_files([*contents, spoiled(contents[0])[kind]]).batches(2))
    assert len(next(batches)[1]) == 2
    with pytest.raises(tf.errors.OpError):
        next(batches)


def test_ten_of_the_unreadable_files_are_named_and_all_are_counted(image_files, make_picture):
    files = image_files([make_picture(), *[b""] * 13])
    with pytest.raises(ValueError, match=": 13 of 14 files .* 001.JPEG, .* 010.JPEG and 3 more$"):
        files.read()


def test_a_damaged_zip_and_a_file_that_vanished(image_files, make_picture):
    content = make_picture()
    files = image_files([content, content], "pictures.zip")
    damaged = bytearray(files.tree.path.read_bytes())
    damaged[damaged.index(content) + 400] ^= 255
    files.tree.path.write_bytes(damaged)
    with pytest.raises(ValueError, match=": 1 of 2 files .*: 000.JPEG$"):
        ImageFiles(FileTree(files.tree.path), files.names, files.labels, (), SIDE).read()
    files = image_files([content, content])
    (files.tree.path / "001.JPEG").unlink()
    with pytest.raises(ValueError, match=": 1 of 2 files .*: 001.JPEG$"):
        files.read()


def test_unscaled_images_must_have_the_size(image_files, make_picture):
    contents = [make_picture(), make_picture(size=(64, 65))]
    with pytest.raises(ValueError, match="cannot be read as images of 64x64 pixels: 001.JPEG"):
        image_files(contents, scaled=False).read()
    assert image_files(contents[:1], "other", scaled=False).read().shape == (1, SIDE, SIDE, 3)


@pytest.mark.parametrize("place", ["tree", "tree.zip"])
def test_hidden_files_are_left_out(write_tree, place):
    kept = ["a/1.JPEG", "a/b/2.JPEG", "3.JPEG"]
    hidden = [".DS_Store", "a/._1.JPEG", "__MACOSX/a/1.JPEG", ".git/4.JPEG"]
    tree = FileTree(write_tree(place, dict.fromkeys(kept + hidden, b"x")))
    assert tree.names == ("3.JPEG", "a/1.JPEG", "a/b/2.JPEG")
    assert tree.read("a/b/2.JPEG") == b"x"


def test_not_a_zip(tmp_path):
    (tmp_path / "pictures.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="pictures.zip cannot be read as zip"):
        FileTree(tmp_path / "pictures.zip")


def test_listed():
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert listed(["x"] * 2000, most=1) == "x and 1,999 more"


def test_the_checks_see_a_shift(make_picture, pixels):
    """The tolerance of `assert_close` is small beside what an off-by-one does."""
    image = pixels(make_picture(0, (100, 80)))
    with pytest.raises(AssertionError):
        assert_close(np.roll(image, 1, axis=1), image)
    assert len(make_picture()) > 800 and Image.open(io.BytesIO(make_picture())).mode == "RGB"
