"""The FTP server of the benchmarks: prints its pid and port, and serves until it is killed."""

from __future__ import annotations

import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def main(home: str) -> None:
    # Lines of a log would be most of the work.
    logging.disable(logging.CRITICAL)
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "12345", home, perm="elradfmwMT")
    FTPHandler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), FTPHandler)
    server.max_cons = 0  # each of ftpbench's clients has a second one for its data
    print(os.getpid(), server.address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
