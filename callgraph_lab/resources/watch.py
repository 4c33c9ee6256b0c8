"""What ``cglab`` does about resources while a target runs: samples, and a heartbeat if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError
from callgraph_lab.resources.sampler import ResourceSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from callgraph_lab.resources.heartbeat import Heartbeat


class ResourceWatch:
    """Done by the supervisor, whenever ``attend`` asked to be called again."""

    def __init__(
        self,
        live_folder: Path,
        *,
        say: Callable[[str], None],
        heartbeat: Heartbeat | None = None,
        others: Callable[[], Iterable[tuple[int, int]]] = tuple,
    ) -> None:
        self._sampler = ResourceSampler(live_folder, say=say, others=others)
        self._heartbeat = heartbeat

    def attend(self, pid: int) -> float:
        """Do what is due for the target ``pid``; return in how many seconds to be called again."""
        patience_s = self._sampler.poll(pid)
        if self._heartbeat is not None:
            patience_s = min(patience_s, self._heartbeat.poll(self._sampler.latest))
        return patience_s

    def close(self) -> None:
        """Finish the samples."""
        self._sampler.close()


def line_writer(path: Path, option: str) -> Callable[[str], None]:
    """Return what appends a line to the file that a user gave with ``option``.

    It raises ``OutputError`` where that cannot be done; so does this, before it is used.
    """

    def write(line: str) -> None:
        try:
            with path.open("a", encoding="utf-8") as file:
                if line:
                    file.write(f"{line}\n")
        except OSError as error:
            raise OutputError(
                f"cannot write to {path}: {error.strerror}", hint=f"give {option} another path"
            ) from error

    write("")
    return write
