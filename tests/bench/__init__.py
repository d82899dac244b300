"""Side-by-side timings of ONNX servers on one machine, in one run: `python -m tests.bench`.

Peers import this package in their own virtual environments: nothing is imported here.
"""
