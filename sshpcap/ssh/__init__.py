"""The SSH protocol before encryption (RFC 4250, 4253 and their kin). Must not know: packets, TCP, files, reports."""
