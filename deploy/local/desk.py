"""The desk page: what a person at a desk has before them: cards, the agent's window, the mailbox.

Served on 127.0.0.1 by a thread of the stack's own process. Parts of the stack are started and stopped by
its main thread, so those wishes go into a queue.
"""

import json
import queue
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from deploy.local.cards import SlotRefused
from deploy.local.pages import STATIC, render
from deploy.local.stack import Stack

Wish = tuple[str, str]
"""`start` or `stop`, and the part."""
Action = Callable[[FormData], None]


class Desk:
    """The page and its thread; `wishes` are for the stack's main thread to fulfil."""

    def __init__(self, stack: Stack) -> None:
        """Nothing listens before `start`."""
        self._stack = stack
        self.url = stack.addresses.url("desk")
        self.wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        config = uvicorn.Config(
            self._application(),
            host="127.0.0.1",
            port=stack.addresses.ports["desk"],
            log_level="warning",
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        """Listen; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(5)

    def state(self) -> dict[str, Any]:
        """All that changes on the page."""
        stack = self._stack
        down = stack.ended()
        return {
            "slots": _slots(stack),
            "agent": _status(stack.folder / "agent" / "status.json"),
            "window": stack.agent.text[-4000:],
            "parts": {name: name not in down for name in stack.parts},
            "mails": len(list((stack.folder / "mails").glob("*.eml"))),
        }

    def _application(self) -> Starlette:
        actions: dict[str, Action] = {
            "insert": self._insert,
            "pull": self._pull,
            "answer": self._answer,
            "part": self._part,
        }
        routes = [
            Route("/", self._page),
            Route("/api/state", self._state_json),
            Route("/desk.js", lambda _: FileResponse(Path(__file__).parent / "templates" / "desk.js")),
            *(Route(f"/{name}", _acting(action), methods=["POST"]) for name, action in actions.items()),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        # A page elsewhere in the same browser must not press our buttons.
        guards = [
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(BaseHTTPMiddleware, dispatch=_own_pages_only),
        ]
        return Starlette(routes=routes, middleware=guards)

    async def _page(self, _: Request) -> Response:
        state = await run_in_threadpool(self.state)
        links = {name: self._stack.addresses.url(name) for name in ("web", "mailbox")}
        return HTMLResponse(
            render("desk.html", state=state, cards=list(self._stack.data.cards.values()), **links)
        )

    async def _state_json(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.state))

    def _insert(self, form: FormData) -> None:
        card = self._stack.card(str(form["card"]))
        self._stack.slots.insert(card.name, int(str(form["slot"])))

    def _pull(self, form: FormData) -> None:
        self._stack.slots.remove(int(str(form["slot"])))

    def _answer(self, form: FormData) -> None:
        self._stack.agent.type(str(form["answer"])[:100])

    def _part(self, form: FormData) -> None:
        if (name := str(form["part"])) in self._stack.parts:
            self.wishes.put((str(form["do"]), name))


def _acting(action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        form = await request.form()
        try:
            await run_in_threadpool(action, form)
        except (KeyError, ValueError, OSError, SlotRefused) as refused:
            return HTMLResponse(render("desk_refused.html", why=str(refused)), 409)
        return RedirectResponse("/", 303)

    return act


async def _own_pages_only(request: Request, call_next: RequestResponseEndpoint) -> Response:
    own = f"http://{request.headers.get('host')}"
    if request.method == "POST" and request.headers.get("origin") != own:
        return Response("Only this page's own buttons act.", 403)
    return await call_next(request)


def _slots(stack: Stack) -> list[str | None]:
    try:
        return stack.slots.inserted()
    except (OSError, ValueError):  # the card process is away for a moment
        return [None, None]


def _status(path: Path) -> dict[str, Any]:
    try:
        status: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    # While a session is in use, another is on offer for whoever wants to begin anew.
    return status | {name: value for name, value in status.get("spare", {}).items() if name != "session_id"}
