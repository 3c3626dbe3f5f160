"""Tests of live capture; what needs root is marked `lab`."""
