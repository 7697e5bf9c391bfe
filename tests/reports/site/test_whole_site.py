"""The whole site, of one study with one run."""

import json
import shutil

import pandas as pd
import pytest

import models
from crawl import Page, broken_links, crawl, foreign_resources
from hostile_names import NAMES
from reports.site import build_site
from reports.site.reference import attack_entries
from studies import STUDIES
from studies.run import RESULTS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    shutil.copytree(RESULTS / "icbai" / "laptop", root / "results" / "icbai" / "laptop")
    run = json.loads((root / "results/icbai/laptop/run.json").read_text())
    run["machine"], run["data"] = "<script>alert(1)</script>", list(NAMES)
    run["weights"] = {name: name for name in NAMES}
    run["reductions"], run["pattern"] = list(NAMES), " ".join(NAMES)
    (root / "results/icbai/laptop/run.json").write_text(json.dumps(run))
    build_site(STUDIES, root / "results", root / "site")
    return root


@pytest.fixture(scope="module")
def pages(site):
    return crawl(site / "site/index.html")


def test_every_page_is_linked(site, pages):
    assert set(pages) == set((site / "site").resolve().rglob("*.html"))


def test_every_link_and_picture_is_there(pages):
    assert broken_links(pages) == []


def test_nothing_is_loaded_from_another_host(pages):
    assert foreign_resources(pages) == []


def test_no_page_has_an_id_twice(pages):
    for path, page in pages.items():
        assert len(set(page.ids)) == len(page.ids), path


def test_what_results_hold_is_escaped(site, pages):
    for path in pages:
        assert "<script>alert" not in path.read_text()
    text = (site / "site/icbai/laptop/index.html").read_text()
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 3
    assert "[click](javascript:alert(1))" in text and "![pixel](https://example.com" in text
    assert "$\\frac{1}{2}$ costs $5" in text and "**bold** *slanted*" in text
    assert not [link for page in pages.values() for link in page.links if "script:" in link]


def test_a_published_number_is_two_clicks_away(site):
    """Its measurement, the claim that rests on it, and the command that measured it."""
    index = Page(site / "site/index.html")
    assert "icbai/index.html#published" in index.links
    text = (site / "site/icbai/index.html").read_text()
    comparison = pd.read_csv(site / "results/icbai/laptop/comparison.csv")
    row = comparison[comparison["kind"] == "accuracy under attack"].iloc[0]
    cells = text[text.index(f'id="printed-{row.name + 1}"') :].split("</tr>")[0]
    assert f'class="number">{row["value"]:.2f}' in cells or f">{row['value']}<" in cells
    assert f">{row['faithful']:.2f} [" in cells
    assert 'href="../icbai/index.html#ICB-5"' in cells
    assert "python reproduce.py run icbai --profile laptop" in text


@pytest.mark.slow
def test_figures_and_tables_are_exported(site, tmp_path):
    build_site(STUDIES, site / "results", tmp_path / "site", tmp_path / "export")
    folder = tmp_path / "export/icbai/laptop"
    drawn = {path.stem for path in (site / "site/icbai/laptop/figures").glob("*[!w].svg")}
    for suffix in (".png", ".pdf"):
        assert drawn <= {path.stem for path in (folder / "figures").glob(f"*{suffix}")}
    tables = sorted((folder / "tables").glob("*.tex"))
    assert tables and all(r"\begin{tabular}" in path.read_text() for path in tables)
    assert [path.stem for path in tables] == [
        path.stem for path in sorted((folder / "tables").glob("*.csv"))
    ]


def test_other_files_are_not_overwritten(site, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds other files"):
        build_site(STUDIES, site / "results", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_without_results_it_says_how_to_get_some(tmp_path):
    with pytest.raises(FileNotFoundError, match="reproduce.py run"):
        build_site(STUDIES, tmp_path, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_page_of_a_study_shows_the_figures_of_its_runs(site):
    shown = Page(site / "site/icbai/index.html").resources
    drawn = (site / "site/icbai/laptop/figures").glob("*.svg")
    assert {f"laptop/figures/{path.name}" for path in drawn} <= set(shown)


def test_attacks_and_networks_have_all_of_them(site):
    folder = site / "site"
    page = (folder / "attacks.html").read_text()
    for entry in attack_entries():
        assert f'<section id="{entry.anchor}">' in page and f'href="#{entry.anchor}"' in page
        for paper in entry.papers:
            assert f'href="{paper.link}"' in page or paper.link == "studies/wpi"
    assert "<code>steps: int = 40</code>" in page
    assert 'href="wpi/' not in page  # a study without results has no page
    assert (folder / "networks.html").read_text().count("<section id=") == len(models.NAMES)
