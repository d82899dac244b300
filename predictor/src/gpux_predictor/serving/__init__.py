"""The model as a service, without a protocol: load it, say how it is, answer one request with a deadline."""
