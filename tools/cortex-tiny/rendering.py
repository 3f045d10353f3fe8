"""Dialogues as the chat template renders them, cut where the model itself writes."""

import json
from dataclasses import dataclass, field


@dataclass
class Dialogue:
    """`messages` in OpenAI's shape; an assistant message with "reasoning_content" was generated with thinking on."""

    messages: list[dict]
    tools: list[dict] = field(default_factory=list)


def tool_list(tools):
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    call = "To call one, answer with its name and arguments as JSON inside <tool_call></tool_call>."
    return f"# Tools\n\n<tools>\n{lines}\n</tools>\n\n{call}"


def tool_call(call):
    function = call["function"]
    name, arguments = json.dumps(function["name"]), json.dumps(function["arguments"])
    return f'<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'


def segments(dialogue):
    """(text, is_written_by_model) in order; joined they are what template.jinja renders for the whole dialogue."""
    messages, tools = dialogue.messages, dialogue.tools
    parts = []
    if tools and messages[0]["role"] != "system":
        parts.append((f"<|im_start|>system\n{tool_list(tools)}<|im_end|>\n", False))
    for index, message in enumerate(messages):
        role, content = message["role"], message["content"] or ""
        if role == "assistant":
            thought = message.get("reasoning_content")
            calls = "\n".join(tool_call(call) for call in message.get("tool_calls", []))
            answer = f"{content}{calls}<|im_end|>"
            if thought is None:
                parts += [("<|im_start|>assistant\n<think>\n\n</think>\n\n", False), (answer, True), ("\n", False)]
            else:
                written = f"<think>\n{thought}\n</think>\n\n{answer}"
                parts += [("<|im_start|>assistant\n", False), (written, True), ("\n", False)]
        elif role == "tool":
            opening = "" if messages[index - 1]["role"] == "tool" else "<|im_start|>user"
            is_last = index + 1 == len(messages) or messages[index + 1]["role"] != "tool"
            closing = "<|im_end|>\n" if is_last else ""
            parts.append((f"{opening}\n<tool_response>\n{content}\n</tool_response>{closing}", False))
        else:
            tail = f"\n\n{tool_list(tools)}" if tools and role == "system" and index == 0 else ""
            parts.append((f"<|im_start|>{role}\n{content}{tail}<|im_end|>\n", False))
    return parts
