"""A small web server, one thread for each request: a program that is not an FTP server.

Run:   python examples/http_server.py [PORT]     (8000 when left out; 0 takes a free port)
See:   "listening on 127.0.0.1:8000", then one line for each request on stderr.
Use:   curl http://127.0.0.1:8000/factors/360                         (2 2 2 3 3 5)
       curl --data "some words" http://127.0.0.1:8000/words           (2)
Stop:  Ctrl-C.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def prime_factors(number: int) -> Iterator[int]:
    """Yield the prime factors of a positive number, smallest first, each as often as it divides."""
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            yield divisor
            number //= divisor
        divisor += 1
    if number > 1:
        yield number


class Handler(BaseHTTPRequestHandler):
    """Factors a number (GET) and counts words (POST)."""

    def do_GET(self) -> None:
        """Answer /factors/NUMBER; nine digits at most, so that nobody keeps the server busy."""
        if match := re.fullmatch("/factors/([1-9][0-9]{0,8})", self.path):
            self.answer(" ".join(str(factor) for factor in prime_factors(int(match[1]))))
        else:
            self.send_error(HTTPStatus.NOT_FOUND, "try /factors/360")

    def do_POST(self) -> None:
        """Answer with the number of words in the body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(str(len(body.split())))

    def answer(self, text: str) -> None:
        """Send one line of text."""
        content = f"{text}\n".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with suppress(KeyboardInterrupt), ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
