"""Files of Keras 2: each gives the outputs of the same network made by Keras 3.

The files are made by hand, with the JSON that Keras 2.1 to 2.15 wrote.
"""

import functools
import io
import json
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import models

IMAGES = np.random.default_rng(0).random((3, 6, 6, 3), np.float32)
SHAPE = [None, 6, 6, 3]


def with_weights(network, seed=1):
    """The network with weights in [0.1, 0.6], so that no two layers do the same."""
    random = np.random.default_rng(seed)
    network.set_weights([random.uniform(0.1, 0.6, w.shape) for w in network.get_weights()])
    return network


def sequential(*more):
    return with_weights(keras.Sequential([keras.Input((6, 6, 3)), *more]))


def write(path, description, network, version="2.2.4-tf"):
    """`description` with the weights of `network`, in the layout of Keras 2."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(description).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
        write_weights(file.create_group("model_weights"), network)
    return path


def write_weights(group, network):
    group.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
    for layer in network.layers:
        weights = layer.trainable_weights + layer.non_trainable_weights
        names = [f"{layer.name}/{number}:0" for number in range(len(weights))]
        group.create_group(layer.name).attrs["weight_names"] = [name.encode() for name in names]
        for name, weight in zip(names, weights):
            group[f"{layer.name}/{name}"] = np.asarray(weight)


def assert_reads(path, network, images=IMAGES):
    before = path.read_bytes()
    again = models.load_checkpoint(path)
    expected = network(images, training=False)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(again(images, training=False), expected, rtol=1e-6)
    assert path.read_bytes() == before
    return again


def node(class_name, **config):
    return {"class_name": class_name, "config": {"trainable": True, "dtype": "float32", **config}}


def called(layer, *inputs, **named):
    """A layer of a graph; inputs are (name, number of the call)."""
    calls = [[[name, call, 0, named] for name, call in inputs]] if inputs else []
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": calls}


def graph(*nodes, output, name="model_1", class_name="Model"):
    config = {"name": name, "layers": list(nodes), "input_layers": [[nodes[0]["name"], 0, 0]]}
    return {"class_name": class_name, "config": {**config, "output_layers": [[*output, 0]]}}


def input_layer(name="input_1", shape=SHAPE):
    config = {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "ragged": False}
    return called({"class_name": "InputLayer", "config": {**config, "name": name}})


def glorot(**config):
    scaled = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    return {"class_name": "VarianceScaling", "config": {**scaled, **config}}


def conv(name="conv2d_1", filters=4, initializer=None, **more):
    return node(
        "Conv2D",
        name=name,
        **{"filters": filters, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"},
        **{"data_format": "channels_last", "dilation_rate": [1, 1], "use_bias": True},
        kernel_initializer=initializer or glorot(),
        bias_initializer={"class_name": "Zeros", "config": {}},
        **{"kernel_regularizer": None, "bias_constraint": None, "activation": "relu", **more},
    )


def batch_normalization(axis, name="batch_normalization_1"):
    ones = {"class_name": "Ones", "config": {}}
    numbers = {"axis": axis, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
    return node("BatchNormalization", name=name, **numbers, gamma_initializer=ones)


def dense(name="dense_1", units=2, **more):
    return node("Dense", name=name, units=units, **{"activation": "linear", **more})


FLATTEN = node("Flatten", name="flatten_1", data_format="channels_last")
POOL = node("GlobalAveragePooling2D", name="pool", data_format="channels_last")


@functools.cache
def plain():
    """A network that tests may not change."""
    return sequential(
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(2),
    )


def with_dtype(class_name, **config):
    return {"class_name": class_name, "config": {**config, "dtype": "float32"}}


FIRST = {"batch_input_shape": SHAPE}
TUPLE = {"batch_input_shape": {"class_name": "__tuple__", "items": SHAPE}}
SEQUENTIALS = {
    "2.1.6": [conv(**FIRST), batch_normalization(-1), FLATTEN, dense()],
    "2.2.4": {
        "name": "sequential_1",
        "layers": [conv(**FIRST), batch_normalization(-1), FLATTEN, dense()],
    },
    "2.2.4-tf": {
        "name": "sequential",
        "layers": [
            conv(initializer=with_dtype("GlorotUniform", seed=None), **FIRST),
            {**batch_normalization([3]), "class_name": "BatchNormalizationV1"},
            FLATTEN,
            dense(kernel_initializer=with_dtype("OurOwnOrthogonal", gain=1.0)),
        ],
        "build_input_shape": SHAPE,
    },
    "2.3.1": {
        "name": "sequential_1",
        "layers": [conv(**TUPLE), batch_normalization([3]), FLATTEN, dense()],
        "build_input_shape": SHAPE,
    },
    "2.15.0": {
        "name": "sequential",
        "layers": [
            {**input_layer(), "config": {**input_layer()["config"], **TUPLE}},
            conv(groups=1, **FIRST),
            batch_normalization([3]),
            FLATTEN,
            dense(),
        ],
    },
    "": {
        "name": "sequential_1",
        "layers": [conv(**FIRST), batch_normalization(-1), FLATTEN, dense()],
    },
}


@pytest.mark.parametrize(
    "version, suffix", [*((version, ".h5") for version in SEQUENTIALS), ("2.15.0", ".hdf5")]
)
def test_sequential(tmp_path, version, suffix):
    network = plain()
    description = {"class_name": "Sequential", "config": SEQUENTIALS[version]}
    path = write(tmp_path / f"old{suffix}", description, network, version)
    assert assert_reads(path, network).input_shape == tuple(SHAPE)


def test_what_was_read_is_saved_as_any_other(tmp_path):
    network = plain()
    description = {"class_name": "Sequential", "config": SEQUENTIALS["2.2.4"]}
    again = models.load_checkpoint(write(tmp_path / "old.h5", description, network))
    for suffix in (".h5", ".keras"):
        assert_reads(models.save(again, tmp_path / f"new{suffix}"), network)


def test_arguments_that_keras_3_lacks(tmp_path):
    old = {"kernel_size": [3, 3], "groups": 1, "use_bias": True, "activation": "linear"}
    kernel = {"kernel_initializer": glorot(), "kernel_regularizer": None, "kernel_constraint": None}
    description = {
        "class_name": "Sequential",
        "config": [
            node("ZeroPadding2D", name="pad", padding=[[1, 1], [1, 1]], data_format=None, **FIRST),
            node("DepthwiseConv2D", name="depthwise", depth_multiplier=1, **old),
            node("LeakyReLU", name="leaky", alpha=0.30000001192092896),
            node("SeparableConv2D", name="separable", filters=4, **old, **kernel),
            node("Conv2DTranspose", name="transposed", filters=3, output_padding=None, **old),
            node("SpatialDropout2D", name="drop", rate=0.1, noise_shape=None, seed=None),
            node("ThresholdedReLU", name="threshold", theta=2.5),
            node("RandomFlip", name="flip", mode="horizontal", rng_type="stateful", seed=None),
            conv("last", activation={"class_name": "LeakyReLU", "config": {"alpha": 0.1}}),
            FLATTEN,
            dense("d", 3, activation={"class_name": "ThresholdedReLU", "config": {"theta": 0.5}}),
            dense(activation="softmax_v2"),
        ],
    }
    network = sequential(
        layers.ZeroPadding2D(),
        layers.DepthwiseConv2D(3),
        layers.LeakyReLU(),
        layers.SeparableConv2D(4, 3),
        layers.Conv2DTranspose(3, 3),
        layers.ReLU(threshold=2.5),
        layers.Conv2D(4, 3, activation=layers.LeakyReLU(negative_slope=0.1)),
        layers.Flatten(),
        layers.Dense(3, activation=layers.ReLU(threshold=0.5)),
        layers.Dense(2, activation="softmax"),
    )
    network.layers[-1].kernel.assign(network.layers[-1].kernel / 1000)  # no certain softmax
    assert_reads(write(tmp_path / "old.h5", description, network), network)


def test_layers_of_sequences(tmp_path):
    lstm = node("LSTM", name="lstm", units=3, time_major=False, implementation=2, unroll=False)
    wrapped = node("TimeDistributed", name="wrapper", layer=dense(units=3), **FIRST)
    reshape = node("Reshape", name="reshape", target_shape=[6, 18])
    description = {"class_name": "Sequential", "config": [wrapped, reshape, lstm, dense("d")]}
    network = sequential(
        layers.TimeDistributed(layers.Dense(3)),
        layers.Reshape((6, 18)),
        layers.LSTM(3),
        layers.Dense(2),
    )
    assert_reads(write(tmp_path / "old.h5", description, network), network)


def test_cells_and_a_layer_for_the_way_back(tmp_path):
    cells = [node("LSTMCell", name="a", units=3), node("GRUCell", name="b", units=3)]
    stacked = node("StackedRNNCells", name="stacked", cells=cells)
    back = node("GRU", name="back", units=3, time_major=False, go_backwards=True)
    both = node(
        "Bidirectional",
        name="both",
        layer=node("RNN", name="there", cell=stacked, return_sequences=False, time_major=False),
        backward_layer=back,
        merge_mode="sum",
    )
    reshape = node("Reshape", name="reshape", target_shape=[6, 18], **FIRST)
    description = {"class_name": "Sequential", "config": [reshape, both, dense("d")]}
    there = layers.RNN([layers.LSTMCell(3), layers.GRUCell(3)])
    network = sequential(
        layers.Reshape((6, 18)),
        layers.Bidirectional(there, "sum", backward_layer=layers.GRU(3, go_backwards=True)),
        layers.Dense(2),
    )
    assert_reads(write(tmp_path / "old.h5", description, network), network)


def test_normalization_over_several_axes(tmp_path):
    normalization = node("LayerNormalization", name="ln", axis=[1, 2], epsilon=0.001, **FIRST)
    description = {"class_name": "Sequential", "config": [normalization, FLATTEN, dense()]}
    network = sequential(layers.LayerNormalization(axis=[1, 2]), layers.Flatten(), layers.Dense(2))
    assert_reads(write(tmp_path / "old.h5", description, network), network)


@pytest.mark.parametrize(
    "policy",
    [
        {"class_name": "Policy", "config": {"name": "mixed_float16"}},
        {"class_name": "PolicyV1", "config": {"name": "mixed_float16", "loss_scale": None}},
        {
            "module": "keras.mixed_precision",
            "class_name": "Policy",
            "config": {"name": "mixed_float16"},
        },
    ],
)
def test_policies(tmp_path, policy):
    first = conv(**FIRST)
    first["config"]["dtype"] = policy
    last = dense()
    last["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}
    description = {"class_name": "Sequential", "config": [first, FLATTEN, last]}
    network = sequential(
        layers.Conv2D(4, 3, activation="relu", dtype="mixed_float16"),
        layers.Flatten(),
        layers.Dense(2),
    )
    again = assert_reads(write(tmp_path / "old.h5", description, network), network)
    assert again.layers[0].compute_dtype == "float16" and again.inputs[0].dtype == "float32"


def features(class_name="Model"):
    """A network inside others, by Keras 2 and by Keras 3."""
    old = graph(
        input_layer(),
        called(conv("conv1/conv"), ("input_1", 0)),
        called(batch_normalization([3], "conv1/bn"), ("conv1/conv", 0)),
        output=("conv1/bn", 0),
        name="features",
        class_name=class_name,
    )
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, activation="relu")(image)
    return old, keras.Model(image, layers.BatchNormalization()(x), name="features")


def test_teachable_machine(tmp_path):
    """Sequentials in a Sequential, the first around a functional model."""
    old, new = features()
    old_head = [dense("d1", 5, batch_input_shape=[None, 4]), dense("d2", use_bias=False)]
    first = {"name": "sequential_1", "layers": [old, POOL]}
    parts = [
        {"class_name": "Sequential", "config": config}
        for config in (first, {"name": "sequential_3", "layers": old_head})
    ]
    description = {"class_name": "Sequential", "config": {"name": "sequential_4", "layers": parts}}
    head = [keras.Input((4,)), layers.Dense(5), layers.Dense(2, use_bias=False)]
    network = with_weights(
        keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.Sequential([new, layers.GlobalAveragePooling2D()]),
                keras.Sequential(head),
            ]
        )
    )
    assert_reads(write(tmp_path / "old.h5", description, network, "2.4.0"), network)


@pytest.mark.parametrize("class_name", ["Model", "Functional"])
def test_networks_in_a_graph(tmp_path, class_name):
    """Keras 2 counts the calls of a network from 1; a Sequential without a shape from 0."""
    old, new = features(class_name)
    flip = node("RandomFlip", name="flip", mode="horizontal", rng_type="stateful")
    late = {"class_name": "Sequential", "config": {"name": "late", "layers": [flip]}}
    head = [dense("d1", 4, **{"batch_input_shape": [None, 4]}), node("ReLU", name="relu")]
    head = {"class_name": "Sequential", "config": {"name": "head", "layers": head}}
    twice = called(head, ("pool", 0))
    twice["inbound_nodes"].append([["head", 1, 0, {}]])
    description = graph(
        input_layer("image"),
        called(late, ("image", 0)),
        called(old, ("late", 0), training=False),
        called(POOL, ("features", 1)),
        twice,
        called(node("Add", name="add"), ("head", 1), ("head", 2), ("pool", 0)),
        output=("add", 0),
        class_name=class_name,
    )
    image = keras.Input((6, 6, 3))
    pooled = layers.GlobalAveragePooling2D(name="pool")(new(image))
    new_head = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.ReLU()])
    once = new_head(pooled)
    network = with_weights(keras.Model(image, layers.Add()([once, new_head(once), pooled])))
    assert_reads(write(tmp_path / "old.h5", description, network), network)


@pytest.mark.parametrize("last", ["Model", "Sequential"])
def test_a_graph_that_ends_in_a_network(tmp_path, last):
    old, new = features()
    if last == "Sequential":
        old = {"class_name": "Sequential", "config": [conv("c", **FIRST), batch_normalization(-1)]}
        old["config"] = {"name": "features", "layers": old["config"]}
    description = graph(input_layer("image"), called(old, ("image", 0)), output=("features", 1))
    image = keras.Input((6, 6, 3))
    network = with_weights(keras.Model(image, new(image)))
    assert_reads(write(tmp_path / "old.h5", description, network), network)


def partly_frozen(number, **more):
    return node("Dense", name=f"d{number}", units=3, **more)


@pytest.mark.parametrize("trainable", [True, False], ids=["", "frozen"])
@pytest.mark.parametrize("frozen", [(1,), (2,), (1, 3), (1, 2, 3)])
def test_a_network_inside_that_is_partly_frozen(tmp_path, frozen, trainable):
    """Keras 2 writes what is trainable first, in a frozen network too."""
    flags = {number: number not in frozen for number in (1, 2, 3)}
    dense = [called(partly_frozen(n, trainable=flags[n]), (f"d{n - 1}", 0)) for n in flags]
    inner = graph(input_layer("d0"), *dense, output=("d3", 0), name="inner")
    inner["config"]["trainable"] = trainable
    middle = graph(
        input_layer("image"),
        called(inner, ("image", 0)),
        called(partly_frozen(4), ("inner", 1)),
        output=("d4", 0),
        name="middle",
    )
    middle["config"]["trainable"] = True
    description = {"class_name": "Sequential", "config": [middle, POOL]}
    description["config"] = {"name": "outer", "layers": description["config"]}

    network = with_weights(keras.Sequential([keras.Input((6, 6, 3)), *map(layers.Dense, [3] * 4)]))
    pooled = keras.Sequential([network, layers.GlobalAveragePooling2D()])
    first = [number for number in flags if flags[number]]
    # A network that is frozen is not trained at all, whatever the layers in it say.
    order = [*first, 4, *frozen] if trainable else [4, *first, *frozen]
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(description)
        file.attrs["layer_names"] = ["middle", "pool"]
        file.create_group("pool").attrs["weight_names"] = []
        group = file.create_group("middle")
        group.attrs["weight_names"] = [f"d{n}/{w}:0" for n in order for w in ("kernel", "bias")]
        for number, layer in zip((1, 2, 3, 4), network.layers):
            group[f"d{number}/kernel:0"], group[f"d{number}/bias:0"] = layer.get_weights()
    inside = assert_reads(path, pooled).layers[0].get_layer("inner")
    assert inside.trainable == trainable
    assert [layer.trainable for layer in inside.layers[1:]] == list(flags.values())


def tensorflow_function(name, function, origin, class_name="TFOpLambda", **named):
    layer = node(class_name, name=name, function=function)
    reference = [origin, -1, 1.0] if origin == "_CONSTANT_VALUE" else [origin, 0, 0]
    return {**layer, "name": name, "inbound_nodes": [[*reference, {**named, "name": None}]]}


def test_preprocessing_by_tensorflow_functions(tmp_path):
    """`preprocess_input` of MobileNetV2, and what people write themselves."""
    description = graph(
        input_layer("image"),
        tensorflow_function("tf.math.truediv", "math.truediv", "image", y=127.5),
        tensorflow_function("tf.math.subtract", "math.subtract", "tf.math.truediv", y=1.0),
        called(conv(activation="linear"), ("tf.math.subtract", 0)),
        tensorflow_function("tf.nn.relu", "nn.relu", "conv2d_1"),
        tensorflow_function("sum", "__operators__.add", "tf.nn.relu", y=["conv2d_1", 0, 0]),
        tensorflow_function("a/b", "math.subtract", "_CONSTANT_VALUE", y=["sum", 0, 0]),
        called(POOL, ("a/b", 0)),
        output=("pool", 0),
        class_name="Functional",
    )
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(image / 127.5 - 1.0)
    x = 1.0 - (layers.ReLU()(x) + x)
    network = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    network.set_weights(
        [np.random.default_rng(0).normal(size=w.shape) for w in network.get_weights()]
    )
    path = write(tmp_path / "old.h5", description, network, "2.6.0")
    again = assert_reads(path, network, 255 * IMAGES)
    for suffix in (".h5", ".keras"):  # and what was read can be saved and read
        assert_reads(models.save(again, tmp_path / f"new{suffix}"), network, 255 * IMAGES)


def test_arithmetic_of_tensorflow(tmp_path):
    """A cast of integer images, a minus sign, and an array to the left."""
    image = input_layer("image")
    image["config"]["dtype"] = "uint8"
    left = tensorflow_function("left", "math.subtract", "_CONSTANT_VALUE", y=["minus", 0, 0])
    left["inbound_nodes"][0][2] = [1.0, 2.0, 3.0]
    description = graph(
        image,
        tensorflow_function("cast", "cast", "image", dtype="float32"),
        tensorflow_function("scaled", "math.truediv", "cast", y=255.0),
        tensorflow_function("minus", "math.negative", "scaled"),
        left,
        called(FLATTEN, ("left", 0)),
        output=("flatten_1", 0),
    )
    network = keras.Sequential([keras.Input((6, 6, 3)), layers.Flatten()])
    images = np.uint8(255 * IMAGES)
    expected = (np.float32([1, 2, 3]) + images / np.float32(255)).reshape(3, -1)
    again = models.load_checkpoint(write(tmp_path / "old.h5", description, network, "2.6.0"))
    np.testing.assert_allclose(again(images), expected, rtol=1e-6)
    again = models.load_checkpoint(models.save(again, tmp_path / "new.h5"))
    np.testing.assert_allclose(again(images), expected, rtol=1e-6)


def test_preprocessing_as_caffe_does(tmp_path):
    """`preprocess_input` of ResNet50: blue first, less the means."""
    means = [-103.9, -116.8, -123.7]
    parts = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    function = "__operators__.getitem"
    description = graph(
        input_layer("image"),
        tensorflow_function("bgr", function, "image", "SlicingOpLambda", slice_spec=parts),
        tensorflow_function("less", "nn.bias_add", "bgr", bias=means, data_format="NHWC"),
        called(FLATTEN, ("less", 0)),
        output=("flatten_1", 0),
    )
    image = keras.Input((6, 6, 3))
    network = keras.Model(image, layers.Flatten()(image))
    expected = (255 * IMAGES[..., ::-1] + np.float32(means)).reshape(3, -1)
    again = models.load_checkpoint(write(tmp_path / "old.h5", description, network, "2.6.0"))
    for suffix in (".h5", ".keras"):  # what was read can be saved and read
        np.testing.assert_allclose(again(255 * IMAGES), expected, rtol=1e-6)
        again = models.load_checkpoint(models.save(again, tmp_path / f"new{suffix}"))
    np.testing.assert_allclose(again(255 * IMAGES), expected, rtol=1e-6)


def test_keras_archive_of_keras_2(tmp_path):
    """The .keras format of Keras 2.12 to 2.15, whose weights go by the class of the layer."""
    network = plain()
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for layer, name in zip(network.layers, ("conv2d", "batch_normalization", "", "dense")):
            for number, weight in enumerate(layer.weights):
                file[f"layers/{name}/vars/{number}"] = np.asarray(weight)
    description = {
        **{"module": "keras", "class_name": "Sequential", "registered_name": None},
        **{"config": SEQUENTIALS["2.15.0"], "compile_config": {"loss": {"class_name": "Own"}}},
    }
    path = tmp_path / "old.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", json.dumps(description))
        archive.writestr("model.weights.h5", weights.getvalue())
    assert_reads(path, network)


HARD = node("LSTMCell", name="cell", units=2, recurrent_activation="hard_sigmoid")
WAY_OUT = r"rebuild the network in code, then models.load_weights\(network, path\)"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (node("Activation", name="a", activation="hard_sigmoid", **FIRST), "0.2 x .*x / 6"),
        (node("LocallyConnected2D", name="a", **FIRST), "needs 'LocallyConnected2D', which"),
        (node("Custom>Own", name="a", **FIRST), "needs 'Custom>Own', which"),
        (node("DepthwiseConv2D", name="a", kernel_size=3, groups=3, **FIRST), "groups"),
        (node("RandomCrop", name="a", height=5, width=5, **FIRST), "uses RandomCrop, which crops"),
        (node("RNN", name="a", cell=HARD, **FIRST), "0.2 x .*x / 6"),
        (node("RNN", name="a", cell=node("StackedRNNCells", cells=[HARD]), **FIRST), "0.2 x"),
    ],
)
def test_what_cannot_be_read_names_the_way_out(tmp_path, layer, message):
    description = {"class_name": "Sequential", "config": [layer, FLATTEN, dense()]}
    path = write(tmp_path / "old.h5", description, plain())
    with pytest.raises(models.CheckpointError, match=message) as error:
        models.load_checkpoint(path)
    assert error.match(WAY_OUT)


RANDOM = node("Dropout", name="a", rate=0.5)


@pytest.mark.parametrize(
    "layer",
    [
        RANDOM,
        node("GaussianNoise", name="a", stddev=0.1),
        node("RandomFlip", name="a"),
        batch_normalization(-1, "a"),
        {"class_name": "Sequential", "config": {"name": "a", "layers": [dense("d", 3), RANDOM]}},
        node("TimeDistributed", name="a", layer=RANDOM),
    ],
    ids=lambda layer: layer["class_name"],
)
def test_training_at_test_time_is_refused(tmp_path, layer):
    """Keras 3 tells all layers of a network what the network is told."""
    description = graph(
        input_layer("image"), called(layer, ("image", 0), training=True), output=("a", 0)
    )
    path = write(tmp_path / "old.h5", description, plain())
    with pytest.raises(models.CheckpointError, match="calls 'a' with training=True") as error:
        models.load_checkpoint(path)
    assert error.match(WAY_OUT)


@pytest.mark.parametrize(
    "layer",
    [
        node("Dropout", name="a", rate=0.0),
        node("BatchNormalization", name="a", axis=[3], trainable=False),
        {"class_name": "Sequential", "config": {"name": "a", "layers": [dense("d", 3, **FIRST)]}},
    ],
    ids=lambda layer: layer["class_name"],
)
def test_training_that_changes_no_output(tmp_path, layer):
    first = called(layer, ("image", 0), training=True)
    output = ("a", int(layer["class_name"] == "Sequential"))
    description = graph(input_layer("image"), first, output=output)
    new = {
        "Dropout": layers.Dropout(0),
        "BatchNormalization": layers.BatchNormalization(),
        "Sequential": keras.Sequential([layers.Dense(3)]),
    }[layer["class_name"]]
    image = keras.Input((6, 6, 3))
    network = with_weights(keras.Model(image, new(image)))
    assert_reads(write(tmp_path / "old.h5", description, network), network)


def test_a_tensorflow_function_that_is_not_translated(tmp_path):
    function = tensorflow_function("a", "image.adjust_contrast", "image", contrast_factor=2)
    description = graph(input_layer("image"), function, output=("a", 0))
    with pytest.raises(models.CheckpointError, match="'image.adjust_contrast', which is not.*rebu"):
        models.load_checkpoint(write(tmp_path / "old.h5", description, plain()))


def test_the_way_out_works(tmp_path):
    """Also where the file is of weights alone, as Keras 2 wrote them."""
    network = sequential(layers.Flatten(name="f"), layers.Dense(2, name="d"))
    layer = node("Activation", name="a", activation="hard_sigmoid", **FIRST)
    description = {"class_name": "Sequential", "config": [layer, FLATTEN, dense()]}
    whole = write(tmp_path / "whole.h5", description, network)
    weights = tmp_path / "weights.hdf5"
    with h5py.File(weights, "w") as file:
        write_weights(file, network)
    with pytest.raises(models.CheckpointError, match=f"weights alone, no network .{WAY_OUT}"):
        models.load_checkpoint(weights)
    for path in (whole, weights):
        fresh = keras.Sequential([keras.Input((6, 6, 3)), layers.Flatten(), layers.Dense(2)])
        models.load_weights(fresh, path)
        np.testing.assert_array_equal(fresh(IMAGES), network(IMAGES))


@pytest.mark.parametrize(
    "read", [models.load_checkpoint, lambda p: models.load_weights(plain(), p)]
)
def test_kernels_of_theano_are_refused(tmp_path, read):
    """Its convolutions turn their kernels, so that Keras 3 would compute something else."""
    description = {"class_name": "Sequential", "config": SEQUENTIALS["2.2.4"]}
    path = write(tmp_path / "old.h5", description, plain())
    with h5py.File(path, "a") as file:
        file.attrs["backend"] = b"theano"
    with pytest.raises(models.CheckpointError, match="old.h5 is of Keras on Theano, .*accepted: "):
        read(path)


@pytest.mark.parametrize(
    "function",
    [
        ["4wEAAAAAAAAA", None, None],
        {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA"}},
    ],
)
@pytest.mark.parametrize("place", ["layer", "activation"])
def test_code_is_refused(tmp_path, function, place, monkeypatch):
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", None)
    layer = node("Lambda", name="lambda_1", function=function, function_type="lambda", **FIRST)
    if place == "activation":
        layer = node("Activation", name="a", activation=layer, **FIRST)
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [layer]}}
    description = {"class_name": "Sequential", "config": [inner, FLATTEN, dense()]}
    path = write(tmp_path / "old.h5", description, plain())
    with pytest.raises(models.CheckpointError, match="old.h5 carries code .(Lambda|__lambda__)"):
        models.load_checkpoint(path)


@pytest.mark.parametrize("description", [[], {}, {"class_name": "Sequential"}, {"class_name": 3}])
def test_a_description_that_says_nothing(tmp_path, description):
    path = write(tmp_path / "old.h5", description, plain())
    with pytest.raises(models.CheckpointError, match="old.h5 "):
        models.load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_operations_in_a_file_of_keras_3(tmp_path, suffix):
    """Keras itself cannot read such a .h5 that it wrote."""
    image = keras.Input((6, 6, 3))
    inner = keras.Input((6, 6, 3))
    x = keras.ops.relu(inner[..., ::-1] / 2 - 0.2)
    x = keras.ops.normalize(keras.ops.image.resize(x, (5, 5)) + 0.1)
    part = keras.Model(inner, x / keras.ops.norm(x, axis=-1, keepdims=True))
    network = with_weights(keras.Model(image, layers.Dense(2)(layers.Flatten()(part(image)))))
    assert_reads(models.save(network, tmp_path / f"new{suffix}"), network)


def test_saved_model_is_named(tmp_path):
    network = plain()
    folder = tmp_path / "saved"
    network.export(folder, verbose=False)
    for path in (folder, folder / "saved_model.pb"):
        for read in (models.load_checkpoint, lambda path: models.load_weights(network, path)):
            with pytest.raises(models.CheckpointError, match="saved is a SavedModel; acc") as error:
                read(path)
    recipe = re.fullmatch(r".*: served = (.*), then (lambda .*)\)", str(error.value))
    served = eval(recipe[1])
    attacked = eval(recipe[2], {"served": served})
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = attacked(images)
    np.testing.assert_allclose(logits, network(images, training=False), rtol=1e-6)
    assert np.any(tape.gradient(logits, images))
