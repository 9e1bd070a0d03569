"""A scenario's file says what it means, and each mistake in it is one sentence with file, line and field."""

import dataclasses
import os
import re
from pathlib import Path

import pytest
import yaml

from crossrec.errors import ConfigError
from crossrec.world.scenario import SCENARIOS, Scenario
from crossrec.world.scenario_file import load_scenario, scenario_from

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "podcasts.yaml"
GOOD = """\
name: podcasts
facet: length
base: -3.9
rho: 0.6
dwell: 600
dwell_spread: 0.6
conversion: 0.1
patience: 1.1
dayparts: {morning: 3, midday: 1, evening: 2, night: 1}
devices: [6, 1, 1, 0]
"""
PODCASTS = Scenario("podcasts", "length", -3.9, 0.6, 600.0, 0.6, 0.1, 1.1, (3.0, 1.0, 2.0, 1.0), (6.0, 1.0, 1.0, 0.0))


@pytest.fixture
def write(tmp_path):
    """Write a file and give its path."""

    def write_file(content, name="podcasts.yaml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def refused(path):
    """The sentence with which a file is refused, without the folder."""
    with pytest.raises(ConfigError) as raised:
        load_scenario(path)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert len(sentence) < 400 + 2 * len(str(path))
    return sentence.replace(f"{Path(path).parent}{os.sep}", "")


def changed(field, value):
    """The good file with another value for a field, or without the field, or with a further field."""
    line = "" if value is None else f"{field}: {value}\n"
    text, found = re.subn(rf"^{field}:.*\n", line.replace("\\", r"\\"), GOOD, flags=re.M)
    return text if found else GOOD + line


def test_a_file_is_read_as_the_scenario_that_it_describes(write):
    path = write(GOOD)
    assert load_scenario(path) == load_scenario(str(path)) == PODCASTS
    assert hash(load_scenario(path)) == hash(PODCASTS)


def test_the_example_states_every_field():
    stated = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert set(stated) == {field.name for field in dataclasses.fields(Scenario)}
    assert load_scenario(EXAMPLE).phrase == "listening to podcasts"


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_shipped_scenario_survives_its_way_through_a_file(scenario, write):
    fields = dataclasses.asdict(scenario)
    assert scenario_from(fields, "scenarios") == scenario
    assert load_scenario(write(yaml.safe_dump({**fields, "dayparts": list(fields["dayparts"])}))) == scenario


def test_weights_by_name_may_leave_some_out_and_come_in_any_order(write):
    scenario = load_scenario(write(changed("dayparts", "{night: 2, morning: 1}")))
    assert scenario.dayparts == (1.0, 0.0, 0.0, 2.0)


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("dwell", "1e3", 1000.0),  # text in plain YAML 1.1
        ("dwell", "6.0e+2", 600.0),
        ("base", "-4", -4.0),
        ("query", "yes", True),
        ("phrase", "'listening: podcasts # 1'", "listening: podcasts # 1"),
        ("phrase", "在听播客", "在听播客"),
        ("phrase", "2026-01-01", "2026-01-01"),  # a date in plain YAML 1.1
        ("name", "true_crime-2", "true_crime-2"),
        ("name", "播客", "播客"),
        ("facet", "''", ""),
    ],
)
def test_values_mean_what_they_look_like(field, written, meant, write):
    value = getattr(load_scenario(write(changed(field, written))), field)
    assert value == meant
    assert type(value) is type(meant)


def test_a_file_may_begin_with_a_byte_order_mark_and_end_lines_as_on_windows(write):
    assert load_scenario(write(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())) == PODCASTS


def test_aliases_and_explicit_document_marks_do(write):
    text = changed("dayparts", "&even [1, 1, 1, 1]").replace("devices: [6, 1, 1, 0]", "devices: *even")
    assert load_scenario(write(f"---\n{text}...\n")).devices == (1.0, 1.0, 1.0, 1.0)


MISTAKES = [  # field, what is written, what the sentence says
    ("dwell", "long", r"line 5: dwell='long' must be a number from 0\.001 to 1e\+06\.$"),
    ("dwell", "'600'", "line 5: dwell='600' must be a number"),
    ("dwell", "", "line 5: dwell=nothing must be a number"),
    ("dwell", "[600]", r"line 5: dwell=\[600\] must be a number"),
    ("dwell", "{median: 600}", r"line 5: dwell=\{'median': 600\} must be a number"),
    ("dwell", "yes", "line 5: dwell=True must be a number"),
    ("dwell", "-1", r"line 5: dwell=-1 is out of range; allowed: from 0\.001 to 1e\+06\.$"),
    ("dwell", "0", "line 5: dwell=0 is out of range"),
    ("dwell", ".nan", "line 5: dwell=nan is out of range"),
    ("dwell", ".inf", "line 5: dwell=inf is out of range"),
    ("base", "-.inf", "line 3: base=-inf is out of range; allowed: from -20 to 20"),
    ("base", "1" * 400, "line 3: base=1+\\.\\.\\. is out of range"),
    ("rho", "1.5", "line 4: rho=1.5 is out of range; allowed: from -1 to 1"),
    ("dwell_spread", "-0.1", "line 6: dwell_spread=-0.1 is out of range"),
    ("conversion", "0", "line 7: conversion=0 is out of range; allowed: from 1e-06 to 0.999999"),
    ("conversion", "1", "line 7: conversion=1 is out of range"),
    ("conversion", "10%", "line 7: conversion='10%' must be a number"),
    ("patience", "0", "line 8: patience=0 is out of range"),
    ("examination", "1.01", "line 11: examination=1.01 is out of range; allowed: from 0 to 1"),
    ("follow_up", "false", "line 11: follow_up=False must be a number from -20 to 20"),
    ("query", "1", "line 11: query=1 must be true or false"),
    ("query", "maybe", "line 11: query='maybe' must be true or false"),
    ("phrase", "[listening]", r"line 11: phrase=\['listening'\] must be text"),
    ("phrase", '"two\\nlines"', r"line 11: phrase='two\\nlines' must be words on one line"),
    ("phrase", "7", "line 11: phrase=7 must be text, in quotes"),
    ("facet", "lenght", r"line 2: facet='lenght' is unknown; did you mean 'length'\? allowed: .*price, or '' for none"),
    ("facet", "", "line 2: facet=nothing is unknown; allowed: age, length, price"),
    ("facet", "[price, age]", r"line 2: facet=\['price', 'age'\] is unknown"),
    ("name", "no", "line 1: name=False must be text, in quotes"),
    ("name", "2026", "line 1: name=2026 must be text, in quotes"),
    ("name", "''", "line 1: name='' must be a word such as 'podcasts'"),
    ("name", "my/podcasts", "line 1: name='my/podcasts' must be a word"),
    ("name", "podcasts.yaml", "line 1: name='podcasts.yaml' must be a word"),
    (
        "name",
        "'a,b'",
        "line 1: name='a,b' must be a word such as 'podcasts'; allowed: letters, digits, inside also _ -",
    ),
    ("dayparts", "3", r"line 9: dayparts=3 must be 4 weights \(morning, midday, evening, night\)"),
    ("dayparts", "[1, 2, 3]", r"line 9: dayparts=\[1, 2, 3\] must be 4 weights"),
    ("dayparts", "[0, 0, 0, 0]", "line 9: dayparts=.* must be 4 weights .*, not all of them 0"),
    ("dayparts", "{}", "line 9: dayparts=.* not all of them 0"),
    ("dayparts", "[1, -1, 0, 0]", "line 9: dayparts: midday=-1 is out of range; allowed: from 0"),
    ("dayparts", "[1, .inf, 0, 0]", "line 9: dayparts: midday=inf is out of range"),
    ("dayparts", "[1, 1, .nan, 0]", "line 9: dayparts: evening=nan is out of range"),
    ("dayparts", "[1, 1, 1, often]", "line 9: dayparts: night='often' must be a number"),
    ("dayparts", "[1, 1, 1, true]", "line 9: dayparts: night=True must be a number"),
    ("dayparts", "{evenin: 1}", r"line 9: 'evenin' is none of the dayparts; did you mean 'evening'\? allowed: .*night"),
    ("dayparts", "{night: often}", "line 9: dayparts: night='often' must be a number"),
    ("dayparts", "{night: }", "line 9: dayparts: night=nothing must be a number"),
    ("dayparts", "{night: {late: 1}}", "line 9: dayparts: night={'late': 1} must be a number"),
    ("dayparts", "{night: 1, night: 2}", "line 9: night stands a second time"),
    (
        "devices",
        "{phone: 1, telly: 1}",
        "line 10: 'telly' is none of the devices; .*allowed: desktop, phone, tablet, tv",
    ),
    ("devices", "{morning: 1}", "line 10: 'morning' is none of the devices"),
    ("devices", "{1: 1}", "line 10: 1 is none of the devices"),
    ("dwel", "600", r"line 11: 'dwel' is no field of a scenario; did you mean 'dwell'\? allowed: .*phrase"),
    ("Name", "podcasts", r"line 11: 'Name' is no field of a scenario; did you mean 'name'"),
    ("7", "600", "line 11: 7 is no field of a scenario"),
    ("[a, b]", "600", r"line 11: \['a', 'b'\] is no field of a scenario"),
    ("<<", "{rho: 0.5}", "line 11: '<<' is no field of a scenario"),
    ("dwell", "!!int ten", "line 5: YAML cannot read this as a value of the kind int"),
    ("query", "!!bool maybe", "line 11: YAML cannot read this as a value of the kind bool"),
    ("dwell", "!!python/object/apply:os.getcwd []", "line 5: not YAML .*tag"),
    ("dwell", "6" * 5000, "line 5: YAML cannot read this as a value of the kind int"),
    ("phrase", "x" * 5000 + "\x07", "line 11: not YAML"),
    ("name", "/" * 5000, "line 1: name='/+...+' must be a word"),
    ("dwell", "*missing", "line 5: not YAML .*undefined alias"),
    ("dwell", "&a [*a]", r"line 5: (not YAML|dwell=.* must be a number)"),
]


@pytest.mark.parametrize(("field", "written", "sentence"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_refused_naming_file_line_and_field(field, written, sentence, write):
    assert re.search(f"^podcasts.yaml, {sentence}", refused(write(changed(field, written))))


def test_weights_over_several_lines_are_refused_at_their_own_line(write):
    text = changed("dayparts", None).replace("devices: [", "dayparts:\n  morning: 3\n  evening: -2\ndevices: [")
    assert refused(write(text)).startswith("podcasts.yaml, line 11: dayparts: evening=-2 is out of range")


def test_missing_fields_are_all_named(write):
    assert refused(write(changed("rho", None))).startswith("podcasts.yaml: the field rho is missing")
    text = "name: podcasts\nfacet: age\nrho: 1\nbase: -4\ndevices: [1, 1, 1, 1]\n"
    assert refused(write(text)).startswith(
        "podcasts.yaml: the fields dwell, dwell_spread, conversion, patience, dayparts are missing"
    )
    assert "name, facet, base" in refused(write("{}"))


def test_a_field_that_stands_twice_is_refused_even_with_the_same_value(write):
    assert refused(write(GOOD + "rho: 0.6\n")).startswith("podcasts.yaml, line 11: rho stands a second time")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "null\n", "~"])
def test_an_empty_file_is_refused(text, write):
    assert refused(write(text)).startswith("podcasts.yaml is empty; a scenario's file has a field on each line")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- name: podcasts\n", "line 1: found a list; a scenario's file has a field on each line"),
        ("\nname\n", "line 2: found 'name'"),
        ("name: podcasts\nbase: -3.9: 4\n", r"line 2: not YAML \(mapping values are not allowed here\)"),
        ("name: podcasts\nbase: [1\nrho: 2\n", "line 3: not YAML"),
        ("name: podcasts\n\tbase: 1\n", "line 2: not YAML"),
        ("name: podcasts\nbase: 1\x00\n", "line 2: not YAML"),
        ("name: 'podcasts\n", "line 2: not YAML"),
        (GOOD + "---\n" + GOOD, "line 12: a second document begins; each scenario needs a file of its own"),
        (b"name: podcasts\nphrase: caf\xe9\n", "line 2: not UTF-8 text; save the file in UTF-8"),
        (GOOD.encode("utf-16"), "line 1: not UTF-8 text"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_that_holds_no_single_mapping_is_refused_with_the_line(text, sentence, write):
    assert re.search(f"^podcasts.yaml, {sentence}", refused(write(text)))


def test_a_bomb_of_aliases_or_nesting_is_refused_quickly(write):
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 12)]
    assert "line 11: 'l0' is no field" in refused(write(GOOD + "l0: &l0 [lol]\n" + "".join(levels)))
    assert "too deeply" in refused(write("name: " + "[" * 20_000))
    assert "too deeply" in refused(write(GOOD.replace("dwell: 600", f"dwell: {'[' * 900}{']' * 900}")))


def test_a_file_that_is_far_too_large_is_refused(write):
    assert "larger than a scenario's file may be" in refused(write(GOOD + "# much\n" * 200_000))


def test_what_is_no_readable_file_is_refused(write, tmp_path):
    path = write(GOOD)
    near = refused(tmp_path / "podcast.yaml")
    assert near == f"'podcast.yaml' does not exist in {tmp_path}; did you mean 'podcasts.yaml'?"
    assert "does not exist in" in refused(tmp_path / "nowhere" / "podcasts.yaml")
    assert "Is a directory" in refused(tmp_path)
    assert "Not a directory" in refused(path / "podcasts.yaml")
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "cannot be read" in refused(loop)
    assert "cannot be read" in refused(f"{tmp_path}/a\0b.yaml")
    for nothing in (None, 3, b"podcasts.yaml", ["podcasts.yaml"]):
        with pytest.raises(ConfigError, match="takes the path of a YAML file; found"):
            load_scenario(nothing)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(write):
    path = write(GOOD)
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_a_mapping_is_refused_naming_option_and_field():
    fields = yaml.safe_load(GOOD)
    assert scenario_from(fields, "scenarios") == PODCASTS
    for change, sentence in [
        ({"dwell": "long"}, "^env.scenarios, scenario 'podcasts': dwell='long' must be a number"),
        ({"dwel": 3}, r"^env.scenarios, scenario 'podcasts': 'dwel' is no field .*did you mean 'dwell'"),
        ({"devices": {"tvs": 3}}, "'tvs' is none of the devices; did you mean 'tv'"),
        ({"name": 3}, "^env.scenarios: name=3 must be text"),
        ({3: 3}, "3 is no field of a scenario"),
    ]:
        with pytest.raises(ConfigError, match=sentence):
            scenario_from({**fields, **change}, "env.scenarios")
    with pytest.raises(ConfigError, match=r"^env\.scenarios: the fields name, facet, .* are missing"):
        scenario_from({}, "env.scenarios")
