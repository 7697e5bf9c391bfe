"""Images of the user's own: .npz files and folders of class folders, right and wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import FolderImages, load_own

SHAPE = (8, 8, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def npz(folder: Path, **arrays) -> Path:
    path = folder / "images.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_test", "y_test")])
@pytest.mark.parametrize("form", ["bytes", "floats", "column"])
def test_arrays_in_a_file(names, form, tmp_path):
    images = PIXELS if form == "bytes" else (PIXELS / 255).astype(np.float64)
    labels = LABELS[:, None] if form == "column" else LABELS
    dataset = load_own(npz(tmp_path, **dict(zip(names, (images, labels)))), SHAPE)
    assert dataset.x_test[:].dtype == np.float32
    np.testing.assert_allclose(dataset.x_test[:], PIXELS / 255, atol=1e-7)
    np.testing.assert_array_equal(dataset.y_test, LABELS)
    assert (dataset.name, dataset.num_classes, dataset.notes) == ("images.npz", 3, ())
    assert len(dataset.x_train) == 0 and dataset.image_shape == SHAPE


def test_grey_images_flat_ones_and_names_of_classes(tmp_path):
    path = npz(tmp_path, x=PIXELS[..., 0], y=LABELS, class_names=np.array(["cat", "dog", "eel"]))
    dataset = load_own(path, (8, 8, 1))
    assert dataset.x_test.shape == (6, 8, 8, 1) and dataset.class_names == ("cat", "dog", "eel")
    flat = load_own(npz(tmp_path, x=PIXELS.reshape(6, -1) / 255, y=LABELS), (192,))
    assert flat.x_test.shape == (6, 192)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"a": PIXELS}, "has the arrays a; accepted: x and y, or images and labels, or x_test"),
        ({"x": PIXELS}, "has the arrays x; accepted: x and y"),
        ({"x": PIXELS[:5], "y": LABELS}, "x has 5 images and y 6 labels; accepted: one label"),
        ({"x": PIXELS[:0], "y": LABELS[:0]}, r"shape \(0, 8, 8, 3\); accepted: \[N, height"),
        ({"x": LABELS, "y": LABELS}, r"x has shape \(6,\); accepted: \[N, height, width, chan"),
        ({"x": PIXELS.astype(int), "y": LABELS}, "x is of int64; accepted: uint8 in 0..255"),
        ({"x": PIXELS * 1.0, "y": LABELS}, "x is from 0 to 255; accepted: uint8 in 0..255, or"),
        ({"x": PIXELS, "y": np.eye(3)[LABELS]}, r"y has shape \(6, 3\) and dtype float64; acc"),
        ({"x": PIXELS, "y": LABELS - 1}, "y has labels from -1 to 1; accepted: 0 to 999,999"),
        ({"x": PIXELS, "y": LABELS + 2**60}, "accepted: 0 to 999,999"),
        (
            {"x": PIXELS, "y": LABELS, "class_names": np.array(["cat"])},
            "class_names has 1 names, and y the label 2; accepted: a name for each class",
        ),
    ],
)
def test_arrays_that_are_no_images_with_labels(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_own(npz(tmp_path, **arrays), SHAPE)


def test_files_that_are_no_npz(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.npz does not exist; accepted: an .npz"):
        load_own(tmp_path / "nothing.npz", SHAPE)
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(ValueError, match="text.npz cannot be read as npz, plain arrays only"):
        load_own(tmp_path / "text.npz", SHAPE)
    objects = npz(tmp_path, x=np.array([None, "code"], dtype=object), y=LABELS)
    with pytest.raises(ValueError, match="plain arrays only"):
        load_own(objects, SHAPE)


def folders(place: Path, names=("cat", "dog", "eel"), pixels=PIXELS) -> Path:
    """Two pictures in each folder, the first three pixels first."""
    for index, image in enumerate(pixels):
        path = place / names[index % 3] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return place


def test_folders_are_classes_in_the_order_of_their_names(tmp_path):
    dataset = load_own(folders(tmp_path / "pets"), SHAPE, classes=3)
    assert isinstance(dataset.x_test, FolderImages) and dataset.x_test.shape == (6, *SHAPE)
    order = [0, 3, 1, 4, 2, 5]
    np.testing.assert_array_equal(dataset.y_test, LABELS[order])
    np.testing.assert_allclose(dataset.x_test[:], PIXELS[order] / 255, atol=1e-7)
    np.testing.assert_allclose(dataset.x_test[np.array([4, 0])], PIXELS[[2, 0]] / 255, atol=1e-7)
    assert dataset.notes == ("pets: its folders, sorted, are the classes: 0 cat, 1 dog, 2 eel.",)


def test_folders_that_are_called_by_numbers(tmp_path):
    dataset = load_own(folders(tmp_path, names=("10", "2", "07")), SHAPE, classes=1000)
    np.testing.assert_array_equal(dataset.y_test, [7, 7, 10, 10, 2, 2])
    assert dataset.num_classes == 11 and "are the labels: 07, 10, 2." in dataset.notes[0]


@pytest.mark.parametrize(
    "image_shape, shape", [((3, 8, 8), SHAPE), ((8, 8, 1), (8, 8, 1)), ((8, 8), (8, 8, 1))]
)
def test_images_come_as_the_model_takes_them(image_shape, shape, tmp_path):
    grey = PIXELS[..., :1].repeat(3, axis=-1)
    dataset = load_own(folders(tmp_path, pixels=grey), image_shape, classes=3)
    assert dataset.x_test[:2].shape == (2, *shape)
    np.testing.assert_allclose(dataset.x_test[:1][..., 0], grey[:1, ..., 0] / 255, atol=1e-7)


def test_other_sizes_are_scaled(tmp_path):
    assert load_own(folders(tmp_path), (16, 16, 3), classes=3).x_test[:1].shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    "image_shape, classes, message",
    [
        ((8, 8, 3), 10, "has folders for 3 classes, the model tells 10 apart; accepted: a folder"),
        ((8, 9, 3), 3, r"model takes \(8, 9, 3\); accepted with a folder of images: squares"),
        ((None, None, 3), 3, r"model takes \(None, None, 3\); accepted with a folder of images"),
    ],
)
def test_folders_that_do_not_go_with_the_model(image_shape, classes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_own(folders(tmp_path), image_shape, classes)


def test_colours_for_a_model_of_grey_images(tmp_path):
    dataset = load_own(folders(tmp_path), (8, 8, 1), classes=3)
    with pytest.raises(ValueError, match="images in colour; accepted: grey ones, or a model"):
        dataset.x_test[:2]


def test_images_elsewhere_and_none(tmp_path):
    with pytest.raises(ValueError, match="has no images; accepted: a folder for each class"):
        load_own(tmp_path, SHAPE)
    folders(tmp_path / "train")
    with pytest.raises(ValueError, match="6 of 6 images elsewhere than in a folder for each class"):
        load_own(tmp_path, SHAPE)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    dataset = load_own(folders(tmp_path), SHAPE, classes=3)
    (tmp_path / "dog" / "1.png").write_bytes(b"no picture")
    assert len(dataset.x_test[:2]) == 2
    with pytest.raises(ValueError, match="1 of 6 files cannot be read as images: dog/1.png"):
        dataset.x_test[:]
