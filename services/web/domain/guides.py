"""The pages that stand still: guides for three audiences, handouts, recipes. R23, R28, R38, R55.

What they say is in `templates/help/`; when each was last edited, in `help_dates.json`.
"""

from dataclasses import dataclass

from services.web.domain.language import text

OLD_SERVICE = "uim.national.ncrs.nhs.uk"
"""Where the service was that this one replaces. Source: S1."""


@dataclass(frozen=True)
class Guide:
    """One page."""

    path: str
    template: str
    """Below `templates/help/`; what its date is kept under."""
    title: str
    about: str
    """What one finds there, in a sentence."""


GUIDES: tuple[Guide, ...] = (
    Guide(
        "/help/holders",
        "holders.jinja",
        text("Guide for smartcard users"),
        text("Who can unlock their smartcard here, what you need, and what to do if you cannot."),
    ),
    Guide(
        "/help/registration-authorities",
        "registration_authorities.jinja",
        text("Guide for Registration Authorities"),
        text(
            "What to tell smartcard users, how to help those who cannot unlock their smartcard, and handouts."
        ),
    ),
    Guide(
        "/help/it-teams",
        "it_teams.jinja",
        text("Guide for IT teams"),
        text("What a workstation and a network need, what our checks mean, and redirects for old bookmarks."),
    ),
    Guide(
        "/help/handout",
        "handout.jinja",
        text("Handout for new smartcard users"),
        text("One page to print, with the address of this service and a QR code."),
    ),
)

REDIRECTS: dict[str, str] = {
    "nginx.conf": "nginx",
    "web.config": "Microsoft IIS",
    "hosts.txt": text("hosts file"),
}
"""Recipes for a local redirect of old bookmarks, by file name. R28."""
