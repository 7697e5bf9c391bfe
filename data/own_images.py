"""Test images of the user's own: an .npz file, or a folder with a folder for each class."""

from os import PathLike
from pathlib import Path

import numpy as np

from data.byte_images import ByteImages
from data.class_folders import FolderImages, are_numbers, find_images
from data.dataset import Dataset
from data.image_files import listed
from data.labels import as_labels, check_labels
from data.unit_range import check_unit_range
from files import printable
from files.npz_files import read_arrays

#: What images and labels may be called in an .npz file; the first pair that is there counts.
NPZ_NAMES = (("x", "y"), ("images", "labels"), ("x_test", "y_test"))
_CLASS_NAMES = "class_names"


def load_own(
    path: str | PathLike, image_shape: tuple[int | None, ...], classes: int | None = None
) -> Dataset:
    """The images in an .npz file or in a folder, all of them to test on.

    An .npz file has the arrays x and y (or images and labels, or x_test and y_test): uint8 or
    floats in [0, 1], [N, height, width, channels], [N, height, width] for grey ones or [N, values];
    and integer labels [N] or [N, 1]. It may have class_names, texts by label.

    For a folder see `class_folders.find_images`. Files of another size than the model takes are
    scaled and cropped, see `ImageFiles`.

    Args:
        path: of the file or folder.
        image_shape: what the model takes, without the batch.
        classes: how many the model tells apart; `None` where this is not known.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: what is there is not such a file or folder, or does not go with the model.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _from_folder(path, image_shape, classes)
    if not path.is_file():
        fault = "is no file" if path.exists() else "does not exist"
        raise FileNotFoundError(
            f"{path} {fault}; accepted: an .npz file, or a folder with a folder for each class"
        )
    return _from_npz(path)


def _from_folder(path: Path, image_shape: tuple[int | None, ...], classes: int | None) -> Dataset:
    images = find_images(path, image_shape)
    files = images.files
    folders = sorted({name.split("/")[0] for name in files.names})
    if are_numbers(tuple(folders)):
        note = f"{path.name}: the names of its folders are the labels: {listed(folders)}."
    else:
        if classes is not None and len(folders) != classes:
            raise ValueError(
                f"{path} has folders for {len(folders):,} classes, the model tells {classes:,} "
                "apart; accepted: a folder for each class of the model (or folders that are "
                "called by the number of their class, from 0)"
            )
        numbered = [f"{label} {name}" for label, name in enumerate(folders)]
        note = f"{path.name}: its folders, sorted, are the classes: {listed(numbered)}."
    return _tested_on(path, images, files.labels, files.class_names, (note,))


def _from_npz(path: Path) -> Dataset:
    arrays, names = read_arrays(path, (*sum(NPZ_NAMES, ()), _CLASS_NAMES))
    pair = next((pair for pair in NPZ_NAMES if set(pair) <= set(arrays)), None)
    if pair is None:
        accepted = ", or ".join(" and ".join(pair) for pair in NPZ_NAMES)
        raise ValueError(
            f"{path} has the arrays {', '.join(names) or 'none'}; accepted: {accepted}"
        )
    images = _images(arrays[pair[0]], f"{path}: {pair[0]}")
    labels = as_labels(arrays[pair[1]], f"{path}: {pair[1]}").astype(np.int64)
    if len(images) != len(labels):
        raise ValueError(
            f"{path}: {pair[0]} has {len(images)} images and {pair[1]} {len(labels)} labels; "
            "accepted: one label for each image"
        )
    check_labels(f"{path}: {pair[1]}", int(labels.min()), int(labels.max()))
    class_names = tuple(map(str, arrays.get(_CLASS_NAMES, range(labels.max() + 1))))
    if len(class_names) <= labels.max():
        raise ValueError(
            f"{path}: {_CLASS_NAMES} has {len(class_names)} names, and {pair[1]} the label "
            f"{labels.max()}; accepted: a name for each class"
        )
    return _tested_on(path, images, labels, class_names)


def _images(images: np.ndarray, where: str) -> np.ndarray | ByteImages:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim not in (2, 4) or not images.size:
        raise ValueError(
            f"{where} has shape {images.shape}; accepted: [N, height, width, channels], "
            "[N, height, width] or [N, values], with N > 0"
        )
    if images.dtype == np.uint8:
        return ByteImages(images)
    accepted = "uint8 in 0..255, or floats in [0, 1]"
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{where} is of {images.dtype}; accepted: {accepted}")
    check_unit_range(where, images, accepted)
    return images.astype(np.float32)


def _tested_on(
    path: Path,
    images: np.ndarray | ByteImages | FolderImages,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Dataset:
    """A data set without images to train on."""
    nothing, no_labels = np.zeros((0, *images.shape[1:]), np.float32), np.zeros(0, np.int64)
    return Dataset(
        name=path.name,
        split="as given",
        x_train=nothing,
        y_train=no_labels,
        x_validation=nothing,
        y_validation=no_labels,
        x_test=images,
        y_test=labels,
        class_names=tuple(map(printable, class_names)),
        source=str(path),
        official_train=0,
        official_test=len(labels),
        original_counts=(0, len(labels)),
        split_notes=notes,
    )
