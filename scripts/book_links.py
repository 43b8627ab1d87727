"""Dead links inside a built site, and whatever its pages would fetch from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes by which an element loads a file at once; a link loads only the files of these kinds.
LOADED = {"src", "srcset", "poster", "data"}
RELATIONS = {"stylesheet", "preload", "modulepreload", "icon", "shortcut icon", "manifest"}


class Page(HTMLParser):
    """The anchors, links and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in pairs}
        self.anchors |= {attributes[name] for name in ("id", "name") if name in attributes}
        for name, value in attributes.items():
            is_loaded = name in LOADED or (tag == "link" and attributes.get("rel") in RELATIONS)
            if name in LOADED or name == "href":
                (self.loaded if is_loaded else self.links).add(value)


def faults(site: Path) -> list[str]:
    """One sentence for each dead link, missing anchor and file from elsewhere."""
    site = site.resolve()
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Page(path) for path in sorted(paths)}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    found.append(f"{name}: loads {link}; copy it into the site.")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or site not in target.parents:
                found.append(f"{name}: links to {link}, which does not exist.")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: links to {link}, which has no such anchor.")
    return found
