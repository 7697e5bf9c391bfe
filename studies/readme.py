"""Writes what was measured into README and reports/README.md: `python -m studies.readme`."""

import re
from collections.abc import Mapping
from pathlib import Path

from harness.claims import learned
from harness.study import KeyFinding
from reports import key_figure
from reports.rendering import environment
from reports.site.lessons import lessons
from reports.site.study_page import against, gathered
from reports.verdicts import runs_below
from studies import STUDIES
from studies.run import RESULTS

ROOT = Path(__file__).resolve().parents[1]
README, PICTURE = ROOT / "README.md", RESULTS / "finding.png"
OVERVIEW = ROOT / "reports" / "README.md"
#: The study whose finding opens the README.
FIRST = "icbai"
_MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def findings() -> dict[str, KeyFinding]:
    """What each study comes to by the committed results, of those of which there are enough."""
    every = {
        name: study.key_finding(learned(runs_below(study, RESULTS / name)))
        for name, study in STUDIES.items()
    }
    return {name: finding for name, finding in every.items() if finding is not None}


def updated(readme: str, measured: Mapping[str, KeyFinding]) -> str:
    """The README with the findings of the studies between its marks."""
    first = measured[FIRST]
    picture = f"![{key_figure.described(first)}]({PICTURE.relative_to(ROOT)})"
    texts = {
        "first": f"**{first.sentence}** {first.meaning}\n\n{picture}",
        "studies": "\n".join(
            f"- **[{STUDIES[name].title}](studies/{name})**. {STUDIES[name].source}. "
            f"{finding.sentence} ([claims](reports/results/{name}/verdicts.md), "
            f"[report](reports/results/{name}/{finding.folder}/report.md))"
            for name, finding in measured.items()
        ),
    }
    return _MARKED.sub(lambda mark: f"{mark[1]}{texts[mark[2]]}{mark[3]}", readme)


def overview() -> str:
    """What all studies come to, as Markdown."""
    pages = [gathered(study, runs_below(study, RESULTS / name)) for name, study in STUDIES.items()]
    template = environment().get_template("overview.md")
    return template.render(pages=pages, lessons=lessons(pages), against=against)


def main() -> None:
    """Writes the README and its picture, and the overview."""
    measured = findings()
    key_figure.draw(measured[FIRST], PICTURE)
    README.write_text(updated(README.read_text(), measured))
    OVERVIEW.write_text(overview())


if __name__ == "__main__":
    main()
