"""Image files with their classes: decoded in parallel, in order, scaled and cropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from data.file_trees import FileTree

_EXTENSIONS = (".jpg", ".jpeg", ".png")
_READ_BATCH = 64
#: Several images are decoded at once, each to three bytes a pixel, then scaled as floats.
MOST_PIXELS = 2**26
#: How much longer one side may be: the shorter one is scaled to that of the model.
_LONGEST = 100


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Files of RGB images, in order, each with its class.

    Attributes:
        tree: the folder or the zip that they are in.
        names: [N], the paths of the files from there.
        labels: int64 [N].
        class_names: by label.
        side: height and width, in pixels, of the images that come out.
        scaled: what happens to an image of another size. If true, its shorter side is scaled to
            8/7 of `side` (256 for 224; bilinear, antialiased) and its centre cut out, as
            torchvision evaluates. If false, it counts as unreadable.
    """

    tree: FileTree
    names: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    side: int
    scaled: bool = True

    def __len__(self) -> int:
        return len(self.names)

    def batches(self, batch_size: int = 32) -> tf.data.Dataset:
        """Batches of images and labels, which are decoded when they are needed.

        Args:
            batch_size: images of a batch; the last one has those that are left.

        Returns:
            Images float32 [n, side, side, 3] in [0, 1] and labels int64 [n]. A file that cannot
            be read ends the data set with a `tf.errors.OpError`; `read` says which file it is.

        Raises:
            ValueError: a batch size below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size!r}; accepted: at least 1")
        all_labels = tf.constant(self.labels, tf.int64)

        def as_floats(indices: tf.Tensor, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.cast(images, tf.float32) / 255, tf.gather(all_labels, indices)

        batches = self._decoded().batch(batch_size).map(as_floats)
        return batches.prefetch(tf.data.AUTOTUNE)

    def read(self) -> np.ndarray:
        """All images, uint8 [N, side, side, 3].

        Raises:
            ValueError: some files cannot be read; it says how many, and names the first.
        """
        images = np.empty((len(self), self.side, self.side, 3), np.uint8)
        readable = np.zeros(len(self), bool)
        decoded = self._decoded().ignore_errors().batch(_READ_BATCH).prefetch(tf.data.AUTOTUNE)
        for indices, batch in decoded.as_numpy_iterator():
            images[indices], readable[indices] = batch, True
        if not readable.all():
            unreadable = [self.names[index] for index in np.flatnonzero(~readable)]
            size = "" if self.scaled else f" of {self.side}x{self.side} pixels"
            raise ValueError(
                f"{self.tree.path}: {len(unreadable):,} of {len(self):,} files cannot be read as "
                f"images{size}: {listed(unreadable)}"
            )
        return images

    def _decoded(self) -> tf.data.Dataset:
        """Pairs of an index and an image, uint8 [side, side, 3]."""

        def decoded(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            content = tf.numpy_function(self._content, [index], tf.string)
            return index, self._image(tf.ensure_shape(content, []))

        indices = tf.data.Dataset.range(len(self))
        return indices.map(decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def _content(self, index: np.int64) -> bytes:
        content = self.tree.read(self.names[index])
        check_pixels(content)
        return content

    def _image(self, content: tf.Tensor) -> tf.Tensor:
        # The decoder reads PNG too (one file of ImageNet is PNG), and turns grey and CMYK into RGB.
        # Without `dct_method` it is faster and a few grey levels off.
        image = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        if self.scaled:
            fits = tf.reduce_all(tf.equal(tf.shape(image)[:2], self.side))
            image = tf.cond(fits, lambda: image, lambda: scale_and_crop(image, self.side))
        return tf.ensure_shape(image, [self.side, self.side, 3])


def scale_and_crop(image: tf.Tensor, side: int) -> tf.Tensor:
    """The shorter side scaled to 8/7 of `side`, then the centre, uint8 [side, side, 3].

    Args:
        image: uint8 [height, width, 3].
    """
    size = tf.shape(image)[:2]
    # The longer side is rounded down and half a pixel to even, as in torchvision.
    size = size * (side * 8 // 7) // tf.reduce_min(size)
    scaled = tf.image.resize(image, size, antialias=True)
    top, left = tf.unstack(tf.cast(tf.round((size - side) / 2), tf.int32))
    centre = scaled[top : top + side, left : left + side]
    return tf.cast(tf.clip_by_value(tf.round(centre), 0, 255), tf.uint8)


def check_pixels(content: bytes) -> None:
    """Refuses a JPEG or PNG by its first bytes, before its pixels take memory.

    Raises:
        ValueError: it is neither, or has more pixels than are accepted.
    """
    kind = PngImageFile if content.startswith(b"\x89PNG") else JpegImageFile
    try:
        with kind(BytesIO(content)) as picture:
            width, height = picture.size
    except Exception as error:  # also SyntaxError, for another kind of file
        raise ValueError(f"no JPEG or PNG: {error}") from error
    if width * height > MOST_PIXELS:
        raise ValueError(f"it has {width:,} x {height:,} pixels; accepted: {MOST_PIXELS:,} in all")
    if max(width, height) > _LONGEST * min(width, height):
        raise ValueError(
            f"it has {width:,} x {height:,} pixels; accepted: sides that differ by a factor of "
            f"{_LONGEST} at most"
        )


def is_image(name: str) -> bool:
    return name.lower().endswith(_EXTENSIONS)


def check_classes(
    where: Path, counts: Mapping[str, int], classes: Sequence[str], needed: int
) -> None:
    """Compares the classes in a folder or zip with those that should be there.

    Args:
        where: the folder or zip.
        counts: number of its images, by class.
        classes: all that should be there.
        needed: number of images that each class should have.

    Raises:
        ValueError: some classes are missing, have too few images or are unknown; it says how many,
            and names the first.
    """
    missing = [name for name in classes if not counts.get(name)]
    short = [f"{name} has {counts[name]}" for name in classes if 0 < counts.get(name, 0) < needed]
    unknown = sorted(set(counts) - set(classes))
    problems = []
    if missing:
        problems.append(f"lacks {len(missing):,} of {len(classes):,} classes: {listed(missing)}")
    if short:
        problems.append(
            f"has fewer than {needed:,} images in {len(short):,} of {len(classes):,} classes: "
            f"{listed(short)}"
        )
    if unknown:
        problems.append(f"has unknown classes ({len(unknown):,}): {listed(unknown)}")
    if problems:
        raise ValueError(f"{where} " + "; it ".join(problems))


def listed(items: Sequence[str], most: int = 10) -> str:
    """The first items and the number of the others, as text."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
