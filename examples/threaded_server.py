"""An FTP server with one thread for each client.

Run:   python examples/threaded_server.py [PORT]    (2121 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:2121". The main thread only accepts; every session runs in a thread
       named after the client's address, with an event loop of its own: in a call graph each is a
       root beside the main thread.
Use:   python examples/upload_client.py             (user "user", password "12345")
Stop:  Ctrl-C. It takes up to a second while a client is connected, which is how often the thread
       of a session looks whether it should end.
"""

import sys
from contextlib import suppress
from tempfile import TemporaryDirectory

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="ftp-home-") as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        server = ThreadedFTPServer(("127.0.0.1", port), FTPHandler)
        print("home folder", home)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
