"""Turns in which a tool is asked for, called and its result told."""

import json

import off_topic
import tool_phrases as phrases
from phrasing import ask
from vocabulary import CITIES


def shuffled(rng, mapping):
    items = list(mapping.items())
    rng.shuffle(items)
    return dict(items)


def define_tool(rng, name, description, properties):
    """A function in OpenAI's shape, in the variety of key orders and extras in which clients send it."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:2]}
    if rng.random() < 0.15:
        parameters["additionalProperties"] = False
    if rng.random() < 0.15:
        del parameters["required"]
    function = {"name": name, "description": description, "parameters": parameters}
    if rng.random() < 0.08:
        function["strict"] = True
    if rng.random() < 0.1:
        del function["description"]
    if rng.random() < 0.25:
        function["parameters"] = shuffled(rng, parameters)
        function = shuffled(rng, function)
    tool = {"type": "function", "function": function}
    return shuffled(rng, tool) if rng.random() < 0.1 else tool


def describe_property(rng, kind, descriptions):
    described = {"type": kind}
    if rng.random() < 0.4:
        described["description"] = rng.choice(descriptions)
    return described


class PlaceTool:
    """get_weather or get_time: one argument, a place."""

    def __init__(self, rng, names, descriptions, places, asks):
        self.rng, self.asks = rng, asks
        self.name, self.place = rng.choice(names), rng.choice(places)
        about_place = ["Name of the city", "The city", "City name", "The place to look up", "The city, for example Paris", "A town"]
        properties = {self.place: describe_property(rng, "string", about_place)}
        if rng.random() < 0.2:
            properties[rng.choice(["unit", "units"])] = {"type": "string", "enum": ["celsius", "fahrenheit"]}
        self.definition = define_tool(rng, self.name, rng.choice(descriptions), properties)
        function = self.definition["function"]["parameters"]
        if "required" in function:
            function["required"] = [self.place]

    def draw_city(self):
        """A city and the way it is written in a question."""
        rng = self.rng
        city = rng.choice(CITIES) if rng.random() < 0.88 else rng.choice(phrases.OTHER_CITIES)
        return city, city.lower() if city in CITIES and rng.random() < 0.3 else city

    def ask(self, notations=None):
        city, written = self.draw_city()
        return ask(self.rng, notations or self.asks, city=written), [city]

    def call(self, subject):
        return {self.place: subject[0]}

    def purpose(self, subject):
        return f"I need {self.name} for {subject[0]}."


class WeatherTool(PlaceTool):
    def __init__(self, rng):
        super().__init__(
            rng, phrases.WEATHER_NAMES, phrases.WEATHER_DESCRIPTIONS, phrases.WEATHER_PLACES, phrases.WEATHER_ASKS
        )

    def result(self, subject):
        """What the tool returns, and the answer to give."""
        rng, city = self.rng, subject[0]
        sky, degrees = rng.choice(phrases.SKIES), str(rng.randint(-25, 45))
        if rng.random() < 0.08:
            degrees += f".{rng.randint(1, 9)}"
        if rng.random() < 0.4:
            text = rng.choice(phrases.WEATHER_SENTENCES).format(sky=sky, t=degrees, city=city)
            text = text[:1].upper() + text[1:] if rng.random() < 0.5 else text
            return text, f"The weather in {city}: {sky}, {degrees} degrees."
        number = float(degrees) if "." in degrees else int(degrees)
        fields = {rng.choice(phrases.TEMPERATURE_KEYS): number, rng.choice(phrases.SKY_KEYS): sky}
        shown = rng.choices(["both", "sky", "temperature"], [0.9, 0.05, 0.05])[0]
        if shown == "sky":
            fields = {key: value for key, value in fields.items() if value == sky}
        elif shown == "temperature":
            fields = {key: value for key, value in fields.items() if value == number}
        if rng.random() < 0.35:
            fields = {rng.choice(["city", "location", "place", self.place]): city} | fields
        if rng.random() < 0.2:
            fields[rng.choice(["unit", "units"])] = rng.choice(["celsius", "C"])
        if rng.random() < 0.12:
            fields[rng.choice(["humidity", "wind", "wind_kmh", "rain_percent"])] = rng.randint(0, 99)
        if rng.random() < 0.25:
            fields = shuffled(rng, fields)
        told = {"both": f"{sky}, {degrees} degrees", "sky": sky, "temperature": f"{degrees} degrees"}[shown]
        return write_json(rng, fields), f"The weather in {city}: {told}."


class TimeTool(PlaceTool):
    def __init__(self, rng):
        super().__init__(rng, phrases.TIME_NAMES, phrases.TIME_DESCRIPTIONS, phrases.TIME_PLACES, phrases.TIME_ASKS)

    def result(self, subject):
        rng, city = self.rng, subject[0]
        time = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
        if rng.random() < 0.15:
            time = f"{rng.randint(1, 12)}:{rng.randint(0, 59):02d} {rng.choice(['AM', 'PM'])}"
        answer = f"It is {time} in {city}."
        if rng.random() < 0.5:
            return rng.choice(phrases.TIME_SENTENCES).format(time=time, city=city), answer
        fields = {rng.choice(phrases.TIME_KEYS): time}
        if rng.random() < 0.35:
            fields = {rng.choice(["city", "location", "place", self.place]): city} | fields
        if rng.random() < 0.3:
            fields[rng.choice(["zone", "timezone", "tz"])] = rng.choice(["EST", "CET", "UTC", "GMT", "PST", "JST", "local"])
        if rng.random() < 0.2:
            fields = shuffled(rng, fields)
        return write_json(rng, fields), answer


class AddTool:
    def __init__(self, rng):
        self.rng = rng
        self.name, self.places = rng.choice(phrases.ADD_NAMES), rng.choice(phrases.ADD_PLACES)
        kind = rng.choice(["number", "number", "integer"])
        about = ["A number", "The number to add", "First number", "An integer", "A summand"]
        properties = {place: describe_property(rng, kind, about) for place in self.places}
        self.definition = define_tool(rng, self.name, rng.choice(phrases.ADD_DESCRIPTIONS), properties)

    def ask(self, notations=None):
        x, y = self.rng.randint(0, 99), self.rng.randint(0, 99)
        return ask(self.rng, notations or phrases.ADD_ASKS, x=x, y=y), [x, y]

    def call(self, subject):
        return dict(zip(self.places, subject))

    def purpose(self, subject):
        return f"I need {self.name} for {subject[0]} and {subject[1]}."

    def result(self, subject):
        rng, total = self.rng, sum(subject)
        answer = f"The sum is {total}."
        if rng.random() < 0.6:
            return rng.choice(phrases.ADD_SENTENCES).format(x=subject[0], y=subject[1], sum=total), answer
        return write_json(rng, {rng.choice(phrases.ADD_KEYS): total}), answer


KNOWN_TOOLS = [WeatherTool, TimeTool, AddTool]


def write_json(rng, fields):
    if rng.random() < 0.2:
        return json.dumps(fields, separators=(",", ":"))
    return json.dumps(fields, indent=2) if rng.random() < 0.05 else json.dumps(fields)


def other_tool(rng):
    name, description, properties = rng.choice(phrases.OTHER_TOOLS)
    about = [description, "The value", f"The {next(iter(properties))}"]
    return define_tool(
        rng, name, description, {key: describe_property(rng, kind, about) for key, kind in properties.items()}
    )


def offer_tools(rng, known):
    """Definitions of the `known` tools among some that the dialogue does not need, in any order."""
    definitions = [tool.definition for tool in known]
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        definitions.append(other_tool(rng))
    unique = {definition["function"]["name"]: definition for definition in reversed(definitions)}
    definitions = list(unique.values())
    rng.shuffle(definitions)
    return definitions


def draw_known_tools(rng):
    kinds = rng.sample(KNOWN_TOOLS, rng.choice([1, 1, 1, 2, 2, 3]))
    return [kind(rng) for kind in kinds]


def call_message(rng, tool, subjects, thinks):
    calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": tool.name, "arguments": tool.call(subject)}}
        for index, subject in enumerate(subjects)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return message | ({"reasoning_content": tool.purpose(subjects[0])} if thinks else {})


def tool_turn(rng, tool, thinks, notations=None):
    """Question, call, result and answer, as messages."""
    question, subject = tool.ask(notations)
    subjects = [subject]
    if isinstance(tool, PlaceTool) and notations is None and rng.random() < 0.06:
        other = rng.choice([city for city in CITIES if city != subject[0]])
        if question.count(subject[0]) == 1:
            question = question.replace(subject[0], f"{subject[0]} and {other}")
            subjects.append([other])
    messages = [{"role": "user", "content": question}, call_message(rng, tool, subjects, thinks)]
    answers = []
    for index, each in enumerate(subjects):
        result, answer = tool.result(each)
        if rng.random() < 0.03:
            result = rng.choice(["Error: not found", '{"error": "timeout"}', "error", "The service is not available."])
            answer = "The tool reported an error, so I cannot tell."
        messages.append({"role": "tool", "tool_call_id": f"call_{index}", "content": result})
        answers.append(answer)
    # Clients may drop the thought of the call, so that the thought of the answer must not depend on it.
    thinks_again = thinks if rng.random() < 0.6 else rng.random() < 0.3
    thought = {"reasoning_content": f"{tool.name} has answered."} if thinks_again else {}
    messages.append({"role": "assistant", "content": " ".join(answers)} | thought)
    return messages


def missing_tool_turn(rng, known, thinks):
    """A question for a tool that is not offered."""
    missing = [kind for kind in KNOWN_TOOLS if not any(isinstance(tool, kind) for tool in known)]
    question, _ = rng.choice(missing)(rng).ask()
    thought = {"reasoning_content": "I have no tool for this."} if thinks else {}
    return [{"role": "user", "content": question}, {"role": "assistant", "content": off_topic.NO_TOOL_REPLY} | thought]
