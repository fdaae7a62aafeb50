"""`energy-assets serve` and `api-key`, as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from energy_assets.errors import SettingsError
from energy_assets.serving.security import hashed
from energy_assets.settings import PROJECT_ROOT, Settings, read_settings


def started(root: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in Settings.model_fields
    }
    return subprocess.Popen(
        [sys.executable, "-m", "energy_assets", *command],
        cwd=PROJECT_ROOT,
        env={
            **environment,
            "STORAGE_ROOT": str(root),
            "PARTITIONS_START": "2023-01-01-00:00",
            "PYTHONUNBUFFERED": "1",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_soon_when_it_is_told_to(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    process = started(tmp_path, "serve", SERVE_PORT=str(port))
    assert process.stdout is not None
    try:
        said = ""
        while "openapi.json" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        assert f"http://127.0.0.1:{port}/" in said
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            since = time.monotonic()
            while True:
                try:
                    assert client.get("/health").status_code == 200
                    break
                except httpx.ConnectError:
                    assert time.monotonic() - since < 30
                    time.sleep(0.05)
            assert client.get("/v1/forecasts").status_code == 503
            # A connection that stays open does not hold it up.
            since = time.monotonic()
            process.send_signal(number)
            said, _ = process.communicate(timeout=20)
        assert time.monotonic() - since < 5
        assert "Traceback" not in said
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        process = started(tmp_path, "serve", SERVE_PORT=port)
        said, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert f"127.0.0.1:{port}" in said
    assert "SERVE_PORT" in said
    assert "Traceback" not in said


def test_a_new_key_is_printed_with_the_setting_that_lets_it_in(tmp_path: Path) -> None:
    process = started(tmp_path, "api-key", "planner")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    key = re.search(r"only now: (\S+)", said)
    setting = re.search(r"^planner:[0-9a-f]{64}$", said, re.MULTILINE)
    assert key is not None
    assert setting is not None
    settings = read_settings(_env_file=None, serve_api_keys=setting.group())
    assert settings.api_key_hashes == {"planner": hashed(key.group(1))}
    assert len(key.group(1)) > 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVE_PORT", "0"),
        ("SERVE_PORT", "70000"),
        ("SERVE_PORT", "http"),
        ("SERVE_PUBLIC_URL", "forecasts.example"),
        ("SERVE_PUBLIC_URL", "javascript:alert(1)"),
        ("SERVE_API_KEYS", "secret-key-in-the-clear"),
        ("SERVE_API_KEYS", "planner:secret"),
        ("SERVE_API_KEYS", "planner:" + "A" * 64),
        ("SERVE_API_KEYS", f"planner:{'0' * 64} trader:{'0' * 64}"),
        ("SERVE_RATE_LIMIT", "many"),
        ("SERVE_RATE_LIMIT", "0/minute"),
        ("SERVE_RATE_LIMIT", "10/fortnight"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        read_settings(_env_file=None, **{name.lower(): value})
    assert value not in str(raised.value).replace("planner:<SHA-256>", "") or value == "0"


def test_two_keys_of_one_name_are_refused() -> None:
    keys = f"planner:{'0' * 64},planner:{'1' * 64}"
    with pytest.raises(SettingsError, match="SERVE_API_KEYS"):
        read_settings(_env_file=None, serve_api_keys=keys)
