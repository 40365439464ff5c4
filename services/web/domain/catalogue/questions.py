"""Security questions, where a deployment asks them: why a registration or an answer did not do."""

from services.web.domain.entry import Entry, ask_ra, report

ENTRIES: tuple[Entry, ...] = (
    report(
        "ANSWERS_TOO_OFTEN",
        "Your answers were sent too often",
        "We keep one person’s answers once at a time, and ten times in a row: so nobody holds others up.",
        "Wait a minute. Then send your answers again, once.",
    ),
    ask_ra(
        "NOT_REGISTERED",
        "You have not registered security questions",
        "Here a smartcard is unlocked by the answers to 4 security questions and a code by email. You have"
        " not chosen questions yet, and you can do so only while your smartcard works.",
        "Contact your Registration Authority (smartcard team). They can unlock your smartcard for you. Then"
        " register in My profile.",
    ),
    ask_ra(
        "ANSWERS_LOCKED",
        "Your security questions were answered wrongly too many times",
        "After 3 failed attempts in a row, this smartcard cannot be unlocked here any more.",
        "Contact your Registration Authority (smartcard team). They can let you try again, or unlock your"
        " smartcard for you.",
    ),
    report(
        "QUESTIONS_UNANSWERED",
        "Your security questions come first",
        "Here the 4 security questions that you registered are answered before a code is emailed.",
        "Answer them, then go on.",
    ),
    report(
        "ANSWERS_WRONG",
        "At least one answer is not the one you registered",
        "We compare all 4 answers together, and do not say which of them is different. Capital letters,"
        " spaces and punctuation do not matter.",
        "Answer all 4 questions again. After 3 failed attempts only your Registration Authority can help.",
    ),
    report(
        "ANSWERS_INCOMPLETE",
        "Answer all 4 questions",
        "At least one answer is empty. This did not count as a failed attempt.",
        "Answer all 4 questions.",
    ),
    report(
        "QUESTIONS_NOT_FOUR",
        "Choose 4 different questions",
        "A registration has exactly 4 questions out of 20, and each of them once.",
        "Choose a different question in each of the 4 places.",
    ),
    report(
        "ANSWERS_REFUSED",
        "At least one answer cannot be used",
        "An answer was missing, too short or too long.",
        "Look at the message beside each answer.",
    ),
    report(
        "ANSWERS_ALL_SAME",
        "All your answers are the same",
        "One word that answers all 4 questions is guessed as easily as one question.",
        "Give each question its own answer.",
    ),
    report(
        "ANSWER_MISSING",
        "Enter an answer",
        "Each of the 4 questions needs an answer.",
        "Enter the answer, or choose another question.",
    ),
    report(
        "ANSWER_TOO_SHORT",
        "The answer is too short",
        "An answer has at least 3 letters or digits. Spaces and punctuation do not count.",
        "Enter a longer answer, or choose another question.",
    ),
    report(
        "ANSWER_TOO_LONG",
        "The answer is too long",
        "An answer has 100 characters at most.",
        "Enter a shorter answer.",
    ),
    report(
        "REGISTRATION_OVER",
        "Your registration was not completed in time",
        "The answers that you chose wait 30 minutes for their code. That time is over, or your email address"
        " was changed since.",
        "Register again in My profile. What you registered before, if anything, still counts.",
    ),
    report(
        "QUESTIONS_OFF",
        "Security questions are not used here",
        "This service unlocks smartcards without security questions.",
        "Go on without them.",
    ),
)
