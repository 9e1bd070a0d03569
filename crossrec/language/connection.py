"""The line to an OpenAI-compatible server: bounded in what it reads, careful with the key."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from crossrec.config import EndpointConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.options import from_options

MOST_BYTES = 1_000_000
"""Of a response that are read."""
_EXCERPT = 200
_OURS = ("model", "messages", "max_tokens", "temperature", "stream")  # fields of a request with options of their own


def check_endpoint(config: EndpointConfig) -> None:
    """Check every option of an endpoint, without connecting.

    Raises:
        ConfigError: Names the option, its value and what is allowed.
    """
    from_options(EndpointConfig, vars(config), "context.endpoint.")
    try:
        parts = urlsplit(config.url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        # What has an @ or a question mark may hold a secret.
        shown = "" if "@" in config.url or "?" in config.url else repr(config.url)
        raise ConfigError(f"context.endpoint.url={shown} is no address; allowed: http://host:port/v1 or https://...")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", config.key_variable):
        raise ConfigError(
            "context.endpoint.key_variable= holds what is no name; it is the name of an environment variable, not the "
            "key itself."
        )
    if parts.username is not None or parts.query:
        raise ConfigError(
            "context.endpoint.url= holds more than an address, perhaps a secret; put the key into the environment "
            f"variable {config.key_variable}."
        )
    if not config.model:
        raise ConfigError("context.endpoint.model is empty; set it to the name that the server knows the model by.")
    for name in _OURS:
        if name in config.extra:
            raise ConfigError(f"context.endpoint.extra holds {name!r}, which has another option; take it out there.")
    try:
        json.dumps(config.extra, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"context.endpoint.extra={config.extra!r} cannot be sent as JSON ({error}).") from error


def read_key(variable: str) -> str:
    """The key that an environment variable holds; empty if there is none.

    Raises:
        ModelError: If it cannot stand in a header.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"the environment variable {variable} holds characters that no key has; set it again.")
    return key


def open_client(config: EndpointConfig, key: str) -> Any:
    """A client without retries of its own, which reads a bounded part of any response, errors included."""
    import openai

    class Bounded(openai.DefaultAsyncHttpxClient):
        async def send(self, request: Any, **options: Any) -> Any:
            response: Any = await super().send(request, **{**options, "stream": True})
            body = bytearray()
            try:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        break
            finally:
                await response.aclose()
            # The body is decoded by now, so headers that describe its encoding would be wrong.
            headers = {k: v for k, v in response.headers.items() if k in ("content-type", "retry-after")}
            return type(response)(response.status_code, headers=headers, content=bytes(body), request=request)

    # Variables such as HTTP_PROXY are about the outside world, and few proxies would lead back to this machine.
    outside = not _is_loopback(config.url)
    # Loading certificates takes a while, and plain HTTP shows none.
    encrypted = urlsplit(config.url).scheme == "https"
    http = Bounded(follow_redirects=False, timeout=config.timeout, trust_env=outside, verify=encrypted)
    # The client insists on a key, and local servers on none.
    return openai.AsyncOpenAI(
        base_url=config.url, api_key=key or "none", max_retries=0, timeout=config.timeout, http_client=http
    )


def excerpt(text: str, key: str) -> str:
    """The beginning of what a server sent, on one line, without the key."""
    if key:
        for form in (key, json.dumps(key)[1:-1], quote(key, safe="")):
            text = text.replace(form, "[key]")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}..."


def asked_pause(headers: Mapping[str, str]) -> float:
    """Seconds that a ``Retry-After`` header asks to wait; 0 if there is none that can be read."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return seconds if seconds > 0.0 else 0.0


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
