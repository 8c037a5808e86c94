"""Secrets and personal data are found, what is reserved for examples is not, and neither are names and numbers."""

import pytest

from datagen.sensitive import find_personal, find_secrets

# Put together here, so that no scanner takes this file for a leak.
SECRETS = [
    ("AWS Access Key", "use AKIA" + "Q3EGRTU5NVX7PWMZ to log in"),
    ("GitHub Token", "token: ghp_" + "a1B2" * 9),
    ("Private Key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    ("JSON Web Token", "Bearer eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0.abcDEF123-_x"),
    ("Basic Auth Credentials", "bolt://neo4j:" + "hunter22@db.internal:7687"),
    ("Slack Token", "xoxb-" + "123456789012-abcdefghij"),
    ("Stripe Access Key", "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1L2"),
]


@pytest.mark.parametrize(("kind", "text"), SECRETS)
def test_a_secret_is_found_by_its_kind_and_never_repeated(kind, text):
    assert kind in find_secrets(f"please {text}, thanks")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("e-mail address", "write to ann.lee+x@mail.acme-corp.de today"),
        ("e-mail address", "<bob@acme.io>"),
        ("phone number", "call +49 30 901820 now"),
        ("phone number", "call (212) 736-5000"),
        ("phone number", "212-736-5000"),
        ("phone number", "+442071838750."),
        ("card number", "4539 1488 0343 6467"),
        ("card number", "paid with 4539148803436467"),
        ("card number", "3714-496353-98456"),
    ],
)
def test_personal_data_is_found_by_its_kind(kind, text):
    assert find_personal(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com, bob@mail.example.org, c@shop.test, d@x.invalid, root@localhost",
        "git clone git@github.com:owner/name.git",
        "(202) 555-0143, +1 202-555-0100, +44 7700 900123, +44 20 7946 0958",
        "4111 1111 1111 1111 and 5555-5555-5555-4444 and 378282246310005",
        "MATCH (n) WHERE n.at > 1700000000000 AND n.id = 4539148803436468 RETURN n.a.b",
        "2024-01-15T10:20:30.123456Z, 1.2.3.4, 192.168.100.200, 2001-555-1234-99",
        "3.141592653589793 and 9007199254740993 and 1234567890123456",
        "(:Person)-[:LIVES_IN]->(:City) @param 100-200-300",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "https://neo4j.com/docs/cypher-manual/current/ and NORNICDB_HEIMDALL_MAX_CONTEXT_TOKENS=8192",
        "set password: secret, api_key = 'your-key-here'",
    ],
)
def test_examples_names_and_numbers_are_neither(text):
    assert (find_secrets(text), find_personal(text)) == ([], [])
