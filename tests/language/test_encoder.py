import subprocess
import sys

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.language.encoder import HashingEncoder

TEXTS = ["Fast trail shoes for runners", "A gentle run on a trail", "Rustic pasta sauces", "Der schnellste Läufer"]


def test_vectors_are_unit_float32_in_order():
    vectors = HashingEncoder(64).encode(TEXTS)
    assert vectors.shape == (4, 64)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(HashingEncoder(64).encode(TEXTS[::-1]), vectors[::-1])


def test_shared_words_and_stems_bring_texts_together():
    vectors = HashingEncoder().encode(TEXTS)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > 0.4
    assert abs(cosine[0, 2]) < 0.2


def test_stop_words_do_not_count():
    encoder = HashingEncoder()
    np.testing.assert_allclose(*encoder.encode(["the trail and you", "Trail!"]), atol=1e-7)
    assert not encoder.encode(["it is the", ""]).any()


def test_equal_in_another_process_with_another_hash_seed():
    code = (
        "import sys; from crossrec.language.encoder import HashingEncoder;"
        f"sys.stdout.buffer.write(HashingEncoder(32).encode({TEXTS!r}).tobytes())"
    )
    output = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True)
    assert output.stdout == HashingEncoder(32).encode(TEXTS).tobytes()


def test_many_words_outgrow_the_table():
    words = [f"word{i}" for i in range(3000)]
    encoder = HashingEncoder(16)
    whole = encoder.encode(words)
    np.testing.assert_array_equal(whole[2999:], HashingEncoder(16).encode(words[2999:]))


def test_no_texts_and_a_bad_dimension():
    assert HashingEncoder(5).encode([]).shape == (0, 5)
    with pytest.raises(ConfigError, match="dimension=0"):
        HashingEncoder(0)
