"""Perturbations as tensors: lengths per image and hyperplanes, for compiled steps."""

import tensorflow as tf

from attacks.engine.gradients import LogitsOf, checked, finite

#: Gaps [N], gradients [N, ...] and distances [N] of a boundary, see `nearest_boundary`.
Boundary = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def per_image(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`values` [N] in a shape that broadcasts over `images` [N, ...]."""
    return tf.reshape(values, [-1] + [1] * (images.shape.rank - 1))


def flat(images: tf.Tensor) -> tf.Tensor:
    """`images` [N, ...] as [N, values]."""
    return tf.reshape(images, [tf.shape(images)[0], images.shape[1:].num_elements()])


def choose(which: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """`images` [N, ...] where `which` (bool [N]), else `others`.

    `tf.where` would spread the condition over the pixels, which takes longer.
    """
    return tf.raw_ops.Select(condition=which, x=images, y=others)


def lengths(perturbations: tf.Tensor, norm: str) -> tf.Tensor:
    """The norm of each perturbation ("linf", "l2", "l1" or "l0"), float [N]."""
    values = flat(perturbations)
    if norm == "l0":
        return tf.math.count_nonzero(values, axis=1, dtype=tf.float32)
    if norm == "linf":
        return tf.reduce_max(tf.abs(values), axis=1)
    if norm == "l1":
        return tf.reduce_sum(tf.abs(values), axis=1)
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=1))


def power_of_two(sizes: tf.Tensor) -> tf.Tensor:
    """The powers of two that bring `sizes` (float32 [N], above 0) into [1, 2); finite for 0.

    Multiplying by one is exact, as long as nothing leaves the range of float32.
    """
    # A float32 is 1.m x 2^(e - 127), with e in bits 23 to 30.
    exponents = tf.bitwise.right_shift(tf.bitcast(sizes, tf.int32), 23)
    return tf.bitcast(tf.bitwise.left_shift(tf.maximum(254 - exponents, 1), 23), tf.float32)


def dual_lengths(gradients: tf.Tensor, norm: str) -> tf.Tensor:
    """The dual norm: how fast a linear function falls per unit of `norm`, float [N]."""
    return lengths(gradients, {"linf": "l1", "l2": "l2", "l1": "linf"}[norm])


def nearest_boundary(
    logits_of: LogitsOf,
    images: tf.Tensor,
    classes: tf.Tensor,
    rivals: tf.Tensor,
    norm: str,
    targeted: bool,
) -> Boundary:
    """The nearest of some boundaries between classes, as the hyperplanes they are at `images`.

    Takes one forward pass, and one backward pass for each column of `rivals`.

    Args:
        images: float32 [N, ...].
        classes: int64 [N], the labels to leave, or the targets to reach.
        rivals: int64 [N, K], the classes to reach: any of the K, or the target alone (K = 1).
        targeted: whether the class to leave is the best one that is not the target.

    Returns:
        gaps [N], what the logit of the class to reach lacks (negative beyond the boundary);
        gradients [N, ...] of that logit less the logit of the class to leave (both of these times
        a power of two where the gradient is shorter than 1e-6);
        distances [N] to the hyperplane in `norm`, without regard to the box of images.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = logits_of(images)
    depth = logits.shape[1]
    if targeted:
        own = tf.one_hot(classes, depth, on_value=True, off_value=False, dtype=tf.bool)
        classes = tf.argmax(tf.where(own, logits.dtype.min, logits), axis=1)
    left = tf.one_hot(classes, depth)

    def boundary(column: tf.Tensor | int) -> Boundary:
        difference = tf.one_hot(rivals[:, column], depth) - left
        gaps = -tf.reduce_sum(difference * logits, axis=1)
        gradients = checked(tape.gradient(logits, images, output_gradients=difference))
        return _hyperplane(gaps, gradients, norm)

    def nearer_of(column: tf.Tensor | int, nearest: Boundary) -> Boundary:
        others = boundary(column)
        nearer = others[2] < nearest[2]
        gaps, gradients, distances = (choose(nearer, new, old) for new, old in zip(others, nearest))
        return gaps, gradients, distances

    nearest = boundary(0)
    count = rivals.shape[1]
    if count <= _UNROLLED:
        for column in range(1, count):
            nearest = nearer_of(column, nearest)
        return nearest
    # Written out for a thousand classes, the graph would take minutes to build and gigabytes.
    _, nearest = tf.while_loop(
        lambda column, _: column < count,
        lambda column, nearest: (column + 1, nearer_of(column, nearest)),
        (tf.constant(1), nearest),
        parallel_iterations=1,
        maximum_iterations=count,
    )
    return nearest


def _hyperplane(gaps: tf.Tensor, gradients: tf.Tensor, norm: str) -> Boundary:
    """A boundary that can be divided by: finite, and not too flat."""
    gaps = tf.where(tf.math.is_finite(gaps), gaps, 0.0)  # no step where a logit is not finite
    gradients = finite(gradients)
    slopes = dual_lengths(gradients, norm)
    # The constants that attacks add would outweigh a very small slope, so it is made steeper.
    scale = tf.where((slopes > 0) & (slopes < 1e-6), power_of_two(slopes), 1.0)
    gaps, gradients = scale * gaps, per_image(scale, gradients) * gradients
    # The constant keeps the distance finite where a gradient is zero.
    return gaps, gradients, tf.abs(gaps) / (scale * slopes + 1e-8)


#: The most backward passes that are written out, which is faster than a loop.
_UNROLLED = 16


def hyperplane_step(images: tf.Tensor, normals: tf.Tensor, gaps: tf.Tensor, norm: str) -> tf.Tensor:
    """The shortest perturbation that changes <normal, image> by `gap` within the box [0, 1].

    Every value moves by t |u| at most, u being the normal (L2) or its sign (L-inf), and stops
    at the bounds. What that gains is concave and piecewise linear in t, so Newton's method from
    t = 0 is exact after a few steps (2 to 4 for perturbations of usual size, a dozen where most
    values stop). It goes on until the slowest row is done; a row that is done does not change
    any more, so that none depends on the others.

    Args:
        images: float32 [N, ...] in [0, 1].
        normals: float32 [N, ...].
        gaps: float32 [N].
        norm: "l2" or "linf", in which the perturbation is shortest.

    Returns:
        float32 [N, ...]. Where the hyperplane is out of reach within the box, every value moves
        to its bound; where the normal is zero, nothing moves.
    """
    points, weights = flat(images), flat(normals)
    # Divided by its largest value, a small normal does not underflow when it is squared. With the
    # sign of the gap, <normal, image> has to rise in any case.
    largest = tf.reduce_max(tf.abs(weights), axis=1)
    scale = tf.math.divide_no_nan(tf.where(gaps < 0, -1.0, 1.0), largest)
    weights *= scale[:, None]
    wanted = tf.math.divide_no_nan(tf.abs(gaps), largest)
    speeds = tf.abs(weights)
    room = tf.where(weights > 0, 1 - points, points)
    if norm == "linf":
        directions, rates, stops = tf.sign(weights), speeds, room
    else:
        directions, rates = weights, tf.square(weights)
        stops = tf.math.divide_no_nan(room, speeds)
    gains = speeds * room

    def newton(t: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        free = t[:, None] < stops
        slope = tf.reduce_sum(tf.where(free, rates, 0.0), axis=1)
        stopped = tf.reduce_sum(tf.where(free, 0.0, gains), axis=1)
        reached = tf.where(slope > 0, (wanted - stopped) / slope, _FAR)
        return tf.clip_by_value(reached, t, _FAR), t

    start = tf.zeros_like(wanted)
    t, _ = tf.while_loop(
        lambda t, before: tf.reduce_any(t > before),
        newton,
        (start, start - 1),
        maximum_iterations=100,  # several times what any row needs
    )
    return tf.reshape(tf.clip_by_value(t[:, None] * directions, -room, room), tf.shape(images))


#: Further than any hyperplane, and finite, because infinity times zero is not a number.
_FAR = 1e30
