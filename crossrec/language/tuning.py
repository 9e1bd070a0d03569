"""Training an encoder on clicks: a moment's prompt is drawn to the text of what was clicked in it.

The loss is a softmax over the clicks of a batch (van den Oord et al. 2018): a prompt has to find its own item among
the items clicked in the same scenario by others. No correction for how often an item is clicked is made (Yi et al.
2019), on purpose: without it the best answer is the ratio of an item's clicks in this moment to its clicks in any, in
which what the logging policy liked to show cancels. Popularity is known to agents from elsewhere.

Every draw is a function of the seed and the step, so a training that was stopped goes on as if it had not been.

References:
    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.
    Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ModelError
from crossrec.random import keys

from .clicks import Clicks, Figures, measure
from .lora import with_adapter
from .models import check_folder
from .sentence import SentenceEncoder, longest, pool

METHODS = ("full", "lora")
LEARNING_RATES = {"full": 5e-5, "lora": 5e-4}

_HEAD_RATE = 1e-3  # learning rate of the topic head, which begins at noise
_WARM_UP = 0.1  # share of the steps over which the learning rate rises
_CLIP = 1.0  # largest norm of the gradient
_POINTS = 4  # how often validation clicks are measured; the best weights of these points are kept
_KEEP = 50  # steps between two notes of where training stands
_ORDER, _STEP, _BEGIN = 41, 42, 43  # tags of keys
_TOKENIZER = ("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "chat_template", "sentencepiece")


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        method: One of METHODS.
        steps: Gradient steps.
        batch: Clicks per step.
        topic_weight: Weight of the loss of a linear head that names the clicked item's topic from the prompt's vector.
        learning_rate: At its highest.
        temperature: Of the softmax over cosines.
        topics: How many topics there are.
        seed: Of the order, the dropout and whatever begins at noise.
    """

    method: str
    steps: int
    batch: int
    topic_weight: float
    learning_rate: float
    temperature: float
    topics: int
    seed: int


def tune(
    encoder: SentenceEncoder,
    training: Clicks,
    validation: Clicks,
    recipe: Recipe,
    work: Path,
    on_step: Callable[[int, float], None] | None = None,
) -> list[Figures]:
    """Train an encoder in place and write its model folder, ``work/model``.

    Args:
        encoder: Of the folder to begin with, which is only read.
        training: To learn from; at least ``recipe.batch`` clicks.
        validation: To choose the best point of the training by.
        recipe: How.
        work: Folder for what is to survive an interruption; a second call with the same arguments goes on from there.
        on_step: Called after each step with the number of steps done and the step's loss.

    Returns:
        Figures of the validation clicks, see :class:`Measured <crossrec.language.clicks.Measured>`, at a few points of
        the training, with the number of the ``step`` and the mean ``loss`` since the point before. The folder has the
        weights of the point with the highest ``mrr``, the first of equals; being chosen by it, that figure flatters.

    Raises:
        ModelError: If the model cannot be loaded, does not suit the method, or peft is needed and not installed.
    """
    import torch

    tokenizer, model = encoder.load()
    # Whatever is drawn in here leaves torch's generators as they were.
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(_seed(recipe.seed, _BEGIN))
        adapted = with_adapter(model, encoder.folder) if recipe.method == "lora" else None
        trainer = _Trainer(encoder, tokenizer, model, recipe)
        points = {round(recipe.steps * (k + 1) / _POINTS) for k in range(_POINTS)} - {0}
        state = _read(work / "state.pt")
        if state is None:
            state = {"step": 0, "losses": [], "figures": [], "best": {}}
        else:
            trainer.load(state["trainer"])
        while state["step"] < recipe.steps:
            state["losses"].append(trainer.step(training, state["step"]))
            state["step"] += 1
            if on_step is not None:
                on_step(state["step"], state["losses"][-1])
            if state["step"] in points:
                found = {
                    "step": state["step"],
                    "loss": float(np.mean(state["losses"])),
                    **measure(encoder, validation).figures,
                }
                if found["mrr"] > max((point["mrr"] for point in state["figures"]), default=-1.0):
                    state["best"] = trainer.weights()
                state["figures"].append(found)
                state["losses"] = []
            if state["step"] in points or state["step"] % _KEEP == 0:
                _write(work / "state.pt", {**state, "trainer": trainer.state()})
        trainer.put(state["best"])
        _save(model if adapted is None else adapted.merge_and_unload(), encoder.folder, work / "model")
    figures: list[Figures] = state["figures"]
    return figures


def click_loss(prompts: Any, items: Any, item: Any, group: Any, temperature: float) -> Any:
    """Mean cross-entropy of finding each prompt's own item among the clicked items of its group.

    Args:
        prompts: (n, d) unit vectors.
        items: (n, d) unit vectors of the clicked items.
        item: (n,) ids of the items: one that was clicked twice is no wrong answer to itself.
        group: (n,).
        temperature: Cosines are divided by it.
    """
    import torch

    wrong = (item[:, None] != item) & (group[:, None] == group)
    logits = (prompts @ items.T / temperature).masked_fill(
        ~(wrong | torch.eye(len(item), dtype=torch.bool, device=item.device)), float("-inf")
    )
    return torch.nn.functional.cross_entropy(logits, torch.arange(len(item), device=item.device))


class _Trainer:
    """An encoder, its topic head and their optimiser."""

    def __init__(self, encoder: SentenceEncoder, tokenizer: Any, model: Any, recipe: Recipe) -> None:
        import torch

        self.tokenizer, self.model, self.recipe = tokenizer, model, recipe
        self.head: Any = torch.nn.Linear(encoder.dimension, recipe.topics).to(model.device)
        self.pooling = encoder.pooling
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        groups = [
            {"params": list(self.trained.values()), "highest": recipe.learning_rate},
            {"params": list(self.head.parameters()), "highest": _HEAD_RATE},
        ]
        self.optimiser: Any = torch.optim.AdamW(groups, weight_decay=0.01)

    def step(self, clicks: Clicks, step: int) -> float:
        """One gradient step on the batch of that number; its loss."""
        import torch

        recipe, device = self.recipe, self.model.device
        torch.manual_seed(_seed(recipe.seed, _STEP, step))
        rows = _batch(clicks.group, recipe, step)
        self.model.train()
        prompts = self._vectors([clicks.prompts[i] for i in clicks.prompt[rows]])
        items = self._vectors([clicks.items[i] for i in clicks.item[rows]])
        item, group, topic = (
            torch.as_tensor(column[rows], device=device) for column in (clicks.item, clicks.group, clicks.topic)
        )
        loss = click_loss(prompts, items, item, group, recipe.temperature)
        if recipe.topic_weight > 0.0:
            # At the softmax's scale: the entries of unit vectors are too small to tell topics apart soon.
            named = self.head(prompts / recipe.temperature)
            loss = loss + recipe.topic_weight * torch.nn.functional.cross_entropy(named, topic)
        if not torch.isfinite(loss):
            raise ModelError(f"the loss of step {step + 1} is not finite; set a smaller learning rate.")
        loss.backward()
        self.model.eval()
        torch.nn.utils.clip_grad_norm_([*self.trained.values(), *self.head.parameters()], _CLIP)
        warm = max(1, round(_WARM_UP * recipe.steps))
        for group_ in self.optimiser.param_groups:
            group_["lr"] = group_["highest"] * min(
                (step + 1) / warm, (recipe.steps - step) / max(1, recipe.steps - warm)
            )
        self.optimiser.step()
        self.optimiser.zero_grad()
        return float(loss.detach())

    def _vectors(self, texts: list[str]) -> Any:
        """(n, d) unit vectors with gradients; equal texts share one computation."""
        import torch

        place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        most = longest(self.model)
        found = self.tokenizer([text or " " for text in place], truncation=True, max_length=most)["input_ids"]
        tokens = [torch.tensor(ids or [self.tokenizer.pad_token_id]) for ids in found]
        ids = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True, padding_value=self.tokenizer.pad_token_id)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in tokens], batch_first=True)
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        unit = torch.nn.functional.normalize(pool(states, mask, self.pooling), dim=1)
        return unit[[place[text] for text in texts]]

    def weights(self) -> dict[str, Any]:
        """A copy of the trained weights."""
        return {name: weight.detach().cpu().clone() for name, weight in self.trained.items()}

    def put(self, weights: dict[str, Any]) -> None:
        """Set the trained weights."""
        import torch

        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(weights[name])

    def state(self) -> dict[str, Any]:
        """Everything that a step changes."""
        return {"weights": self.weights(), "head": self.head.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.put(state["weights"])
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])


def _batch(group: NDArray[np.int64], recipe: Recipe, step: int) -> NDArray[np.intp]:
    """Rows of a step's batch, nearly all of one group: a new cut through all clicks each time that they are used up."""
    n = len(group)
    batches = n // recipe.batch
    round_, k = divmod(step, batches)
    order = np.argsort(keys(recipe.seed, _ORDER, round_, np.arange(n)))
    order = order[np.argsort(group[order], kind="stable")]
    # A few clicks are left over; which ones is left to chance.
    order = np.roll(order, _seed(recipe.seed, _ORDER, round_) % n)[: batches * recipe.batch]
    place = np.argsort(keys(recipe.seed, _ORDER, round_, n + np.arange(batches)))[k]
    rows: NDArray[np.intp] = order.reshape(batches, recipe.batch)[place]
    return rows


def _seed(*parts: int) -> int:
    return int(keys(*parts)[0] >> np.uint64(1))


def _read(file: Path) -> dict[str, Any] | None:
    """What :func:`_write` wrote, or None."""
    import torch

    if not file.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # of unpickling, zip files, ...
        raise ModelError(f"{file} is damaged; delete it to begin the training anew.") from error
    return state


def _write(file: Path, state: dict[str, Any]) -> None:
    import torch

    temporary = file.with_suffix(".new")
    torch.save(state, temporary)
    os.replace(temporary, file)


def _save(model: Any, base: Path, folder: Path) -> None:
    """A model folder with the base's tokenizer files as they are."""
    from transformers.utils import logging

    shutil.rmtree(folder, ignore_errors=True)
    bars: Any = logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model.save_pretrained(folder)
    finally:
        if shown:
            bars.enable_progress_bar()
    for file in base.iterdir():
        if file.is_file() and file.name.startswith(_TOKENIZER):
            shutil.copyfile(file, folder / file.name)
    # Weights come readable by their writer alone.
    for weights in folder.glob("*.safetensors"):
        shutil.copymode(folder / "config.json", weights)
    check_folder(folder, "encoder")
