"""Questions to a recording, as pure functions: a tree goes in, a graph or a path comes out.

Nothing here reads or writes a file, prints, or starts a process.
"""
