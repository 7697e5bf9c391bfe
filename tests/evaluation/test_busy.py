"""Whether a time was taken on a quiet machine."""

import multiprocessing
import os
import time

import numpy as np
import pandas as pd
import pytest

from attacks import PGD, Journal
from evaluation import busy, evaluate
from evaluation.busy import NotTimed, quiet

STATS = "cpu  {user} 0 0 {idle} 0 0 0 0 {guest} 0\ncpu0 1 2 3 4\nintr 1\n"


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Machine:
    """Four processors, on each of which the system counts 100 ticks in a second."""

    def __init__(self, folder):
        self.times, self.quota, self.own = folder / "stat", folder / "cpu.max", 0.0
        self.affinity = {0, 1, 2, 3}

    def count(self, own: float = 0.0, **ticks: int) -> None:
        self.own = own
        self.times.write_text(STATS.format(**{"user": 0, "idle": 0, "guest": 0} | ticks))


@pytest.fixture
def machine(monkeypatch, tmp_path):
    made = Machine(tmp_path)
    monkeypatch.setattr(busy, "_TIMES", made.times)
    monkeypatch.setattr(busy, "_QUOTA", made.quota)
    monkeypatch.setattr(busy.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(busy.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(busy.os, "sched_getaffinity", lambda process: made.affinity)
    monkeypatch.setattr(busy.os, "times", lambda: os.times_result([made.own, 0.0, 0.0, 0.0, 0.0]))
    return made


@pytest.mark.parametrize(
    "own, user, idle, guest, share",
    [
        (1.0, 100, 100, 0, 0.0),  # half of the processors, by this process
        (0.5, 100, 100, 0, 0.25),
        (0.0, 100, 300, 0, 0.25),
        (0.0, 100, 300, 90, 0.25),  # guests are counted as users already
        (1.01, 100, 100, 0, 0.0),  # ticks are coarse
        (0.0, 0, 0, 0, 0.0),  # no tick has passed
    ],
)
def test_the_share_of_others(machine, own, user, idle, guest, share):
    machine.count(own=7.0, user=1_000, idle=500)
    watched = busy.watch()
    machine.count(own=7.0 + own, user=1_000 + user, idle=500 + idle, guest=guest)
    assert watched() == pytest.approx(share)


@pytest.mark.parametrize(
    "affinity, quota, usable",
    [(4, "max 100000", 1), (1, "max 100000", 4), (4, "200000 100000", 2), (1, "200000 100000", 4)],
)
def test_it_is_a_share_of_the_processors_that_may_be_used(machine, affinity, quota, usable):
    """Others who take 3 % of a large machine may take all that a container is given."""
    machine.affinity = set(range(affinity))
    machine.quota.write_text(quota)
    machine.count()
    watched = busy.watch()
    machine.count(user=10, idle=390)
    assert watched() == pytest.approx(0.025 * usable)


@pytest.mark.parametrize("text", [None, "", "cpu", "cpu 1 2 3", "cpu a b c d e", "intr 1 2 3 4 5"])
def test_where_the_system_does_not_say(machine, text):
    if text is not None:
        machine.times.write_text(text)
    assert np.isnan(busy.watch()())


@pytest.mark.skipif(not busy._TIMES.exists(), reason="needs /proc/stat")
def test_another_process_is_seen_and_this_one_is_not():
    one = 1 / (multiprocessing.cpu_count() * busy._usable())
    before = busy.watch()
    time.sleep(0.5)
    if before() > 1 - 1.5 * one:
        pytest.skip("other programs leave no processor to be taken")
    other = multiprocessing.get_context("spawn").Process(target=spin, args=(30,))
    other.start()
    try:
        time.sleep(0.5)
        watched = busy.watch()
        spin(0.5)
        with_other = watched()
    finally:
        other.kill()
        other.join()
    watched = busy.watch()
    spin(0.5)
    assert watched() < with_other - 0.3 * one


def test_times_of_a_busy_machine_are_left_out():
    rows = pd.DataFrame({"seconds": [1.0, 2.0, 3.0], "others_share": [0.05, 0.051, np.nan]})
    assert list(quiet(rows)["seconds"]) == [1.0]
    for without in (rows[1:], rows[["seconds"]], rows[:0]):
        with pytest.raises(NotTimed, match="at most 5% of the processors"):
            quiet(without)


@pytest.mark.parametrize("images_at_once", [None, 4])
def test_what_a_journal_recalls_was_not_timed(images_at_once, monkeypatch, tmp_path):
    def logits(images):
        return images @ np.eye(12, 3, dtype=np.float32)

    monkeypatch.setattr(busy, "_spent", lambda: (0.0, 0.0, 0.0))
    images = np.random.default_rng(0).random((10, 12), np.float32)
    labels = images[:, :3].argmax(axis=1)

    def run(folder, stop: int | None = None):
        def note(done, count):
            if done == stop:
                raise KeyboardInterrupt

        journal = Journal(tmp_path / folder, seconds=0)
        how = {"images_at_once": images_at_once, "journal": journal, "progress": note}
        return evaluate(logits, images, labels, PGD(steps=2, batch_size=2), [0.1], **how)

    assert run("undisturbed").others_share == 0.0
    with pytest.raises(KeyboardInterrupt):
        run("killed", stop=6)
    assert np.isnan(run("killed").others_share)
