"""Zeek's `conn_state` for a recording, by the definitions in Zeek's documentation of `Conn::Info`."""

from sshpcap.frames import ACK, SYN
from sshpcap.tcp.recorder import Recorder


def conn_state(recorder: Recorder, originator: int) -> str:
    """One of S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH."""
    mine, theirs = recorder.directions[originator], recorder.directions[1 - originator]
    syn = any(e.flags & (SYN | ACK) == SYN and e.direction == originator for e in recorder.events)
    syn_ack = any(e.flags & (SYN | ACK) == SYN | ACK and e.direction != originator for e in recorder.events)
    reset_by = {e.direction for e in recorder.resets}
    if not syn and not syn_ack:
        return "OTH"
    if syn and not syn_ack:
        if 1 - originator in reset_by:
            return "REJ"
        if originator in reset_by:
            return "RSTOS0"
        return "SH" if mine.fin else ("S0" if not theirs.frames else "OTH")
    if not syn:
        if 1 - originator in reset_by:
            return "RSTRH"
        return "SHR" if theirs.fin else "OTH"
    if recorder.resets:
        return "RSTO" if recorder.resets[0].direction == originator else "RSTR"
    if mine.fin and theirs.fin:
        return "SF"
    return "S2" if mine.fin else "S3" if theirs.fin else "S1"


def history(recorder: Recorder, originator: int) -> str:
    """The letters in order of appearance, those of the originator in upper case."""
    letters = "".join(recorder.history)
    return letters if originator == 0 else letters.swapcase()
