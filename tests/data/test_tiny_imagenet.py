"""Tiny ImageNet as its archive has it: train, val, names; what is refused."""

import numpy as np
import pytest

import data
from data import tiny_imagenet

TOP = "tiny-imagenet-200"
WNIDS = [f"n{number:08}" for number in range(7, 2007, 10)]
TRAIN, VAL = 3, 2


@pytest.fixture(autouse=True)
def offline(no_download):
    """A test that needs a download has to say where it would come from."""


@pytest.fixture(scope="module")
def listing():
    """The files of the archive that are texts; `wnids.txt` is not in the order of the wnids."""
    order = np.random.RandomState(0).permutation(VAL * 200)
    annotations = [
        f"val_{number}.JPEG\t{WNIDS[image % 200]}\t0\t32\t44\t62"
        for number, image in enumerate(order)
    ]
    words = [f"{wnid}\tname {index}, synonym" for index, wnid in enumerate(WNIDS)]
    return {
        "wnids.txt": "\n".join(WNIDS[::-1]).encode(),
        "words.txt": "\n".join(["n99999999\tentity", *words[::-1]]).encode(),
        "val/val_annotations.txt": ("\n".join(annotations) + "\n").encode(),
    }


@pytest.fixture
def archive(listing, make_picture):
    """Its files, {name: content}; 20 pictures serve all names."""
    pictures = [make_picture(seed, mode="L" if seed == 3 else "RGB") for seed in range(20)]
    train = [f"train/{w}/images/{w}_{i}.JPEG" for w in WNIDS for i in range(TRAIN)]
    val = [f"val/images/val_{number}.JPEG" for number in range(VAL * 200)]
    images = {name: pictures[i % 20] for i, name in enumerate(train + val)}
    others = {"train/n00000007/n00000007_boxes.txt": b"", "test/images/test_0.JPEG": b"no label"}
    return listing | images | others


@pytest.fixture
def write_archive(write_tree, archive):
    def write(place=f"{TOP}.zip", **changes):
        files = {n: changes.get(n.split("/")[-1], content) for n, content in archive.items()}
        top = f"{TOP}/" if place.endswith(".zip") else ""
        return write_tree(place, {top + n: c for n, c in files.items() if c is not None})

    return write


PLACES = [TOP, f"{TOP}.zip", f"datasets/{TOP}", f"datasets/{TOP}.zip"]


@pytest.mark.parametrize("place", PLACES)
def test_train_and_val(tmp_path, write_archive, archive, pixels, place):
    top = f"{TOP}/" if write_archive(place).suffix else ""
    train, val = (tiny_imagenet.find(part, tmp_path) for part in ("train", "val"))
    assert train.names[:4] == tuple(
        f"{top}train/{wnid}/images/{wnid}_{i}.JPEG"
        for wnid, i in [(WNIDS[0], 0), (WNIDS[0], 1), (WNIDS[0], 2), (WNIDS[1], 0)]
    )
    assert train.labels.tolist() == [index for index in range(200) for _ in range(TRAIN)]
    assert val.names == tuple(f"{top}val/images/val_{i}.JPEG" for i in range(VAL * 200))
    order = np.random.RandomState(0).permutation(VAL * 200)
    assert val.labels.tolist() == (order % 200).tolist()
    assert train.class_names == val.class_names == tuple(f"name {i}" for i in range(200))
    images = train.read()
    assert images.dtype == np.uint8 and images.shape == (600, 64, 64, 3)
    for index in (0, 3, 599):  # the fourth is grey
        expected = pixels(archive[train.names[index].removeprefix(top)])
        assert np.abs(images[index].astype(int) - expected).max() <= 2


def test_loaded_as_bytes(tmp_path, write_archive):
    write_archive()
    dataset = data.load("tiny_imagenet", data_dir=tmp_path)
    images = [dataset.x_train, dataset.x_validation, dataset.x_test]
    assert [len(x) for x in images] == [540, 60, 400]
    assert all(isinstance(x, data.ByteImages) for x in images)
    assert dataset.image_shape == (64, 64, 3) and dataset.num_classes == 200
    assert dataset.class_names == data.class_names("tiny_imagenet", tmp_path)
    assert dataset.source == f"{TOP}.zip"
    assert dataset.notes == (
        "tiny_imagenet: 600 of 100,000 training and 400 of 10,000 test images are in this copy",
    )
    val = tiny_imagenet.find("val", tmp_path)
    np.testing.assert_array_equal(dataset.x_test.stored, val.read())
    np.testing.assert_array_equal(dataset.y_test, val.labels)
    other = data.load("tiny_imagenet", "test-validates", data_dir=tmp_path)
    np.testing.assert_array_equal(
        other.x_train.stored, tiny_imagenet.find("train", tmp_path).read()
    )
    assert len(other.x_test) == 400


def test_downloaded_archive(write_archive, downloaded):
    path = write_archive("cache/tiny-imagenet-200.zip")
    asked = downloaded(tiny_imagenet, path.parent)
    assert len(tiny_imagenet.find("val")) == 400
    url = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    assert asked == [(url, "90528d7ca1a48142e341f4ef8d21d0de", path.name)]


def test_failed_download():
    message = "could not be downloaded from http.*no network.*data_dir or .*REPRODUCE_DATA_D"
    with pytest.raises(data.DatasetNotFoundError, match=message):
        data.load("tiny_imagenet")


def test_folder_without_it(tmp_path):
    with pytest.raises(data.DatasetNotFoundError, match="does not have tiny_imagenet") as error:
        data.load("tiny_imagenet", data_dir=tmp_path)
    assert all(str(tmp_path / place) in str(error.value) for place in PLACES)


def lines(listing, name, change):
    return "\n".join(change(listing[name].decode().splitlines())).encode()


def test_missing_classes_and_images(write_archive):
    gone = {f"{WNIDS[4]}_{i}.JPEG": None for i in range(TRAIN)} | {f"{WNIDS[9]}_1.JPEG": None}
    path = write_archive(TOP, **gone)
    message = (
        f"{TOP}/train lacks 1 of 200 classes: {WNIDS[4]}; it has fewer than 3 images in 1 of 200 "
        f"classes: {WNIDS[9]} has 2$"
    )
    with pytest.raises(ValueError, match=message):
        tiny_imagenet.find("train", path.parent)
    assert len(tiny_imagenet.find("val", path.parent)) == 400


def test_a_class_too_many(write_archive):
    wnids = [*WNIDS[:-1], "n88888888"]
    path = write_archive(TOP, **{"wnids.txt": "\n".join(wnids).encode()})
    message = f"train lacks 1 of 200 classes: n88888888; it has unknown classes .1.: {WNIDS[-1]}$"
    with pytest.raises(ValueError, match=message):
        tiny_imagenet.find("train", path.parent)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("wnids.txt", lambda lines: lines[:150], "wnids.txt lists 150 classes; accepted: 200, as"),
        (
            "val_annotations.txt",
            lambda lines: lines[:-1],
            "400 images in val, .* lists 399; 1 are in one of the two only: .*val_399.JPEG",
        ),
        ("val_annotations.txt", lambda lines: [*lines, lines[0]], "400 images .* lists 401"),
        (
            "val_annotations.txt",
            lambda lines: [line.replace("\t", " ") for line in lines],
            "400 images in val, .* lists 0; 400 are in one of the two only: .* and 390 more",
        ),
    ],
)
def test_lists_that_do_not_fit(tmp_path, write_archive, listing, name, change, message):
    full_name = next(key for key in listing if key.endswith(name))
    write_archive(**{name: lines(listing, full_name, change)})
    with pytest.raises(ValueError, match=message):
        tiny_imagenet.find("val", tmp_path)


@pytest.mark.parametrize("name", ["wnids.txt", "words.txt", "val_annotations.txt"])
def test_missing_lists(tmp_path, write_archive, name):
    write_archive(**{name: None})
    message = f"has no (val/)?{name}; accepted: tiny-imagenet-200.zip or what it unpacks to"
    with pytest.raises(ValueError, match=message):
        tiny_imagenet.find("val", tmp_path)


def test_unreadable_images(tmp_path, write_archive, make_picture):
    spoiled = {"val_3.JPEG": b"", "val_5.JPEG": make_picture(size=(63, 64))}
    write_archive(**spoiled)
    message = ": 2 of 400 files .* 64x64 pixels: .*val_3.JPEG, .*val_5.JPEG$"
    with pytest.raises(ValueError, match=message):
        data.load("tiny_imagenet", data_dir=tmp_path)


def test_unknown_part(tmp_path):
    with pytest.raises(ValueError, match="part is 'test'; accepted: 'train', 'val'"):
        tiny_imagenet.find("test", tmp_path)
