"""How much of a load the machine has is not what these tests are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from support_crafted_base import made_in

if TYPE_CHECKING:
    from pathlib import Path

settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


@pytest.fixture(scope="session")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a live folder of a killed run with everything in it, and a recording made of it."""
    live_folder, recording = made_in(tmp_path_factory.mktemp("killed"))
    return {"live folder": live_folder, "recording": recording}
