"""The five captures: what frames they hold, and when. The same every time.

A shape yields runs of (time in ns, frame), in order of time. Must not know: file formats, sshpcap.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from benchmarks.recorded import ETHERNET, Ends, Numbers, Rows, Step, copies, put, seal, split, template

Frame = tuple[int, bytes]
Shape = Callable[[float], Iterator[list[Frame]]]

_BEGIN: Final = 1_700_000_000_000_000_000
_SECOND: Final = 1_000_000_000
_COMPLETE: Final = ("ok-openssh", "ok-dbclient", "ok-paramiko", "ok-plink", "ok-asyncssh", "ok-dropbear-server")
_FAILED: Final = (
    "no-common-kex-openssh", "no-common-kex-dbclient", "no-common-kex-paramiko", "no-common-kex-plink",
    "no-common-host-key-openssh", "no-common-cipher-openssh", "no-common-mac-openssh", "no-common-cipher-asyncssh",
)  # fmt: skip
_MACS: Final = bytes.fromhex("020000000002 020000000001")
_RUN: Final = 4096
_SEED: Final = 4253


def bulk(scale: float) -> Iterator[list[Frame]]:
    """Four logins of OpenSSH, one after the other, each followed by a transfer: 1 GB in 722,000 frames."""
    transfers, segments = 4, round(160_000 * scale)
    for number in range(transfers):
        begin = _BEGIN + number * 60 * _SECOND
        whole = template("ok-openssh")
        ends = _ends(1, number, spread=1)
        frames = [(begin + step.after, copies(step, ends)[0]) for step in whole.steps]
        closing = next(at for at, step in enumerate(whole.steps) if step.octets[47] & 1)
        yield frames[:closing]
        last = frames[closing - 1][0]
        yield from _transfer(whole.steps, closing, ends, last, segments)
        # What closes it stands behind the data: the client's numbers grow by what it has sent.
        moved = ends._replace(client_shift=ends.client_shift + segments * _PAYLOAD)
        later = last + segments * 50_000 + 1_000_000
        rest = whole.steps[closing:]
        yield [(later + step.after - rest[0].after, copies(step, moved)[0]) for step in rest]


_PAYLOAD: Final = 1448
_ACK_EVERY: Final = 8


def _transfer(steps: tuple[Step, ...], closing: int, ends: Ends, begin: int, segments: int) -> Iterator[list[Frame]]:
    """Full segments of the client, and an acknowledgement of the server for every eighth."""
    mine = [step for step in steps[:closing] if step.by_client and step.octets[47] & 2 == 0][-1]
    answer = [step for step in steps[:closing] if not step.by_client and step.octets[47] & 2 == 0][-1]
    seq = _next_seq(mine)
    acked = int.from_bytes(mine.octets[42:46], "big")
    header = 34 + (mine.octets[46] >> 4) * 4
    noise = np.random.default_rng(_SEED).integers(0, 256, 1 << 20, dtype=np.uint8)
    for first in range(0, segments, _RUN):
        count = min(_RUN, segments - first)
        rows = np.zeros((count, header + _PAYLOAD), dtype=np.uint8)
        rows[:, :header] = np.frombuffer(mine.octets[:header], dtype=np.uint8)
        _address(rows, ends, by_client=True)
        places = first + np.arange(count, dtype=np.int64)
        start = places * 7919 % (len(noise) - _PAYLOAD)
        rows[:, header:] = noise[start[:, None] + np.arange(_PAYLOAD)]
        put(rows, ETHERNET + 2, 2, np.full(count, header - ETHERNET + _PAYLOAD))
        put(rows, ETHERNET + 4, 2, places & 0xFFFF)
        put(rows, 38, 4, seq + ends.client_shift + places * _PAYLOAD)
        put(rows, 42, 4, acked + ends.server_shift + 0 * places)
        rows[:, 47] = 0x10
        seal(rows)
        data = split(rows)
        behind = places[places % _ACK_EVERY == _ACK_EVERY - 1]
        plain = 34 + (answer.octets[46] >> 4) * 4
        rows = np.tile(np.frombuffer(answer.octets[:plain], dtype=np.uint8), (len(behind), 1))
        _address(rows, ends, by_client=False)
        put(rows, ETHERNET + 2, 2, np.full(len(behind), plain - ETHERNET))
        put(rows, ETHERNET + 4, 2, behind + 1 & 0xFFFF)
        put(rows, 38, 4, acked + ends.server_shift + 0 * behind)
        put(rows, 42, 4, seq + ends.client_shift + (behind + 1) * _PAYLOAD)
        rows[:, 47] = 0x10
        seal(rows)
        frames = [(begin + 50_000 * (place + 1), octets) for place, octets in zip(places.tolist(), data, strict=True)]
        frames += [
            (begin + 50_000 * (place + 1) + 20_000, octets)
            for place, octets in zip(behind.tolist(), split(rows), strict=True)
        ]
        frames.sort(key=lambda frame: frame[0])
        yield frames


def _next_seq(step: Step) -> int:
    total = int.from_bytes(step.octets[16:18], "big")
    length = total - 20 - (step.octets[46] >> 4) * 4
    return (int.from_bytes(step.octets[38:42], "big") + length) & 0xFFFFFFFF


def _address(rows: Rows, ends: Ends, *, by_client: bool) -> None:
    client, server = (ends.client[0], ends.client_port[0]), (ends.server[0], 22)
    source, destination = (client, server) if by_client else (server, client)
    every = np.zeros(len(rows), dtype=np.int64)
    for at, size, value in ((26, 4, source[0]), (30, 4, destination[0]), (34, 2, source[1]), (36, 2, destination[1])):
        put(rows, at, size, every + value)


def handshakes(scale: float) -> Iterator[list[Frame]]:
    """Complete connections of six programs, interleaved: 10,000."""
    yield from _connections(_COMPLETE, round(10_000 * scale), every=2_000_000)


def failures(scale: float) -> Iterator[list[Frame]]:
    """Negotiations that fail, of five programs, for four reasons, interleaved: 10,000."""
    yield from _connections(_FAILED, round(10_000 * scale), every=2_000_000)


def mixed(scale: float) -> Iterator[list[Frame]]:
    """TLS, QUIC, DNS, ARP and ping: 1,000,000 frames, and 200 connections of SSH among them."""
    frames = round(1_000_000 * scale)
    span = 100 * _SECOND
    ssh = [frame for run in _connections(_COMPLETE, round(200 * scale), every=span // max(1, round(200 * scale)))
           for frame in run]  # fmt: skip
    yield from _merged(ssh, _other(frames, span))


def flood(scale: float) -> Iterator[list[Frame]]:
    """500,000 SYNs from as many sources to one server, and 50 real connections."""
    syns = round(500_000 * scale)
    span = 60 * _SECOND
    real = [frame for run in _connections(_COMPLETE, round(50 * scale), every=span // max(1, round(50 * scale)))
            for frame in run]  # fmt: skip
    yield from _merged(real, _syns(syns, span))


SHAPES: Final[dict[str, Shape]] = {
    "bulk": bulk, "handshakes": handshakes, "failures": failures, "mixed": mixed, "flood": flood,
}  # fmt: skip


def _ends(count: int, salt: int, *, spread: int) -> Ends:
    """Distinct clients (up to a million) of `spread` servers."""
    number = np.arange(count, dtype=np.int64)
    return Ends(
        client=(10 << 24) + 256 * 256 * (salt + 1) + number // 200 % 65536,
        client_port=20_000 + number % 200 * 200 + number % 199,
        server=(203 << 24 | 0 << 16 | 113 << 8) + 1 + number % spread,
        client_shift=number * 0x01234567 % (1 << 32),
        server_shift=number * 0x089ABCDE % (1 << 32),
    )


def _connections(samples: tuple[str, ...], count: int, every: int) -> Iterator[list[Frame]]:
    """`count` copies of the samples in turn, one begun `every` nanoseconds: about a hundred at once."""
    frames: list[Frame] = []
    for salt, sample in enumerate(samples):
        number = np.arange(salt, count, len(samples), dtype=np.int64)
        if not len(number):
            continue
        ends = _ends(len(number), salt, spread=20)
        for step in template(sample).steps:
            times = (_BEGIN + number * every + step.after).tolist()
            frames += zip(times, copies(step, ends), strict=True)
    frames.sort(key=lambda frame: frame[0])
    yield frames


def _merged(few: list[Frame], many: Iterator[list[Frame]]) -> Iterator[list[Frame]]:
    at = 0
    for run in many:
        until = at
        while until < len(few) and few[until][0] <= run[-1][0]:
            until += 1
        yield sorted([*few[at:until], *run], key=lambda frame: frame[0]) if until > at else run
        at = until
    yield few[at:]


def _syns(count: int, span: int) -> Iterator[list[Frame]]:
    step = next(step for step in template("ok-openssh").steps if step.octets[47] & 2)
    for first in range(0, count, _RUN):
        number = first + np.arange(min(_RUN, count - first), dtype=np.int64)
        # An odd factor makes every source another one.
        ends = Ends(
            client=(number * 2654435761 + 17) % (1 << 29) + (64 << 24),
            client_port=1024 + number * 7919 % 60_000,
            server=np.full(len(number), 203 << 24 | 113 << 8 | 1),
            client_shift=number * 0x01234567 % (1 << 32),
            server_shift=np.zeros(len(number), dtype=np.int64),
        )
        times = (_BEGIN + number * (span // count)).tolist()
        yield list(zip(times, copies(step, ends), strict=True))


# --- other traffic ---------------------------------------------------------------------------------------------------

_KINDS: Final = ("tls", "tls", "tls", "tls", "tls", "quic", "quic", "dns", "arp", "ping")
_AT_ONCE: Final = 1000
_FRAMES_EACH: Final = 100


def _other(count: int, span: int) -> Iterator[list[Frame]]:
    noise = np.random.default_rng(_SEED).integers(0, 256, 1 << 20, dtype=np.uint8)
    gap = span // count
    for first in range(0, count, 10 * _RUN):
        size = min(10 * _RUN, count - first)
        number = first + np.arange(size, dtype=np.int64)
        kinds = number % len(_KINDS)
        frames: list[Frame] = []
        for kind, maker in _MAKERS.items():
            chosen = number[np.isin(kinds, [place for place, name in enumerate(_KINDS) if name == kind])]
            for rows, octets in maker(chosen, noise):
                frames += zip((_BEGIN + rows * gap).tolist(), split(octets), strict=True)
        frames.sort(key=lambda frame: frame[0])
        yield frames


def _ip(number: Numbers, body: int, protocol: int) -> Rows:
    """Frames with an IPv4 header, of one of 20,000 hosts to one of 500."""
    rows = np.zeros((len(number), 34 + body), dtype=np.uint8)
    rows[:, :14] = np.frombuffer(_MACS + b"\x08\x00", dtype=np.uint8)
    rows[:, 14], rows[:, 22], rows[:, 23] = 0x45, 64, protocol
    flow = number // 200 * 10 % 20_000 + number % 10
    put(rows, 16, 2, np.full(len(number), 20 + body))
    put(rows, 18, 2, number & 0xFFFF)
    put(rows, 26, 4, (10 << 24) + (99 << 16) + flow)
    put(rows, 30, 4, (198 << 24 | 51 << 16) + flow % 500)
    return rows


def _noise(rows: Rows, at: int, number: Numbers, noise: Rows) -> None:
    start = number * 7919 % (len(noise) - rows.shape[1])
    rows[:, at:] = noise[start[:, None] + np.arange(rows.shape[1] - at)]


Made = Iterator[tuple[Numbers, Rows]]


def _tls(number: Numbers, noise: Rows) -> Made:
    """TLS connections, a thousand at once, of a hundred frames each: opened, asked, answered, acknowledged."""
    turn = number // len(_KINDS) * 5 + number % len(_KINDS)
    flow = turn % _AT_ONCE + turn // (_AT_ONCE * _FRAMES_EACH) * _AT_ONCE
    step = turn // _AT_ONCE % _FRAMES_EACH
    talks = step % 5
    syn, opened = step == 0, step == 1
    said = (step // 5 - 1) * 3 * 1200 + np.maximum(talks - 1, 0) * 1200  # octets of the server before this frame
    for chosen, by_client, flags, payload in (
        (syn, True, 0x02, 0), (opened, False, 0x12, 0), (step == 2, True, 0x10, 0), (step == 3, True, 0x18, 517),
        (step == 4, False, 0x10, 0), ((step > 4) & (talks == 0), True, 0x10, 0),
        ((step > 4) & (talks > 0) & (talks < 4),
        False, 0x18, 1200), ((step > 4) & (talks == 4), True, 0x10, 0),
    ):  # fmt: skip
        which = np.flatnonzero(chosen)
        if not len(which):
            continue
        rows = _ip(number[which], 20 + payload, 6)
        client, server = (10 << 24) + (99 << 16) + flow[which] % 20_000, (198 << 24 | 51 << 16) + flow[which] % 500
        mine = np.where(step[which] > 3, 518, np.where(step[which] > 0, 1, 0))
        theirs = np.where(step[which] > 4, 1 + said[which], np.where(step[which] > 1, 1, 0))
        place = (26, 30, 34, 36, 38, 42) if by_client else (30, 26, 36, 34, 42, 38)
        for at, size, value in zip(place, (4, 4, 2, 2, 4, 4), (client, server, 32_768 + flow[which] % 28_000,
                                   np.full(len(which), 443), mine, theirs), strict=True):  # fmt: skip
            put(rows, at, size, value)
        if flags == 0x02:
            rows[:, 42:46] = 0
        rows[:, 46], rows[:, 47] = 0x50, flags
        put(rows, 48, 2, np.full(len(which), 501))
        if payload:
            _noise(rows, 54, number[which], noise)
            rows[:, 54:57] = (0x16 if by_client else 0x17, 0x03, 0x03)
            put(rows, 57, 2, np.full(len(which), payload - 5))
        seal(rows)
        yield number[which], rows


def _quic(number: Numbers, noise: Rows) -> Made:
    rows = _ip(number, 8 + 900, 17)
    put(rows, 34, 2, 32_768 + number // 200 % 20_000)
    put(rows, 36, 2, np.full(len(number), 443))
    put(rows, 38, 2, np.full(len(number), 908))
    _noise(rows, 42, number, noise)
    rows[:, 42] = 0x41
    seal(rows)
    yield number, rows


def _dns(number: Numbers, _: Rows) -> Made:
    question = bytes.fromhex("0000 0100 0001 0000 0000 0000") + b"\x03www\x07example\x03com\x00\x00\x01\x00\x01"
    rows = _ip(number, 8 + len(question), 17)
    put(rows, 34, 2, 32_768 + number % 28_000)
    put(rows, 36, 2, np.full(len(number), 53))
    put(rows, 38, 2, np.full(len(number), 8 + len(question)))
    rows[:, 42:] = np.frombuffer(question, dtype=np.uint8)
    put(rows, 42, 2, number & 0xFFFF)
    seal(rows)
    yield number, rows


def _arp(number: Numbers, _: Rows) -> Made:
    rows = np.zeros((len(number), 60), dtype=np.uint8)
    rows[:, :22] = np.frombuffer(b"\xff" * 6 + _MACS[6:] + bytes.fromhex("0806 0001 0800 06 04 0001"), dtype=np.uint8)
    rows[:, 22:28] = np.frombuffer(_MACS[6:], dtype=np.uint8)
    put(rows, 28, 4, (10 << 24) + (99 << 16) + number % 20_000)
    put(rows, 38, 4, (10 << 24) + (99 << 16) + number % 499)
    yield number, rows


def _ping(number: Numbers, _: Rows) -> Made:
    rows = _ip(number, 8 + 56, 1)
    rows[:, 34] = 8
    put(rows, 40, 2, number & 0xFFFF)
    total = np.ascontiguousarray(rows[:, 14:34]).view(">u2").sum(axis=1, dtype=np.int64)
    body = np.ascontiguousarray(rows[:, 34:]).view(">u2").sum(axis=1, dtype=np.int64)
    for at, words in ((24, total), (36, body)):
        words = (words & 0xFFFF) + (words >> 16)
        put(rows, at, 2, ~((words & 0xFFFF) + (words >> 16)) & 0xFFFF)
    yield number, rows


_MAKERS: Final[dict[str, Callable[[Numbers, Rows], Made]]] = {
    "tls": _tls, "quic": _quic, "dns": _dns, "arp": _arp, "ping": _ping,
}  # fmt: skip
