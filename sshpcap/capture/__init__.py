"""Where frames come from. `open_capture` recognises a source by its content and yields `FrameBlock`s."""

from sshpcap.capture.errors import CaptureError
from sshpcap.capture.sources import Source, open_capture

__all__ = ["CaptureError", "Source", "open_capture"]
