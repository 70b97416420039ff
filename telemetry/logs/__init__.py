"""Log lines of every program: one line an event, as text, JSON or logfmt, with the same fields (docs/operations.md)."""

from telemetry.logs.fields import Fields, context, current, enter, fields, words
from telemetry.logs.formats import FORMATS, Formatter
from telemetry.logs.setting_up import LEVELS, Levels, is_set_up, levels_of, log_what_nobody_caught, set_up, write_to

__all__ = [
    "FORMATS",
    "LEVELS",
    "Fields",
    "Formatter",
    "Levels",
    "context",
    "current",
    "enter",
    "fields",
    "is_set_up",
    "levels_of",
    "log_what_nobody_caught",
    "set_up",
    "words",
    "write_to",
]
