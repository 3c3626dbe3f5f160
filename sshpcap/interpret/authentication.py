"""What sizes and times of the encrypted part tell of the login (RFC 4252). Inference, with its confidence.

The login is a conversation: the client asks, the server answers. Three answers have a length of their own:
SSH_MSG_SERVICE_ACCEPT, SSH_MSG_USERAUTH_SUCCESS (a message number and nothing else), and SSH_MSG_USERAUTH_FAILURE,
which is as long as its list of methods and comes again and again. Nothing here looks at the sizes of what the client
sends, nor at the time between two of its packets: they would tell of passwords and of keys pressed.
"""

from typing import Final, Literal, NamedTuple

from sshpcap import limits
from sshpcap.interpret.dialogue import Dialogue
from sshpcap.interpret.turns import Part, Turn, Turns, turns_of
from sshpcap.model import (
    AfterLogin,
    Authentication,
    Confidence,
    Duration,
    Exchange,
    Timestamp,
    Unanswered,
    Who,
)
from sshpcap.ssh import implementations
from sshpcap.ssh.packet_sizes import Sealing, method_lists
from sshpcap.tcp.attribution import Ending
from sshpcap.tcp.recorder import Recorder

_Result = Literal["succeeded", "failed", "not_tried", "unknown"]
_Reading = Literal["accepted", "refused", "other", "unreadable", "unanswered"]
_Method = Literal["password-like", "publickey-like"]

_Like = Literal["shorter refusal", "too many failures"]

_SERVICE_ACCEPT: Final = 1 + 4 + len("ssh-userauth")
_FIRST_TURNS: Final = 8
"""SSH_MSG_SERVICE_ACCEPT is among the first: only extensions (RFC 8308) and messages without meaning come before."""
_SUCCESS: Final = 1
_IGNORED: Final = 1 + 4
"""SSH_MSG_IGNORE without data."""
_TOO_MANY: Final = 1 + 4 + 4 + len("Too many authentication failures") + 4
"""SSH_MSG_DISCONNECT of sshd at MaxAuthTries (RFC 4253 §11.1; no language)."""
_EMPTY_FAILURE: Final = 1 + 4 + 1
"""SSH_MSG_USERAUTH_FAILURE with an empty list: where blocks are long it is no longer than a success."""

_NO_PROMPT: Final = 1 + 4 + 4 + 4 + 4
"""SSH_MSG_USERAUTH_INFO_REQUEST that asks nothing: what sshd sends when PAM is content (RFC 4256 §3.2)."""
_QUESTIONED: Final = 4
"""Which methods there are, the question, the reply, the consent."""

_SLOW_NS: Final = 800_000_000
"""More than any check of a public key takes, less than PAM's delay of some 2 s (measured: 1.3 to 4.3 s)."""
_SLOW_DROPBEAR_NS: Final = 200_000_000
"""Dropbear waits 250 to 350 ms before it refuses a password."""
_AT_LEAST_INNER: Final = 16
"""Dropbear pads every packet to 16 octets at least (packet.c, MIN_PACKET_LEN), counted as blocks are."""

_UNREFUSED: Final = 2
"""Answers that a login may have had without any refusal, for its end to be called a failure: banner and question."""
_SEVERAL: Final = 4
"""So many packets more than one are not written at once in a login, except with long ones among them."""
_IN_USE: Final = 2
"""Turns of the server behind a login that no session without a use has."""


class _Asked(NamedTuple):
    """A request and its answer."""

    frame: int
    time: int
    answer: tuple[Part, ...]

    @property
    def last(self) -> Part | None:
        """The last packet of the answer."""
        return self.answer[-1] if self.answer else None

    @property
    def delay(self) -> int:
        """From the request to its answer."""
        return self.answer[0].first_time - self.time if self.answer else 0

    @property
    def readable(self) -> bool:
        """The answer consists of what can be packets."""
        return all(part.whole for part in self.answer)


class _Login(NamedTuple):
    """What was found."""

    service: Part
    service_delay: int
    asked: tuple[_Asked, ...]
    accepted: Part | None
    after: tuple[Turn, ...]
    refusal: int | None
    """Octets of SSH_MSG_USERAUTH_FAILURE of this server."""


def authentication(recorder: Recorder, dialogue: Dialogue, ending: Ending) -> Authentication | None:
    """What can be said of the login; None where the connection was not encrypted."""
    turns = turns_of(recorder, dialogue)
    if turns is None:
        return None
    seal = turns.seals[1 - dialogue.client]
    agreed = dialogue.negotiation
    if agreed is None or seal is None:
        return _unknown(turns, "The sizes of packets of this cipher and MAC are not known.")
    if "zlib" in (agreed.compression_client_to_server.chosen, agreed.compression_server_to_client.chosen):
        return _unknown(turns, "Everything is compressed from the first packet on, so that sizes tell nothing.")
    login = _login(turns, seal, dialogue)
    if login is None or not login.asked:
        return _without_login(turns, login, dialogue, ending)
    return _judged(login, turns, seal, dialogue, ending, steady=not recorder.clock_steps)


def _login(turns: Turns, seal: Sealing, dialogue: Dialogue) -> _Login | None:
    """Find the requests and their answers: they begin behind SSH_MSG_SERVICE_ACCEPT."""
    server, listed, own = 1 - dialogue.client, turns.turns, turns.seals[dialogue.client]
    accept = seal.size(_SERVICE_ACCEPT)
    for place, turn in enumerate(listed[:_FIRST_TURNS]):
        if turn.direction != server or not place:
            continue
        found = next((n for n, part in enumerate(turn.parts) if part.octets == accept), None)
        if found is None:
            continue
        request = listed[place - 1].parts[-1]
        service, behind = turn.parts[found], turn.parts[found + 1 :]
        # Some clients do not wait for SSH_MSG_SERVICE_ACCEPT before they ask for the login; what else stands behind it
        # was not asked for (a banner).
        waits = own is not None and request.octets == own.size(_SERVICE_ACCEPT)
        behind = _said(behind, seal, dialogue)
        asked = [_Asked(*turns.asked(request), behind)] if behind and not waits else []
        rest = listed[place + 1 :]
        # A client's turn and the server's that follows it.
        for ask, answer in zip(rest[::2], (*rest[1::2], None), strict=False):
            said = _said(answer.parts, seal, dialogue) if answer else ()
            asked.append(_Asked(*turns.asked(ask.parts[-1]), said))
        asked = _without_banner(asked, seal)
        return _until_success(service, service.first_time - turns.asked(request)[1], asked, rest, seal, dialogue)
    return None


def _without_banner(asked: list[_Asked], seal: Sealing) -> list[_Asked]:
    """A banner (RFC 4252 §5.4) and the first refusal, written at once, told apart where all other answers are as long
    as one refusal, and the first is that and one packet more."""
    later = {one.answer[0].octets for one in asked[1:] if len(one.answer) == 1 and one.readable}
    first = asked[0].answer if asked else ()
    if len(first) != 1 or len(later) != 1 or not all(len(one.answer) == 1 for one in asked[1:] if one.answer):
        return asked
    part, refusal = first[0], later.pop()
    banner = part.octets - refusal
    if part.sure or not method_lists(refusal, seal) or method_lists(part.octets, seal) or not seal.fits(banner):
        return asked
    parts = (
        part._replace(octets=banner, whole=True),
        part._replace(start=part.start + banner, octets=refusal, whole=True),
    )
    return [asked[0]._replace(answer=parts), *asked[1:]]


def _said(parts: tuple[Part, ...], seal: Sealing, dialogue: Dialogue) -> tuple[Part, ...]:
    """What an answer says. AsyncSSH puts an empty SSH_MSG_IGNORE in front of every packet of a login (connection.py,
    send_packet), which is as long as a success where blocks are long."""
    if _server(dialogue) != "AsyncSSH":
        return parts
    ignored, kept = False, []
    for part in parts:
        ignored = not ignored and part.octets == seal.size(_IGNORED)
        if not ignored:
            kept.append(part)
    return tuple(kept)


def _until_success(
    service: Part, delay: int, asked: list[_Asked], rest: tuple[Turn, ...], seal: Sealing, dialogue: Dialogue
) -> _Login:
    sizes = {seal.size(_SUCCESS)}
    if _server(dialogue) == "Dropbear":
        inner = _AT_LEAST_INNER + (0 if seal.length_counts else 4)
        sizes = {max(seal.smallest, inner + seal.tag)}
    for count, one in enumerate(asked, start=1):
        accepted = next((part for part in one.answer if part.octets in sizes and part.sure and one.readable), None)
        if accepted is not None:
            # What the server sent behind it, unasked, is a turn too.
            unasked = tuple(part for part in one.answer if part.start > accepted.start)
            later = tuple(turn for turn in rest if turn.parts[0].frame > one.answer[-1].frame)
            after = ((Turn(accepted.direction, unasked),) if unasked else ()) + later
            return _Login(service, delay, tuple(asked[:count]), accepted, after, _refusal(asked[: count - 1], seal))
    return _Login(service, delay, tuple(asked), None, (), _refusal(asked, seal))


def _server(dialogue: Dialogue) -> str | None:
    spoken = dialogue.server_voice.identification
    line = spoken.identification if spoken else None
    return implementations.recognise(line.software)[0] if line else None


def _refusal(asked: list[_Asked], seal: Sealing) -> int | None:
    """The length of the server's refusals: that of the first answer if it comes again or is a likely list; else one
    that came more than once, the slowest of them (questions are asked without delay)."""
    answered = [one for one in asked if one.last is not None and one.readable]
    sizes = [one.last.octets for one in answered if one.last is not None]
    if answered and answered[0] is asked[0] and (sizes[0] in sizes[1:] or method_lists(sizes[0], seal)):
        return sizes[0]
    again = [one for one in answered if one.last is not None and sizes.count(one.last.octets) > 1]
    again = [one for one in again if one.last is not None and method_lists(one.last.octets, seal)]
    slowest = max(again, key=lambda one: one.delay, default=None)
    return slowest.last.octets if slowest is not None and slowest.last is not None else None


def _without_login(turns: Turns, login: _Login | None, dialogue: Dialogue, ending: Ending) -> Authentication:
    """No request was found: the client left before it asked, or the conversation cannot be read."""
    said = next((place for place, turn in enumerate(turns.turns) if turn.direction == dialogue.client), None)
    closed = ending.how in ("fin", "rst") and turns.complete
    if closed and login is None and said is not None and said + 1 == len(turns.turns):
        frame = turns.turns[said].parts[-1].frame
        sentence = f"The client sent encrypted data once (frame {frame}) and got no answer."
        return _empty(turns, "not_tried" if ending.by == dialogue.client else "failed", "medium", (sentence,))
    if login is None and said is not None:
        return _unknown(turns, "No packet has the length of SSH_MSG_SERVICE_ACCEPT where the login should begin.")
    if not closed:
        return _unknown(turns, "The capture does not show the beginning of a login.")
    sentence = (
        f"Frame {login.service.frame} accepts the service (it has the length of SSH_MSG_SERVICE_ACCEPT); the client"
        " sent nothing more."
        if login is not None
        else "The client sent nothing that is encrypted."
    )
    return _empty(turns, "not_tried", "medium", (sentence,))


def _unknown(turns: Turns, why: str) -> Authentication:
    return _empty(turns, "unknown", "low", (why,))


def _empty(turns: Turns, result: _Result, confidence: Confidence, reasoning: tuple[str, ...]) -> Authentication:
    return Authentication(
        result=result, confidence=confidence, method=None, packets=turns.told, refusals=0, slow_refusals=0,
        last_answer_like=(), offered_methods=(), exchanges=(), accepted_frame=None, after=None, reasoning=reasoning,
    )  # fmt: skip


def _judged(
    login: _Login, turns: Turns, seal: Sealing, dialogue: Dialogue, ending: Ending, *, steady: bool
) -> Authentication:
    """The result; without a `steady` clock nothing is said about pauses."""
    refused = tuple(one for one in login.asked if _reading(one, login, seal) == "refused")
    slow = _slow(login, refused, dialogue) if steady else ()
    succeeded = login.accepted is not None
    result, confidence = _result(login, refused, turns, seal, ending)
    return Authentication(
        result=result,
        confidence=confidence,
        method=None if not refused else "password-like" if slow else _quick_method(refused),
        packets=turns.told,
        refusals=len(refused),
        slow_refusals=len(slow),
        last_answer_like=_last_answer(login, seal),
        offered_methods=method_lists(login.refusal, seal) if login.refusal is not None and refused else (),
        exchanges=tuple(_exchange(one, login, seal) for one in login.asked[: limits.SHOWN_EXCHANGES]),
        accepted_frame=login.accepted.frame if login.accepted else None,
        after=_after(login, turns, dialogue, ending) if succeeded else None,
        reasoning=tuple(_reasoning(login, refused, slow, seal, turns)),
    )


def _reading(one: _Asked, login: _Login, seal: Sealing) -> _Reading:
    if one.last is None:
        return "unanswered"
    if login.accepted is not None and login.accepted in one.answer:
        return "accepted"
    if not one.readable:
        return "unreadable"
    return "refused" if one.last.octets == login.refusal and not _question(one, login, seal) else "other"


def _question(one: _Asked, login: _Login, seal: Sealing) -> bool:
    """PAM's question, as long as a refusal: behind the reply to it comes a request for nothing, and then the login.

    No answer to a key or a password is as short as that (RFC 4256 §3.2: two empty texts, a tag, no prompt).
    """
    if login.accepted is None or len(login.asked) < _QUESTIONED or one is not login.asked[-3]:
        return False
    nothing = login.asked[-2]
    return nothing.last is not None and nothing.last.octets == seal.size(_NO_PROMPT) != login.refusal


def _exchange(one: _Asked, login: _Login, seal: Sealing) -> Exchange:
    return Exchange(
        frame=one.frame,
        answer_frame=one.last.frame if one.last else None,
        answer_octets=one.last.octets if one.last else None,
        delay=Duration(max(0, one.delay)) if one.last else None,
        reading=_reading(one, login, seal),
    )


def _slow(login: _Login, refused: tuple[_Asked, ...], dialogue: Dialogue) -> tuple[_Asked, ...]:
    """Refusals that took as long as those of passwords, beside the quickest answer of this connection.

    The first request of most programs only asks which methods there are, and what delays its answer is something else
    (name resolution); it counts where it is the only one.
    """
    answered = [one for one in login.asked if one.last is not None]
    quickest = min([login.service_delay, *(one.delay for one in answered)], default=0)
    least = _SLOW_DROPBEAR_NS if _server(dialogue) == "Dropbear" else _SLOW_NS
    return tuple(
        one for one in refused if one.delay - quickest >= least and (one is not login.asked[0] or len(answered) == 1)
    )


def _last_answer(login: _Login, seal: Sealing) -> tuple[_Like, ...]:
    """What the last answer is as long as."""
    last = next((one.last for one in reversed(login.asked) if one.last is not None), None)
    if last is None or login.refusal is None or login.accepted is not None:
        return ()
    like: list[_Like] = []
    if last.octets < login.refusal and last.sure and method_lists(last.octets, seal):
        like.append("shorter refusal")
    if last.octets == seal.size(_TOO_MANY):
        like.append("too many failures")
    return tuple(like)


def _quick_method(refused: tuple[_Asked, ...]) -> _Method | None:
    """Two refusals in a row without the delay of a password: keys, most likely."""
    return "publickey-like" if len(refused) > 1 else None


def _result(
    login: _Login, refused: tuple[_Asked, ...], turns: Turns, seal: Sealing, ending: Ending
) -> tuple[_Result, Confidence]:
    if login.accepted is not None:
        # An empty list of methods may be as short as a success; after that a client has nothing more to say.
        alike = seal.size(_EMPTY_FAILURE) == login.accepted.octets
        went_on = any(turn.direction != login.accepted.direction for turn in login.after)
        return "succeeded", "low" if alike and not went_on else "medium"
    answered = [one for one in login.asked if one.last is not None]
    if ending.how not in ("fin", "rst") or not turns.complete or turns.told == "unknown":
        return "unknown", "low"
    if not all(one.readable for one in answered[1:]) or len(login.asked) > limits.SHOWN_EXCHANGES:
        return "unknown", "low"
    if not answered:
        return "failed", "medium"
    last = answered[-1]
    if not refused and len(answered) > _UNREFUSED:
        # No answer has the length of a refusal: a success may have come in one write with something else.
        return "unknown", "low"
    others = (one for one in (*answered[1:], last) if one not in refused)
    cut_off = _says_too_many(login, refused, turns, seal)
    others = (one for one in others if not (cut_off and one is last))
    if any(_may_hide_success(part, seal) for one in others for part in one.answer):
        return "unknown", "low"
    sure = cut_off or (answered[0].readable and not _may_hide_success(last.answer[-1], seal))
    return "failed", "medium" if len(refused) > 1 or sure else "low"


def _says_too_many(login: _Login, refused: tuple[_Asked, ...], turns: Turns, seal: Sealing) -> bool:
    """The last word of all is one write behind refusals, as long as sshd's at MaxAuthTries: a client that was let in
    would have gone on."""
    last = login.asked[-1]
    alone = last.last is not None and len(last.answer) == 1 and last.last.octets == seal.size(_TOO_MANY)
    final = alone and last.last is turns.turns[-1].parts[-1]
    return final and last.last.octets != login.refusal and len(refused) > 1 if last.last is not None else False


def _may_hide_success(part: Part, seal: Sealing) -> bool:
    """A success and another packet may have been written at once and look like one."""
    rest = part.octets - seal.smallest
    return not part.sure and (seal.fits(rest) or rest > _SEVERAL * seal.smallest)


def _after(login: _Login, turns: Turns, dialogue: Dialogue, ending: Ending) -> AfterLogin | None:
    by_client = sum(turn.direction == dialogue.client for turn in login.after)
    if login.accepted is None or not (turns.complete or (turns.long and len(login.after) - by_client >= _IN_USE)):
        return None
    times = [login.accepted.time, *(part.time for turn in login.after for part in turn.parts)]
    until = ending.time if ending.how in ("fin", "rst") and ending.time is not None else max(times)
    return AfterLogin(
        client_turns=by_client,
        server_turns=len(login.after) - by_client,
        lasted=Duration(max(0, until - login.accepted.time)),
    )


def _reasoning(
    login: _Login, refused: tuple[_Asked, ...], slow: tuple[_Asked, ...], seal: Sealing, turns: Turns
) -> list[str]:
    sentences = [
        f"Frame {login.service.frame} has the length of SSH_MSG_SERVICE_ACCEPT, so the login begins there"
        + (
            " (lengths of packets are readable)."
            if turns.told == "exact"
            else " (what is sent at once counts as a packet)."
        )
    ]
    if refused:
        lists = method_lists(refused[0].last.octets, seal) if refused[0].last else ()
        fits = (
            f", the length of a refusal that lists {lists[0]}{' or what is as long' if len(lists) > 1 else ''}"
            if lists
            else ""
        )
        sentences.append(
            f"{len(refused)} request{'' if len(refused) == 1 else 's'} ({_frames(refused)}) got an answer of"
            f" {login.refusal} octets{fits}; most programs ask first which methods there are."
        )
    if slow:
        delays = sorted(one.delay / 1e9 for one in slow)
        span = f"{delays[0]:.1f} s" if len(delays) == 1 else f"{delays[0]:.1f} to {delays[-1]:.1f} s"
        sentences.append(f"{len(slow)} of these answers came {span} after the request, as those to wrong passwords do.")
    if login.accepted is not None:
        sentences.append(
            f"Frame {login.accepted.frame} has a packet of {login.accepted.octets} octets: the length of a message"
            " without any field, which in a login is SSH_MSG_USERAUTH_SUCCESS."
        )
    elif login.asked and login.asked[-1].last is None:
        sentences.append(f"What the client sent in frame {login.asked[-1].frame} got no answer.")
    return sentences


def _frames(asked: tuple[_Asked, ...]) -> str:
    numbers = ", ".join(str(one.frame) for one in asked[:8])
    return f"frame{'s' if len(asked) > 1 else ''} {numbers}{', …' if len(asked) > 8 else ''}"


def unanswered(recorder: Recorder, dialogue: Dialogue, ending: Ending) -> tuple[Unanswered, ...]:
    """The last data before the close, if they were all of one side; as far as they are remembered."""
    until = ending.frame if ending.how in ("fin", "rst") and ending.frame is not None else recorder.last_frame
    # Data in the frame of the FIN come before it; of the other side's data nothing else is remembered.
    heard = 1 - ending.by if ending.by in (0, 1) and recorder.directions[ending.by].fin is not None else None
    seen = [
        [one for one in side.tail if one.frame <= until or direction == heard]
        for direction, side in enumerate(recorder.directions)
    ]
    if any(len(side.tail) == limits.LAST_DATA and side.tail[0].frame > until for side in recorder.directions):
        return ()  # what a side sent behind the close has pushed out what it had sent before
    later = max((0, 1), key=lambda direction: seen[direction][-1].frame if seen[direction] else 0)
    other = seen[1 - later][-1].frame if seen[1 - later] else 0
    who: Who = "client" if later == dialogue.client else "server"
    return tuple(
        Unanswered(sender=who, frame=one.frame, time=Timestamp(one.time), again=one.again)
        for one in seen[later]
        if one.frame > other
    )
