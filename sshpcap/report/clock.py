"""How a report shows moments: UTC, the reader's zone, or counted from the connection's first frame. Durations are in
`heading`.
"""

from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

TimeMode = Literal["relative", "utc", "local"]
TIME_MODES: Final[tuple[TimeMode, ...]] = ("relative", "utc", "local")


class Clock(NamedTuple):
    """What the user asked for with `--time`."""

    mode: TimeMode = "relative"

    def moment(self, ns: int) -> str:
        """A moment to the millisecond, with its zone; in UTC where times are counted from the first frame."""
        if self.mode != "local":
            return f"{_utc(ns):%Y-%m-%d %H:%M:%S}.{_fraction(ns, 3)} UTC"
        there = _utc(ns).astimezone()
        return f"{there:%Y-%m-%d %H:%M:%S}.{_fraction(ns, 3)} {there:%z}"

    def of_row(self, ns: int, start: int) -> str:
        """The time of a row of a connection that began at `start`: seconds since then, or the time of day."""
        if self.mode == "relative":
            return f"{(ns - start) / 1e9:.6f}"
        there = _utc(ns) if self.mode == "utc" else _utc(ns).astimezone()
        return f"{there:%H:%M:%S}.{_fraction(ns, 6)}"

    @property
    def column(self) -> str:
        """Heading of the column of times."""
        return {"relative": "seconds", "utc": "time (UTC)", "local": "local time"}[self.mode]


def _utc(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC)


def _fraction(ns: int, digits: int) -> str:
    return f"{ns % 1_000_000_000:09d}"[:digits]
