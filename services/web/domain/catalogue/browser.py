"""What a browser may lack."""

from services.web.domain.entry import Entry, ask_it, report

ENTRIES: tuple[Entry, ...] = (
    ask_it(
        "JAVASCRIPT_OFF",
        "JavaScript is off",
        "Your new passcode is sealed in your browser before it is sent. That needs JavaScript.",
        "Turn on JavaScript for this website, or use another browser, and load the page again.",
    ),
    ask_it(
        "BROWSER_TOO_OLD",
        "Your browser is too old",
        "Your new passcode is sealed in your browser before it is sent. Your browser lacks what"
        " that needs (X25519).",
        "Update Chrome or Edge to version 133 or later.",
    ),
    ask_it(
        "BROWSER_NOT_SECURE",
        "The connection to this website is not secure",
        "Your browser only seals a passcode on a secure connection (https).",
        "Check that the address begins with https. If it does, your network may be changing the connection.",
    ),
    ask_it(
        "COOKIES_OFF",
        "Cookies are off",
        "We keep your place in a cookie that ends with your unlock. Your browser does not keep it.",
        "Allow cookies for this website and load the page again.",
    ),
    report(
        "PASSCODE_WEAK",
        "That passcode is too easy to guess",
        "A passcode is 6 to 8 digits, with no run such as 123456, no repeat such as 121212, no date"
        " and none of the most used.",
        "Choose a different passcode.",
    ),
)
