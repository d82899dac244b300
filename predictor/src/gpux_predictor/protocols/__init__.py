"""The tensor protocols that KServe's clients speak, without a server: V1 and the Open Inference Protocol (V2)."""
