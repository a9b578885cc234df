"""A real browser for tests: chromium without a window, spoken to through a pipe.

The protocol is that of its developer tools; nothing but the program is needed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("CHROMIUM_PATH") or next(
    filter(None, map(shutil.which, PROGRAMS)), None
)
NEEDED = [
    pytest.mark.chromium,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="NOT RUN, no chromium on the PATH and CHROMIUM_PATH is not set",
    ),
]
"""The marks of tests that a browser is needed for."""
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--remote-debugging-pipe",
)  # fmt: skip
PIPED = 'exec "$@" 3<&"$FROM" 4>&"$TO"'
"""The program reads from descriptor 3 and writes to descriptor 4."""

Theme = Literal["light", "dark"]


@dataclass
class Browser:
    """A browser with one tab."""

    to: int
    source: int
    session: str = ""
    number: int = 0
    left: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Let the browser do something, and return what it says."""
        self.number += 1
        asked = {"id": self.number, "method": method, "params": arguments}
        if self.session:
            asked["sessionId"] = self.session
        os.write(self.to, json.dumps(asked).encode() + b"\0")
        while (said := self._said()).get("id") != self.number:
            self.events.append(said)
        assert "error" not in said, f"{method}: {said.get('error')}"
        result: dict[str, Any] = said["result"]
        return result

    def _said(self) -> dict[str, Any]:
        while b"\0" not in self.left:
            read = os.read(self.source, 1 << 16)
            assert read, "the browser has ended"
            self.left += read
        message, _, self.left = self.left.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said

    def open(
        self, page: Path, width: int = 1280, theme: Theme = "light", media: str = ""
    ) -> None:
        """Show a page, and wait until all of it is loaded."""
        self._go("about:blank")  # so that no other page sees what changes now
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=False,
        )
        wanted = {"name": "prefers-color-scheme", "value": theme}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[wanted])
        self._go(page.resolve().as_uri())

    def _go(self, address: str) -> None:
        self.events.clear()
        self.ask("Page.navigate", url=address)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._said())

    def value(self, script: str) -> Any:
        """What an expression comes to on the page."""
        said = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, and let it go."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    @property
    def complaints(self) -> list[str]:
        """What the browser wrote to its console since the page was opened."""
        names = {"Log.entryAdded", "Runtime.consoleAPICalled"}
        return [json.dumps(e) for e in self.events if e.get("method") in names]

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        asked = [
            e for e in self.events if e.get("method") == "Network.requestWillBeSent"
        ]
        return [event["params"]["request"]["url"] for event in asked]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser, and end it."""
    assert CHROMIUM is not None
    inward, outward = os.pipe(), os.pipe()
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(
        ["bash", "-c", PIPED, "bash", *command],
        pass_fds=(inward[0], outward[1]),
        env={**os.environ, "FROM": str(inward[0]), "TO": str(outward[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(inward[0])
        os.close(outward[1])
        try:
            made = Browser(inward[1], outward[0])
            target = made.ask("Target.createTarget", url="about:blank")["targetId"]
            attached = made.ask("Target.attachToTarget", targetId=target, flatten=True)
            made.session = attached["sessionId"]
            for name in ("Page", "Runtime", "Log", "Network"):
                made.ask(f"{name}.enable")
            yield made
            made.session = ""
            made.ask("Browser.close")
        finally:
            os.close(inward[1])
            os.close(outward[0])
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
