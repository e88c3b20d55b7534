# islet: the page in a real browser, with the firmware in its house behind it.
# GPL-3.0-or-later
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from tests_host.system.kit import PATIENCE_S, TOKEN, Box, document, quiet, until

CAR, BATTERY = "#devices [data-device=evse] ", "#devices [data-device=inverter] "
ASK_CAR, ASK_BATTERY = (card.replace("#devices", "#asked") for card in (CAR, BATTERY))
PHONE = {"width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": True}
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium(profile: Path) -> WebDriver:
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = shutil.which("chromedriver") or "/usr/bin/chromedriver"
    return webdriver.Chrome(options=options, service=Service(driver))


class Page:
    """The page as its user has it."""

    def __init__(self, browser: WebDriver, box: Box) -> None:
        self.browser, self.box = browser, box

    def find(self, css: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        return self.run(f"return document.querySelector({json.dumps(css)}).textContent")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def press(self, css: str) -> None:
        """A click as of a thumb: only what can be seen and reached can be pressed."""
        button = self.find(css)
        assert button.is_displayed() and button.is_enabled()
        self.run("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def says(self, css: str, words: str, patience_s: float = PATIENCE_S) -> str:
        until(lambda: words in self.text(css), f"{css} says {words!r}", patience_s)
        return self.text(css)

    def unlock(self, token: str) -> None:
        if not self.find("#token").is_displayed():
            self.press("#lock")
        self.find("#token").send_keys(token)
        self.press("#unlock")

    def complaints(self) -> list[str]:
        """Errors and warnings in the browser's console; a refused command's 401 is no mistake."""
        log: Any = self.browser.get_log("browser")  # type: ignore[attr-defined]
        return [
            row["message"]
            for row in log
            if row["level"] in ("WARNING", "SEVERE")
            and not ("/api/command" in row["message"] and "40" in row["message"])
        ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The firmware at real speed with nothing asked of it, and one browser."""
    story = document(site__owner__goal="hold", site__points__0__auth_required=True)
    browser = chromium(tmp_path_factory.mktemp("profile"))
    try:
        with Box(tmp_path_factory.mktemp("house"), story, speed="1") as box:
            browser.get(box.page)
            made = Page(browser, box)
            until(lambda: "kW" in made.text("#grid-w"), "the page shows the grid's power")
            yield made
        assert quiet(box.output), box.output
    finally:
        browser.quit()


def figure_w(text: str) -> float:
    """'↑ 4.7 kW' as watts, − is sent."""
    found = re.fullmatch(r"([↑↓]?) ?(\d+(?:\.\d)?) (k?W)", text)
    assert found, text
    watts = float(found[2]) * (1000 if found[3] == "kW" else 1)
    return -watts if found[1] == "↑" else watts


def test_it_shows_what_is_and_it_lives(page: Page) -> None:
    """Grid, sun and legs agree with the house's physical truth, and change with it."""
    assert page.text("#site") == "sunny day"
    assert re.search(r"\d\d:\d\d", page.text("#clock"))
    until(lambda: "W" in page.text("#grid-w"), "the house meter has spoken")
    grid_w = figure_w(page.text("#grid-w"))
    assert abs(grid_w - page.box.truth["grid_w"]) < 300
    until(lambda: page.text("#house-title") == "Left over", "at half past ten in June")
    assert page.text(CAR + ".big") == "0 W", "an open contactor carries nothing but noise"
    page.says(CAR, "car plugged in")
    until(lambda: "50 %" in page.text(BATTERY + ".big"), "the inverter has spoken")
    all_legs = "return [...document.querySelectorAll('.leg')].map(e => e.innerText)"
    until(lambda: len(page.run(all_legs)) == 9, "each instrument has spoken")
    legs = page.run(all_legs)
    assert legs[0].startswith("service L1")
    shown = re.search(r"↑ (\d+\.\d) A of 25", legs[0])
    assert shown and abs(float(shown[1]) + page.box.truth["main_l1_a"]) < 1.5
    stage = page.box.stage
    stage.session.post(lambda: stage._house.apply("loads.oven", True))
    until(lambda: figure_w(page.text("#grid-w")) > grid_w + 2_000, "the oven is seen")
    stage.session.post(lambda: stage._house.apply("loads.oven", False))
    until(lambda: figure_w(page.text("#grid-w")) < grid_w + 1_000, "and that it is off again")


def test_it_says_why(page: Page) -> None:
    assert page.text("#why").endswith(".") and len(page.text("#why")) > 8
    same = "the same sentence as for everybody else"
    until(lambda: page.text("#why") == page.box.state()["why"]["text"], same)
    for card, device in ((BATTERY, "inverter"), (CAR, "evse")):
        until(
            lambda card=card, device=device: (
                page.box.state()["devices"][device]["why"] in page.text(card)
            ),
            f"and the {device}'s own",
        )
    page.press("#limits-box summary")
    until(lambda: "Because" in page.find("#limits").text, "the limits and their reasons")
    rows = page.find("#limits").text
    for source in ("hardware", "grid code", "panel", "operator", "reserve", "market"):
        assert source in rows
    page.press("#limits-box summary")


def test_orders_need_the_token(page: Page) -> None:
    """Without it a sentence and nothing else; the buttons are not even there."""
    assert not page.find("#controls").is_displayed()
    page.unlock("wrong")
    page.press(ASK_CAR + ".stop")
    said = page.says("#answer", "Authorization")
    allowed = "log in, or Bearer <http.token>"
    assert said == f"Authorization: the token is missing or wrong. Allowed: {allowed}."
    assert not page.find("#controls").is_displayed(), "asks for the token again"
    assert page.box.state()["policy"]["wishes"] == {}
    time.sleep(1.2)  # a wrong word costs its source a second


def test_the_house_follows_the_orders(page: Page) -> None:
    """Each form and button, seen in the physical truth or in the state."""
    page.unlock(TOKEN)
    assert page.find("#controls").is_displayed()
    assert page.find("#goal").get_attribute("value") == "hold", "shows what is set"
    page.says(CAR, "not authorised")
    page.press("[data-point=evse]")
    page.says("#answer", "authorised")
    until(lambda: page.box.state()["points"]["evse"]["authorised"], "authorised")
    page.find(ASK_CAR + "input").send_keys("8")
    page.press(ASK_CAR + ".set")
    page.says("#answer", "8000 mA")
    until(lambda: page.box.truth["evse.closed"], "the contactor closes")
    until(lambda: page.box.truth["evse.l1_a"] > 5, "the car charges")
    until(lambda: "kW" in page.text(CAR + ".big"), "the page shows it")
    assert page.box.truth["evse.l1_a"] < 8.3
    page.press(ASK_CAR + ".stop")
    until(lambda: not page.box.truth["evse.closed"], "the contactor opens")
    page.find(ASK_BATTERY + "input").send_keys("1.5")
    page.press(ASK_BATTERY + ".set")
    page.says("#answer", "1500 W")
    until(lambda: abs(page.box.truth["inverter.w"] - 1_500) < 100, "the battery charges")
    until(lambda: "↓ 1.5 kW" in page.text(BATTERY + ".big"), "the page shows it")
    page.run("document.getElementById('goal').value = 'self'")
    page.press("#set-goal")
    page.says("#answer", "self")
    assert page.box.state()["policy"]["goal"] == "self"
    page.press("#acknowledge")
    page.says("#answer", "Acknowledged")
    assert page.find("#answer").get_attribute("class") == ""


def test_it_fits_a_phone(page: Page) -> None:
    """380 px wide, everything open: nothing sticks out, thumbs find every button."""
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)  # type: ignore[attr-defined]
    try:
        page.run("document.querySelectorAll('details').forEach(e => e.open = true); lock()")
        until(lambda: "Because" in page.find("#limits").text, "the limits")
        wide = page.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide == [380, 380]
        low = page.run(
            "return [...document.querySelectorAll('button, input, select')].filter(e => "
            "e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.id)"
        )
        assert low == [], "44 px, WCAG 2.5.5 (unchecked)"
    finally:
        page.run("document.querySelectorAll('details').forEach(e => e.open = false)")
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})  # type: ignore[attr-defined]


def test_everything_has_a_name_and_can_be_read(page: Page) -> None:
    """Every control has a label, every text a contrast of 4.5 (WCAG 1.4.3, unchecked)."""
    nameless = page.run(
        "return [...document.querySelectorAll('input, select, button, summary')].filter(e => "
        "!(e.labels && e.labels.length && e.labels[0].textContent.trim()) && "
        "!e.textContent.trim() && !e.ariaLabel).map(e => e.outerHTML)"
    )
    assert nameless == []
    faint = page.run(
        """
        const rgb = text => text.match(/[0-9.]+/g).map(Number);
        const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92
          : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
        const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e)
          .backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); }
          return [0, 0, 0]; };
        return [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n =>
          n.nodeType === 3 && n.data.trim()) && e.tagName !== 'SCRIPT').map(e => {
          const [a, b] = [light(rgb(getComputedStyle(e).color).slice(0, 3)), light(back(e))];
          return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.tagName, e.textContent]; })
          .filter(row => row[0] < 4.5);
        """
    )
    assert faint == []
    assert page.run("return document.documentElement.lang") == "en"


def test_the_browser_has_nothing_to_complain_about(page: Page) -> None:
    assert page.complaints() == []


def test_it_says_so_when_nobody_answers(page: Page) -> None:
    """A hung box, then a dead one: a banner, and what is old looks old. Comes last."""
    pid = page.box.chip_id
    os.kill(pid, signal.SIGSTOP)
    try:
        said = page.says("#banner", "No contact for", 25)
        assert said.endswith("what you see is old.") and page.find("#banner").is_displayed()
        assert float(page.find("#figures").value_of_css_property("opacity")) < 0.7
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: not page.find("#banner").is_displayed(), "contact again")
    assert page.find("#figures").value_of_css_property("opacity") == "1"
    page.box.kill_chip()
    page.run("const now = Date.now; Date.now = () => now() + 12000")  # no need to wait again
    page.says("#banner", "No contact for")
    page.run("sessionStorage.setItem('token', 'x'); lock()")
    page.press(ASK_CAR + ".stop")
    page.says("#answer", "No contact; nothing was sent.")
