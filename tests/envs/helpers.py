"""Comparing what environments say, whatever the nesting, and taking one person out of a batch."""

import numpy as np

from crossrec.config import ContextConfig, PromptConfig
from crossrec.language.context import ContextSource
from crossrec.language.encoder import HashingEncoder
from crossrec.language.generator import TemplateGenerator
from crossrec.language.projection import Projection
from crossrec.language.reader import LanguageReader, OracleReader, ZeroReader

DIMENSION = 16


def same(one, other, where="") -> None:
    """Assert that two nested results are equal, array for array: values, shapes and types."""
    if isinstance(one, dict):
        assert set(one) == set(other), where
        for key in one:
            same(one[key], other[key], f"{where}.{key}")
        return
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape, where
    assert one.dtype == other.dtype, where
    if not (one == other).all():
        np.testing.assert_array_equal(one, other, err_msg=where)  # slower, and says where


def row(batch, i):
    """Person i's part of nested batched arrays."""
    return {key: row(value, i) for key, value in batch.items()} if isinstance(batch, dict) else batch[i]


def arrays(result):
    """Every array in a nested result."""
    if isinstance(result, dict):
        return [array for value in result.values() for array in arrays(value)]
    if isinstance(result, tuple | list):
        return [array for value in result for array in arrays(value)]
    return [result] if isinstance(result, np.ndarray) else []


def plain(infos):
    """Infos of a vector environment without what tells of ended lives."""
    return {key: value for key, value in infos.items() if "final" not in key}


def make_reader(world, kind="template", *, refresh="enter", **prompt):
    """A reader that needs no model: template, shuffled, oracle or zeros."""
    if kind == "zeros":
        return ZeroReader(DIMENSION)
    encoder = HashingEncoder(64)
    source = ContextSource(TemplateGenerator(), encoder, None)
    projection = Projection.fit(encoder.encode(world.catalogue.texts()), DIMENSION)
    if kind == "oracle":
        return OracleReader(source, projection)
    config = ContextConfig(refresh=refresh, refresh_steps=3, prompt=PromptConfig(**prompt))
    return LanguageReader(world, source, projection, config, shuffled=kind == "shuffled")
