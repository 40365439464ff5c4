"""Letters from templates: subject, text and HTML, each with its own escaping.

The HTML is made of MJML when the letters are built (`build_letters.mjs`), and committed.

No link that acts, and no code in the subject, which telephones show while they are locked.
"""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template

from services.notifier.domain import delivery as domain
from services.notifier.domain.delivery import Contents, Delivery
from services.notifier.ports import Letter

TEMPLATES = Path(__file__).with_name("templates")


class TemplateLetters:
    """Writes letters; the templates are read once, at the start."""

    def __init__(self, zone: ZoneInfo, origin: str = "", folder: Path = TEMPLATES) -> None:
        """`origin`: where the pages are, such as `https://unlock.example.org`."""
        self._zone, self._origin = zone, origin
        self._templates = {name: _Templates(folder / name.value) for name in domain.Template}

    def write(self, delivery: Delivery, recipient: str, contents: Contents) -> Letter:
        """Return the letter; the same delivery gives the same letter."""
        templates = self._templates[delivery.template]
        words = self._words(delivery, contents)
        return Letter(
            message_id=delivery.message_id,
            date=delivery.made_at,
            recipient=recipient,
            subject=" ".join(templates.subject.render(words).split()),
            text=templates.text.render(words),
            html=templates.html.render(words),
            return_token=delivery.return_token,
        )

    def _words(self, delivery: Delivery, contents: Contents) -> dict[str, str | int]:
        made, ends = (each.astimezone(self._zone) for each in (delivery.made_at, delivery.expires_at))
        return {
            "code": contents.code,
            "card": contents.card_last_four,
            "site": contents.site,
            "card_ref": delivery.card_ref,
            "holder_ref": delivery.holder_ref,
            "freeze_page": f"{self._origin}/freeze/{contents.freeze_token}" if contents.freeze_token else "",
            "reason": delivery.reason,
            "valid_until": _time(ends),
            "valid_until_day": _day(ends),
            "minutes": (delivery.expires_at - delivery.made_at) // timedelta(minutes=1),
            "made_on": _day(made),
            "made_at": _time(made),
        }


class _Templates:
    """The three parts of one message."""

    def __init__(self, folder: Path) -> None:
        self.subject = _template(folder / "subject.txt", escape=False)
        self.text = _template(folder / "body.txt", escape=False)
        self.html = _template(folder / "body.html", escape=True)


def _template(path: Path, *, escape: bool) -> Template:
    # Unescaped only for text/plain, where an escape would be shown as it is.
    environment = Environment(autoescape=escape, undefined=StrictUndefined)  # noqa: S701
    return environment.from_string(path.read_text("utf-8"))


def _day(instant: datetime) -> str:
    return f"{instant.day} {instant:%B %Y}"


def _time(instant: datetime) -> str:
    return f"{instant:%H:%M}"
