"""The memory of a process that handles one large table after another."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
KEPT = 2**30


def keep_memory() -> bool:
    """Let freed memory be used again instead of giving it back to the system, and say whether that is possible.

    A night makes and drops thousands of columns of some megabytes each. By default each of them is asked of the
    system and given back, page by page, which takes as long as a sixth of all the work. The largest size is reached
    either way. Only glibc is told so; elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    return all(mallopt(name, ctypes.c_int(KEPT)) == 1 for name in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
