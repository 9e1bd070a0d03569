"""Contexts per second on a GPU, by precision and batch size, and by vLLM where it is installed."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from crossrec.config import ContextConfig, EnvConfig, PromptConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.language.build import make_generator
from crossrec.language.models import locate
from crossrec.language.moment import moments
from crossrec.language.prompt import Prompt, PromptWriter

PROMPTS = 2_048
_SETTINGS = [(dtype, batch) for dtype in ("float32", "bfloat16") for batch in (64, 256, 1_024)]


def make_prompts(n: int) -> list[Prompt]:
    """Distinct prompts of the default world."""
    env = CrossScenarioVectorEnv(4 * n, EnvConfig())
    env.reset(seed=0)
    writer = PromptWriter(PromptConfig())
    written = dict.fromkeys(writer.write(moment) for moment in moments(env.world, env.core.simulator.seen))
    return list(written)[:n]


def rate(generate: Callable[[list[Prompt]], object], prompts: list[Prompt]) -> float:
    """Contexts per second, after one small batch that loads and compiles what there is to."""
    generate(prompts[:8])
    began = time.perf_counter()
    generate(prompts)
    return len(prompts) / (time.perf_counter() - began)


def vllm_generate() -> Callable[[list[Prompt]], object]:
    """The same conversations and decoding through vLLM's offline engine."""
    from vllm import LLM, SamplingParams  # not among the extras: it pins its own torch

    model: Any = LLM(str(locate("generator")), dtype="bfloat16", enable_prefix_caching=True)
    writer, sampling = PromptWriter(PromptConfig()), SamplingParams(temperature=0.0, max_tokens=10, stop=["\n"])
    return lambda prompts: model.chat([writer.chat(prompt.text) for prompt in prompts], sampling, use_tqdm=False)


def main() -> None:
    """Print the table, or why there is none."""
    import torch

    console = Console(width=max(Console().width, 100))
    if not torch.cuda.is_available():
        console.print("no GPU here: contexts per second on a GPU are not measured")
        return
    prompts = make_prompts(PROMPTS)
    title = f"contexts per second on {torch.cuda.get_device_name()}, {len(prompts):,} distinct prompts"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("generator", "precision", "batch", "contexts per second"):
        table.add_column(heading, justify="left" if heading == "generator" else "right")
    for dtype, batch in _SETTINGS:
        generator = make_generator(ContextConfig(name="llm", device="cuda", dtype=dtype, batch_size=batch))
        table.add_row("transformers", dtype, f"{batch:,}", f"{rate(generator.generate, prompts):,.0f}")
    if find_spec("vllm"):
        table.add_row("vLLM", "bfloat16", "", f"{rate(vllm_generate(), prompts):,.0f}")
    console.print(table)
    if not find_spec("vllm"):
        console.print("vLLM is not installed, so it is not measured")


if __name__ == "__main__":
    main()
