"""An FTP server that is slow on purpose, so that a transfer can be watched while it runs.

Run:   python examples/throttled_server.py [PORT]    (2121 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:2121"; 300 KB take about two seconds each way instead of a few
       milliseconds. When a transfer is over its limit the data channel leaves the event loop, and
       a delayed call (ioloop.call_later) puts it back: here the scheduler, too, moves bytes.
Use:   python examples/upload_client.py              (user "user", password "12345")
Stop:  Ctrl-C. The home folder, made for this run only, is removed.
"""

import sys
from contextlib import suppress
from tempfile import TemporaryDirectory

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer


class SlowDataChannel(ThrottledDTPHandler):  # type: ignore[misc]  # pyftpdlib has no type hints
    """A data connection with a speed limit each way, in bytes per second."""

    read_limit = 80_000  # what clients upload
    write_limit = 80_000  # what clients download


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="ftp-home-") as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        FTPHandler.dtp_handler = SlowDataChannel
        server = FTPServer(("127.0.0.1", port), FTPHandler)
        print("home folder", home)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
