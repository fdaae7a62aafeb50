"""The benchmarks of the forecaster run to their end, on as little as they take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import ablation, quantiles


def results(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, dict[str, float]]]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_quantiles_of_households(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["quantiles", "--only", "households 0", "--origins", "1", "--json"]
    monkeypatch.setattr(sys, "argv", command)
    assert quantiles.main() == 0
    (table,) = results(capsys).values()
    ours, naive = table["GlobalForecaster"], table["seasonal naive"]
    assert ours["pinball"] < naive["pinball"]
    assert 0.7 < ours["80 %"] < 0.9
    assert 0.7 < ours["sum"] < 1.3


def test_ablation_of_danish_records(
    de35_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ablation", "--data", str(de35_csv.parent), "--only", "DE35", "--origins", "1"]
    monkeypatch.setattr(sys, "argv", [*command, "--variant", "15 leaves", "--json"])
    assert ablation.main() == 0
    (table,) = results(capsys).values()
    assert list(table) == ["default", "15 leaves"]
    assert table["default"]["to default"] == 1.0
    assert table["15 leaves"]["to default"] != 1.0
