"""From a GpuxModel to the manifests it owns. Pure: no cluster, no clock, the same answer every time."""
