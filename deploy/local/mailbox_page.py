"""The mailbox's page: a list of mails and each mail's text, for people; the same as JSON, for scripts."""

from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from deploy.local.mailbox import Mail, Mailbox
from deploy.local.pages import STATIC, render


def application(mailbox: Mailbox) -> Starlette:
    """The list, one mail, its HTML part alone; for scripts `/api/mails` and POST `/api/answers`."""

    async def inbox(_: Request) -> Response:
        return HTMLResponse(render("mailbox.html", mails=mailbox.messages()[::-1]))

    async def one(request: Request) -> Response:
        return HTMLResponse(render("mail.html", mail=_find(mailbox, request)))

    async def html(request: Request) -> Response:
        # A mail may say anything: it is shown without scripts, forms or addresses of its own.
        return HTMLResponse(
            _find(mailbox, request).html,
            headers={"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"},
        )

    async def listed(_: Request) -> Response:
        return JSONResponse([_as_json(mail) for mail in mailbox.messages()])

    async def answers(request: Request) -> Response:
        wanted: dict[str, Any] = await request.json()
        mailbox.answer_next(wanted["stage"], *wanted["replies"])
        return Response(status_code=204)

    pages: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/", inbox),
        ("/mails/{number:int}", one),
        ("/mails/{number:int}.html", html),
        ("/api/mails", listed),
    ]
    routes = [Route(path, page) for path, page in pages]
    routes.append(Route("/api/answers", answers, methods=["POST"]))
    return Starlette(routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))])


def serve(mailbox: Mailbox, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    uvicorn.run(application(mailbox), host="127.0.0.1", port=port, access_log=False)


def _find(mailbox: Mailbox, request: Request) -> Mail:
    number = request.path_params["number"]
    for mail in mailbox.messages():
        if mail.number == number:
            return mail
    raise HTTPException(404)


def _as_json(mail: Mail) -> dict[str, object]:
    return {
        "number": mail.number,
        "to": list(mail.recipients),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
    }
