"""Light parts of the library are imported without sktime and LightGBM."""

import subprocess
import sys

import pytest

LIGHT = (
    "evaluation.rolling_origin",
    "evaluation.scores",
    "models.seasonal_naive",
    "panel.horizons",
)


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_no_heavy_client(module):
    program = (
        f"import sys, energy_assets.forecasting.{module}\n"
        "print(sorted({'sktime', 'lightgbm', 'sklearn'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert process.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    from energy_assets import forecasting

    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = forecasting.Nonsense
