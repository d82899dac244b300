"""Predictions computed ahead: from a table of entities to a file that look-ups read."""
