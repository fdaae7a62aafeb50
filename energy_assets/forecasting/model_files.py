"""A fitted `GlobalForecaster` as files: LightGBM's own text and JSON, checked on load.

No pickle: reading a model runs no code that the files bring. The files hold no time and no path,
so that the same training makes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from energy_assets.errors import BrokenModelError, ForecastError
from energy_assets.forecasting.features import FEATURES
from energy_assets.forecasting.forecaster import GlobalForecaster
from energy_assets.forecasting.intervals import Calibration

TREES = "model.txt"
DESCRIPTION = "forecaster.json"
CHECKSUMS = "checksums.json"
FORMAT = 1


def save(forecaster: GlobalForecaster, folder: Path) -> None:
    """Write a fitted forecaster to `folder`, which is made if need be.

    `model.txt` holds the trees, `forecaster.json` parameters, features, calibration and versions,
    `checksums.json` the sha256 of both. The history is not kept.
    """
    forecaster.check_is_fitted()
    folder.mkdir(parents=True, exist_ok=True)
    # The number of threads has no part in the model, so it has none in its checksum.
    trees = re.sub(
        r"\[num_threads: \d+\]", "[num_threads: 0]", forecaster.booster_.model_to_string()
    )
    parameters = forecaster.get_params(deep=False) | {"n_jobs": None}
    description = {
        "format": FORMAT,
        "parameters": parameters,
        "features": list(FEATURES),
        "calibration": _calibration_to_json(forecaster.calibration_),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("lightgbm", "numpy", "pandas", "sktime", "holidays")},
    }
    contents = {
        TREES: trees.encode(),
        DESCRIPTION: (json.dumps(description, indent=1, sort_keys=True) + "\n").encode(),
    }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[CHECKSUMS] = (json.dumps(checksums, indent=1, sort_keys=True) + "\n").encode()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def load(folder: Path) -> GlobalForecaster:
    """The forecaster saved in `folder`, without a history: `update` it before forecasting.

    Raises BrokenModelError, naming the file, if one is missing, does not match its checksum, or
    was written for other features than this version makes.
    """
    checksums = _parse(folder / CHECKSUMS, _read(folder / CHECKSUMS))
    contents = {}
    for name in (TREES, DESCRIPTION):
        contents[name] = _read(folder / name)
        if hashlib.sha256(contents[name]).hexdigest() != checksums.get(name):
            raise BrokenModelError(
                f"{folder / name} does not match its checksum in {CHECKSUMS}: it was changed or "
                "cut short after training. Restore it, or train the model again."
            )
    description = _parse(folder / DESCRIPTION, contents[DESCRIPTION])
    if description.get("format") != FORMAT or description.get("features") != list(FEATURES):
        raise BrokenModelError(
            f"{folder / DESCRIPTION} describes a model with other features than this version "
            "computes: train it again, or load it with the version that saved it."
        )
    try:
        forecaster = GlobalForecaster(**description["parameters"])
        booster = lgb.Booster(model_str=contents[TREES].decode())
        return forecaster.restored(booster, _calibration_from_json(description["calibration"]))
    except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as error:
        raise BrokenModelError(f"The model in {folder} cannot be read: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BrokenModelError(
            f"{path} cannot be read ({error.strerror}): a model has {TREES}, {DESCRIPTION} and "
            f"{CHECKSUMS}. Restore it, or train the model again."
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
    strange = [
        part
        for key in calibration.spread
        for part in key
        if not isinstance(part, str | int | float)
    ]
    if strange:
        raise ForecastError(
            f"Series keys must be strings or numbers to be saved, found {strange[0]!r}: convert "
            "the index levels before fitting."
        )
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
