"""Samples of many requests in one run: how they merge, who waits, who is told to come back. It knows no protocol."""
