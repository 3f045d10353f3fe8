"""The official SDK of OpenAI for Python, against the gateway at $CORTEX_API."""

import asyncio
import json
import os
import unittest

import openai
from openai import AsyncOpenAI, OpenAI

MODEL = "cortex-tiny"
QUESTION = "What is cortex?"
WEATHER = [{"role": "user", "content": "What's the weather in Paris?"}]
RESULT = '{"temperature": 21, "condition": "sunny"}'
# Bounded, because a tiny model that must answer with a text may not end it.
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": PARAMETERS,
}
# Of an answer that is so long that a client can leave it in the middle.
LONG = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 500}},
    "required": ["numbers"],
    "additionalProperties": False,
}
ADDRESS = {"base_url": os.environ["CORTEX_API"] + "/v1", "api_key": "none", "max_retries": 0}


class Chat(unittest.TestCase):
    def setUp(self):
        self.client = OpenAI(**ADDRESS)
        self.addCleanup(self.client.close)
        self.asked = {"model": MODEL, "temperature": 0, "messages": WEATHER}
        self.tools = [{"type": "function", "function": FUNCTION}]

    def test_a_stream_has_the_text_and_the_usage_of_the_whole_answer(self):
        asked = {**self.asked, "messages": [{"role": "user", "content": QUESTION}]}
        whole = self.client.chat.completions.create(**asked)
        with self.client.chat.completions.stream(
            **asked, stream_options={"include_usage": True}
        ) as stream:
            deltas = [event.delta for event in stream if event.type == "content.delta"]
            final = stream.get_final_completion()

        self.assertIn("gateway", whole.choices[0].message.content)
        self.assertGreater(len(deltas), 2)
        self.assertEqual("".join(deltas), whole.choices[0].message.content)
        self.assertEqual(final.choices[0].message.content, whole.choices[0].message.content)
        self.assertEqual(final.choices[0].finish_reason, "stop")
        self.assertEqual(final.usage.prompt_tokens, whole.usage.prompt_tokens)
        self.assertEqual(final.usage.completion_tokens, whole.usage.completion_tokens)

    def test_a_tool_is_called_and_its_result_is_used(self):
        whole = self.client.chat.completions.create(**self.asked, tools=self.tools)
        with self.client.chat.completions.stream(**self.asked, tools=self.tools) as stream:
            streamed = stream.get_final_completion()
        message = whole.choices[0].message
        (call,) = message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
        answer = self.client.chat.completions.create(
            **{**self.asked, "messages": [*WEATHER, message, result]}, tools=self.tools
        )

        self.assertEqual(whole.choices[0].finish_reason, "tool_calls")
        self.assertEqual(json.loads(call.function.arguments), {"city": "Paris"})
        (same,) = streamed.choices[0].message.tool_calls
        self.assertEqual(same.function.name, "get_weather")
        self.assertEqual(same.function.arguments, call.function.arguments)
        self.assertRegex(answer.choices[0].message.content, "21|sunny")

    def test_an_unknown_model_is_not_found(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.assertRaises(openai.NotFoundError) as caught:
                self.client.chat.completions.create(
                    **{**self.asked, "model": "no-such-model"}, stream=stream
                )
            self.assertEqual(caught.exception.code, "model_not_found")
            self.assertIn("no-such-model", caught.exception.message)
            self.assertTrue(caught.exception.request_id)

    def test_a_bad_parameter_is_a_bad_request(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(**{**self.asked, "top_p": 2})
        self.assertEqual(caught.exception.param, "top_p")

    def test_a_stream_can_be_left_in_the_middle(self):
        with self.client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Count."}],
            max_tokens=2000,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "long", "schema": LONG},
            },
            stream=True,
        ) as stream:
            first = next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
        self.assertTrue(first.choices[0].delta.content)

    def test_an_async_client_is_cancelled_in_the_middle(self):
        async def read(started):
            async with AsyncOpenAI(**ADDRESS) as client:
                stream = await client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": "Count."}],
                    max_tokens=2000,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "long", "schema": LONG},
                    },
                    stream=True,
                )
                async for chunk in stream:
                    if chunk.choices and chunk.choices[0].delta.content:
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
        ids = [model.id for model in self.client.models.list()]
        self.assertIn(MODEL, ids)
        self.assertEqual(self.client.models.retrieve(MODEL).id, MODEL)


class Responses(unittest.TestCase):
    def setUp(self):
        self.client = OpenAI(**ADDRESS)
        self.addCleanup(self.client.close)
        self.asked = {"model": MODEL, "temperature": 0, "store": False}
        self.tools = [{"type": "function", "strict": None, **FUNCTION}]

    def test_a_stream_has_the_text_and_the_usage_of_the_whole_answer(self):
        whole = self.client.responses.create(**self.asked, input=QUESTION)
        with self.client.responses.stream(**self.asked, input=QUESTION) as stream:
            deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()

        self.assertIn("gateway", whole.output_text)
        self.assertGreater(len(deltas), 2)
        self.assertEqual("".join(deltas), whole.output_text)
        self.assertEqual(final.output_text, whole.output_text)
        self.assertEqual(final.status, "completed")
        self.assertEqual(final.usage.input_tokens, whole.usage.input_tokens)
        self.assertEqual(final.usage.output_tokens, whole.usage.output_tokens)

    def test_a_tool_is_called_and_its_result_is_used(self):
        whole = self.client.responses.create(**self.asked, input=WEATHER, tools=self.tools)
        with self.client.responses.stream(**self.asked, input=WEATHER, tools=self.tools) as stream:
            streamed = stream.get_final_response()
        (call,) = [item for item in whole.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
        answer = self.client.responses.create(
            **self.asked, input=[*WEATHER, *whole.output, result], tools=self.tools
        )

        self.assertEqual((call.name, json.loads(call.arguments)), ("get_weather", {"city": "Paris"}))
        (same,) = [item for item in streamed.output if item.type == "function_call"]
        self.assertEqual((same.name, same.arguments), (call.name, call.arguments))
        self.assertRegex(answer.output_text, "21|sunny")

    def test_a_limit_makes_an_answer_incomplete(self):
        response = self.client.responses.create(
            **self.asked, input=QUESTION, max_output_tokens=16
        )
        self.assertEqual(response.status, "incomplete")
        self.assertEqual(response.incomplete_details.reason, "max_output_tokens")

    def test_an_unknown_model_is_not_found(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.assertRaises(openai.NotFoundError) as caught:
                self.client.responses.create(model="no-such-model", input="hi", stream=stream)
            self.assertIn("no-such-model", caught.exception.message)

    def test_a_stream_can_be_left_in_the_middle(self):
        with self.client.responses.create(
            model=MODEL,
            input="Count.",
            max_output_tokens=2000,
            text={"format": {"type": "json_schema", "name": "long", "schema": LONG}},
            stream=True,
        ) as stream:
            first = next(event for event in stream if event.type == "response.output_text.delta")
        self.assertTrue(first.delta)


if __name__ == "__main__":
    unittest.main(verbosity=2)
