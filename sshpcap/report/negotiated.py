"""What was agreed on, slot by slot, as rows that every format draws."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.model import Blocked, Negotiation, Slot

Tone = Literal["good", "bad", "warn", "plain", "faint"]
Fate = Literal["chosen", "passed over", ""]

_SLOT_WORDS: Final = {
    "kex_algorithm": "key exchange",
    "server_host_key_algorithm": "host key",
    "encryption": "cipher",
    "mac": "MAC",
    "compression": "compression",
}
_DIRECTIONS: Final = {"client_to_server": "client to server", "server_to_client": "server to client"}
_FEW: Final = 4
"""Names of a reason in a short report; a reason that holds for more names them by number."""


class Offered(NamedTuple):
    """A name of an offer, in its place."""

    name: str
    fate: Fate
    grade: str
    """How safe it is, where that is less than good."""


class SlotRow(NamedTuple):
    """A slot of the negotiation."""

    name: str
    result: str
    reason: str
    tone: Tone
    failed: bool
    blocked: tuple[tuple[str, str], ...]
    """What the client would rather have had, and why not; in few words, and in full in `every`."""
    every: tuple[tuple[str, str], ...]
    client_offer: tuple[Offered, ...]
    server_offer: tuple[Offered, ...]
    left_out: int
    """Names of the offers that are too many to show."""

    @property
    def label(self) -> str:
        """What stands before names that were not chosen."""
        return "no match for" if self.failed else "passed over"

    @property
    def pairs(self) -> Iterable[tuple[Offered | None, Offered | None]]:
        """Both offers side by side, each in its order of preference."""
        for place in range(max(len(self.client_offer), len(self.server_offer))):
            mine, theirs = (offer[place] if place < len(offer) else None
                            for offer in (self.client_offer, self.server_offer))  # fmt: skip
            yield mine, theirs


def slot_rows(negotiation: Negotiation | None) -> tuple[SlotRow, ...]:
    """A row for each slot; one for both directions where they are alike. The last tells of Terrapin."""
    if negotiation is None:
        return ()
    rows = []
    for name, words in _SLOT_WORDS.items():
        if hasattr(negotiation, name):
            rows.append(_slot_row(words, getattr(negotiation, name), name in negotiation.failed))
            continue
        there, back = (f"{name}_{direction}" for direction in _DIRECTIONS)
        if getattr(negotiation, there) == getattr(negotiation, back) and (there in negotiation.failed) == (
            back in negotiation.failed
        ):
            rows.append(_slot_row(words, getattr(negotiation, there), there in negotiation.failed))
            continue
        for direction, way in _DIRECTIONS.items():
            slot = getattr(negotiation, f"{name}_{direction}")
            rows.append(_slot_row(f"{words}, {way}", slot, f"{name}_{direction}" in negotiation.failed))
    return (*rows, *_terrapin(negotiation))


def _terrapin(negotiation: Negotiation) -> Iterable[SlotRow]:
    """Whether this connection is open to the attack: both offers and the cipher decide (CVE-2023-48795)."""
    found = negotiation.terrapin
    if found is None:
        return
    ways = [_DIRECTIONS[direction] for direction in found.directions]
    only = f", {ways[0]}" if found.exposed and len(ways) == 1 else ""
    result = f"exposed{only}" if found.exposed else "not exposed"
    yield SlotRow("Terrapin", result, found.reason, "warn" if found.exposed else "plain", False, (), (), (), (), 0)


def _slot_row(words: str, slot: Slot, failed: bool) -> SlotRow:
    result = slot.chosen or ("no match" if failed else "implicit")
    reason = f"{slot.reason}; {slot.concern}" if slot.concern else slot.reason
    if slot.grade == "post-quantum":
        reason += "; post-quantum"
    grades = {one.name: one.grade for one in slot.doubtful}
    better = frozenset(slot.passed_over)
    most = limits.SHOWN_NAMES
    mine, theirs = (
        tuple(Offered(name, _fate(name, slot.chosen, above), grades.get(name, "")) for name in offer[:most])
        for offer, above in ((slot.client_offer, better), (slot.server_offer, frozenset()))
    )
    return SlotRow(
        name=words,
        result=result,
        reason=reason,
        tone="bad" if failed else "warn" if slot.concern else "plain",
        failed=failed,
        blocked=tuple((_few(one), one.reason) for one in slot.blocked),
        every=tuple((", ".join(one.names[:most]), one.reason) for one in slot.blocked),
        client_offer=mine,
        server_offer=theirs,
        left_out=max(0, len(slot.client_offer) - most) + max(0, len(slot.server_offer) - most),
    )


def _fate(name: str, chosen: str | None, above: frozenset[str]) -> Fate:
    return "chosen" if name == chosen else "passed over" if name in above else ""


def _few(one: Blocked) -> str:
    """Names in one line: of certificates, of which a client has one for every type of key, only how many."""
    if len(one.names) > 1 and all("-cert-" in name for name in one.names):
        return f"{len(one.names)} types of certificates"
    return _short(one.names)


def _short(names: tuple[str, ...]) -> str:
    if len(names) <= _FEW:
        return ", ".join(names)
    return f"{', '.join(names[: _FEW - 1])} and {len(names) - _FEW + 1} more"
