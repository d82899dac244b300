"""KServe's side: its Model, its ModelServer, its protocols V1 and V2. The only importer of `kserve`."""
