"""Tiny ImageNet: 110,000 photographs of 64x64 pixels in two hundred classes.

Le and Yang, "Tiny ImageNet Visual Recognition Challenge", Stanford CS231n, 2015. It is read from
the official archive `tiny-imagenet-200.zip`, or from what that unpacks to. The validation images
are the test set, because the official test images have no labels. Classes are in the order of
their wnids (WordNet identifiers), as in a loader of folders, and not in that of `wnids.txt`.
"""

import re
from collections import Counter
from os import PathLike
from pathlib import Path

import numpy as np

from data.dataset import Description, Official
from data.file_trees import FileTree
from data.image_files import ImageFiles, check_classes, is_image, listed
from data.sources import DATA_DIR_VARIABLE, DatasetNotFoundError, data_root
from files import MEMBER, printable
from files.downloads import download, keras_cache

CLASSES = 200
PARTS = ("train", "val")
ARCHIVE = "tiny-imagenet-200.zip"
URL = f"http://cs231n.stanford.edu/{ARCHIVE}"
_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"

DESCRIPTION = Description(
    name="tiny_imagenet",
    image_shape=(64, 64, 3),
    class_names=None,
    original_counts=(100_000, 10_000),
    kept_as_bytes=True,
)


def read(data_dir: str | PathLike | None = None) -> Official:
    """The training images, and the validation images as a test set; see `find`."""
    tree = _find_tree(data_dir)
    train, val = (_files(tree, part) for part in PARTS)
    return Official(
        x_train=train.read(),
        y_train=train.labels,
        x_test=val.read(),
        y_test=val.labels,
        source=tree.path.name,
        class_names=val.class_names,
    )


def find(part: str, data_dir: str | PathLike | None = None) -> ImageFiles:
    """The images of "train", sorted by class and file name, or of "val", in their official order.

    Args:
        part: "train" or "val".
        data_dir: Folder with `tiny-imagenet-200/` or `tiny-imagenet-200.zip`, in itself or in
            `datasets/`. Default: the environment variable REPRODUCE_DATA_DIR; where that is not
            set either, the archive is downloaded into the cache of Keras (248 MB) and its MD5
            sum checked.

    Raises:
        DatasetNotFoundError: the folder does not have it, or the download failed.
        ValueError: an unknown part, classes that are missing or have fewer images than others, or
            a list of the validation images that does not fit the files.
    """
    if part not in PARTS:
        raise ValueError(f"part is {part!r}; accepted: {', '.join(map(repr, PARTS))}")
    return _files(_find_tree(data_dir), part)


def class_names(data_dir: str | PathLike | None = None) -> tuple[str, ...]:
    """The first of the words that `words.txt` has for each class; `data_dir` as for `find`."""
    tree = _find_tree(data_dir)
    return _class_names(tree, _wnids(tree))


def _find_tree(data_dir: str | PathLike | None) -> FileTree:
    root = data_root(data_dir)
    if root is None:
        return FileTree(_download())
    names = (ARCHIVE.removesuffix(".zip"), ARCHIVE)
    places = [root / part / name for part in ("", "datasets") for name in names]
    for path in places:
        if path.exists():
            return FileTree(path)
    raise DatasetNotFoundError(
        f"data_dir {str(root)!r} does not have tiny_imagenet; looked for "
        + ", ".join(str(path) for path in places)
    )


def _download() -> Path:
    try:
        return download(URL, keras_cache("datasets") / ARCHIVE, MEMBER, _MD5)
    except (OSError, ValueError) as error:
        raise DatasetNotFoundError(
            f"tiny_imagenet could not be downloaded from {URL} ({error}); name a folder that has "
            f"{ARCHIVE} by data_dir or by the environment variable {DATA_DIR_VARIABLE}"
        ) from error


def _files(tree: FileTree, part: str) -> ImageFiles:
    wnids = _wnids(tree)
    images = _train(tree) if part == "train" else _val(tree)
    counts = Counter(wnid for _, wnid in images)
    # A copy with fewer images is accepted if it has the same number of each class.
    check_classes(tree.path / part, counts, wnids, needed=max(counts.values(), default=1))
    label = {wnid: index for index, wnid in enumerate(wnids)}
    return ImageFiles(
        tree=tree,
        names=tuple(name for name, _ in images),
        labels=np.array([label[wnid] for _, wnid in images], np.int64),
        class_names=_class_names(tree, wnids),
        side=DESCRIPTION.image_shape[0],
        scaled=False,
    )


def _train(tree: FileTree) -> list[tuple[str, str]]:
    """Names of images with the wnids of their classes."""
    pattern = re.compile(re.escape(f"{_top(tree)}train/") + r"([^/]+)/images/[^/]+")
    matches = [pattern.fullmatch(name) for name in filter(is_image, tree.names)]
    return [(match[0], match[1]) for match in matches if match]


def _val(tree: FileTree) -> list[tuple[str, str]]:
    """Names of images with the wnids of their classes, as `val_annotations.txt` lists them."""
    folder = f"{_top(tree)}val/images/"
    lines = [line.split("\t") for line in _text(tree, "val/val_annotations.txt").splitlines()]
    images = [(folder + file, wnid) for file, wnid, *_ in (line for line in lines if len(line) > 1)]
    on_disk = {name for name in tree.names if name.startswith(folder) and is_image(name)}
    names = [name for name, _ in images]
    unlike = sorted(on_disk.symmetric_difference(names))
    if unlike or len(set(names)) != len(names):
        raise ValueError(
            f"{tree.path} has {len(on_disk):,} images in val, and val_annotations.txt lists "
            f"{len(names):,}; {len(unlike):,} are in one of the two only: {listed(unlike)}"
        )
    return images


def _wnids(tree: FileTree) -> list[str]:
    wnids = sorted(set(_text(tree, "wnids.txt").split()))
    if len(wnids) != CLASSES:
        raise ValueError(
            f"{tree.path}: wnids.txt lists {len(wnids):,} classes; accepted: {CLASSES}, as Tiny "
            "ImageNet has"
        )
    return wnids


def _class_names(tree: FileTree, wnids: list[str]) -> tuple[str, ...]:
    lines = (line.partition("\t") for line in _text(tree, "words.txt").splitlines())
    words = {wnid: printable(synonyms.split(",")[0].strip()) for wnid, _, synonyms in lines}
    return tuple(words.get(wnid) or wnid for wnid in wnids)


def _text(tree: FileTree, name: str) -> str:
    if _top(tree) + name not in tree.names:
        raise ValueError(f"{tree.path} has no {name}; accepted: {ARCHIVE} or what it unpacks to")
    try:
        return tree.read(_top(tree) + name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{tree.path}: {name} is no UTF-8: {error}") from error


def _top(tree: FileTree) -> str:
    """The folder of `wnids.txt`, with a slash, or "": only the zip has all files in one folder."""
    lists = [name for name in tree.names if name.split("/")[-1] == "wnids.txt"]
    if not lists:
        raise ValueError(f"{tree.path} has no wnids.txt; accepted: {ARCHIVE} or what it unpacks to")
    return min(lists, key=len).removesuffix("wnids.txt")
