"""What programs offer by default, by release, and who of them agrees with a proposal: a table and one pure question.

The table is default_proposals.json beside this file, made by tools/make_defaults.py from recordings of running programs
and OpenSSH's release notes; every row says which.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import msgspec

from sshpcap.model import KexInit, Negotiation, Who
from sshpcap.ssh.messages import NAME_LISTS
from sshpcap.ssh.negotiate import negotiate

_SHORT = ("kex", "hostkey", "enc_c2s", "enc_s2c", "mac_c2s", "mac_s2c", "comp_c2s", "comp_s2c", "lang_c2s", "lang_s2c")


class _Row(msgspec.Struct, frozen=True):
    side: Who
    program: str
    release: str
    source: str
    lists: dict[str, str]


class Default(NamedTuple):
    """A program's proposal with its default settings."""

    program: str
    release: str
    """One release, or "first–last"."""
    source: str
    """Whether it was recorded, or from what it was derived."""
    proposal: KexInit


class Meeting(NamedTuple):
    """What one program with default settings and a given proposal lead to."""

    default: Default
    negotiation: Negotiation


@functools.cache
def defaults(side: Who) -> tuple[Default, ...]:
    """All programs of one side."""
    octets = Path(__file__).with_name("default_proposals.json").read_bytes()
    rows = msgspec.json.decode(octets, type=list[_Row])
    return tuple(
        Default(row.program, row.release, row.source, _proposal(row.lists)) for row in rows if row.side == side
    )


def _proposal(lists: dict[str, str]) -> KexInit:
    named = {
        name: tuple(lists[short].split(",")) if lists[short] else ()
        for name, short in zip(NAME_LISTS, _SHORT, strict=True)
    }
    return msgspec.convert({**named, "first_kex_packet_follows": False, "cookie": ""}, KexInit)


def clients_of(server: KexInit) -> tuple[Meeting, ...]:
    """What each client of the table, with default settings, and this server lead to."""
    return tuple(Meeting(one, negotiate(one.proposal, server)) for one in defaults("client"))


def servers_of(client: KexInit) -> tuple[Meeting, ...]:
    """What this client and each server of the table, with default settings, lead to."""
    return tuple(Meeting(one, negotiate(client, one.proposal)) for one in defaults("server"))
