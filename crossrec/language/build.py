"""Generators, encoders, store and readers, built as a config says; models load when something has to be computed."""

from __future__ import annotations

from collections.abc import Callable

from crossrec.config import ContextConfig
from crossrec.paths import store_path
from crossrec.world.synthetic import World

from .context import BATCH, ContextSource
from .encoder import Encoder, HashingEncoder
from .generator import Generator, TemplateGenerator, VerbatimGenerator
from .projection import Projection
from .prompt import PromptWriter
from .reader import ContextReader, LanguageReader, OracleReader, ZeroReader
from .store import ContextStore


def text_of(context: ContextConfig) -> str:
    """Which kind of text a context is made from: one of WRITTEN; "template" where it is none."""
    if context.name == "shuffled":
        return context.shuffles
    return context.name if context.name in ("encode", "llm") else "template"


def uses_model(context: ContextConfig) -> bool:
    """Whether a language model writes the texts."""
    return context.name not in ("none", "zeros", "oracle") and text_of(context) == "llm"


def make_source(context: ContextConfig) -> ContextSource:
    """The source of texts that a config names.

    Raises:
        ModelError: If a model is not there or not whole.
        ConfigError: If an option or template is wrong.
    """
    batch = max(BATCH, context.batch_size, context.endpoint.concurrency)
    return ContextSource(make_generator(context), make_encoder(context), make_store(context), batch)


def make_generator(context: ContextConfig) -> Generator:
    """The generator that a config names; a model's folder is checked here, its weights load at the first prompt."""
    if uses_model(context):
        return GENERATOR_BUILDERS[context.generator](context)
    return VerbatimGenerator() if text_of(context) == "encode" else TemplateGenerator()


def _transformers(context: ContextConfig) -> Generator:
    from .causal import TransformersGenerator
    from .models import locate

    return TransformersGenerator(
        locate("generator", context.generator_folder, context.generator_revision),
        PromptWriter(context.prompt),
        max_new_tokens=context.max_new_tokens,
        batch_size=context.batch_size,
        dtype=context.dtype,
        device=context.device,
        attention=context.attention,
        quantisation=context.quantisation,
    )


def _openai(context: ContextConfig) -> Generator:
    from .endpoint import EndpointGenerator

    return EndpointGenerator(context.endpoint, PromptWriter(context.prompt), context.max_new_tokens)


GENERATOR_BUILDERS: dict[str, Callable[[ContextConfig], Generator]] = {
    "transformers": _transformers,
    "openai": _openai,
}


def make_encoder(context: ContextConfig) -> Encoder:
    """The encoder that a config names; its folder is checked here, its weights load at the first text."""
    if context.encoder == "hashing":
        return HashingEncoder()
    from .models import locate
    from .sentence import SentenceEncoder

    if context.encoder == "lm" and context.encoder_folder is None:
        folder = locate("generator", context.generator_folder, context.generator_revision)
    else:
        folder = locate("encoder", context.encoder_folder, context.encoder_revision)
    return SentenceEncoder(folder, device=context.device, pooling=context.pooling)


def make_store(context: ContextConfig) -> ContextStore | None:
    """The store that a config names; the hashing encoder is faster than any store."""
    if context.encoder == "hashing" and not uses_model(context):
        return None
    path = store_path() if context.store is None else context.store
    return ContextStore(path, max_entries=context.store_entries)


def make_reader(
    context: ContextConfig, world: World, source: ContextSource, projection: Projection
) -> ContextReader | None:
    """The reader that a config names, or None for no context."""
    if context.name == "none":
        return None
    if context.name == "zeros":
        return ZeroReader(context.dimension)
    if context.name == "oracle":
        return OracleReader(source, projection)
    return LanguageReader(world, source, projection, context, shuffled=context.name == "shuffled")
