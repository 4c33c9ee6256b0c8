from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

from support_viewer import HOSTILE_TEXTS, data_of, hostile_recording

from callgraph_lab.render.viewer_data import Told, ViewQuery, viewer_document
from callgraph_lab.render.viewer_page import BUNDLE, viewer_page


class Elements(HTMLParser):
    """The elements of a page, and the text in each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1][0], data))


def page() -> bytes:
    return viewer_page(viewer_document(hostile_recording(), ViewQuery(), Told()))


def test_hostile_names_are_in_the_data_and_in_the_title_as_text() -> None:
    made = page()
    elements = Elements(made.decode())
    assert [tag for tag, _ in elements.tags] == [
        *("html", "head", "meta", "meta", "meta", "title", "link", "style"),
        *("body", "noscript", "script", "script", "script"),
    ]
    assert ("title", f"{HOSTILE_TEXTS[0]} - cglab") in elements.texts
    qualnames = {item["qualname"] for item in data_of(made)["functions"]}
    assert qualnames >= set(HOSTILE_TEXTS)


def test_the_policy_allows_the_program_and_the_style_and_no_network() -> None:
    elements = Elements(page().decode())
    (policy,) = (
        attributes["content"]
        for _, attributes in elements.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    directives = dict(part.split(" ", 1) for part in str(policy).split("; "))
    assert directives["default-src"] == directives["connect-src"] == "'none'"
    texts = dict(elements.texts)
    for name, source in (("script", texts["script"]), ("style", texts["style"])):
        digest = b64encode(sha256(source.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in directives[f"{name}-src"].split()
    assert "unsafe-inline" not in str(policy)
    assert not re.search(r"https?:", str(policy))


def test_the_bundle_stays_inside_of_its_elements() -> None:
    program = (BUNDLE / "viewer.js").read_bytes()
    style = (BUNDLE / "viewer.css").read_bytes()
    licenses = (BUNDLE / "LICENSES.txt").read_bytes()
    assert b"wasm-graphviz" in licenses
    assert not re.search(rb"</script|<!--", licenses, re.IGNORECASE)
    # What would end the element, begin a comment in it, or be another text to a browser's hash.
    assert not re.search(rb"</script|<!--|[\r\x00]", program, re.IGNORECASE)
    assert not re.search(rb"</style|@import|[\r\x00]", style, re.IGNORECASE)
    # A style that loads something would be refused: better it does not ask.
    assert not re.search(rb"url\((?!data:)", style)


def test_the_same_recording_makes_the_same_page() -> None:
    assert page() == page()
