"""A fitted `GlobalForecaster` as files: LightGBM's own text, JSON and numbers, checked on load.

No pickle: reading a model runs no code that the files bring. The files hold no time and no path,
so that the same training makes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.errors import BrokenModelError, ForecastError
from energy_assets.forecasting.features.matrix import FEATURES
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blend import Design, DirectModel
from energy_assets.forecasting.models.intervals import Calibration
from energy_assets.forecasting.models.ridge import Weights
from energy_assets.forecasting.panel.matrix import WEEK
from energy_assets.forecasting.recursive import RecursiveFeatures, RecursiveModel

TREES = "model.txt"
WEIGHTS = "weights.npy"
HOURLY = "hourly.npy"
DESCRIPTION = "forecaster.json"
CHECKSUMS = "checksums.json"
FORMAT = 2


def save(forecaster: GlobalForecaster, folder: Path) -> None:
    """Write a fitted forecaster to `folder`, which is made if need be.

    `model.txt` holds the trees, `weights.npy` the weights of the linear model (float32, a row a
    series and the pooled ones last, the 168 hours of the week at the end of each row; NumPy's own
    format, without objects), `hourly.npy` those of the autoregression, `forecaster.json`
    parameters, features, series, calibration and versions, `checksums.json` the sha256 of all.
    What a model lacks has no file. The history is not kept.

    Raises ForecastError if the keys of the series are neither strings nor numbers.
    """
    forecaster.check_is_fitted()
    folder.mkdir(parents=True, exist_ok=True)
    model = forecaster.model_
    parameters = forecaster.get_params(deep=False) | {"n_jobs": None}
    if parameters["recursive_features"] is not None:
        parameters["recursive_features"] = asdict(parameters["recursive_features"])
    description = {
        "format": FORMAT,
        "parameters": parameters,
        "features": list(FEATURES),
        "levels": list(forecaster.levels_),
        "calibration": _calibration_to_json(forecaster.calibration_),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("lightgbm", "numpy", "pandas", "sktime", "holidays")},
    }
    contents: dict[str, bytes] = {}
    if model.booster is not None:
        # The number of threads has no part in the model, so it has none in its checksum.
        trees = re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", model.booster.model_to_string())
        contents[TREES] = trees.encode()
    if isinstance(model, RecursiveModel):
        description["labels"] = model.labels
    else:
        description["exogenous"] = [
            list(model.design.exogenous),
            list(model.design.exogenous_means),
        ]
        description["series"] = None if model.series is None else _keys(model.series)
        if model.weights is not None:
            contents[WEIGHTS] = _array(np.hstack([model.weights.columns, model.weights.hours]))
        if model.hourly is not None:
            contents[HOURLY] = _array(model.hourly.weights)
    contents[DESCRIPTION] = _json(description)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[CHECKSUMS] = _json(checksums)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def load(folder: Path) -> GlobalForecaster:
    """The forecaster saved in `folder`, without a history: `update` it before forecasting.

    Raises BrokenModelError, naming the file, if one is missing, does not match its checksum, or
    was written for other features than this version makes.
    """
    checksums = _parse(folder / CHECKSUMS, _read(folder / CHECKSUMS))
    contents = {}
    for name in {DESCRIPTION, *checksums}:
        contents[name] = _read(folder / name)
        if hashlib.sha256(contents[name]).hexdigest() != checksums.get(name):
            raise BrokenModelError(
                f"{folder / name} does not match its checksum in {CHECKSUMS}: it was changed or "
                "cut short after training. Restore it, or train the model again."
            )
    description = _parse(folder / DESCRIPTION, contents[DESCRIPTION])
    _require_same_layout(folder / DESCRIPTION, description)
    try:
        parameters = description["parameters"]
        if parameters["recursive_features"] is not None:
            parameters["recursive_features"] = _recursive_features(parameters["recursive_features"])
        forecaster = GlobalForecaster(**parameters)
        trees = contents.get(TREES)
        booster = None if trees is None else lgb.Booster(model_str=trees.decode())
        return forecaster.restored(
            _model(forecaster, description, booster, contents),
            _calibration_from_json(description["calibration"]),
            tuple(description["levels"]),
        )
    except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as error:
        raise BrokenModelError(f"The model in {folder} cannot be read: {error}") from error


def _model(
    forecaster: GlobalForecaster,
    description: dict[str, Any],
    booster: lgb.Booster | None,
    contents: Mapping[str, bytes],
) -> DirectModel | RecursiveModel:
    if forecaster.strategy == "recursive":
        features = forecaster.recursive_features or RecursiveFeatures()
        return RecursiveModel(features, description["labels"], booster)
    names, means = description["exogenous"]
    weights, hourly = (
        np.load(io.BytesIO(contents[file]), allow_pickle=False) if file in contents else None
        for file in (WEIGHTS, HOURLY)
    )
    keys = description["series"]
    return DirectModel(
        Design(
            forecaster.horizon, forecaster.country, forecaster.timezone, tuple(names), tuple(means)
        ),
        forecaster.linear_weight,
        forecaster.lear_weight,
        booster,
        None if weights is None else Weights(weights[:, :-WEEK], weights[:, -WEEK:]),
        None if hourly is None else Autoregression(hourly),
        None if keys is None else _series(keys),
    )


def _require_same_layout(path: Path, description: dict[str, Any]) -> None:
    """Raise BrokenModelError, naming the difference, if this version makes other features."""
    if description.get("format") != FORMAT:
        raise BrokenModelError(
            f"{path} has format {description.get('format')!r} and this version reads {FORMAT}: "
            "train the model again, or load it with the version that saved it."
        )
    theirs, ours = list(description.get("features", [])), list(FEATURES)
    if theirs != ours:
        gone = [name for name in theirs if name not in ours]
        new = [name for name in ours if name not in theirs]
        what = f"it has {gone} and lacks {new}" if gone or new else "they are in another order"
        raise BrokenModelError(
            f"{path} describes a model with other features than this version computes: {what}. "
            "Train it again, or load it with the version that saved it."
        )


def _recursive_features(saved: dict[str, Any]) -> RecursiveFeatures:
    pairs = {name: tuple(map(tuple, saved[name])) for name in ("means", "stds")}
    return RecursiveFeatures(lags=tuple(saved["lags"]), calendar=tuple(saved["calendar"]), **pairs)


def _keys(series: pd.Index) -> list[list[object]]:
    keys = [list(key) if isinstance(key, tuple) else [key] for key in series.tolist()]
    _require_plain(part for key in keys for part in key)
    return keys


def _series(keys: list[list[Any]]) -> pd.Index:
    if keys and len(keys[0]) > 1:
        return pd.MultiIndex.from_tuples([tuple(key) for key in keys])
    return pd.Index([key[0] for key in keys])


def _require_plain(parts: Iterable[object]) -> None:
    for part in parts:
        if not isinstance(part, str | int | float):
            raise ForecastError(
                f"Series keys must be strings or numbers to be saved, found {part!r}: convert the "
                "index levels before fitting."
            )


def _array(numbers: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, numbers, allow_pickle=False)
    return buffer.getvalue()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BrokenModelError(
            f"{path} cannot be read ({error.strerror}): a model has {DESCRIPTION}, "
            f"{CHECKSUMS} and what {CHECKSUMS} names. Restore it, or train the model again."
        ) from error


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise BrokenModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BrokenModelError(f"{path} does not hold a JSON object.")
    return parsed


def _calibration_to_json(calibration: Calibration | None) -> dict[str, Any] | None:
    if calibration is None:
        return None
    _require_plain(part for key in calibration.spread for part in key)
    return {
        "spread": [[list(key), spread] for key, spread in calibration.spread.items()],
        "typical": calibration.typical,
        "growth": calibration.growth.tolist(),
        "quantiles": calibration.quantiles.tolist(),
    }


def _calibration_from_json(saved: dict[str, Any] | None) -> Calibration | None:
    if saved is None:
        return None
    return Calibration(
        spread={tuple(key): spread for key, spread in saved["spread"]},
        typical=saved["typical"],
        growth=np.array(saved["growth"]),
        quantiles=np.array(saved["quantiles"]),
    )
