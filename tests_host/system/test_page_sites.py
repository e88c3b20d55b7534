# islet: the page of sites of every kind, in a real browser; what is published is made up.
# GPL-3.0-or-later
from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from firmware import image as im
from firmware.people.state import State
from tests_host.conftest import ROOT
from tests_host.core.test_rows import copied
from tests_host.net.small_site import make_site, names_of
from tests_host.people.test_estate import ROOMY, read
from tests_host.system.kit import until
from tests_host.system.test_page import PHONE, chromium

PAGE = ROOT / "firmware/web/index.html"


class Told:
    """A box that says what it is told to, and notes what it is asked."""

    def __init__(self) -> None:
        self.state: Any = {}
        self.asked: list[dict[str, Any]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/":
                    self._answer(PAGE.read_bytes(), "text/html")
                elif self.path == "/api/state":
                    self._answer(json.dumps(told.state).encode(), "application/json")
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b'{"ok": true, "text": "done"}', "application/json")

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    made = chromium(tmp_path_factory.mktemp("profile"))
    made.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)  # type: ignore[attr-defined]
    yield made
    made.quit()


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two points, a gateway, a house battery and PV."""
    folder = copied(tmp_path_factory.mktemp("roomy"), ROOMY).parent
    return read(folder, 4, 5, 6, 7)["state"]


def small() -> Any:
    image = make_site()
    image.readings[im.DEVICE_AGE_MS] = image.readings[im.DEVICE_AGE_MS + 1] = 100
    return json.loads("".join(State(image, "home", names_of(image)).take().pieces()))


def one_device() -> Any:
    state = small()
    for section in ("devices", "limits"):
        del state[section]["inverter"]
    return state


def no_device() -> Any:
    state = small()
    return state | {"devices": {}, "points": {}, "limits": {}}


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.server.shutdown()


def opened(browser: WebDriver, told: Told, state: Any) -> None:
    told.state = {"warnings": [], **state}
    browser.get(told.address)
    wanted = told.state["why"]["text"]
    until(lambda: browser.find_element(By.ID, "why").text == wanted, "the page has its state")
    browser.execute_script("sessionStorage.setItem('token', 'x'); lock()")  # type: ignore[no-untyped-call]


def texts(browser: WebDriver, css: str) -> list[str]:
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, css)]


def sticks_out(browser: WebDriver) -> list[int]:
    script = "return [document.documentElement.scrollWidth, innerWidth]"
    return browser.execute_script(script)  # type: ignore[no-untyped-call]


def press(browser: WebDriver, css: str) -> None:
    button = browser.find_element(By.CSS_SELECTOR, css)
    assert button.is_displayed() and button.is_enabled()
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)  # type: ignore[no-untyped-call]
    button.click()


def asks(told: Told, *body: dict[str, Any]) -> None:
    until(lambda: len(told.asked) >= len(body), "it is asked")
    assert told.asked == list(body)
    told.asked.clear()


def test_each_device_has_its_card(browser: WebDriver, told: Told, estate: Any) -> None:
    """With what it draws, a bar of what it may, and its reason."""
    opened(browser, told, estate)
    assert texts(browser, "#devices h2") == ["gateway", "carport", "battery", "roof"]
    assert texts(browser, "#devices .big") == [
        "↓ 5.2 kW\n62 %", "↓ 5.1 kW", "↑ 900 W\n48 %", "↑ 4.1 kW",
    ]  # fmt: skip
    cards = texts(browser, "#devices .card")
    for card, device in zip(cards, estate["devices"].values(), strict=True):
        assert device["why"] in card
    assert "contactor open" in cards[0] and "car asks for power" in cards[1]
    assert "11.0 A of 11.2 A" in cards[1] and "L2 L3" in cards[1]
    widths = "return [...document.querySelectorAll('#devices .bar i')].map(e => e.style.width)"
    shares = [float(width[:-1]) for width in browser.execute_script(widths)]  # type: ignore[no-untyped-call]
    assert [round(share) for share in shares] == [98, 98, 15, 68]
    assert sticks_out(browser) == [380, 380]


@pytest.mark.parametrize(
    ("state", "controls", "island"),
    [
        (no_device(), [], False),
        (one_device(), ["evse up to", "Stop"], False),
        (small(), ["evse up to", "inverter (− gives)"], True),
    ],
)
def test_controls_for_what_the_site_has(
    browser: WebDriver, told: Told, state: Any, controls: list[str], island: bool
) -> None:
    state["island"]["capable"] = island
    opened(browser, told, state)
    assert len(texts(browser, "#devices .card")) == len(state["devices"])
    asked = browser.find_element(By.ID, "asked").text
    assert (asked == "") == (not controls) and all(each in asked for each in controls)
    assert browser.find_element(By.ID, "off-grid").is_displayed() == island
    assert "Authorise" not in asked
    assert sticks_out(browser) == [380, 380]


def test_every_control_does_what_it_says(browser: WebDriver, told: Told, estate: Any) -> None:
    state = copy.deepcopy(estate)
    state["points"]["carport"]["needs_authorising"] = state["island"]["capable"] = True
    goals = ["hold", "charge", "self"]
    state["policy"] = {"goal": "hold", "goals": goals, "text": "stand still", "wishes": {}}
    state["policy"] |= {"house_w": None, "sources": False}
    opened(browser, told, state)
    assert "not authorised" in texts(browser, "#devices .card")[1]
    form = '#asked form[data-device="%s"] '
    for device, typed, body in (
        ("carport", "8", {"command": "charge_ma", "charge_ma": 8_000}),
        ("gateway", "-1.5", {"command": "target_w", "target_w": -1_500}),
        ("battery", "2", {"command": "target_w", "target_w": 2_000}),
    ):
        browser.find_element(By.CSS_SELECTOR, form % device + "input").send_keys(typed)
        press(browser, form % device + ".set")
        asks(told, {**body, "device": device})
        press(browser, form % device + ".stop")
        held = {"low": 0, "high": 0, "until_released": True}
        asks(told, {"command": "limit", "device": device, **held})
    press(browser, '[data-point="carport"]')
    asks(told, {"command": "authorise", "authorised": True, "point": "carport"})
    for choice, value in (("goal", "self"), ("island", "never")):
        script = "document.getElementById(arguments[0]).value = arguments[1]"
        browser.execute_script(script, choice, value)  # type: ignore[no-untyped-call]
        press(browser, f"#set-{choice}")
        asks(told, {"command": choice, choice: value})
    press(browser, "#acknowledge")
    asks(told, {"command": "acknowledge"})
    buttons = [text for text in texts(browser, "#controls button") if text]  # that are shown
    assert len(buttons) == 3 * 2 + 1 + 2 + 2, "each has been pressed but Lock"
    press(browser, "#lock")
    assert not browser.find_element(By.ID, "controls").is_displayed()
    assert told.asked == []


def test_what_is_typed_stays_when_a_state_comes(
    browser: WebDriver, told: Told, estate: Any
) -> None:
    opened(browser, told, estate)
    field = browser.find_element(By.CSS_SELECTOR, '#asked form[data-device="carport"] input')
    field.send_keys("12")
    browser.execute_script("show(JSON.parse(arguments[0]))", json.dumps(told.state))  # type: ignore[no-untyped-call]
    assert field.get_attribute("value") == "12"


def test_what_is_not_known_is_said(browser: WebDriver, told: Told) -> None:
    state = small()
    for device in state["devices"].values():
        device.update(ma=None, w=None, age_ms=5_300)
    state["nodes"][0].update(ma=None, w=None, age_ms=9_000)
    opened(browser, told, state)
    for card in texts(browser, "#devices .card"):
        assert "–" in card and "no reading for 5 s" in card
    assert texts(browser, "#grid-w") == ["–"] and texts(browser, "#house-w") == ["–"]
    assert "no reading for 9 s" in texts(browser, "#grid-note")[0]


@pytest.mark.parametrize(
    ("house_w", "sources", "title", "figure", "said"),
    [
        (420, False, "House", "420 W", ""),
        (420, True, "House", "420 W", "less what its sources give"),
        (-28, True, "House", "0 W", "less what its sources give"),  # a night's noise is no sun
        (-28, False, "House", "0 W", ""),
        (-2_400, True, "Left over", "2.4 kW", ""),
        (-2_400, False, "Left over", "2.4 kW", "something feeds in that the site does not name"),
        (None, True, "House", "–", ""),
    ],
)
def test_the_house_is_the_policy_s_balance(
    browser: WebDriver, told: Told, house_w: int, sources: bool, title: str, figure: str, said: str
) -> None:
    """Whatever nodes and devices would sum up to; and nothing is called the sun's."""
    policy = {"goal": "self", "text": "x", "house_w": house_w, "sources": sources, "wishes": {}}
    state = small() | {"policy": policy}
    opened(browser, told, state)
    assert (texts(browser, "#house-title"), texts(browser, "#house-w")) == ([title], [figure])
    assert texts(browser, "#house-note")[0].startswith(said)
    assert ("sources" in said or "feeds" in said) == bool(said)
    assert "Sun" not in browser.find_element(By.ID, "figures").text


def test_a_converter_told_to_deliver_is_granted_something(browser: WebDriver, told: Told) -> None:
    """In the direction that it is told, also before it does."""
    state = small()
    state["devices"]["inverter"] |= {
        "w": 0, "setpoint_w": -900, "grant_low_w": -3_000, "grant_high_w": 0,
    }  # fmt: skip
    opened(browser, told, state)
    card = browser.find_element(By.CSS_SELECTOR, '#devices [data-device="inverter"]').text
    assert "0 W of 3.0 kW" in card and "nothing granted" not in card
