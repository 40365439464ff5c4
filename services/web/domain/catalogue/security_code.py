"""The one-time code and the mail that carries it."""

from services.web.domain.entry import Entry, ask_ra, report

ENTRIES: tuple[Entry, ...] = (
    ask_ra(
        "LOCKED_TO_RA",
        "Only your Registration Authority can unlock this smartcard now",
        "A wrong security code was entered too many times.",
        "Contact your Registration Authority (smartcard team). They can end the lock, and you start again"
        " here, or they unlock your smartcard for you.",
    ),
    report(
        "LOCK_UNKNOWN",
        "Security codes are not locked for this smartcard",
        "The lock has ended, or the holder belongs to another organisation. A smartcard that wrong passcodes"
        " have locked is another thing: its holder unlocks it here by a security code.",
        "Go back to the holder’s page, and look at the smartcard again.",
    ),
    report(
        "OWN_LOCK",
        "You cannot unlock your own smartcard this way",
        "Nobody may end the lock of their own smartcard.",
        "Ask another member of your Registration Authority (smartcard team).",
    ),
    report(
        "CODE_WRONG",
        "That is not the code we sent",
        "The code you entered is not the newest code we sent you.",
        "Check the email and enter all its digits again.",
    ),
    report(
        "CODE_SUPERSEDED",
        "That is an older code",
        "You asked for another code, so the older one does not work any more. You have not lost a try.",
        "Enter the code from the newest email.",
    ),
    report(
        "CODE_DEAD",
        "That code no longer works",
        "A code works once, and for 15 minutes.",
        "Ask for another code.",
    ),
    report(
        "CODE_MALFORMED",
        "That is not a security code",
        "A security code has digits only, as many as the page says. You have not lost a try.",
        "Enter the digits from the email.",
    ),
    report(
        "RESEND_TOO_SOON",
        "It is too soon to ask for another code",
        "We wait a minute between codes, so that the first email has time to arrive.",
        "Check your junk mail folder, wait a minute, then ask again.",
    ),
    ask_ra(
        "NO_MORE_CODES",
        "We cannot send you another code",
        "You have asked for as many codes as we may send for one unlock.",
        "Start again later, or contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "MAIL_LIMIT",
        "We have sent too many emails to this address today",
        "There is a daily limit on the emails we send to one address.",
        "Try again tomorrow, or contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "CARD_CODE_LIMIT",
        "We have sent too many codes for this smartcard today",
        "There is a daily limit on the codes for one smartcard.",
        "Try again tomorrow, or contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "HOLDER_CODE_LIMIT",
        "We have sent you too many codes today",
        "There is a daily limit on the codes for one person, over all of their smartcards.",
        "Try again tomorrow, or contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "NETWORK_CODE_LIMIT",
        "Too many codes were asked for from your network today",
        "There is a daily limit on the codes that one network may ask for. You did nothing wrong.",
        "Try again tomorrow or from another network, or contact your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "ORGANISATION_CODE_LIMIT",
        "Too many codes were asked for in your organisation today",
        "There is a daily limit on the codes for one organisation. You did nothing wrong.",
        "Try again tomorrow, or contact your Registration Authority (smartcard team).",
    ),
    ask_ra(
        "ADDRESS_CHANGED",
        "Your email address was changed",
        "The email address on your profile changed after you asked for the code, so we did not send it.",
        "Ask for another code. If you did not expect the change, contact your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "MAIL_REFUSED",
        "Your mailbox did not accept the email",
        "We tried to send the code, but the mail service said no. The mailbox may be full or closed.",
        "Check that your mailbox works. If it does not, contact your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "MAILBOX_UNKNOWN",
        "Your mailbox does not exist any more",
        "The mail service gave the email back: it has no mailbox at the address on your profile.",
        "Contact your Registration Authority (smartcard team). They can change the email address on your"
        " profile.",
    ),
    report(
        "MAILBOX_FULL",
        "Your mailbox is full",
        "The mail service gave the email back, because your mailbox has no space left.",
        "Delete some emails, then ask for another code.",
    ),
    ask_ra(
        "MAIL_BLOCKED",
        "Your mail service blocked the email",
        "The mail service gave the email back, because it does not let emails like ours through.",
        "Ask your IT service desk to let emails of this service through, or contact your Registration"
        " Authority (smartcard team).",
    ),
    ask_ra(
        "MAIL_RETURNED",
        "The email came back to us",
        "The mail service accepted the email and then could not deliver it.",
        "Ask for another code. If it happens again, contact your Registration Authority (smartcard team).",
    ),
    report(
        "MAIL_UNREACHABLE",
        "We could not send the email",
        "The mail service could not be reached in time, so the code was not sent.",
        "Ask for another code in a few minutes.",
    ),
    report(
        "MAIL_LATE",
        "The email is taking longer than usual",
        "The code was made, and nothing has been heard of its email for some seconds. It is sent as soon as"
        " that is possible.",
        "Wait a little: the page tells you when the email is sent. If nothing comes, ask for another code.",
    ),
    report(
        "EXPIRED",
        "The code could not be sent in time",
        "The mail service was away until after the code had ended, so the code was not sent.",
        "Ask for another code.",
    ),
    report(
        "CODE_UNREADABLE",
        "We could not prepare the email",
        "One part of this service could not read what another part passed on, so the code was not sent."
        " This is our mistake, not yours.",
        "Ask for another code. If it happens again, report the problem and quote the reference.",
    ),
    ask_ra(
        "NO_ADDRESS",
        "There is no address to send the code to",
        "The email address was taken off your profile after you asked for the code, so it was not sent.",
        "Contact your Registration Authority (smartcard team). They can add an email address for you.",
    ),
)
