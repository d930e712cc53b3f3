"""A real browser that stays: tabs that share one profile, told what to do one thing after another."""

import json
import subprocess

from page import SCRATCH, picture


class Browser:
    def __init__(self, trusts=""):
        """`trusts` is the SHA-256 of a public key, in base64: its certificate is believed though nobody vouches for it."""
        self._driver = subprocess.Popen(
            ["node", SCRATCH / "node" / "drive.mjs", trusts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, what, tab=None, **more):
        self._driver.stdin.write(json.dumps({"do": what, "tab": tab, **more}) + "\n")
        self._driver.stdin.flush()
        line = self._driver.stdout.readline()
        assert line, f"the browser is gone: {self._driver.wait(10)}"
        answer = json.loads(line)
        assert "failed" not in answer, answer
        return answer["said"]

    def tab(self, name="one"):
        self.tell("open", name)
        return Tab(self, name)

    def cookies(self):
        """All its cookies by name."""
        return {cookie["name"]: cookie for cookie in self.tell("cookies")}

    def visited(self):
        """Every address that any tab has shown."""
        return self.tell("visited")

    def close(self):
        if self._driver.poll() is None:
            self.tell("close")
            self._driver.stdin.close()
            self._driver.wait(60)


class Tab:
    def __init__(self, browser, name):
        self.browser = browser
        self._name = name

    def _tell(self, what, **more):
        return self.browser.tell(what, self._name, **more)

    def goto(self, url):
        """Opens `url`; the status of where it led to."""
        return self._tell("goto", url=url)

    def click(self, at):
        self._tell("click", at=at)

    def fill(self, at, value):
        self._tell("fill", at=at, value=value)

    def comes_to(self, url):
        """Waits until the tab is at `url`, or below it."""
        return self._tell("url", starts=url)

    def url(self):
        return self._tell("url")

    def text(self, at="body"):
        return self._tell("text", at=at)

    def read(self, script):
        """What the page says to a line of JavaScript, or to a promise."""
        return self._tell("read", script=script)

    def until(self, script):
        """The same, once it is something true."""
        return self._tell("read", script=script, until=True)

    def picture(self, name):
        self._tell("picture", file=picture(name))
