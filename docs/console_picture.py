#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the picture of the console that README.md shows, of a shop that runs and in which the demo is played meanwhile.

    docs/console_picture.py [URL [FILE]]     default: http://localhost:5000, console.png beside this script

Needs Debian's chromium, chromium-driver and python3-selenium. Exit status: 0; 1 and a message if it fails."""

import os
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PATIENCE = 30


def open_browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,800"]:
        options.add_argument(argument)
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 1100, "height": 672, "deviceScaleFactor": 1, "mobile": False})
    return browser


def wait_until_there(browser, selector, count):
    deadline = time.monotonic() + PATIENCE
    while len(browser.find_elements("css selector", selector)) < count:
        if time.monotonic() > deadline:
            sys.exit(f"console_picture.py: the page does not show {selector}")
        time.sleep(0.02)


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:5000"
    file = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "console.png")
    browser = open_browser()
    try:
        browser.get(url)
        wait_until_there(browser, ".arrows .reads", 1)
        browser.execute_script("""
            const play = () => import('/console/demo.js').then(({playDemo}) => playDemo(() => {})).then(play);
            play();""")
        time.sleep(6)  # so that rates are those of several seconds
        wait_until_there(browser, ".traveller", 8)
        browser.save_screenshot(file)
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
