"""One BLAS thread for the whole process while any model is fitted or forecasts.

BLAS threads wait for each other, and sums in another order differ in their last bits.
threadpoolctl alone is not enough: when two fits run in parallel, the first one to end would
lift the limit for the other. And it lets a single thread set OpenBLAS's limit, the first one that
asks; the fits of all others would go without.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import Lock
from typing import Any

import numpy as np  # noqa: F401 - loads BLAS
from threadpoolctl import OpenBLASController, ThreadpoolController


class _SingleThread(ContextDecorator):
    """Set the limit for the first user, and lift it after the last one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._limits: Any = None
        # Finding the libraries takes longer than a forecast, so it is done once. Only NumPy's BLAS
        # matters here, and NumPy is loaded by now.
        self._libraries = ThreadpoolController().select(user_api="blas")

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                OpenBLASController.clear_controlling_thread(force=True)
                self._limits = self._libraries.limit(limits=1)
            self._users += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                OpenBLASController.clear_controlling_thread(force=True)
                self._limits.restore_original_limits()
                OpenBLASController.clear_controlling_thread(force=True)


single_blas_thread = _SingleThread()
