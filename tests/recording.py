"""A progress that can be asked afterwards."""

from contextlib import contextmanager

import numpy as np


class Recorder:
    """A progress that remembers which stages ran and which were there."""

    def __init__(self):
        self.ran, self.there, self.said, self.stages = [], [], [], 0

    def plan(self, stages):
        self.stages = stages

    def found(self, title):
        self.there.append(title)

    def remark(self, sentence):
        self.said.append(sentence)

    @contextmanager
    def stage(self, title):
        self.ran.append(title)
        shares = []
        yield lambda share, text: shares.append(share)
        assert shares == sorted(shares) and np.isclose(shares[-1], 1)
