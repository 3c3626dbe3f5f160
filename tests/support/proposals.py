"""Proposals of real programs, recorded from them: kexinits.json beside this file."""

import json
from pathlib import Path

from sshpcap.model import KexInit
from sshpcap.ssh.messages import parse
from tests.support import sshbytes as ssh

RECORDED = json.loads(Path(__file__).with_name("kexinits.json").read_text())

# The names of the lists in that file, in the order of SSH_MSG_KEXINIT.
_SHORT = ("kex", "hostkey", "enc_c2s", "enc_s2c", "mac_c2s", "mac_s2c", "comp_c2s", "comp_s2c", "lang_c2s", "lang_s2c")


def offer(follows: bool = False, /, **lists: str) -> KexInit:
    """A proposal with these lists, through the wire."""
    value = parse(ssh.kexinit(follows, **lists)).value
    assert isinstance(value, KexInit)
    return value


def proposal(side: str, identification: str) -> KexInit:
    """What a program proposes."""
    row = next(row for row in RECORDED if (row["side"], row["ident"]) == (side, identification))
    named = dict(zip(ssh.KEXINIT_LISTS, (row["lists"][short] for short in _SHORT), strict=True))
    return offer(bool(row["fkf"]), **named)
