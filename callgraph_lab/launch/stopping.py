"""How a target is stopped that does not end by itself: which signals, and how long between them."""

from __future__ import annotations

import signal

STEPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
DEFAULT_STOP_AFTER_S = 10.0
"""How long a target has after a signal that is to end it, before it gets the next, harder one."""
AGAIN_WITHIN_S = 1.0
"""A Ctrl-C so soon after another is no second line in a prompt, but impatience."""
