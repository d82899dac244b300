"""Tasks in Redis, for many processes."""
