"""What a run was made on, and with which state of this project."""

import os
import platform
import subprocess
from pathlib import Path

import tensorflow as tf


def machine() -> str:
    """Its processors and accelerators, in words."""
    names = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    accelerators = ", ".join(names) or "no GPU"
    return f"{platform.machine()}, {os.cpu_count()} CPU cores, {accelerators}"


def commit() -> str:
    """The commit of this project, with a plus where files were changed since; "" without git."""
    described = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(
            described, check=True, text=True, capture_output=True, stdin=subprocess.DEVNULL
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
