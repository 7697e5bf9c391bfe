"""What the trainings on adversarial examples have in common."""

import keras

from distillation.arguments import check_network, check_unit_range
from distillation.network_trainer import NetworkTrainer


class ExampleTrainer(NetworkTrainer):
    """Trains `network` on examples of images in [0, 1]."""

    def __init__(self, network: keras.Model, name: str | None = None):
        super().__init__(name=name)
        check_network("network", network)
        self.network = network
        self.built = network.built

    def fit(self, x=None, *args, **kwargs):
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple | list) and hasattr(validation[0], "__array__"):
            check_unit_range(validation[0])
        return super().fit(x, *args, **kwargs)

    def _check_arrays(self, images) -> None:
        check_unit_range(images)
        super()._check_arrays(images)
