"""A fitted forecaster as files: LightGBM's text format, JSON and NumPy arrays.

There is no pickle, so loading a model never runs code from its files. Checksums are verified on
load. The files hold no times or paths, so the same training gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb

from energy_assets.errors import BrokenModelError
from energy_assets.forecasting.features.feature_matrix import EARLIER_FEATURES, FEATURES
from energy_assets.forecasting.fitted import Fitted
from energy_assets.forecasting.model_parts import (
    DESCRIPTION,
    FORMAT,
    as_json,
    contents_of,
    fitted_from,
)

PLAIN = "plain_"
"""What the names of the files of a model begin with that needs no exogenous columns."""

CHECKSUMS = "checksums.json"


def save(fitted: Fitted, folder: Path) -> None:
    """Write a fitted forecaster to `folder`, which is created if necessary.

    `model.txt` holds the trees. `weights.npy` holds the weights of the ridge regression, one row
    (float32) per series with the 168 hours of the week last; the last row is pooled. `hourly.npy`
    holds the weights of the autoregression, `kinds.npy` the shapes of the week that stand in for
    the past of new series, `holidays.npy` how the Sundays of each series differ from its working
    days, and `response.npy` the response to exogenous columns: for each series and a last row for
    new ones, the share of each column, and the weights. `same_hour.npy` holds quantiles and the
    mean (float32) of the history, 24 rows for the hours of the day of each series that uses them.
    `forecaster.json` holds parameters, features, series, holidays, calibration and versions;
    `checksums.json` the sha256 of each file. A file is missing if the model has no such part. The
    files of a `plain` model that stands by have names that begin with `plain_`. The history is not
    saved.

    Raises ForecastError if the keys of the series are neither strings nor numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = contents_of(fitted)
    if fitted.plain is not None:
        contents |= {
            f"{PLAIN}{name}": content for name, content in contents_of(fitted.plain).items()
        }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[CHECKSUMS] = as_json(checksums)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def load(folder: Path) -> Fitted:
    """Load a forecaster; it has no history, so it needs `updated` before it can forecast.

    Raises BrokenModelError, naming the file, if one is missing or does not match its checksum, or
    if the model was trained with features that this version does not compute.
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
    fitted = _fitted(folder, contents)
    plain = {
        name.removeprefix(PLAIN): contents[name] for name in contents if name.startswith(PLAIN)
    }
    return replace(fitted, plain=_fitted(folder, plain)) if plain else fitted


def _fitted(folder: Path, contents: Mapping[str, bytes]) -> Fitted:
    """The forecaster in files by name."""
    description = _parse(folder / DESCRIPTION, contents[DESCRIPTION])
    _require_known_layout(folder / DESCRIPTION, description)
    try:
        _require_direct(folder / DESCRIPTION, description["parameters"])
        return fitted_from(description, contents)
    except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as error:
        raise BrokenModelError(f"The model in {folder} cannot be read: {error}") from error


def _require_direct(path: Path, parameters: Mapping[str, Any]) -> None:
    """Raise BrokenModelError for a model that feeds forecasts back, as earlier releases could."""
    strategy = parameters.get("strategy", "direct")
    if strategy != "direct":
        raise BrokenModelError(
            f"{path} describes a model with strategy={strategy!r}, which this version does not "
            "support: train a new model, or load it with the version that saved it."
        )


def _require_known_layout(path: Path, description: dict[str, Any]) -> None:
    """Raise BrokenModelError for another format, or features that this version does not compute."""
    if description.get("format") != FORMAT:
        raise BrokenModelError(
            f"{path} has format {description.get('format')!r}, but this version reads format "
            f"{FORMAT}: train the model again, or load it with the version that saved it."
        )
    known = FEATURES.keys() | EARLIER_FEATURES.keys()
    unknown = [name for name in description.get("features", ()) if name not in known]
    if unknown:
        raise BrokenModelError(
            f"{path} describes a model with features that this version does not compute: "
            f"{', '.join(unknown)}. Train it again, or load it with the version that saved it."
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BrokenModelError(
            f"{path} cannot be read ({error.strerror}): a model consists of {DESCRIPTION}, "
            f"{CHECKSUMS} and the files listed there. Restore it, or train the model again."
        ) from error


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise BrokenModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise BrokenModelError(f"{path} does not hold a JSON object.")
    return parsed
