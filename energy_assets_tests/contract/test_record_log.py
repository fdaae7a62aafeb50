"""The log of an hour loses nothing, and says what was known of each row at each time."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from energy_assets.contract.record_log import add_records, by_requested_hour, seen
from energy_assets.contract.row_versions import JudgedRecords, new_versions, row_versions
from energy_assets.contract.rules import validate_records
from energy_assets.partitions import HOUR, key_of
from energy_assets.schemas import CONSUMPTION_VERSIONS, PRIMARY_KEY
from energy_assets.sources.profiles import DE35
from energy_assets.stores.parquet import decode, encode
from energy_assets.stores.versions import newest_versions

H = datetime(2023, 2, 1, 10)
NOW = datetime(2023, 2, 2, 12)
SECOND = timedelta(seconds=1)


def answer(*values: tuple[str, str | None], hour: datetime = H) -> pd.DataFrame:
    """What a source publishes: (consumer type, value) in DK1."""
    rows = [(f"{hour:%Y-%m-%dT%H:%M:%S}", "DK1", code, value) for code, value in values]
    return pd.DataFrame(rows, columns=list(DE35.columns), dtype=object)


def log_of(
    *answers: pd.DataFrame, late: bool = False, start: datetime = NOW, hour: datetime = H
) -> pd.DataFrame:
    """The log after an hour was fetched several times, a second apart."""
    log = None
    for number, records in enumerate(answers):
        new = seen(records, hour, start + number * SECOND, late)
        changed = add_records(log, new, DE35)
        log = log if changed is None else changed
    assert log is not None
    return log


def judged(log: pd.DataFrame) -> JudgedRecords:
    return row_versions({key_of(H): log}, DE35)


def values(rows: pd.DataFrame) -> dict[str, float]:
    return dict(zip(rows["consumer_type"], rows["energy_consumption"], strict=True))


def test_the_same_answer_again_adds_nothing() -> None:
    first = log_of(answer(("111", "1"), ("112", "2")))
    again = seen(answer(("112", "2"), ("111", "1")), H, NOW + HOUR, late=True)
    assert add_records(first, again, DE35) is None


def test_an_hour_for_which_nothing_had_been_published_gets_its_first_records() -> None:
    stored = decode(encode(log_of(answer()), {}), "empty.parquet")
    new = seen(answer(("111", "1")), H, NOW + HOUR, late=True)
    pd.testing.assert_frame_equal(add_records(stored, new, DE35), new)
    again = seen(answer(), H, NOW + HOUR, late=True)
    assert add_records(stored, again, DE35) is None


def test_an_emptier_answer_removes_nothing() -> None:
    log = log_of(answer(("111", "1"), ("112", "2")), answer(("111", "1")), answer())
    assert len(log) == 2


def test_a_new_series_is_known_from_its_hour_unless_a_forecast_was_made_without_it() -> None:
    for late, known_at in ((False, H), (True, NOW + SECOND)):
        log = log_of(answer(("111", "1")))
        more = seen(answer(("111", "1"), ("112", "2")), H, NOW + SECOND, late)
        log = add_records(log, more, DE35)
        assert log["known_at"].tolist() == [pd.Timestamp(H), pd.Timestamp(known_at)]
        assert values(newest_versions(judged(log).versions)) == {"111": 1.0, "112": 2.0}


def test_a_correction_is_known_from_when_it_was_seen() -> None:
    judgement = judged(log_of(answer(("111", "1")), answer(("111", "3"))))
    assert values(newest_versions(judgement.versions, known_by=NOW)) == {"111": 1.0}
    assert values(newest_versions(judgement.versions, known_by=NOW + SECOND)) == {"111": 3.0}


def test_a_time_that_is_written_in_another_form_names_the_same_record() -> None:
    answers = [answer(("111", value)) for value in ("1", "1", "3")]
    for records, text in zip(
        answers[1:], ("2023-02-01 10:00", "2023-02-01T11:00+01:00"), strict=True
    ):
        records["HourUTC"] = text
    log = log_of(*answers)
    assert len(log) == 3
    judgement = judged(log)
    assert judgement.versions["energy_consumption"].tolist() == [1.0, 3.0]
    assert judgement.quarantine.empty


def test_a_value_that_comes_back_is_a_version_of_its_own() -> None:
    log = log_of(answer(("111", "1")), answer(("111", "3")), answer(("111", "1")))
    versions = judged(log).versions
    assert versions["energy_consumption"].tolist() == [1.0, 3.0, 1.0]


def test_an_invalid_correction_closes_the_row_until_the_next_valid_one() -> None:
    log = log_of(answer(("111", "1")), answer(("111", "-1")), answer(("111", "2")))
    judgement = judged(log)
    for seconds, expected in ((0, {"111": 1.0}), (1, {}), (2, {"111": 2.0})):
        known_by = NOW + seconds * SECOND
        assert values(newest_versions(judgement.versions, known_by)) == expected
    assert judgement.quarantine["reason"].tolist() == ["negative value"]
    assert judgement.newest.quarantine.empty


def test_a_slow_clock_keeps_the_order_of_the_answers() -> None:
    log = log_of(answer(("111", "1")), start=NOW)
    earlier = seen(answer(("111", "2")), H, NOW - HOUR, late=False)
    log = add_records(log, earlier, DE35)
    assert values(newest_versions(judged(log).versions)) == {"111": 2.0}


def test_the_log_of_the_first_release_counts_as_known_from_its_hour() -> None:
    old = answer(("111", "1"), ("112", "2"))
    assert set(judged(old).versions["known_at"]) == {pd.Timestamp(H)}
    log = add_records(old, seen(answer(("111", "3")), H, NOW, late=False), DE35)
    assert values(newest_versions(judged(log).versions, known_by=H)) == {"111": 1.0, "112": 2.0}
    assert values(newest_versions(judged(log).versions)) == {"111": 3.0, "112": 2.0}


def test_records_go_to_their_hour_and_strays_to_the_first_that_was_requested() -> None:
    times = ["2023-02-01T10:00:00", "2023-02-01T11:00:00", "2023-02-05T00:00:00", "soon", None]
    records = pd.DataFrame(
        [(time, "DK1", "111", "1") for time in times], columns=list(DE35.columns), dtype=object
    )
    hours = by_requested_hour(records, DE35, [key_of(H), key_of(H + HOUR), key_of(H + 2 * HOUR)])
    assert [len(frame) for frame in hours.values()] == [4, 1, 0]
    logs = {key: seen(frame, H, NOW, late=False) for key, frame in hours.items()}
    judgement = row_versions(logs, DE35)
    assert sorted(judgement.quarantine["reason"]) == [
        "another hour than requested",
        "unreadable time",
        "unreadable time",
    ]


def test_stored_versions_are_kept_and_other_rules_give_versions_known_from_now_on() -> None:
    computed = judged(log_of(answer(("111", "1"), ("112", "2")))).versions
    empty = computed.iloc[:0]
    pd.testing.assert_frame_equal(new_versions(computed, empty, NOW), computed)
    assert new_versions(computed, computed, NOW).empty

    by_other_rules = computed.assign(consumer_type=["111", "119"], energy_consumption=[5.0, 7.0])
    added = new_versions(computed, by_other_rules, NOW)
    table = pd.concat([by_other_rules, added])
    assert not table.duplicated(list(CONSUMPTION_VERSIONS.key)).any()
    assert values(newest_versions(table)) == {"111": 1.0, "112": 2.0}
    assert values(newest_versions(table, known_by=H))["111"] == 5.0


@pytest.mark.parametrize("seed", range(25))
def test_random_histories_of_answers_read_at_every_time_as_they_were_then(seed: int) -> None:
    """The slow oracle keeps, for each series, the newest batch of records up to each time."""
    draw = np.random.default_rng(seed)
    answers = []
    for _ in range(draw.integers(1, 7)):
        codes = draw.choice(["111", "112", "119", "nowhere"], size=draw.integers(0, 7))
        texts = draw.choice(np.array(["1", "2", "-3", "x", None], dtype=object), size=len(codes))
        answers.append(answer(*zip(map(str, codes), texts, strict=True)))
    log = log_of(answer(), *answers)
    judgement = judged(log)

    batches: dict[str, pd.DataFrame] = {}
    for number, records in enumerate([answer(), *answers]):
        batches |= dict(tuple(records.groupby("ConsumerType_DE35")))
        state = pd.concat([answer(), *batches.values()], ignore_index=True)
        expected = validate_records(state, DE35).rows
        # What is new in an answer is known from its hour; what it corrects, from when it was seen.
        at = NOW + number * SECOND
        known = newest_versions(judgement.versions, known_by=at)
        corrected = set(known["consumer_type"]) & set(expected["consumer_type"])
        by_type = expected.set_index("consumer_type")["energy_consumption"]
        assert all(values(known)[code] == by_type[code] for code in corrected)
    pd.testing.assert_frame_equal(newest_versions(judgement.versions), expected)

    places = len(judgement.newest.rows) + len(judgement.newest.quarantine)
    assert places == judgement.newest.published
    assert len(judgement.quarantine) <= len(log)
    assert not judgement.versions.duplicated([*PRIMARY_KEY, "known_at"]).any()
    pd.testing.assert_frame_equal(judged(log).versions, judgement.versions)
