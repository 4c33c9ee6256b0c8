"""The program of the child process in which pygraphviz lays a graph out.

Run as a script, away from this package, by ``layout``: DOT on stdin, the picture on stdout.
A layout in the same process could not be timed out, and a crash in Graphviz would be ours.
"""

import os
import sys
import tempfile

CANNOT_LOAD = 3


def main() -> int:
    """Render stdin in the format and resolution of the arguments; return the exit status."""
    try:
        import pygraphviz  # noqa: PLC0415 - only in this process
    except ImportError as error:  # its wheel leaves out libraries that a bare server has not
        sys.stderr.write(f"{error}\n")
        return CANNOT_LOAD

    if sys.argv[1] == "--version":
        sys.stdout.write(f"{pygraphviz.__graphviz_version__}\n")
        return 0
    library = pygraphviz.graphviz
    picture_format, dots_per_inch = sys.argv[1:3]
    # The library reads from a FILE with a descriptor and a position: a pipe may be neither.
    with tempfile.TemporaryFile() as source:
        source.write(sys.stdin.buffer.read())
        source.flush()
        source.seek(0)
        try:
            graph = library.agread(source, None)
        except ValueError:  # Graphviz has said why on stderr
            return 1
    if dots_per_inch != "0":
        library.agsafeset(graph, b"dpi", dots_per_inch.encode(), b"")
    context = library.gvContextWithBuiltins()
    if library.gvLayout(context, graph, b"dot") != 0:
        sys.stderr.write("gvLayout failed\n")
        return 1
    status, picture = library.gvRenderData(context, graph, picture_format.encode())
    if status != 0:
        sys.stderr.write("gvRenderData failed\n")
        return 1
    sys.stdout.buffer.write(picture)
    return 0


if __name__ == "__main__":
    exit_status = main()
    sys.stdout.flush()
    # Tearing the libraries down frees a large graph piece by piece, for nothing.
    os._exit(exit_status)
