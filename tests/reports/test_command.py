"""The command that a page shows gives its results again."""

import shlex

import pytest

from reports.command import command_of

RUN = {"study": "ntu", "profile": "laptop", "pattern": "*"}


def test_what_changed_the_results_is_in_the_command():
    usual = command_of(RUN | {"precision": "float32", "deterministic": False, "weights": []})
    assert usual == command_of(RUN)  # of a run that did not record them
    assert usual == "python reproduce.py run ntu --profile laptop --data-dir DIR"
    assert command_of(RUN | {"profile": "demo"}) == "python reproduce.py run ntu --profile demo"
    every = {"pattern": "vgg16/*", "weights": ["mobilenet", "resnet50"], "deterministic": True}
    assert command_of(RUN | every | {"precision": "mixed_bfloat16"}).endswith(
        " --arms 'vgg16/*' --data-dir DIR --weights mobilenet=FILE --weights resnet50=FILE"
        " --precision mixed_bfloat16 --deterministic"
    )


@pytest.mark.parametrize("name", ["study", "profile", "pattern"])
def test_a_name_stays_one_word(name):
    hostile = "x; rm -rf ~ $(y) 'z'"
    assert shlex.split(command_of(RUN | {name: hostile})).count(hostile) == 1
