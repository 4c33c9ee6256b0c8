"""Start a target as ``python`` would, record it, drive it with a client, stop it, keep the result.

``bootstrap`` is the part that runs inside the target; everything else runs in ``cglab``.
"""
