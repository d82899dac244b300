"""The operator with 1,000 models, on a real etcd and API server."""
