"""Claim, login, an order, a refused stranger: the page in a real browser, over a real socket."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from firmware import image as im
from tests_host.access.kit import Page as Client
from tests_host.access.test_door import House
from tests_host.net.conftest import free_port
from tests_host.system.test_page import chromium

PATIENCE_S = 15.0
PASSWORD = "correct horse battery"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Served from a thread of its own; nobody has claimed it yet, and it knows no token."""
    (tmp_path / "box").mkdir()
    house = House(tmp_path / "box", token="")
    house.http.port = free_port()
    loop = asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(house.http.run())
        loop.run_forever()
        task.cancel()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield house
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    driver = chromium(tmp_path / "profile")
    yield driver
    driver.quit()


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


class Seen:
    def __init__(self, browser: WebDriver, house: House) -> None:
        self.browser = browser
        browser.get(f"http://127.0.0.1:{house.http.port}/")
        until(lambda: self.text("#why") != "Waiting for the first state…", "a state")

    def find(self, css: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        return self.find(css).text

    def shown(self, css: str) -> bool:
        return self.find(css).is_displayed()

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self.find("#" + name).clear()
            self.find("#" + name).send_keys(text)

    def says(self, words: str) -> None:
        until(lambda: words in self.text("#answer"), f"{words!r}, not {self.text('#answer')!r}")


def test_claim_login_order_and_a_stranger(house: House, browser: WebDriver) -> None:
    page = Seen(browser, house)
    until(
        lambda: "Nobody has claimed this box" in page.text("#access-note"), "that it is nobody's"
    )
    assert not page.shown("#claim") and not page.shown("#controls")

    house.box.access.open()
    until(lambda: page.shown("#claim"), "the way in")
    code = house.box.access._code
    page.fill(code="1111" if code != "1111" else "2222", owner="anna", chosen=PASSWORD)
    page.find("#own").click()
    page.says("code: is not what the lamp says")
    page.fill(code=code)
    page.find("#own").click()
    page.says("anna is here.")
    assert page.shown("#controls") and page.shown("#people-box") and not page.shown("#login")

    page.find("#acknowledge").click()
    until(lambda: house.image.requests[im.ACKNOWLEDGE_SEQ] == 1, "the order to be carried out")
    page.find("#people-box summary").click()
    page.fill(**{"new-name": "ben", "new-password": "another long one"})
    page.find("#let-in button").click()
    until(lambda: "ben, household" in page.text("#people"), "ben on the list")

    page.find("#lock").click()
    until(lambda: page.shown("#login") and not page.shown("#controls"), "that anna is gone")
    assert len(house.box.access.sessions) == 0
    page.fill(who="anna", token="wrong horse battery")
    page.find("#unlock").click()
    page.says("name or password is wrong")
    assert not page.shown("#controls")
    page.fill(who="ben", token="another long one")
    page.find("#unlock").click()
    page.says("too many tries from there")
    house.box.after(1)
    page.fill(who="ben", token="another long one")
    page.find("#unlock").click()
    page.says("ben is here.")
    assert not page.shown("#people-box") and not page.shown("#audit-box")

    kept = "return JSON.stringify([localStorage, sessionStorage, document.cookie])"
    stored = browser.execute_script(kept)  # type: ignore[no-untyped-call]
    assert PASSWORD not in stored and "another long one" not in stored
    client = Client(house.box)
    client.login("anna", PASSWORD)  # the page's arithmetic is everybody's
