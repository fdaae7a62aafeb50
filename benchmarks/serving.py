"""The HTTP service: latency, throughput, memory, and how soon a new forecast is seen.

    python -m benchmarks.serving --requests 500000

A real server process answers on loopback from a store that was written for it; wrk asks, and next
to it a bare FastAPI route answers in a process of its own. An answer is *made* if nobody has asked
for it since the forecast was published; those after it are *kept*.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import orjson
import pandas as pd

from benchmarks import tables
from benchmarks.servers import Answers, Server, bare_service, service
from benchmarks.serving_store import SIMULATED, Store, build

RATE = 200
"""Requests a second."""
P99_BOUND, RATIO_BOUND = 25.0, 3.0
"""Milliseconds; times the bare route."""
WHOLE_BOUND, SEEN_BOUND = 1.0, 2.0
"""Seconds."""
MOST_GROWTH = 1.05
"""Memory may grow this much in the last four fifths of the requests."""

Row = dict[str, object]


def main() -> int:
    """Print the tables; the exit status is 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, nargs="+", default=[SIMULATED, 10_000])
    parser.add_argument("--seconds", type=int, default=3, help="of each load in a round")
    parser.add_argument("--rounds", type=int, default=3, help="of all loads, one after the other")
    parser.add_argument("--requests", type=int, default=20_000, help="while memory is watched")
    tables.add_options(parser)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed (apt-get install wrk), so the service is not measured.")
        return 0
    load = os.getloadavg()[0]
    loads: list[Row] = []
    wholes: list[Row] = []
    seen: list[Row] = []
    memory: list[Row] = []
    for count in options.series:
        with tempfile.TemporaryDirectory() as folder:
            store = build(Path(folder), count)
            store.name(store.publications[0])
            started = time.monotonic()
            with service(store.environment) as server, bare_service() as bare:
                seen.append({"series": count, "start s": time.monotonic() - started})
                seen[-1]["first sum s"] = _seconds(lambda: server.get("/v1/forecasts?sum=total"))
                loads += _loads(server, bare, store, options.seconds, options.rounds)
                wholes += _wholes(server, count)
                seen[-1] |= _moves(server, store)
                memory += _memory(server, store, options.requests)
    before = f"load of the machine before: {load:.1f}"
    found = {
        f"{RATE} requests a second, medians of {options.rounds} ({before})": pd.DataFrame(loads),
        "All series, to the last byte, median of 3": pd.DataFrame(wholes),
        "After the start, and when the pointer moves (four times)": pd.DataFrame(seen),
        f"Memory in MB, {options.requests:,} requests": pd.DataFrame(memory),
    }
    tables.publish("serving", {title: _indexed(frame) for title, frame in found.items()}, options)
    return int(_exceeds(*found.values()))


def _indexed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index(frame.columns[0])


def _exceeds(
    loads: pd.DataFrame, wholes: pd.DataFrame, seen: pd.DataFrame, memory: pd.DataFrame
) -> bool:
    """Whether a figure is above its bound."""
    single = loads[loads["what"].str.contains("one series")]
    late = (single["p99 ms"] > P99_BOUND) | (single["p99, bare = 1"] > RATIO_BOUND)
    slow = (wholes[["made s", "kept s"]] > WHOLE_BOUND).any(axis=None)
    unseen = seen["seen after s"] > SEEN_BOUND
    samples = memory.filter(like="after")
    grown = samples.iloc[:, -1] > MOST_GROWTH * samples.iloc[:, 0]
    return bool(late.any() or loads["errors"].any() or slow or unseen.any() or grown.any())


def _addresses(store: Store) -> dict[str, list[str]]:
    """Kind of question -> its addresses. `limit={n}` makes a question new, not its answer."""
    chosen = store.keys[:: max(len(store.keys) // 1_000, 1)]
    pairs = [f"area={area}&consumer_type={code}" for area, code in chosen]
    areas = sorted({area for area, _ in store.keys})
    names = {"DK1": "1", "DK2": "2"} if len(store.keys) == SIMULATED else {}
    return {
        "one series, made": [f"/v1/forecasts?{pair}&limit={{n}}" for pair in pairs],
        "one series, kept": [f"/v1/forecasts?{pair}" for pair in pairs[:50]],
        "one series, history and quantiles, made": [
            f"/v1/forecasts?{pair}&history=72&quantiles=0.05,0.95&limit={{n}}" for pair in pairs
        ],
        "sum of an area, kept": [f"/v1/forecasts?sum=total&area={area}" for area in areas],
        "the course's predictions": [
            f"/api/v1/predictions/{names.get(area, area)}/{code}" for area, code in chosen
        ],
    }


def _loads(server: Server, bare: Server, store: Store, seconds: int, rounds: int) -> Iterator[Row]:
    """Each kind of question at a steady rate, in turn, and as fast as it is answered."""
    kinds: list[tuple[str, Server, list[str]]] = [
        ("bare route", bare, ["/bare?series={n}"]),
        *((name, server, addresses) for name, addresses in _addresses(store).items()),
    ]
    for _, asked, addresses in kinds:
        for address in addresses[:50]:  # those to be kept are kept from here on
            asked.get(address.replace("{n}", "10000"))
    turns = [
        [asked.ask(addresses, seconds, RATE) for _, asked, addresses in kinds]
        for _ in range(rounds)
    ]
    reference: dict[str, float] = {}
    for (name, asked, addresses), steady in zip(kinds, zip(*turns, strict=True), strict=True):
        fastest = asked.ask(addresses, seconds, connections=8)
        figures = {
            "p50": statistics.median(one.p50 for one in steady),
            "p99": statistics.median(one.p99 for one in steady),
        }
        reference = reference or figures
        yield {
            "what": f"{len(store.keys):,} series: {name}",
            **{f"{key} ms": value for key, value in figures.items()},
            **{f"{key}, bare = 1": value / reference[key] for key, value in figures.items()},
            "at most a second": fastest.requests / fastest.seconds,
            "errors": sum(one.errors for one in [*steady, fastest]),
        }


def _wholes(server: Server, count: int) -> Iterator[Row]:
    """The newest forecast of all series in each form, and sums of them."""
    for name, parameters, gzip in (
        ("JSON rows", "format=json", False),
        ("JSON rows, gzip", "format=json", True),
        ("JSON columns", "format=json&layout=columns", False),
        ("JSON columns, gzip", "format=json&layout=columns", True),
        ("CSV", "format=csv", False),
        ("Parquet", "format=parquet", False),
        ("Arrow", "format=arrow", False),
        ("sum", "sum=total", False),
    ):
        path = f"/v1/forecasts?{parameters}"
        # Another Accept is another question with the same answer. The largest are not kept.
        made, size = _median([partial(server.get, path, f"*/*;q=0.{n}", gzip) for n in (1, 2, 3)])
        server.get(path, gzip=gzip)
        kept, _ = _median([partial(server.get, path, gzip=gzip)] * 3)
        yield {
            "what": f"{count:,} series: {name}",
            "MB": size / 1e6,
            "made s": made,
            "kept s": kept,
        }


def _median(calls: Sequence[Callable[[], bytes]]) -> tuple[float, int]:
    """The median seconds of the calls, and the bytes of an answer."""
    seconds = []
    for call in calls:
        started = time.perf_counter()
        size = len(call())
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), size


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _moves(server: Server, store: Store) -> Row:
    """Let the pointer name another forecast four times, while the service answers."""
    found: list[Answers] = []
    addresses = _addresses(store)["one series, made"]
    waits = []
    asking = threading.Thread(
        target=lambda: found.append(server.ask(addresses, 32, RATE)), daemon=True
    )
    asking.start()
    for number in range(1, 5):
        # In use the pointer moves once an hour: what is read after a move has ended by then.
        time.sleep(5)
        published = store.publications[number % 2]
        wanted = f"{published.origin.isoformat()}Z"
        store.name(published)
        moved = time.perf_counter()
        while orjson.loads(server.get("/v1/last-updated"))["origin"] != wanted:
            time.sleep(0.01)
            if time.perf_counter() - moved > 60:
                raise SystemExit("the service does not see a pointer that has moved")
        waits.append(time.perf_counter() - moved)
    asking.join()
    return {
        "seen after s": max(waits),
        "median s": statistics.median(waits),
        "p50 ms meanwhile": found[0].p50,
        "p99 ms meanwhile": found[0].p99,
        "slowest ms meanwhile": found[0].slowest,
    }


def _memory(server: Server, store: Store, requests: int) -> Iterator[Row]:
    """Memory before, and after each fifth of the requests, of all kinds."""
    every = [address for addresses in _addresses(store).values() for address in addresses]
    row: Row = {"series": len(store.keys), "before": server.memory}
    answered = 0
    for part in range(1, 6):
        while answered < part * requests // 5:
            answered += server.ask(every, 3, connections=8).requests
        row[f"after {part * requests // 5:,}"] = server.memory
    yield row


if __name__ == "__main__":
    sys.exit(main())
