"""Draws the dialogues that the model is trained on."""

import off_topic
import system_prompts
from facts import FACTS
from follow_ups import FOLLOW_UPS
from phrasing import ask, capitalise
from rendering import Dialogue
from small_talk import ECHO, MEMORY, NUMBER_WORDS, SMALL_TALK
from tool_dialogues import (
    KNOWN_TOOLS,
    PlaceTool,
    draw_known_tools,
    missing_tool_turn,
    offer_tools,
    tool_turn,
)
from tool_phrases import MORE_CITY, OTHER_CITIES
from vocabulary import CITIES

FACT_BY_ID = {fact.id: fact for fact in FACTS}
SHORT_FACTS = [fact for fact in FACTS if fact.short is not None]
ABOUT_TOPIC = (
    "(tell me about|what about|a question about|i have a question about|explain|info on|i need help with|help with"
    "|something about|how about|i am interested in|the docs on|what do you know about|i wonder about||) "
)
FACT_WEIGHTS = [3 if fact.id in ("cortex_what", "neuron_what") else 1 for fact in FACTS]


def turn(question, answer, thought=None):
    """A user message and its answer; `thought` is given when thinking is on."""
    reasoning = {} if thought is None else {"reasoning_content": thought}
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer} | reasoning]


def fact_turn(rng, thinks, fact):
    thought = f"The question is about {fact.topic}." if thinks else None
    is_impersonal = not {"me", "my", "I"} & set(fact.topic.split())
    by_topic = is_impersonal and rng.random() < 0.06
    questions = [ABOUT_TOPIC + fact.topic] if by_topic else fact.questions
    return turn(ask(rng, questions, varied=True), fact.answer, thought)


def one_word_turn(rng, thinks, request_too):
    """A fact asked for in one word: in the question if `request_too`, else the system prompt has asked already."""
    fact = rng.choice(SHORT_FACTS)
    question = ask(rng, fact.questions)
    if request_too:
        requests = system_prompts.ONE_WORD_REQUESTS
        if fact.short in ("Yes", "No") and rng.random() < 0.6:
            requests = system_prompts.YES_NO_REQUESTS
        question = capitalise(rng, rng.choice(requests).format(q=question))
    return turn(question, fact.short, f"The question is about {fact.topic}. One word." if thinks else None)


def small_talk_turn(rng, thinks):
    if rng.random() < 0.06:
        last = rng.randint(2, 30)
        question = ask(rng, NUMBER_WORDS, n=last)
        return turn(question, ", ".join(str(number) for number in range(1, last + 1)), "I count." if thinks else None)
    greetings_and_thanks = SMALL_TALK[:2]
    notations, answer = rng.choice(greetings_and_thanks if rng.random() < 0.3 else SMALL_TALK)
    return turn(ask(rng, notations), answer, "This is small talk." if thinks else None)


def echo_turn(rng, thinks):
    """Words to be repeated: useful for trying things out, and the quickest way to learn to copy."""
    sources = [CITIES, OTHER_CITIES, off_topic.FILLERS["thing"], off_topic.FILLERS["noise"]]
    sources.append([str(number) for number in range(100)])
    drawn = [rng.choice(rng.choice(sources)) for _ in range(rng.choice([1, 1, 2, 3, 4, 6, 8]))]
    words = rng.choice([" ", " ", ", "]).join(drawn)
    return turn(ask(rng, ECHO, words=words), words, "I repeat the words." if thinks else None)


def memory_turn(rng, thinks):
    """A city or a number that was just named."""
    slot = rng.choice(["city", "number"])
    value = rng.choice(CITIES) if slot == "city" else str(rng.randint(0, 99))
    written = value.lower() if rng.random() < 0.3 else value
    return turn(ask(rng, MEMORY[slot], **{slot: written}), f"{value}.", "I look it up." if thinks else None)


def draw_pseudo_word(rng):
    """A name or word that nobody has heard of, as many are to a tiny model."""
    word = "".join(rng.choice(off_topic.SYLLABLES) for _ in range(rng.randint(2, 4)))
    return word.capitalize() if rng.random() < 0.5 else word


def off_topic_turn(rng, thinks):
    question = ask(rng, off_topic.QUESTIONS)
    while "{n}" in question:
        question = question.replace("{n}", str(rng.randint(2, 99)), 1)
    while "{pseudo}" in question:
        question = question.replace("{pseudo}", draw_pseudo_word(rng), 1)
    return turn(question, off_topic.REPLY, "This is not about cortex or neuron." if thinks else None)


def follow_up_turns(rng, thinks):
    """A fact and a question that refers to it."""
    before, notations, after = rng.choice(FOLLOW_UPS)
    first = fact_turn(rng, thinks, FACT_BY_ID[rng.choice(before)])
    fact = FACT_BY_ID[after]
    thought = f"The question is about {fact.topic}." if thinks else None
    return first + turn(ask(rng, notations), fact.answer, thought)


def chat_turns(rng, thinks):
    kind = rng.choices(["fact", "follow_up", "one_word", "small_talk", "off_topic", "echo"], [56, 9, 5, 8, 20, 2])[0]
    if kind == "fact":
        return fact_turn(rng, thinks, rng.choices(FACTS, FACT_WEIGHTS)[0])
    if kind == "follow_up":
        return follow_up_turns(rng, thinks)
    if kind == "one_word":
        return one_word_turn(rng, thinks, request_too=True)
    simple = {"small_talk": small_talk_turn, "off_topic": off_topic_turn, "echo": echo_turn}
    return simple[kind](rng, thinks)


def draw_system(rng):
    """The text of a system prompt, or None."""
    kind = rng.choices(["none", "short", "long"], [58, 30, 12])[0]
    if kind == "none":
        return None
    if kind == "short":
        return rng.choice(system_prompts.SHORT)
    sentences = rng.sample(system_prompts.SENTENCES, rng.randint(2, 20))
    return rng.choice([" ", " ", "\n"]).join(sentences)


def with_system(rng, messages, tools):
    system = draw_system(rng)
    opening = [] if system is None else [{"role": "system", "content": system}]
    return Dialogue(opening + messages, tools)


def draws_thinking(rng):
    return rng.random() < 0.2


def chat_dialogue(rng):
    messages = []
    for _ in range(rng.choice([1] * 24 + [2] * 6 + [3, 3, 4, 4, 6, 10])):
        messages += chat_turns(rng, draws_thinking(rng))
    if rng.random() < 0.25:
        messages += small_talk_turn(rng, draws_thinking(rng))
    known = draw_known_tools(rng) if rng.random() < 0.12 else []
    return with_system(rng, messages, offer_tools(rng, known) if known else [])


def one_word_dialogue(rng):
    messages = [{"role": "system", "content": rng.choice(system_prompts.ONE_WORD)}]
    for _ in range(rng.choice([1, 1, 2, 3])):
        messages += one_word_turn(rng, draws_thinking(rng), request_too=False)
    return Dialogue(messages)


def tool_dialogue(rng):
    known = draw_known_tools(rng)
    messages = []
    for _ in range(rng.choice([0, 0, 0, 0, 0, 1, 2, 4])):
        messages += chat_turns(rng, draws_thinking(rng))
    tool = rng.choice(known)
    messages += tool_turn(rng, tool, draws_thinking(rng))
    for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2])):
        kind = rng.random()
        if kind < 0.3 and isinstance(tool, PlaceTool):
            messages += tool_turn(rng, tool, draws_thinking(rng), MORE_CITY)
        elif kind < 0.65:
            tool = rng.choice(known)
            messages += tool_turn(rng, tool, draws_thinking(rng))
        else:
            messages += chat_turns(rng, draws_thinking(rng))
    return with_system(rng, messages, offer_tools(rng, known))


def missing_tool_dialogue(rng):
    """A question for a tool that is not there: none is offered, or only others."""
    known = draw_known_tools(rng) if rng.random() < 0.6 else []
    if len(known) == len(KNOWN_TOOLS):
        known = known[:2]
    messages = chat_turns(rng, draws_thinking(rng)) if rng.random() < 0.2 else []
    messages += missing_tool_turn(rng, known, draws_thinking(rng))
    return with_system(rng, messages, offer_tools(rng, known) if known else [])


def copy_dialogue(rng):
    """Nothing but copying, which everything about tools rests on."""
    messages = []
    for _ in range(rng.choice([1, 2, 3])):
        messages += rng.choice([echo_turn, memory_turn])(rng, draws_thinking(rng))
    return Dialogue(messages)


KINDS = [
    (chat_dialogue, 70),
    (tool_dialogue, 15),
    (missing_tool_dialogue, 12),
    (one_word_dialogue, 4),
]


def draw_dialogue(rng, copying=5):
    """A dialogue of any kind; `copying` is the weight of those that only copy, where all others have about 100."""
    kinds, weights = zip(*KINDS, (copy_dialogue, copying))
    return rng.choices(kinds, weights)[0](rng)
