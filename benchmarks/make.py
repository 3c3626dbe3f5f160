"""Writes the captures of the benchmark: `python -m benchmarks.make FOLDER [SHAPE…]`.

Every shape as pcap and pcapng, one of them compressed too. Must not know: sshpcap.
"""

import argparse
import gzip
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from benchmarks.shapes import SHAPES, Frame

COMPRESSED: Final = "mixed"
"""The shape that is there as gz too: most of it is skipped, so unpacking is what counts."""

_SNAPLEN: Final = 262_144
_ETHERNET: Final = 1


def write_pcap(runs: Iterator[list[Frame]], file: BinaryIO) -> int:
    """A pcap file with times in microseconds, as tcpdump writes it; returns the number of frames."""
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))
    header, frames = struct.Struct("<IIII"), 0
    for run in runs:
        octets: list[bytes] = []
        for time, frame in run:
            seconds, rest = divmod(time, 1_000_000_000)
            octets += (header.pack(seconds, rest // 1000, len(frame), len(frame)), frame)
        file.write(b"".join(octets))
        frames += len(run)
    return frames


def write_pcapng(runs: Iterator[list[Frame]], file: BinaryIO) -> int:
    """A pcapng file: one section, one interface, times in microseconds."""
    file.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
    file.write(struct.pack("<IIHHII", 1, 20, _ETHERNET, 0, _SNAPLEN, 20))
    header, frames = struct.Struct("<IIIIIII"), 0
    for run in runs:
        octets: list[bytes] = []
        for time, frame in run:
            micro, padding = time // 1000, -len(frame) % 4
            size = 32 + len(frame) + padding
            octets += (
                header.pack(6, size, 0, micro >> 32, micro & 0xFFFFFFFF, len(frame), len(frame)), frame,
                bytes(padding), size.to_bytes(4, "little"),
            )  # fmt: skip
        file.write(b"".join(octets))
        frames += len(run)
    return frames


def make(folder: Path, shape: str, scale: float = 1.0) -> dict[str, Path]:
    """The files of one shape, by form (pcap, pcapng, gz); what is there already is left alone."""
    stem = shape if scale == 1 else f"{shape}-x{scale:g}"
    files = {form: folder / f"{stem}.{form}" for form in ("pcap", "pcapng")}
    for form, writer in (("pcap", write_pcap), ("pcapng", write_pcapng)):
        if not files[form].exists():
            draft = files[form].with_suffix(".part")
            with draft.open("wb") as file:
                writer(SHAPES[shape](scale), file)
            draft.rename(files[form])
    if shape == COMPRESSED and scale == 1:
        files["gz"] = folder / f"{stem}.pcap.gz"
        if not files["gz"].exists():
            draft = folder / f"{stem}.gz.part"
            with (
                files["pcap"].open("rb") as plain,
                draft.open("wb") as packed,
                gzip.GzipFile("", "wb", compresslevel=6, fileobj=packed, mtime=0) as stream,
            ):
                shutil.copyfileobj(plain, stream, 1 << 20)
            draft.rename(files["gz"])
    return files


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="outside of the repository; needs 4 GB for all")
    parser.add_argument("shapes", nargs="*", default=list(SHAPES), help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each (default: 1)")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for shape in given.shapes:
        for form, path in make(given.folder, shape, given.scale).items():
            print(f"{shape:<12} {form:<7} {path.stat().st_size / 1e6:9.1f} MB  {path}", flush=True)


if __name__ == "__main__":
    main()
