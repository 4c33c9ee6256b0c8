"""An FTP client session: log in, put two files, list, get one back and compare it, quit.

Run:   python examples/upload_client.py [--host HOST] [--tls] [--active] [PORT]
       Without options it goes where the environment says (CGLAB_HOST, CGLAB_PORT), else to
       127.0.0.1:2121.
See:   one line for each step. The exit status is 1 if the server refused something or gave back
       other bytes.
"""

import argparse
import ftplib
import hashlib
import io
import os
import ssl
import sys

NOTE = b"A note, put here by upload_client.py.\n"
# Always the same, of every value and with no pattern: no lost or doubled block goes unnoticed.
BIG = hashlib.shake_256(b"callgraph_lab").digest(300_000)
FILES = {"note.txt": NOTE, "big.bin": BIG}
TIMEOUT_SECONDS = 30
# What ftplib raises, and what this script does where an answer is wrong.
ERRORS: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError)


def main() -> int:
    """Run the session; return the exit status."""
    options = parse_arguments()
    try:
        run_session(options.host, options.port, tls=options.tls, active=options.active)
    except ERRORS as error:
        print(
            f"upload_client.py: {options.host}:{options.port}: {error or type(error).__name__}",
            file=sys.stderr,
        )
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read host, port and --tls from the command line, with defaults from the environment."""
    parser = argparse.ArgumentParser(
        description="Upload two files to an FTP server and check what it gives back."
    )
    parser.add_argument("port", nargs="?", type=int, default=os.environ.get("CGLAB_PORT", "2121"))
    parser.add_argument("--host", default=os.environ.get("CGLAB_HOST", "127.0.0.1"))
    parser.add_argument(
        "--tls", action="store_true", help="encrypt commands and data (explicit FTPS)"
    )
    parser.add_argument(
        "--active", action="store_true", help="let the server open the data connections"
    )
    return parser.parse_args()


def run_session(host: str, port: int, *, tls: bool, active: bool) -> None:
    """Do what a user would. Raises one of ERRORS."""
    with make_client(tls=tls) as client:
        client.set_pasv(not active)
        client.connect(host, port)
        print(f"connected to {host}:{port}")
        client.login("user", "12345")
        if isinstance(client, ftplib.FTP_TLS):
            client.prot_p()
        print("logged in as user")
        for name, content in FILES.items():
            client.storbinary(f"STOR {name}", io.BytesIO(content))
            print(f"put {name}, {len(content)} bytes")
        lines: list[str] = []
        client.retrlines("LIST", lines.append)
        missing = FILES.keys() - {line.split()[-1] for line in lines if line}
        if missing:
            message = f"uploaded, but not in the listing: {', '.join(sorted(missing))}"
            raise ValueError(message)
        print(f"listed {len(lines)} files")
        received = bytearray()
        client.retrbinary("RETR big.bin", received.extend)
        if received != BIG:
            message = (
                f"big.bin came back different: {len(received)} bytes received, {len(BIG)} sent"
            )
            raise ValueError(message)
        print(f"got big.bin, {len(received)} bytes, as sent")
        client.quit()
        print("quit")


def make_client(*, tls: bool) -> ftplib.FTP:
    """Return a client that is not connected yet."""
    if not tls:
        return ftplib.FTP(timeout=TIMEOUT_SECONDS)
    # The server made its certificate a moment ago, and no authority vouches for it. Not checking
    # it is right for a lab on 127.0.0.1, and nowhere else.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return ftplib.FTP_TLS(timeout=TIMEOUT_SECONDS, context=context)


if __name__ == "__main__":
    sys.exit(main())
