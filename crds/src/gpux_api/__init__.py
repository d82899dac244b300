"""The contract of GPUX on Kubernetes: the `GpuxModel` resource as pydantic models, and the CRD generated from them.

Both programs import this package; it imports neither of them, does no network I/O and knows no Kubernetes client.
"""
