"""The one exception of the capture room, and the notices it collects instead of raising."""

from sshpcap import limits
from sshpcap.model import Notice


class CaptureError(Exception):
    """The input cannot be read at all.

    `what` says what was found instead of a capture, `where` names the input, `offset` is the byte where reading
    stopped (None if nothing was read).
    """

    def __init__(self, what: str, where: str, offset: int | None = None) -> None:
        super().__init__(what, where, offset)
        self.what = what
        self.where = where
        self.offset = offset

    def __str__(self) -> str:
        at = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{self.where}: {self.what}{at}"


class Notices:
    """Collects what was wrong with a container, once per kind, with the first place and a count.

    A broken file can be wrong a million times; a reader wants each kind told once.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, Notice] = {}

    def add(self, code: str, text: str, *, frame: int | None = None, offset: int | None = None) -> None:
        """Note one trouble; `text` is kept from the first of each `code`."""
        known = self._kinds.get(code)
        if known is not None:
            self._kinds[code] = Notice(
                code=code, text=known.text, frame=known.frame, offset=known.offset, count=known.count + 1
            )
        elif len(self._kinds) < limits.MAX_NOTICES:
            self._kinds[code] = Notice(code=code, text=text, frame=frame, offset=offset)

    def listed(self) -> tuple[Notice, ...]:
        """All notices, in the order in which their kinds first appeared."""
        return tuple(self._kinds.values())
