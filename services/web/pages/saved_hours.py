"""The hours saved: as a page with plots, as CSV, and as JSON. No session is needed; nobody is named."""

import csv
import io
from dataclasses import asdict, dataclass

from starlette.responses import JSONResponse, Response

from services.web import texts
from services.web.domain.language import text
from services.web.ports import Savings, SavingsGroup
from services.web.visit import Visit

SAVED_HOURS = "/saved-hours"

PUBLISHED_BASELINES = (
    (text("more than 16,000 hours a month"), text("if everyone who is eligible used this service")),
    (
        text("around 10,000 hours a month"),
        text("what locked smartcards cost the NHS, as told to smartcard users"),
    ),
)
"""Source: S2, which names both. R20 to R22, R29."""

BAR_WIDTH = 300
"""User units of the longest bar."""

MOST_BARS = 24
"""The newest months, the organisations with the most: the CSV has them all."""


@dataclass(frozen=True)
class Bar:
    """One bar of a plot."""

    name: str
    value: int
    width: int


@dataclass(frozen=True)
class Plot:
    """One plot, and the table that says the same."""

    id: str
    title: str
    unit: str
    bars: tuple[Bar, ...]


async def show_saved_hours(visit: Visit) -> Response:
    """Show the time saved as the audit counts it, beside the published baselines."""
    savings = await visit.peers.audit.savings()
    return visit.page(
        "saved_hours.jinja", savings=savings, plots=plots(savings), baselines=PUBLISHED_BASELINES
    )


async def saved_hours_csv(visit: Visit) -> Response:
    """Give every figure as a row: what, of which, how many."""
    rows = [("figure", "of", "value"), *figures(await visit.peers.audit.savings())]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    headers = {"Content-Disposition": 'attachment; filename="saved-hours.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


async def saved_hours_json(visit: Visit) -> Response:
    """Give every figure as one object."""
    savings = await visit.peers.audit.savings()
    published = [{"figure": figure, "meaning": meaning} for figure, meaning in PUBLISHED_BASELINES]
    return JSONResponse(asdict(savings) | {"published": published})


def plots(savings: Savings) -> list[Plot]:
    """Return what is drawn; a plot without a bar is left out."""
    most = sorted(savings.by_organisation, key=lambda group: (-group.unlocks, group.value))[:MOST_BARS]
    drawn = [
        _plot("months", text("Unlocks that saved a visit, by month"), savings.by_month[-MOST_BARS:]),
        _plot("organisations", text("Unlocks that saved a visit, by organisation"), most),
        Plot(
            "stages",
            text("How far sessions came"),
            text("sessions"),
            _bars([(texts.STAGES.get(stage.name, stage.name), stage.sessions) for stage in savings.stages]),
        ),
    ]
    return [plot for plot in drawn if any(bar.value for bar in plot.bars)]


def figures(savings: Savings) -> list[tuple[str, str, object]]:
    """Return every figure as a row."""
    saved = savings.saved
    rows: list[tuple[str, str, object]] = [
        ("unlocks that saved a visit", "", saved.unlocks),
        ("repeats within 24 hours", "", saved.repeats),
        ("minutes each", "", saved.minutes_each),
        ("gross minutes", "", saved.saved_minutes),
        ("session minutes", "", saved.session_minutes),
        ("net minutes", "", savings.net_minutes),
        ("RA minutes", "", savings.ra_minutes),
    ]
    groups = {
        "month": savings.by_month,
        "organisation": savings.by_organisation,
        "reason": savings.by_reason,
        "route": savings.by_route,
    }
    for name, found in groups.items():
        rows += [(f"unlocked by {name}", _safe(group.value), group.unlocked) for group in found]
        rows += [
            (f"unlocks that saved a visit by {name}", _safe(group.value), group.unlocks) for group in found
        ]
    for each in savings.adoption:
        rows += [
            ("eligible holders", _safe(each.organisation), each.eligible),
            ("holders who unlocked", _safe(each.organisation), each.users),
            ("minutes to be had", _safe(each.organisation), each.minutes_to_be_had),
        ]
    rows += [("sessions that came to", stage.name, stage.sessions) for stage in savings.stages]
    rows += [("ended", f"{kind} {code}".strip(), sessions) for kind, code, sessions in saved.last_words]
    return rows


def _safe(value: str) -> str:
    """A spreadsheet takes some first characters for a formula. Source: OWASP, CSV injection."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value


def _plot(plot_id: str, title: str, groups: "list[SavingsGroup] | tuple[SavingsGroup, ...]") -> Plot:
    return Plot(
        plot_id,
        title,
        text("unlocks"),
        _bars([(group.value or text("not known"), group.unlocks) for group in groups]),
    )


def _bars(values: list[tuple[str, int]]) -> tuple[Bar, ...]:
    most = max((value for _, value in values), default=0) or 1
    return tuple(Bar(name, value, round(BAR_WIDTH * value / most)) for name, value in values)
