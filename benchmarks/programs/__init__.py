"""The programs that people write when they have no other: what SSH a capture holds, with dpkt, scapy or pyshark."""
