"""Every split: which images it takes, in which order, and what it refuses."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import data

SUBSETS = ("train", "validation", "test")


def rows(images):
    return [image.tobytes() for image in images]


def sizes(dataset):
    return [len(getattr(dataset, f"x_{subset}")) for subset in SUBSETS]


def greys(images):
    """What `write_arrays` gave each image: its number."""
    return np.round(images[:, 0, 0, 0] * 255).astype(int)


@pytest.fixture
def write_arrays(tmp_path):
    """Writes NAME.npz of plain images, each with the grey level of its number."""

    def write(name="gtsrb", train=100, test=50, shape=(32, 32, 3), **more):
        pixels = np.arange(train + test).astype(np.uint8)[:, None].repeat(np.prod(shape), 1)
        images = pixels.reshape(-1, *shape)
        arrays = {"x_train": images[:train], "y_train": np.arange(train) % 10}
        arrays |= {"x_test": images[train:], "y_test": np.arange(test) % 10}
        np.savez(tmp_path / f"{name}.npz", **arrays, **more)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("split", "fingerprint"),
    [
        ("held-out", "c6dc72bf91dc85138e705840cf1747dd96a6437ffb1034c42dae191a19f430da"),
        ("test-validates", "43a45c33eb758d85073a5a6c93143331644e3e29c4185edfc7f3ff1acfee9103"),
        ("random-64-16-20", "62b20b74b6e4cf52380641736361fdeaba1fe30396e73ec3d82569d950ce7730"),
        ("random-4-1-1", "407ab5f43fb1108748d9bac4ee89616ba474b7ed73b239cc0e5892c25c33bc9a"),
    ],
)
def test_a_split_is_fixed_for_good(split, fingerprint):
    """Known answers: a change of them changes every result that is measured on the data."""
    assert data.load("digits", split, seed=0).fingerprint == fingerprint


def test_the_seed_chooses_other_images_for_good():
    labels = data.load("digits", "test-validates", seed=3).y_test[:10]
    assert labels.tolist() == [7, 8, 4, 7, 3, 8, 1, 4, 6, 2]


def test_held_out_subsets_are_disjoint_and_leave_the_test_set_alone():
    dataset, other = data.load("digits", seed=0), data.load("digits", seed=1)
    assert sizes(dataset) == [1294, 143, 360]
    train, validation, test = (set(rows(getattr(dataset, f"x_{subset}"))) for subset in SUBSETS)
    assert not train & validation and not train & test and not validation & test
    np.testing.assert_array_equal(dataset.x_test, other.x_test)
    assert rows(dataset.x_validation) != rows(other.x_validation)


def test_the_test_set_validates_and_the_first_200_of_it_test():
    dataset, other = (data.load("digits", "test-validates", seed=seed) for seed in (0, 1))
    assert sizes(dataset) == [1437, 360, 360]  # all that there are
    np.testing.assert_array_equal(dataset.x_validation, data.load("digits").x_test)
    validation = dict(zip(rows(dataset.x_validation), dataset.y_validation))
    assert [validation[row] for row in rows(dataset.x_test)] == dataset.y_test.tolist()
    assert len(set(rows(dataset.x_test))) == 360
    # The first 200 are those that were drawn, and the others follow.
    assert data.SPLITS["test-validates"].test_images == 200
    places = [rows(dataset.x_validation).index(row) for row in rows(dataset.x_test)]
    drawn = np.random.RandomState(0).permutation(360).tolist()
    assert places[:200] == sorted(drawn[:200]) and places[200:] == drawn[200:]
    assert rows(dataset.x_test) != rows(other.x_test)


def test_four_one_and_one_sixths_of_all_images():
    dataset, other = (data.load("digits", "random-4-1-1", seed=seed) for seed in (0, 1))
    assert sizes(dataset) == [1198, 299, 300]
    parts = [rows(getattr(dataset, f"x_{subset}")) for subset in SUBSETS]
    assert len(set().union(*parts)) == len(load_digits().target)
    assert rows(dataset.x_test) != rows(other.x_test)


@pytest.mark.parametrize("name", ["cifar10", "gtsrb"])
def test_four_fifths_of_four_fifths_of_all_images(write_arrays, name):
    dataset = data.load(name, "random-64-16-20", data_dir=write_arrays(name))
    parts = [greys(getattr(dataset, f"x_{subset}")) for subset in SUBSETS]
    assert [len(part) for part in parts] == [96, 24, 30]
    assert sorted(np.concatenate(parts)) == list(range(150))
    assert min(parts[2]) < 100 < max(parts[2])  # from both official subsets
    np.testing.assert_array_equal(dataset.y_train, parts[0] % 100 % 10)
    other = data.load(name, "random-64-16-20", data_dir=write_arrays(name), seed=1)
    assert other.fingerprint != dataset.fingerprint
    assert any("frames of one physical object" in note for note in dataset.notes) == (
        name == "gtsrb"
    )


def test_a_pool_of_bytes_and_floats(tmp_path, write_arrays):
    expected = data.load("cifar10", "random-64-16-20", data_dir=write_arrays("cifar10"))
    with np.load(tmp_path / "cifar10.npz") as stored:
        arrays = dict(stored)
    arrays["x_test"] = (arrays["x_test"] / 255).astype(np.float32)
    np.savez(tmp_path / "cifar10.npz", **arrays)
    dataset = data.load("cifar10", "random-64-16-20", data_dir=tmp_path)
    np.testing.assert_allclose(dataset.x_test, expected.x_test, atol=1e-7)


def test_mnists_training_images_alone_as_colour_squares(write_arrays):
    folder = write_arrays("mnist", train=100, shape=(28, 28))
    dataset = data.load("mnist", "random-64-16-20", data_dir=folder)
    parts = [getattr(dataset, f"x_{subset}") for subset in SUBSETS]
    assert [part.shape for part in parts] == [(n, 32, 32, 3) for n in (64, 16, 20)]
    assert sorted(np.concatenate([greys(part) for part in parts])) == list(range(100))
    assert data.load("mnist", data_dir=folder).image_shape == (28, 28, 1)


def test_groups_stay_together(write_arrays):
    tracks = np.arange(100) // 5
    dataset = data.load("gtsrb", data_dir=write_arrays(track_train=tracks))
    held_out = tracks[greys(dataset.x_validation)]
    assert len(held_out) == 10 and len(set(held_out)) == 2
    assert not set(held_out) & set(tracks[greys(dataset.x_train)])
    assert len(dataset.notes) == 1


def test_a_copy_without_groups_says_so(write_arrays):
    dataset = data.load("gtsrb", data_dir=write_arrays())
    assert len(dataset.x_validation) == 10
    assert "validation shares physical objects with training" in dataset.notes[1]


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        (np.zeros(99, int), r"track_train has shape \(99,\) .* accepted: integers \[100\]"),
        (np.zeros(100), "track_train has .* dtype float64"),
        (np.zeros(100, int), "split is 'held-out', .* gtsrb are in 1 group .*at least 2 groups"),
    ],
)
def test_groups_that_are_refused(write_arrays, tracks, message):
    with pytest.raises(ValueError, match=message):
        data.load("gtsrb", data_dir=write_arrays(track_train=tracks))


def test_1800_more_follow_where_there_are_so_many(tmp_path, write_npz, make_arrays):
    write_npz(**make_arrays(test=2_500))
    assert len(data.load("cifar10", "test-validates", data_dir=tmp_path).x_test) == 2_000


def test_fewer_than_200_test_images_all_test(tmp_path, write_npz):
    write_npz()
    assert len(data.load("cifar10", "test-validates", data_dir=tmp_path).x_test) == 50


def test_a_copy_too_short_to_hold_out_a_tenth(tmp_path, write_npz, make_arrays):
    write_npz(**make_arrays(train=9))
    with pytest.raises(ValueError, match="'held-out', and npz cifar10.npz has 9 .*: at least 10"):
        data.load("cifar10", data_dir=tmp_path)
