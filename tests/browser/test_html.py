"""The HTML report in headless Chromium: layout, filter, keyboard, dark mode, print, a phone; and that nothing runs."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sshpcap.report.html import render
from sshpcap.report.view import Options
from tests.golden import ROOT
from tests.support.hostile import hostile_flows
from tests.support.sessions import report_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
FLOWS = dict(hostile_flows())
NAMES = ("login-grace-time", "syn-dropped", "no-common-kex-openssh", "ok-openssh-ipv6", "max-startups")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page and notes everything that it complains about or asks of the network; none of that may be."""
    wrong: list[str] = []
    contexts = []

    def opened(html: str, size: dict[str, int] | None = None, **options: Any) -> Any:
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport=size or DESKTOP, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append("a dialog"))
        page.on("request", lambda asked: None if asked.url == path.as_uri() else wrong.append(f"asks for {asked.url}"))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def _samples(*names: str) -> str:
    from sshpcap.analyzer import Analyzer
    from sshpcap.capture import Captures

    analyzer = Analyzer()
    with Captures([str(ROOT / "samples" / name / "capture.pcap") for name in names]) as source:
        for block in source.blocks():
            analyzer.feed(block)
        report = analyzer.finish(source.describe())
    return render(report, Options(connections=frozenset(s.index for s in report.sessions)))


@pytest.fixture(scope="module")
def several() -> str:
    return _samples(*NAMES)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_hostile_peer_runs_nothing_and_breaks_nothing(name: str, size: dict[str, int], open_page: Open) -> None:
    page = open_page(render(report_of(FLOWS[name]), Options()), size)
    for fold in page.locator("summary").all():
        fold.click()
    for rung in page.locator("svg.ladder:visible .rung").all():
        rung.hover()
    page.locator("#find").fill("<script>")
    page.keyboard.press("Escape")
    assert page.evaluate("window.ran") is None
    assert page.locator("script").count() == 1
    assert (
        page.locator("img, iframe, object, embed, link, a[href]:not([href^='#']), style:not(head style)").count() == 0
    )
    assert page.locator("section.connection").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_the_policy_is_strict(several: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', several)
    assert policy is not None
    directives = policy[1].replace("&#39;", "'").split("; ")
    assert directives[0] == "default-src 'none'"
    assert all("unsafe" not in one and "*" not in one and "http" not in one for one in directives)


def test_injected_script_does_not_run(browser: Any, tmp_path: Path, several: str) -> None:
    """The same page with a script and an image put in: the policy refuses both."""
    path = tmp_path / "injected.html"
    path.write_text(several.replace("<main>", "<main><script>window.ran=1</script><img src=x onerror='window.ran=2'>"))
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.evaluate("window.ran") is None
    page.close()


def test_the_filter(open_page: Open, several: str) -> None:
    page = open_page(several)
    rows = page.locator("#connections tbody tr:visible")
    total = rows.count()
    assert total >= len(NAMES)
    page.keyboard.press("/")
    page.keyboard.type("waiting time")
    assert rows.count() == 1
    assert page.locator("section.connection:visible").count() == 1
    assert page.locator("#count").text_content() == f"1 of {total}"
    page.locator("#find").fill("zzzz")
    assert page.locator("#none").is_visible()
    page.keyboard.press("Escape")
    assert rows.count() == total
    page.locator("input[value=failed]").uncheck()
    assert rows.count() < total
    assert page.locator("#connections tbody tr[data-outcome=failed]:visible").count() == 0


def test_the_keyboard_is_enough(open_page: Open, several: str) -> None:
    page = open_page(several)
    page.keyboard.press("j")
    page.keyboard.press("j")
    sections = page.locator("section.connection")
    assert page.evaluate("document.activeElement.id") == sections.nth(1).get_attribute("id")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == sections.nth(0).get_attribute("id")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('rung')")
    first = page.evaluate("document.activeElement.dataset.note")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.dataset.note")
    assert first != second
    assert sections.nth(0).locator(".point").text_content() == second
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_pointing_at_a_rung_shows_more(open_page: Open, several: str) -> None:
    page = open_page(several)
    rung = page.locator("svg.ladder.wide .rung", has_text="SSH_MSG_KEXINIT").first
    rung.hover()
    section = page.locator("section.connection", has=page.locator("svg.wide .rung:hover"))
    assert "relative sequence numbers" in section.locator(".point").text_content()


@pytest.mark.parametrize(("size", "shown", "hidden"), [(DESKTOP, "wide", "narrow"), (PHONE, "narrow", "wide")],
                         ids=["desktop", "phone"])  # fmt: skip
def test_ladders_fit(size: dict[str, int], shown: str, hidden: str, open_page: Open, several: str) -> None:
    page = open_page(several, size)
    assert page.locator(f"svg.{hidden}:visible").count() == 0
    assert page.locator(f"svg.{shown}:visible").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    outside = page.evaluate(
        """(name) => [...document.querySelectorAll(`svg.${name} text`)].filter((text) => {
             const box = text.getBBox(), view = text.ownerSVGElement.viewBox.baseVal;
             return box.x < -1 || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
           }).map((text) => text.textContent)""",
        shown,
    )
    assert outside == []
    smallest = page.evaluate(
        """(name) => Math.min(...[...document.querySelectorAll(`svg.${name} text`)].map((text) =>
             parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))""",
        shown,
    )
    assert smallest >= 10


_CONTRAST = """() => {
  const parts = (c) => c.match(/[\\d.]+/g).slice(0, 3).map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  const light = (c) => { const [r, g, b] = parts(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = getComputedStyle(document.body).backgroundColor;
  const low = [];
  for (const one of document.querySelectorAll("p, td, th, h1, h2, h3, a, code, small, summary, label, dd, strong")) {
    const [a, b] = [light(getComputedStyle(one).color), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(one.tagName + " " + getComputedStyle(one).color);
  }
  return [back, low];
}"""


def test_dark_and_light_have_contrast(open_page: Open, several: str) -> None:
    """WCAG 2.1 §1.4.3: 4.5 to 1 for text."""
    backs = []
    for scheme in ("light", "dark"):
        back, low = open_page(several, color_scheme=scheme).evaluate(_CONTRAST)
        backs.append(back)
        assert low == []
    assert len(set(backs)) == 2


def test_print(open_page: Open, several: str) -> None:
    page = open_page(several, color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("#filter").is_visible()
    assert page.locator("svg.wide").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_without_script_everything_is_there(open_page: Open, several: str) -> None:
    page = open_page(several, java_script_enabled=False)
    assert page.locator("section.connection").count() >= len(NAMES)
    assert not page.locator("#filter").is_visible()
