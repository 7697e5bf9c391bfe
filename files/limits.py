"""How much memory a file may take, checked against what it declares before any is taken."""

import os
from pathlib import Path

#: Bytes of a description or a table; those of the largest networks have a few million.
TEXT = 64 * 2**20
#: Bytes of one file in an archive of images or batches; the largest batch, CIFAR-100's, has 156
#: million.
MEMBER = 512 * 2**20

_SHARE = 0.75  # of the memory at hand, for what is read
_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN = 8 * 2**30


def check_size(where: str, size: int, most: int | None = None) -> None:
    """Refuses what would take too much memory.

    Args:
        where: what it is, for the message: the file and, in an archive, the part of it.
        size: the bytes that it would take.
        most: the bytes that are accepted; `None` for three quarters of the memory at hand.

    Raises:
        ValueError: it would take more.
    """
    of_memory = most is None
    most = int(_SHARE * memory_at_hand()) if most is None else most
    if size > most:
        why = ", three quarters of the memory at hand" if of_memory else ""
        raise ValueError(f"{where} takes {_words(size)}; accepted: at most {_words(most)}{why}")


def memory_at_hand() -> int:
    """The bytes that this process can still take, as far as the system says."""
    return min([*_of_machine(), *_of_container(), *_of_process()], default=_UNKNOWN)


def _of_machine() -> list[int]:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return [1024 * int(line.split()[1])]
        return [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (OSError, ValueError, AttributeError):  # neither Linux nor POSIX
        return []


def _of_container() -> list[int]:
    try:
        limit, used = ((_CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        return [] if limit.strip() == "max" else [int(limit) - int(used)]
    except (OSError, ValueError):
        return []


def _of_process() -> list[int]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit == resource.RLIM_INFINITY else [limit]


def _words(size: int) -> str:
    """A number of bytes as people write it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size:,} bytes"
