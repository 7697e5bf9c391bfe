"""Networks of keras.applications, with the preprocessing that their ImageNet weights expect.

References:
    densenet201: Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional
        Networks", CVPR 2017, https://arxiv.org/abs/1608.06993
    vgg19: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, https://arxiv.org/abs/1409.1556
    resnet101: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
        https://arxiv.org/abs/1512.03385
    mobilenet: Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam, "MobileNets:
        Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
        https://arxiv.org/abs/1704.04861
    mobilenet_v2: Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: Inverted Residuals and
        Linear Bottlenecks", CVPR 2018, https://arxiv.org/abs/1801.04381
"""

from collections.abc import Sequence
from functools import partial
from os import PathLike

import keras
from keras import layers

from models.arguments import check_arguments, scaled
from models.backbone import backbone, classifier
from models.outputs import with_temperature
from models.preprocessing import caffe, first_layers, plus_minus_one, standardise

_IMAGENET_CLASSES = 1000

_APPLICATIONS = {
    "densenet201": (keras.applications.DenseNet201, standardise),
    "vgg19": (keras.applications.VGG19, caffe),
    "resnet101": (keras.applications.ResNet101, caffe),
    "mobilenet": (keras.applications.MobileNet, plus_minus_one),
    "mobilenet_v2": (keras.applications.MobileNetV2, plus_minus_one),
}
#: Those that Keras itself makes in several widths.
_HAVE_ALPHA = ("mobilenet", "mobilenet_v2")
NAMES = tuple(_APPLICATIONS)


def application(
    architecture: str,
    /,
    num_classes: int,
    input_shape: Sequence[int] = (224, 224, 3),
    upsampling: int = 1,
    width: float = 1.0,
    weights: str | PathLike | None = None,
    temperature: float = 1.0,
    preprocessing: str = "imagenet",
    train_batch_norm: bool = True,
    name: str | None = None,
) -> keras.Model:
    """A network from images [N, height, width, channels] in [0, 1] to logits [N, num_classes].

    Args:
        architecture: one of `NAMES`.
        num_classes: at least 2.
        input_shape: (height, width, channels) of an image.
        upsampling: each pixel becomes this many pixels squared.
        width: the alpha of a MobileNet. In the others, from scratch only, it scales the filters
            of every convolution and the hidden Dense layers.
        weights: `None` (from scratch), "imagenet", or a file (.h5, .keras, .weights.h5) of the
            network as keras.applications makes it. With 1000 classes the network is complete and
            all of it trains. With another number the weights are those without the top, a new
            Dense layer follows the averaged features, and apart from it only batch normalisations
            train.
        temperature: divides the logits.
        preprocessing: what the network sees, "imagenet" for what its ImageNet weights expect,
            "raw" grey levels 0..255 or "unit" [0, 1].
        train_batch_norm: with weights and a new Dense layer, whether batch normalisations train.
        name: of the model.

    Raises:
        ValueError: an argument is out of range, the enlarged images are below 32 pixels, or there
            are no weights of that width.
        ConnectionError, CheckpointError: the weights cannot be loaded, see `models.backbone`.
    """
    check_arguments(num_classes, input_shape, upsampling, width, minimum_side=32)
    make, imagenet = _APPLICATIONS[architecture]
    if architecture in _HAVE_ALPHA:
        make = partial(make, alpha=width)
    elif weights is not None and width != 1:
        raise ValueError(f"width is {width!r} with weights of {architecture}; accepted: 1")

    images = keras.Input(input_shape, name="images")
    x = first_layers(images, preprocessing, upsampling, imagenet=imagenet)
    if weights is None or num_classes == _IMAGENET_CLASSES:
        logits = classifier(make, x, weights, num_classes)
    else:
        x = layers.GlobalAveragePooling2D()(backbone(make, x, weights, train_batch_norm))
        logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    model = keras.Model(images, logits, name=name or architecture)
    if width != 1 and architecture not in _HAVE_ALPHA:
        model = _narrowed(model, width)
    return with_temperature(model, temperature)


def _narrowed(model: keras.Model, width: float) -> keras.Model:
    """A new network with the filters and hidden units of `model` scaled; preprocessing stays."""

    def narrow(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if layer.trainable and layer.name != "predictions":
            sizes = config.keys() & {"filters", "units"}
            config |= {size: scaled(config[size], width) for size in sizes}
        return type(layer).from_config(config)

    narrowed = keras.models.clone_model(model, clone_function=narrow)
    for layer in model.layers:
        if not layer.trainable:
            narrowed.get_layer(layer.name).set_weights(layer.get_weights())
    return narrowed
