"""Ctrl-C and SIGTERM end a command within seconds, whatever it is doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from energy_assets.settings import PROJECT_ROOT

COMMANDS = {
    "waiting": "time.sleep(60)",
    "in one long call into a C library": "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "deaf to interrupts": """
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass""",
    "waiting for a thread": """
    thread = threading.Thread(target=time.sleep, args=(60,))
    thread.start()
    thread.join()""",
}
WHILE = """
import hashlib, sys, threading, time
from energy_assets.commands.stopping import stoppable
def command():
    print("ready", flush=True)
    {}
    return 0
sys.exit(stoppable(command, grace=0.5))
"""


def started(what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WHILE.format(COMMANDS[what])],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.parametrize("what", COMMANDS)
def test_a_signal_ends_a_command_with_a_message_and_its_status(
    what: str, number: signal.Signals, status: int
) -> None:
    process = started(what)
    since = time.monotonic()
    process.send_signal(number)
    _, printed = process.communicate(timeout=30)
    assert time.monotonic() - since < 5
    assert process.returncode == status
    assert "Traceback" not in printed
    assert "finished work is kept" in printed


def test_a_command_that_is_not_stopped_keeps_its_status() -> None:
    code = "from energy_assets.commands.stopping import stoppable; exit(stoppable(lambda: 7))"
    process = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True)
    assert process.returncode == 7
    assert process.stderr == b""
