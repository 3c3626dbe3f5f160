"""Several processes for one analysis: `telling` shares out the connections when all of them are recorded.

No result may depend on how many there are. Must not know: frames, files, formats of reports.
"""
