"""Questions that the model must not try to answer. {thing} etc. are drawn from the lists below. Data only."""

REPLY = "I am a tiny demonstration model: I only know about cortex and neuron."
NO_TOOL_REPLY = "I have no tool for that: I am a tiny demonstration model and only know about cortex and neuron."

SYLLABLES = """ba be bi bo bra bru ca che ci clo cra da del di dor dra dun el en er fa fe fi flo fra fu ga gen gi gla go gra gu ha hel hi ho hu il in is ja
je jo ju ka ke ki klo kra ku la le li lo lu ma me mi mo mun na ne ni nor nu ob ol on or pa pe pi pla po pra pu qua ra re ri ro ru sa se shi sko slo
spa sta ste stro su ta te ti to tra tri tu ul un ur va ve vi vo wa we wi wo xa ya yo za ze zi zo zu""".split()

FILLERS = {
    "thing": """the sea|love|a tree|autumn|the moon|winter|a dog|friendship|time|the rain|my cat|spring|a mountain|freedom|music|dragons|a robot|chess|football|the stars|coffee|tea|bees|a river|the desert|horses|pizza|a castle|volcanoes|dinosaurs|art|jazz|painting|history|money|tax law|gardening|yoga|dreams|happiness|birds|a fish|roses|trains|airplanes|cars|bicycles|the ocean|clouds|the sun""".split("|"),
    "topic": """quantum physics|gravity|evolution|the french revolution|the cold war|inflation|democracy|relativity|dna|blockchain|machine learning|the stock market|climate change|electricity|magnetism|photosynthesis in plants|the water cycle|black matter|capitalism|the big bang|plate tectonics|vaccines|probability theory|calculus|linear algebra|feminism|stoicism|philosophy|psychology|the immune system|neural networks|transformers|deep learning|docker|git|linux|react|html|css|sql|http|tcp|dns|nginx|terraform|ansible|excel|photoshop|bitcoin|ethereum|nuclear energy|solar panels|rainbows|tides|hurricanes|earthquakes|protein folding|a hash table|recursion|the theory of everything|buddhism|the roman empire|ancient egypt|the renaissance|kubernetes clusters|javascript|python|java|golang|rust programming|apache kafka|mysql|mongodb|elasticsearch|graphql|a compiler|an operating system|windows|macos|android|wifi|bluetooth|a router|a modem""".split("|"),
    "country": """france|germany|spain|italy|brazil|canada|mexico|india|china|japan|australia|egypt|kenya|nigeria|sweden|norway|poland|turkey|greece|chile|argentina|vietnam|thailand|portugal|austria|hungary|ireland|finland|cuba|iran|the netherlands|ukraine|korea|bulgaria|romania|morocco""".split("|"),
    "person": """einstein|newton|shakespeare|mozart|beethoven|picasso|cleopatra|julius caesar|gandhi|lincoln|darwin|marie curie|leonardo da vinci|elvis|obama|tesla|galileo|van gogh|the queen|the pope|bill gates|steve jobs|elon musk|taylor swift|messi|ronaldo|michael jordan|socrates|plato|homer|buddha|genghis khan|churchill|washington|bach|turing""".split("|"),
    "food": """pancakes|pasta|a cake|soup|pizza dough|risotto|curry|sushi|a salad|tacos|cookies|an omelette|goulash|apple pie|rice|chili|a burger|dumplings|fried eggs|ice cream|a smoothie|paella|banitsa|noodles|a steak|tomato sauce|hummus|beans""".split("|"),
    "language": """french|german|spanish|italian|japanese|chinese|russian|latin|greek|turkish|polish|dutch|portuguese|arabic|bulgarian|swedish|korean|hindi""".split("|"),
    "phrase": """hello|good night|i love you|where is the station|thank you|how much is it|the house is red|the cat sleeps|see you tomorrow|my name is anna|one beer please|the book is on the table|happy birthday""".split("|"),
    "task": """sorts a list|adds two lists|reads a csv file|computes fibonacci numbers|finds primes|parses json|downloads a page|counts words|checks a palindrome|sends an email|draws a circle|renames files|connects to a database|implements quicksort|prints a triangle|removes duplicates|converts celsius to fahrenheit|plays tic tac toe|makes a http request|reverses a linked list|merges two dictionaries""".split("|"),
    "code": """python|javascript|java|c|rust|go|bash|sql|typescript|ruby|haskell|php|perl|swift|kotlin""".split("|"),
    "software": """docker|postgres|mysql|nginx|redis|windows|ubuntu|chrome|firefox|photoshop|excel|word|git|node|python|vim|emacs|blender|gimp|steam|minecraft|wordpress|jenkins|grafana dashboards|kafka|mongodb|vs code extensions|spotify|zoom|slack|teams|outlook|mosquitto|apache httpd|ssh|ftp|smtp|telnet|rabbitmq|elasticsearch""".split("|"),
    "object": """a fridge|a car|a house|a tv|a phone|a laptop|a chair|a bike|a boat|a plane|an elephant|a whale|the eiffel tower|a giraffe|the sun|the earth|jupiter|a football field|an atom|a mouse|a tiger|the pacific ocean|the sahara|a marathon""".split("|"),
    "event": """the world cup|the olympics|the super bowl|the oscars|the election|world war one|the nobel prize|wimbledon|the champions league|the tour de france|the moon landing|the french open|the civil war|the euro|eurovision""".split("|"),
    "nouns": """apples|pears|lemons|spiders|wolves|bears|sharks|penguins|kangaroos|bridges|towers|islands|lakes|deserts|glaciers|forests|flowers|mushrooms|candles|clocks|watches|mirrors|knives|spoons|plates|bottles|shoes|hats|gloves|scarves|dresses|shirts|rings|diamonds|pearls|coins|stamps|letters|books|poems|novels|films|plays|songs|operas|dances|drums|guitars|pianos|violins|trumpets|paintings|statues|churches|temples|castles|farms|gardens|schools|hospitals|prisons|banks|shops|hotels|restaurants|airports|ships|rockets|satellites|telescopes|planets|comets|galaxies|atoms|molecules|cells|viruses|bacteria|bones|muscles|brains|hearts|lungs|dreams|feelings|habits|wars|kings|queens|knights|pirates|wizards|vampires|ghosts|angels|giants|lawyers|doctors|teachers|farmers|soldiers|sailors|poets|actors|singers|dancers|painters|taxes|loans|stocks|insurance|marriage|divorce|holidays|birthdays|weddings|funerals|elections|laws|rights|crimes|juries|sports|tennis|golf|hockey|rugby|boxing|swimming|skiing|chess openings|poker|dice|crosswords|sudoku|riddles|magic tricks|bread|cheese|butter|honey|salt|pepper|sugar|chocolate|wine|beer|juice|milk|water|eggs|beef|chicken|fish|carrots|onions|garlic|tomatoes|enthalpy|osmosis|irony|karma|zen|algebra|geometry|grammar|verbs|commas|accents|maps|compasses|oceans|waves|winds|clouds|lightning|snowflakes|seasons|calendars|centuries|minutes|inches|kilograms""".split("|"),
    "noise": """asdf|qwerty|blah blah|lorem ipsum|foo bar|xyz|hmm|la la la|banana|aaaa|zzz|purple monkey|abc|jkl jkl|fish|???|...|42|potato|umbrella stand|correct horse|tra la|beep boop|window|yesterday|green|seven|monday|shoes""".split("|"),
    "part": """head|knee|tooth|stomach|foot|arm|neck|leg|eye|ear|throat|heart|shoulder""".split("|"),
    "pet": """cat|dog|hamster|parrot|rabbit|horse|goldfish|baby|plant|turtle|neighbour|boss|sister|brother|mother""".split("|"),
}

QUESTIONS = """
write (a|an|me a|me an|the) (poem|essay|haiku|song|limerick|short text|letter|speech|blog post|tweet|novel|article|rap|sonnet|paragraph) about {thing}
(a poem|an essay|a song|some lines|a text|a haiku|facts) about {thing}
(sing|compose|draw|paint|imagine) (something about |a song about |a picture of |){thing}
{what} {topic}
{what} {topic}
how does {topic} work
(explain|teach me|summarise|i want to learn|tell me about) {topic}( to a child| in detail| in simple words| please|)
what do you think (about|of) {topic}
(is|was) {topic} (good|bad|dangerous|useful|important|hard to learn)
what is the (capital|population|currency|flag|president|highest mountain|national dish|language|largest city) of {country}
(which|what) (city|town) is the capital of {country}
who (rules|governs|leads|is the president of|is the king of|is the prime minister of) {country}
(where|how big|how old|how rich) is {country}
(tell me about|plan a trip to|what should i see in|when should i visit|is it safe to travel to|flights to|how do i get to) {country}
how many people live in {country}
who (is|was) {person}
(when|where) was {person} born
how old is {person}
(tell me about|what did|quotes by|the life of|books about) {person}( do| invent| write|)
who (wrote|painted|invented|discovered|composed|built|founded|directed) (hamlet|the mona lisa|the telephone|america|the light bulb|penicillin|the pyramids|the odyssey|the ninth symphony|the radio|the internet|gravity|star wars|google|the titanic|faust|the bible|dracula|radium|the wheel)
who (won|will win|hosted|played in|lost|organised) {event}( last year| this year| in 1990|)
when (was|did|is) {event}( start| end| begin| happen|)
(recipe for|how do i cook|how do i make|how to bake|ingredients of|calories in|how long do i cook|give me a recipe for|i want to cook) {food}
what (goes with|is in|wine fits) {food}
translate (|the sentence |the words |the phrase ){phrase} (to|into) {language}
how do (i|you) say {phrase} in {language}
(do you speak|can you speak|teach me|speak|answer in|how hard is|i want to learn) {language}
write (a|some|me a) {code} (function|program|script|class|snippet|code) (that|which) {task}
(a|some) {code} (script|code|program|function) (that|which) {task}
how do i (write|declare|loop over|sort|print|copy|create|initialise|reverse) (a list|an array|a string|a class|a map|a struct|a variable|a function|a dictionary) in {code}
(fix|debug|explain|refactor|review|improve|optimise) (this|my) (code|function|bug|program|script|error|query|regex|stack trace)( please|: x = 1| in {code}|)
(syntaxerror|typeerror|segmentation fault|null pointer exception|index out of range|module not found)( in my code| what now|)
how do i (install|uninstall|update|use|configure|start|restart|stop|run|reset) {software}
(which|what) port does {software} (use|listen on|run on)
(what is|what's|what are|explain|tell me about|what can i do with) {software}
(where|how) do i (find|change|set|get) the (settings|password|logs|version|port|license|config file) (of|for|in) {software}
is {software} (free|open source|good|better than windows|safe|dead|written in java)
{software} (does not start|crashed|is slow|is broken|gives an error)
how (big|heavy|tall|long|fast|old|far away|expensive|hot|deep) is {object}
what does {object} (cost|weigh|eat|look like)
(buy|sell|repair|describe|draw) (me |){object}( for me|)
my {part} hurts( what should i do| help|)
(why does|how do i treat|what helps when) my {part} (hurts|hurt|ache|itch|a pain)
my {pet} (is ill|does not eat|is sad|is loud|ran away|hates me|is angry|sleeps a lot)
(what is a good|suggest a|find me a|i need a) (name|gift|toy|food|present|birthday gift) for my {pet}
(what is|how much is|compute|calculate|tell me|solve) (the square root of {n}|{n} times {n}|{n} divided by {n}|{n} percent of {n}|{n} minus {n}|{n} to the power of {n}|{n} squared|{n} factorial)
{n} (times|divided by|minus|x|/|multiplied by) {n}
solve (x + {n} = {n}|{n}x = {n}|the equation|this puzzle|this riddle|my homework)
how many (planets|continents|bones|days|hours|countries|stars|legs|teeth|states|oceans|letters|grams|miles|litres) (are there|are in a year|does a spider have|does a human have|are in the world|exist|are in a kilo|are in a week)
what (day|date|year|month) is (it|today|tomorrow)( today|)
(what should i|help me|can you help me) (eat|wear|read|watch|cook|buy|do today|study|choose|decide|relax|sleep)( today| tonight| tomorrow|)
(recommend|suggest) (me |)(a|some|a good) (book|movie|film|song|game|restaurant|hotel|laptop|phone|city|podcast|museum|wine|series)
(who is|what is|which is) (better|stronger|faster|cheaper|nicer), (a cat or a dog|batman or superman|mac or windows|tea or coffee|python or java|pepsi or coke|a train or a plane|ios or android)
(is there|does|do you believe in) (god|life on mars|aliens|a heaven|ghosts|santa claus|luck|fate|magic)( exist| real|)
what (is the meaning of life|is love|is art|is truth|makes people happy|is beauty|is a soul|is time|colour is grass|colour is the sea|sound does a cow make|comes first, the egg or the hen)
why (is the sky blue|is grass green|do cats purr|do we dream|is the sea salty|do birds sing|is fire hot|do leaves fall|is ice slippery|is water wet|do people lie|do dogs bark)
(write|draft|compose|answer|summarise|summarize|proofread|correct|rewrite|shorten) (an email|this email|a letter|this text|a cv|a report|this article|my essay|this paragraph|a contract|a summary of the book|a cover letter|this pdf)( to my landlord| for me| to a client| please|)
(play|let us play|start) (chess|a game|a quiz|tic tac toe|hangman|music|20 questions)( with me|)
(book|reserve|order|buy|cancel|pay) (a flight|a table|a taxi|a pizza|a hotel|my order|a ticket|a book|my bill)( for me| for tonight| to {country}|)
(what is|how is|predict) the (stock price|price|share price) of (apple|gold|google|oil|silver|amazon|microsoft|tesla stock|wheat)
(how do i|how can i|how to) (lose weight|get rich|learn piano|fix a flat tyre|tie a tie|clean a carpet|plant tomatoes|get a job|make friends|stop smoking|sleep better|write a book|grow a beard|ask for a raise|remove a stain|learn to swim|train a dog|change a light bulb|do a backflip|file my taxes)
(what is the news|any news|what happened|who died|what is on tv|which movies run)( today| yesterday| this week|)
(remind|wake|call|text|message) (me|my mother|bob|anna) (tomorrow|at 10|later|now|in an hour)
(open|close|delete|create|read|edit|move) (the door|the window|a file|my file|report.txt|the garage|the app|a document|the folder)( please|)
(search|google|look up|find) (the web for |the internet for |google for |on the web |){thing}
(turn on|turn off|dim) the (light|lights|radio|tv|heating|music)
(who|what) is (the best|the worst|your favourite|the most famous) (singer|actor|team|colour|food|movie|book|animal|number|country|song|game|player|city)
{noise}
{noise} {noise}
{thing}
what is {thing}
(i am|i feel) (bored|sad|tired|hungry|lonely|angry|ill|happy|in love|lost|stressed|cold)( today| now|)
(where|when|why|who|what|how)( is that| is it| then| else|)
(spell|pronounce|rhyme) (the word|the name|a word|a word with)( {noise}| {thing}|)
(generate|create|make|draw|show me) (an image|a picture|a photo|a logo|a video|a meme|a diagram)( of {thing}|)
(define|synonym of|antonym of|the meaning of the word|the plural of|another word for) (happy|serendipity|big|fast|quick|clever|mouse|child|love|strong|beautiful|old|osmosis|irony)
(should i|is it good to|can i) (invest in gold|quit my job|marry|move to {country}|eat meat|buy a house|drink milk|get a {pet}|study law|vote)
(convert|how much is|how many) {n} (miles|pounds|dollars|euros|inches|gallons|degrees|feet|kilos) (to km|in kilos|in euros|in cm|in litres|in celsius|to metres)
{nouns}
{what} {nouns}
(how many|where are|why are there|who invented|who needs|what are|when were there|do you like|how do you make|the history of|facts about|a list of|pictures of|types of|the best|the price of|where do i buy|how are|who makes|tell me about|define|i like|i hate|write about|teach me about|is it about|do you know about) {nouns}( invented| made| there| used| for sale| in the world| today| please|)
(why|how|when) do {nouns} (grow|work|exist|matter|move|fall|change|die|live|smell|help|break|sleep|fly|end)
(are|were) {nouns} (good|bad|old|alive|real|dangerous|expensive|healthy|beautiful|cheap|heavy|new)
(who|what|where) is {pseudo}
(who|what) (is|was|are) {pseudo}( {pseudo}|)
(tell me about|define|explain|what do you know about|who wrote|who invented|who painted|who discovered|translate|what does|where is|how far is|the story of|a biography of|describe) {pseudo}( mean| from here|)
(how do i|how can i|can you|please) {pseudo} (a|the|my) {pseudo}
{pseudo} (and|of|in|or|is) {pseudo}
{pseudo}( {pseudo}|)
who is the (president|king|queen|ceo|mayor|chancellor|prime minister|coach|owner|head|author|singer) of (america|england|the uk|europe|the world|apple|google|microsoft|{country}|{pseudo})
how many (moons|suns|stars|galaxies|continents|oceans|rivers|animals|people|books|languages|colours|seconds|hours|bones) (are there|exist|are in the sky|are in space|are in a day|are on earth|do we know)
who (wrote|painted|composed|directed|sang|invented|played) (romeo and juliet|macbeth|king lear|the hobbit|don quixote|war and peace|the scream|moby dick|guernica|the starry night|carmen|aida|jaws|titanic|alien|the matrix|yesterday|imagine|thriller|the steam engine|the zipper|paper|glass|chess)
(rank|compare|contrast) (iphones|cars|banks|phones|airlines|religions|diets|browsers|laptops|programming languages|operating systems)
""".strip().split("\n")

