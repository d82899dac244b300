"""The GPUX operator: reconciles GpuxModel resources into KServe InferenceServices.

Layers, each importing only those above it:
    build, status    pure functions: GpuxModel -> child manifests, observed objects -> status
    kube             the API server behind a small Protocol
    engine           key queue, level-triggered reconcile, workers, resync, events
    adapters         kopf, Prometheus, HTTP probes, logs
"""
