"""An FTP server with one process for each client.

Run:   python examples/multiprocess_server.py [PORT]    (2121 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:2121". The first process only accepts; every session runs in a
       child made by fork, so a call graph of the first process alone holds no upload at all.
Use:   python examples/upload_client.py                 (user "user", password "12345")
Stop:  Ctrl-C, or SIGINT to the first process, which ends its children.
"""

import sys
from contextlib import suppress
from tempfile import TemporaryDirectory

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import MultiprocessFTPServer


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2121
    # The children end with os._exit(): only the first process removes the home folder.
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="ftp-home-") as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        server = MultiprocessFTPServer(("127.0.0.1", port), FTPHandler)
        print("home folder", home)
        print("listening on {}:{}".format(*server.address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
