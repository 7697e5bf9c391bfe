"""The demos, as they were run before: networks that have learned, and no verdict on a study."""

from unittest.mock import patch

import pandas as pd
import pytest

from harness.arms import Role
from harness.claims import Standing
from recording import Recorder
from reports.figures.curves import Published
from reports.verdicts import run_in
from studies import STUDIES
from studies.run import run_study

#: As large a share of the held-out digits is right on every network.
LEARNED = 0.95


@pytest.fixture(scope="module", params=STUDIES)
def demo(request, tmp_path_factory):
    """A study, the folder of its demo's report, and what was called to draw published points."""
    directory = tmp_path_factory.mktemp(request.param)
    with patch.object(Published, "draw") as drawn:
        run_study(request.param, "demo", directory=directory, progress=Recorder())
    return STUDIES[request.param], directory, drawn


@pytest.mark.slow
def test_every_network_of_a_demo_has_learned(demo):
    study, directory, _ = demo
    results = run_in(study, directory).results
    trainings = results.trainings
    # A warm-up is one epoch, from which others start; it is not attacked.
    accuracies = trainings[trainings["role"] != Role.WARM_UP].set_index("stage")["test_accuracy"]
    assert len(accuracies) and accuracies.min() >= LEARNED, accuracies[accuracies < LEARNED]
    assert len(results.learned.table) == len(results.table)


@pytest.mark.slow
def test_a_demo_judges_no_claim_and_says_what_it_shows(demo):
    study, directory, drawn = demo
    run = run_in(study, directory)
    assert run.standing == Standing.STAND_IN
    outcomes = set(pd.read_csv(directory / "verdicts.csv")["outcome"])
    assert outcomes <= {"no verdict", "not run"} and "no verdict" in outcomes
    drawn.assert_not_called()
    said = study.takeaways(run.results)
    assert 1 <= len(said.sentences) <= 3 and len(said.table) >= 3
    text = (directory / "report.md").read_text()
    assert all(sentence in text for sentence in said.sentences)
    assert "Nothing was run for this table." not in text
