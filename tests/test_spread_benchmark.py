"""What the benchmark of runs on Ray makes of its times."""

import json

from typer.testing import CliRunner

from benchmarks import spread


def test_ratios_are_of_medians_and_every_run_starts_from_nothing(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(spread, "run", lambda arms, options: ran.append((arms, options)))
    monkeypatch.setattr(spread, "find_spec", lambda name: name)
    monkeypatch.setattr(spread, "version", lambda name: "2.60.0")
    monkeypatch.setattr(spread.os, "cpu_count", lambda: 4)
    times = {spread.LOCAL: [10.0, 20.0, 90.0], spread.ONE: [25.0] * 3, spread.TWO: [15.0] * 3}

    def timed(contestants, repeats, say):
        assert [each.name for each in contestants] == list(times) and repeats == 3
        return spread.Timings(times)

    monkeypatch.setattr(spread, "alternate", timed)
    paths = ["--json", str(tmp_path / "s.json"), "--table", str(tmp_path / "s.md")]
    done = CliRunner().invoke(spread.app, ["--arms", "*PGD*", *paths])
    assert done.exit_code == 0, done.output
    on = ["--on", "ray", "--cpus-per-stage"]
    assert ran == [("*PGD*", []), ("*PGD*", [*on, "4"]), ("*PGD*", [*on, "2"])]
    written = json.loads((tmp_path / "s.json").read_text())
    assert written["ratios"] == {"two workers / one": 0.6, "one worker / local": 1.25}
    assert written["versions"]["ray"] == "2.60.0"
    table = (tmp_path / "s.md").read_text()
    assert "| 20.0 | 25.0 | 15.0 | 0.60 | 1.25 |" in table and "Ray takes 5 s more" in table
