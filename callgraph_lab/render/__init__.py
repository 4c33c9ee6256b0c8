"""Pictures, DOT text and JSON from a call graph. Only ``layout`` starts Graphviz."""
