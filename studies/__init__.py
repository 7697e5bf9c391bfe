"""The five studies: a folder for each paper, with what it did, printed and claims."""

from harness.study import Study
from studies import icbai, ntu, praxis, rit_mnist, wpi

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (ntu.STUDY, icbai.STUDY, praxis.STUDY, rit_mnist.STUDY, wpi.STUDY)
}

__all__ = ["STUDIES"]
