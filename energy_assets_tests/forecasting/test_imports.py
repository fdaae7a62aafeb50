"""Light parts of the library are imported without sktime and LightGBM, and the rest without sktime.

sktime takes as long to import as a model takes to train; only its own interface needs it.
"""

import subprocess
import sys

import pytest

LIGHT = (
    "forecasting.evaluation.rolling_origin",
    "forecasting.evaluation.scores",
    "forecasting.models.seasonal_naive",
    "forecasting.panel.horizons",
    "forecasting.tuning.objective",
    "forecasting.tuning.result",
)
WITHOUT_SKTIME = ("forecasting.model_files", "forecasting.tuning.search", "forecasts.fallback")


def imported(module):
    """Which of the heavy packages an import of a module of ours imports."""
    program = (
        f"import sys, energy_assets.{module}\n"
        "print(*sorted({'sktime', 'lightgbm', 'matplotlib'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return process.stdout.split()


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_no_heavy_package(module):
    assert imported(module) == []


@pytest.mark.parametrize("module", WITHOUT_SKTIME)
def test_training_and_forecasting_import_no_sktime(module):
    assert "sktime" not in imported(module)


def test_an_unknown_name_is_an_attribute_error():
    from energy_assets import forecasting

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = forecasting.Nonsense
