"""Zeek's `conn_state` and `history` for a recording, by the definitions in Zeek's documentation of `Conn::Info`.

What that leaves open (a RST behind a FIN, a SYN that was not captured) is decided as Zeek's TCP analyzer does.
"""

import re
from enum import Enum
from typing import Final

from sshpcap.frames import ACK, FIN, RST, SYN
from sshpcap.tcp.recorded import Event
from sshpcap.tcp.recorder import Recorder

_HALF_OPEN_RESET: Final = re.compile(r"S[^HAFGIQ]*R")


class _State(Enum):
    INACTIVE = "nothing captured"
    PARTIAL = "captured, but not its SYN"
    SYN_SENT = "SYN sent"
    ESTABLISHED = "established"
    CLOSED = "FIN sent"
    RESET = "RST sent"
    RESET_CLOSED = "RST sent behind a FIN"


_UNSEEN: Final = (_State.INACTIVE, _State.PARTIAL)
_BOTH: Final = [_State.ESTABLISHED, _State.ESTABLISHED]
_RESET: Final = (_State.RESET, _State.RESET_CLOSED)


def conn_state(recorder: Recorder, originator: int) -> str:
    """One of S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH."""
    states = [_State.INACTIVE, _State.INACTIVE]
    both = False
    for event in recorder.events:
        if both and not event.flags & (FIN | RST):
            continue  # only a FIN or a RST changes that
        mine = 0 if event.direction == originator else 1
        states[mine], states[1 - mine] = _step(event, states[mine], states[1 - mine], originates=mine == 0)
        both = states == _BOTH
    origin, response = states
    if response in _RESET:
        silent = not any(side.data_bytes for side in recorder.directions)
        if origin is _State.SYN_SENT or (origin in _RESET and silent):
            return "REJ"
        return "RSTRH" if origin in _UNSEEN else "RSTR"
    if origin in _RESET:
        if response in _UNSEEN:
            return "RSTOS0" if _HALF_OPEN_RESET.match(history(recorder, originator)) else "OTH"
        return "RSTO"
    if origin is _State.CLOSED:
        return "SF" if response is _State.CLOSED else "SH" if response in _UNSEEN else "S2"
    if response is _State.CLOSED:
        return "SHR" if origin in _UNSEEN else "S3"
    known = {(_State.SYN_SENT, _State.INACTIVE): "S0", (_State.ESTABLISHED, _State.ESTABLISHED): "S1"}
    return known.get((origin, response), "OTH")


def _step(event: Event, mine: _State, other: _State, *, originates: bool) -> tuple[_State, _State]:
    """The states of the sender of a segment and of the other side behind it."""
    if mine in _RESET:
        return mine, other
    if mine is _State.CLOSED:
        # Behind both FINs a RST changes nothing any more.
        return (_State.RESET_CLOSED if event.flags & RST and other is not _State.CLOSED else mine), other
    if event.flags & RST:
        return _State.RESET, other
    if event.flags & FIN:
        return _State.CLOSED, _State.CLOSED if other is _State.RESET_CLOSED else other
    if mine is not _State.INACTIVE:
        return mine, other
    if event.flags & SYN:
        if originates:
            return _State.SYN_SENT, other
        return _State.ESTABLISHED, _State.ESTABLISHED if other is _State.SYN_SENT else other
    if not originates and not event.length and other is _State.SYN_SENT:
        return mine, other
    return (_State.ESTABLISHED if event.flags & ACK and other is _State.ESTABLISHED else _State.PARTIAL), other


def history(recorder: Recorder, originator: int) -> str:
    """The letters in order of appearance, those of the originator in upper case."""
    letters = "".join(recorder.history)
    return letters if originator == 0 else letters.swapcase()
