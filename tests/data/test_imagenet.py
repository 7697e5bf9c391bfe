"""ImageNet from folders and zips: which images, in which order, of which class; what is refused."""

import json

import keras
import numpy as np
import pytest

import data
from data import imagenet

#: Index to wnid and name. The wnids are not in their order, so that it is the table that decides.
TABLE = {
    "0": ["n00000030", "tench"],
    "1": ["n00000010", "goldfish"],
    "2": ["n00000040", "great_white_shark"],
    "3": ["n00000020", "tiger_shark"],
}
WNIDS = [wnid for wnid, _ in TABLE.values()]


@pytest.fixture(autouse=True)
def offline(no_download):
    """A test that needs a download has to say where it would come from."""


@pytest.fixture
def write_table(tmp_path):
    def write(table=TABLE, place="imagenet"):
        path = tmp_path / place / "imagenet_class_index.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table if isinstance(table, str) else json.dumps(table))
        return path

    return write


def in_folders(wnids=WNIDS, count=3):
    return [f"{wnid}/{wnid}_{7 * image % 10}.JPEG" for wnid in wnids for image in range(count)]


def indexed(wnids=WNIDS, count=3):
    endings = ["", *(f"_{7 * image % 10}" for image in range(1, count))]
    return [f"{i:03}_{wnid}{end}.jpg" for i, wnid in enumerate(wnids) for end in endings[:count]]


LAYOUTS = [in_folders, indexed]
PLACES = [
    "imagenet",
    "imagenet/val",
    "imagenet.zip",
    "imagenet/sample.zip",
    "datasets/imagenet",
    "datasets/imagenet.zip",
]


@pytest.fixture
def write_images(write_tree, make_picture):
    """Writes different pictures under these names."""

    def write(names, place="imagenet", size=(16, 16)):
        return write_tree(place, {name: make_picture(i, size) for i, name in enumerate(names)})

    return write


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", PLACES)
def test_images_by_class_and_by_name(tmp_path, write_images, write_table, layout, place):
    write_table(place="models")
    names = layout()
    write_images(names[::-1], place)
    files = imagenet.find(tmp_path, images_per_class=3, side=16)
    assert files.names == tuple(sorted(names, key=lambda name: (WNIDS.index(wnid_of(name)), name)))
    assert files.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert files.labels.dtype == np.int64
    assert files.class_names == ("tench", "goldfish", "great_white_shark", "tiger_shark")
    assert files.read().shape == (12, 16, 16, 3)


def wnid_of(name):
    return next(wnid for wnid in WNIDS if wnid in name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_first_images_of_each_class(tmp_path, write_images, write_table, layout):
    write_table()
    names = layout(count=7)
    write_images(names)
    found = imagenet.find(tmp_path, side=16)
    assert len(found) == 5 * 4  # five are the default
    expected = [sorted(n for n in names if wnid in n)[:5] for wnid in WNIDS]
    assert found.names == tuple(sum(expected, []))
    assert np.bincount(found.labels).tolist() == [5, 5, 5, 5]


def test_a_top_folder_in_the_zip_and_other_files_do_not_matter(
    tmp_path, write_tree, write_table, make_picture
):
    write_table()
    content = {f"top/{name}": make_picture() for name in in_folders()}
    others = dict.fromkeys(["top/README.txt", "top/n00000010/notes.txt", "__MACOSX/a.JPEG"], b"")
    write_tree("imagenet.zip", content | others)
    files = imagenet.find(tmp_path, 3)
    assert set(files.names) == {f"top/{name}" for name in in_folders()}
    assert files.read().shape == (12, 224, 224, 3)


def test_a_thousand_classes_need_no_table(tmp_path, write_tree, make_picture):
    wnids = [f"n{number:08}" for number in range(1000, 11_000, 10)]
    content = make_picture(size=(8, 8))
    write_tree("imagenet/sample.zip", dict.fromkeys(indexed(wnids, count=1), content))
    files = imagenet.find(tmp_path, images_per_class=1, side=8)
    assert files.labels.tolist() == list(range(1000))
    assert files.class_names == tuple(wnids)
    assert (files.read() == files.read()[0]).all()
    write_tree("other/imagenet", dict.fromkeys(in_folders(wnids, count=1), content))
    files = imagenet.find(tmp_path / "other", images_per_class=1, side=8)
    assert [name.split("/")[0] for name in files.names] == wnids


def test_fewer_classes_need_one(tmp_path, write_images):
    write_images(in_folders())
    message = (
        "imagenet has 4 of 1,000 classes; only the table tells which these are: "
        ".*could not be downloaded .*no network.*data_dir.*REPRODUCE_DATA_DIR.*"
        "KERAS_HOME"
    )
    with pytest.raises(data.DatasetNotFoundError, match=message):
        imagenet.find(tmp_path)


@pytest.mark.parametrize("place", ["imagenet", "", "models"])
def test_the_table_in_the_data_directory(tmp_path, write_table, place, monkeypatch):
    write_table(place=place)
    assert data.class_names("imagenet", tmp_path)[2] == "great_white_shark"
    monkeypatch.setenv("REPRODUCE_DATA_DIR", str(tmp_path))
    assert data.class_names("imagenet")[0] == "tench"


def test_the_table_that_is_named_comes_first(tmp_path, write_images, write_table):
    write_table()
    write_images(in_folders())
    other = write_table({"0": TABLE["1"], "1": TABLE["0"]} | {k: TABLE[k] for k in "23"}, "other")
    files = imagenet.find(tmp_path, 3, class_index=other)
    assert files.class_names[:2] == ("goldfish", "tench")
    assert "n00000010" in files.names[0]
    with pytest.raises(ValueError, match="missing.json cannot be read as a table of classes"):
        imagenet.find(tmp_path, 3, class_index=tmp_path / "missing.json")


def test_the_table_of_keras(write_table, downloaded):
    asked = downloaded(imagenet, write_table(place="cache").parent)
    assert data.class_names("imagenet")[3] == "tiger_shark"
    ((url, checksum, _),) = asked
    decode = keras.applications.imagenet_utils.decode_predictions.__globals__
    assert url == decode["CLASS_INDEX_PATH"] and len(checksum) == 32


@pytest.mark.parametrize(
    "table",
    ["", "{", "[]", "{}", '[["n00000010", "a"]]', '{"1": ["n00000010", "a"]}', '{"0": ["n1"]}']
    + ['{"0": ["n00000010", "a"], "1": ["n00000010", "b"]}'],
)
def test_a_file_that_is_no_table(tmp_path, write_table, table):
    write_table(table)
    with pytest.raises(ValueError, match="class_index.json cannot be read .*; accepted: JSON such"):
        data.class_names("imagenet", tmp_path)


def test_classes_that_are_missing_short_or_unknown(tmp_path, write_images, write_table):
    write_table()
    short = in_folders(["n00000010"], count=1) + in_folders(["n00000040"], count=2)
    write_images(short + in_folders(["n00000020", "n00000099"]))
    message = (
        "imagenet lacks 1 of 4 classes: n00000030; it has fewer than 3 images in 2 of 4 classes: "
        "n00000010 has 1, n00000040 has 2; it has unknown classes .1.: n00000099$"
    )
    with pytest.raises(ValueError, match=message):
        imagenet.find(tmp_path, 3)


def test_ten_of_many_missing_classes_are_named(tmp_path, write_images, write_table):
    wnids = [f"n{number:08}" for number in range(60)]
    write_table({str(index): [wnid, wnid] for index, wnid in enumerate(wnids)})
    write_images(in_folders(wnids[:20], count=1))
    with pytest.raises(ValueError, match="lacks 40 of 60 .*n00000020.* n00000029 and 30 more$"):
        imagenet.find(tmp_path, 1)


def test_an_index_that_contradicts_the_table(tmp_path, write_images, write_table):
    write_table()
    write_images(indexed(sorted(WNIDS), count=1))
    message = "in the name of 4 of 4 files is not that of .*: 002_n00000030.jpg, 000_n00000010.jpg"
    with pytest.raises(ValueError, match=message):
        imagenet.find(tmp_path, 1)


def test_training_and_validation_images_are_not_mixed(tmp_path, write_images, write_table):
    write_table()
    train, val = ([f"{part}/{name}" for name in in_folders()] for part in ("train", "val"))
    write_images(train + val, "imagenet.zip")
    with pytest.raises(ValueError, match=r"in 2 places: train \(12\), val \(12\); accepted: one"):
        imagenet.find(tmp_path, 3)
    write_images(train + val, "imagenet")
    assert imagenet.find(tmp_path, 3).tree.path == tmp_path / "imagenet" / "val"


def test_no_images(tmp_path, write_tree):
    write_tree("imagenet", {"README.txt": b"", "cat.jpg": b"", "flat/ILSVRC2012_val_1.JPEG": b""})
    with pytest.raises(data.DatasetNotFoundError, match="does not have imagenet; looked") as error:
        imagenet.find(tmp_path)
    for place in ("imagenet/val", "imagenet.zip", "datasets/imagenet", "<wnid>/", "<index>_<wnid>"):
        assert place in str(error.value)


def test_no_folder_named():
    message = "imagenet cannot be downloaded; .* data_dir or .*REPRODUCE_DATA_DIR"
    with pytest.raises(data.DatasetNotFoundError, match=message):
        data.load("imagenet")


@pytest.mark.parametrize("count", [0, -1])
def test_no_images_asked_for(tmp_path, count):
    with pytest.raises(ValueError, match=f"images_per_class is {count}; accepted: at least 1"):
        data.load("imagenet", data_dir=tmp_path, images_per_class=count)


def test_loaded_as_a_test_set_of_bytes(tmp_path, write_images, write_table):
    write_table()
    path = write_images(in_folders(), "imagenet.zip", size=(224, 224))
    dataset = data.load("imagenet", data_dir=tmp_path, images_per_class=2)
    assert (len(dataset.x_train), len(dataset.x_validation), len(dataset.x_test)) == (0, 0, 8)
    assert isinstance(dataset.x_test, data.ByteImages)
    assert dataset.x_test.stored.nbytes == 8 * 224 * 224 * 3
    assert dataset.image_shape == (224, 224, 3) and dataset.num_classes == 4
    assert dataset.class_names[0] == "tench"
    assert dataset.source == path.name
    assert dataset.notes == ("imagenet: a selection of 8 images, 2 of each class",)
    ((x, y),) = imagenet.find(tmp_path, 2).batches(8).as_numpy_iterator()
    np.testing.assert_array_equal(dataset.x_test[:], x)
    np.testing.assert_array_equal(dataset.y_test, y)
    assert (
        len(data.load("imagenet", "test-validates", tmp_path, images_per_class=2).x_validation) == 8
    )
    again = data.load("imagenet", data_dir=tmp_path, images_per_class=2)
    fewer = data.load("imagenet", data_dir=tmp_path, images_per_class=1)
    assert dataset.fingerprint == again.fingerprint != fewer.fingerprint


def test_an_unreadable_image_stops_the_loading(tmp_path, write_tree, write_table, make_picture):
    write_table()
    content = dict.fromkeys(in_folders(), make_picture())
    content["n00000040/n00000040_0.JPEG"] = b"<html>"
    write_tree("imagenet", content)
    with pytest.raises(ValueError, match=": 1 of 4 files .*: n00000040/n00000040_0.JPEG"):
        data.load("imagenet", data_dir=tmp_path, images_per_class=1)


def test_the_choice_is_for_imagenet_alone():
    message = "images_per_class is 5 with 'digits'; accepted: with 'imagenet' only"
    with pytest.raises(ValueError, match=message):
        data.load("digits", images_per_class=5)
