"""Where frames come from. `open_capture` recognises a source by its content and yields `FrameBlock`s."""

from sshpcap.capture.errors import CaptureError
from sshpcap.capture.merge import Captures
from sshpcap.capture.sources import Source, open_capture

__all__ = ["CaptureError", "Captures", "Source", "open_capture"]
