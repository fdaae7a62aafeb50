"""Runs all benchmarks, one after the other: `python -m benchmarks [--data FOLDER]`."""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> int:
    """Run each benchmark in its own process; the exit status is the worst one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder with real data, for most benchmarks of forecasts")
    parser.add_argument("--markdown", help="file to put the tables into: docs/benchmarks.md")
    options = parser.parse_args()
    markdown = ["--markdown", options.markdown] if options.markdown else []
    commands = [
        ["benchmarks.runs"],
        ["benchmarks.replay"],
        ["benchmarks.age"],
        ["benchmarks.speed"],
        ["benchmarks.scale"],
        ["benchmarks.serving"],
        ["benchmarks.soak"],
        ["benchmarks.code_server"],
    ]
    if options.data:
        commands += [
            [f"benchmarks.{name}", "--data", options.data]
            for name in ("accuracy", "years", "weather", "quantiles", "robustness")
        ]
    else:
        commands += [["benchmarks.quantiles"], ["benchmarks.robustness"]]
        print("Without --data, a folder with real data, most of the forecasts are not measured.")
    return max(
        subprocess.run([sys.executable, "-m", *command, *markdown]).returncode
        for command in commands
    )


if __name__ == "__main__":
    sys.exit(main())
