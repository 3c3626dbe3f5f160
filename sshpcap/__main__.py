"""python -m sshpcap."""

from sshpcap.cli import main

main()
