"""Plots of forecasts, errors and searches, as PNG bytes.

Every function draws on its own `Figure` and touches neither pyplot nor global state, so plots can
be drawn in any thread.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    FuncFormatter,
    MaxNLocator,
    MultipleLocator,
    PercentFormatter,
)
from PIL import Image

from energy_assets.forecasting.models.seasonal_naive import SEASONAL_NAIVES

INK = "#22303c"
GRID = "#e3e7ea"
FAINT = "#7b8794"
OBSERVED = "#22303c"
MODEL = "#d1495b"
NAIVE_COLORS = dict(
    zip((naive.name for naive in SEASONAL_NAIVES), ("#edae49", "#3b8ea5"), strict=True)
)
FURTHER: Mapping[str, dict[str, Any]] = {
    "usual_weather": {
        "color": MODEL,
        "linewidth": 1.1,
        "linestyle": "--",
        "label": "in last week's weather",
    },
    "actual": {
        "color": OBSERVED,
        "linewidth": 1.2,
        "linestyle": ":",
        "label": "observed later",
    },
}
"""Columns of a forecast that are drawn if it has them, and how."""

LABELS = {naive.name: naive.label for naive in SEASONAL_NAIVES}


def forecast_plot(
    history: pd.DataFrame,
    forecast: pd.DataFrame,
    *,
    timezone: str,
    series: int = 6,
    days: int = 4,
    unit: str = "kWh",
    title: str = "Electricity consumption, next 24 hours",
    temperature: Mapping[tuple[object, ...], pd.Series] | None = None,
) -> bytes:
    """The last `days` days of the largest series, and their forecasts.

    `history` is a panel with one column. `forecast` has the same index levels and the column
    `forecast`; it may have `lower` and `upper` (shaded), the name of a seasonal naive (thin line),
    `usual_weather` (dashed line) and `actual` (dotted line). Days start at midnight in `timezone`,
    an IANA name. `temperature`, in degrees C by the key of a series, is a dashed line with a scale
    of its own on the right.
    """
    keys = _largest(history, forecast, series)
    columns = 3 if len(keys) > 4 else min(2, len(keys))
    rows = -(-len(keys) // columns)
    width = 4.2 if columns > 1 else 7.5
    figure = Figure(figsize=(width * columns, 2.2 * rows + 1.2))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axis in axes.flat[len(keys) :]:
        axis.remove()
    start = forecast.index.get_level_values(-1).min() - pd.Timedelta(days=days)
    for axis, key in zip(axes.flat, keys, strict=False):
        past = _rows_of(history, key).iloc[:, 0]
        _draw_series(axis, past[past.index >= start], _rows_of(forecast, key))
        if temperature and key in temperature:
            _draw_temperature(axis, temperature[key].loc[start:])
        # With a fixed height: matplotlib would measure every label to find one.
        axis.set_title(" · ".join(map(str, key)), loc="left", fontsize=10, y=1)
        axis.yaxis.set_major_formatter(EngFormatter(sep=""))
        axis.xaxis.set_major_locator(mdates.DayLocator(tz=ZoneInfo(timezone)))
        axis.xaxis.set_major_formatter(FuncFormatter(_local_day(ZoneInfo(timezone))))
        _tidy(axis)
    for axis in axes.flat[len(keys) - columns : len(keys)]:
        axis.tick_params(axis="x", labelbottom=True)
    for axis in axes[:, 0]:
        axis.set_ylabel(unit)
    return _finished(figure, axes.flat[0], title, right=0.4 if temperature else 0.15)


def error_by_horizon_plot(
    errors: Mapping[str, pd.Series], *, title: str = "Error by hours ahead", metric: str = "MAPE"
) -> bytes:
    """One line per method: its error, as a share, at each horizon in hours (the index)."""
    figure = Figure(figsize=(8, 3.8))
    axis = figure.subplots()
    for name, error in errors.items():
        naive_color = NAIVE_COLORS.get(name)
        axis.plot(
            error.index,
            error.to_numpy(),
            color=naive_color or MODEL,
            linewidth=1.4 if naive_color else 2.4,
            marker=None if naive_color else "o",
            markersize=3.5,
            label=f"{LABELS.get(name, name)} (mean {error.mean():.1%})",
        )
    axis.set_xlabel("hours ahead")
    axis.set_ylabel(metric)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.xaxis.set_major_locator(MultipleLocator(3))
    _tidy(axis)
    return _finished(figure, axis, title)


def trials_plot(
    trials: pd.DataFrame,
    baselines: Mapping[str, float] | None = None,
    *,
    title: str = "Hyperparameter search",
    metric: str = "mape",
) -> bytes:
    """The scores of trials in order, the best so far, and lines for the default and the baselines.

    `trials` is indexed by trial number and has the columns `score` and `state`. Trials that are
    not `complete` are marked and never count as the best. The first trial is the default
    configuration. Baselines far above the trials are drawn in a strip of their own.
    """
    scores, naives = trials["score"], dict(baselines or {})
    low, high = scores.min(), scores.max()
    margin = max(0.25 * (high - low), 0.01 * high)
    far = {name: score for name, score in naives.items() if score > high + 2 * margin}
    near = {name: score for name, score in naives.items() if name not in far}
    score_format = "{:.3f}" if metric == "mase" else "{:.2%}"

    figure = Figure(figsize=(8, 4.4))
    heights = [1 + len(far), 8] if far else [1]
    axes = figure.subplots(len(heights), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axis in axes:
        _tidy(axis)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda score, _: score_format.format(score)))
    main = axes[-1]
    _draw_trials(main, trials, score_format)
    _draw_references(main, {"default": scores.iloc[0], **near}, score_format)
    main.set_ylim(min([low, *near.values()]) - margin, max([high, *near.values()]) + margin)
    # Leave room on the right for the names of the lines.
    first, last = trials.index.min(), trials.index.max()
    main.set_xlim(first - 0.5, last + 0.5 + 0.35 * (last - first + 1))
    ticks = MaxNLocator(integer=True, min_n_ticks=1).tick_values(first, last)
    main.set_xticks([tick for tick in ticks if first <= tick <= last])
    main.set_xlabel("trial, the first one with the default configuration")
    main.set_ylabel(metric.upper().replace("_", " "))
    if far:
        _draw_references(axes[0], far, score_format)
        _as_strip(axes[0], sorted(far.values()))
    return _finished(figure, main, title)


def _draw_trials(axis: Axes, trials: pd.DataFrame, score_format: str) -> None:
    """Draw the trials as points, and the best score so far as steps."""
    complete = trials.loc[trials["state"] == "complete", "score"]
    stopped = trials.loc[trials["state"] != "complete", "score"]
    best = complete.cummin().reindex(trials.index).ffill()
    label = f"best so far, {score_format.format(best.iloc[-1])} at the end"
    axis.step(best.index, best, where="post", color=MODEL, linewidth=2, label=label)
    axis.scatter(complete.index, complete, color=OBSERVED, s=26, zorder=3, label="trial")
    if len(stopped):
        label = "pruned or out of time (estimate)"
        axis.scatter(stopped.index, stopped, color=FAINT, marker="x", s=34, zorder=3, label=label)
    winner = complete[complete == complete.min()][:1]
    axis.scatter(winner.index, winner, s=110, facecolors="none", edgecolors=MODEL, zorder=4)


def _draw_references(axis: Axes, references: Mapping[str, float], score_format: str) -> None:
    """Draw a line for each score, with its name at the right end."""
    for name, score in references.items():
        color = NAIVE_COLORS.get(name, FAINT)
        axis.axhline(score, color=color, linestyle="--", linewidth=1.4, zorder=1)
        axis.annotate(
            f"{LABELS.get(name, name)}, {score_format.format(score)}",
            (1, score),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8.5,
            color=color,
        )


def _as_strip(axis: Axes, scores: Sequence[float]) -> None:
    """Reduce an axis to lines at `scores`, with a mark where the scale is broken."""
    span = scores[-1] - scores[0] or scores[-1]
    axis.set_ylim(scores[0] - 0.6 * span, scores[-1] + 0.6 * span)
    axis.set_yticks(scores)
    axis.grid(visible=False)
    axis.spines["bottom"].set_visible(False)
    axis.tick_params(axis="x", length=0)
    axis.plot(
        [0, 0],
        [0, -0.12],
        transform=axis.transAxes,
        color=INK,
        marker=[(-1, -0.4), (1, 0.4)],
        markersize=8,
        linestyle="none",
        clip_on=False,
    )


def _draw_series(axis: Axes, past: pd.Series, forecast: pd.DataFrame) -> None:
    hours = pd.date_range(past.index.min(), past.index.max(), freq="h")
    # Reindex to every hour, so that a gap in the data is a gap in the line.
    axis.plot(hours, past.reindex(hours), color=OBSERVED, linewidth=1.2, label="observed")
    for name in forecast.columns.intersection(list(LABELS)):
        axis.plot(
            forecast.index,
            forecast[name],
            color=NAIVE_COLORS[name],
            linewidth=0.9,
            label=LABELS[name],
        )
    if "lower" in forecast:
        axis.fill_between(
            forecast.index,
            forecast["lower"],
            forecast["upper"],
            color=MODEL,
            alpha=0.22,
            linewidth=0,
            label="80 % interval",
        )
    axis.plot(forecast.index, forecast["forecast"], color=MODEL, linewidth=1.8, label="forecast")
    for name in forecast.columns.intersection(list(FURTHER)):
        axis.plot(forecast.index, forecast[name], **FURTHER[name])
    axis.axvline(mdates.date2num(hours[-1]), color=INK, linewidth=0.6, alpha=0.5)


def _draw_temperature(axis: Axes, degrees: pd.Series) -> None:
    scale = axis.twinx()
    style: dict[str, Any] = {"color": FAINT, "linewidth": 0.9, "linestyle": "--"}
    scale.plot(degrees.index, degrees, **style)
    axis.plot([], [], label="temperature (right)", **style)
    scale.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    scale.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} °C"))
    scale.tick_params(colors=FAINT, labelsize=7, length=0, pad=1)
    scale.spines[:].set_visible(False)


def _largest(history: pd.DataFrame, forecast: pd.DataFrame, count: int) -> list[tuple[object, ...]]:
    """The keys of the forecast series with the largest means, largest first."""
    if history.index.nlevels == 1:
        return [()]
    levels = list(range(history.index.nlevels - 1))
    sizes = history.iloc[:, 0].groupby(level=levels).mean().abs().sort_values(ascending=False)
    forecast_keys = forecast.index.droplevel([-1])
    keys = [key for key in sizes.index if key in forecast_keys][:count]
    return [key if isinstance(key, tuple) else (key,) for key in keys]


def _rows_of(panel: pd.DataFrame, key: tuple[object, ...]) -> pd.DataFrame:
    rows = panel.xs(key, level=list(range(len(key)))) if key else panel
    return pd.DataFrame(rows).sort_index()


def _tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GRID)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelsize=8, length=3)


def _local_day(zone: ZoneInfo) -> Callable[[float, int], str]:
    """Labels such as "Mon" above "6 Mar"; "%-d" does not work on every platform."""

    def label(value: float, position: int) -> str:
        day = mdates.num2date(value, tz=zone)
        return f"{day:%a}\n{day.day} {day:%b}"

    return label


def _finished(figure: Figure, legend_of: Axes, title: str, right: float = 0.15) -> bytes:
    """Add title and legend, and encode as a PNG; few colours make it a third of the size."""
    width, height = figure.get_size_inches()
    # Margins in inches: matplotlib's automatic layouts double the drawing time.
    figure.subplots_adjust(
        left=0.8 / width,
        right=1 - right / width,
        bottom=0.85 / height,
        top=1 - 0.6 / height,
        wspace=0.2 + (right - 0.15),
        hspace=0.25,
    )
    handles, labels = legend_of.get_legend_handles_labels()
    columns = min(len(labels), int(width // 1.8))
    figure.legend(handles, labels, loc="lower left", ncols=columns, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=90, facecolor="white")
    with Image.open(full) as picture:
        picture.convert("RGB").quantize(64, method=Image.Quantize.MAXCOVERAGE).save(
            small, format="png", optimize=True
        )
    return small.getvalue()
