"""A person at a browser without JavaScript: opens pages, fills in the forms that they find there, presses buttons."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from campaign.demonstration.failing import Failed

TIMEOUT = 30.0
Value = str | Sequence[str]


@dataclass
class Button:
    """A button that sends its form."""

    name: str
    value: str
    action: str = ""


@dataclass
class Form:
    """A form as the page shows it: every field with the value that it would send now."""

    action: str
    method: str
    names: set[str] = field(default_factory=set)
    values: list[tuple[str, str]] = field(default_factory=list)
    offered: dict[str, list[str]] = field(default_factory=dict)
    """What can be chosen in selects, checkboxes and radio buttons."""
    buttons: list[Button] = field(default_factory=list)

    def value(self, name: str) -> str:
        """What a field holds; empty where nothing is chosen. Raises Failed where there is no such field."""
        self._require(name)
        return next((value for key, value in self.values if key == name), "")

    def filled(
        self, changes: Mapping[str, Value], press: str | None = None
    ) -> list[tuple[str, str]]:
        """What would be sent once these fields are filled in and the button with the value ``press`` is pressed."""
        for name, value in changes.items():
            self._require(name)
            chosen = [value] if isinstance(value, str) else list(value)
            missing = [
                one for one in chosen if name in self.offered and one not in self.offered[name]
            ]
            if missing:
                raise Failed(f"The field {name} at {self.action} does not offer {missing[0]!r}.")
        sent = [(name, value) for name, value in self.values if name not in changes]
        for name, value in changes.items():
            sent += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        button = self.button(press)
        if button.name:
            sent.append((button.name, button.value))
        # Browsers send line breaks so (HTML, 4.10.22.4).
        return [(name, value.replace("\r\n", "\n").replace("\n", "\r\n")) for name, value in sent]

    def button(self, press: str | None) -> Button:
        """The button with this value, or the only one there is."""
        found = [one for one in self.buttons if press is None or one.value == press]
        if len(found) != 1:
            raise Failed(
                f"The form at {self.action} has {len(found)} buttons {press or ''} instead of one."
            )
        return found[0]

    def _require(self, name: str) -> None:
        if name not in self.names:
            raise Failed(
                f"The form at {self.action} has no field {name}, only {', '.join(sorted(self.names))}."
            )


class _Reader(HTMLParser):
    """Forms, links and text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.language = ""
        self._form: Form | None = None
        self._area: tuple[str, list[str]] | None = None
        self._select = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what a person could use."""
        found = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = found.get("lang", "")
        elif tag in ("script", "style"):
            self._silent += 1
        elif tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self._form = Form(found.get("action", ""), found.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None and "disabled" not in found:
            self._control(self._form, tag, found)

    def _control(self, form: Form, tag: str, found: dict[str, str]) -> None:
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "button" and found.get("type", "submit") == "submit":
            form.buttons.append(Button(name, value, found.get("formaction", "")))
        elif tag == "option" and self._select:
            form.offered[self._select].append(value)
            if "selected" in found:
                form.values.append((self._select, value))
        elif not name:
            return
        elif tag == "textarea":
            form.names.add(name)
            self._area = (name, [])
        elif tag == "select":
            form.names.add(name)
            form.offered.setdefault(name, [])
            self._select = name
        elif tag == "input":
            self._input(form, name, value or "", found)

    def _input(self, form: Form, name: str, value: str, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        if kind == "submit":
            form.buttons.append(Button(name, value))
            return
        form.names.add(name)
        if kind in ("checkbox", "radio"):
            value = value if "value" in found else "on"
            form.offered.setdefault(name, []).append(value)
            if "checked" not in found:
                return
        form.values.append((name, value))

    def handle_data(self, data: str) -> None:
        """Keeps text, a text area's aside."""
        if self._area is not None:
            self._area[1].append(data)
        elif not self._silent:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Closes what was open."""
        if tag in ("script", "style"):
            self._silent -= 1
        elif tag == "textarea" and self._area and self._form:
            name, pieces = self._area
            text = "".join(pieces).replace("\r\n", "\n")
            # The first line break behind the tag is not part of the text (HTML, 13.1.2.5).
            self._form.values.append((name, text.removeprefix("\n")))
            self._area = None
        elif tag == "select" and self._form:
            offered = self._form.offered.get(self._select) or []
            if offered and not any(name == self._select for name, _ in self._form.values):
                self._form.values.append((self._select, offered[0]))
            self._select = ""
        elif tag == "form":
            self._form = None


class Page:
    """An answer, and what a person sees in it."""

    def __init__(self, url: str, status: int, headers: Message, body: bytes) -> None:
        self.url, self.status, self.headers = url, status, headers
        self.html = body.decode("utf-8", "replace")
        reader = _Reader()
        if headers.get("Content-Type", "").startswith("text/html"):
            reader.feed(self.html)
        self.forms, self.language = reader.forms, reader.language
        self.links = [urljoin(url, href) for href in reader.links]
        self.text = " ".join(" ".join(reader.words).split())

    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.html)

    def form(self, having: str = "", action: str = "") -> Form:
        """The form that has a field, or whose address ends so."""
        for form in self.forms:
            if (
                form.method == "post"
                and (not having or having in form.names)
                and form.action.endswith(action)
            ):
                return form
        raise Failed(f"The page {_path(self.url)} has no form with {having or action}.")

    def link(self, piece: str) -> str:
        """The first link with ``piece`` in its address."""
        for href in self.links:
            if piece in href:
                return href
        raise Failed(f"The page {_path(self.url)} has no link with {piece}.")


class Visitor:
    """One person's browser. A public visitor refuses cookies and fails where one is offered: there are none."""

    def __init__(self, site: str, signs_in: bool = False) -> None:
        self.site = site
        self.cookies: SimpleCookie | None = SimpleCookie() if signs_in else None
        self._connection: http.client.HTTPConnection | None = None

    def open(self, where: str, expect: int = 200) -> Page:
        """Opens a page, following redirects. Raises Failed where the answer is another than ``expect``."""
        return self._follow("GET", urljoin(self.site, where), None, expect)

    def send(
        self, page: Page, form: Form, changes: Mapping[str, Value] | None = None, press: str | None = None,
        expect: int = 200,
    ) -> Page:  # fmt: skip
        """Fills in a form of a page and presses its button, following redirects."""
        body = form.filled(changes or {}, press)
        action = form.button(press).action or form.action
        return self._follow("POST", urljoin(page.url, action or page.url), body, expect)

    def post(self, where: str, body: list[tuple[str, str]]) -> Page:
        """A bare POST that follows nothing, as a mail program sends it."""
        return self._ask("POST", urljoin(self.site, where), body)

    def close(self) -> None:
        """Ends the connection; the next page opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _follow(
        self, method: str, url: str, body: list[tuple[str, str]] | None, expect: int
    ) -> Page:
        page = self._ask(method, url, body)
        for _ in range(5):
            if page.status not in (301, 302, 303, 307, 308):
                break
            page = self._ask("GET", urljoin(page.url, page.headers.get("Location", "")), None)
        if page.status != expect:
            said = f" It says: {page.text[:300]}" if page.status < 500 else ""
            raise Failed(
                f"{method} {_path(url)} was answered with {page.status} instead of {expect}.{said}"
            )
        return page

    def _ask(self, method: str, url: str, body: list[tuple[str, str]] | None) -> Page:
        if not url.startswith(f"{self.site}/"):
            raise Failed(f"A link leads away from the site, to {urlsplit(url).netloc}.")
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "campaign-demo", "Accept": "text/html"}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.site}
        if self.cookies:
            headers["Cookie"] = "; ".join(
                f"{name}={one.value}" for name, one in self.cookies.items()
            )
        try:
            answer, content = self._exchange(
                method, target, urlencode(body) if body is not None else None, headers
            )
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Failed(
                f"{method} {_path(url)} was not answered: {type(error).__name__} {error}."
            ) from error
        self._take_cookies(url, answer)
        return Page(url, answer.status, answer.headers, content)

    def _exchange(
        self, method: str, target: str, body: str | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        if self._connection is None:
            parts = urlsplit(self.site)
            self._connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port, timeout=TIMEOUT
            )
        self._connection.request(method, target, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self.close()
        return answer, content

    def _take_cookies(self, url: str, answer: http.client.HTTPResponse) -> None:
        offered = answer.headers.get_all("Set-Cookie") or []
        if self.cookies is None:
            if offered:
                raise Failed(f"The public page {_path(url)} sets a cookie.")
            return
        for one in offered:
            self.cookies.load(one)


def _path(url: str) -> str:
    """An address for a message: without a key that may be in it."""
    return "/".join(part if len(part) < 40 else "…" for part in urlsplit(url).path.split("/"))
