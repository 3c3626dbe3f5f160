"""What sizes and times of the encrypted part let one infer of the login. Inference all of it, never reading.

No field tells of one key press or of the length of a password: sizes are those of the server's answers, and times those
of a whole exchange.
"""

from typing import Literal

from sshpcap.model.base import Confidence, Value, Who
from sshpcap.times import Duration, Timestamp


class Exchange(Value, frozen=True):
    """A request of the client and what the server sent before the client spoke again."""

    frame: int
    """The last frame of the request."""
    answer_frame: int | None
    """The last frame of the answer; None if none came."""
    answer_octets: int | None
    """Octets of the answer's last packet (of the last write, where packets cannot be told apart)."""
    delay: Duration | None
    """From the request to the first octets of its answer."""
    reading: Literal["accepted", "refused", "other", "unreadable", "unanswered"]
    """`accepted`: as long as SSH_MSG_USERAUTH_SUCCESS and nothing else; `refused`: as long as the first answer, or as
    others that did not lead on; `other`: a question, or another message; `unreadable`: whole packets could not be told
    apart."""


class AfterLogin(Value, frozen=True):
    """What followed the packet that looks like SSH_MSG_USERAUTH_SUCCESS; of a long session the first turns."""

    client_turns: int
    """How often the client spoke, until the server spoke again."""
    server_turns: int
    lasted: Duration
    """From that packet to the close, or to the last frame."""


class Authentication(Value, frozen=True):
    """The login as sizes and times let one see it (RFC 4252); None in a session that was never encrypted."""

    result: Literal["succeeded", "failed", "not_tried", "unknown"]
    """`failed`: the connection was closed before anything that looks like a success; `not_tried`: closed before the
    client asked for a login."""
    confidence: Confidence
    method: Literal["password-like", "publickey-like"] | None
    """What the refused requests look like, by how long the server took to refuse them; a server without PAM refuses
    passwords as quickly as keys."""
    packets: Literal["exact", "by size", "unknown"]
    """How packets are told apart: `exact` by their readable lengths (AES-GCM, encrypt-then-MAC); `by size` by what
    writes of such a length can be."""
    refusals: int
    """Requests that look refused; the first one of most programs only asks which methods there are."""
    slow_refusals: int
    """Refusals that took as long as those of passwords."""
    last_answer_like: tuple[Literal["shorter refusal", "too many failures"], ...]
    """What the last answer is as long as, beside the refusals before it: a refusal with a shorter list, or OpenSSH's
    SSH_MSG_DISCONNECT "Too many authentication failures"."""
    offered_methods: tuple[str, ...]
    """Lists of methods that have the length of the server's refusals (RFC 4252 §5.1)."""
    exchanges: tuple[Exchange, ...]
    """The first of them."""
    accepted_frame: int | None
    after: AfterLogin | None
    reasoning: tuple[str, ...]
    """Sentences with frame numbers, from observation to conclusion."""


class Unanswered(Value, frozen=True):
    """Data that one side sent at the end of an encrypted connection, with nothing from the other side behind it."""

    sender: Who
    frame: int
    time: Timestamp
    again: bool
    """The same octets had been sent before."""
