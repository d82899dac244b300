"""The page on which a model is tried: its files, and the form that fits this very model. Knows no server."""
