"""Times as other tools write them."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ttci.history.importing.figures import number
from ttci.history.series import in_utc

_SECONDS_UNTIL_MILLISECONDS = 1e11  # 5138 as seconds, 1973 as milliseconds: who writes which is clear
_FRACTION = re.compile(r"\.(\d+)")


def time_of(value: Any) -> datetime | None:
    """A time in UTC: milliseconds or seconds since 1970, ISO 8601, or RFC 2822; None where it is none.

    A text that names no zone is UTC.
    """
    seconds = number(value)
    if seconds is not None:
        seconds = seconds / 1e3 if abs(seconds) >= _SECONDS_UNTIL_MILLISECONDS else seconds
        try:
            return datetime.fromtimestamp(seconds, timezone.utc)
        except (OverflowError, ValueError, OSError):
            return None
    if not isinstance(value, str):
        return None
    found = _iso(value.strip()) or _mail(value.strip())
    if found is None:
        return None
    try:
        return in_utc(found)
    except OverflowError:
        return None


def _iso(text: str) -> datetime | None:
    """Python 3.10 reads no Z, and fractions of three or six digits only."""
    text = _FRACTION.sub(lambda match: f".{match[1][:6]:0<6}", re.sub("[zZ]$", "+00:00", text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _mail(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
