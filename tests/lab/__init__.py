"""The lab: real SSH programs, in network namespaces of their own, recorded with tcpdump.

A case is one story (who spoke to whom, and what was done to them). Recording it gives a capture and the truth: what was
really done, what the programs printed and logged, and what a reader of the capture has to find. The truth is written by
hand in `cases.py` from those facts, never from sshpcap's own output.

    python -m tests.lab.record            records every case anew into samples/
    python -m tests.lab.record CASE ...   records these
    pytest -m lab                         records every case into a temporary folder and asks sshpcap about it

It needs root, Linux namespaces and the programs that `programs.missing` names. All traffic stays inside namespaces
that the lab makes and removes.

`network` owns the namespaces, `programs` the command lines, `scene` the meeting of a server and a client, `cases` the
stories, `record` the files, `judge` the comparison. Remedies are tried on whole hosts: `host` owns a host with files of
its own, `site` the place where attempts are recorded, `proofs` which test runs which command. `peers/` holds the small
programs that are run as subprocesses.
"""
