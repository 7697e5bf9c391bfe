"""Image files in a folder for each class, read when they are needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from data.file_trees import FileTree
from data.image_files import ImageFiles, is_image, listed
from data.labels import check_labels


class FolderImages:
    """Files that become images, float32 [N, side, side, channels] in [0, 1], when indexed.

    Args:
        files: in order, with their classes.
        channels: 3, or 1 for grey files.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, files: ImageFiles, channels: int):
        self.files, self.channels = files, channels

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), self.files.side, self.files.side, self.channels)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key) -> np.ndarray:
        """Images of a slice, or of an array of indices; a ValueError names unreadable files."""
        rows = np.arange(len(self))[key]
        names = tuple(self.files.names[row] for row in rows)
        images = replace(self.files, names=names, labels=self.files.labels[rows]).read()
        if self.channels == 1:
            if (images != images[..., :1]).any():
                raise ValueError(
                    f"{self.files.tree.path} has images in colour; accepted: grey ones, or a model "
                    "that takes 3 channels"
                )
            images = images[..., :1]
        return images / np.float32(255)


def find_images(path: Path, image_shape: tuple[int | None, ...]) -> FolderImages:
    """The images in the folders of a folder.

    The sorted names of these are the classes, as for Keras and torchvision, unless all of them are
    whole numbers: then they are the labels.

    Args:
        image_shape: what the model takes, without the batch: squares with 1 or 3 channels.

    Raises:
        ValueError: no images, images elsewhere, or a model that takes other images.
    """
    side, channels = _side_and_channels(image_shape)
    tree = FileTree(path)
    names = [name for name in tree.names if is_image(name)]
    elsewhere = [name for name in names if name.count("/") != 1]
    accepted = "accepted: a folder for each class with .png, .jpg or .jpeg files in it"
    if not names:
        raise ValueError(f"{path} has no images; {accepted}")
    if elsewhere:
        raise ValueError(
            f"{path} has {len(elsewhere):,} of {len(names):,} images elsewhere than in a folder "
            f"for each class: {listed(elsewhere, 3)}; {accepted}"
        )
    folders = [name.split("/")[0] for name in names]
    class_names = tuple(sorted(set(folders)))
    if are_numbers(class_names):
        numbers = [int(folder) for folder in folders]
        check_labels(f"{path}: a folder's name", min(numbers), max(numbers))
        labels = np.array(numbers)
        class_names = tuple(map(str, range(labels.max() + 1)))
    else:
        labels = np.searchsorted(class_names, folders)
    files = ImageFiles(tree, tuple(names), labels.astype(np.int64), class_names, side)
    return FolderImages(files, channels)


def are_numbers(folders: tuple[str, ...]) -> bool:
    """Whether all names of folders are whole numbers."""
    return all(folder.isdecimal() for folder in folders)


def _side_and_channels(image_shape: tuple[int | None, ...]) -> tuple[int, int]:
    """Of the squares that a model takes, with their channels last, first or without any."""
    match image_shape:
        case (int(rows), int(columns), 1 | 3 as channels) if rows == columns:
            return rows, channels
        case (1 | 3 as channels, int(rows), int(columns)) if rows == columns:
            return rows, channels
        case (int(rows), int(columns)) if rows == columns:
            return rows, 1
    raise ValueError(
        f"model takes {image_shape}; accepted with a folder of images: squares of 1 or 3 channels, "
        "such as (32, 32, 3) (put other images into an .npz file)"
    )
