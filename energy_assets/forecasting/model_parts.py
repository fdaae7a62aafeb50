"""The parts of a forecaster as the contents of files, by name: text, JSON and NumPy arrays.

Does not belong here: the files themselves, and whether they are whole (`model_files`).
"""

from __future__ import annotations

import io
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from energy_assets.errors import ForecastError
from energy_assets.forecasting.features.design import Design
from energy_assets.forecasting.features.known_ahead.response import Kind, Response
from energy_assets.forecasting.fitted import Fitted
from energy_assets.forecasting.models.autoregression import Autoregression
from energy_assets.forecasting.models.blend import BlendedModel, Shares
from energy_assets.forecasting.models.holiday import Holidays
from energy_assets.forecasting.models.holiday import Shares as HolidayShares
from energy_assets.forecasting.models.kinds import Kinds
from energy_assets.forecasting.models.quantiles.intervals import Calibration
from energy_assets.forecasting.models.quantiles.same_hour import MEAN, SameHour
from energy_assets.forecasting.models.ridge import Weights
from energy_assets.forecasting.panel.matrix import HOURS_PER_DAY, HOURS_PER_WEEK
from energy_assets.forecasting.parameters import Parameters

TREES = "model.txt"
WEIGHTS = "weights.npy"
HOURLY = "hourly.npy"
RESPONSE = "response.npy"
KINDS = "kinds.npy"
SAME_HOUR = "same_hour.npy"
HOLIDAYS = "holidays.npy"
DESCRIPTION = "forecaster.json"
FORMAT = 2

_STRATEGY = {"strategy": "direct", "recursive_features": None}
"""Parameters of earlier releases that files of this format still hold, with their only value."""


def fitted_from(description: Mapping[str, Any], contents: Mapping[str, bytes]) -> Fitted:
    """The forecaster that a description and the contents of the other files stand for."""
    saved = dict(description["parameters"])
    parameters = Parameters(**{name: saved[name] for name in saved.keys() - _STRATEGY.keys()})
    return Fitted(
        parameters,
        _model(parameters, description, contents),
        _calibration_from_json(description["calibration"], contents.get(SAME_HOUR)),
        tuple(description["levels"]),
        Kinds(_numbers(contents[KINDS])) if KINDS in contents else None,
        response=_response_from_json(description, contents.get(RESPONSE)),
    )


def contents_of(fitted: Fitted) -> dict[str, bytes]:
    """The files of a forecaster without checksums, by name."""
    model = fitted.model
    description = {
        "format": FORMAT,
        "parameters": asdict(fitted.parameters) | {"n_jobs": None} | _STRATEGY,
        "features": list(model.design.features),
        "levels": list(fitted.levels),
        "calibration": _calibration_to_json(fitted.calibration),
        "exogenous": [list(model.design.exogenous), list(model.design.exogenous_means)],
        "response": _response_to_json(fitted.response),
        "next_hours": model.shares.next_hours,
        "holidays": asdict(model.holidays.shares) if model.holidays else None,
        "series": None if model.series is None else _keys(model.series),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("lightgbm", "numpy", "pandas", "sktime", "holidays")},
    }
    contents: dict[str, bytes] = {}
    if model.booster is not None:
        # The number of threads does not affect the model, so it must not affect the checksum.
        trees = re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", model.booster.model_to_string())
        contents[TREES] = trees.encode()
    if model.weights is not None:
        contents[WEIGHTS] = _array(np.hstack([model.weights.columns, model.weights.hours]))
    if model.hourly is not None:
        contents[HOURLY] = _array(model.hourly.weights)
    if model.holidays is not None:
        contents[HOLIDAYS] = _array(model.holidays.contrasts)
    if fitted.kinds is not None:
        contents[KINDS] = _array(fitted.kinds.shapes)
    if fitted.response is not None:
        rows = len(fitted.response.mix)
        parts = [fitted.response.mix, fitted.response.weights.reshape(rows, -1)]
        contents[RESPONSE] = _array(np.hstack(parts))
    own = fitted.calibration.same_hour if fitted.calibration is not None else None
    if own is not None and own.tables:
        contents[SAME_HOUR] = _array(np.concatenate([*own.tables.values()]))
    contents[DESCRIPTION] = as_json(description)
    return contents


def _model(
    parameters: Parameters, description: Mapping[str, Any], contents: Mapping[str, bytes]
) -> BlendedModel:
    columns, means = description["exogenous"]
    trees, keys = contents.get(TREES), description["series"]
    weights, hourly = (
        _numbers(contents[file]) if file in contents else None for file in (WEIGHTS, HOURLY)
    )
    split = -HOURS_PER_WEEK
    return BlendedModel(
        Design(
            parameters.horizon,
            parameters.country,
            parameters.timezone,
            tuple(columns),
            tuple(means),
            tuple(description["features"]),
        ),
        Shares(
            parameters.linear_weight, parameters.lear_weight, description.get("next_hours", 0.0)
        ),
        None if trees is None else lgb.Booster(model_str=trees.decode()),
        None if weights is None else Weights(weights[:, :split], weights[:, split:]),
        None if hourly is None else Autoregression(hourly),
        None if keys is None else _series(keys),
        _holidays(description, contents.get(HOLIDAYS)),
    )


def _holidays(description: Mapping[str, Any], contrasts: bytes | None) -> Holidays | None:
    saved = description.get("holidays")
    if saved is None or contrasts is None:
        return None
    return Holidays(HolidayShares(**saved), _numbers(contrasts))


def as_json(content: Mapping[str, Any]) -> bytes:
    """A JSON file that is the same for the same content."""
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


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
                f"Only series keys that are strings or numbers can be saved, not {part!r}: convert "
                "the index levels before fitting."
            )


def _array(numbers: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, numbers, allow_pickle=False)
    return buffer.getvalue()


def _numbers(content: bytes) -> Any:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _response_to_json(found: Response | None) -> dict[str, Any] | None:
    if found is None:
        return None
    shape = list(found.weights.shape[1:])
    kinds = [asdict(kind) for kind in found.kinds]
    return {"columns": list(found.names), "kinds": kinds, "shape": shape}


def _response_from_json(description: Mapping[str, Any], array: bytes | None) -> Response | None:
    saved = description.get("response")
    if saved is None or array is None:
        return None
    numbers = _numbers(array)
    columns, keys = len(saved["columns"]), description["series"]
    return Response(
        tuple(saved["columns"]),
        tuple(Kind(**{name: _tuple(value) for name, value in k.items()}) for k in saved["kinds"]),
        None if keys is None else _series(keys),
        numbers[:, :columns],
        numbers[:, columns:].reshape(-1, *saved["shape"]),
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _calibration_to_json(calibration: Calibration | None) -> dict[str, Any] | None:
    if calibration is None:
        return None
    _require_plain(part for key in calibration.spread for part in key)
    own = calibration.same_hour
    return {
        "spread": [[list(key), spread] for key, spread in calibration.spread.items()],
        "typical": calibration.typical,
        "growth": calibration.growth.tolist(),
        "quantiles": calibration.quantiles.tolist(),
        "holiday": calibration.holiday,
        "same_hour": [[list(key), weight] for key, weight in own.weights.items()] if own else [],
    }


def _calibration_from_json(
    saved: dict[str, Any] | None, tables: bytes | None
) -> Calibration | None:
    if saved is None:
        return None
    same_hour = None
    if tables is not None:
        weights = {tuple(key): weight for key, weight in saved["same_hour"]}
        rows = _numbers(tables).reshape(len(weights), HOURS_PER_DAY, -1)
        if rows.shape[-1] == MEAN:  # models saved before there were means
            rows = np.pad(rows, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
        same_hour = SameHour(weights, dict(zip(weights, rows, strict=True)))
    return Calibration(
        spread={tuple(key): spread for key, spread in saved["spread"]},
        typical=saved["typical"],
        growth=np.array(saved["growth"]),
        quantiles=np.array(saved["quantiles"]),
        holiday=saved.get("holiday", 1.0),
        same_hour=same_hour,
    )
