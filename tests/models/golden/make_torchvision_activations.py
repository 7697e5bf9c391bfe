"""Makes torchvision_activations.npz: what torchvision's networks answer to drawn weights.

Weights and images are drawn by name and seed, so that only activations need to be stored. Run it
where PyTorch and torchvision are installed; made with torch 2.13.0, torchvision 0.28.0, numpy
2.4.6 on a CPU:

    python tests/models/golden/make_torchvision_activations.py
"""

from pathlib import Path
from zlib import crc32

import numpy as np

ACTIVATIONS = Path(__file__).with_name("torchvision_activations.npz")
SEED = 2012

#: By the name of our builder: what torchvision calls the network, and modules to look into.
NETWORKS = {
    "resnext50_32x4d": ("resnext50_32x4d", ("layer1.2", "layer2.3", "layer4.2")),
    "regnety_400mf": (
        "regnet_y_400mf",
        (
            "trunk_output.block1.block1-0",
            "trunk_output.block2.block2-2",
            "trunk_output.block4.block4-5",
        ),
    ),
    "alexnet": ("alexnet", ("features.2", "features.5", "features.12")),
}


def draw(name: str, shape: tuple[int, ...], seed: int = SEED) -> np.ndarray:
    """Values for the array `name` of a state_dict, such that activations keep their scale."""
    random = np.random.default_rng([seed, crc32(name.encode())])
    if name.endswith("running_var"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith("weight") and len(shape) == 1:  # batch normalisation
        return random.uniform(0.3, 0.9, shape).astype(np.float32)
    values = random.standard_normal(shape, dtype=np.float32)
    if len(shape) == 1:  # a bias or a running mean
        return 0.1 * values
    return values * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def draw_images() -> np.ndarray:
    """Two images [2, 224, 224, 3] in [0, 1], of coarse squares and fine noise."""
    random = np.random.default_rng(SEED)
    coarse = random.random((2, 14, 14, 3), dtype=np.float32).repeat(16, axis=1).repeat(16, axis=2)
    fine = random.random((2, 224, 224, 3), dtype=np.float32)
    return np.clip(0.7 * coarse + 0.3 * fine, 0, 1)


def statistics(activations: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and maximum for each image, [N, 3]."""
    axes = (1, 2, 3)
    return np.stack([reduce(activations, axis=axes) for reduce in (np.mean, np.std, np.max)], 1)


def main() -> None:
    import torch
    import torchvision

    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = ((draw_images() - mean) / std).astype(np.float32)
    inputs = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())

    stored = {}
    for ours, (theirs, looked_into) in NETWORKS.items():
        network = torchvision.models.get_model(theirs, weights=None).eval()
        state = {
            name: torch.from_numpy(draw(name, tuple(array.shape)))
            for name, array in network.state_dict().items()
            if array.dtype == torch.float32
        }
        network.load_state_dict(state, strict=False)
        for name in looked_into:

            def keep(module, arguments, output, key=f"{ours}/{name}"):
                stored[key] = statistics(output.numpy())

            network.get_submodule(name).register_forward_hook(keep)
        with torch.no_grad():
            stored[f"{ours}/logits"] = network(inputs).numpy()
        print(ours, np.ptp(stored[f"{ours}/logits"], axis=1), np.std(stored[f"{ours}/logits"]))
    np.savez_compressed(ACTIVATIONS, **stored)


if __name__ == "__main__":
    main()
