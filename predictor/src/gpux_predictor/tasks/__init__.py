"""Predictions that are submitted and polled: kept in a store, run in the gaps between requests, never lost."""
