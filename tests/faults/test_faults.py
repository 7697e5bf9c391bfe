"""Runs that are killed, short of disk, doubled or damaged come to what an undisturbed one does."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from time import monotonic, sleep

import pytest

from own_process import Command, check_equal

pytestmark = pytest.mark.faults


def test_killed_at_random_moments(tmp_path, part, undisturbed, is_long):
    moments = random.Random(0)
    command = Command(tmp_path, **part)
    shortest, longest = (5.0, 40.0) if is_long else (6.0, 14.0)
    killed = 0
    while killed < (20 if is_long else 3):
        process = command.start()
        try:
            process.communicate(timeout=moments.uniform(shortest, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        else:  # it came to its end; the next one begins with nothing
            assert process.returncode == 0
            check_equal(command, undisturbed)
            shutil.rmtree(tmp_path)
    command.finish()
    check_equal(command, undisturbed)
    assert not list(command.store.glob("*.partial"))


def test_interrupted_by_hand(tmp_path, part, undisturbed):
    command = Command(tmp_path, **part)
    for seconds in (2.0, 6.0):
        process = command.start()
        assert process.stderr.readline().startswith("On ")  # TensorFlow is there
        sleep(seconds)
        process.send_signal(signal.SIGINT)
        started = monotonic()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130 and monotonic() - started < 10
        assert errors.count("Interrupted. What is finished is kept, and the same command") == 1
        assert errors.count("Interrupted") == 1 and "Traceback" not in errors
    command.finish()
    check_equal(command, undisturbed)


def test_two_runs_at_once(tmp_path, part, undisturbed):
    runs = tmp_path / "runs"
    commands = [Command(tmp_path / name, runs=runs, **part) for name in ("one", "other")]
    processes = [command.start() for command in commands]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    for command in commands:
        check_equal(command, undisturbed)
    # Each stage was made by one of the two.
    made = [line for text in said for line in text[1].splitlines() if " s  " in line]
    stages = [path for path in runs.glob("*-*") if path.is_dir()]
    assert len(made) == len(stages) and not list(runs.glob("*.partial"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk in memory, and what sets its size in kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if os.name == "nt" or os.getuid() or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")

    def resize(kilobytes: int) -> None:
        options = f"remount,size={kilobytes}k"
        subprocess.run(["mount", "-o", options, str(disk)], check=True)

    yield disk, resize
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(tmp_path, part, undisturbed, small_disk, is_long):
    disk, resize = small_disk
    command = Command(tmp_path, runs=disk / "runs", **part)
    full = 0
    for kilobytes in (100, 300, 600, 1000, 2000, 4000) if is_long else (100, 400):
        resize(kilobytes)
        process = command.start()
        _, errors = process.communicate()
        if process.returncode:
            full += 1
            assert process.returncode == 2 and "the disk is full" in errors, errors
            assert "Traceback" not in errors and "the same command goes on" in errors
    resize(1_000_000)
    command.finish()
    assert full
    check_equal(command, undisturbed)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_damaged_stages_are_named_and_made_again(tmp_path, part, undisturbed):
    command = Command(tmp_path, **part)
    shutil.copytree(undisturbed.store, command.store)
    networks = sorted(command.store.glob("train-*/model.h5"))
    outcomes = sorted(command.store.glob("attack-*/outcomes.npz"))
    descriptions = sorted(command.store.glob("train-*/training.json"))
    flip(networks[0])
    outcomes[0].write_bytes(outcomes[0].read_bytes()[:1000])
    descriptions[-1].write_text(descriptions[-1].read_text().replace("epochs", "epoch"))
    said = command.finish()
    for file in (networks[0], outcomes[0], descriptions[-1]):
        name = file.parent.name
        assert f"{name} is damaged: {file.name} does not have the checksum" in said
        assert (command.store / f"{name}.damaged" / file.name).exists()
    check_equal(command, undisturbed)
