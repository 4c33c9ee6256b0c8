"""``python -m callgraph_lab`` is ``cglab``."""

from callgraph_lab.cli import main

if __name__ == "__main__":
    main()
