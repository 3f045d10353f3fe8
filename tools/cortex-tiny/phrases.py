"""Shared phrases of the questions. (this|that) is an alternative, {name} is another phrase."""

PHRASES = {
    "how": "(how do i|how do i|how do i|how can i|how can i|how to|how would i|how should i|how does one|how might i"
    "|how do you|how do we|how could i|what do i do to|what must i do to|what should i do to|tell me how to"
    "|explain how to|show me how to|i want to|i need to|i have to|i would like to|i'd like to|can i|could i"
    "|is there a way to|is it possible to|what is the way to|what's the way to|whats the best way to|help me"
    "|i am trying to|steps to|please tell me how to|what's the easiest way to|any way to|let me|do you know how to"
    "|we want to)",
    "what": "(what is|what is|what is|what's|what's|whats|what exactly is|tell me about|tell me what is"
    "|tell me more about|explain|please explain|describe|define|what do you know about|can you explain"
    "|could you explain|could you tell me about|give me an overview of|say something about|i do not understand"
    "|i don't get|i never heard of|a short explanation of|teach me about|help me understand"
    "|what can you tell me about|i want to know about|what kind of thing is|what are)",
    "meaning": "({what}|what do you mean by|what is meant by|meaning of|definition of|the meaning of"
    "|what is the meaning of|the term|what is the definition of|the word|in cortex, what is|what do you call)",
    "does": "({what}|what does|what happens with|what happens when i run|what do i get from|what is the use of"
    "|the purpose of|purpose of|why would i run|when do i use|what happens if i type|when would i use|what will"
    "|what can i do with|describe the command|explain the command|what is the command)",
    "do": "(| do| do exactly| show| print| mean| tell me| give me| good for)",
    "command": "(which command can i use to|what command do i need to|what is the command to|which cortex command is used to"
    "|the command to|command to|with which command can i|what do i type to|what do i run to|what's the cli command to"
    "|tell me the command to|which command do i use to|which command lets me|is there a command to"
    "|on the command line, how do i|in the terminal, how do i|from the shell, how do i|{how}|{how})",
    "file": "({what}|what goes into|what do i put in|what do i write into|what can i set in|what can i configure in"
    "|which settings are in|what belongs in|what is inside|the contents of|contents of|content of"
    "|what does one find in|purpose of|the purpose of|why is there a|what is the use of|what is the role of"
    "|explain the file|describe the file|what are the sections of|which options are in|what do i use)",
    "support": "(does it support|does cortex support|do you support|is there support for|can i use|can it do|does it do"
    "|can cortex do|can you do|is it able to do|does the gateway support|does the api support|do you have|does it have"
    "|does it handle|can i get|are we able to use|will it do|is there|what about|how about|i need|i want|i use|is|are)",
    "model": "(a model|a model|the model|one model|my model|this model|some model|models|an llm|a certain model"
    "|that model|qwen3|the big model|the small model|gemma|llama)",
    "node": "(a node|a node|another node|a new node|one more node|a second node|another host|a host|a new host|a gpu host"
    "|a gpu box|a machine|another machine|a second machine|another computer|my other computer|a server"
    "|a new gpu server|another gpu machine|a neuron|a new neuron|one more neuron|my gaming pc|more gpu machines)",
    "it": "(it|cortex|the fleet|the program|the gateway|everything|this|the whole thing|the server)",
    "please": "(|| please| in short| for me| here| in cortex| exactly| again)",
}
