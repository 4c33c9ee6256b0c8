"""FTP clients that do a known random sequence of things, and keep count of what they did."""

from __future__ import annotations

import ftplib
import io
import random
import re
import ssl
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

TIMEOUT_S = 60
SIZES = (0, 1, 700, 20_000, 90_000)
UPLOADS = ("STOR", "APPE", "STOU")
LISTINGS = ("LIST", "NLST", "MLSD")
STEPS = 8
"""What a client does between its login and its end."""


@dataclass
class Truth:
    """What clients did: commands sent, by verb, and the bytes of each transfer that went well.

    ``sessions`` counts the connections that used a verb. ``files`` and ``listed`` are pairs of
    verb and bytes; ``named`` are the files whose names the client chose, with them.
    """

    commands: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    files: Counter[tuple[str, int]] = field(default_factory=Counter)
    named: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    listed: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, other: Truth) -> None:
        """Add what another client did."""
        self.commands += other.commands
        self.sessions += other.sessions
        self.files += other.files
        self.named += other.named
        self.listed += other.listed

    def send(self, verb: str) -> None:
        """Count a command of the one session that this is of."""
        self.commands[verb] += 1
        self.sessions[verb] = 1

    def move(self, verb: str, size: int, name: str = "") -> None:
        """Count a transfer of a file."""
        self.files[verb, size] += 1
        if name:
            self.named[verb, name, size] += 1

    def bytes_of(self, verb: str) -> int:
        """Return how many bytes moved over data connections of these commands."""
        transfers = self.files + self.listed
        return sum(size * count for (of, size), count in transfers.items() if of == verb)


def total(truths: Iterable[Truth]) -> Truth:
    """Return what all clients did together."""
    result = Truth()
    for truth in truths:
        result.add(truth)
    return result


class CountingClient(ftplib.FTP):
    """Counts each command that it sends."""

    def __init__(self, **options: object) -> None:
        self.truth = Truth()
        super().__init__(timeout=TIMEOUT_S, **options)  # type: ignore[arg-type]

    def putcmd(self, line: str) -> None:
        """Send a command; also ftplib's own, such as PASV, come through here."""
        self.truth.send(line.split(maxsplit=1)[0].upper())
        super().putcmd(line)


class CountingTlsClient(CountingClient, ftplib.FTP_TLS):
    """The same with TLS."""


def make_client(*, tls: bool) -> CountingClient:
    """Return a client that is not connected yet; with TLS it trusts whoever answers."""
    if not tls:
        return CountingClient()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return CountingTlsClient(context=context)


def session(number: int, *, port: int, tls: bool = False, sizes: tuple[int, ...] = SIZES) -> Truth:
    """Be a client with a sequence of its own, which its number decides, and say what it did.

    Raise what ftplib raises, or ``AssertionError`` where a file comes back different.
    """
    choose = random.Random(number)  # noqa: S311 - to be the same each time
    with make_client(tls=tls) as client:
        client.connect("127.0.0.1", port)
        client.login("user", "12345")
        if isinstance(client, ftplib.FTP_TLS):
            client.prot_p()
        user = _User(client, number, choose, sizes)
        # Each puts one file at least, so that the others have something to get and to delete.
        for step in (user.put, *choose.choices(user.steps(), k=STEPS - 1)):
            step()
        client.quit()
        return client.truth


class _User:
    """What a client can do. No two of them touch one file."""

    def __init__(
        self, client: CountingClient, number: int, choose: random.Random, sizes: tuple[int, ...]
    ) -> None:
        self.client, self.truth = client, client.truth
        self.prefix, self.choose, self.sizes = f"client-{number}-", choose, sizes
        self.contents: dict[str, bytes] = {}
        self.made = 0

    def steps(self) -> list[Callable[[], None]]:
        return [
            self.put,
            self.put,
            self.append,
            self.put_unique,
            self.get,
            self.get,
            self.list,
            self.list_names,
            self.make_folder,
            self.delete,
            self.delete_what_is_not_there,
        ]

    def put(self) -> None:
        self.made += 1
        name, content = f"{self.prefix}{self.made}", self._content()
        self.client.storbinary(f"STOR {name}", io.BytesIO(content))
        self.contents[name] = content
        self.truth.move("STOR", len(content), name)

    def append(self) -> None:
        name, content = self._some_file(), self._content()
        self.client.storbinary(f"APPE {name}", io.BytesIO(content))
        self.contents[name] = self.contents.get(name, b"") + content
        self.truth.move("APPE", len(content), name)

    def put_unique(self) -> None:
        content = self._content()
        self.client.storbinary("STOU", io.BytesIO(content))
        self.truth.move("STOU", len(content))

    def get(self) -> None:
        name, received = self._some_file(), bytearray()
        if name not in self.contents:
            self.put()
            name = self._some_file()
        self.client.retrbinary(f"RETR {name}", received.extend)
        assert received == self.contents[name]
        self.truth.move("RETR", len(received), name)

    def list(self) -> None:
        self._list("LIST")

    def list_names(self) -> None:
        self._list("NLST")

    def make_folder(self) -> None:
        self.made += 1
        name = f"{self.prefix}folder-{self.made}"
        self.client.mkd(name)
        if self.choose.random() < 0.5:
            self.client.rmd(name)

    def delete(self) -> None:
        if not self.contents:
            self.put()
        name = self._some_file()
        self.client.delete(name)
        del self.contents[name]

    def delete_what_is_not_there(self) -> None:
        try:
            self.client.delete(f"{self.prefix}nothing")
        except ftplib.error_perm as error:
            assert str(error).startswith("550")  # noqa: PT017 - that it raises is not the point
        else:
            raise AssertionError("deleted what was not there")

    def _list(self, verb: str) -> None:
        received = bytearray()
        # As bytes, so that line ends count.
        self.client.retrbinary(verb, received.extend)
        self.truth.listed[verb, len(received)] += 1

    def _content(self) -> bytes:
        return self.choose.randbytes(self.choose.choice(self.sizes))

    def _some_file(self) -> str:
        return self.choose.choice([*self.contents] or [f"{self.prefix}0"])


def many_sessions(
    clients: int,
    *,
    port: int,
    at_once: int = 50,
    tls: bool = False,
    sizes: tuple[int, ...] = SIZES,
) -> Truth:
    """Be so many clients, so many of them at once; say what they did together."""
    with ThreadPoolExecutor(at_once) as pool:
        client = partial(session, port=port, tls=tls, sizes=sizes)
        return total(pool.map(client, range(clients)))


# --- clients that nobody here wrote: what they sent is what they say that they sent ---

_SAID = re.compile(r"^(?:> |---> )([A-Z]{3,4})\b", re.MULTILINE)


def foreign_session(number: int, *, program: str, port: int, folder: Path, tls: bool) -> Truth:
    """Be ``curl`` or ``lftp``: put a file, list, get it back, put another, delete it, quit."""
    choose = random.Random(number)  # noqa: S311 - to be the same each time
    contents = [choose.randbytes(choose.choice(SIZES[1:])) for _ in range(2)]
    names = [f"{program}-{number}-{one}" for one in ("first", "second")]
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content)
    back = folder / f"{names[0]}-back"
    words = (_curl if program == "curl" else _lftp)(port, folder, names, back, tls=tls)
    answer = subprocess.run(words, cwd=folder, capture_output=True, timeout=TIMEOUT_S, check=False)
    said = answer.stderr.decode(errors="replace") + answer.stdout.decode(errors="replace")
    assert answer.returncode == 0, said
    assert back.read_bytes() == contents[0], said
    truth = Truth()
    for verb in _SAID.findall(said):
        truth.send(verb)
    if "QUIT" not in truth.commands:
        # curl's last word, which it may say nothing of.
        truth.send("QUIT")
    for name, content in zip(names, contents, strict=True):
        truth.move("STOR", len(content), name)
    truth.move("RETR", len(contents[0]), names[0])
    return truth


def _curl(port: int, folder: Path, names: list[str], back: Path, *, tls: bool) -> list[str]:
    options = ["--disable", "--noproxy", "*", "--verbose", "--user", "user:12345"]
    options += ["--ssl-reqd", "--insecure"] if tls else []
    address = f"ftp://127.0.0.1:{port}"
    first, second = names
    return [
        *("curl", *options, "--upload-file", str(folder / first), f"{address}/{first}"),
        *("--next", *options, f"{address}/", "--output", str(folder / f"{first}-list")),
        *("--next", *options, f"{address}/{first}", "--output", str(back)),
        *("--next", *options, "--upload-file", str(folder / second), f"{address}/{second}"),
        *("--next", *options, "--quote", f"DELE {second}", "--head", f"{address}/{first}"),
    ]


def _lftp(port: int, folder: Path, names: list[str], back: Path, *, tls: bool) -> list[str]:
    security = "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes"
    first, second = names
    steps = (
        "debug 5",
        "set cmd:fail-exit yes",
        # Without this it tries commands that are refused before anything handles them.
        "set ftp:use-feat no; set ftp:use-site-utime no; set ftp:use-site-utime2 no",
        security if tls else "set ftp:ssl-allow no",
        f"open -u user,12345 ftp://127.0.0.1:{port}",
        f"put {folder / first} -o {first}",
        "ls",
        f"get {first} -o {back}",
        f"put {folder / second} -o {second}",
        f"rm {second}",
        "bye",
    )
    return ["lftp", "--norc", "-c", "; ".join(steps)]
