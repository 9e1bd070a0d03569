"""Greedy decoding of a batch behind a shared prefix."""

from __future__ import annotations

from typing import Any

from .kv import Prefix, predict, spread


def decode(
    model: Any, prefix: Prefix, tokens: list[list[int]], limit: int, stops: frozenset[int], repeatable: list[int]
) -> list[list[int]]:
    """The likeliest answer to each row, token by token; only repeatable ones come twice in an answer.

    Args:
        model: A causal LM.
        prefix: What stands before every row, in its cache.
        tokens: What each row adds; shorter rows are padded on the left, behind the prefix.
        limit: Most tokens of an answer.
        stops: Tokens that end an answer and are no part of it.
        repeatable: Tokens that may come again.
    """
    import torch

    device = model.device
    n, width, start = len(tokens), max(map(len, tokens)), prefix.length
    ids = torch.zeros((n, width), dtype=torch.long)
    mask = torch.zeros((n, start + width), dtype=torch.long)
    mask[:, :start] = 1
    for row, suffix in enumerate(tokens):
        ids[row, width - len(suffix) :] = torch.tensor(suffix)
        mask[row, -len(suffix) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    places = (mask.cumsum(1) - 1)[:, start:].clamp(min=0)
    again = torch.tensor(repeatable, dtype=torch.long, device=device)
    answers: list[list[int]] = [[] for _ in tokens]
    with torch.inference_mode():
        cache = spread(prefix, n, width + limit)
        rows = list(range(n))
        open_rows = set(rows)
        used = torch.zeros((n, 0), dtype=torch.long, device=device)
        for _ in range(limit):
            # Where nothing may be padded nothing is masked: some models take a mask for one of the new tokens only.
            masked = {"attention_mask": mask} if prefix.padded else {}
            chosen = _best(predict(model, cache, ids, position_ids=places, **masked), used, again)
            for row, value in zip(rows, chosen.tolist(), strict=True):
                if value in stops:
                    open_rows.discard(row)
                elif row in open_rows:
                    answers[row].append(value)
            if not open_rows:
                break
            used = torch.cat([used, chosen[:, None]], 1)
            mask = torch.cat([mask, mask.new_ones((len(rows), 1))], 1)
            places = places[:, -1:] + 1
            ids = chosen[:, None]
            # Dropping finished rows copies the cache, which pays once they are many.
            if 2 * len(open_rows) <= len(rows):
                kept = [k for k, row in enumerate(rows) if row in open_rows]
                index = torch.tensor(kept, device=device)
                cache.reorder_cache(index)
                used, mask, places, ids = used[index], mask[index], places[index], ids[index]
                rows = [rows[k] for k in kept]
    return answers


def _best(logits: Any, used: Any, again: Any) -> Any:
    """The likeliest token of each row among those not yet in its answer and those that may come again."""
    allowed = logits[:, again]
    logits = logits.scatter(1, used, float("-inf"))
    logits[:, again] = allowed
    return logits.argmax(-1)
