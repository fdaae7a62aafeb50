"""A saved model is the model: same forecasts, same bytes, and no other model is taken for it."""

import hashlib
import json
from datetime import date

import pandas as pd
import pytest

from energy_assets.errors import BrokenModelError, ForecastError
from energy_assets.forecasting import GlobalForecaster
from energy_assets.forecasting.model_files import load, save

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
