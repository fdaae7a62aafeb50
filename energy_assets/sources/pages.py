"""A page of Energi Data Service -> records with every value as text."""

from __future__ import annotations

import json
from typing import Any

Record = dict[str, str | None]
"""A published record: text by column."""


def read_page(content: bytes) -> tuple[list[Record], int]:
    r"""The records of a page, and the total number of rows that it gives.

    Numbers keep their digits. A list or an object within a record becomes its JSON, and a character
    that is no Unicode text (half of a surrogate pair) its escape, such as `\ud800`. So any
    record can be stored, and is judged by the contract.

    Raises ValueError, with what is wrong, if the content is not such a page.
    """
    try:
        page = json.loads(content, parse_float=str, parse_int=str, parse_constant=str)
        records, total = page["records"], int(page["total"])
        if isinstance(records, list) and all(isinstance(record, dict) for record in records):
            return [_as_text(record) for record in records], total
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"something that is not JSON ({error})") from None
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError("JSON that is not {'total': ..., 'records': [...]}")


def _as_text(record: dict[str, Any]) -> Record:
    return {
        _storable(name): None
        if value is None
        else _storable(value if isinstance(value, str) else json.dumps(value))
        for name, value in record.items()
    }


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
