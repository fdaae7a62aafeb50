"""A saved model forecasts as before, and damaged or foreign files are errors."""

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import BrokenModelError, ForecastError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.features import feature_matrix
from energy_assets.forecasting.features.feature_matrix import FEATURES
from energy_assets.forecasting.fitted import fit
from energy_assets.forecasting.model_files import load, save
from energy_assets.forecasting.parameters import Parameters
from energy_assets_tests.forecasting.conftest import DAY_AHEAD, DENMARK

FILES = [
    *("checksums.json", "forecaster.json", "holidays.npy"),
    *("kinds.npy", "model.txt", "weights.npy"),
]


@pytest.fixture
def saved(fitted, tmp_path):
    save(fitted.fitted_, tmp_path / "model")
    return tmp_path / "model"


def loaded_from(folder):
    return GlobalForecaster.of(load(folder))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_loaded_model_forecasts_the_same_bits(fitted, panel, saved):
    loaded = loaded_from(saved).update(panel, update_params=False)
    for method, arguments in (("predict", {}), ("predict_interval", {"coverage": [0.8, 0.95]})):
        pd.testing.assert_frame_equal(
            getattr(loaded, method)(fh=DAY_AHEAD, **arguments),
            getattr(fitted, method)(fh=DAY_AHEAD, **arguments),
            check_exact=True,
        )


def test_parameters_are_saved_without_the_number_of_threads(fitted, saved):
    assert loaded_from(saved).get_params() == fitted.get_params() | {"n_jobs": None}


def test_a_model_without_history_is_an_error_that_says_to_update(saved):
    for fh in ([1], pd.DatetimeIndex(["2023-03-01"])):
        with pytest.raises(ForecastError, match="update"):
            loaded_from(saved).predict(fh=fh)


def test_the_number_of_threads_does_not_change_the_files(panel, saved, tmp_path):
    threaded = GlobalForecaster(n_estimators=20, n_jobs=2, **DENMARK).fit(panel)
    save(threaded.fitted_, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(saved)
    assert list(contents(saved)) == FILES


def test_saving_a_loaded_model_gives_the_same_files(saved, tmp_path):
    save(load(saved), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(saved)


def test_a_model_without_intervals_has_none_after_loading(panel, tmp_path):
    fitted = GlobalForecaster(n_estimators=5, calibration_days=0, n_jobs=1).fit(panel)
    save(fitted.fitted_, tmp_path)
    loaded = loaded_from(tmp_path).update(panel, update_params=False)
    assert len(loaded.predict(fh=[1])) == 4
    with pytest.raises(ForecastError, match="no intervals"):
        loaded.predict_interval(fh=[1])


def test_a_single_series_and_numeric_keys_are_saved_and_loaded(panel, tmp_path):
    numbered = panel.rename(index={"111": 1, "121": 2, "215": 3}, level=1)
    for name, y in (("one", panel.xs(("DK1", "111"))), ("numbers", numbered)):
        fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(y)
        save(fitted.fitted_, tmp_path / name)
        loaded = loaded_from(tmp_path / name).update(y, update_params=False)
        pd.testing.assert_frame_equal(
            loaded.predict_interval(fh=[1]), fitted.predict_interval(fh=[1]), check_exact=True
        )


def test_keys_that_json_does_not_know_are_an_error(panel, tmp_path):
    dated = panel.rename(index={"DK1": date(2023, 1, 1), "DK2": date(2023, 1, 2)}, level=0)
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(dated)
    with pytest.raises(ForecastError, match="strings or numbers"):
        save(fitted.fitted_, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_missing_or_cut_short_is_an_error_that_names_it(saved, name):
    whole = (saved / name).read_bytes()
    (saved / name).write_bytes(whole[:-20])
    with pytest.raises(BrokenModelError, match=name):
        load(saved)
    (saved / name).unlink()
    with pytest.raises(BrokenModelError, match=name):
        load(saved)


@pytest.mark.parametrize("name", ["forecaster.json", "model.txt", "weights.npy"])
def test_a_changed_byte_is_an_error_that_names_the_file(saved, name):
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(bytes(content))
    with pytest.raises(BrokenModelError, match=f"{name} does not match its checksum"):
        load(saved)


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"model.txt": 1}'])
def test_unreadable_checksums_are_an_error(saved, content):
    (saved / "checksums.json").write_bytes(content)
    with pytest.raises(BrokenModelError):
        load(saved)


def rewrite(folder, change):
    """Change the description of a saved model, with a checksum that matches."""
    description = json.loads((folder / "forecaster.json").read_text())
    change(description)
    content = json.dumps(description).encode()
    (folder / "forecaster.json").write_bytes(content)
    checksums = json.loads((folder / "checksums.json").read_text())
    checksums["forecaster.json"] = hashlib.sha256(content).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(checksums))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ["lag_24", "sunshine"]}, "does not compute: sunshine"),
        ({"format": 0}, "has format 0"),
        ({"parameters": {"x": 1}}, "'x'"),
        ({"parameters": {"strategy": "recursive"}}, "strategy='recursive'.*does not support"),
    ],
)
def test_a_model_of_another_version_is_an_error_that_says_why(saved, change, message):
    rewrite(saved, lambda description: description.update(change))
    with pytest.raises(BrokenModelError, match=message):
        load(saved)


def test_a_model_keeps_its_features_when_a_later_version_computes_more(
    panel, tmp_path, monkeypatch
):
    later = {"day_deviation", "week_deviation", "lag_25"}
    features = tuple(name for name in reversed(FEATURES) if name not in later)
    with monkeypatch.context() as earlier:
        earlier.setattr(feature_matrix, "FEATURES", {name: FEATURES[name] for name in features})
        fitted = fit(panel, None, Parameters(n_estimators=20, n_jobs=1, **DENMARK))
        save(fitted, tmp_path)
    loaded = load(tmp_path).updated(panel)
    assert loaded.model.booster.feature_name() == list(features)
    pd.testing.assert_frame_equal(loaded.predict(24), fitted.predict(24), check_exact=True)


def test_a_model_saved_without_the_parameters_of_earlier_releases_is_loaded(fitted, panel, saved):
    def change(description):
        del description["parameters"]["strategy"], description["parameters"]["recursive_features"]

    rewrite(saved, change)
    loaded = loaded_from(saved).update(panel, update_params=False)
    pd.testing.assert_frame_equal(
        loaded.predict(fh=DAY_AHEAD), fitted.predict(fh=DAY_AHEAD), check_exact=True
    )


def test_a_loaded_model_still_needs_its_exogenous_columns(panel, tmp_path):
    X = panel.rename(columns={"energy_consumption": "wind"}).map(np.log)
    future = X.rename(index=lambda hour: hour + pd.Timedelta(days=1), level=2)
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(panel, X=X)
    save(fitted.fitted_, tmp_path)
    loaded = loaded_from(tmp_path).update(panel, X, update_params=False)
    pd.testing.assert_frame_equal(
        loaded.predict(fh=DAY_AHEAD, X=future),
        fitted.predict(fh=DAY_AHEAD, X=future),
        check_exact=True,
    )
    with pytest.raises(ForecastError, match="wind"):
        loaded.predict(fh=[1])


def test_a_panel_with_other_levels_is_an_error_that_names_them(panel, saved):
    with pytest.raises(ForecastError, match=r"\['area', 'consumer_type'\].*has \['area'\]"):
        loaded_from(saved).update(panel.groupby(level=[0, 2]).sum(), update_params=False)


def test_a_model_saved_by_an_earlier_release_forecasts_as_it_did_then():
    """The files stay as they were written, unless a release says that it cannot read older ones."""
    folder = Path(__file__).with_name("sample_model")
    loaded = loaded_from(folder).update(sample_panel(), update_params=False)
    bounds = loaded.predict_interval(fh=[1, 12, 24], coverage=0.8)
    np.testing.assert_allclose(
        bounds, json.loads((folder / "expected.json").read_text()), rtol=1e-4
    )


def sample_panel():
    """Three weeks of three deterministic series with levels 10, 100 and 1000."""
    hours = pd.date_range("2024-05-01", periods=21 * 24, freq="h", name="datetime_utc")
    shape = 1 + 0.3 * np.sin(2 * np.pi * (hours.hour - 7) / 24) - 0.1 * (hours.weekday >= 5)
    wave = np.sin(np.arange(len(hours)) / 5)
    series = {("A", str(n)): 10.0**n * (shape + 0.02 * n * wave) for n in (1, 2, 3)}
    return pd.concat(
        {key: pd.Series(values, hours, name="load") for key, values in series.items()},
        names=["area", "type"],
    ).to_frame()
