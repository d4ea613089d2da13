"""A dashboard that runs, and people who are signed in to it: for the benchmark and the security scan."""

import http.client
import re
import subprocess
import urllib.parse

ADMIN, OWN = "a quiet admin of mountains", "four quiet mountain lakes"


class Dashboard:
    """`oncoweave dashboard` on a free port; `behind_proxy` takes X-Forwarded-For, so that many may sign in."""

    def __init__(self, program, arguments, store, behind_proxy=False):
        command = [program, "dashboard", *arguments, "--store", store, "--listen", "127.0.0.1:0"]
        command += ["--behind-proxy"] if behind_proxy else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: the dashboard ended: {self.process.stderr.read()}")
        self.url = line.split()[1].rstrip("/")
        self.address = self.url.removeprefix("http://")
        self.cookie = "__Host-oncoweave" if behind_proxy else "oncoweave"
        first = next(filter(None, (re.search(r"this once: (\S+)", text) for text in self.process.stderr)))
        self.admin = Person(self, "admin", first.group(1), ADMIN)

    def account(self, name, *roles):
        """Somebody new with these roles."""
        form = {"csrf": self.admin.csrf("/accounts"), "name": name} | dict.fromkeys(roles, "on")
        page = self.admin.post("/accounts", form)[1].decode()
        return Person(self, name, re.search(r"<code>(.*?)</code>", page).group(1), OWN)

    def memory_mb(self):
        """Resident memory now and at its highest."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            sizes = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+)", status.read()))
        return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Person:
    """Signs in; with a one-time password and then one of their own, or with the latter alone."""

    def __init__(self, site, name, first, own, behind="127.0.0.1"):
        self.site, self.behind, self.token, self.form = site, behind, "", ""
        self.post("/login", {"csrf": self.csrf("/login"), "name": name, "password": first or own})
        if first:
            form = {"csrf": self.csrf("/password"), "old": first, "new": own, "again": own}
            self.post("/password", form)
        if not self.token:
            raise SystemExit(f"error: {name} could not sign in")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.site.address)
        cookies = f"{self.site.cookie}={self.token}; {self.site.cookie}-form={self.form}"
        headers = {"Cookie": cookies, "X-Forwarded-For": self.behind}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        set_cookie = answer.getheader("Set-Cookie") or ""
        value = set_cookie.partition("=")[2].partition(";")[0]
        if set_cookie.startswith(f"{self.site.cookie}="):
            self.token = value
        elif set_cookie.startswith(f"{self.site.cookie}-form="):
            self.form = value
        return answer, answer.read()

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, form):
        return self.ask("POST", path, urllib.parse.urlencode(form))

    def csrf(self, path):
        return re.search(r'name="csrf" value="(.*?)"', self.get(path)[1].decode()).group(1)
