"""How a host repeats its SYN: the times tell the system, and when the program gave up (RFC 9293 §3.8.1, tcp(7)).

Measured on Linux: since 6.5 the first retries are a second apart (tcp_syn_linear_timeouts), before they doubled from
the start. macOS also begins with retries a second apart. Must not know: SSH, files, results.
"""

import itertools
from collections.abc import Sequence
from typing import Final

_SECOND: Final = 1_000_000_000
_LINEAR: Final = 5
"""Intervals of a second before they double."""
_NEAR: Final = 0.15


def back_off(times: Sequence[int], observed_until: int) -> tuple[str, ...]:
    """What the times of the same SYN say, in sentences: the pattern, and when the asking ended."""
    apart = [(later - earlier) / _SECOND for earlier, later in itertools.pairwise(times)]
    if not apart or min(apart) <= 0.5:
        return ()
    pattern, due = _pattern(apart)
    listed = ", ".join(f"{(time - times[0]) / _SECOND:.1f}" for time in times[:8])
    said = [f"They came at {listed} s{pattern}."]
    last = (times[-1] - times[0]) / _SECOND
    watched = (observed_until - times[0]) / _SECOND
    if due is not None and watched > last + due * (1 + _NEAR) + 0.2:
        said.append(
            f"The next one was due {last + due:.0f} s after the first and is not in the capture: the client gave up"
            f" between {last:.0f} and {last + due:.0f} s, at a limit of its own (ConnectTimeout) or of its user."
        )
    return tuple(said)


def _pattern(apart: list[float]) -> tuple[str, float | None]:
    """The pattern in words, and the time until the next SYN."""
    linear = all(abs(one - 1) <= _NEAR for one in apart[:_LINEAR])
    if linear and len(apart) >= 2:
        known = " (first a second apart: Linux since 6.5, or macOS)"
        doubles = apart[_LINEAR:]
        if not doubles:
            return known, 1.0 if len(apart) < _LINEAR else 2.0
        return known, 2 * doubles[-1]
    doubling = all(abs(later / earlier - 2) <= 2 * _NEAR for earlier, later in itertools.pairwise(apart))
    if doubling and len(apart) >= 2:
        return " (doubled each time: Linux before 6.5, Windows and others)", 2 * apart[-1]
    return "", None
