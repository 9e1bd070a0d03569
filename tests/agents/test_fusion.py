import numpy as np
import pytest
import torch
from toy import WIDTH, Toy

from crossrec.agents.fusion.items import item_table
from crossrec.agents.fusion.modules import MODULES
from crossrec.agents.fusion.network import FusionNetwork, FusionSizes
from crossrec.agents.masks import MASKED
from crossrec.config import FUSIONS
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError

every_fusion = pytest.mark.parametrize("fusion", MODULES)


def lived(n=6, **options):
    """An environment and its observation after a few steps, as tensors."""
    env = Toy(n, **options)
    env.reset(seed=3)
    for _ in range(4):
        obs, *_ = env.step(np.zeros(n, int))
    return env, {key: torch.as_tensor(value) for key, value in obs.items()}


def network(env, **sizes):
    torch.manual_seed(0)
    net = FusionNetwork(env.single_observation_space, FusionSizes(**sizes))
    if not env.raw:
        net.set_items(env.table)
    for parameter in net.parameters():  # away from the start, where much is zero
        parameter.data += 0.05 * torch.randn_like(parameter)
    return net


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@every_fusion
def test_a_permutation_of_candidates_permutes_scores(fusion):
    env, obs = lived()
    net, order = network(env, fusion=fusion), torch.randperm(12)
    shuffled = obs | {"candidates": obs["candidates"][:, order], "mask": obs["mask"][:, order]}
    close(net(shuffled), net(obs)[:, order])


@every_fusion
def test_any_number_of_candidates_gets_the_same_scores(fusion):
    env, obs = lived(padding=0.0)
    net = network(env, fusion=fusion)
    close(net(obs | {key: obs[key][:, :4] for key in ("candidates", "mask")}), net(obs)[:, :4])
    twice = {key: torch.cat((obs[key], obs[key]), dim=1) for key in ("candidates", "mask")}
    close(net(obs | twice)[:, 12:], net(obs))


@every_fusion
@pytest.mark.parametrize("raw", [0, 96])
@pytest.mark.parametrize("actions", [[[0], [3], [11], [5], [5], [1]], [[0, 7], [3, 3], [1, 0], [5, 2], [5, 6], [1, 9]]])
def test_chosen_candidates_score_as_among_all(fusion, raw, actions):
    env, obs = lived(padding=0.0, raw=raw)
    net, actions = network(env, fusion=fusion), torch.tensor(actions)
    close(net(obs, actions), net(obs).gather(1, actions))


def test_masked_candidates_score_the_same_finite_number_and_an_empty_row_opens_the_first():
    env, obs = lived()
    mask = torch.zeros(6, 12, dtype=torch.int8)
    mask[0, 5] = 1
    scores = network(env)(obs | {"mask": mask})
    assert (scores == MASKED).sum() == 6 * 11
    assert scores.argmax(1).tolist() == [5, 0, 0, 0, 0, 0]


@every_fusion
@pytest.mark.parametrize("context", [True, False])
def test_rows_do_not_touch_each_other(fusion, context):
    env, obs = lived(context=context)
    net = network(env, fusion=fusion)
    alone = torch.cat([net({key: value[i : i + 1] for key, value in obs.items()}) for i in range(6)])
    close(net(obs), alone)


@every_fusion
def test_floats_from_stable_baselines_read_like_ids(fusion):
    env, obs = lived()
    net = network(env, fusion=fusion)
    close(net({key: value.float() for key, value in obs.items()}), net(obs))


@every_fusion
def test_the_start_is_cosine_with_the_context(fusion):
    env, obs = lived(padding=0.0)
    net = FusionNetwork(env.single_observation_space, FusionSizes(fusion=fusion))
    net.set_items(env.table)
    cosine = torch.einsum("bcd,bd->bc", net.items.candidates(obs)[0], obs["context"])
    assert (net(obs) - cosine).abs().max() < 0.05


@every_fusion
def test_padding_in_the_history_says_nothing(fusion):
    env, obs = lived()
    net = network(env, fusion=fusion)
    empty = {"history_scenario": torch.zeros(6, 5), "history": torch.zeros(6, 5)}
    noise = obs | empty | {"history_feedback": torch.rand(6, 15)}
    close(net(noise), net(noise | {"history_feedback": torch.zeros(6, 15)}))


@every_fusion
def test_another_catalogue_needs_only_its_table(fusion):
    env, obs = lived()
    net = network(env, fusion=fusion)
    moved = np.concatenate([env.table[:1], np.ones((50, WIDTH + 1), np.float32), env.table[1:]])
    before = net(obs)
    net.set_items(moved)
    shift = {key: torch.where(obs[key] > 0, obs[key] + 50, 0) for key in ("candidates", "history")}
    close(net(obs | shift), before)


@every_fusion
def test_no_parameter_depends_on_the_number_of_items_candidates_or_slots(fusion):
    small, large = Toy(2), Toy(2, items=500, candidates=30, history=9)
    networks = [FusionNetwork(env.single_observation_space, FusionSizes(fusion=fusion)) for env in (small, large)]
    assert [p.shape for p in networks[0].parameters()] == [p.shape for p in networks[1].parameters()]


def test_mistakes_are_named():
    env, obs = lived()
    net = FusionNetwork(env.single_observation_space)
    with pytest.raises(ConfigError, match="set_items"):
        net(obs)
    with pytest.raises(ConfigError, match="allowed"):
        net.set_items(env.table[:, :5])
    with pytest.raises(ConfigError, match="context"):
        FusionNetwork(env.single_observation_space, FusionSizes(item_width=32))
    with pytest.raises(ConfigError, match="takes no item table"):
        FusionNetwork(Toy(2, raw=96).single_observation_space).set_items(env.table)


def test_item_table_by_hand():
    table = item_table(np.array([[9.0, 9.0], [3.0, 4.0], [0.0, 2.0]]), np.array([5.0, 1.0, 100.0]))
    np.testing.assert_allclose(table, [[0, 0, 0], [0.6, 0.8, -1], [0, 1, 1]], atol=1e-6)
    with pytest.raises(ConfigError, match="do not fit"):
        item_table(np.ones((3, 2)), np.ones(2))
    with pytest.raises(ConfigError, match="finite"):
        item_table(np.full((3, 2), np.nan), np.ones(3))


def test_raw_projection_may_start_from_principal_components():
    env = Toy(2, raw=96)
    net, draws = FusionNetwork(env.single_observation_space), np.random.default_rng(0)
    components, mean = draws.normal(size=(96, WIDTH)), draws.normal(size=96)
    net.items.set_projection(components, mean)
    found = net.items.project(torch.as_tensor(env.vectors[:5])).detach().numpy()
    np.testing.assert_allclose(found, (env.vectors[:5] - mean) @ components, atol=1e-3)


@every_fusion
def test_the_age_of_a_candidate_counts_where_it_is_observed(fusion):
    env = CrossScenarioVectorEnv(5, scenarios=["news"], n_candidates=8, behaviour={"ageing": 1.0})
    observation, _ = env.reset(seed=0)
    net = FusionNetwork(env.single_observation_space, FusionSizes(item_width=WIDTH, fusion=fusion))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(env.world.catalogue.n_items + 1, WIDTH)).astype(np.float32)
    net.set_items(item_table(vectors, env.world.catalogue.popularity))
    with torch.no_grad():
        plain = net.fuse.plain if hasattr(net.fuse, "plain") else net.fuse.direct
        plain.weight[0, -1] = -2.0  # the last feature of a candidate
    tensors = {key: torch.as_tensor(value) for key, value in observation.items()}
    older = {**tensors, "candidate_age": tensors["candidate_age"] + 0.25}
    rated, then = net(tensors), net(older)
    assert (then < rated).all()
    chosen = torch.tensor([[3], [0], [7], [1], [2]])
    torch.testing.assert_close(net(tensors, chosen), rated.gather(1, chosen))


def test_the_config_names_every_module():
    assert set(FUSIONS) == set(MODULES)


@every_fusion
def test_several_outputs_a_level_or_none_and_heads_of_their_own(fusion):
    env, obs = lived(padding=0.0)
    net = network(env, fusion=fusion, outputs=3, auxiliary=("click", "topic", "dwell"))
    reading, actions = net.read(obs), torch.tensor([[0], [3], [11], [5], [5], [1]])
    assert reading.scores.shape == (6, 12, 3)
    assert reading.further.shape == (6, 12, 2)
    assert net.topic(reading.state).shape == (6, WIDTH)
    close(net.read(obs, actions).further, reading.further.take_along_dim(actions[:, :, None], dim=1))
    flat = network(env, fusion=fusion, dueling=False)
    assert flat.level is None
    assert flat(obs).shape == (6, 12)


@every_fusion
def test_every_parameter_is_reached_by_the_gradient(fusion):
    env, obs = lived(padding=0.0)
    net = network(env, fusion=fusion)
    net(obs).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
