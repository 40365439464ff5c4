"""Why a holder may not unlock, or contact details cannot stand."""

from services.web.domain.entry import Entry, ask_ra, report

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
        "ADDRESS_WAITS",
        "Your new email address is not confirmed yet",
        "A Registration Authority (smartcard team) has entered an email address for you. In your"
        " organisation, a second member of that team must confirm it before we send a security code there.",
        "Contact your Registration Authority (smartcard team) and ask them to confirm it. Then try again"
        " here.",
    ),
    ask_ra(
        "NO_MAILBOX_ACCESS",
        "You cannot read the mailbox on your profile",
        "We need to send a security code to the email address on your profile."
        " This shows that it is you who unlocks the smartcard. We cannot send it anywhere else.",
        "Contact your Registration Authority (smartcard team). They can change the address, also one that you"
        " entered yourself and that has a mistake in it, or unlock your smartcard for you.",
    ),
    report(
        "SIGNED_OUT",
        "You are signed out",
        "You are signed in for 10 minutes after your smartcard took your passcode. That time is over.",
        "Sign in again. Your contact details are as you last saved them.",
    ),
    ask_ra(
        "RA_ONLY",
        "This page is for Registration Authorities",
        "You are signed in, but your organisation has not made you a Registration Authority here.",
        "Ask your Registration Authority (smartcard team) to help, or to have that role given to you.",
    ),
    ask_ra(
        "OWN_PROFILE",
        "Nobody can do this for themselves",
        "A Registration Authority acts for others. For your own profile and smartcard, a colleague does.",
        "Ask another Registration Authority of your organisation. Your own email address you change in My"
        " profile.",
    ),
    report(
        "OWN_PROPOSAL",
        "A colleague has to confirm this address",
        "You proposed it yourself. In your organisation, two Registration Authorities look at an address"
        " before it counts.",
        "Ask another Registration Authority of your organisation to confirm it at this desk.",
    ),
    report(
        "PROPOSAL_GONE",
        "This address does not wait any more",
        "It was confirmed, declined or replaced in the meantime, its 24 hours are over, or the holder’s"
        " address was changed.",
        "Go back to the holder’s page to see what stands. If the address is still needed, enter it again.",
    ),
    ask_ra(
        "RA_DAILY_LIMIT",
        "You have set as many addresses as one Registration Authority may in 24 hours",
        "The limit keeps somebody who has taken a Registration Authority’s smartcard from doing much harm.",
        "Ask a colleague, or go on tomorrow. If you have not set that many, have your own smartcard frozen.",
    ),
    report(
        "CARD_NOT_AS_SHOWN",
        "The smartcard is not as the page showed it",
        "It was frozen, released or replaced in the meantime, or it is not this holder’s.",
        "Go back to the holder’s page, and look at the smartcard again.",
    ),
    report(
        "ATTEMPT_SPENT",
        "Nothing was done this time",
        "This form was sent before. It did something else then, or what it did has been changed since.",
        "Go back to the holder’s page to see what stands. Open the form there again, and send it once.",
    ),
    report(
        "REASON_MISSING",
        "Select why",
        "What a Registration Authority does for somebody else is kept with the reason.",
        "Select the reason that fits best.",
    ),
    report(
        "NOTE_MISSING",
        "Write what the other reason is",
        "Another reason needs a note, so that a colleague can follow it later.",
        "Write a short note, without a passcode and without anything about health.",
    ),
    report(
        "NOTE_TOO_LONG",
        "The note is too long",
        "A note has 300 characters at most.",
        "Shorten it.",
    ),
    report(
        "HOLDER_NOT_FOUND",
        "There is no such holder in your organisation",
        "A Registration Authority sees the smartcard holders of their own organisation, and no others.",
        "Search again. Somebody of another organisation is helped by their own Registration Authority.",
    ),
    report(
        "VOUCH_TOO_LATE",
        "Your sign-in ended before you vouched",
        "A Registration Authority is signed in for 10 minutes. That time is over, or you signed out."
        " Nothing was changed on the holder’s smartcard.",
        "Take the holder’s smartcard out, put your own in, sign in again and begin again.",
    ),
    report(
        "OWN_CARD",
        "This is your own smartcard",
        "Nobody can vouch for themselves, so the smartcard in the reader cannot be unlocked by you.",
        "Take your smartcard out, put the holder’s in and begin again. If it is your own that needs a new"
        " passcode, unlock it as every holder does, or ask a colleague.",
    ),
    report(
        "EMAIL_USABLE",
        "We can send a code to your email address",
        "Your profile has a work email address now, so no colleague needs to vouch for you.",
        "Start again, and we send a security code to that address.",
    ),
    ask_ra(
        "VOUCH_TOO_OFTEN",
        "Colleagues have vouched for this smartcard too often",
        "In 30 days, two colleagues can let you unlock a smartcard twice. That was used up.",
        "Contact your Registration Authority (smartcard team). They can unlock the smartcard for you, and add"
        " your email address, so that you need no colleague next time.",
    ),
    report(
        "VOUCH_CODE_UNKNOWN",
        "We do not know this code",
        "It may be mistyped, be over, belong to somebody of another organisation, or two colleagues may have"
        " vouched already.",
        "Ask your colleague to read out the code that they see now, and type it again.",
    ),
    report(
        "VOUCH_OWN_CARD",
        "This is your own code",
        "Nobody can vouch for themselves. Two colleagues must do so.",
        "Read the code out to two colleagues of your organisation. Each signs in with their own smartcard.",
    ),
    ask_ra(
        "VOUCH_LIMIT",
        "You cannot vouch for anybody now",
        "In 24 hours you can vouch for 3 colleagues, and type 10 wrong codes. If colleagues vouched for you,"
        " you can vouch for nobody for 30 days. This keeps somebody who has taken a smartcard from doing much"
        " harm.",
        "Your colleague can ask somebody else. If you have not done that, have your own smartcard frozen.",
    ),
    ask_ra(
        "OTHER_ORGANISATION",
        "This smartcard belongs to another organisation",
        "A Registration Authority unlocks the smartcards of their own organisation, and no others.",
        "The holder’s own Registration Authority (smartcard team) can help them.",
    ),
    report(
        "CARD_LEFT",
        "Your smartcard is no longer in the reader",
        "My profile is open only while the smartcard that you signed in with stays in the reader. It was"
        " taken out, or the unlock program on your workstation stopped or turned to another page.",
        "Put your smartcard in and sign in again. Your contact details are as you last saved them.",
    ),
    report(
        "EMAIL_MISSING",
        "Enter your work email address",
        "An email address on your profile can be replaced, but not taken away: without one you could not"
        " unlock your smartcard here.",
        "Enter the address that you want to use.",
    ),
    report(
        "EMAIL_MALFORMED",
        "That is not an email address we can write to",
        "An email address has a name, the sign @ and the domain of your organisation.",
        "Check what you typed, and enter it again.",
    ),
    report(
        "MOBILE_MALFORMED",
        "That is not a mobile number",
        "We keep mobile numbers only. A number from outside the United Kingdom needs its country code.",
        "Check what you typed, and enter it again, or leave it empty.",
    ),
    ask_ra(
        "FREEZE_LINK_UNKNOWN",
        "We cannot freeze a smartcard by this link",
        "The link is not complete, the email is older than 30 days, or a Registration Authority"
        " (smartcard team) has lifted a freeze since it was sent.",
        "Copy the whole link from the email. If it still does not work, contact your Registration Authority"
        " (smartcard team) at once: they can stop the smartcard.",
    ),
)
