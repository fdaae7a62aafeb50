"""Whatever is published, in however many answers, each record is in exactly one place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_assets.contract.record_log import add_records, by_requested_hour, newest_batches, seen
from energy_assets.contract.row_versions import new_versions, row_versions
from energy_assets.contract.rules import validate_records
from energy_assets.partitions import hour_of, key_of
from energy_assets.schemas import CONSUMPTION_VERSIONS, PRIMARY_KEY
from energy_assets.sources.profiles import PROFILES, DatasetProfile
from energy_assets.sources.times import utc_times
from energy_assets.stores.parquet import decode, encode
from energy_assets.stores.versions import newest_versions
from energy_assets_tests.contract.log_model import HourModel
from energy_assets_tests.generated import many_examples
from energy_assets_tests.sources.generated import HOUR, START, Record, frame, records

KEYS = [key_of(START), key_of(START + HOUR)]
"""The partitions that are requested. Generated records are of two more hours."""

fewer_examples = settings(
    many_examples, max_examples=many_examples.max_examples // 40, deadline=None
)
"""Each of these has several answers, with tens of records."""

profiles = st.sampled_from(list(PROFILES.values()))


@dataclass(frozen=True)
class Answer:
    """What a source publishes at a time."""

    records: list[Record]
    seen_at: datetime
    late: bool
    """Whether forecasts have been made without it."""


def many_records(profile: DatasetProfile) -> st.SearchStrategy[list[Record]]:
    """Tens of records, some of which are about the same."""
    return st.tuples(*[records(profile)] * 4).map(lambda parts: [*chain(*parts)])


@st.composite
def histories(draw: st.DrawFn, profile: DatasetProfile) -> list[Answer]:
    """Up to four answers: each emptier, fuller or different than the one before, or the same."""
    published = draw(many_records(profile))
    seen_at = START + timedelta(days=1)
    history = []
    for _ in range(draw(st.integers(1, 4))):
        history.append(Answer(published, seen_at, draw(st.booleans())))
        seen_at += draw(st.sampled_from([timedelta(microseconds=1), HOUR]))
        kept = [record for record in published if draw(st.integers(0, 3))]
        more = draw(records(profile, max_size=4))
        changed = [
            {**record, profile.value_column: other[profile.value_column]}
            for record, other in zip(kept, more, strict=False)
        ]
        published = draw(st.permutations([*kept[len(changed) :], *changed, *more]))
    return history


def texts(published: pd.DataFrame, profile: DatasetProfile) -> list[tuple[str | None, ...]]:
    plain = published[list(profile.columns)].astype(object)
    return list(plain.mask(plain.isna(), other=None).itertuples(index=False, name=None))


class Stored:
    """The logs after some answers, and what they should hold."""

    def __init__(self, profile: DatasetProfile, history: Sequence[Answer] = ()) -> None:
        self.profile = profile
        self.logs: dict[str, pd.DataFrame] = {}
        self.models = {key: HourModel(hour_of(key), profile) for key in KEYS}
        for answer in history:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        published = by_requested_hour(frame(answer.records, self.profile), self.profile, KEYS)
        for key, part in published.items():
            self.models[key].publish(texts(part, self.profile), answer.seen_at, answer.late)
            old = self.logs.get(key)
            new = seen(part, hour_of(key), answer.seen_at, answer.late)
            log = add_records(old, new, self.profile)
            if log is not None:
                if old is not None and len(old):
                    assert texts(log.iloc[: len(old)], self.profile) == texts(old, self.profile)
                self.logs[key] = decode(encode(log, {}), key)


@fewer_examples
@given(data=st.data(), profile=profiles)
def test_generated_records_are_rows_or_in_quarantine(
    data: st.DataObject, profile: DatasetProfile
) -> None:
    published = frame(data.draw(many_records(profile)), profile)
    validated = validate_records(published, profile)
    assert len(validated.rows) + len(validated.quarantine) == validated.published == len(published)
    remaining = Counter(texts(published, profile))
    remaining.subtract(
        tuple(json.loads(record)[name] for name in profile.columns)
        for record in validated.quarantine["record"]
    )
    assert min(remaining.values(), default=0) >= 0
    valid = pd.DataFrame(remaining.elements(), columns=list(profile.columns), dtype=object)
    assert sorted(valid[profile.consumer_type_column]) == sorted(validated.rows["consumer_type"])
    hours = utc_times(valid[profile.time_column])
    assert sorted(hours) == sorted(validated.rows["datetime_utc"])
    assert not validated.rows.duplicated(list(PRIMARY_KEY)).any()


@fewer_examples
@given(data=st.data(), profile=profiles)
def test_generated_answers_are_in_the_log_once_and_then_in_one_place(
    data: st.DataObject, profile: DatasetProfile
) -> None:
    history = data.draw(histories(profile))
    stored = Stored(profile, history)
    for key, log in stored.logs.items():
        times = zip(log["seen_at"], log["known_at"], strict=True)
        entries = zip(texts(log, profile), times, strict=True)
        found = [
            (text, seen_at.to_pydatetime(), known_at.to_pydatetime())
            for text, (seen_at, known_at) in entries
        ]
        assert sorted(found, key=repr) == stored.models[key].log()
    in_logs = {text for log in stored.logs.values() for text in texts(log, profile)}
    published = [frame(answer.records, profile) for answer in history]
    assert in_logs == {text for answer in published for text in texts(answer, profile)}
    judged = row_versions(stored.logs, profile)
    for key, model in stored.models.items():
        hour = pd.Timestamp(hour_of(key))
        log = stored.logs[key]
        newest = newest_batches(log, profile) if len(log) else log
        rows = judged.newest.rows[judged.newest.rows["datetime_utc"] == hour]
        quarantines = [judged.newest.quarantine, judged.quarantine]
        counted = [
            Counter(
                frame[frame["hour"] == hour][["reason", "record"]].itertuples(
                    index=False, name=None
                )
            )
            for frame in quarantines
        ]
        assert counted == [model.quarantine(newest_only=True), model.quarantine()]
        assert len(rows) + counted[0].total() == len(newest)
        # What has been corrected since was a row, in quarantine, or both one after the other.
        assert counted[1].total() <= len(log)


@fewer_examples
@given(data=st.data(), profile=profiles)
def test_generated_logs_give_the_rows_that_were_known_at_each_time(
    data: st.DataObject, profile: DatasetProfile
) -> None:
    stored = Stored(profile)
    versions = pd.DataFrame(columns=list(CONSUMPTION_VERSIONS.dtypes))
    for answer in data.draw(histories(profile)):
        stored.add(answer)
        judged = row_versions(stored.logs, profile)
        added = new_versions(judged.versions, versions, answer.seen_at)
        versions = pd.concat([versions.astype(added.dtypes), added], ignore_index=True)
    times = set().union(*(model.times() for model in stored.models.values()))
    moment = timedelta(microseconds=1)
    for time in sorted({START - HOUR, *times, *(time - moment for time in times)}):
        expected = pd.concat(
            [model.rows(time) for model in stored.models.values()], ignore_index=True
        ).sort_values(list(PRIMARY_KEY), ignore_index=True)
        pd.testing.assert_frame_equal(newest_versions(judged.versions, time), expected)
    # Storing them step by step gives the same as judging the whole log in the end.
    pd.testing.assert_frame_equal(
        versions.sort_values(list(CONSUMPTION_VERSIONS.key), ignore_index=True),
        judged.versions,
    )
