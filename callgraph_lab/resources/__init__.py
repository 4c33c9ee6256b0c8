"""What a target uses of the machine: CPU, memory, descriptors, threads.

``sampler`` reads it from outside while the target runs, ``at_moment`` answers from a recording,
``chart`` and ``drawing`` show it. ``log_lines`` runs inside the target, and imports nothing.
"""
