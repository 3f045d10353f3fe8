"""The official SDK of Anthropic for Python, against the gateway at $CORTEX_API."""

import asyncio
import os
import unittest

import anthropic
from anthropic import Anthropic, AsyncAnthropic

MODEL = "cortex-tiny"
QUESTION = [{"role": "user", "content": "What is cortex?"}]
WEATHER = [{"role": "user", "content": "What's the weather in Paris?"}]
RESULT = '{"temperature": 21, "condition": "sunny"}'
TOOL = {
    "name": "get_weather",
    "description": "Get the current weather for a city",
    # Bounded, because a tiny model that must answer with a text may not end it.
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
# An answer that is so long that a client can leave it in the middle.
LONG = {
    "model": MODEL,
    "max_tokens": 2000,
    "messages": [{"role": "user", "content": "Count."}],
    "output_config": {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {
                    "numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 500}
                },
                "required": ["numbers"],
                "additionalProperties": False,
            },
        }
    },
}
ADDRESS = {"base_url": os.environ["CORTEX_API"], "api_key": "none", "max_retries": 0}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


class Messages(unittest.TestCase):
    def setUp(self):
        self.client = Anthropic(**ADDRESS)
        self.addCleanup(self.client.close)
        # The SDK has no parameter for it any more; the API of the gateway has.
        greedy = {"temperature": 0}
        self.asked = {"model": MODEL, "max_tokens": 200, "extra_body": greedy}

    def test_a_stream_has_the_text_and_the_usage_of_the_whole_answer(self):
        whole = self.client.messages.create(**self.asked, messages=QUESTION)
        with self.client.messages.stream(**self.asked, messages=QUESTION) as stream:
            deltas = list(stream.text_stream)
            final = stream.get_final_message()

        self.assertIn("gateway", text_of(whole))
        self.assertGreater(len(deltas), 2)
        self.assertEqual("".join(deltas), text_of(whole))
        self.assertEqual(text_of(final), text_of(whole))
        self.assertEqual((final.stop_reason, whole.stop_reason), ("end_turn", "end_turn"))
        self.assertEqual(final.usage.output_tokens, whole.usage.output_tokens)

    def test_a_tool_is_called_and_its_result_is_used(self):
        asked = {**self.asked, "tools": [TOOL]}
        whole = self.client.messages.create(**asked, messages=WEATHER)
        with self.client.messages.stream(**asked, messages=WEATHER) as stream:
            streamed = stream.get_final_message()
        (call,) = [block for block in whole.content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
        answer = self.client.messages.create(
            **asked,
            messages=[
                *WEATHER,
                {"role": "assistant", "content": whole.content},
                {"role": "user", "content": [result]},
            ],
        )

        self.assertEqual(whole.stop_reason, "tool_use")
        self.assertEqual((call.name, call.input), ("get_weather", {"city": "Paris"}))
        (same,) = [block for block in streamed.content if block.type == "tool_use"]
        self.assertEqual((same.name, same.input), (call.name, call.input))
        self.assertRegex(text_of(answer), "21|sunny")

    def test_the_loop_of_the_sdk_runs_a_tool(self):
        asked_for = []

        @anthropic.beta_tool(input_schema=TOOL["input_schema"])
        def get_weather(city: str) -> str:
            """Get the current weather for a city"""
            asked_for.append(city)
            return RESULT

        runner = self.client.beta.messages.tool_runner(
            **self.asked, tools=[get_weather], messages=WEATHER
        )
        answer = runner.until_done()

        self.assertEqual(asked_for, ["Paris"])
        self.assertRegex(text_of(answer), "21|sunny")

    def test_tokens_are_counted_as_the_answer_reports_them(self):
        asked = {
            "model": MODEL,
            "system": "You are terse.",
            "messages": WEATHER,
            "tools": [TOOL],
        }
        counted = self.client.messages.count_tokens(**asked).input_tokens
        beta = self.client.beta.messages.count_tokens(**asked).input_tokens
        usage = self.client.messages.create(**asked, max_tokens=1).usage

        self.assertGreater(counted, 20)
        self.assertEqual(counted, usage.input_tokens + (usage.cache_read_input_tokens or 0))
        self.assertEqual(beta, counted)

    def test_a_limit_and_a_stop_sequence_are_the_reasons_of_an_end(self):
        short = self.client.messages.create(**{**self.asked, "max_tokens": 3}, messages=QUESTION)
        stopped = self.client.messages.create(
            **self.asked, messages=QUESTION, stop_sequences=["gateway"]
        )
        self.assertEqual((short.stop_reason, short.usage.output_tokens), ("max_tokens", 3))
        self.assertEqual(
            (stopped.stop_reason, stopped.stop_sequence), ("stop_sequence", "gateway")
        )

    def test_an_unknown_model_is_not_found(self):
        asked = {"model": "no-such-model", "max_tokens": 3, "messages": QUESTION}
        for stream in (False, True):
            with self.subTest(stream=stream), self.assertRaises(anthropic.NotFoundError) as caught:
                self.client.messages.create(**asked, stream=stream)
            self.assertEqual(caught.exception.body["error"]["type"], "not_found_error")
            self.assertIn("no-such-model", caught.exception.message)
            self.assertTrue(caught.exception.request_id)

    def test_a_request_without_messages_is_a_bad_request(self):
        with self.assertRaises(anthropic.BadRequestError) as caught:
            self.client.messages.create(**self.asked, messages=[])
        self.assertEqual(caught.exception.body["error"]["type"], "invalid_request_error")

    def test_a_stream_can_be_left_in_the_middle(self):
        with self.client.messages.create(**LONG, stream=True) as stream:
            first = next(event for event in stream if event.type == "content_block_delta")
        self.assertTrue(first.delta.text)

    def test_an_async_client_is_cancelled_in_the_middle(self):
        async def read(started):
            async with AsyncAnthropic(**ADDRESS) as client:
                async for event in await client.messages.create(**LONG, stream=True):
                    if event.type == "content_block_delta":
                        started.set()

        async def run():
            started = asyncio.Event()
            task = asyncio.create_task(read(started))
            await started.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(run())

    def test_models_are_listed(self):
        self.assertIn(f"anthropic/{MODEL}", [model.id for model in self.client.models.list()])


if __name__ == "__main__":
    unittest.main(verbosity=2)
