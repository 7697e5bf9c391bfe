"""What a report prints of names that others chose."""

import pytest

from reports.markdown import rendered
from reports.rendering import inline_html_of


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "<b onclick=x>"]
)
def test_tags_in_names_show_as_they_are_written(hostile):
    block = rendered(f"{hostile}\n\nmachine: {hostile}\n\n| a |\n|---|\n| {hostile} |").html
    for html in (block, inline_html_of(hostile)):
        assert hostile not in html
        assert "&lt;" + hostile[1:5] in html


def test_folded_text_folds():
    html = rendered(
        "<details>\n<summary><b>X</b> one<br>two</summary>\n\n- *a*\n\n</details>\n"
    ).html
    assert "<details>\n<summary><b>X</b> one<br>two</summary>" in html and "<em>a</em>" in html
