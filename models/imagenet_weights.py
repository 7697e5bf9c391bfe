"""The ImageNet weights that keras.applications loads, downloaded to where it looks for them."""

from functools import partial

from files import MEMBER
from files.downloads import download, keras_cache

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "weights_tf_dim_ordering_tf_kernels"
#: The files that Keras names, each with its MD5 sum, by the application and whether it has its top.
FILES = {
    ("ResNet50", False): (
        f"resnet/resnet50_{_KERNELS}_notop.h5",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    ("InceptionV3", False): (
        f"inception_v3/inception_v3_{_KERNELS}_notop.h5",
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    ("DenseNet201", False): (
        f"densenet/densenet201_{_KERNELS}_notop.h5",
        "c13680b51ded0fb44dff2d8f86ac8bb1",
    ),
    ("DenseNet201", True): (
        f"densenet/densenet201_{_KERNELS}.h5",
        "1ceb130c1ea1b78c3bf6114dbdfd8807",
    ),
    ("ResNet101", False): (
        f"resnet/resnet101_{_KERNELS}_notop.h5",
        "88cf7a10940856eca736dc7b7e228a21",
    ),
    ("ResNet101", True): (
        f"resnet/resnet101_{_KERNELS}.h5",
        "f1aeb4b969a6efcfb50fad2f0c20cfc5",
    ),
    ("VGG19", False): (f"vgg19/vgg19_{_KERNELS}_notop.h5", "253f8cb515780f3b799900260a226db6"),
    ("VGG19", True): (f"vgg19/vgg19_{_KERNELS}.h5", "cbe5617147190e668d6c5d5026f83318"),
}
_MOST = 2 * MEMBER  # VGG19 with its top has 575 million bytes


def download_weights(make: partial, input_shape: tuple) -> None:
    """Has the weights in the cache of Keras before `make(weights="imagenet")` looks there.

    Those that are not in `FILES`, such as the MobileNets' of 2 to 25 MB, whose checksums nobody
    states, are left to Keras, and so is what it refuses.

    Args:
        make: an application with its arguments `include_top` and so on.
        input_shape: (height, width, channels).

    Raises:
        ConnectionError, ValueError: see `files.downloads.download`.
    """
    top = make.keywords.get("include_top", True)
    named = FILES.get((make.func.__name__, top))
    if named and not (top and input_shape[:2] != (224, 224)):
        file, checksum = named
        path = keras_cache("models") / file.rpartition("/")[2]
        download(ADDRESS + file, path, _MOST, checksum)
