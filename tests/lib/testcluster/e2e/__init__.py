"""Clusters that the end-to-end tests run on: one that is given, kind, or the native node. The tests don't see which."""
