"""The slow oracle of the record log: lists of batches, worked out one record at a time."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import pandas as pd

from energy_assets.contract.rules import validate_records
from energy_assets.schemas import CONSUMPTION
from energy_assets.sources.profiles import DatasetProfile
from energy_assets.sources.times import utc_times

Record = tuple[str | None, ...]
"""The texts of a record, in the order of the profile's columns."""


@dataclass(frozen=True)
class Batch:
    """The records about one thing in one answer."""

    records: list[Record]
    seen_at: datetime
    known_at: datetime


@dataclass
class HourModel:
    """What should be known of an hour."""

    hour: datetime
    profile: DatasetProfile
    batches: dict[Record, list[Batch]] = field(default_factory=dict)
    """By what they are about, oldest first."""

    _judgements: dict[int, tuple[pd.DataFrame, list[tuple[str, str]]]] = field(default_factory=dict)

    def publish(self, records: list[Record], seen_at: datetime, late: bool) -> None:
        answer: dict[Record, list[Record]] = defaultdict(list)
        for record in records:
            answer[self.subject(record)].append(record)
        for subject, published in answer.items():
            batches = self.batches.setdefault(subject, [])
            if not batches:
                batches.append(Batch(published, seen_at, seen_at if late else self.hour))
            elif Counter(published) != Counter(batches[-1].records):
                batches.append(Batch(published, seen_at, seen_at))

    def subject(self, record: Record) -> Record:
        """What a record is about: its key, however the time is written."""
        return (_in_one_form(record[0]), *record[1:-1])

    def log(self) -> list[tuple[Record, datetime, datetime]]:
        """Every record with `seen_at` and `known_at`."""
        return sorted(
            (
                (record, batch.seen_at, batch.known_at)
                for batches in self.batches.values()
                for batch in batches
                for record in batch.records
            ),
            key=repr,
        )

    def times(self) -> set[datetime]:
        """When something became known."""
        return {batch.known_at for batches in self.batches.values() for batch in batches}

    def rows(self, known_by: datetime) -> pd.DataFrame:
        """The rows as they were known at a time."""
        known = [
            [batch for batch in batches if batch.known_at <= known_by]
            for batches in self.batches.values()
        ]
        newest = [batches[-1] for batches in known if batches]
        frames = [self._judged(batch)[0] for batch in newest]
        empty = pd.DataFrame(columns=list(CONSUMPTION.dtypes)).astype(CONSUMPTION.dtypes)
        rows = pd.concat([empty, *frames], ignore_index=True)
        return rows.sort_values(list(CONSUMPTION.key), ignore_index=True)

    def quarantine(self, newest_only: bool = False) -> Counter[tuple[str, str]]:
        """The reason and the text of every invalid record."""
        return Counter(
            invalid
            for batches in self.batches.values()
            for batch in (batches[-1:] if newest_only else batches)
            for invalid in self._judged(batch)[1]
        )

    def _judged(self, batch: Batch) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        if id(batch) not in self._judgements:
            self._judgements[id(batch)] = self._judge(batch)
        return self._judgements[id(batch)]

    def _judge(self, batch: Batch) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
        frame = pd.DataFrame(batch.records, columns=list(self.profile.columns), dtype=object)
        judged = validate_records(
            frame, self.profile, pd.Series(pd.Timestamp(self.hour), frame.index)
        )
        reasons = [
            (
                reason,
                json.dumps(
                    dict(zip(self.profile.columns, record, strict=True)), ensure_ascii=False
                ),
            )
            for reason, record in zip(judged.reasons, batch.records, strict=True)
            if isinstance(reason, str)
        ]
        return judged.rows, reasons


@cache
def _in_one_form(time: str | None) -> str | None:
    read = utc_times(pd.Series([time], dtype=object))[0]
    return time if read is pd.NaT else read.isoformat()
