"""A real Kubernetes control plane for tests, on any machine that has Python: no root, no Docker, nothing to install.

`tools` builds the pinned programs, `controlplane` runs them, `isvc_crd` stands in for KServe's CRDs.
"""
