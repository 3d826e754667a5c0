"""A real Chromium, headless, with a page of ours in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.absent import absent

PHONE, DESKTOP = (390, 844), (1280, 900)  # CSS pixels
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Page:
    """What a person sees and does."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, file: Path, fragment: str = "") -> None:
        """Open a file from disk, anew."""
        self.driver.get("about:blank")
        self.driver.get(file.absolute().as_uri() + fragment)

    def resize(self, width: int, height: int) -> None:
        """Look at it on a screen of this size, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Set what the system prefers: light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def all(self, selector: str) -> list[WebElement]:
        """Every element of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of every element, as they are in the page."""
        return [str(element.get_property("textContent")) for element in self.all(selector)]

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, where the focus is."""
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def choose(self, name: str, value: str) -> None:
        """Choose in a filter as a person does."""
        script = (
            "const [name, value] = arguments; const control = document.querySelector(`[name=${name}]`);"
            "control.value = value; control.dispatchEvent(new Event('input', { bubbles: true }));"
        )
        self.run(script, name, value)

    def chosen(self, name: str) -> str | None:
        """What a filter shows as chosen."""
        script = "return document.querySelector(`[name=${arguments[0]}]`).selectedOptions[0]?.text"
        text = self.run(script, name)
        return None if text is None else str(text)

    def search(self, text: str) -> None:
        """Type into the search."""
        box = self.one("[name=search]")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(Keys.DELETE, text)

    def console(self) -> list[str]:
        """What was written to the console since the last call, broken rules of its policy included."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [entry for entry in messages if entry["method"] == "Network.requestWillBeSent"]
        return [entry["params"]["request"]["url"] for entry in sent]


@contextmanager
def chromium() -> Iterator[Page]:
    """A Chromium that knows no host."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    drivers = Path(os.environ.get("CHROMEWEBDRIVER", ""), "chromedriver")  # where GitHub's runners have it
    driver = shutil.which("chromedriver") or (str(drivers) if drivers.is_file() else None)
    if browser is None or driver is None:
        absent("report.html is tested in a real Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses it to root otherwise, in a container
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Page(opened)
    finally:
        opened.quit()
