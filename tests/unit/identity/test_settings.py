import pytest

from deploy.local.keys import Keys
from services.identity.__main__ import compose
from services.identity.settings import DatabaseSettings, IdentitySettings
from services.identity.use_cases import Parts
from services.runtime.database import Database
from services.runtime.settings import load

URL = "sqlite+aiosqlite:///:memory:"


@pytest.fixture
def environment(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        **keys.tls("identity"),
        "IDENTITY_DATABASE_URL": URL,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "GRANT_SIGNING_KEY_FILE": str(keys.signing("identity")),
        "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


async def test_the_parts_fit_together(environment: None) -> None:
    database = Database(URL)

    parts = compose(load(IdentitySettings), database)
    await database.close()

    assert isinstance(parts, Parts)


@pytest.mark.parametrize(("value", "asked"), [("", False), ("off", False), ("required", True)])
async def test_R41_questions_are_asked_only_where_the_setting_says_so(
    environment: None, monkeypatch: pytest.MonkeyPatch, value: str, asked: bool
) -> None:
    if value:
        monkeypatch.setenv("SECURITY_QUESTIONS", value)
    database = Database(URL)
    parts = compose(load(IdentitySettings), database)
    await database.close()

    assert parts.questions is asked


def test_R41_another_word_for_it_is_refused(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURITY_QUESTIONS", "optional")
    with pytest.raises(SystemExit):
        load(IdentitySettings)


async def test_a_key_of_another_kind_is_refused(
    environment: None, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRANT_SIGNING_KEY_FILE", str(keys.otp_code))
    database = Database(URL)

    with pytest.raises(ValueError):
        compose(load(IdentitySettings), database)
    await database.close()


def test_every_missing_variable_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IDENTITY_DATABASE_URL", URL)
    with pytest.raises(SystemExit) as ended:
        load(IdentitySettings)

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert all(name in told for name in ("TLS_KEY_FILE", "GRANT_SIGNING_KEY_FILE", "KAFKA_BOOTSTRAP_SERVERS"))


def test_an_import_needs_a_database_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_DATABASE_URL", URL)

    read = load(DatabaseSettings)

    assert read.IDENTITY_DATABASE_URL not in repr(read)
