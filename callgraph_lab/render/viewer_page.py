"""The page of ``cglab view``: one HTML file with program, style and data, which loads nothing.

Its Content-Security-Policy names the program and the style by their hashes and forbids everything
else, the network above all. What comes from the recording is base64 in an element that browsers
do not run, so no name in it can end that element or begin another.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from callgraph_lab.render.text import shorten, visible_text

BUNDLE = Path(__file__).parent / "viewer" / "bundle"
"""What ``viewer/build.mjs`` makes of the TypeScript; it is kept under version control."""
_WIDEST_TITLE_COLUMNS = 120

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<noscript>This page draws a call graph with JavaScript, which is switched off here.</noscript>
<script type="application/octet-stream+base64" id="data">{data}</script>
<script type="text/plain" id="licenses">{licenses}</script>
<script>{program}</script>
</body>
</html>
"""


def viewer_page(document: dict[str, Any]) -> bytes:
    """Return the page for what ``viewer_document`` made of a recording."""
    program = (BUNDLE / "viewer.js").read_text(encoding="utf-8")
    style = (BUNDLE / "viewer.css").read_text(encoding="utf-8")
    name = shorten(visible_text(document["recording"]["name"]), _WIDEST_TITLE_COLUMNS)
    page = _PAGE.format(
        policy=content_security_policy(program, style),
        title=escape(f"{name} - cglab"),
        style=style,
        data=packed(document),
        # Of what others wrote of the program: whoever passes the page on passes them on, too.
        licenses=(BUNDLE / "LICENSES.txt").read_text(encoding="utf-8"),
        program=program,
    )
    return page.encode()


def content_security_policy(program: str, style: str) -> str:
    """Return the policy that allows these two texts, WebAssembly and nothing from elsewhere."""
    return "; ".join(
        (
            "default-src 'none'",
            # Graphviz is WebAssembly, and runs in a worker that the page makes of its own text.
            f"script-src '{_hash_of(program)}' 'wasm-unsafe-eval'",
            "worker-src blob:",
            f"style-src '{_hash_of(style)}'",
            "img-src data: blob:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def packed(document: dict[str, Any]) -> str:
    """Return a document as base64 of gzip of JSON, the same text for the same document."""
    # In ASCII: names may hold halves of characters, which UTF-8 cannot carry.
    text = json.dumps(document, separators=(",", ":"))
    return b64encode(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)).decode("ascii")


def _hash_of(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"
