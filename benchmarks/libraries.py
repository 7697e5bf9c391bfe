"""What takes part in the benchmark of attacks besides us, where it is installed."""

from benchmarks import as_near, peers, pytorch

CLEVERHANS, FOOLBOX, ART = "CleverHans", "Foolbox", "ART"
#: What every table shows; the others only where they did something.
ALWAYS_SHOWN = (CLEVERHANS, FOOLBOX, ART)
#: How each is called, in the order of the columns.
KINDS: dict[str, type] = {
    CLEVERHANS: peers.CleverHans,
    FOOLBOX: peers.Foolbox,
    ART: peers.ART,
    pytorch.NAME: pytorch.PyTorch,
    as_near.NAME: as_near.AsNear,
}


def available() -> dict[str, type]:
    """What is installed, by name."""
    return {name: kind for name, kind in KINDS.items() if name not in _missing()}


def missing() -> list[str]:
    """One line for each library that is not installed."""
    return [
        f"{name} is not installed; its columns stay empty (pip install -r {file})"
        for name, file in _missing().items()
    ]


def _missing() -> dict[str, str]:
    """The file that installs a library, by the name of each that is not."""
    there = {
        FOOLBOX: peers.foolbox is not None,
        ART: peers.art_attacks is not None,
        pytorch.NAME: pytorch.is_installed(),
    }
    files = {pytorch.NAME: "requirements-torch.txt"}
    return {name: files.get(name, "requirements-peers.txt") for name in there if not there[name]}
