import pytest

from crossrec.language.answer import MAX_CHARACTERS, Answer, answer, clean


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("jazz, hiking", "jazz, hiking"),
        ("\n \n jazz , hiking,\nAnd then", "jazz, hiking"),
        ("jazz, jazz, tea, jazz", "jazz, tea"),
        ("ja\x00zz\x1b[31m, t\u200bea", "ja zz [31m, t ea"),
        ("tea" * 1000, ("tea" * 1000)[:MAX_CHARACTERS]),
        ("x" * 10_000_000, "x" * MAX_CHARACTERS),
        ("爵士乐, 徒步", "爵士乐, 徒步"),
        ("<think>\nThis person\nlikes jazz.</think>\n\njazz, tea", "jazz, tea"),
        ("Keywords:\n- jazz, tea\n- rock", "jazz, tea"),
        ("1. jazz, tea", "jazz, tea"),
        ("running, cooking, part 6:", "running, cooking, part 6:"),
    ],
)
def test_an_answer_is_the_first_line_in_printable_characters_each_keyword_once(raw, text):
    assert clean(raw) == text
    assert answer(raw, "template") == Answer(text)


@pytest.mark.parametrize("raw", ["", " \n\t ", ",,, ,", "\x00\x01", "\u200b", "<think>and so on", "Keywords:"])
def test_nothing_is_counted_as_empty_and_replaced(raw):
    assert answer(raw, "template") == Answer("template", "empty")


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I cannot",
        "Sorry, no.",
        "I cannot name what a person wants.",
        "As an AI language model, I do not know.",
        "I am an AI assistant",
        "Unfortunately, I have no idea",
        "抱歉,我不能回答",
        "我无法回答这个问题",
        "Lo siento, no puedo",
        "No puedo ayudar con eso",
    ],
)
def test_refusals_are_counted_and_replaced(raw):
    assert answer(raw, "template") == Answer("template", "refusal")


@pytest.mark.parametrize("raw", ["icannotes, tea", "sorrynet, jazz", "assorted nuts", "ai art, drawing", "no, tea"])
def test_keywords_that_only_begin_alike_are_no_refusal(raw):
    assert not answer(raw, "template").problem
