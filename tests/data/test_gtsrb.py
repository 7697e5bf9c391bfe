"""GTSRB from small archives written here, and its tracks."""

import io
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import data
from data import gtsrb

CLASSES, TRACKS, FRAMES, TESTS = (0, 7, 42), 5, 3, 6
HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def ppm(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PPM")
    return content.getvalue()


def plain(grey, height=20, width=40):
    return np.full((height, width, 3), grey, np.uint8)


def official():
    """The files of the three archives, by archive; a picture's grey level says which it is."""
    random = np.random.RandomState(0)
    training, test = {}, {}
    grey = 0
    for label in CLASSES:
        folder = f"GTSRB/Final_Training/Images/{label:05d}"
        table = HEADER
        for track in range(TRACKS):
            for frame in range(FRAMES):
                name = f"{track:05d}_{frame:05d}.ppm"
                training[f"{folder}/{name}"] = ppm(plain(grey))
                table += f"{name};40;20;5;5;35;15;{label}\n"
                grey += 1
        training[f"{folder}/GT-{label:05d}.csv"] = table.encode()
    table = HEADER
    for number in range(TESTS):
        pixels = random.randint(0, 256, (25 + number, 30, 3)).astype(np.uint8)
        test[f"GTSRB/Final_Test/Images/{number:05d}.ppm"] = ppm(pixels)
        table += f"{number:05d}.ppm;30;25;5;5;25;20;{CLASSES[number % 3]}\n"
    names = dict.fromkeys(gtsrb.ARCHIVES)
    return dict(zip(names, (training, test, {"GT-final_test.csv": table.encode()})))


@pytest.fixture
def write(tmp_path):
    """Writes the archives, or what they unpack to; `changed` replaces files, or drops them."""

    def write(unpacked=False, **changed):
        for archive, files in official().items():
            files = {name: changed.get(name.split("/")[-1], files[name]) for name in files}
            files = {name: content for name, content in files.items() if content is not None}
            if unpacked:
                for name, content in files.items():
                    path = tmp_path / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
            else:
                with zipfile.ZipFile(tmp_path / archive, "w") as target:
                    for name, content in files.items():
                        target.writestr(name, content)
        return tmp_path

    return write


def greys(images):
    return np.round(images[:, 0, 0, 0] * 255).astype(int)


@pytest.mark.parametrize("unpacked", [False, True])
def test_official_split(write, unpacked):
    dataset = data.load("gtsrb", "test-validates", data_dir=write(unpacked))
    count = len(CLASSES) * TRACKS * FRAMES
    assert dataset.x_train.shape == (count, 32, 32, 3) and dataset.num_classes == 43
    # Plain pictures stay plain, so that each is known by its grey level.
    np.testing.assert_allclose(
        dataset.x_train, dataset.x_train[:, :1, :1, :1].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    )
    np.testing.assert_array_equal(greys(dataset.x_train), np.arange(count))
    np.testing.assert_array_equal(dataset.y_train, np.repeat(CLASSES, TRACKS * FRAMES))
    np.testing.assert_array_equal(dataset.y_test, np.resize(CLASSES, TESTS))
    assert dataset.source == ("GTSRB" if unpacked else "GTSRB_Final_Training_Images.zip")
    assert dataset.notes == (
        "gtsrb: 45 of 39,209 training and 6 of 12,630 test images are in this copy",
    )


@pytest.mark.parametrize("tables", [True, False])
@pytest.mark.parametrize("data_dir", ["root", "root/gtsrb"])
def test_torchvision_lays_it_out_otherwise(tmp_path, write, data_dir, tables):
    expected = data.load("gtsrb", data_dir=write(unpacked=True))
    folder = tmp_path / "root" / "gtsrb"
    folder.mkdir(parents=True)
    (tmp_path / "GT-final_test.csv").rename(folder / "GT-final_test.csv")
    (tmp_path / "GTSRB").rename(folder / "GTSRB")
    training = folder / "GTSRB" / "Training"
    (folder / "GTSRB" / "Final_Training" / "Images").rename(training)
    (folder / "GTSRB" / "Final_Training").rmdir()
    (training / "Readme.txt").write_text("no class")
    if not tables:
        for table in training.glob("*/*.csv"):
            table.unlink()
    dataset = data.load("gtsrb", data_dir=tmp_path / data_dir)
    assert dataset.fingerprint == expected.fingerprint  # with the same tracks held out
    assert dataset.notes == expected.notes


def test_a_folder_without_training_pictures(tmp_path):
    (tmp_path / "GTSRB" / "Training").mkdir(parents=True)
    with pytest.raises(data.DatasetNotFoundError, match="Final_Training.*has no folder of a class"):
        data.load("gtsrb", data_dir=tmp_path)


def test_shrinking_averages(tmp_path, write):
    """As TensorFlow's bilinear resize with antialias does, to rounding."""
    dataset = data.load("gtsrb", data_dir=write())
    files = official()["GTSRB_Final_Test_Images.zip"]
    for image, content in zip(dataset.x_test, files.values()):
        original = np.asarray(Image.open(io.BytesIO(content)))
        expected = tf.image.resize(original, (32, 32), "bilinear", antialias=True)
        np.testing.assert_allclose(image * 255, expected, atol=1.01)


def test_the_first_images_of_a_subset_are_of_all_classes(write):
    """The archive is in order of class, and a profile takes the first images of a subset."""
    dataset = data.load("gtsrb", data_dir=write())
    first = dataset.y_train[: len(dataset.y_train) // 2]
    assert set(first) == set(CLASSES) == set(dataset.y_train)
    assert (np.diff(greys(dataset.x_train)) < 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_tracks_are_never_split(write, seed):
    dataset = data.load("gtsrb", data_dir=write(), seed=seed)
    held_out = greys(dataset.x_validation)
    tracks = len(CLASSES) * TRACKS
    assert len(held_out) == tracks // 10 * FRAMES
    assert not set(held_out // FRAMES) & set(greys(dataset.x_train) // FRAMES)
    assert len(dataset.x_train) + len(held_out) == tracks * FRAMES
    assert len(dataset.x_test) == TESTS


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"GT-00007.csv": None}, data.DatasetNotFoundError, "GT-00007.csv is missing"),
        ({"GT-final_test.csv": None}, data.DatasetNotFoundError, "GT-final_test.csv is missing"),
        ({"GT-00007.csv": b"a,b\n1,2\n"}, ValueError, "GT-00007.csv cannot be read.*semicolons"),
        ({"GT-00007.csv": HEADER.encode()}, ValueError, "GT-00007.csv has no rows"),
        ({"00003.ppm": b"P6 no picture"}, ValueError, "00003.ppm cannot be read as a picture"),
        ({"00003.ppm": None}, ValueError, "00003.ppm cannot be read as a picture"),
        (
            {"GT-00007.csv": (HEADER + "00000_00000.ppm;40;20;5;5;35;15;8\n").encode()},
            ValueError,
            "00007.*00000_00000.ppm has ClassId 8; its folder is that of class 7",
        ),
        (
            {"GT-final_test.csv": (HEADER + "00000.ppm;30;25;5;5;25;20;43\n").encode()},
            ValueError,
            "y_test has labels from 43 to 43; accepted for gtsrb: 0 to 42",
        ),
    ],
)
def test_faults(write, unpacked, changed, error, message):
    with pytest.raises(error, match=message):
        data.load("gtsrb", data_dir=write(unpacked, **changed))


def test_a_missing_archive_is_named(write):
    folder = write()
    (folder / "GTSRB_Final_Test_GT.zip").unlink()
    with pytest.raises(data.DatasetNotFoundError, match="GTSRB_Final_Test_GT.zip is missing"):
        data.load("gtsrb", data_dir=folder)


def test_a_damaged_archive_is_named(write):
    folder = write()
    (folder / "GTSRB_Final_Test_Images.zip").write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match="GTSRB_Final_Test_Images.zip cannot be read as zip"):
        data.load("gtsrb", data_dir=folder)


def test_download(write, downloaded):
    folder = write()
    asked = downloaded(gtsrb, folder)
    dataset = data.load("gtsrb")
    assert asked == [(gtsrb.ADDRESS + name, md5, name) for name, md5 in gtsrb.ARCHIVES.items()]
    assert dataset.fingerprint == data.load("gtsrb", data_dir=folder).fingerprint


def test_failed_download(no_download):
    message = "gtsrb could not .*//sid.erda.dk.*no network"
    with pytest.raises(data.DatasetNotFoundError, match=message):
        data.load("gtsrb")
