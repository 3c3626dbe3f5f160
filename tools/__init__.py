"""Programs for those who work on sshpcap."""
