"""Stopping a command: Ctrl-C and SIGTERM end it within seconds, whatever it is doing.

Python runs signal handlers between two instructions of the main thread, which a long call into a C
library or a wait for the network delays; Dagster delays them further, to the end of its own steps.
So a second thread, which is told of signals at once, ends the process if the main thread has not
ended it in time. Nothing is lost by this: whatever is stored is stored whole or not at all.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

GRACE = 3.0
"""Seconds that the main thread has to end the command in good order: Dagster records the stop."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_received: list[int] = []
_noticed = threading.Event()
_open: list[socket.socket] = []
"""Kept open to the end of the process: a closed one would look like signals without an end."""


class Stopped(KeyboardInterrupt):
    """A signal has asked the command to stop.

    Not KeyboardInterrupt itself: once that has passed through an `exec`, Python ends by signal.
    """


def stoppable(command: Callable[[], int], grace: float = GRACE) -> int:
    """The exit status of a command that Ctrl-C and SIGTERM may stop: 130 or 143 if they did.

    A second signal ends the process at once. To be called once, in the main thread.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    _open.append(sender)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    threading.Thread(target=_watch, args=(receiver, grace), daemon=True).start()
    try:
        status = command()
    except KeyboardInterrupt:
        status = 130
        _noticed.wait(1)  # by the other thread, which knows which signal it was
    if not _received:
        return status
    _say("stopped; finished work is kept")
    return 128 + _received[0]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _watch(receiver: socket.socket, grace: float) -> None:
    """Wait for the first signal, then for a second one or the end of the grace period."""
    while not _received:
        _received.extend(number for number in receiver.recv(64) if number in _SIGNALS)
    _noticed.set()
    _say("stopping")
    end = time.monotonic() + grace
    while len(_received) < 2 and (left := end - time.monotonic()) > 0:
        if not select.select([receiver], [], [], left)[0]:
            break
        _received.extend(number for number in receiver.recv(64) if number in _SIGNALS)
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\x1b[?25h")  # the progress bar hides the cursor
    _say("stopped in the middle of a step; finished work is kept")
    os._exit(128 + _received[0])


def _say(message: str) -> None:
    # Not print: the main thread may be in the middle of one.
    os.write(2, f"energy-assets: {message}\n".encode())
