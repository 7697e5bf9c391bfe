"""ImageNet: photographs of a thousand classes, a few of each to evaluate on.

Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015. It is not downloaded:
the caller names a folder with some of the images. Two layouts are read, in a folder or a zip; a
wnid is the WordNet identifier of a class:

    n01440764/ILSVRC2012_val_00000293.JPEG    a folder for each class, named by its wnid
    000_n01440764.jpg, 000_n01440764_2.jpg    the index and the wnid of the class in the name
"""

import re
from collections import Counter, defaultdict
from os import PathLike
from pathlib import Path

import numpy as np

from data.dataset import Description, Official
from data.file_trees import FileTree
from data.image_files import ImageFiles, check_classes, is_image, listed
from data.sources import DATA_DIR_VARIABLE, DatasetNotFoundError, data_root
from files import TEXT, printable, read_json
from files.downloads import download, keras_cache

CLASSES = 1000
#: By default 5,000 images.
IMAGES_PER_CLASS = 5
CLASS_INDEX = "imagenet_class_index.json"
# The address that keras.applications downloads it from, and the MD5 sum that it expects.
_CLASS_INDEX_URL = f"https://storage.googleapis.com/download.tensorflow.org/data/{CLASS_INDEX}"
_CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

DESCRIPTION = Description(
    name="imagenet",
    image_shape=(224, 224, 3),
    class_names=None,
    original_counts=None,
    kept_as_bytes=True,
)

_WNID = re.compile(r"n\d{8}")
_INDEXED = re.compile(r"(\d+)_(n\d{8})([_-].*)?\.\w+")

ClassTable = tuple[tuple[str, str], ...]


def read(
    data_dir: str | PathLike | None = None, images_per_class: int = IMAGES_PER_CLASS
) -> Official:
    """The images of `find` as a test set; there are none to train on."""
    files = find(data_dir, images_per_class)
    return Official(
        x_train=np.empty((0, *DESCRIPTION.image_shape), np.uint8),
        y_train=np.empty(0, np.int64),
        x_test=files.read(),
        y_test=files.labels,
        source=files.tree.path.name,
        class_names=files.class_names,
    )


def find(
    data_dir: str | PathLike | None = None,
    images_per_class: int = IMAGES_PER_CLASS,
    side: int = 224,
    class_index: str | PathLike | None = None,
) -> ImageFiles:
    """The first images of every class, sorted by class and then by file name.

    Args:
        data_dir: Folder with `imagenet/val/`, `imagenet/` or `imagenet.zip`, in itself or in
            `datasets/`; `imagenet/` may also hold a zip of the images. Default: the environment
            variable REPRODUCE_DATA_DIR.
        images_per_class: Number of images of each class, at least 1.
        side: Height and width, in pixels, of the images that come out; see `ImageFiles`.
        class_index: See `class_table`. Where there is no table, the sorted wnids of a thousand
            classes are their order and their names.

    Raises:
        DatasetNotFoundError: there are no images, or there are fewer than a thousand classes and
            no table that says which they are.
        ValueError: `images_per_class` is below 1; classes are missing, have too few images, or
            are not in the table; the name of a file has another index than the table.
    """
    if images_per_class < 1:
        raise ValueError(f"images_per_class is {images_per_class!r}; accepted: at least 1")
    tree, by_wnid = _find_images(data_dir)
    try:
        table = class_table(data_dir, class_index)
    except DatasetNotFoundError as error:
        if len(by_wnid) != CLASSES:
            raise DatasetNotFoundError(
                f"{tree.path} has {len(by_wnid):,} of {CLASSES:,} classes; only the table tells "
                f"which these are: {error}"
            ) from error
        table = tuple((wnid, wnid) for wnid in sorted(by_wnid))
    wnids = [wnid for wnid, _ in table]
    counts = {wnid: len(names) for wnid, names in by_wnid.items()}
    check_classes(tree.path, counts, wnids, images_per_class)
    _check_indices(tree, by_wnid, wnids)
    return ImageFiles(
        tree=tree,
        names=tuple(name for wnid in wnids for name in by_wnid[wnid][:images_per_class]),
        labels=np.repeat(np.arange(len(wnids), dtype=np.int64), images_per_class),
        class_names=tuple(name for _, name in table),
        side=side,
    )


def class_names(data_dir: str | PathLike | None = None) -> tuple[str, ...]:
    """The names of the classes by index; see `class_table`."""
    return tuple(name for _, name in class_table(data_dir))


def class_table(
    data_dir: str | PathLike | None = None, class_index: str | PathLike | None = None
) -> ClassTable:
    """The wnid and the name of each class, by its index.

    Args:
        data_dir: Folder that may have the table of Keras, `imagenet_class_index.json`, in
            `imagenet/`, itself or `models/`. Without it there, it is taken from the cache of
            Keras or downloaded into it.
        class_index: The path of such a table, in place of these.

    Raises:
        DatasetNotFoundError: the table is not in the folder and could not be downloaded.
        ValueError: the file is not such a table.
    """
    path = Path(class_index).expanduser() if class_index else _find_class_index(data_dir)
    try:
        stored = read_json(path)
        wnids, names = zip(*(stored[str(index)] for index in range(len(stored))))
        if not all(isinstance(each, str) for each in (*wnids, *names)):
            raise TypeError("an entry is no text")
        names = tuple(map(printable, names))
        if len(set(wnids)) != len(wnids):
            raise ValueError("a wnid occurs twice")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read as a table of classes ({error}); accepted: JSON such as "
            '{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}'
        ) from error
    return tuple(zip(wnids, names))


def _find_class_index(data_dir: str | PathLike | None) -> Path:
    root = data_root(data_dir)
    for part in ("imagenet", "", "models") if root else ():
        if (root / part / CLASS_INDEX).is_file():
            return root / part / CLASS_INDEX
    try:
        path = keras_cache("models") / CLASS_INDEX
        return download(_CLASS_INDEX_URL, path, TEXT, _CLASS_INDEX_MD5)
    except (OSError, ValueError) as error:
        raise DatasetNotFoundError(
            f"{CLASS_INDEX} could not be downloaded ({error}); put it into the folder "
            f"that data_dir or the environment variable {DATA_DIR_VARIABLE} names, or into "
            "models/ in the folder of KERAS_HOME (default ~/.keras)"
        ) from error


def _find_images(data_dir: str | PathLike | None) -> tuple[FileTree, dict[str, list[str]]]:
    """The folder or zip, and the names of its images by wnid, sorted."""
    root = data_root(data_dir)
    if root is None:
        raise DatasetNotFoundError(
            "imagenet cannot be downloaded; name a folder that has imagenet/ or imagenet.zip by "
            f"data_dir or by the environment variable {DATA_DIR_VARIABLE}"
        )
    names = ("imagenet/val", "imagenet", "imagenet.zip")
    places = [root / part / name for part in ("", "datasets") for name in names]
    for place in places:
        for path in [place, *sorted(place.glob("*.zip"))] if place.exists() else []:
            tree = FileTree(path)
            by_wnid = _by_wnid(tree)
            if by_wnid:
                return tree, by_wnid
    raise DatasetNotFoundError(
        f"data_dir {str(root)!r} does not have imagenet; looked for images named "
        "<wnid>/*.JPEG or <index>_<wnid>.jpg in " + ", ".join(str(place) for place in places)
    )


def _by_wnid(tree: FileTree) -> dict[str, list[str]]:
    by_wnid, parents = defaultdict(list), Counter()
    for name in filter(is_image, tree.names):
        *folders, file = name.split("/")
        indexed = _INDEXED.fullmatch(file)
        if folders and _WNID.fullmatch(folders[-1]):
            wnid, parent = folders[-1], folders[:-1]
        elif indexed:
            wnid, parent = indexed[2], folders
        else:
            continue
        by_wnid[wnid].append(name)
        parents["/".join(parent) or "."] += 1
    if len(parents) > 1:
        places = [f"{parent} ({count:,})" for parent, count in sorted(parents.items())]
        raise ValueError(
            f"{tree.path} has images of classes in {len(parents):,} places: {listed(places)}; "
            "accepted: one, so that training and validation images are not mixed"
        )
    return dict(by_wnid)


def _check_indices(tree: FileTree, by_wnid: dict[str, list[str]], wnids: list[str]) -> None:
    wrong = [
        name
        for index, wnid in enumerate(wnids)
        for name in by_wnid[wnid]
        if (match := _INDEXED.fullmatch(name.split("/")[-1])) and int(match[1]) != index
    ]
    if wrong:
        count = sum(len(names) for names in by_wnid.values())
        raise ValueError(
            f"{tree.path}: the index in the name of {len(wrong):,} of {count:,} files "
            f"is not that of their class in the table: {listed(wrong)}"
        )
