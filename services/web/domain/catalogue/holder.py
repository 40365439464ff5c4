"""Why a holder may not unlock."""

from services.web.domain.entry import Entry, ask_ra

ENTRIES: tuple[Entry, ...] = (
    ask_ra(
        "CARD_NOT_ACTIVE",
        "This smartcard is no longer in use",
        "The smartcard was reported lost, was replaced or has been cancelled, so it cannot be unlocked.",
        "Use your newer smartcard if you have one. If not, contact your Registration Authority"
        " (smartcard team).",
    ),
    ask_ra(
        "CARD_FROZEN",
        "This smartcard has been frozen",
        "The holder or a Registration Authority (smartcard team) froze this smartcard to keep it safe.",
        "Contact your Registration Authority (smartcard team). Only they can lift it.",
    ),
    ask_ra(
        "CERTIFICATE_EXPIRED",
        "Your smartcard needs to be renewed",
        "The certificates on your smartcard have expired. An expired smartcard cannot be unlocked.",
        "Contact your Registration Authority (smartcard team) to have your smartcard renewed.",
    ),
    ask_ra(
        "NO_EMAIL",
        "There is no email address on your profile",
        "We need to send a security code to an email address on your Care Identity profile."
        " This shows that it is you who unlocks the smartcard.",
        "Contact your Registration Authority (smartcard team). They can add your email address, and you can"
        " then unlock your smartcard here, or they can unlock it for you.",
    ),
    ask_ra(
        "EMAIL_DOMAIN_NOT_ALLOWED",
        "We cannot send a code to the email address on your profile",
        "We only send security codes to approved work email addresses. The one on your profile is not.",
        "Contact your Registration Authority (smartcard team). They can add a work email address to your"
        " profile, or unlock your smartcard for you.",
    ),
    ask_ra(
        "NO_MAILBOX_ACCESS",
        "You cannot read the mailbox on your profile",
        "We need to send a security code to the email address on your profile."
        " This shows that it is you who unlocks the smartcard. We cannot send it anywhere else.",
        "Contact your Registration Authority (smartcard team). They can change the address,"
        " or unlock your smartcard for you.",
    ),
)
