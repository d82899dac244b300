"""What ties the engine to the world: kopf's watches, Prometheus, HTTP probes, logs. The only importers of those packages."""
