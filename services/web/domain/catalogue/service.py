"""Errors of this service itself."""

from services.web.domain.entry import NOTHING_CHANGED, Entry, report

ENTRIES: tuple[Entry, ...] = (
    report(
        "SERVICE_UNAVAILABLE",
        "Part of this service is not available",
        "We could not do what you asked. Nothing was lost, and no try was used up without telling you.",
        "Wait a minute, then try again.",
    ),
    report(
        "VAULT_BEHIND",
        "Smartcards cannot be unlocked for the moment",
        "After a restart we first check that the unlock keys we hold are the newest ones."
        f" A passcode is changed only after that. {NOTHING_CHANGED}",
        "Leave your smartcard in the reader and this page open: the unlock goes on by itself. If it takes"
        " more than a few minutes, report the problem.",
    ),
    report(
        "DATABASE_BEHIND",
        "Part of this service is not ready yet",
        "After a restart we first check that our records are the newest ones. No code is sent or accepted"
        f" before that. {NOTHING_CHANGED}",
        "Wait a minute, then try again. If it takes more than a few minutes, report the problem.",
    ),
    report(
        "DEADLINE_EXCEEDED",
        "Part of this service took too long",
        "We stopped waiting after 5 seconds. Nothing was lost.",
        "Wait a minute, then try again.",
    ),
    report(
        "INTERNAL",
        "Something went wrong on our side",
        "This is our mistake, not yours.",
        "Try again. If it happens again, report the problem and quote the reference.",
    ),
    report(
        "PAGE_NOT_FOUND",
        "Page not found",
        "There is no page at this address.",
        "If you typed the address, check it. If not, go to the start page.",
    ),
    report(
        "METHOD_NOT_ALLOWED",
        "This page cannot be used that way",
        "The browser asked for something that this page does not do.",
        "Go to the start page.",
    ),
    report(
        "REQUEST_REFUSED",
        "We could not accept that form",
        "The form was too old, was sent twice from different tabs, or did not come from this website.",
        "Go back to the start page. If an unlock is under way, it goes on from where it is.",
    ),
    report(
        "TOO_MANY_SEARCHES",
        "Too many searches came from your network",
        "We answer 60 searches a minute from one network, so that everybody is served.",
        "Wait a minute, then search again.",
    ),
    report(
        "REQUEST_TOO_LARGE",
        "That was too much to send",
        "The browser sent more than this website accepts.",
        "Go back and try again with less text.",
    ),
)
