"""The server signed with another algorithm than was agreed on.

What it means
    The two sides agreed on a host key algorithm, and the signature in the server's reply names another one. Clients
    must refuse it. A broken server does that, or somebody changed the proposals on the way.

How it is known
    Both proposals decide the algorithm (RFC 4253 §7.1); the signature's blob begins with the name of its own. Both
    are in clear text.

When it may be wrong
    Never about the two names, if the capture is complete.

What to do
    Update the server. If it is current: compare the proposals in captures of both ends.

References
    RFC 4253 §7.1, §8; RFC 8332 §3.1
"""

from collections.abc import Iterator

from sshpcap.model import Evidence, Finding, Remedy, Session
from sshpcap.rules.base import Rule, how_it_ended

ID = "signature-of-another-algorithm"
TITLE = "The server signed with another algorithm than was agreed on"


def check(session: Session) -> Iterator[Finding]:
    """Fire when the name in the signature is not the negotiated one."""
    key, negotiation = session.host_key, session.negotiation
    agreed = negotiation.server_host_key_algorithm.chosen if negotiation else None
    if key is None or key.signature_as_agreed is not False:
        return
    left = session.outcome != "encrypted"
    yield Finding(
        id=ID,
        severity="error" if left else "warning",
        confidence="high",
        party="server",
        title=TITLE,
        summary=(
            f"Agreed on was {agreed}; the server's signature (frame {key.frame}) says {key.signature_algorithm};"
            f" {how_it_ended(session)}."
        ),
        evidence=(Evidence(frame=key.frame, what=f"a signature of {key.signature_algorithm}"),),
        causes=("a broken server", "the proposals were changed on the way"),
        remedies=(Remedy(side="server", action="update the server"),),
    )


RULE = Rule(ID, TITLE, "error", check)
