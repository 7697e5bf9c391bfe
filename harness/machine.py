"""What a run was made on."""

import os
import platform

import tensorflow as tf


def machine() -> str:
    """Its processors and accelerators, in words."""
    names = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    accelerators = ", ".join(names) or "no GPU"
    return f"{platform.machine()}, {os.cpu_count()} CPU cores, {accelerators}"
