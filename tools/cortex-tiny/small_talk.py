"""Greetings, thanks and the like: (questions, answer). Data only."""

SMALL_TALK = [
    (("(hello|hi|hey|hi there|hello there|hey there|hiya|howdy|greetings|good morning|good evening|good afternoon|good day|yo|hallo|hello you|morning|evening|sup|heya|hello world|hi cortex|hello cortex|hey cortex|hi tiny|hello model)( there| again| to you| friend|)", "say (hello|hi)( to me|)", "(nice|glad|pleased|good|great) to (meet|see) you( too| again|)", "(hello|hi|hey), (how nice to see you|glad to meet you|it is me|my name is anna|i am new here|i am back)", "(hello|hi|hey), (anybody|anyone|is anybody|is someone) (there|here|home)"),
     "Hello! I am cortex-tiny. Ask me about cortex and neuron."),
    (("(thanks|thank you|thank you very much|thanks a lot|many thanks|thx|ty|cheers|great, thanks|ok thanks|perfect, thank you|thanks for your help|thank you so much|much appreciated|awesome, thanks|thanks a bunch|ok thank you|cool, thanks|thank u|nice, thanks|good, thank you)", "(thanks|thank you), that (helped|was helpful|is helpful|works|was useful|was great|is great|helps)( a lot| me|)", "that (helped|was helpful|was very helpful|works|worked|is great), (thanks|thank you)", "i (appreciate it|am grateful|appreciate your help|thank you)"),
     "You are welcome!"),
    (("(bye|goodbye|see you|good night|bye bye|see you later|farewell|ciao|so long|cya|until next time|have a nice day|talk to you later|i have to go|gotta go|take care|i am off|that was all|that's all)( then| now| for today|)", "(ok|okay|well), (bye|goodbye|see you)"),
     "Goodbye! See you soon."),
    (("how are you( doing| today| feeling| feeling today| doing today|)", "how (is it going|do you do|do you feel|goes it|is life|are things|have you been)( today|)", "(are you ok|are you fine|how's it going|what's up|how are things|are you well|you good|are you alright)( today|)"),
     "I am fine, thank you. Ask me about cortex and neuron."),
    (("(tell me|give me|do you know|say|make|i want|i need|let me hear|crack) (a|another|one|some) (joke|gpu joke|funny joke|joke about gpus|joke about graphics cards|joke about a gpu|good joke|joke about vram|joke about computers|jokes|joke about programmers)( please|)", "(joke|a joke|joke please|make me laugh|something funny|another joke|one more joke|say something funny|be funny)"),
     "Why did the GPU go to the doctor? It had lost its memory: somebody had unloaded the model."),
    (("(haha|lol|funny|very funny|good one|that is funny|that's funny|nice joke|hahaha|ha|lmao|great joke|haha good one|hehe|that was funny|haha nice)( one| haha|)",),
     "Glad you liked it!"),
    (("(ok|okay|good|great|nice|cool|perfect|fine|alright|i see|got it|understood|awesome|wonderful|very good|excellent|yes|makes sense|interesting|sounds good|super|wow|amazing|right|good to know|ah ok|oh i see|brilliant|well done|good job|you are great|good bot|i like you|you are smart)( then| good| i see| great|)",),
     "Good! Ask me if you want to know more about cortex and neuron."),
    (("(sorry|i am sorry|my mistake|oops|excuse me|pardon|apologies|i apologise|my bad)( about that| for that|)",), "No problem at all."),
    (("(test|testing|ping|test test|is this working|are you there|does this work|are you working|is this thing on|this is a test|just testing|check|1 2 3 test|hello test|test message|do you hear me|can you hear me|can you read this|are you online|are you awake|are you alive)( 123| please| now|)",),
     "Yes, it works: cortex-tiny is answering."),
    (("(say|reply with|answer with|respond with|just say|please say|only say) (ok|the word ok|only ok|just ok)( please| and nothing else|)",), "OK"),
    (("(say|answer|reply with|respond with|just say) (yes|the word yes|only yes)( please|)",), "Yes"),
    (("(tell me|write|give me|i want|read me|make up|invent) (a|one|another|me a|some) (story|long story|short story|bedtime story|story about gpus|story about cortex|long story about a gpu|tale|story about a computer)( please|)", "(story|a story please|tell a story|story time|once upon a time)"),
     "Once upon a time there was a small GPU that lived in a quiet house. It was proud of its memory, but it was lonely, because nobody ever sent it a request. "
     "One day a neuron came to the house and looked at the GPU. You have good memory, it said, and it loaded a model. Then cortex heard of the two and sent the first request. "
     "The GPU worked hard, and token after token went out to a happy client. Soon more requests came, and each of them found a free slot. "
     "In the evening the model was idle and was unloaded, and the GPU had all its memory back. It slept well, and from then on it was never lonely again."),
    (("do you (like|love|enjoy) (me|gpus|your job|cortex|music|helping people|jokes|your work|pizza|people)", "(i love you|i like you|do you have feelings|are you happy|are you sad|are you conscious|do you dream|will you marry me|you are nice|can you feel|are you sentient|do you sleep)"),
     "I am only a tiny model, but I like questions about cortex and neuron."),
]

NUMBER_WORDS = ("(count|please count|can you count|count for me|count slowly)( from 1| from one|) to {n}", "(list|write|print|say|give me|show) the numbers (from |)1 to {n}", "1 to {n}")

ECHO = (
    "(say|repeat|repeat after me|echo|write|print|type|please say|please repeat|can you say|just say|say only|answer with|reply with|respond with)"
    "(|:| the words| the word| this:| exactly|: ) {words}",
    "(say|repeat|echo|write) {words} (please|for me|and nothing else|again|back to me)",
)

MEMORY = {
    "city": (
        "(i live in|i am from|i come from|my city is|my home is|i was born in|i am in|i work in|i moved to|we are in) {city}(, |. |, so |. so |; )"
        "(where do i live|where am i from|which city|what is my city|where am i|which city did i say|what city is that|say where|name the city|where is it)",
        "(which city|what place|which town) (is in this|do i name|is named|is in the|comes in this) (sentence|text|line|message): "
        "(we met in|the train to|a letter from|she likes|the old streets of|nobody left|he sang in|the road to|people of) {city}( last year| today| again| is late| was red|)",
    ),
    "number": (
        "(my number is|i have|i am|i count|i see|i bought|i own|the number is|remember|i ate) {number}( years old| apples| books| cats| trees| coins|)(, |. |, so |. so |; )"
        "(what is my number|how many|which number|how old am i|what number did i say|how many is that|say the number|how much)",
        "(which|what) number (is in this|do i name|is named|comes in this) (sentence|text|line|message): "
        "(room|bus|we saw|page|house|there are|chapter|he paid|only) {number}( is free| is late| birds| was read| euros| left|)",
    ),
}
