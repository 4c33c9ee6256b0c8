"""An FTP server on copies of pyftpdlib's servers.py and ioloop.py, with a handler of its own.

This is how a laboratory instruments a library by hand: copy the modules, patch their imports,
subclass the handler in the script. It is here because it defeats tools that look for functions by
module: the event loop is `ioloop`, the server `servers`, the handler `__main__`. Only these:
pyftpdlib's handlers go on importing the original `pyftpdlib.ioloop`, so both run side by side, and
a change in the copy of a class that handlers inherit from (AsyncChat) does nothing for them.
Whoever expects otherwise finds their log empty.

Run:   python examples/copied_modules/ftpServer.py [PORT]
       (2121 when left out; 0 takes a free port)
See:   where the copies are, "listening on 127.0.0.1:2121", a line for each thing a client does.
Use:   python examples/upload_client.py         (user "user", password "12345")
Stop:  Ctrl-C. The home folder is removed, the copies stay (see make_copies.py).
"""

import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from make_copies import make_copies
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler

sys.path.insert(0, str(make_copies()))

from servers import FTPServer  # type: ignore[import-not-found]  # made by the line above


class TalkativeHandler(FTPHandler):  # type: ignore[misc]  # pyftpdlib has no type hints
    """Says what the client does."""

    def on_login(self, username: str) -> None:
        """Say that a client gave the right password."""
        print("login", username, flush=True)

    def on_file_received(self, file: str) -> None:
        """Say that an upload is complete."""
        print("received", Path(file).name, flush=True)

    def on_file_sent(self, file: str) -> None:
        """Say that a download is complete."""
        print("sent", Path(file).name, flush=True)

    def on_disconnect(self) -> None:
        """Say that the client is gone."""
        print("disconnected", flush=True)


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="ftp-home-") as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        TalkativeHandler.authorizer = authorizer
        server = FTPServer(("127.0.0.1", port), TalkativeHandler)
        print("copies in", sys.path[0])
        print("home folder", home)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
