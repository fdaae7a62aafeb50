"""What the README and the pages of `docs/` contain: headings, links, code and names in code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from energy_assets.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PAGES = (PROJECT_ROOT / "README.md", *sorted(DOCS.glob("*.md")))


@dataclass(frozen=True)
class Code:
    """A block of code."""

    language: str
    text: str


@lru_cache
def _tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt().enable("table").parse(page.read_text("utf-8")))


def _inline(page: Path) -> Iterator[Token]:
    for token in _tokens(page):
        yield from token.children or ()


def links(page: Path) -> list[str]:
    """The targets of all links and images."""
    found = [token.attrGet("href") or token.attrGet("src") for token in _inline(page)]
    return [str(target) for target in found if target]


def anchors(page: Path) -> set[str]:
    """The anchors of all headings, as GitHub and the site make them."""
    found: set[str] = set()
    for opening, token in pairwise(_tokens(page)):
        if opening.type == "heading_open":
            text = "".join(child.content for child in token.children or ())
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(anchor if anchor not in found else f"{anchor}-1")
    return found


def code(page: Path) -> list[Code]:
    """All blocks of code."""
    return [Code(token.info, token.content) for token in _tokens(page) if token.type == "fence"]


def named(page: Path) -> Iterator[str]:
    """Everything that is set as code, in the text and in blocks without a language."""
    yield from (block.text for block in code(page) if not block.language)
    yield from (token.content for token in _inline(page) if token.type == "code_inline")


def requests(page: Path) -> list[str]:
    """The paths that the page's examples with curl ask for."""
    return re.findall(r"curl [^\n]*'http://127\.0\.0\.1:8001(/\S+)'", page.read_text("utf-8"))


def tool(name: str) -> None:
    """Skip the test if a module of the extra `docs` is missing, unless CI=true."""
    if os.environ.get("CI") != "true":
        pytest.importorskip(name, reason=f"no {name}: pip install '.[docs]'")


def newer_python() -> None:
    """Skip the test on Python 3.10, for which zensical and zizmor are not made."""
    if sys.version_info < (3, 11):
        pytest.skip("zensical and zizmor need Python 3.11")
