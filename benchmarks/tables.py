"""Tables of results: on the terminal, as a line of JSON, and in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the tables go."""
    parser.add_argument("--json", action="store_true", help="end with one line of JSON on stdout")
    parser.add_argument(
        "--markdown", type=Path, help="also put the tables into this file, between their markers"
    )


def publish(section: str, tables: Mapping[str, pd.DataFrame], options: argparse.Namespace) -> None:
    """Print `tables`, a mapping from title to table; the index is the first column.

    With `--markdown`, the text between the lines `<!-- begin: SECTION -->` and
    `<!-- end: SECTION -->` of that file is replaced.
    """
    console = Console(stderr=options.json)
    if not console.is_terminal:
        # In a file, tables need not be narrow.
        console = Console(stderr=options.json, width=160)
    for title, frame in tables.items():
        table = Table(title=title, title_justify="left")
        table.add_column(str(frame.index.name or ""))
        for column in frame.columns:
            table.add_column(str(column), justify="right")
        for name, row in zip(frame.index, _texts(frame), strict=True):
            table.add_row(str(name), *row)
        console.print(table)
    if options.markdown:
        _replace(options.markdown, section, tables)
    if options.json:
        results = {
            title: json.loads(frame.to_json(orient="index")) for title, frame in tables.items()
        }
        print(json.dumps(results))


def _texts(frame: pd.DataFrame) -> list[list[str]]:
    return [[_text(value) for value in row] for row in frame.itertuples(index=False)]


def _text(value: object) -> str:
    """A share with four decimals, a larger number with at most two; a dash for NaN."""
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "-"
    return (
        f"{value:.4f}"
        if abs(value) < 1
        else f"{value:,.2f}"
        if abs(value) < 1000
        else f"{value:,.0f}"
    )


def _replace(path: Path, section: str, tables: Mapping[str, pd.DataFrame]) -> None:
    begin, end = f"<!-- begin: {section} -->", f"<!-- end: {section} -->"
    parts = [f"`{_command()}`, {date.today()}"]
    for title, frame in tables.items():
        head = [frame.index.name or "", *frame.columns]
        lines = [head, ["---"] + ["---:"] * len(frame.columns)]
        lines += [[str(name), *row] for name, row in zip(frame.index, _texts(frame), strict=True)]
        parts.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    block = "\n\n".join([begin, *parts, end])
    text, count = re.subn(
        f"{re.escape(begin)}.*{re.escape(end)}", lambda _: block, path.read_text(), flags=re.DOTALL
    )
    if not count:
        raise SystemExit(f"{path} lacks the lines {begin} and {end}: add them around the tables.")
    path.write_text(text)


def _command() -> str:
    """The command line of this run, without the machine's paths."""
    module = f"benchmarks.{Path(sys.argv[0]).stem}"
    words = [Path(word).name if word.startswith("/") else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", module, *words])
