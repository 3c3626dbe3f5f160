"""Moments and durations in whole nanoseconds, and how JSON shows them. Floating point never holds a time."""

from datetime import UTC, datetime
from functools import lru_cache, total_ordering


@lru_cache(1024)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}."


@total_ordering
class Timestamp:
    """A moment in whole nanoseconds since 1970-01-01 UTC; in JSON RFC 3339 with nine decimals."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __str__(self) -> str:
        seconds, fraction = divmod(self.ns, 1_000_000_000)
        return f"{_second(seconds)}{fraction:09d}Z"

    def __repr__(self) -> str:
        return f"Timestamp({self.ns})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.ns == other.ns

    def __lt__(self, other: "Timestamp") -> bool:
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __reduce__(self) -> "tuple[type[Timestamp], tuple[int]]":
        return Timestamp, (self.ns,)

    def __sub__(self, other: "Timestamp") -> "Duration":
        return Duration(self.ns - other.ns)

    @classmethod
    def parse(cls, text: str) -> "Timestamp":
        """The inverse of `str`. Raises ValueError."""
        whole, _, fraction = text.removesuffix("Z").partition(".")
        return cls(int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 1_000_000_000 + int(fraction))


@total_ordering
class Duration:
    """A length of time in whole nanoseconds; in JSON a number of seconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.ns / 1_000_000_000

    def __repr__(self) -> str:
        return f"Duration({self.ns})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __lt__(self, other: "Duration") -> bool:
        return self.ns < other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __reduce__(self) -> "tuple[type[Duration], tuple[int]]":
        return Duration, (self.ns,)
