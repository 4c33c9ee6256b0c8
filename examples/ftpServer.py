"""A small asynchronous FTP server: one process, one thread, one event loop.

Run:   python examples/ftpServer.py [PORT]      (2121 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:2121", then pyftpdlib's log of logins and transfers on stderr.
Use:   python examples/upload_client.py         (user "user", password "12345")
Stop:  Ctrl-C. The home folder, made for this run only, is removed.
"""

import sys
from contextlib import suppress
from tempfile import TemporaryDirectory

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    # serve_forever() turns Ctrl-C into a return; `suppress` is for one just before or after it.
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="ftp-home-") as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        server = FTPServer(("127.0.0.1", port), FTPHandler)
        print("home folder", home)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
