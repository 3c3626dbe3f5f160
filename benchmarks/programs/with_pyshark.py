"""With pyshark: `python -m benchmarks.programs.with_pyshark CAPTURE FRAMES`: what tshark says, as objects."""

import sys

import pyshark


def main(path: str, most: int) -> None:
    """Print identification strings and lists of key exchange methods as they come."""
    packets = pyshark.FileCapture(path, display_filter=f"ssh && frame.number <= {most}", keep_packets=False)
    for packet in packets:
        layer = packet.ssh
        for name in ("protocol", "kex_algorithms"):
            value = layer.get_field_value(name)
            if value:
                print(packet.number, packet.ip.src, packet.ip.dst, value)
    packets.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
