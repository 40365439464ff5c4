"""Mobile numbers as people write them, in the one form that is kept: E.164, by libphonenumber."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from services.identity.ports import NoNumber

HOME = "GB"
"""Where a number without a country code is from."""

LONGEST = 40
"""Characters as typed; E.164 has 15 digits at most."""

NOBODYS = range(7700900000, 7700901000)
"""UK numbers that nobody ever gets, for drama: demonstrations and tests use no person's. Source: Ofcom."""

_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


class LibphonenumberNumbers:
    """Keeps the contract of `ports.Numbers`."""

    def canonical(self, text: str) -> str:
        """Return the number in E.164, such as `+447700900123`. Raises NoNumber."""
        if len(text) > LONGEST:
            raise NoNumber
        try:
            number = phonenumbers.parse(text, HOME)
        except NumberParseException as error:
            raise NoNumber from error
        if number.extension or not (_is_mobile(number) or _is_nobodys(number)):
            raise NoNumber
        return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _is_mobile(number: PhoneNumber) -> bool:
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in _MOBILE


def _is_nobodys(number: PhoneNumber) -> bool:
    return number.country_code == 44 and number.national_number in NOBODYS
