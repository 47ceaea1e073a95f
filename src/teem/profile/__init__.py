"""Why a run is as fast, and as large, as it is: `teem profile`.

A phase plays the subject in processes of its own, each under one instrument, and tells what it found. It drives
runs, so it lies above them; what runs carry with them to be measured, spans and traces, lies in `teem.measure`.
"""
