"""Callbacks: the end of a task as a signed POST to where its caller wants it, and never to where it must not go."""
