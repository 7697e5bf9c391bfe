"""GTSRB: 51,839 photographs of German traffic signs in 43 classes, 32x32 pixels here.

Stallkamp, Schlipsing, Salmen and Igel, "Man vs. computer: Benchmarking machine learning algorithms
for traffic sign recognition", Neural Networks 32, 2012. The originals have sides of 15 to 250
pixels. Each is scaled as a whole, without cutting out the sign, by Pillow's bilinear filter, which
averages when it shrinks.

The training pictures come in tracks of about 30 frames, taken while driving past one physical sign.

torchvision downloads another selection, the 26,640 training pictures of the competition's first
stage, into folders of other names; it is read too.
"""

import csv
import io
import zipfile
from os import PathLike
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image
from PIL.PpmImagePlugin import PpmImageFile

from data import sources
from data.dataset import Description, Official
from data.file_trees import open_zip
from data.image_files import MOST_PIXELS
from files import MEMBER, TEXT, check_size
from files.downloads import download, keras_cache

DESCRIPTION = Description(
    name="gtsrb",
    image_shape=(32, 32, 3),
    class_names=(
        "speed limit 20",
        "speed limit 30",
        "speed limit 50",
        "speed limit 60",
        "speed limit 70",
        "speed limit 80",
        "end of speed limit 80",
        "speed limit 100",
        "speed limit 120",
        "no passing",
        "no passing for trucks",
        "right of way at next intersection",
        "priority road",
        "yield",
        "stop",
        "no vehicles",
        "no trucks",
        "no entry",
        "general caution",
        "dangerous curve left",
        "dangerous curve right",
        "double curve",
        "bumpy road",
        "slippery road",
        "road narrows on the right",
        "road work",
        "traffic signals",
        "pedestrians",
        "children crossing",
        "bicycles crossing",
        "beware of ice or snow",
        "wild animals crossing",
        "end of all speed and passing limits",
        "turn right ahead",
        "turn left ahead",
        "ahead only",
        "go straight or right",
        "go straight or left",
        "keep right",
        "keep left",
        "roundabout mandatory",
        "end of no passing",
        "end of no passing for trucks",
    ),
    original_counts=(39_209, 12_630),
    groups_key="track_train",
)

ADDRESS = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
# The archives with their MD5 sums: training pictures, test pictures, classes of the test pictures.
ARCHIVES = {
    "GTSRB_Final_Training_Images.zip": "f33fd80ac59bff73c82d25ab499e03a3",
    "GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
    "GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
}
_TRAINING, _TEST, _TEST_CLASSES = ARCHIVES
_TEST_TABLE = "GT-final_test.csv"
_TRACKS_PER_CLASS = 100_000  # a track's number has five digits

#: A file or folder on disk, or in a zip.
Place = Path | zipfile.Path


class Pictures:
    """The official archives in one folder, or the folder `GTSRB` that they unpack to.

    torchvision puts that folder into a folder `gtsrb`. See `sources.Original`.
    """

    names = (_TRAINING, "GTSRB", "gtsrb/GTSRB")

    def read(self, path: Path) -> dict[str, np.ndarray]:
        if path.is_dir():
            tables = (path.parent / _TEST_TABLE, path / _TEST_TABLE)
            tables += (path / "Final_Test" / "Images" / _TEST_TABLE,)
            table = next(filter(Path.is_file, tables), tables[0])
            return _read(path.parent, path.parent, table)
        training, test, test_classes = (_opened(path.with_name(name)) for name in ARCHIVES)
        return _read(training, test, test_classes / _TEST_TABLE)


def read(data_dir: str | PathLike | None = None) -> Official:
    """The official images and their tracks; see `sources.read`."""
    return sources.read(DESCRIPTION, data_dir, _download, Pictures(), origin=ADDRESS)


def _download():
    paths = [
        download(ADDRESS + name, keras_cache("datasets") / name, MEMBER, md5)
        for name, md5 in ARCHIVES.items()
    ]
    arrays = Pictures().read(paths[0])
    train, test = ((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
    return train, test, arrays[DESCRIPTION.groups_key]


def _opened(path: Path) -> zipfile.Path:
    if not path.is_file():
        raise sources.DatasetNotFoundError(
            f"{path} is missing; accepted: all of {', '.join(ARCHIVES)}"
        )
    return open_zip(path)


def _read(training: Place, test: Place, test_table: Place) -> dict[str, np.ndarray]:
    images, labels, tracks = [], [], []
    for folder in _class_folders(training / "GTSRB"):
        label = int(folder.name)
        for filename in _training_names(folder, label):
            images.append(_picture(folder / filename))
            labels.append(label)
            tracks.append(label * _TRACKS_PER_CLASS + _track(folder / filename))

    pictures = test / "GTSRB" / "Final_Test" / "Images"
    test_rows = _rows(test_table)
    return {
        "x_train": np.stack(images),
        "y_train": np.array(labels),
        "x_test": np.stack([_picture(pictures / filename) for filename, _ in test_rows]),
        "y_test": np.array([class_id for _, class_id in test_rows]),
        DESCRIPTION.groups_key: np.array(tracks),
    }


def _class_folders(top: Place) -> list[Place]:
    """The folders of the classes in the official layout, else in that of torchvision."""
    official = top / "Final_Training" / "Images"
    for folders in (official, top / "Training"):
        if folders.is_dir():
            numbered = [folder for folder in folders.iterdir() if folder.name.isdigit()]
            if numbered:
                return sorted(numbered, key=lambda folder: folder.name)
    raise sources.DatasetNotFoundError(
        f"{official} has no folder of a class; accepted: 00000, 00001, ..."
    )


def _training_names(folder: Place, label: int) -> list[str]:
    """The pictures of one class, as its table lists them; torchvision's selection has no tables."""
    table = folder / f"GT-{folder.name}.csv"
    if folder.parent.name == "Training" and not table.is_file():
        return sorted(path.name for path in folder.iterdir() if path.name.endswith(".ppm"))
    rows = _rows(table)
    for filename, class_id in rows:
        if class_id != label:
            raise ValueError(
                f"{folder}: {filename} has ClassId {class_id}; its folder is that of class {label}"
            )
    return [filename for filename, _ in rows]


def _rows(table: Place) -> list[tuple[str, int]]:
    """File name and class of each picture."""
    if not table.is_file():
        raise sources.DatasetNotFoundError(
            f"{table} is missing; accepted: the table with the pictures' classes"
        )
    try:
        if isinstance(table, Path):
            check_size("it", table.stat().st_size, TEXT)
        lines = csv.DictReader(io.StringIO(table.read_text(encoding="utf-8")), delimiter=";")
        rows = [(_file_name(line["Filename"]), int(line["ClassId"])) for line in lines]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ValueError(
            f"{table} cannot be read: {error!r}; accepted: columns Filename and ClassId, "
            "separated by semicolons, ClassId a whole number"
        ) from error
    if not rows:
        raise ValueError(f"{table} has no rows; accepted: a row for each picture")
    return rows


def _file_name(name: str) -> str:
    """A name in a folder, which leads to no other."""
    if PureWindowsPath(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"Filename is {name!r:.80}")
    return name


def _track(path: Place) -> int:
    track = path.name.split("_")[0]
    if not track.isdigit():
        raise ValueError(f"{path} does not say its track; accepted: names like 00012_00029.ppm")
    return int(track)


def _picture(path: Place) -> np.ndarray:
    """One picture, uint8 [32, 32, 3]."""
    try:
        # Of one kind only: Pillow reads many, some of them by calling other programs.
        with PpmImageFile(io.BytesIO(path.read_bytes())) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError(f"it has {picture.width:,} x {picture.height:,} pixels")
            side = DESCRIPTION.image_shape[:2]
            scaled = picture.convert("RGB").resize(side, Image.Resampling.BILINEAR)
    except Exception as error:  # zip, its compressions and Pillow each have errors of their own
        raise ValueError(f"{path} cannot be read as a picture: {error}") from error
    return np.asarray(scaled)
