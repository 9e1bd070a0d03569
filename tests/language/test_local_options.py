"""Device, precision, attention and quantisation of local models: what is chosen, and what is refused in words."""

import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import torch

from crossrec.config import PromptConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.language import quantise
from crossrec.language.causal import TransformersGenerator
from crossrec.language.prompt import PromptWriter
from crossrec.language.sentence import SentenceEncoder
from crossrec.language.torch_tools import pick_device

from .conftest import fetched, make_prompts
from .tiny import write_model

PLAIN = PromptWriter(PromptConfig(system="", examples=[]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "llama")


# Devices


def machine(monkeypatch, **counts):
    """As if this machine had so many devices of each kind."""
    for kind in ("cuda", "mps", "xpu"):
        monkeypatch.setattr(getattr(torch, kind), "device_count", partial(counts.get, kind, 0))


@pytest.mark.parametrize(
    ("counts", "best"), [({"cuda": 2, "mps": 1}, "cuda"), ({"mps": 1}, "mps"), ({}, "cpu"), ({"xpu": 1}, "cpu")]
)
def test_auto_is_cuda_else_mps_else_the_cpu(monkeypatch, counts, best):
    machine(monkeypatch, **counts)
    assert pick_device("auto") == best
    assert pick_device("cpu") == "cpu"


def test_devices_by_name(monkeypatch):
    machine(monkeypatch, cuda=2, xpu=1)
    assert [pick_device(name) for name in ("cuda", "cuda:1", "xpu")] == ["cuda", "cuda:1", "xpu"]
    for name, words in {
        "cuda:2": "the last of its kind is cuda:1",
        "mps": "set context.device=auto or cpu",
        "meta": "is not available here",
        "gpu": "is unknown; allowed: auto, cpu, cuda",
        "": "is unknown",
    }.items():
        with pytest.raises(ModelError, match=words) as caught:
            pick_device(name)
        assert f"context.device={name!r}" in str(caught.value)


@pytest.mark.parametrize("make", [TransformersGenerator, SentenceEncoder])
def test_an_absent_device_is_not_taken_for_a_damaged_folder(folder, make):
    model = make(folder, device="cuda:7")
    with pytest.raises(ModelError, match=r"context\.device='cuda:7' is not available here") as caught:
        model.generate(make_prompts(1)) if make is TransformersGenerator else model.encode(["text"])
    assert "cannot be loaded" not in str(caught.value)


# Precision and attention


@pytest.mark.parametrize("attention", ["flash_attention_2", "sdpaa"])
def test_an_attention_that_is_not_there_is_named(folder, attention):
    with pytest.raises(ModelError, match=rf"context\.attention={attention} cannot be used.*(Flash|sdpaa)") as caught:
        TransformersGenerator(folder, attention=attention).generate(make_prompts(1))
    assert "\n" not in str(caught.value)


def test_the_implementation_of_attention_does_not_change_texts(folder):
    prompts = make_prompts(6)
    eager = TransformersGenerator(folder, PLAIN, attention="eager")
    assert eager.generate(prompts) == TransformersGenerator(folder, PLAIN).generate(prompts)
    assert eager._load().model.config._attn_implementation == "eager"


def test_auto_is_the_dtype_that_the_weights_were_saved_in(tmp_path):
    from transformers import AutoModelForCausalLM

    path = write_model(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16)
    model.save_pretrained(path)
    for dtype, found in {"auto": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}.items():
        loaded = TransformersGenerator(path, PLAIN, dtype=dtype)._load()
        assert {weights.dtype for weights in loaded.model.parameters()} == {found}


def test_weights_that_are_missing_are_not_made_up(tmp_path):
    from safetensors.numpy import load_file, save_file

    path = write_model(tmp_path / "model")
    weights = load_file(path / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(
        {name: np.ascontiguousarray(w) for name, w in weights.items()}, path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ModelError, match=r"lacks 1 of its weights, such as model\.layers\.1\.mlp\.up_proj\.weight"):
        TransformersGenerator(path).generate(make_prompts(1))


# Quantisation


def test_dynamic_quantisation_writes_with_int8_and_warns_of_nothing(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = TransformersGenerator(folder, PLAIN, quantisation="dynamic")
        assert all(found.text for found in generator.generate(make_prompts(5)))
    kinds = [type(part) for part in generator._load().model.modules()]
    assert torch.nn.Linear not in kinds
    assert kinds.count(torch.ao.nn.quantized.dynamic.Linear) == 3 * 7 + 1
    assert generator.identity != TransformersGenerator(folder, PLAIN).identity


def test_nothing_is_printed_while_loading_and_writing(folder):
    code = (
        "import sys\nfrom crossrec.language.causal import TransformersGenerator\n"
        "from crossrec.language.prompt import Prompt\nfrom crossrec.language.sentence import SentenceEncoder\n"
        "generator = TransformersGenerator(sys.argv[1], quantisation='dynamic')\n"
        "texts = [found.text for found in generator.generate([Prompt('Likes chess.', 'chess')] * 3)]\n"
        "SentenceEncoder(sys.argv[1]).encode(texts)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_dynamic_quantisation_is_the_cpus(folder, monkeypatch):
    machine(monkeypatch, cuda=1)
    assert TransformersGenerator(folder, PLAIN, quantisation="dynamic")._load().model.device.type == "cpu"
    for wrong in ("cuda", "mps"):
        words = rf"on the CPU only, not on context\.device={wrong}; set context\.device=cpu"
        with pytest.raises(ConfigError, match=words):
            TransformersGenerator(folder, quantisation="dynamic", device=wrong)
    with pytest.raises(ConfigError, match=r"not context\.dtype=bfloat16; set context\.dtype=float32"):
        TransformersGenerator(folder, quantisation="dynamic", dtype="bfloat16")


def test_a_machine_that_cannot_quantise_says_so(folder, monkeypatch):
    class Engine:
        engine = "none"

    monkeypatch.setattr(torch.backends, "quantized", Engine)
    with pytest.raises(ModelError, match="quantisation=dynamic is not possible"):
        TransformersGenerator(folder, PLAIN, quantisation="dynamic").generate(make_prompts(1))


@pytest.mark.parametrize("quantisation", ["int8", "int4"])
def test_an_absent_package_is_named_with_the_command_that_installs_it(folder, monkeypatch, quantisation):
    monkeypatch.setattr(quantise, "find_spec", lambda name: None)
    with pytest.raises(
        ModelError, match=rf'context\.quantisation={quantisation} .*pip install "crossrec\[quantised\]"'
    ):
        TransformersGenerator(folder, quantisation=quantisation)


def test_bitsandbytes_is_asked_for_the_bits_that_the_option_names():
    eight = quantise.packed("int8", torch.float32)["quantization_config"]
    four = quantise.packed("int4", torch.bfloat16)["quantization_config"]
    assert (eight.load_in_8bit, eight.load_in_4bit) == (True, False)
    assert (four.load_in_8bit, four.load_in_4bit) == (False, True)
    assert (four.bnb_4bit_quant_type, four.bnb_4bit_compute_dtype) == ("nf4", torch.bfloat16)
    assert quantise.packed("none", torch.float32) == quantise.packed("dynamic", torch.float32) == {}


@pytest.mark.model
def test_bitsandbytes_writes_where_it_is_installed():
    pytest.importorskip("bitsandbytes")
    for quantisation, kind in {"int8": "Linear8bitLt", "int4": "Linear4bit"}.items():
        generator = TransformersGenerator(fetched("generator"), quantisation=quantisation, max_new_tokens=3)
        assert all(found.text and not found.problem for found in generator.generate(make_prompts(2)))
        assert kind in {type(part).__name__ for part in generator._load().model.modules()}


@pytest.mark.parametrize(
    ("option", "value"), [("dtype", "float8"), ("quantisation", "int2"), ("batch_size", 0), ("max_new_tokens", 0)]
)
def test_other_values_are_refused_by_name(folder, option, value):
    with pytest.raises(ConfigError, match=rf"context\.{option}={value!r}"):
        TransformersGenerator(folder, **{option: value})
