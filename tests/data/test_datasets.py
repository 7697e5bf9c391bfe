"""What `load` promises of every data set: values, splits, names, fingerprints."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

import data
from data import cifar10, cifar100, digits, gtsrb, mnist

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module", params=["ntu", "corrected", "wpi", "praxis"])
def protocol(request):
    return request.param


def rows(images):
    return [image.tobytes() for image in images]


def test_names():
    assert data.NAMES == (
        "digits",
        "mnist",
        "cifar10",
        "cifar100",
        "gtsrb",
        "tiny_imagenet",
        "imagenet",
    )


@pytest.mark.parametrize("module", [digits, mnist, cifar10, cifar100, gtsrb])
def test_descriptions(module):
    names = module.DESCRIPTION.class_names
    classes = {cifar100: 100, gtsrb: 43}.get(module, 10)
    assert len(names) == len(set(names)) == classes
    assert len(module.DESCRIPTION.image_shape) == 3


def test_cifar_class_names():
    assert cifar10.DESCRIPTION.class_names[3] == "cat"
    fine = cifar100.DESCRIPTION.class_names
    assert list(fine) == sorted(fine)
    assert (fine[0], fine[47], fine[99]) == ("apple", "maple_tree", "worm")


def test_types_and_ranges(protocol):
    dataset = data.load("digits", protocol)
    for split in SPLITS:
        images, labels = getattr(dataset, f"x_{split}"), getattr(dataset, f"y_{split}")
        assert images.dtype == np.float32 and images.shape[1:] == dataset.image_shape == (32, 32, 3)
        assert images.min() == 0 and images.max() == 1
        assert labels.dtype == np.int64 and labels.shape == (len(images),)
        assert set(labels) == set(range(dataset.num_classes))
    assert dataset.class_names == tuple("0123456789")
    assert dataset.source == "scikit-learn"
    assert dataset.notes == ()


def test_digits_are_scikit_learns_digits_enlarged():
    original, labels = load_digits(return_X_y=True)
    expected = {image.tobytes(): label for image, label in zip(original.astype("f4") / 16, labels)}
    dataset = data.load("digits")
    seen = set()
    for split in SPLITS:
        images = getattr(dataset, f"x_{split}")
        blocks = images.reshape(-1, 8, 4, 8, 4, 3)
        assert (blocks == blocks[:, :, :1, :, :1, :1]).all()
        small = blocks[:, :, 0, :, 0, 0].reshape(-1, 64)
        for image, label in zip(small, getattr(dataset, f"y_{split}")):
            assert expected[image.tobytes()] == label
            seen.add(image.tobytes())
    assert len(seen) == len(original)


def test_digits_official_split_is_stratified():
    dataset = data.load("digits")
    assert (dataset.official_train, dataset.official_test) == (1437, 360)
    of_class = np.bincount(load_digits().target)
    assert np.abs(np.bincount(dataset.y_test) - of_class / 5).max() <= 1


def test_corrected_splits_are_disjoint_and_leave_the_test_set_alone():
    dataset, other = data.load("digits", seed=0), data.load("digits", seed=1)
    assert [len(getattr(dataset, f"x_{split}")) for split in SPLITS] == [1294, 143, 360]
    train, validation, test = (set(rows(getattr(dataset, f"x_{split}"))) for split in SPLITS)
    assert not train & validation and not train & test and not validation & test
    np.testing.assert_array_equal(dataset.x_test, other.x_test)
    assert rows(dataset.x_validation) != rows(other.x_validation)


def test_ntu_validates_on_the_test_set_and_tests_on_200_of_it():
    dataset, other = data.load("digits", "ntu"), data.load("digits", "ntu", seed=1)
    assert [len(getattr(dataset, f"x_{split}")) for split in SPLITS] == [1437, 360, 200]
    np.testing.assert_array_equal(dataset.x_validation, data.load("digits").x_test)
    validation = dict(zip(rows(dataset.x_validation), dataset.y_validation))
    assert [validation[row] for row in rows(dataset.x_test)] == dataset.y_test.tolist()
    assert len(set(rows(dataset.x_test))) == 200
    assert rows(dataset.x_test) != rows(other.x_test)


def test_praxis_draws_four_one_and_one_sixths_of_all_images():
    dataset, other = data.load("digits", "praxis"), data.load("digits", "praxis", seed=1)
    assert [len(getattr(dataset, f"x_{split}")) for split in SPLITS] == [1198, 299, 300]
    parts = [rows(getattr(dataset, f"x_{split}")) for split in SPLITS]
    assert len(set().union(*parts)) == len(load_digits().target)
    assert rows(dataset.x_test) != rows(other.x_test)


def test_the_split_is_fixed_for_good():
    """Known answers: a change of these numbers changes every result that stands on the data."""
    corrected, ntu = data.load("digits"), data.load("digits", "ntu", seed=3)
    wpi, praxis = data.load("digits", "wpi"), data.load("digits", "praxis")
    assert corrected.y_validation[:10].tolist() == [4, 5, 8, 4, 8, 3, 6, 6, 5, 8]
    assert ntu.y_test[:10].tolist() == [7, 8, 4, 7, 3, 8, 1, 4, 6, 2]
    assert wpi.y_test[:10].tolist() == [4, 9, 6, 5, 6, 7, 2, 4, 0, 4]
    assert praxis.y_test[:10].tolist() == [2, 2, 4, 0, 4, 6, 2, 4, 9, 9]


def test_fingerprint_depends_on_the_arrays_alone():
    dataset = data.load("digits")
    assert dataset.fingerprint == data.load("digits").fingerprint
    assert len(dataset.fingerprint) == 64
    others = [data.load("digits", "ntu"), data.load("digits", seed=1)]
    changed = dataset.x_test.copy()
    changed[0, 0, 0, 0] = 0.5
    others.append(dataclasses.replace(dataset, x_test=changed))
    others.append(dataclasses.replace(dataset, y_test=dataset.y_test[::-1].copy()))
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_arrays_are_read_only(protocol):
    dataset = data.load("digits", protocol)
    for split in SPLITS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, f"x_{split}")[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, f"y_{split}")[0] = 0


def test_printing_a_dataset_prints_no_arrays():
    assert "array" not in repr(data.load("digits"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "svhn"}, "name must be one of digits, mnist, cifar10, cifar100, .*; got 'svhn'"),
        ({"protocol": "fair"}, "protocol must be one of ntu, corrected, wpi, praxis; got 'fair'"),
        ({"seed": -1}, "seed must be .* got -1"),
        ({"seed": 0.5}, "seed must be .* got 0.5"),
    ],
)
def test_unknown_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**{"name": "digits"} | arguments)
