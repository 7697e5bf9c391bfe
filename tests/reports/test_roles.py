"""Roles are told apart on both backgrounds, in deuteranopia and in grey."""

from itertools import combinations

import numpy as np
import pytest

from reports.figures import roles

TABLES = {
    "networks": roles.NETWORKS,
    "attacks": roles.ATTACKS,
    "architectures": roles.ARCHITECTURES,
}
LOOKS = [look for table in TABLES.values() for look in table.values()]
COLORS = [*(look.color for look in LOOKS), roles.RIGHT, roles.WRONG, roles.GUIDE]
#: On linear RGB: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of
#: Color Vision Deficiency", 2009, table of deuteranomaly at severity 1.0.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
#: From linear sRGB to XYZ at D65, IEC 61966-2-1.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(color: str) -> np.ndarray:
    """Linear RGB in [0, 1] of a hexadecimal colour."""
    encoded = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB."""
    share = XYZ @ rgb / WHITE
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def as_seen(color: str) -> np.ndarray:
    """L*a*b* of a colour in deuteranopia."""
    return lab(np.clip(DEUTERANOPIA @ linear(color), 0, 1))


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted(0.05 + (XYZ @ linear(each))[1] for each in (one, other))
    return high / low


@pytest.mark.parametrize("color", COLORS)
def test_lines_and_markers_are_seen_on_white_and_on_nearly_black(color):
    assert contrast(color, "#ffffff") >= 3 and contrast(color, "#16181c") >= 3


@pytest.mark.parametrize("table", TABLES)
def test_roles_differ_in_deuteranopia_and_in_their_markers(table):
    for one, other in combinations(TABLES[table].values(), 2):
        assert np.linalg.norm(lab(linear(one.color)) - lab(linear(other.color))) > 20
        assert np.linalg.norm(as_seen(one.color) - as_seen(other.color)) > 15
        assert one.marker != other.marker  # in grey, where colours of such contrast are close
        assert one.called != other.called


def test_right_and_wrong_differ_in_deuteranopia():
    assert np.linalg.norm(as_seen(roles.RIGHT) - as_seen(roles.WRONG)) > 15


def test_the_simulation_takes_red_and_green_for_the_same_hue():
    """What the distances above stand on: red and green of one lightness, blue and yellow."""
    red, green, blue = (as_seen(each) for each in ("#e03c31", "#5e8c00", "#0974e3"))
    assert np.linalg.norm(red - green) < 25 < np.linalg.norm(red - blue)


def test_a_colour_means_one_thing():
    assert len(set(COLORS)) == len(COLORS)
    for one, other in combinations(COLORS[:-3], 2):
        assert np.linalg.norm(lab(linear(one)) - lab(linear(other))) > 5


def test_crosses_are_published_numbers():
    assert not {"x", "X", "+"} & {look.marker for look in LOOKS}


def test_every_blue_is_a_network():
    blue = [look for look in LOOKS if (each := lab(linear(look.color)))[2] < -25 and each[1] < 30]
    assert {look.called for look in blue} <= {look.called for look in roles.NETWORKS.values()}
    assert roles.NETWORKS["undefended"] in blue
