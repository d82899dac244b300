"""The CRD, generated from the models: `gpux-crd FILE…` writes it, `gpux-crd --check FILE…` says whether it is current."""
