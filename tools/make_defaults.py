"""Writes sshpcap/ssh/default_proposals.json: what programs offer by default, by release.

    python -m tools.make_defaults RECORDED.json

The recorded proposals (one row each: side, ident, lists) were taken from captures of running programs with their
default settings. Releases of OpenSSH between the recorded ones are derived from those by OpenSSH's release notes
(myproposal.h of each tag); every such row says from which, and what differs. Where others published a HASSH of such a
release, tests/ssh/test_hassh.py holds the row against it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sshpcap.ssh.implementations import recognise

TARGET: Final = Path(__file__).resolve().parent.parent / "sshpcap" / "ssh" / "default_proposals.json"
Lists = dict[str, list[str]]
Row = dict[str, Any]

_SNTRUP: Final = "sntrup761x25519-sha512@openssh.com"
_STRICT: Final = {"client": "kex-strict-c-v00@openssh.com", "server": "kex-strict-s-v00@openssh.com"}


def _without(*names: str) -> Callable[[Lists, str], None]:
    def change(lists: Lists, side: str) -> None:
        gone = {*names, _STRICT[side]} if "strict" in names else set(names)
        for key, offered in lists.items():
            lists[key] = [name for name in offered if name not in gone]

    return change


def _with(key: str, *names: str) -> Callable[[Lists, str], None]:
    def change(lists: Lists, side: str) -> None:
        known = [name for name in lists[key] if not name.startswith(("ext-info", "kex-strict"))]
        lists[key] = [*known, *names, *lists[key][len(known) :]]

    return change


def _no_sk(lists: Lists, side: str) -> None:
    lists["hostkey"] = [name for name in lists["hostkey"] if not name.startswith(("sk-", "webauthn-"))]


def _no_webauthn(lists: Lists, side: str) -> None:
    lists["hostkey"] = [name for name in lists["hostkey"] if not name.startswith("webauthn-")]


def _with_zlib(lists: Lists, side: str) -> None:
    for key in ("comp_c2s", "comp_s2c"):
        lists[key] = [*lists[key], "zlib"]


def _with_gex_sha1(lists: Lists, side: str) -> None:
    place = lists["kex"].index("diffie-hellman-group14-sha256")
    lists["kex"].insert(place, "diffie-hellman-group-exchange-sha1")


_SHA1: Final = (_with("hostkey", "ssh-rsa"), "ssh-rsa (until 8.7)")
_GROUP14: Final = (_with("kex", "diffie-hellman-group14-sha1"), "diffie-hellman-group14-sha1 (until 8.1)")
_GEX: Final = (_with_gex_sha1, "diffie-hellman-group-exchange-sha1 (until 7.7, by HASSH's recordings of 7.6 to 7.8)")
_BEFORE_SK: Final = (_no_sk, "without security keys (since 8.2)")
_MLKEM: Final = (
    _without("mlkem768x25519-sha256", "sntrup761x25519-sha512"),
    "without mlkem768x25519-sha256 and sntrup761x25519-sha512 (since 9.9)",
)
_LAX: Final = (_without("strict", "ext-info-s"), "without strict key exchange and ext-info-s (since 9.6)")
_ZLIB: Final = (_with_zlib, "with zlib at the end, as 9.2 was recorded")

DERIVED: Final = (
    # side, releases, recorded identification string, changes
    ("client", "7.6–7.7", "SSH-2.0-OpenSSH_8.8", (_SHA1, _GROUP14, _GEX, _BEFORE_SK)),
    ("client", "7.8–8.1", "SSH-2.0-OpenSSH_8.8", (_SHA1, _GROUP14, _BEFORE_SK)),
    ("client", "8.2–8.7", "SSH-2.0-OpenSSH_8.8", (_SHA1,)),
    ("client", "8.9", "SSH-2.0-OpenSSH_8.8", ((_with("kex", _SNTRUP), f"{_SNTRUP} at the end (since 8.9)"),)),
    ("client", "9.0–9.5", "SSH-2.0-OpenSSH_9.9", (_MLKEM, _LAX, _ZLIB)),
    ("client", "9.6–9.8", "SSH-2.0-OpenSSH_9.9", (_MLKEM,)),
    ("client", "10.0–10.2", "SSH-2.0-OpenSSH_10.5", ((_no_webauthn, "without webauthn (since 10.3)"),)),
    ("server", "7.4–8.1", "SSH-2.0-OpenSSH_8.8", (_SHA1, _GROUP14)),
    ("server", "8.2–8.7", "SSH-2.0-OpenSSH_8.8", (_SHA1,)),
    ("server", "8.9", "SSH-2.0-OpenSSH_8.8", ((_with("kex", _SNTRUP), f"{_SNTRUP} at the end (since 8.9)"),)),
    ("server", "9.0–9.5", "SSH-2.0-OpenSSH_9.9", (_MLKEM, _LAX)),
    ("server", "9.6–9.8", "SSH-2.0-OpenSSH_9.9", (_MLKEM,)),
    ("server", "10.0–10.4", "SSH-2.0-OpenSSH_10.5", ()),
)


def rows(recorded: list[Row]) -> list[Row]:
    """All rows, by side, program and release."""
    made = []
    for row in recorded:
        software, _, comment = row["ident"].split("-", 2)[2].partition(" ")
        program, version = recognise(software)
        release = " ".join(word for word in (version or "", comment if program == "OpenSSH" else "") if word)
        made.append(_row(row["side"], program or software, release, f"recorded: {row['ident']}", row["lists"]))
    for side, release, base, changes in DERIVED:
        source = next(r for r in recorded if r["side"] == side and r["ident"] == base)
        lists = {key: names.split(",") if names else [] for key, names in source["lists"].items()}
        for change, _ in changes:
            change(lists, side)
        how = "; ".join(words for _, words in changes) or "unchanged"
        told = f"derived from {base.rpartition('_')[2]} by OpenSSH's release notes: {how}"
        made.append(_row(side, "OpenSSH", release, told, {key: ",".join(names) for key, names in lists.items()}))
    return sorted(made, key=lambda r: (r["side"], r["program"].lower(), _number(r["release"])))


def _number(release: str) -> tuple[int, ...]:
    head = release.replace("–", " ").split(" ")[0]
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in head.split("p")[0].split("."))


def _row(side: str, program: str, release: str, source: str, lists: dict[str, str]) -> Row:
    return {"side": side, "program": program, "release": release, "source": source, "lists": lists}


if __name__ == "__main__":
    table = rows(json.loads(Path(sys.argv[1]).read_text()))
    TARGET.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(table)} rows")
