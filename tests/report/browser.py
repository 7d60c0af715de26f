"""A headless Chromium that tests look through, spoken to in its DevTools protocol over two pipes."""

import json
import os
import select
import subprocess
import sys
import time
from base64 import b64decode

from lvspec_cli.report.picture import find_chromium

READS, WRITES = 3, 4  # the descriptors that Chromium takes its orders from and answers on
PATIENCE = 300  # s that an answer or an event may take


class Browser:
    """One browser with one page."""

    def __init__(self, profile):
        self._orders, self._answers, self._process = _start(profile)
        self._pending = b""
        self._number = 0
        self._session = None
        self.events = []  # all that the page told of since `open`
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """Order something and wait for the answer."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        self._orders.write(json.dumps(order).encode() + b"\0")
        self._orders.flush()
        deadline = time.monotonic() + PATIENCE
        while (answer := self._next(method, deadline)).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def open(self, path, fragment="", width=1280, height=900, scheme="light", scripts=True):
        """Show a file and wait until it is there."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send("Page.navigate", url="about:blank")
        self.wait_for("Page.loadEventFired")
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri() + fragment)
        self.wait_for("Page.loadEventFired")

    def wait_for(self, method):
        """Wait for an event that comes after the last order."""
        deadline = time.monotonic() + PATIENCE
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next(method, deadline))
        self.events = [event for event in self.events if event.get("method") != method]

    def ask(self, expression):
        """The JSON value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys):
        """Press keys, one after another."""
        for key in keys:
            name = {"code": key, "key": key, "windowsVirtualKeyCode": _CODES.get(key, 0)}
            self.send("Input.dispatchKeyEvent", type="keyDown", **name)
            self.send("Input.dispatchKeyEvent", type="keyUp", **name)

    def tap(self, selector):
        """Touch the middle of an element."""
        x, y = self.middle(selector)
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def point_at(self, selector):
        """Move the mouse to the middle of an element."""
        x, y = self.middle(selector)
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        """Press the mouse on the middle of an element."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def middle(self, selector):
        """The middle of the first box of an element, which is scrolled to."""
        named = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{named}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        return self.ask(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({named}.getClientRects()[0])")

    def complaints(self):
        """What went wrong in the page: errors, violations of its policy, and everything it asked the network for."""
        self.send("Runtime.evaluate", expression="1")  # what was said before has arrived then
        found = []
        for event in self.events:
            method, told = event.get("method"), event.get("params", {})
            asked = told["request"]["url"] if method == "Network.requestWillBeSent" else "data:"
            failed = method == "Runtime.consoleAPICalled" and told["type"] == "error"
            failed |= method == "Audits.issueAdded" and told["issue"]["code"] == "ContentSecurityPolicyIssue"
            failed |= method == "Log.entryAdded" and told["entry"]["level"] == "error"
            if failed or method in _COMPLAINTS or not asked.startswith(("data:", "file:", "about:")):
                found.append(told)
        return found

    def picture(self):
        """The page as a PNG."""
        return b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def close(self):
        """End the browser."""
        self._session = None
        self.send("Browser.close")
        self._process.wait(PATIENCE)
        self._orders.close()
        os.close(self._answers)

    def _next(self, awaited, deadline):
        while b"\0" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers], [], [], left)[0]:
                raise TimeoutError(f"Chromium has not come to {awaited} within {PATIENCE} s")
            got = os.read(self._answers, 1 << 16)
            if not got:
                raise EOFError(f"Chromium ended: {self._process.poll()}")
            self._pending += got
        message, self._pending = self._pending.split(b"\0", 1)
        return json.loads(message)


_COMPLAINTS = ("Runtime.exceptionThrown", "Page.javascriptDialogOpening")
_CODES = {
    "Tab": 9,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def _start(profile):
    theirs_in, orders = os.pipe()
    answers, theirs_out = os.pipe()
    command = [
        find_chromium(),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions"),
        *("--no-first-run", "--disable-background-networking", "--hide-scrollbars", "--mute-audio"),
        *("--remote-debugging-pipe", f"--user-data-dir={profile}"),
    ]
    # A small program in between puts the descriptors where they must be.
    places = f"os.dup2({theirs_in}, {READS}); os.dup2({theirs_out}, {WRITES})"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import os, sys; {places}; os.execv(sys.argv[1], sys.argv[1:])", *command],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    return os.fdopen(orders, "wb"), answers, process
