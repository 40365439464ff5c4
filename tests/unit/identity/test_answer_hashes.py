"""The hashes of answers as a deployment makes them: argon2id, by RFC 9106."""

from services.identity.answer_hashes import Argon2Answers

ANSWERED = "FIRST_PET=biscuit\nFIRST_CAR=example 12"


async def test_R57_an_answer_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    hashes = Argon2Answers()
    one, other = await hashes.hash(ANSWERED), await hashes.hash(ANSWERED)

    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != other
    assert await hashes.matches(one, ANSWERED)
    assert not await hashes.matches(other, ANSWERED.upper())
