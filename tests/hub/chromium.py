"""Chromium without a window, driven by selenium."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1300,1400"
)


def what_chromium_lacks() -> str:
    """Say what is missing to start it, '' if nothing is."""
    there = shutil.which("chromium") and shutil.which("chromedriver")
    return "" if there else "no chromium and chromedriver on the PATH"


def start_chromium(profile: Path, *switches: str) -> Any:
    """Return a started Chromium; ``quit`` ends it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.unhandled_prompt_behavior = "accept"  # leaving a notebook that was not saved
    for switch in (*SWITCHES.split(), f"--user-data-dir={profile}", *switches):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    started = webdriver.Chrome(options=options, service=service)
    started.set_script_timeout(20)
    return started
