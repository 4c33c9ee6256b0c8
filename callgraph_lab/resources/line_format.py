"""What the lines of a target's log are to end with, as the user gives it."""

from __future__ import annotations

from dataclasses import dataclass

from callgraph_lab.errors import UsageError
from callgraph_lab.resources.log_lines import DEFAULT_FORMAT, FIELDS


@dataclass(frozen=True, slots=True)
class LogResources:
    """The arguments of ``log_lines.install``: a format, and for which loggers (none: for all)."""

    line_format: str = DEFAULT_FORMAT
    loggers: tuple[str, ...] = ()


def check_line_format(line_format: str) -> str:
    """Return a format that can be filled in. Raise ``UsageError`` for one that cannot."""
    reason = "" if line_format.isprintable() else "it has characters that cannot be printed"
    try:
        line_format.format(**dict.fromkeys(FIELDS, "1"))
    except KeyError as error:
        reason = f"it names {error.args[0]!r}"
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        reason = str(error)
    if reason:
        fields = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise UsageError(
            f"{line_format!r} is no format for --log-resources-format: {reason}",
            hint=f"it may have {fields}, as in {DEFAULT_FORMAT!r}",
        )
    return line_format
