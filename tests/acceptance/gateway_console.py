# SPDX-License-Identifier: Apache-2.0
"""The console in a real Chromium: gateway_console.sh calls this for each group of tests, with a shop that runs.

    gateway_console.py GROUP [OPTION...]     GROUP: Views, Act, Tokens, Away, Back

The environment tells CONSOLE_URL, CONSOLE_PICTURES (a folder for screenshots), CONSOLE_AXE (axe.min.js; may be empty) and
ORDERSHOP_TEST_SLOWNESS."""

import json
import os
import sys
import time
import unittest
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

URL = os.environ["CONSOLE_URL"]
PICTURES = os.environ["CONSOLE_PICTURES"]
AXE = os.environ.get("CONSOLE_AXE", "")
PATIENCE = 20 * int(os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1"))


def open_browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", "--window-size=1280,900"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def ask(method, path, body=None):
    request = urllib.request.Request(URL + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
        return json.load(response)


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = open_browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def setUp(self):
        self.width(1280)

    # What the browser has to complain of (a policy that something broke, an exception) is a fault.
    def tearDown(self):
        bad = [entry["message"] for entry in self.browser.get_log("browser") if not self.is_expected(entry["message"])]
        self.browser.save_screenshot(os.path.join(PICTURES, f"{self.id().split('.', 1)[1]}.png"))
        self.assertEqual(bad, [])

    # An answer that is an error is logged by the browser, however well the page handles it.
    def is_expected(self, message):
        return any(text in message for text in ["Failed to load resource: the server responded with a status of 4",
                                                "net::ERR_INTERNET_DISCONNECTED"])

    def width(self, pixels):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False})

    def theme(self, name):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                     {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def open(self, fragment):
        self.browser.get(f"{URL}/?{time.monotonic_ns()}#/{fragment}")
        self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, "main h1"))

    # Until what `look` returns is true, and returns it.
    def until(self, look, what="it did not come"):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found = look()
                if found:
                    return found
            except (NoSuchElementException, StaleElementReferenceException):
                pass
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def card(self, name):
        return self.one(f'.card[data-service="{name}"]')

    def form(self, title):
        return self.until(lambda: self.one(f'form[aria-label="{title}"]'))

    def field(self, form, name):
        return form.find_element(By.CSS_SELECTOR, f'[name="{name}"]')

    def send(self, form):
        button = form.find_element(By.CSS_SELECTOR, '[type="submit"]')
        self.script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def choose_last(self, form, name):
        self.script("const select = arguments[0]; select.selectedIndex = select.options.length - 1", self.field(form, name))

    def check_no_sideways_scroll(self):
        self.assertLessEqual(self.script("return document.documentElement.scrollWidth"), 360)

    def check_axe(self, what):
        if not AXE:
            return
        with open(AXE, encoding="utf-8") as file:
            self.script(file.read())  # by the driver: the page's policy lets no other script in
        result = self.browser.execute_async_script(
            "const done = arguments[0]; axe.run(document).then((r) => done(r.violations), (e) => done([{id: String(e), nodes: []}]))")
        said = [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in result]
        self.assertEqual(said, [], what)


class Views(Console):
    pages = ["overview", "events", "state/customers", "act"]

    def test_overview_shows_each_service_ready_with_lag_and_dead_letters(self):
        self.open("overview")
        names = [card.get_attribute("data-service") for card in self.all(".card")]
        self.assertEqual(names[:8], ["customer", "product", "inventory", "order", "billing", "crm", "mail", "event"])
        for name in names:
            self.until(lambda name=name: "ready" == self.card(name).find_element(By.CLASS_NAME, "state").text)
        self.until(lambda: self.card("crm").text.split("lag\n")[1].startswith("0"), "CRM lags on")
        self.assertIn("dead letters\n0", self.card("crm").text)

    def test_overview_shows_an_event_on_its_way(self):
        self.open("overview")
        self.until(lambda: self.all(".arrows .reads"))
        self.script("""window.travelled = 0;
            new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
              if (node.classList?.contains('traveller')) window.travelled++;
            }))).observe(document.querySelector('.arrows'), {childList: true});""")
        ask("POST", "/v1/customers", {"name": "Traveller", "email": "traveller@example.com"})
        # to billing, crm and order; the mail of welcome and what CRM notes travel, too
        self.until(lambda: self.script("return window.travelled") >= 3)

    def test_events_arrive_are_filtered_and_shown_in_full(self):
        self.open("events")
        made = ask("POST", "/v1/customers", {"name": "Ticker", "email": "ticker@example.com"})
        self.one("#filter-entity").send_keys(made["id"])
        row = self.until(lambda: self.one(".virtual-row"), "the event did not arrive")
        self.assertIn("customer_created", row.text)
        row.find_element(By.TAG_NAME, "button").click()
        self.until(lambda: "ticker@example.com" in self.text(".details"))
        self.one("#filter-entity").clear()
        self.one("#filter-entity").send_keys("interaction")
        self.until(lambda: all("interaction_" in row.text for row in self.all(".virtual-row")))

    def test_a_paused_ticker_stands_still_and_counts(self):
        self.open("events")
        self.until(lambda: self.all(".virtual-row"))
        self.one("#pause").click()
        top = self.all(".virtual-row")[0].text
        ask("POST", "/v1/customers", {"name": "Later", "email": "later@example.com"})
        self.until(lambda: "more since" in self.text("#events-said") and "Paused; 0" not in self.text("#events-said"))
        self.assertEqual(self.all(".virtual-row")[0].text, top)
        self.one("#pause").click()
        self.until(lambda: "Paused" not in self.text("#events-said"))

    def test_five_thousand_events_are_few_rows_in_the_page(self):
        self.open("events")
        self.until(lambda: self.all(".virtual-row"))
        self.script("""return import('/console/events.js').then(({take}) => take(Array.from({length: 5000}, (_, i) => ({
            entry: `${i}-0`, stream: 'pushed_created', eventId: '', cause: '', entityType: 'pushed', entityId: `id-${i}`,
            time: new Date().toISOString(), entityJson: '{}'}))))""")
        self.until(lambda: "id-4999" in self.all(".virtual-row")[0].text)
        self.assertLess(len(self.all(".virtual-row")), 60)
        self.script("document.querySelector('.virtual-list').scrollTop = 1e9")
        self.until(lambda: any("id-0" in row.text for row in self.all(".virtual-row")))
        self.assertLess(len(self.all(".virtual-row")), 60)

    def test_events_of_a_time_without_network_arrive_once_afterwards(self):
        self.open("events")
        self.until(lambda: self.all(".virtual-row"))
        self.network(False)
        self.until(lambda: "away" in self.one("#connection").get_attribute("class").split(), "the break is not told")
        made = ask("POST", "/v1/customers", {"name": "Unseen", "email": "unseen@example.com"})
        self.network(True)
        self.one("#filter-entity").send_keys(made["id"])
        self.until(lambda: self.all(".virtual-row"), "what happened meanwhile did not arrive")
        later = ask("POST", "/v1/customers", {"name": "Seen", "email": "seen@example.com"})
        self.filter_text("@example.com")
        self.until(lambda: any(later["id"] == self.entity(row) for row in self.all(".virtual-row")))
        created = [row for row in self.all(".virtual-row") if self.entity(row) == made["id"] and "customer_created" in row.text]
        self.assertEqual(len(created), 1)

    def test_ten_tabs_are_not_too_many_for_the_browsers_connections(self):
        first = self.browser.current_window_handle
        for _ in range(9):
            self.browser.switch_to.new_window("tab")
            self.open("events")
        made = ask("POST", "/v1/customers", {"name": "Tenth", "email": "tenth@example.com"})
        self.one("#filter-entity").send_keys(made["id"])
        self.until(lambda: self.all(".virtual-row"), "the last tab gets no events")
        for handle in self.browser.window_handles:
            if handle != first:
                self.browser.switch_to.window(handle)
                self.browser.close()
        self.browser.switch_to.window(first)

    def filter_text(self, text):
        self.script("document.querySelector('#filter-entity').value = ''")
        self.one("#filter-text").send_keys(text)

    def entity(self, row):
        return row.find_element(By.TAG_NAME, "a").get_attribute("title")

    def network(self, there):
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": not there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def test_what_an_order_led_to_is_a_tree(self):
        order = ask("GET", "/v1/orders?page_size=1")["orders"][0]
        self.open(f"cause/order/{order['id']}")
        tree = self.text(".tree")
        for stream in ["order_created", "inventory_updated", "interaction_created", "mail_created", "mail_updated"]:
            self.assertIn(stream, tree)

    def test_state_lists_every_kind_and_sorts_filters_and_turns_pages(self):
        for i in range(60):
            ask("POST", "/v1/products", {"name": f"Page {i:02}", "priceCents": str(100 + i)})
        self.open("state")
        self.assertEqual([tab.text for tab in self.all(".tabs a")],
                         ["Customers", "Products", "Inventories", "Orders", "Billings", "Interactions", "Mails"])
        self.open("state/products")
        self.one('th[data-column="priceCents"] button').click()
        prices = [cell.text for cell in self.all("td:nth-child(3)")]
        self.assertEqual(prices, sorted(prices, key=lambda price: float(price[1:].replace(",", ""))))
        self.button("Next page").click()
        self.until(lambda: self.text(".entities .hint").startswith("Page 2"))
        self.one(".entities input").send_keys("page 59")
        self.until(lambda: len(self.all("tbody tr")) == 1)
        self.button("Previous page").click()
        self.until(lambda: self.text(".entities .hint").startswith("Page 1"))

    def button(self, text):
        return next(button for button in self.all("button") if button.text == text)

    def test_an_entity_is_shown_as_of_each_version(self):
        made = ask("POST", "/v1/customers", {"name": "First", "email": "first@example.com"})
        ask("PATCH", f"/v1/customers/{made['id']}", {"name": "Second"})
        self.open(f"entity/customer/{made['id']}")
        self.until(lambda: "Second" in self.text('[data-field="name"]'))
        self.assertEqual(len(self.all(".history li")), 2)
        self.one("#version").send_keys(Keys.ARROW_LEFT)
        self.until(lambda: "First" in self.text('[data-field="name"]'))
        self.assertIn("1 of 2", self.text("output"))
        ask("PATCH", f"/v1/customers/{made['id']}", {"name": "Third"})
        self.until(lambda: len(self.all(".history li")) == 3, "a further version did not appear")

    def test_no_page_scrolls_sideways_at_360_pixels(self):
        self.width(360)
        order = ask("GET", "/v1/orders?page_size=1")["orders"][0]["id"]
        for page in self.pages + [f"entity/order/{order}", f"cause/order/{order}"]:
            self.open(page)
            self.check_no_sideways_scroll()
            self.browser.save_screenshot(os.path.join(PICTURES, f"360 {page.replace('/', ' ')}.png"))

    def test_axe_finds_no_violation_in_light_and_dark(self):
        order = ask("GET", "/v1/orders?page_size=1")["orders"][0]["id"]
        for theme in ["light", "dark"]:
            self.theme(theme)
            for page in self.pages + [f"entity/order/{order}", f"cause/order/{order}"]:
                self.open(page)
                self.check_axe(f"{page}, {theme}")
                self.browser.save_screenshot(os.path.join(PICTURES, f"{theme} {page.replace('/', ' ')}.png"))
        self.theme("light")

    def test_every_view_is_reached_by_the_keyboard(self):
        self.open("overview")
        for title in ["Events", "Customers", "Act", "Overview"]:
            link = self.one(f'nav a[href="#/{"state" if title == "Customers" else title.lower()}"]')
            link.send_keys(Keys.ENTER)
            self.until(lambda title=title: self.text("h1") == title)
            self.until(lambda: self.script("return document.activeElement.id") == "main")


class Act(Console):
    def test_an_error_is_shown_at_its_field_and_what_is_mended_is_sent(self):
        self.open("act")
        form = self.form("Create a customer")
        self.field(form, "name").send_keys("Console")
        self.field(form, "email").send_keys("nobody")
        self.send(form)
        error = form.find_element(By.CSS_SELECTOR, '[data-field="email"] .error')
        self.until(lambda: "e-mail address" in error.text)
        email = self.field(form, "email")
        self.assertEqual(email.get_attribute("aria-invalid"), "true")
        self.assertEqual(email.get_attribute("aria-describedby"), error.get_attribute("id"))
        self.assertEqual(self.script("return document.activeElement"), email)
        email.send_keys("@example.com")
        self.send(form)
        self.until(lambda: "It is there" in form.text)
        self.assertFalse(error.is_displayed())

    def test_a_product_is_sold_from_its_creation_to_the_payment(self):
        self.open("act")
        form = self.form("Create a product")
        self.field(form, "name").send_keys("Console kettle")
        self.field(form, "priceCents").send_keys("12,34")
        self.send(form)
        self.until(lambda: "It is there" in form.text)
        self.open("act")
        form = self.form("Take a product into stock")
        self.choose_last(form, "productId")
        self.field(form, "amount").send_keys("5")
        self.send(form)
        self.until(lambda: "It is there" in form.text)
        form = self.form("Adjust a stock")
        self.choose_last(form, "productId")
        self.field(form, "delta").send_keys("-2")
        self.send(form)
        self.until(lambda: "There are 3 now" in form.text)
        form = self.form("Place an order")
        self.choose_last(form, "customerId")
        self.script("const select = arguments[0]; select.selectedIndex = select.options.length - 1",
                    form.find_element(By.CSS_SELECTOR, ".line select"))
        count = form.find_element(By.CSS_SELECTOR, ".line input")
        self.script("arguments[0].value = 9", count)
        self.send(form)
        self.until(lambda: form.find_element(By.CSS_SELECTOR, '[role="alert"]').text, "more than there is was sold")
        self.script("arguments[0].value = 2", count)
        self.send(form)
        self.until(lambda: "It is there" in form.text)
        order = self.browser.find_element(By.CSS_SELECTOR, 'form[aria-label="Place an order"] .said a').get_attribute("href").split("/")[-1]
        self.assertEqual(ask("GET", f"/v1/orders/{order}")["totalCents"], "2468")
        self.change(order)
        self.open(f"act/pay-order?id={order}")
        form = self.form("Pay an order")
        self.send(form)
        self.until(lambda: "It is there" in form.text)

    def change(self, order):
        self.open(f"act/change-order?id={order}")
        form = self.until(lambda: self.one("form.command"))
        count = form.find_element(By.CSS_SELECTOR, ".line input")
        self.assertEqual(count.get_attribute("value"), "2")
        self.script("arguments[0].value = 1", count)
        self.send(form)
        self.until(lambda: "€12.34" in form.text)

    def test_an_edit_of_a_version_that_is_no_longer_there_is_refused(self):
        made = ask("POST", "/v1/customers", {"name": "Mine", "email": "mine@example.com"})
        self.open(f"act/edit-customer?id={made['id']}")
        ask("PATCH", f"/v1/customers/{made['id']}", {"name": "Theirs"})
        form = self.until(lambda: self.one("form.command"))
        self.field(form, "name").send_keys(" too")
        self.send(form)
        self.until(lambda: form.find_element(By.CSS_SELECTOR, '[role="alert"]').text)
        self.assertEqual(ask("GET", f"/v1/customers/{made['id']}")["name"], "Theirs")

    def test_the_demo_is_played(self):
        self.open("act")
        next(button for button in self.all("button") if button.text == "Play the demo").click()
        self.until(lambda: "pays" in self.text(".story"))
        self.until(lambda: len(self.all(".story li")) == 6)


class Tokens(Console):
    def test_the_token_is_asked_for_and_kept_in_this_tab_alone(self):
        self.browser.get(URL + "/")
        self.until(lambda: self.one("#token-dialog[open]"))
        self.one("#token").send_keys("reading-secret", Keys.ENTER)
        self.until(lambda: self.all(".card"))
        self.assertEqual(self.script("return Object.keys(localStorage).length + document.cookie.length"), 0)
        self.assertEqual(self.script("return sessionStorage.getItem('ordershop-token')"), "reading-secret")


class Away(Console):
    """CRM has been stopped."""

    def test_its_box_greys_and_its_lag_counts_up(self):
        self.open("overview")
        self.until(lambda: "away" in self.card("crm").get_attribute("class").split(), "the card is not grey")
        ask("POST", "/v1/customers", {"name": "Missed", "email": "missed@example.com"})
        self.until(lambda: "behind" in self.card("crm").get_attribute("class").split(), "no lag is shown")
        before = self.lag()
        ask("POST", "/v1/customers", {"name": "Waiting", "email": "waiting@example.com"})
        self.until(lambda: self.lag() > before, "the lag does not count up")
        self.check_axe("with CRM away")

    def lag(self):
        return int(self.card("crm").text.split("lag\n")[1].split(",")[0].split("\n")[0])


class Back(Console):
    """CRM runs again."""

    def test_its_box_is_ready_again_and_its_lag_drains(self):
        self.open("overview")
        self.until(lambda: "away" not in self.card("crm").get_attribute("class").split())
        self.until(lambda: "behind" not in self.card("crm").get_attribute("class").split(), "the lag does not drain")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
