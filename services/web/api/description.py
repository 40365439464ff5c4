"""What the document says before its first call: the way, who may call, what has to stay, the limits."""

DESCRIPTION = """\
The journey of the pages for another front end: the same processes are asked, with the same grants and the
same limits. `step` says what is next.

**The way.** `POST /sessions` with the code that the unlock program shows → `GET /session?since=…&wait=20`
until a card was read → `GET /session/holder` → the holder compares the three words → `POST
/session/code-requests` → `GET /session/code` → `POST /session/code-entries` → `POST /session/passcodes`,
sealed → follow the session until `step` is `DONE`. A CHANGE goes from the card to the passcodes. Where the
card is not as the holder thought: `POST /session/reasons`. Where `pin_at_agent` is true, ask for no passcode
and send none: the unlock program asks. Where a call is refused with `QUESTIONS_UNANSWERED`, a deployment asks
security questions: `GET /session/questions` → `POST /session/question-answers`. Where a refusal says
`can_ask_colleagues`, two colleagues may vouch instead of a mailed code: the holder compares the three words →
`POST /session/colleague-requests` → `GET /session/colleagues` → `POST /session/colleague-words`.

**Who calls.** A front end that people can trust with their passcode: it sees what they type, as the pages
do. Nothing of a passcode reaches this service but sealed bytes. The session token is the only credential;
it is not a cookie, so no browser sends it by itself. Websites of other origins are refused unless the
operator lists them; servers and programs send no `Origin`. Wrong workstation
codes are counted by the address a call comes from: holders of a front end that calls from its own server
share one budget, unless the operator runs a `web` of its own for it that counts it among the trusted hops.

**What has to stay as it is.** The three words are shown and confirmed by the holder before a code is asked
for, mailed or read out, and before a passcode is sent; success is shown only at `DONE`; a passcode, a code or
a token is in no address, log or store.

**Limits.** A body has at most 16 KiB; each call answers within 5 seconds, and a long poll within its wait
of at most 20 more. A session ends 45 minutes after its start. At most 3 codes and 3 wrong entries a
session, 60 seconds between codes, 6 mails a day and address; 3 wrong entries in 24 hours or 9 in a year
lock the card to its Registration Authority. A busy service answers 503 with `Retry-After`.

**“No”** is always `application/problem+json` (RFC 9457): a stable `code`, plain words to show, whom to ask,
and a `reference` to quote. Fields may be added to answers; a field that this document does not name is
refused in requests.
"""
