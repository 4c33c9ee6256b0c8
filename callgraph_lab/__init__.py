"""Record every call of a running Python program once; ask for its call graph at any depth."""
