"""One request of one browser: what it may use, and the ways it can end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.runtime import tracing
from services.runtime.clock import Clock
from services.runtime.randomness import Randomness, text_token
from services.web import texts
from services.web.domain import entries
from services.web.domain.errors import entry_for
from services.web.domain.journey import JOURNEY_LIFE, STOPPED, WARNED_FOR, Journey, Reason
from services.web.domain.language import ENGLISH, Language, gettext, ngettext, speaking
from services.web.help_dates import last_edited
from services.web.ports import Peers as Peers
from services.web.search_limit import SearchLimit
from services.web.security import client_address
from services.web.settings import WebSettings
from services.web.sites import Sites
from services.web.use_cases import Stop as Stop

STATIC_FILES = Path(__file__).parent / "static" / "dist"

PATHS = frozenset({
    "/", "/reason", "/pair", "/card", "/other-reason", "/change", "/last-try", "/address",
    "/no-mailbox", "/code", "/passcode",
    "/working", "/done", "/unknown", "/stopped", "/receipt",
    "/sign-in", "/sign-in/words", "/sign-in/passcode", "/sign-out",
    "/profile", "/profile/contact", "/profile/updated",
    "/questions", "/profile/questions", "/profile/questions/email", "/profile/questions/code",
    "/profile/questions/done",
    "/ra", "/ra/in-person", "/ra/in-person/vouch",
    "/colleagues", "/colleagues/code", "/vouch", "/vouch/person",
})  # fmt: skip
"""Where a redirect may lead, and nowhere else."""
COMPONENTS = frozenset({
    "back-link", "button", "card", "checkboxes", "error-message", "error-summary", "fieldset", "footer",
    "header", "heading", "hint", "input", "inset-text", "label", "legend", "macros", "nhsuk", "panel",
    "password-input", "radios", "select", "skip-link", "textarea", "warning-callout",
})  # fmt: skip
"""Of the NHS design system, what the pages use."""
AGAIN_AT = {"OWN_CARD": "/ra/in-person", "VOUCH_CODE_UNKNOWN": "/vouch"}
"""Refusals after which another page is where one begins again."""
JUDGED_ANEW = frozenset({
    "NO_EMAIL", "EMAIL_DOMAIN_NOT_ALLOWED", "ADDRESS_WAITS", "CARD_FROZEN", "MAIL_UNREACHABLE",
    "ANSWERS_LOCKED", "RESEND_TOO_SOON",
})  # fmt: skip
"""Refusals that may be over a minute later, by themselves or by what the RA has mended. R7, R25."""
RECORDED = frozenset({
    "CARD_NOT_ACTIVE", "CARD_FROZEN", "CERTIFICATE_EXPIRED", "NO_EMAIL", "EMAIL_DOMAIN_NOT_ALLOWED",
    "ADDRESS_WAITS", "NO_MAILBOX_ACCESS", "LOCKED_TO_RA", "NOT_REGISTERED", "ANSWERS_LOCKED",
})  # fmt: skip
"""Refusals that are told as a session's outcome, so that the audit log has a receipt of them. D1."""
SIGNED_OUT = frozenset({"SIGNED_OUT", "CARD_LEFT"})
"""After these the holder may sign in again."""


@dataclass(frozen=True)
class House:
    """What every visit shares."""

    peers: Peers
    settings: WebSettings
    clock: Clock
    randomness: Randomness
    templates: Environment
    searches: SearchLimit = field(default_factory=SearchLimit)
    sites: Sites = field(default_factory=Sites)
    language: Language = ENGLISH


class Elsewhere(Exception):
    """The visit belongs on another of our pages."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def environment() -> Environment:
    """Return the templates: ours, over those of the NHS design system."""
    built = json.loads((STATIC_FILES / "built.json").read_text())
    loader = ChoiceLoader([PackageLoader("services.web"), PackageLoader("nhsuk_frontend_jinja")])
    # ChainableUndefined: the NHS components ask for parameters of parameters that are not there.
    templates = Environment(
        loader=loader, undefined=ChainableUndefined, autoescape=True, extensions=["jinja2.ext.i18n"]
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    templates.globals.update(built=built, texts=texts, entry_for=entry_for, last_edited=last_edited)
    templates.globals["WARNED_FOR"] = WARNED_FOR
    templates.globals["parts"] = templates.get_template("parts.jinja").module
    for name in loader.list_templates():
        # Compiled now: nobody's first page waits for it, and a broken template stops the start.
        if not name.startswith("nhsuk/") or name.split("/")[-2] in COMPONENTS:
            templates.get_template(name)
    return templates


def fresh_journey(clock: Clock, randomness: Randomness) -> Journey:
    """Return the journey of a browser that brings none."""
    csrf, attempt_id = text_token(randomness.token()), randomness.uuid7()
    return Journey(ends_at=clock.now() + JOURNEY_LIFE, csrf=csrf, attempt_id=attempt_id)


@dataclass
class Visit:
    """One request, and the journey it belongs to."""

    house: House
    request: Request
    journey: Journey
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def peers(self) -> Peers:
        """The processes that this visit may ask."""
        return self.house.peers

    def now(self) -> datetime:
        """Return the present instant."""
        return self.house.clock.now()

    @property
    def attempt_id(self) -> str:
        """Return the attempt of the form that was sent: sent twice, it is one attempt."""
        sent = self.form.get("attempt_id", "")
        return sent if entries.UUID.fullmatch(sent) else self.journey.attempt_id

    @property
    def client_address(self) -> str:
        """The browser's address, as guesses are counted by it."""
        forwarded = self.request.headers.get("x-forwarded-for", "")
        return client_address(self.request.scope, forwarded, self.house.settings.TRUSTED_HOPS)

    def answered(self, **changes: Any) -> None:
        """Keep what a service's answer changed; the next question is a new attempt."""
        self.journey = replace(self.journey, attempt_id=self.house.randomness.uuid7(), **changes)

    def step_up(self, **changes: Any) -> None:
        """Keep what changed, under a new form token: the step earned the browser more rights."""
        csrf = text_token(self.house.randomness.token())
        self.answered(csrf=csrf, spent_csrf=self.journey.csrf, **changes)

    def html(self, template: str, **values: Any) -> str:
        """Return a template's text, in the language of the house."""
        language = self.house.language
        with speaking(language):
            return self.house.templates.get_template(template).render(
                visit=self,
                journey=self.journey,
                fresh_uuid=self.house.randomness.uuid7,
                settings=self.house.settings,
                cspNonce=self.request.scope["state"]["nonce"],
                htmlLang=language.tag,
                reference=tracing.trace_id(),
                report_link=partial(texts.report_link, self.house.settings.REPORT_PROBLEM_URL),
                **values,
            )

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a page; one of a step that goes on says in time when that ends."""
        values.setdefault("closing", self.journey.closing(self.request.url.path))
        return HTMLResponse(self.html(template, **values), status_code=status)

    def move(self, path: str) -> Response:
        """Lead the browser to one of our pages, which it asks for by GET."""
        if path not in PATHS:
            raise ValueError("not a page of the journey")
        return RedirectResponse(path, status_code=303)

    def stopped(self, stop: Stop) -> Response:
        """Return the page of an error code, with whom to ask, and a way to try again where that may help."""
        path = self.request.url.path
        again = path if path in PATHS and (stop.status >= 500 or stop.code in JUDGED_ANEW) else ""
        again = AGAIN_AT.get(stop.code, again)
        entry = entry_for(stop.code)
        told: dict[str, Any] = {"entry": entry, "ra": stop.ra, "code": stop.code}
        told["can_ask"] = stop.can_ask_colleagues and self.house.settings.colleagues_vouch
        told |= {"again": again, "recorded": self._recorded(stop), "signed_out": stop.code in SIGNED_OUT}
        told["closing"] = None
        return self.page("stopped.jinja", status=stop.status, **told)

    def _recorded(self, stop: Stop) -> bool:
        """True where the stop is the outcome of the session: not once somebody is signed in by it."""
        journey = self.journey
        if not journey.session_id or (journey.reason is Reason.SIGN_IN and journey.profile_grant):
            return False
        return stop.code in RECORDED or self.request.url.path == STOPPED
