"""Who may ask: keys out of a folder, what a request shows, how fast it may come, and the certificate. Knows no server."""
