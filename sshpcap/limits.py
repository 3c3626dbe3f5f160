"""Every bound of the program, in one place, each with its reason.

A capture is hostile input: whatever stands in it, memory and time stay below what these numbers allow. A limit that was
hit is told in the report; nothing is dropped in silence.
"""

from typing import Final

# --- reading files ---------------------------------------------------------------------------------------------------

BLOCK_BYTES: Final = 4 << 20
"""Bytes read from a source at a time: large enough that NumPy's fixed costs vanish, small enough to stay in the
cache."""

MERGED_BLOCK_BYTES: Final = 1 << 20
"""The same where several captures are read at once: each of them has such a buffer."""

MAX_OPEN_CAPTURES: Final = 64
"""Captures read at once because they overlap in time: two of MERGED_BLOCK_BYTES each, 128 MiB in all."""

FIRST_LOOK_BYTES: Final = 64 << 10
"""Octets read to find the time of a capture's first frame: of a thousand rotated files nobody reads everything
twice."""

MAX_ZSTD_WINDOW_BYTES: Final = 128 << 20
"""Longest memory of earlier octets that a zstd frame may ask for: the most that `zstd` itself uses without `--long`."""

MAX_XZ_BYTES: Final = 128 << 20
"""Memory that an xz stream may ask for: `xz -9` needs 65 MiB to be read, a header can claim 4 GiB."""

IDLE_SECONDS: Final = 0.5
"""How long a pipe may be silent before the results so far are shown: short for a person, long for a computer."""

MAX_CAPTURED_BYTES: Final = 256 << 10
"""Longest frame believed. libpcap's MAXIMUM_SNAPLEN; a longer one means a damaged or lying record header."""

MAX_PCAPNG_BLOCK_BYTES: Final = 16 << 20
"""Longest pcapng block believed (Wireshark's limit is the same size). Unknown blocks may be long, but not for ever."""

MAX_INTERFACES: Final = 4096
"""Interfaces remembered in one pcapng file. Every one costs an object; real files have a handful."""

MAX_OPTION_TEXT: Final = 256
"""Octets kept of each name, description and filter of an interface: an option may have 64 KiB, of every interface."""

MAX_QUIET_END_NS: Final = 86_400_000_000_000
"""How long after its last frame a capture may claim to have ended: a day. More is a writer's mistake in the unit."""

MAX_NOTICES: Final = 100
"""Notices kept of each kind of container trouble; a broken file could make one per frame."""

# --- jobs ------------------------------------------------------------------------------------------------------------

MAX_JOBS: Final = 64
"""Processes at most, whatever is asked for: each has its own copy of the recordings that it tells."""

TOLD_BY_A_JOB: Final = 250
"""Connections for which another process is begun: they take some 150 ms, a process some 10."""

# --- live ------------------------------------------------------------------------------------------------------------

MAX_FILTER_PORTS: Final = 60
"""Ports in one kernel filter: a conditional jump of classic BPF reaches 255 instructions, and each port takes two."""

RING_BYTES: Final = 64 << 20
"""The kernel's ring: half a second of a full Gigabit link, and the time in which nothing is lost while we are busy."""

RING_LOOK_SECONDS: Final = 1.0
"""Time between two looks whether the interfaces are still there."""

RING_BLOCK_BYTES: Final = 256 << 10
"""A block of the ring. On a quiet link a block is handed over nearly empty, so there are many of them: the ring then
lasts 25 s."""

RING_FRAMES: Final = 8192
"""Frames put into one block, roughly: the columns of a hundred thousand SYNs would take 100 MiB for a moment."""

RING_GATHER_SECONDS: Final = 0.1
"""How long frames are let come together while less than an eighth of the ring is full."""

RING_GATHER_STEPS: Final = 5
"""How often the ring is looked at meanwhile: an eighth of it fills in 60 ms on a link of 1 Gbit/s, and in less on a
faster one."""

RING_BLOCK_MS: Final = 100
"""How long the kernel holds back a block that is not full: a person sees no delay, and a quiet link costs nothing."""

PORTABLE_FRAMES: Final = 4096
"""Frames put into one block where there is no ring."""

LIVE_CONNECTIONS: Final = 50_000
"""Connections held while capturing, unless an option says otherwise: more SYNs than fit into LIVE_BYTES. So the octets
are what a flood runs into, and memory does not depend on what takes its place later."""

LIVE_BYTES: Final = 192 << 20
"""Octets that they may take, as reckoned with CONNECTION_BYTES and SEGMENT_BYTES: 6,000 open sessions, or 40,000
SYNs."""

LIVE_TRIM_SECONDS: Final = 15.0
"""How often memory that is free in between goes back to the system: a flood leaves holes, and a process that runs for
days would keep the most that it ever took. It takes less than a millisecond."""

ORDINARY_BYTES: Final = 64 << 10
"""What an ordinary connection takes at most, when it is encrypted."""

LIVE_IDLE_NS: Final = 3600_000_000_000
"""An encrypted connection without any frame for this long is let go; most have keep-alives within minutes."""

LIVE_HANDSHAKE_NS: Final = 300_000_000_000
"""The same in a handshake: LoginGraceTime of OpenSSH is 120 s."""

LIVE_UNANSWERED_NS: Final = 75_000_000_000
"""The same before any payload: Linux sends the last SYN 32 s after the one before it, and gives up 64 s later."""

LIVE_STALLED_NS: Final = 5_000_000_000
"""A handshake that did not go on for this long is told as stalled, as in a report (`vocabulary`: stalled)."""

LIVE_PASSED_OVER: Final = 4096
"""Endpoints remembered of connections that were let go while they were open, and of those that were told: of what still
comes of them, nothing more is said. As many addresses are remembered with their TTLs (MAX_ADDRESSES, in files)."""

LIVE_TELL_LATER: Final = 4096
"""Connections that are over and wait to be told; more are only counted. Telling one takes some 0.3 ms."""

LIVE_TELL_LATER_SHARE: Final = 4
"""The share of LIVE_BYTES (a quarter) that they may take, beyond it where nothing but handshakes is held: a hostile one
takes as much as fifty others."""

LIVE_UNANSWERED_TOLD: Final = 32
"""SYNs without answer told in one go, of all that expire at that moment; a flood is only counted."""

LIVE_TOLD_AT_ONCE: Final = 256
"""Connections told in one go …"""

LIVE_TELL_SECONDS: Final = 0.2
"""… and the processor's time that it may take, so that frames are read in between: by the clock, a machine that is busy
elsewhere would leave less and less of it for telling, and what waits to be told takes memory."""

LIVE_TELL_CLOCK_SECONDS: Final = 1.0
"""… and its time by the clock, so that the ring does not wait for a slow disk."""

LIVE_GARBAGE: Final = 50_000
"""Objects made before Python looks for cycles among the young ones: a hundred thousand connections are long-lived, and
walking through them again and again would cost more than reading the frames."""

LIVE_TICK_SECONDS: Final = 0.25
"""How often that is, while frames come."""

LIVE_REPORT_SESSIONS: Final = 1000
"""Connections kept for the report at the end; each takes some 40 kB. Failures are kept rather than successes."""

RECORD_BYTES: Final = 1 << 30
"""Octets of all files that the recorder keeps, unless an option says otherwise."""

RECORD_FILES: Final = 10_000
"""Number of those files."""

KEPT_FRAMES: Final = 200
"""Frames kept of a handshake for the recorder; one has some 20."""

# --- connections -----------------------------------------------------------------------------------------------------

MAX_CONNECTIONS: Final = 1_000_000
"""Connections held at once. The least recently active one is ended (and says so) when a new one would exceed this."""

MAX_UNANSWERED: Final = 1000
"""Connections of one SYN that nobody answered that are told one by one; beyond it they are counted. A flood or a scan
has hundreds of thousands, and each would say the same."""

RECORDED_BYTES: Final = 4 << 30
"""Memory for all recordings together; the report on them needs about as much again. A connection that was only asked
for takes CONNECTION_BYTES, a handshake some 35 kB: beyond some hundred thousand of them nothing more is recorded."""

CONNECTION_BYTES: Final = 4608
"""What a recording takes without a segment (measured: 5.0 kB with one)."""

SEGMENT_BYTES: Final = 512
"""What a recorded segment takes beside its payload (measured: 33 kB for 43 segments with 7.8 kB of payload)."""

MAX_CANDIDATES: Final = 200_000
"""Connections on other ports that are watched until their first bytes tell whether they speak SSH."""

HANDSHAKE_BYTES: Final = 256 << 10
"""In-order bytes kept of each direction. A handshake has 2 to 10 kB; tarpits, thousand-name lists and GEX stay
below."""

OUT_OF_ORDER_BYTES: Final = 128 << 10
"""Bytes kept of each direction while an earlier segment is missing: two 64 KiB windows."""

MAX_PIECES: Final = 16384
"""Segments with octets kept of each direction: a peer may send its handshake an octet at a time, but not for ever."""

MAX_EVENTS: Final = 512
"""Segments remembered one by one in each connection (a handshake has some 20); beyond it they are only counted."""

QUIET_AFTER_EVENTS: Final = 256
"""Segments remembered in a connection whose both directions are encrypted before it is only counted: enough to see how
authentication went, little enough that a transfer costs nothing."""

LAST_DATA: Final = 8
"""Segments with data remembered from the end of each direction: keep-alives and retransmissions before a close."""

MAX_TTLS: Final = 8
"""Different TTLs remembered of a side: a route that changes has two or three."""

MAX_ADDRESSES: Final = 16384
"""Addresses whose TTLs are remembered, to hold a lone RST against; of more, those that were met last."""

LINGER_NS: Final = 5_000_000_000
"""How long a closed connection is kept for stragglers before it is handed out while the capture goes on."""

# --- the protocol ----------------------------------------------------------------------------------------------------

MAX_IDENTIFICATION_LINE: Final = 8192
"""Longest line looked at before or as an identification string: OpenSSH's limit since 8.0 (RFC 4253 §4.2 allows
255)."""

MAX_PRE_IDENTIFICATION_LINES: Final = 1024
"""Lines accepted before the identification string: OpenSSH's limit."""

MAX_PACKET_LENGTH: Final = 256 << 10
"""Longest packet_length believed before NEWKEYS: OpenSSH's limit (RFC 4253 §6.1 demands 35000 to be accepted)."""

MAX_MESSAGES: Final = 2048
"""Lines and messages kept of each direction, MAX_PRE_IDENTIFICATION_LINES among them; a fuzzer may send them for
ever."""

MAX_NAMES: Final = 4096
"""Names shown of one name-list; every known implementation has fewer than 100."""

GROUP_TEST_BITS: Final = 4096
"""Largest modulus of a group whose primes are tested: half a second; one of 8,192 bits would take four."""

GROUPS_TESTED: Final = 16
"""Moduli tested in one analysis: together some seconds. A server has a file of some dozens, a connection sees one."""

MAX_SERVERS: Final = 100_000
"""Servers whose host keys are remembered, to tell that one address shows several."""

MAX_KEYS_OF_A_SERVER: Final = 16
"""Host keys of one type remembered of a server: behind an address there may be a farm, but nobody reads more."""

# --- what is shown ---------------------------------------------------------------------------------------------------

SHOWN_TEXT: Final = 400
"""Characters of a peer's text shown in one place; the JSON report has all of it."""

SHOWN_EXCHANGES: Final = 64
"""Requests of a login that are told one by one; MaxAuthTries is 6 in OpenSSH, 10 in Dropbear."""

SHOWN_CONNECTIONS: Final = 1000
"""Rows of the table of connections for people; JSON has all of them."""

SHOWN_HEADERS: Final = 10
"""Captures named above a report; `sshpcap info` names more."""

SHOWN_CAPTURES: Final = 40
"""Captures, and interfaces of a capture, shown one by one by `sshpcap info`."""

SHOWN_RESETS: Final = 16
"""RSTs, and kinds of ICMP errors, examined of one connection; a flood of forged ones has no more to tell."""

SHOWN_PORTS: Final = 10
"""Ports named of connections that are not SSH."""

SHOWN_DETAILS: Final = 50
"""Connections told in full when none was asked for by number: more than that nobody reads."""

SLICED_FRAMES: Final = QUIET_AFTER_EVENTS
"""Frames of the encrypted part that a slice keeps of each connection, without their payload: as many as are looked at
one by one."""

SHOWN_NAMES: Final = 100
"""Names of an offer, and names for one reason, in a report for people: real lists have thirty, a packet can have
thousands."""

SHOWN_COMMENT: Final = 4096
"""Characters of a comment on a frame in a slice."""

SHOWN_FRAMES: Final = 5000
"""Frames of one connection that `--verbose` lists."""

MAX_NEIGHBOURS: Final = 4096
"""Hosts looked for by ARP or neighbour discovery that are remembered: a scan of a network of /20."""

SHOWN_NEIGHBOURS: Final = 3
"""Of them named in notices."""

# --- IP fragments and tunnels -----------------------------------------------------------------------------------------

MAX_DATAGRAM_BYTES: Final = 65535
"""Longest IP datagram (RFC 791 §3.1)."""

MAX_DATAGRAMS: Final = 1024
"""Fragmented datagrams waiting for the rest; the oldest makes room."""

MAX_FRAGMENTS: Final = 256
"""Fragments of one datagram: a 64 KiB datagram in segments of 576 octets has 120."""

FRAGMENT_BYTES: Final = 16 << 20
"""Octets held of all waiting fragments."""

FRAGMENT_NS: Final = 60_000_000_000
"""Time that a datagram waits for its rest (RFC 8200 §4.5: 60 s)."""

TWICE_NS: Final = 200_000_000
"""How long behind a datagram its fragments may come once more, captured twice: no host uses a number again so soon."""

MAX_LAYERS: Final = 24
"""Headers looked through in one frame before the TCP segment: tags and tunnels may be nested, but not for ever."""
