from services.runtime.words import _words, matching_words


def test_words_belong_to_one_session_and_one_key() -> None:
    ours = matching_words("session", b"k" * 32)

    assert len(ours) == 3
    assert ours == matching_words("session", b"k" * 32)
    assert ours != matching_words("session", b"K" * 32)
    assert ours != matching_words("another", b"k" * 32)


def test_the_list_has_1024_different_words() -> None:
    words = _words()

    assert len(set(words)) == 1024
    assert all(word.isalpha() and word.islower() and 1 < len(word) < 14 for word in words)
