"""Draws a question from its notation and makes it look like something a person typed."""

import json
import re
from functools import lru_cache
from pathlib import Path

from off_topic import FILLERS
from phrases import PHRASES

NAMED = PHRASES | {name: "(" + "|".join(words) + ")" for name, words in FILLERS.items()}

TOKEN = re.compile(r"\(|\)|\||\{[a-z]+\}|[^()|{}]+|\{|\}")


@lru_cache(maxsize=None)
def parse(notation):
    """A tree of the notation: a choice is a list of sequences, a sequence a tuple of strings and choices."""
    tokens = TOKEN.findall(notation)
    tree, rest = parse_choice(tokens)
    if rest:
        raise ValueError(f"unbalanced: {notation}")
    return tree


def parse_choice(tokens):
    sequences, sequence = [], []
    while tokens and tokens[0] != ")":
        head, tokens = tokens[0], tokens[1:]
        if head == "(":
            choice, tokens = parse_choice(tokens)
            if not tokens:
                raise ValueError("a bracket is not closed")
            sequence.append(choice)
            tokens = tokens[1:]
        elif head == "|":
            sequences.append(tuple(sequence))
            sequence = []
        elif head[0] == "{" and head[1:-1] in NAMED:
            sequence.append(parse(NAMED[head[1:-1]]))
        else:
            sequence.append(head)
    sequences.append(tuple(sequence))
    return sequences, tokens


def draw(rng, notation):
    return " ".join(draw_choice(rng, parse(notation)).split())


def draw_choice(rng, sequences):
    return "".join(part if isinstance(part, str) else draw_choice(rng, part) for part in rng.choice(sequences))


PREFIXES = (
    ["please ", "hey, ", "hi, ", "hello, ", "hi! ", "ok, ", "ok ", "so, ", "so ", "and ", "well, ", "um, ", "sorry, ", "quick question: "]
    + ["question: ", "i wonder, ", "i wonder ", "tell me, ", "can you tell me ", "could you tell me ", "do you know ", "i'd like to know "]
    + ["i want to know ", "one more thing: ", "another question: ", "just curious, ", "i am new here. ", "hello! ", "hey ", "hi ", "dear model, "]
    + ["please tell me: ", "now, ", "actually, ", "first, ", "by the way, ", "also, ", "may i ask, ", "let me ask: ", "help: ", "user: "]
    + ["i just installed this. ", "i just installed cortex. ", "i have two gpu hosts. ", "i run cortex and one neuron. "]
    + ["i am setting up a home lab. ", "we use this at work. ", "my boss asks: ", "a friend asks: ", "i have a gpu at home. "]
    + ["i read about this project. ", "everything runs now. ", "i am testing. ", "something is unclear: ", "i own a few machines. "]
    + ["we have several models. ", "the docs are long, so ", "great work! ", "as a beginner, ", "i have a problem. ", "for my notes: "]
    + ["i forgot, ", "remind me, ", "say, ", "listen, ", "good morning, ", "i read the docs, but ", "yo ", "ah, ", "then ", "but "]
)
SUFFIXES = (
    [" please", ", please", " thanks", ", thanks", " thank you", " exactly", " again", " here", " now", " then", " in short", " briefly"]
    + [" in one sentence", " i forgot", " for me", " today", ", can you tell me", ", i am new here", ", i am curious", " pls", " plz", " exactly, please"]
    + [", how", ", how do i do that", ", which command", ", what command is that", ", what do i do", ", is that possible", ", how does that work"]
    + [", what now", ", can you explain", ", what do you say", ", please help", " somehow", " right now", " in general", " by default", " usually"]
    + [" in simple words", " quickly", ", do you know", ", any idea", " i wonder", " actually", " at all", ", asking for a friend", ", i am lost"]
)
ENDINGS = ["?", "?", "?", "?", "?", "", "", "", ".", "!", "??", " ?", "...", "?!"]
MISSPELT_LENGTH = 5


def misspell(rng, text):
    """One typing error in one long word: two letters swapped, one lost, doubled or replaced."""
    words = [match for match in re.finditer(r"(?<!\{)\b[a-z]+\b(?!\})", text) if len(match.group()) >= MISSPELT_LENGTH]
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    here, after = text[at], text[at + 1]
    replacement = rng.choice([after + here, after, here + here + after, rng.choice("aeioustrnl") + after])
    return text[:at] + replacement + text[at + 2 :]


SYNONYMS = [
    set(group.split("/"))
    for group in """node/host/machine/server/box/computer
show/display/print/list
remove/delete/erase
start/launch/run/begin
stop/end/quit
folder/directory/path
config/configuration/settings
find/locate/look up
see/view/look at/check
explain/describe
make/create/set up
file/files
model/llm
get/obtain/receive
need/require
use/employ/work with
change/modify/set/adjust
big/large
quick/fast
attach/connect/hook up/link
protect/secure/guard
allow/permit
happens/occurs/is going on
command/subcommand
work/function
request/call/query
want/wish/would like
supported/possible/available
computer/pc/workstation
keep/hold/leave
free/release
store/save/keep
purpose/point/use/role
prompt/input
internet/web
error/failure
tell/say to
which/what
how can/how may/how could
memory/vram/ram
dies/crashes/breaks
down/offline/dead
licence/license""".split("\n")
]
SYNONYMS_OF = {word: sorted(group - {word}) for group in SYNONYMS for word in group}
SYNONYM = re.compile(r"\b(?<!\{)(" + "|".join(sorted(SYNONYMS_OF, key=len, reverse=True)) + r")\b(?![}.-])")
FILLERS_INSIDE = ["really", "just", "actually", "maybe", "exactly", "simply", "also", "even", "possibly", "now"]
SMALL_WORDS = re.compile(r"\b(do|does|i|the|is|to|of|my|me|a|an|are|can|it|for|in|on|please|there) ")


def vary(rng, text):
    """Other words for the same: a synonym, a filler, or a small word left out."""
    if rng.random() < 0.3:
        text = SYNONYM.sub(lambda match: choose_synonym(rng, match.group()), text)
    if rng.random() < 0.08:
        words = text.split(" ")
        words.insert(rng.randrange(len(words) + 1), rng.choice(FILLERS_INSIDE))
        text = " ".join(words)
    if rng.random() < 0.12:
        matches = list(SMALL_WORDS.finditer(text))
        if matches:
            match = rng.choice(matches)
            text = text[: match.start()] + text[match.end() :]
    return text


def choose_synonym(rng, word):
    return rng.choice(SYNONYMS_OF[word]) if rng.random() < 0.4 else word


def disguise(rng, text):
    """The same question with an opening, a closing, other punctuation, capitals or typing errors. {slots} stay."""
    if rng.random() < 0.25:
        text = rng.choice(PREFIXES) + text
    if rng.random() < 0.15:
        text = text.rstrip("?.! ") + rng.choice(SUFFIXES)
    for _ in range(rng.choice([0, 0, 0, 0, 0, 0, 1, 1, 2])):
        text = misspell(rng, text)
    if text[-1:] not in ".!?":
        text += rng.choice(ENDINGS)
    return capitalise(rng, text)


def capitalise(rng, text):
    style = rng.random()
    if style < 0.5:
        text = text[:1].upper() + text[1:]
        text = re.sub(r"\bi\b", "I", text)
    elif style < 0.55:
        text = text[:1].upper() + text[1:]
    elif style < 0.57:
        text = re.sub(r"(?<!\{)\b[a-z]+\b(?!\})", lambda match: match.group().upper(), text)
    if rng.random() < 0.1:
        text = re.sub(r"\b(cortex|neuron)\b", lambda match: match.group().capitalize(), text)
    for lower, upper in PROPER_NAMES.items():
        if rng.random() < 0.4:
            text = re.sub(rf"\b{lower}\b", upper, text)
    return text


PROPER_NAMES = {
    "openai": "OpenAI", "anthropic": "Anthropic", "claude code": "Claude Code", "gpu": "GPU", "gpus": "GPUs", "gguf": "GGUF",
    "api": "API", "apis": "APIs", "cpu": "CPU", "url": "URL", "lan": "LAN", "llm": "LLM", "vram": "VRAM", "sdk": "SDK",
    "prometheus": "Prometheus", "grafana": "Grafana", "ollama": "Ollama", "typescript": "TypeScript", "q4_k_m": "Q4_K_M",
    "q8_0": "Q8_0", "rust": "Rust", "python": "Python", "hugging face": "Hugging Face", "qwen3": "Qwen3", "llama": "Llama",
    "gemma": "Gemma", "mistral": "Mistral", "zed": "Zed", "open webui": "Open WebUI", "ttl_s": "ttl_s", "sse": "SSE",
}  # fmt: skip


def normalise(text):
    """What is left of a question when case, punctuation and spacing do not count."""
    return " ".join(re.findall(r"[a-z0-9_/.-]*[a-z0-9_]|[+*/=-]", text.lower().replace("'", "")))


def held_out_questions():
    """Every question of the evaluation that training must not contain: all but those asked inside a dialogue or
    about a tool result, which test how the context is used."""
    lines = (Path(__file__).parent / "eval.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    asked = [row["ask"] for row in rows if row["kind"] not in ("dialogue", "result")]
    questions = [question for ask in asked for question in (ask if isinstance(ask, list) else [ask])]
    return {normalise(question) for question in questions}


HELD_OUT = held_out_questions()


def ask(rng, notations, varied=False, **slots):
    """A disguised question drawn from one of the notations; `slots` fill its {names}; `varied` puts
    other words for some of it. Never one of the evaluation."""
    while True:
        plain = draw(rng, rng.choice(notations))
        question = disguise(rng, vary(rng, plain) if varied else plain)
        for name, value in slots.items():
            question = question.replace("{" + name + "}", str(value))
        if normalise(question) not in HELD_OUT:
            return question
