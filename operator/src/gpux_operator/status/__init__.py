"""From observed objects to a model's status. Pure: the clock is an argument."""
