"""Speed and memory beside other programs, in one run: captures are made, never committed. See README.md."""
