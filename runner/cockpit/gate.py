"""Let requests through to the pages: of this machine, of who has signed in, and forged by nobody.

The rules of this file:

1. The host has to be a name of this machine: no other site's name can be made to stand for it.
2. The token is taken from the address once. The answer sets the cookie, and leads to the same
   address without it, so that it stays in no history.
3. The cookie is `SameSite=Strict`, so a link of another site comes without it: a page of ours that
   leads to itself asks again. What asks may not change anything, so that this gives nothing away.
4. What may change something is a POST of a form of ours: from the same origin, as the browser says,
   with the cookie and with the form's word. It is read here, so that no page can forget it.
5. Whatever is answered has the policy, unless it brings one of its own.
"""

from __future__ import annotations

import urllib.parse

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.access.hosts import AllowedHosts
from runner.cockpit import layout
from runner.cockpit.sign_in import Token

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_LARGEST_FORM = 65_536
_MOST_FIELDS = 100
SIGN_IN = "/sign-in"


class Gate:
    """Be an ASGI middleware.

    Args:
        app: Has the pages.
        token: What a browser has to have.
        port: Names the cookie.
    """

    def __init__(self, app: ASGIApp, token: Token, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"runner-cockpit-{port}"
        self._hosts = AllowedHosts((), is_local=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = await self._answer(request) or self._app
        await answer(scope, receive, _with_headers(send))

    async def _answer(self, request: Request) -> Response | None:
        """Give what is answered here; None if it is for the pages."""
        if not self._hosts[request.headers.get("host", "").encode()]:
            return PlainTextResponse("this host is not served here\n", 421)
        if request.method not in ("GET", "HEAD"):
            return await self._answer_form(request)
        return self._answer_look(request)

    def _answer_look(self, request: Request) -> Response | None:
        if request.scope["path"].startswith("/static/"):
            return None
        if given := request.query_params.get("token"):
            return self._signed_in(given, _without_token(request))
        if self._has_cookie(request):
            return None
        if request.headers.get("sec-fetch-site") == "cross-site":
            return _leading_to(_without_token(request))
        return _asking_for_token(_without_token(request), 401)

    async def _answer_form(self, request: Request) -> Response | None:
        if request.method != "POST" or not _is_of_ours(request):
            return PlainTextResponse("only a page of the cockpit itself may ask for this\n", 403)
        form = await _form(request)
        if form is None:
            return PlainTextResponse("no form, or one that is too large\n", 413)
        if request.scope["path"] == SIGN_IN:
            return self._signed_in(form.get("token", ""), form.get("next", ""))
        if not self._has_cookie(request):
            return PlainTextResponse("sign in first\n", 401)
        if not self._token.is_form_word(form.get("word", "")):
            return PlainTextResponse("only a form of the cockpit itself may ask for this\n", 403)
        request.state.form = form
        return None

    def _signed_in(self, given: str, target: str) -> Response:
        target = target if _is_path(target) else "/"
        if not self._token.is_token(given.strip()):
            return _asking_for_token(target, 403)
        answer = _leading_to(target)
        answer.set_cookie(self._cookie, self._token.cookie, httponly=True, samesite="strict")
        return answer

    def _has_cookie(self, request: Request) -> bool:
        return self._token.is_cookie(request.cookies.get(self._cookie, ""))


def _is_of_ours(request: Request) -> bool:
    """Tell whether a browser says that a page of this very origin asks; all of today say it."""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site")
    return origin in (None, own) and site in (None, "same-origin")


async def _form(request: Request) -> dict[str, str] | None:
    """Read a form; None if it is none, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST_FORM:
                return None
        pairs = urllib.parse.parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except (ClientDisconnect, ValueError):
        return None
    return dict(pairs)


def _is_path(target: str) -> bool:
    """Tell an address below this origin from one of elsewhere."""
    is_plain = target.isprintable() and "\\" not in target
    return is_plain and target.startswith("/") and not target.startswith("//")


def _without_token(request: Request) -> str:
    kept = [pair for pair in request.query_params.multi_items() if pair[0] != "token"]
    # Two slashes at the beginning would name another host.
    path = "/" + urllib.parse.quote(request.scope["path"]).lstrip("/")
    return f"{path}?{urllib.parse.urlencode(kept)}" if kept else path


def _leading_to(target: str) -> Response:
    """Give a page that leads on: unlike after a redirect, it is a page of ours that asks next."""
    return Response(layout.fragment("leading.html", target=target), media_type="text/html")


def _asking_for_token(target: str, status: int) -> Response:
    html = layout.fragment("sign_in.html", target=target, is_wrong=status == 403)
    return Response(html, status, media_type="text/html")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
