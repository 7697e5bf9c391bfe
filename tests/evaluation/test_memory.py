"""The memory that attacks and evaluations take does not grow with the number of images."""

import pytest

from benchmarks import memory, memory_works
from benchmarks.peaks import is_measurable


@pytest.mark.slow
@pytest.mark.skipif(not is_measurable(), reason="only Linux reports the peak")
@pytest.mark.parametrize(
    "name",
    ["evaluate, FGSM", "sweep, PGD", "robust curve, FGSM", "static set, PGD, 3 epsilons"],
)
def test_the_peak_stays_within_its_bound(name):
    [row] = memory_works.selected(name)
    measured = memory.alone(row)
    assert measured.peak <= measured.bound, measured
