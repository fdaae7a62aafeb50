"""A saved model is the model: same forecasts, same bytes, and no other model is taken for it."""

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from energy_assets.errors import BrokenModelError, ForecastError
from energy_assets.forecasting import GlobalForecaster, model_files
from energy_assets.forecasting.model_files import load, save
from energy_assets.forecasting.recursive import RecursiveFeatures

DAY_AHEAD = list(range(1, 25))
FILES = ["checksums.json", "forecaster.json", "model.txt", "weights.npy"]


@pytest.fixture
def saved(fitted, tmp_path):
    save(fitted, tmp_path / "model")
    return tmp_path / "model"


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_load__same_window__forecasts_the_same_bytes(fitted, panel, saved):
    loaded = load(saved).update(panel, update_params=False)
    for method, arguments in (("predict", {}), ("predict_interval", {"coverage": [0.8, 0.95]})):
        pd.testing.assert_frame_equal(
            getattr(loaded, method)(fh=DAY_AHEAD, **arguments),
            getattr(fitted, method)(fh=DAY_AHEAD, **arguments),
            check_exact=True,
        )


def test_load__keeps_the_parameters_but_not_the_threads(fitted, saved):
    assert load(saved).get_params() == fitted.get_params() | {"n_jobs": None}


def test_load__no_history_yet__error_says_to_update(saved):
    for fh in ([1], pd.DatetimeIndex(["2023-03-01"])):
        with pytest.raises(ForecastError, match="update"):
            load(saved).predict(fh=fh)


def test_save__same_training_on_other_threads__same_bytes(panel, saved, tmp_path):
    save(GlobalForecaster(n_estimators=20, n_jobs=2).fit(panel), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(saved)
    assert list(contents(saved)) == FILES


def test_save__loaded_model__same_bytes(saved, tmp_path):
    save(load(saved), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(saved)


def test_save__without_intervals__loads_without_them(panel, tmp_path):
    save(GlobalForecaster(n_estimators=5, calibration_days=0, n_jobs=1).fit(panel), tmp_path)
    loaded = load(tmp_path).update(panel, update_params=False)
    assert len(loaded.predict(fh=[1])) == 4
    with pytest.raises(ForecastError, match="no intervals"):
        loaded.predict_interval(fh=[1])


def test_save__single_series_and_numbers_as_keys__round_trip(panel, tmp_path):
    numbered = panel.rename(index={"111": 1, "121": 2, "215": 3}, level=1)
    for name, y in (("one", panel.xs(("DK1", "111"))), ("numbers", numbered)):
        fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(y)
        save(fitted, tmp_path / name)
        loaded = load(tmp_path / name).update(y, update_params=False)
        pd.testing.assert_frame_equal(
            loaded.predict_interval(fh=[1]), fitted.predict_interval(fh=[1]), check_exact=True
        )


def test_save__keys_that_json_does_not_know__error(panel, tmp_path):
    dated = panel.rename(index={"DK1": date(2023, 1, 1), "DK2": date(2023, 1, 2)}, level=0)
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(dated)
    with pytest.raises(ForecastError, match="strings or numbers"):
        save(fitted, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_load__file_missing_or_cut_short__error_names_it(saved, name):
    whole = (saved / name).read_bytes()
    (saved / name).write_bytes(whole[:-20])
    with pytest.raises(BrokenModelError, match=name):
        load(saved)
    (saved / name).unlink()
    with pytest.raises(BrokenModelError, match=name):
        load(saved)


@pytest.mark.parametrize("name", ["forecaster.json", "model.txt", "weights.npy"])
def test_load__one_byte_changed__error_names_the_file(saved, name):
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(bytes(content))
    with pytest.raises(BrokenModelError, match=f"{name} does not match its checksum"):
        load(saved)


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"model.txt": 1}'])
def test_load__strange_checksums__error(saved, content):
    (saved / "checksums.json").write_bytes(content)
    with pytest.raises(BrokenModelError):
        load(saved)


@pytest.mark.parametrize("change", [{"features": []}, {"format": 0}, {"parameters": {"x": 1}}])
def test_load__model_of_another_version__error(saved, change, monkeypatch):
    changed = json.loads((saved / "forecaster.json").read_text()) | change
    content = json.dumps(changed).encode()
    (saved / "forecaster.json").write_bytes(content)
    checksums = json.loads((saved / "checksums.json").read_text())
    checksums["forecaster.json"] = hashlib.sha256(content).hexdigest()
    (saved / "checksums.json").write_text(json.dumps(checksums))
    with pytest.raises(BrokenModelError):
        load(saved)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_load__every_kind_of_model__forecasts_the_same(panel, tmp_path, strategy):
    features = RecursiveFeatures(lags=(1, 2, 24), means=((1, 24),), stds=())
    fitted = GlobalForecaster(
        strategy=strategy, n_estimators=5, n_jobs=1, recursive_features=features
    ).fit(panel)
    save(fitted, tmp_path)
    loaded = load(tmp_path).update(panel, update_params=False)
    pd.testing.assert_frame_equal(
        loaded.predict(fh=DAY_AHEAD), fitted.predict(fh=DAY_AHEAD), check_exact=True
    )
    assert loaded.get_params() == fitted.get_params() | {"n_jobs": None}


def test_load__exogenous_columns__are_asked_for_again(panel, tmp_path):
    X = panel.rename(columns={"energy_consumption": "wind"}).map(np.log)
    future = X.rename(index=lambda hour: hour + pd.Timedelta(days=1), level=2)
    fitted = GlobalForecaster(n_estimators=5, n_jobs=1).fit(panel, X=X)
    save(fitted, tmp_path)
    loaded = load(tmp_path).update(panel, X, update_params=False)
    pd.testing.assert_frame_equal(
        loaded.predict(fh=DAY_AHEAD, X=future),
        fitted.predict(fh=DAY_AHEAD, X=future),
        check_exact=True,
    )
    with pytest.raises(ForecastError, match="wind"):
        loaded.predict(fh=[1])


def test_load__panel_of_another_layout__error_names_the_levels(panel, saved):
    with pytest.raises(ForecastError, match=r"\['area', 'consumer_type'\].*has \['area'\]"):
        load(saved).update(panel.groupby(level=[0, 2]).sum(), update_params=False)


def test_load__other_features__error_names_them(saved, monkeypatch):
    monkeypatch.setattr(model_files, "FEATURES", (*model_files.FEATURES[1:], "sunshine"))
    with pytest.raises(BrokenModelError, match=r"has \['horizon'\] and lacks \['sunshine'\]"):
        load(saved)


def test_load__sample_of_an_earlier_release__forecasts_what_it_did_then():
    """Kept as it was written; made anew only where a release says that it breaks with old files."""
    folder = Path(__file__).with_name("sample_model")
    loaded = load(folder).update(sample_panel(), update_params=False)
    made = loaded.predict_interval(fh=[1, 12, 24], coverage=0.8)
    np.testing.assert_allclose(made, json.loads((folder / "expected.json").read_text()), rtol=1e-4)


def sample_panel():
    """Three weeks of three series without chance: levels 10, 100 and 1000, a day and a week."""
    hours = pd.date_range("2024-05-01", periods=21 * 24, freq="h", name="datetime_utc")
    shape = 1 + 0.3 * np.sin(2 * np.pi * (hours.hour - 7) / 24) - 0.1 * (hours.weekday >= 5)
    wave = np.sin(np.arange(len(hours)) / 5)
    series = {("A", str(n)): 10.0**n * (shape + 0.02 * n * wave) for n in (1, 2, 3)}
    return pd.concat(
        {key: pd.Series(values, hours, name="load") for key, values in series.items()},
        names=["area", "type"],
    ).to_frame()
