"""Finds what must not be learnt by heart: secrets (detect-secrets) and personal data (addresses, phones, cards)."""

import re
from functools import lru_cache
from typing import Any

# Detectors that judge by a keyword's neighbourhood, by entropy or by a few letters: they report the passwords of
# documentation, digests and invented names, and would bury what the others find.
_LEFT_OUT = {
    "ArtifactoryDetector",
    "Base64HighEntropyString",
    "HexHighEntropyString",
    "IPPublicDetector",
    "KeywordDetector",
}
# No pattern of the others matches a text without one of these; most texts have none.
_MAY_HOLD_SECRET = re.compile(r"[\w/+=.-]{18}|://|PRIVATE KEY|xox|-us\d|hooks\.")
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}(?![\w-])")
_PHONE = re.compile(r"(?<![\w+.-])(?:\+\d[\d ().-]{6,18}\d|\(\d{3}\) ?\d{3}-\d{4}|\d{3}([ .-])\d{3}\1\d{4})(?![\w-])")
_CARD = re.compile(r"(?<![\w.-])\d{4}([ -]?)(?:\d{4}\1\d{4}\1\d{1,7}|\d{6}\1\d{5})(?![\w-])")
_CARD_PREFIX = re.compile(r"4|5[1-5]|2[2-7]|3[47]|35|6011|65")  # the networks' ranges
# Reserved for examples: RFC 2606 and 6761; 555-01xx of the North American plan; Ofcom's numbers for drama.
_RESERVED_HOST = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.IGNORECASE)
_RESERVED_PHONE = re.compile(r"\+1\d{3}55501\d\d|\+447700900\d{3}|\+442079460\d{3}|\+441632960\d{3}")
# Numbers that payment providers publish for tests.
_TEST_CARDS = frozenset((
    "4111111111111111", "4012888888881881", "4242424242424242", "4000056655665556", "5555555555554444",
    "5200828282828210", "5105105105105100", "2223003122003222", "378282246310005", "371449635398431",
    "6011111111111117", "6011000990139424", "3530111333300000", "3566002020360505",
))  # fmt: skip


def find_secrets(text: str) -> list[str]:
    """The kinds of the secrets in a text, such as `AWS Access Key`; never the secrets themselves."""
    if not _MAY_HOLD_SECRET.search(text):
        return []
    return [detector.secret_type for detector in _load_detectors() if next(detector.analyze_string(text), None)]


def find_personal(text: str) -> list[str]:
    """The kinds of the personal data in a text: e-mail addresses, phone and card numbers not reserved for examples."""
    found = []
    if "@" in text and any(map(_is_personal, _ADDRESS.findall(text))):
        found.append("e-mail address")
    if any(map(_is_phone, (match[0] for match in _PHONE.finditer(text)))):
        found.append("phone number")
    if any(map(_is_card, (match[0] for match in _CARD.finditer(text)))):
        found.append("card number")
    return found


def _is_personal(address: str) -> bool:
    name, _, host = address.rpartition("@")
    return name != "git" and not _RESERVED_HOST.search(host)  # git@host is how repositories are named


def _is_phone(text: str) -> bool:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return False
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return bool(phonenumbers.is_valid_number(number)) and not _RESERVED_PHONE.fullmatch(written)


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    if not _CARD_PREFIX.match(digits) or digits in _TEST_CARDS:
        return False
    # Luhn's check digit (ISO/IEC 7812-1): every second digit from the right is doubled, and its digits are added.
    values = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in values) % 10 == 0


@lru_cache(maxsize=1)
def _load_detectors() -> list[Any]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kinds: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    return [kind() for kind in sorted(kinds, key=lambda kind: kind.__name__) if kind.__name__ not in _LEFT_OUT]
