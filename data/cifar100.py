"""CIFAR-100: 60,000 photographs of 32x32 pixels in a hundred classes (the fine labels).

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from os import PathLike

import keras

from data import sources
from data.dataset import Description, Official
from files import MEMBER
from files.downloads import download, keras_cache

DESCRIPTION = Description(
    name="cifar100",
    image_shape=(32, 32, 3),
    class_names=(
        "apple",
        "aquarium_fish",
        "baby",
        "bear",
        "beaver",
        "bed",
        "bee",
        "beetle",
        "bicycle",
        "bottle",
        "bowl",
        "boy",
        "bridge",
        "bus",
        "butterfly",
        "camel",
        "can",
        "castle",
        "caterpillar",
        "cattle",
        "chair",
        "chimpanzee",
        "clock",
        "cloud",
        "cockroach",
        "couch",
        "crab",
        "crocodile",
        "cup",
        "dinosaur",
        "dolphin",
        "elephant",
        "flatfish",
        "forest",
        "fox",
        "girl",
        "hamster",
        "house",
        "kangaroo",
        "keyboard",
        "lamp",
        "lawn_mower",
        "leopard",
        "lion",
        "lizard",
        "lobster",
        "man",
        "maple_tree",
        "motorcycle",
        "mountain",
        "mouse",
        "mushroom",
        "oak_tree",
        "orange",
        "orchid",
        "otter",
        "palm_tree",
        "pear",
        "pickup_truck",
        "pine_tree",
        "plain",
        "plate",
        "poppy",
        "porcupine",
        "possum",
        "rabbit",
        "raccoon",
        "ray",
        "road",
        "rocket",
        "rose",
        "sea",
        "seal",
        "shark",
        "shrew",
        "skunk",
        "skyscraper",
        "snail",
        "snake",
        "spider",
        "squirrel",
        "streetcar",
        "sunflower",
        "sweet_pepper",
        "table",
        "tank",
        "telephone",
        "television",
        "tiger",
        "tractor",
        "train",
        "trout",
        "tulip",
        "turtle",
        "wardrobe",
        "whale",
        "willow_tree",
        "wolf",
        "woman",
        "worm",
    ),
    original_counts=(50_000, 10_000),
)

# The archive that Keras downloads, and its SHA-256 sum.
URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA_256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
# MD5 sums of the files of the original distribution.
FOLDER = sources.PickledFolder(
    name="cifar-100-python",
    archive="cifar-100-python.tar.gz",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    label_key=b"fine_labels",
)


def read(data_dir: str | PathLike | None = None) -> Official:
    return sources.read(DESCRIPTION, data_dir, _download, FOLDER)


def _download():
    archive = keras_cache("datasets") / f"{FOLDER.name}-target_archive"
    download(URL, archive, MEMBER, SHA_256)
    return keras.datasets.cifar100.load_data()  # unpacks and reads it
