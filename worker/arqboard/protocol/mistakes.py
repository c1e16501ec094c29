"""What pydantic says of a wrong value, as sentences that know their parts; in English they are its own words.

The frequent ones are here. What is not stays as pydantic says it, in English, whatever language it is shown among.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

from .said import Said

#: By the kinds of errors; several where pydantic has a plural, or other words for JSON.
MISTAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "missing": ("field required",),
    "none_required": ("input should be null", "input should be None"),
    "int_type": ("input should be a valid integer",),
    "int_parsing": ("input should be a valid integer, unable to parse string as an integer",),
    "int_from_float": ("input should be a valid integer, got a number with a fractional part",),
    "float_type": ("input should be a valid number",),
    "float_parsing": ("input should be a valid number, unable to parse string as a number",),
    "finite_number": ("input should be a finite number",),
    "bool_type": ("input should be a valid boolean",),
    "bool_parsing": ("input should be a valid boolean, unable to interpret input",),
    "string_type": ("input should be a valid string",),
    "string_too_short": (
        "string should have at least %(min_length)s character",
        "string should have at least %(min_length)s characters",
    ),
    "string_too_long": (
        "string should have at most %(max_length)s character",
        "string should have at most %(max_length)s characters",
    ),
    "string_pattern_mismatch": ("string should match pattern '%(pattern)s'",),
    "greater_than": ("input should be greater than %(gt)s",),
    "greater_than_equal": ("input should be greater than or equal to %(ge)s",),
    "less_than": ("input should be less than %(lt)s",),
    "less_than_equal": ("input should be less than or equal to %(le)s",),
    "multiple_of": ("input should be a multiple of %(multiple_of)s",),
    "list_type": ("input should be a valid array", "input should be a valid list"),
    "dict_type": ("input should be an object", "input should be a valid dictionary"),
    "model_type": ("input should be an object",),
    "literal_error": ("input should be %(expected)s",),
    "date_type": ("input should be a valid date",),
    "date_parsing": ("input should be a valid date in the format YYYY-MM-DD, %(error)s",),
    "date_from_datetime_parsing": ("input should be a valid date or datetime, %(error)s",),
    "datetime_type": ("input should be a valid datetime",),
    "datetime_parsing": ("input should be a valid datetime, %(error)s",),
    "datetime_from_date_parsing": ("input should be a valid datetime or date, %(error)s",),
    "time_type": ("input should be a valid time",),
    "time_parsing": ("input should be in a valid time format, %(error)s",),
    "time_delta_type": ("input should be a valid duration", "input should be a valid timedelta"),
    "time_delta_parsing": (
        "input should be a valid duration, %(error)s",
        "input should be a valid timedelta, %(error)s",
    ),
}
#: What stands for `error` in those of times.
TIME_MISTAKES: Final = (
    "input is too short", "unexpected extra characters at the end of the input", "invalid character in year",
    "invalid character in month", "invalid character in day", "invalid character in hour",
    "invalid character in minute", "month value is outside expected range of 1-12",
    "day value is outside expected range", "hour value is outside expected range of 0-23",
    "minute value is outside expected range of 0-59", "second value is outside expected range of 0-59",
    "invalid date separator, expected `-`", "invalid time separator, expected `:`",
    "invalid datetime separator, expected `T`, `t`, `_` or space", "invalid digit in duration",
)  # fmt: skip


def sentence_of(detail: ErrorDetails) -> str:
    """One error's message, which begins with a small letter, as the others that stand beside a field do."""
    text = detail["msg"][:1].lower() + detail["msg"][1:]
    templates = MISTAKES.get(detail["type"], ())
    values = {name: Said(str(v)) if name == "error" else v for name, v in detail.get("ctx", {}).items()}
    return next((said for template in templates if (said := Said(template, **values)) == text), text)
