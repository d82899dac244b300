"""Does what KServe's controller and webhooks (v0.20+) do in Standard mode, for test clusters that cannot have KServe.

Names, labels, ports, defaults and the words of conditions are those of KServe's source. What no GpuxModel becomes is left
out: transformers, explainers, canaries, serving runtimes, Knative, KEDA, the agent's logger and batcher.
"""
