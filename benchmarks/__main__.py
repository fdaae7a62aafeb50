"""All benchmarks, one after the other: `python -m benchmarks [--file CSV]`."""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> int:
    """Run each benchmark in a process of its own; the exit status is the worst of theirs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", help="real data (ConsumptionDE35Hour as CSV), for the accuracy")
    options = parser.parse_args()
    commands = [["-m", "benchmarks.runs"]]
    if options.file:
        commands.append(["-m", "benchmarks.accuracy", "--file", options.file])
    else:
        print("Without --file, a copy of ConsumptionDE35Hour, accuracy is not measured.")
    return max(subprocess.run([sys.executable, *command]).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
