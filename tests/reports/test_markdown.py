"""Reports as the site shows them."""

import re

from reports.markdown import linked, rendered


def test_headings_have_an_anchor_each():
    page = rendered("# A\n\n## Under FGSM & PGD\n\ntext\n\n## Under FGSM & PGD\n\n### Last")
    assert [(each.level, each.anchor) for each in page.headings] == [
        (1, "a"),
        (2, "under-fgsm-pgd"),
        (2, "under-fgsm-pgd-2"),
        (3, "last"),
    ]
    assert re.findall(r'id="([^"]+)"', page.html) == [each.anchor for each in page.headings]


def test_a_cell_knows_the_head_of_its_column():
    html = rendered("| network | clean |\n|---|---:|\n| plain | 97.5 |\n| distilled | 96.0 |").html
    assert re.findall(r'data-label="(\w+)"[^>]*>([^<]+)<', html) == [
        ("network", "plain"),
        ("clean", "97.5"),
        ("network", "distilled"),
        ("clean", "96.0"),
    ]


def test_two_tables_keep_their_own_heads():
    html = rendered("| a |\n|---|\n| 1 |\n\nand\n\n| b |\n|---|\n| 2 |").html
    assert re.findall(r'data-label="(\w)">(\d)<', html) == [("a", "1"), ("b", "2")]
    assert re.findall(r'aria-label="(.*?)"', html) == ["Table 1", "Table 2"]


def test_only_long_tables_are_folded():
    def table(rows):
        return "| a |\n|---|\n" + "| 1 |\n" * rows

    assert "<details>" not in rendered(table(14)).html
    assert "<summary>Table of 15 rows</summary>" in rendered(table(15)).html


def test_a_picture_has_a_caption_and_one_for_narrow_screens():
    html = rendered("![Accuracy <of> two](figures/curve.svg)\n").html
    assert 'srcset="figures/curve-narrow.svg"' in html and 'src="figures/curve.svg"' in html
    assert html.count("Accuracy &lt;of&gt; two") == 2
    assert "<p>" not in html  # a figure is no part of a paragraph


def test_the_pictures_of_a_page_are_known():
    page = rendered("text ![one](figures/1.svg) and\n\n- ![two](figures/2.svg)\n")
    assert page.pictures == [("one", "figures/1.svg"), ("two", "figures/2.svg")]


def test_ids_become_links_where_they_are_said():
    html = linked(
        '<h2>NTU-1</h2><p title="NTU-1">See NTU-1, NTU-10a (NTU-1) and <code>NTU-1</code>.</p>',
        {"NTU-1": "x#NTU-1", "NTU-10a": "x#NTU-10a", "NTU-10": "x#NTU-10"},
    )
    link = '<a href="x#NTU-1">NTU-1</a>'
    assert html == (
        f'<h2>NTU-1</h2><p title="NTU-1">See {link}, <a href="x#NTU-10a">NTU-10a</a> ({link}) and '
        "<code>NTU-1</code>.</p>"
    )


def test_an_id_inside_a_link_stays_as_it_is():
    html = '<a href="y">NTU-1</a> XNTU-1 NTU-11'
    assert linked(html, {"NTU-1": "x"}) == html
