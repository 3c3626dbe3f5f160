"""Markdown: what a renderer makes of it is tables, blocks of code and our own headings, whatever the peers wrote."""

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sshpcap.report import markdown
from sshpcap.report.view import Options
from tests.support.hostile import BAD, hostile_flows
from tests.support.sessions import report_of

FLOWS = dict(hostile_flows())
_OURS = re.compile(r"<details><summary>[^<>]*</summary>|</details>")
# What GitHub, GitLab and Jira make of text outside of code: mentions, references, addresses, tickets, commits.
_ACTS = re.compile(
    r"[@#$!~&%^]\w|\bwww\.|://|\b[A-Z]{2,}-\d|\b[0-9a-f]{7,}\b|\w@|\[|\]|<|>|\||\{|\*|(?<!\w)_|\\x1b|\x1b"
)


def _rendered(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_of_a_peer_acts(name: str) -> None:
    text = markdown.render(report_of(FLOWS[name]), Options())
    assert "alert" not in text
    assert all(c.isprintable() or c == "\n" for c in text)
    for token in _flat(_rendered(text)):
        assert token.type not in ("link_open", "image", "html_inline", "s_open", "em_open", "blockquote_open") or (
            token.type == "blockquote_open" and token.level == 0
        )
        if token.type == "html_block":
            assert all(_OURS.fullmatch(line) for line in token.content.splitlines()), token.content
        if token.type == "text":
            assert not _ACTS.search(token.content), token.content


@pytest.mark.parametrize("name", FLOWS)
def test_every_row_of_a_table_has_its_cells(name: str) -> None:
    text = markdown.render(report_of(FLOWS[name]), Options())
    cells = 0
    for token in _rendered(text):
        if token.type == "tr_open":
            cells = 0
        elif token.type in ("td_open", "th_open"):
            cells += 1
        elif token.type == "tr_close":
            assert cells in (2, 3, 6)
    folds = [token.content for token in _rendered(text) if token.type == "html_block"]
    assert sum("<details>" in fold for fold in folds) == sum("</details>" in fold for fold in folds) > 0


def test_the_text_itself_is_all_there() -> None:
    """Harmless does not mean left out: a reader sees the same characters."""
    (paragraph,) = [t for t in _rendered(markdown.prose(BAD)) if t.type == "inline"]
    seen = "".join(token.content for token in paragraph.children or [])
    for word in (
        "<script>window.ran=1</script><img",
        "@everyone",
        "#1",
        "[l](javascript:window.ran=1)",
        "```",
        "|",
        "h",
    ):
        assert word in seen


@pytest.mark.parametrize("text", ["`", "``", "` `", "a`b``c", "|", "\\", " x ", "```\n# h", "`a` `b`"])
def test_a_code_span_cannot_be_left(text: str) -> None:
    (inline,) = [t for t in _rendered(markdown.code(text)) if t.type == "inline"]
    assert [child.type for child in inline.children or []] == ["code_inline"]


def test_a_fence_cannot_be_closed_from_within() -> None:
    (token,) = _rendered("\n".join(markdown.fenced(["```", "````", "~~~", "# h"])))
    assert token.type == "fence"
    assert token.content == "```\n````\n~~~\n# h\n"


def test_words_stay_words() -> None:
    sentence = "The server closed the connection (FIN, frame 12, 477 µs after frame 11)."
    assert markdown.prose(sentence) == sentence
    assert markdown.prose("use `sshd -T` (shows it)") == "use `sshd -T` (shows it)"
