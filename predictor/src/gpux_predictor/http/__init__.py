"""Our HTTP routes: `/predict`, `/health`, `/info`. They know the service, not the server they hang in."""
