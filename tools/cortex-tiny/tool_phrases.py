"""The tools of the dialogues, how people ask for them and what the tools answer. Data only."""

WEATHER_NAMES = ["get_weather"] * 12 + ["get_current_weather", "weather", "current_weather", "get_weather_forecast", "fetch_weather"]
WEATHER_DESCRIPTIONS = """Get the current weather for a city
Get the weather
Get weather
Weather of a city
Returns the weather for a place
Current weather at a location
Get the current weather in a given location
Look up the weather
Fetches weather data
Returns current weather conditions and temperature
Weather lookup by city name
Get current temperature and conditions for a town
Tells the weather
Retrieve the weather report for a location.
Use this to find out what the weather is like.""".split("\n")
WEATHER_ASKS = """what is the weather in {city}
what's the weather in {city}( right now| today| now| at the moment| tomorrow|)
what is the weather( like|) (in|at|for|around) {city}( right now| today| now| at the moment| currently|)
(how is|how's|hows) the weather( like|) (in|over in|around) {city}( today| now|)
weather (in|for|at|of|from) {city}
weather {city}
{city} weather
{city} weather( today| now| forecast| please|)
(tell me|give me|get me|show me|check|look up|find|find out|get|fetch) the (weather|current weather|weather report|weather conditions) (in|for|of|at) {city}
(can|could|would) you (tell me|check|look up|get|find|give me) (what |how |)(the weather|the current weather)( is| is like|) (in|for) {city}
is it (raining|sunny|cold|warm|snowing|windy|hot|cloudy|nice|wet|dry|foggy|stormy|freezing|icy|humid) in {city}( today| now| right now|)
is (there|it) (rain|snow|sun|fog|a storm|sunshine) in {city}( today|)
(do i need|should i take|will i need|should i bring) (an umbrella|a coat|a jacket|sunglasses|warm clothes|boots|a hat|a scarf) (in|for) {city}( today| tomorrow|)
how (cold|warm|hot|wet|windy|humid) is it in {city}( today| now| at the moment|)
what is the temperature (in|of|at) {city}( now| today|)
(temperature|forecast|weather forecast|weather report|current weather|conditions|current conditions) (in|for|of|at) {city}
what's it like (outside |out |)in {city}( today| now|)
(does it|will it) (rain|snow|storm|get cold|get warm) in {city}( today| tomorrow|)
i (am going|travel|am flying|fly|drive|am travelling|will go) to {city}( tomorrow| today|), (what is the weather( like|)( there|)|how is the weather|is it cold|what's the weather there)
i (am|live|work) in {city}, (what is the weather|how is the weather|is it going to rain|what's the weather like)
tell me (if|whether) (it is|it's|it will be) (raining|sunny|cold|warm|snowing|windy|rainy|cloudy) in {city}
tell me whether it's (sunny|raining|snowing|windy) in {city}
use the (weather tool|tool) for {city}
call the weather (tool|function) (for|with) {city}
i (want|need|would like) (to know |)the weather (in|for|of) {city}""".split("\n")
WEATHER_PLACES = ["city"] * 4 + ["location"] * 4 + ["place", "place", "town", "town", "city_name", "name", "q", "where", "address"]
SKIES = """sunny cloudy rain rainy snow snowy clear windy foggy fog storm stormy overcast hail drizzle humid hot cold mild dry
wet freezing warm cool mist showers thunder""".split() + ["partly cloudy", "light rain", "heavy rain", "clear sky", "light snow", "mostly sunny"]
TEMPERATURE_KEYS = ["temperature", "temp", "temp_c", "temperature_c", "degrees", "celsius", "temperature_celsius", "t"]
SKY_KEYS = ["condition", "conditions", "sky", "weather", "description", "summary", "forecast", "status"]
WEATHER_SENTENCES = ["{sky}, {t} degrees", "{t} degrees and {sky}", "{t} degrees, {sky}", "It is {t} degrees and {sky}.", "{sky}, {t}°C", "{t}°C and {sky}", "{t} C, {sky}", "{city}: {sky}, {t} C", "The weather in {city} is {sky}, {t} degrees.", "It is {sky} in {city}, {t} degrees.", "{sky} {t}", "Currently {t}°C, {sky}", "{sky} with {t} degrees", "{city}: {t}°C, {sky}.", "{t}C {sky}"]

TIME_NAMES = ["get_time"] * 12 + ["get_current_time", "current_time", "time", "clock", "get_local_time"]
TIME_DESCRIPTIONS = """Get the local time in a city
Get the current time
Get the time
Time in a city
Current local time
Returns the time for a place
Tells what time it is at a location
Look up the clock time
Get the time of day in a given location
Returns the current local time of a town.
Clock
Use this to find out what time it is somewhere.""".split("\n")
TIME_ASKS = """what time is it in {city}
what time is it( right|) (now |)(in|at|over in) {city}
what's the time in {city}( now| right now|)
what is the (time|local time|current time|clock) (in|at|for|of) {city}( now|)
time (in|for|at|of) {city}
time {city}
{city} time
{city} time( now| please|)
(current|local) time (in|for|at|of) {city}
(tell me|give me|get me|show me|check|look up|find out|get) the (time|current time|local time) (in|for|of|at) {city}
(can|could|would) you (tell me|check|look up|get|give me) (the time|what time it is|the current time|the local time) in {city}
how late is it in {city}( now| right now|)
do you know (what time it is|the time|how late it is) in {city}
is it (already |)(morning|evening|night|late|noon|midnight|early|past midnight) in {city}( already| now| yet|)
(what|which) time (do|have) they (have|got) in {city}
clock (in|of|for) {city}
what does the clock say in {city}
use the (time tool|clock) for {city}
call the time (tool|function) (for|with) {city}
i (want|need|would like) (to know |)the time (in|for|of) {city}
i (want to call|am calling|will call) (somebody|a friend|my mother) in {city}, what time is it( there|)
i (am|live|work) in {city}, what time is it""".split("\n")
TIME_PLACES = ["city"] * 4 + ["location"] * 4 + ["place", "place", "town", "town", "zone", "timezone", "city_name", "name"]
TIME_KEYS = ["time", "local_time", "current_time", "now", "clock"]
TIME_SENTENCES = ["{time}", "{time}", "The time is {time}", "It is {time}.", "{time} local time", "It is {time} in {city}.", "{city}: {time}", "The time in {city} is {time}.", "now: {time}", "Local time: {time}"]

ADD_NAMES = ["add"] * 12 + ["add_numbers", "sum", "calculate_sum", "plus", "addition"]
ADD_DESCRIPTIONS = """Add two numbers
Adds two numbers
Sum of two numbers
Returns the sum of two numbers
Add numbers together
Calculate a sum
Adds its arguments
Compute the sum of the arguments
Returns the sum.
Add two integers and return the result
Use this to add numbers.""".split("\n")
ADD_ASKS = """what is {x} plus {y}
what's {x} plus {y}
what is {x} + {y}
what is {x} and {y}
add {x} and {y}
add {x} to {y}
add {x} {y}
add up {x} and {y}
{x} + {y}
{x}+{y}
{x} plus {y}
{x} + {y} =
{x}+{y}=
sum of {x} and {y}
the sum of {x} and {y}
sum {x} and {y}
(tell me|give me|compute|calculate|find|work out|get) (the sum of |){x} (plus|and|+) {y}
(what is|what's|tell me) the (sum|total) of {x} and {y}
how much is {x} (plus|and|+) {y}( together|)
how much are {x} and {y}( together|)
(can|could|would) you (please |)(add|sum|sum up) {x} and {y}( for me|)
please (add|sum) {x} (and|to) {y}
use the (tool|add tool|add function) (to add|for) {x} and {y}
call (add|the add tool) with {x} and {y}
what do {x} and {y} (make|give|add up to|sum to)
what does {x} plus {y} (make|give|equal)
i have {x} (apples|books|euros|coins|dollars|eggs|cars|cats) and (get|buy|find|win) {y} more, how many (do i have|is that|are there)
{x} (apples|books|coins|people) and {y} (apples|books|coins|people), how many (in total|together|altogether)
i (want|need) to add {x} and {y}
compute {x} + {y}
calculate {x} + {y}""".split("\n")
ADD_PLACES = [("a", "b")] * 5 + [("x", "y")] * 5 + [("first", "second"), ("num1", "num2"), ("left", "right"), ("n", "m"), ("first_number", "second_number"), ("number1", "number2"), ("i", "j")]
ADD_SENTENCES = ["{sum}", "{sum}", "{sum}", "The result is {sum}", "The sum is {sum}.", "{x} + {y} = {sum}", "{sum}.", "= {sum}", "Result: {sum}"]
ADD_KEYS = ["result", "sum", "value", "total", "answer", "output"]

OTHER_TOOLS = [
    ("search_web", "Search the web", {"query": "string"}), ("web_search", "Search the internet for pages", {"query": "string", "limit": "integer"}),
    ("read_file", "Read a file from disk", {"path": "string"}), ("write_file", "Write text to a file", {"path": "string", "content": "string"}),
    ("list_files", "List the files of a directory", {"directory": "string"}), ("run_command", "Run a shell command", {"command": "string"}),
    ("bash", "Run a command in the shell", {"command": "string", "timeout": "number"}), ("send_email", "Send an email", {"to": "string", "subject": "string", "body": "string"}),
    ("create_ticket", "Create a ticket", {"title": "string", "priority": "string"}), ("get_stock_price", "Get the price of a stock", {"symbol": "string"}),
    ("translate", "Translate a text", {"text": "string", "language": "string"}), ("set_alarm", "Set an alarm", {"time": "string"}),
    ("play_music", "Play a song", {"song": "string"}), ("edit", "Replace text in a file", {"file": "string", "old": "string", "new": "string"}),
    ("grep", "Search files for a pattern", {"pattern": "string", "path": "string"}), ("query_database", "Run a query", {"sql": "string"}),
    ("get_user", "Get a user by id", {"id": "integer"}), ("convert_currency", "Convert money", {"amount": "number", "from": "string", "to": "string"}),
    ("book_flight", "Book a flight", {"origin": "string", "destination": "string", "date": "string"}), ("calendar", "List the events of a day", {"date": "string"}),
    ("multiply", "Multiply two numbers", {"a": "number", "b": "number"}), ("get_news", "Get the news", {"topic": "string"}),
    ("fetch_url", "Fetch a page", {"url": "string"}), ("todo_write", "Write the list of tasks", {"tasks": "string"}),
]

OTHER_CITIES = """Ankara Antwerp Aspen Austin Baghdad Baku Basel Belfast Bergen Bilbao Bonn Brisbane Bristol Bucharest Calgary Canberra Cardiff
Caracas Cologne Dakar Damascus Darwin Dresden Edinburgh Florence Frankfurt Genoa Ghent Glasgow Graz Hanoi Havana Hobart Innsbruck Izmir
Kabul Karachi Kingston Krakow Kuwait Leeds Leipzig Linz Luxembourg Malmo Marseille Mecca Memphis Mexico Minsk Monaco Nagoya Nantes Oakland
Odessa Orlando Oxford Palermo Perth Phoenix Pisa Plovdiv Porto Portland Quito Reykjavik Riga Rotterdam Salzburg Sapporo Sevilla Skopje
Split Stuttgart Taipei Tallinn Tampa Tbilisi Tehran Tirana Torino Tucson Tunis Turin Utrecht Valencia Varna Venice Vilnius Winnipeg
Yokohama York Zagreb Springfield Burgas Gotham""".split()

MORE_CITY = ["(and|and what about|what about|how about|and how about|now|ok and|same for|and for|and now|then) {city}", "(and|what about|and what about) (in|for) {city}", "and {city}", "{city}"]
