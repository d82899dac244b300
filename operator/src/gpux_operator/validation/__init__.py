"""`gpux-operator validate`: what the API server, the admission policy and the operator would say, with no cluster."""
