"""The API server as the engine sees it: a small Protocol, its errors, and one implementation."""
