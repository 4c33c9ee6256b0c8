"""What a target uses of the machine: CPU, memory, descriptors, threads.

``sampler`` reads it from outside while the target runs, ``at_moment`` answers from a recording,
``chart`` and ``drawing`` show it. ``limits`` says how much it may be; ``process_limits``,
``duty_cycle`` and ``ftp_limits`` see to that. ``log_lines``, ``after_import``, ``ftp_limits``,
``ftp_pace`` and ``ftp_pause`` run inside the target, and import nothing else.
"""
