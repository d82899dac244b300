"""Tensors as pure functions: element types, a graph's signature, JSON to arrays and back. No server, no session."""
