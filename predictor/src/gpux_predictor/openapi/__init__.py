"""The OpenAPI 3.1 document of one model: what it takes and answers, from its signature and its manifest. Pure."""
