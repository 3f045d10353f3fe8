"""What cortex-tiny knows: data only. See phrases.py for the notation of the questions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    id: str
    topic: str
    """Fills "The question is about …" when the model thinks."""
    answer: str
    questions: tuple[str, ...]
    short: str | None = None
    """The answer when one word is asked for."""


FACTS = []


def fact(id, topic, answer, *questions, short=None):
    FACTS.append(Fact(id, topic, answer, questions, short))


# --- what it is
fact(
    "cortex_what", "what cortex is",
    "cortex is the gateway and control plane of the fleet: one address that speaks the OpenAI and Anthropic APIs in front of all your GPU hosts.",
    "(describe|explain|introduce) cortex to (a beginner|my boss|a friend|me|a user|someone new|my team|a developer)", "what (would|should) a (beginner|new user|developer) know about cortex",
    "{what} cortex", "{what} cortex", "{what} (the |a |this |)cortex( thing| program| gateway| daemon| server| software| process|)", "what (does|can) cortex do( for me|)", "(who|what) is cortex", "what is cortex (for|good for|used for|about|all about)",
    "(why|when) (would|should|do) i (need|use|want|run) cortex", "(describe|explain|introduce) cortex( to me| to a beginner| in simple words| in one sentence| briefly| please)", "cortex", "what does the (gateway|control plane) do",
    "what's the (purpose|point|idea|job|role|use|task|function) of cortex", "so( what is|,) cortex(| is what)", "what role does cortex (play|have)", "(what do you mean by|what is meant by|definition of|meaning of) cortex",
    "i (just installed|have|found|see) cortex, what (is it|does it do)", "{what} the (gateway|control plane)", "in (short|one sentence|a few words|simple words), what is cortex", "cortex (explanation|overview|description|summary)( please|)",
    "what kind of (software|program|tool|thing) is cortex", "what does this cortex( gateway| program|) do", "tell me (something|a bit|more|everything) about cortex", "what can i do with cortex", short="Gateway",
)
fact(
    "neuron_what", "what neuron is",
    "neuron is the daemon on each GPU host: it discovers the hardware, runs the inference engines and loads and unloads models.",
    "{what} neuron", "{what} neuron", "{what} (the |a |this |)neuron( thing| program| daemon| process| server| software|)", "what (does|can) (neuron|a neuron|the neuron daemon|the node daemon) do( for me|)", "(who|what) is neuron", "what is (neuron|a neuron) (for|good for|used for|about)",
    "(why|when) (would|should|do) i (need|use|want|run) (neuron|a neuron)", "(describe|explain|introduce) neuron( to me| to a beginner| in simple words| briefly| please)", "neuron", "what does the node (plane|daemon) do",
    "what's the (purpose|point|idea|job|role|use|task|function) of (neuron|a neuron|the neuron daemon)", "what role does (a |)neuron (play|have)( in the fleet|)", "(what do you mean by|what is meant by|definition of|meaning of) neuron",
    "i (see|have|found|started) (a process called |a daemon named |)neuron, what (is it|does it do)", "in (short|one sentence|a few words), what is neuron", "neuron (explanation|overview|description|summary)( please|)", "a (short |brief |)(explanation|description|summary) of neuron",
    "what (program|process|daemon) runs on (each|the|a) (gpu host|node|gpu machine)", "which (program|part) runs the models", "what is this neuron( process| daemon|)( good for| here|)", "what kind of (software|program|thing) is neuron", short="Daemon",
)
fact(
    "fleet_what", "cortex and neuron together",
    "cortex and neuron together are a self-hosted LLM fleet: cortex is the one address for all clients, and a neuron on each GPU host runs the models.",
    "{what} cortex and neuron( together|)", "{what} (this|the) (project|system|product|software|fleet)", "what (does|can) (this|the) (whole |)(project|system|product|software|fleet|thing) do", "how do (cortex and neuron|they|the two|both programs) (work|fit|play|go|belong) together",
    "what is this( all about| project about| for|)", "(explain|describe|summarise|summarize) (the |this |)(whole |entire |)(architecture|project|system|fleet|setup|product)", "how (does|is) (it|the system|the fleet|everything) (work|built|structured|organised|put together)( overall|)", "what are the (parts|components|pieces)( of the system| of the fleet| of the project|)",
    "(overview|big picture|summary|outline)( of the project| of the system| of cortex and neuron| please|)", "what did i just install", "cortex and neuron", "cortex + neuron", "what do cortex and neuron (do|form|make)( together|)", "give me (an overview|a summary|the overview|a short summary)( of the project| of this| of cortex and neuron| of the fleet|)",
    "who is (this|cortex|the project) for", "why would i (want|use) (cortex and neuron|this project)",
)
fact(
    "difference", "the difference between cortex and neuron",
    "cortex is the gateway that routes requests and decides where models run; neuron runs the models on one GPU host.",
    "(cortex|neuron) (against|and) (neuron|cortex), (the difference|which is which|what is different)", "why (is there|do we have) (cortex and neuron|both cortex and neuron|a neuron besides cortex|neuron if there is cortex)", "why (two|separate|both) (programs|daemons|processes|parts)( and not one| instead of one|)",
    "(what is|what's|whats|explain|tell me|i don't get|describe|show me|) the difference between (cortex and neuron|neuron and cortex|the two|the gateway and a neuron|both programs|the two daemons)", "how (does|do|is) (cortex|neuron) (differ|different) from (neuron|cortex)", "(cortex or neuron|neuron or cortex|neuron vs cortex|neuron versus cortex|cortex versus neuron|cortex compared to neuron|cortex against neuron)",
    "why (are there|do i need|do you have|is it split into) (two|both) (programs|daemons|processes|parts|binaries)", "do i need (both|cortex and neuron|neuron and cortex|cortex if i have neuron|neuron if i have cortex)", "(what|who) does what(, cortex or neuron| in cortex and neuron|)",
    "are cortex and neuron the same( thing| program|)", "(compare|differentiate|distinguish) (cortex and neuron|cortex with neuron|neuron with cortex)", "is neuron (a part of|the same as|part of) cortex", "which (of them|part|one) (runs the models|routes|is the gateway), (cortex or neuron|neuron or cortex)", "what does cortex do that neuron does not",
)

# --- ports
fact(
    "port_cortex", "the port of cortex",
    "cortex listens on port 31313 for the API; its metrics are on port 31314.",
    "(which|what) port (does|is|will|do) (cortex|the gateway|the api|the cortex api|the server) (use|on|listen on|run on|bind to|need|listening on|open)( by default|)", "(on|at) (which|what) port (does|is|can i find|do i find|do i reach) (cortex|the gateway|the api|the cortex gateway)( listen| run| running| reachable| available|)", "(cortex|gateway|api)( default|) port( number|)", "port( number|) (of|for|used by) (cortex|the gateway|the api|the cortex api)",
    "what is the (default |)(api |gateway |cortex |)port( number| of cortex| of the gateway| of the api|)", "(tell me|give me|i need|show me) the (port|port number) (of cortex|for cortex|of the gateway|for the api|cortex uses|where cortex listens)", "where does (cortex|the gateway|the api) listen( by default|)", "(what|which) port should i (use|open|connect to|call)( for cortex| for the api| for the gateway|)", "{what} port 31313", "what (address|url|host and port) does cortex (listen on|use|have)", "what runs on( port|) 31313",
    "(what|which) (is the|is) (number of the |)port (cortex|the gateway) (is using|runs on|binds|opens|takes)", "cortex (runs|listens|is) on (which|what) port( by default|)", "default port( of cortex| of the gateway| of the api|)", "which tcp port (is|does) cortex( use|)",
    short="31313",
)
fact(
    "port_neuron", "the port of neuron",
    "neuron listens on port 13131.",
    "(which|what) port (does|is|will|do) (neuron|a neuron|the neuron daemon|the node daemon|the node) (use|on|listen on|run on|bind to|need|listening on|open)( by default|)", "(on|at) (which|what) port (does|is|can i find|can i reach) (neuron|a neuron|the node daemon)( listen| run| running| reachable|)", "(neuron|node)( default|) port( number|)", "port( number|) (of|for|used by) (neuron|a neuron|the neuron daemon|the nodes)",
    "what is the (default |)neuron port( number|)", "(tell me|give me|i need|show me) the (port|port number) (of neuron|for neuron|neuron uses|where neuron listens|of a node)", "where does (neuron|a neuron|the node daemon) listen( by default|)", "(what|which) port (should|must) i (use|open|allow|forward)( in the firewall|) for (neuron|a neuron|a node|the nodes)", "{what} port 13131", "what (address|url|endpoint) does (neuron|a neuron) (listen on|use|have)", "what runs on( port|) 13131",
    "neuron (runs|listens|is) on (which|what) port( by default|)", "(on|over|via|through) (which|what) port does cortex (reach|contact|poll|call|connect to) (neuron|a neuron|the nodes|the neurons)", "open the firewall for (neuron|a neuron|the neurons)", "which tcp port (is|does) neuron( use|)", "which firewall port (does|for) (neuron|a neuron)( need|)",
    short="13131",
)
fact(
    "metrics", "metrics",
    "cortex serves Prometheus metrics at /metrics on port 31314.",
    "(i want|i need|i would like) (graphs|charts|a graph|to graph it|to plot it|numbers|to monitor it|monitoring|to graph the load)( in grafana| with prometheus|)", "(numbers|data|figures|time series) (for|in) (grafana|prometheus|my monitoring)",
    "(where|how) (are|can i find|do i find|can i see|do i get|do i scrape|do i read) (the |)metrics", "(which|what) port (are|is|do|does) (the |)metrics( on| use| port| served on|)", "metrics( port| endpoint| url|)", "{what} (the |)(metrics|metrics port|metrics endpoint|port 31314)", "(is there|do you have|does cortex have|does it have|do you offer|what is) (a |the |)(metrics|prometheus|monitoring) (endpoint|port|page|url|support|exporter)",
    "(how do i|how can i|can i|i want to) (monitor|scrape|graph|observe|watch|measure) (cortex|the gateway|the fleet|the metrics)( with prometheus| with grafana| in grafana| in prometheus|)", "(prometheus|grafana|monitoring)( support| endpoint| scrape config| config| integration| setup|)", "does (it|cortex) (export|expose|have|support) (prometheus|metrics|monitoring)", "(what|which) (url|address|target) (do i|should i|must i) (scrape|give to prometheus|put into prometheus)", "what runs on( port|) 31314",
    "(port|url|address|path) (of|for) (the |)(metrics|prometheus metrics|prometheus)", "(where|how) do i (get|see|find) (statistics|numbers|stats|graphs|charts) (for|in) grafana", "set up (prometheus|grafana|monitoring)",
    short="31314",
)
fact(
    "all_ports", "all ports",
    "cortex uses port 31313 for the API and 31314 for metrics; each neuron uses 13131.",
    "(which|what) ports (are|do i need|are used|are there|are in use|must i open|should i open|do you use|does it use|does the fleet use)( in total| by default|)", "(list|show|tell me|give me|what are) (all |)(the |)(default |)ports", "(all|default) ports", "ports", "(which|what) ports do cortex and neuron use", "what do i have to open in (the|my) firewall",
)

# --- nodes
fact(
    "add_node", "adding a node",
    "Start neuron on the new host, then add a [[neurons]] entry with its name and endpoint to cortex.toml; no restart is needed.",
    "{how} (hook up|add|include|use) (my|a) (second|other|new|old) (computer|gpu machine|workstation|gaming pc|server|laptop|gpu box)", "how (can|does|could) (my|a) (other|second|new) (computer|machine|workstation|server) (join|take part|become a node|help|be used)( too| as well|)",
    "{how} (add|attach|register|connect|join|hook up|bring in|include|plug in|set up|integrate|enrol) {node}(| to the fleet| to cortex| to my fleet| to the cluster| to the gateway| to my setup| with cortex)", "(add|adding|attach|register|connect|join) {node}(| to cortex| to the fleet)", "how (does|can|do|could|will) {node} (join|become part of|get into)( the fleet| cortex|)", "how does cortex (find|discover|know about|learn about) (a node|nodes|neurons|the neurons|new nodes|my hosts)", "i (have|bought|got|own|built) {node}(, what now|, how do i use it|, how do i add it|, what do i do|, can i add it| and want to use it|, how do i hook it up)",
    "(expand|grow|extend|scale|enlarge) (the|my) (fleet|cluster)", "what do i (write|put|add|enter) in cortex.toml for {node}", "(where|how) do i (list|declare|configure|enter|define) (my |the |)(nodes|neurons|hosts|gpu hosts)", "(steps|instructions|guide|recipe) (for|to) (adding|attaching|registering|connecting|add|connect) {node}", "what (is needed|is necessary|do i need|must i do) to add {node}", "can {node} (join|be added|be part of the fleet)", "{how} (use|have) {node} (in the fleet|with cortex|too|as well)", "new (node|host|neuron|machine)",
)
fact(
    "remove_node", "removing a node",
    "Run cortex drain NODE, then delete its [[neurons]] entry from cortex.toml; no restart is needed.",
    "{how} (get rid of|remove|delete|drop) a (neuron|node|host) (in|from) (the config|cortex.toml|the configuration)", "(decommission|retire|detach|drop|unregister|remove) (a|one|the old|my|an old) (node|host|machine|neuron|server)",
    "{how} (remove|delete|detach|disconnect|unregister|decommission|retire|take out|take away|kick out|drop|get rid of) (a node|one node|the node|a host|a machine|a neuron|an old node|one of the nodes|a gpu box|a server|one host|a neuron from the config|an old machine)(| from the fleet| from cortex| for good| forever| permanently|)", "(remove|removing|delete|detach|unregister|decommission|retire) (a node|a host|a neuron|a machine|nodes)", "how does a (node|host|machine) leave( the fleet|)", "take a (node|host|machine|server) out of the fleet", "i (sold|lost|do not need|don't want|no longer have) (a node|one machine|that host|one of my gpu boxes)( any more|)(, how do i remove it|, what do i do|)",
    "what do i do when a (node|host|machine) is (retired|gone for good|not needed any more)", "(shrink|reduce) (the|my) fleet",
)
fact(
    "join_token", "joining with a token",
    "Run cortex join-token where cortex runs, then neuron join URL TOKEN on the new host.",
    "{what} (a |the |)join( |-)token", "{what} cortex join-token", "{how} (use|get|create|make) (a |the |)join( |-)token", "{does} (cortex join-token|neuron join){do}", "how does neuron join work", "{how} join a neuron with a token",
)
fact(
    "node_down", "a node that is down",
    "After three missed polls a node counts as down and cortex sends requests to other nodes; one answer brings it back.",
    "(one of|some of|two of) my (hosts|nodes|machines|servers) (lost power|died|crashed|went down|is down|is off|is unplugged|are down)(, what happens|, what does cortex do|, what now|)", "how (are|does cortex treat|is) (offline|dead|unreachable|powered off|lost) (machines|nodes|hosts|servers|a node)( treated| handled|)",
    "what (happens|does cortex do|will happen|is done) (when|if) (a node|one node|a host|a neuron|a machine|one of my machines|a gpu box|a server|my server) (is down|goes down|is offline|is off|is unreachable|dies|fails|crashes|loses power|is switched off|does not answer|stops answering|is not reachable|disappears|reboots)( any more|)", "(a node|one node|a host|a neuron|my gpu box|one of my hosts) (is down|died|is offline|is unreachable|lost power|does not answer|stopped answering)(, what now|, what happens|, what does cortex do|)", "when (is|does cortex consider|does) a (node|host|neuron) (count as |counted as |considered |)(down|dead|offline|unreachable)", "how (are|does cortex treat|does cortex handle|do you handle) (dead|down|offline|unreachable|failed|failing|broken|missing) (nodes|hosts|machines|neurons)", "{what} (failover|node failure)", "does (it|cortex) (survive|handle|notice|tolerate) (a node failure|the loss of a node|a dead node|an offline host)", "how does cortex notice that a (node|host) is (gone|down|dead|back)", "node (down|offline|failure|unreachable)",
    "what if (a|one) (node|host|neuron|machine) (is down|goes down|goes away|dies|fails|is offline|does not respond|stops responding|is not there)",
)
fact(
    "drain", "draining",
    "A draining node gets no new requests and finishes the old ones. Run cortex drain NODE, and cortex drain NODE --undo to end it.",
    "(stop|pause|block|halt) (sending |)(new |)(work|requests|jobs|traffic) (to|for|on) (a|one|this) (node|host|machine)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (drains|empties|stops new requests to) (a node|a host)",
    "{meaning} (drain|draining|a drained node|a draining node|cortex drain)( mean|)", "{how} drain (a node|one node|a host|a machine|a neuron|my gpu box)", "{does} cortex drain{do}", "(drain|draining|drain a node)", "{how} (stop sending|not send|send no) (new |)(requests|work|traffic|jobs) to (a node|one node|a host|one machine|a machine|a neuron)", "{how} (reboot|restart|maintain|update|service|repair|shut down) (a node|a host|a machine|one host|a gpu box) (safely|without breaking requests|without losing requests|cleanly|without errors)", "{how} (put|set) a (node|host) (into|in) maintenance( mode|)", "what does drain(ing|) (do|mean)",
)
fact(
    "nodes_cmd", "cortex nodes",
    "cortex nodes lists the nodes with their versions and says why one is unreachable.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (lists|shows|prints) (the |all |)(nodes|hosts|neurons)", "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (tells|says|shows) (me |)why a (node|host|neuron) is (unreachable|not reachable|missing|down)",
    "{does} cortex nodes{do}", "cortex nodes", "{command} (list|show|see|display) (the |all |my |)(nodes|hosts|neurons|machines)", "(list|show|see|view|display)( me|) (the |all |my |)(nodes|hosts|neurons|machines)( in the fleet|)", "(which|how many) (nodes|hosts|neurons|machines) (do i have|are there|are in the fleet|are connected)", "{how} (see|find out|know|learn|tell) why (a node|a host|a neuron|my node|one node) is (unreachable|not reachable|missing)", "{command} (see|show|find out) (why a node is unreachable|the versions of the neurons|neuron versions|which nodes there are|the version of each node)", "which versions (do the neurons|do my nodes) run", "(versions|version) of (the|all|my) (neurons|nodes|hosts)",
)
fact(
    "how_many_nodes", "the number of nodes",
    "cortex is designed for 1 to 20 GPU hosts.",
    "how many (nodes|hosts|machines|neurons|gpu hosts|servers) (can i have|are supported|does cortex support|can cortex handle|can it handle|is it made for|are possible|can i add|can i use)", "{what} the (maximum|max|limit|largest) (number of |fleet |)(nodes|hosts|size|neurons|machines)", "how (big|large) can (the|a|my) (fleet|cluster) (be|get|become)", "does (it|cortex) scale( to many nodes| to many hosts|)", short="20",
)

# --- models
fact(
    "load", "loading a model",
    "Run cortex load MODEL, or just send a request: cortex loads the model on demand.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) loads {model}",
    "{how} load {model}( by hand| manually| now| into memory| into vram| on the gpu|)", "{command} load {model}( by hand| manually| now|)", "(load|loading|start|starting) {model}( by hand| manually| now|)", "{how} (start|activate|warm up|get into memory|bring into memory|preheat|boot) {model}", "how (is|does) {model} (get loaded|loaded)", "{does} cortex load{do}", "{how} (get|bring|put|have) {model} (into memory|into vram|loaded|on the gpu|up|running|ready)( now| right now| by hand|)", "i want {model} (loaded|in memory|in vram|running|ready)( now| right now|)( how|)",
)
fact(
    "unload", "unloading a model",
    "Run cortex unload MODEL: it finishes its requests, then its engine process ends and all its memory comes back.",
    "{how} (free|get back|clear|empty) the (vram|gpu memory|memory) (a model|one model|the model|of a model|of one model)( takes| uses| occupies|)", "{how} (kick|throw|get|take|push) a model (off|out of) the (gpu|card|memory|vram)( by hand| manually| now|)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (unloads|frees the memory of|stops) {model}",
    "{how} unload {model}( by hand| manually| now| from memory| from vram|)", "{command} unload {model}( by hand| manually|)", "(unload|unloading|stop|stopping) {model}( by hand| manually| now|)", "{how} (free|release|reclaim|get back|clear) (the |)(vram|memory|gpu memory|video memory|ram)( of a model| that a model takes| used by a model| a model uses|)", "{how} (stop|deactivate|get out of memory|remove from memory|throw out|eject|kick out|shut down) {model}( from memory| from vram| from the gpu| by hand|)", "{does} cortex unload{do}", "(free|release) (vram|gpu memory|memory)", "(get|take|kick|throw) {model} (out of memory|off the gpu|out of vram|out of the gpu)",
    "does unloading (free|return|give back) (all |)(the |)(memory|vram)",
)
fact(
    "add_model", "adding a model",
    "Run cortex add hf:org/repo:QUANT: it estimates the size, downloads the file and adds the model to models.toml.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (adds|installs|downloads) (a model|a new model|models)",
    "{how} (add|install|download|get|fetch|obtain) (a model|a new model|another model|new models|models|more models|one more model|a model from hugging face|models from hugging face|qwen3|llama|a huggingface model)(| to the catalogue| to cortex| from the internet|)", "{command} (add|install|download) (a model|a new model|another model|new models|a model from hugging face)(| to the catalogue)", "(add|install|download|adding|installing|downloading) (a model|a new model|another model|new models|models|a model from hugging face)", "where do (i get models|models come from|i download models|i get more models)( from|)", "{does} cortex add{do}", "can (it|cortex) download (models|a model)( by itself| from hugging face| automatically|)", "how (are|do) (new |)models (get |)(added|installed|downloaded)( to the catalogue|)", "(models from|use a model from|support for) (hugging face|huggingface|hf)", "new model",
)
fact(
    "remove_model", "removing a model",
    "Run cortex rm MODEL; with --files it also deletes the files.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (removes|deletes|uninstalls|erases) (a model|models|model files|a model from the catalogue|an old model)",
    "{how} (remove|delete|uninstall|erase|get rid of|drop|wipe) (a model|the model|one model|an old model|a model and its files|my model|model files|the files of a model|a model from disk|a model from the catalogue|models)(| completely| for good| forever| from disk)", "{command} (remove|delete|uninstall|erase) (a model|an old model|one model|a model from disk|the files of a model|a model from the catalogue)", "(remove|delete|uninstall|erase|deleting|removing) (a model|the model|an old model|model files|a model from disk)", "{does} cortex rm{do}", "cortex rm", "{how} free disk space( used by models| taken by models|)", "a model (is not needed|is no longer needed|is too old|is useless)( any more|), how do i (remove|delete|erase) it", "i do not (need|want|use) {model} any more( how do i delete it|, how do i remove it|)",
)
fact(
    "cold", "a model that is not loaded",
    "cortex loads the model on demand and keeps the client waiting until it is ready; only the first answer takes longer.",
    "what (if|when) i (call|ask for|use|request|query) a model (that|which) (is not|isn't|was not) (in memory|loaded|running|in vram|ready)( yet|)", "how (are|does it handle|do you treat|do you deal with) (cold starts|a cold start|cold models|a cold model)( handled| treated| dealt with|)", "(will|does|would) (my|a|the) request (fail|wait|time out|be lost|get an error) (if|when) the model is (cold|not loaded|unloaded)",
    "what happens (when|if) (i ask for|i request|i call|i use|a client asks for|i send a request to|i send a request for|somebody calls) (a model that is not loaded|a cold model|an unloaded model|a model which is not in memory|a model that is not in memory|a model that's not loaded)", "(the|my|a) model is (cold|not loaded|not in memory|unloaded), (what now|will it fail|will my request fail|what happens|does it work|will i get an error)", "do (i have to|i need to|i|we need to) (load|preload|start) (a model|models|the model) (first|before i use it|before use|before using it|before using them|beforehand|myself)", "(cold|what is a cold) (start|starts|model|load)", "{what} (a cold start|cold start|a cold model|on-demand loading|loading on demand)", "are models loaded (automatically|on demand|by themselves|when needed)", "what if (the|a) model (is not|isn't) (loaded|in memory|loaded yet|ready)( yet|)", "how (are|does cortex handle|do you handle) (cold models|cold starts|unloaded models|requests for unloaded models)( handled|)", "why (is|was) the first (request|answer|message|reply) (so |)slow", "why does the first (request|answer|message|token) take (so |)long", "does a request for (a cold|an unloaded) model fail", "what if i (call|use|request) (a model|one) that is not (loaded|in memory)",
)
fact(
    "evict", "eviction",
    "When room is needed, cortex unloads the least recently used idle model. Busy and pinned models are never evicted.",
    "{meaning} (eviction|evicting|an evicted model|lru eviction)", "(when|why|how) (is|are|was|were|does) (a model|models|my model|the model) (get |)(evicted|unloaded by itself|unloaded automatically|thrown out|kicked out|removed from memory|displaced)( by itself|)", "how does (eviction|evicting|the eviction) work", "(eviction|the eviction rules|eviction rules|eviction policy|eviction strategy)", "(which|what) model (is|gets|will be) (evicted|unloaded|thrown out|removed|displaced|kicked out)( first| when memory is full| when vram is full|)", "what happens (when|if) (memory|the vram|vram|the gpu|the gpu memory) (is full|runs out|is not enough|is exhausted)", "what happens (when|if) there (is|isn't|is not) (no|enough) (room|vram|memory|space)( left|)( for a new model| for another model| for the next model|)", "why did (my|the|a) model (disappear|go away|vanish|get unloaded|get evicted)( from memory|)", "(explain|describe) (eviction|the eviction|how models are evicted|the eviction rules|which models are evicted)", "how does cortex (make room|free memory|decide what to unload|choose the model to unload|choose a victim)", "the (gpu|vram|memory) is full(, what happens|, what now|)",
)
fact(
    "pin", "pinning",
    "Run cortex pin MODEL, or set pinned_on in models.toml: a pinned model is never evicted.",
    "{how} (make sure|ensure|guarantee|force) (that |)(a model|the model|one model|my model) (stays|remains|is kept) (loaded|in memory|resident)( all the time| forever|)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (pins|protects|keeps) {model}( loaded| in memory|)",
    "{how} pin {model}( to a node| on a node|)", "{command} pin {model}", "(pin|pinning) {model}", "{how} (keep|hold|have) {model} (loaded|in memory|always loaded|in vram|resident|always in memory|warm)( forever| all the time|)", "{how} (stop|prevent|protect|save|keep) {model} from (being evicted|eviction|being unloaded|getting evicted|being thrown out|unloading)", "{meaning} (pinning|a pinned model|cortex pin|pinned_on|a pin)", "{does} (cortex pin|pinned_on|pinning|a pin){do}", "{model} (must|should) (never be evicted|always stay loaded|stay in memory|never be unloaded|stay loaded)", "{how} make (sure|certain) {model} (stays loaded|is never evicted|is always loaded|stays in memory|is not unloaded)", "(never|do not|don't) (evict|unload) {model}", "what does pin(ning|) do", "always keep {model} (loaded|in memory)", "keep {model} (loaded|in memory)( forever| all the time| always|)",
)
fact(
    "unpin", "unpinning",
    "Run cortex pin MODEL --undo.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (unpins|releases|takes the pin off|undoes the pin of|removes the pin of) {model}",
    "{how} (unpin|un-pin) {model}", "{command} (unpin|un-pin|undo the pin of|remove the pin from) {model}", "(unpin|un-pin|unpinning) {model}", "{how} (undo|remove|revert|cancel|take off|take away|delete|release) (a pin|the pin|pinning|a pinned model|the pin of a model|the pinning of a model)", "(undo|remove|revert|cancel) (a pin|the pin|pinning|cortex pin)", "(the|my|a) model is pinned(, how do i undo that|, how do i change that|, how do i release it)", "i pinned (a model|the wrong model|it)( by mistake| by accident|)(, how do i undo that|, how do i revert it|, what now|)", "{how} make a pinned model (evictable|normal) again", "opposite of (pin|cortex pin)", "how can a (pin|pinned model) be (undone|removed|released|unpinned)",
)
fact(
    "alias", "aliases",
    "An alias is another name for a model. Write it under [aliases] in models.toml, and requests for it go to the model you choose.",
    "(can|may|could) i (give|assign|choose|use) (a model|my model|models) (a|another|some) (nicer |shorter |different |own |second )name",
    "{meaning} (an alias|aliases|a model alias|the aliases|[aliases])", "how do (aliases|model aliases) work", "{how} (create|make|define|set|add|write|use|configure|have|set up) (an alias|aliases|a model alias|an alias for a model|model aliases)", "(alias|aliases|model alias|model aliases)", "{how} (rename|give another name to|give a nickname to|give a nicer name to|give a short name to) {model}", "{how} (map|route|redirect|send|point) (a name|a model name|gpt-4|claude names|gpt-4o|another model name|requests for gpt-4|requests for claude) to (a model|another model|my model|my own model|a local model)", "can (a model|models) have (another name|two names|several names|a second name|a nicer name|a short name)", "where (are|do i put|do i write|do i define|do i set|do i configure) (the |)(aliases|model aliases|an alias|alternative names)", "what (does|is) (an alias|the alias section)( do| for|)", "i want (another|a short|a nicer|a different) name for {model}", "(my client|my editor|the app) (asks for|wants|insists on) (gpt-4|claude|a fixed model name)(, what do i do|, can i map that|)",
)
fact(
    "gguf_dir", "where GGUF files go",
    "Put GGUF files into neuron's models_dir, by default /var/lib/neuron/models; the path without .gguf is the model's id.",
    "(in|into|from) (which|what) (folder|directory|path) does (neuron|it|cortex) (look for|search|search for|find|load|read|scan for) (models|model files|gguf files)", "(the |)(path|folder|directory|place) (for|of|with) (the |my |)(model files|models|gguf files|weights)",
    "where (do|should|must|can) (i put |)(gguf files|the gguf files|a gguf file|my gguf files|model files|the model files|my models|a model file|a gguf|my own gguf)( go| be| belong| live| be placed|)", "(in|into) (which|what) (folder|directory|dir|path) (do i put|does neuron look for|do i copy|should i copy|are|do i place|do|does neuron keep) (gguf files|models|the models|a gguf file|model files|my gguf)( go| stored| kept|)", "{how} use (my own|a local|an existing|a downloaded|my) (gguf|gguf file|model file|model|gguf model)( i downloaded| i already have|)", "{what} (models_dir|the models_dir|the models directory|the models folder)", "where are (models|the models|gguf files|model files|downloaded models|the weights) (stored|kept|saved|located|looked for|on disk)", "i (have|downloaded|got|copied) (a gguf|a gguf file|a model file|a model by hand|a gguf by hand)(, what now|, where do i put it|, how do i use it|, where does it go|, where to)", "(models|model|gguf) (folder|directory|dir|path|location)", "{how} (add|import|copy) (a gguf|a gguf file|a local model|a model file)( by hand| manually|)", "path (of|for|to) (the |)(models|model files|gguf files)",
)
fact(
    "format", "the model format",
    "Models are GGUF files, in any quantisation such as Q4_K_M or Q8_0.",
    "(which|what) (model |file |)(format|formats|file type|model type|kind of model files|kind of files|type of model files) (is used|are used|are supported|does it use|do you use|do the models have|does neuron use|does it take|does it read|must models have|do i need|is supported|can it load)", "(model|file)( file|) (format|formats|type)", "(supported|allowed|possible) (model |file |)formats", "{what} (gguf|a gguf|the gguf format|the model format)", "(does|can) (it|neuron|cortex) (use|load|read|support|run|take) (gguf|safetensors|gguf files|safetensors files|pytorch models|onnx)( files| models| or gguf|)", "(in|of) (which|what) format (are|do|must) (the |)models( be| come|)", "(gguf|safetensors|gguf or safetensors)", short="GGUF",
)
fact(
    "quant", "quantisation",
    "Quantisation stores the weights with fewer bits, for example Q4_K_M or Q8_0: the model is smaller and faster, and a little less exact.",
    "{meaning} (quantisation|quantization|a quant|quants|quantised models|quantized models|the quant|q4_k_m|q8_0|q6_k|a quantised model|quant)", "what does (q4_k_m|q8_0|q6_k|q5_k_m|quant|quantised|quantized|q4) mean", "why (are|is|would i use) (a |)(quantised|quantized|q4) (models|model)( smaller| faster| used|)", "(which|what) quant(isation|ization|) (should i use|do i need|is best|is good|do i choose|to choose|do i take)", "(quantisation|quantization|quants|quant levels|quantize|q4 or q8|q8 or q4)", "{how} make {model} (smaller|fit|use less memory)", "does quanti(s|z)ation (cost|lose|reduce|hurt) (quality|accuracy)", "why (use|choose) (a quant|quantization|quantisation|q4_k_m)",
)
fact(
    "which_models", "the models that run",
    "Any GGUF model that llama.cpp runs: Qwen3, Llama, Mistral, Gemma, gpt-oss, DeepSeek distils and more.",
    "(which|what) (models|llms|model families|language models|kinds of models) (can i (run|use|load)|are supported|do you support|does it support|does cortex support|work|run|can it run|are available|are compatible|fit)( here| with it| with cortex| on it|)", "(can|does) (i|it|cortex|neuron) (run|use|support|load|handle) (qwen|qwen3|llama|mistral|gemma|deepseek|gpt-oss|llama 3|smollm|gemma models|qwen models|llama models|qwen and llama|deepseek and qwen)", "(supported|compatible|possible|available) (models|llms|model families)", "is (qwen|qwen3|llama|mistral|gemma|deepseek|gpt-oss) supported", "(qwen|mistral|gemma|deepseek|gpt-oss|llama) support", "(can i|does it|will it) (run|use) (other|bigger|larger|better|real|smarter) models", "(is there|do you have|give me) a list of (supported|compatible) models",
)
fact(
    "context", "the context length",
    "Set context_length for the model in models.toml; the default auto takes the largest context that fits.",
    "{how} (set|change|increase|configure|choose|raise|limit|extend) the (context|context length|context window|context size|number of context tokens)", "{what} (context_length|the context length|the context window|the context size)", "(context length|context size|context window|context_length)", "how (long|large|big) is the (context|context window)", "how many tokens (of context |)(can|fit)( i use| i send| into the context|)", "{how} (get|have) a (longer|larger|bigger) context",
)
fact(
    "preload", "preloading",
    "Set preload = true for the model in models.toml, and it is loaded at once and kept.",
    "{how} preload {model}", "{how} (load|have) {model} (at start|at startup|at boot|from the beginning|automatically at start|when it starts)( loaded|)", "{meaning} preload", "(preload|preloading)( a model|)", "load {model} (at start|at startup|when the server starts)",
)
fact(
    "ttl", "ttl_s",
    "ttl_s in models.toml unloads a model after so many idle seconds; 0 means never.",
    "{what} (ttl_s|ttl|the ttl|the idle timeout|the ttl of a model)", "{how} unload {model} (when idle|after a while|when it is not used|after some idle time|automatically when idle|if nobody uses it)", "(ttl|ttl_s|idle timeout|idle unload)", "(are|do) idle models (unloaded|stay loaded|get unloaded)( automatically| by themselves|)",
)
fact(
    "pull", "cortex pull",
    "cortex pull MODEL downloads a model of the catalogue to a node without loading it.",
    "{does} cortex pull{do}", "cortex pull", "{command} (pull|pre-download) {model}( without loading it|)", "{how} (pull|download) {model} (without loading it|in advance|ahead of time)",
)

# --- clients
fact(
    "openai_client", "OpenAI clients",
    "Set the base URL to http://127.0.0.1:31313/v1; any API key will do unless you require keys.",
    "{how} (connect|use|point|set up|configure|attach) (an openai client|the openai sdk|openai clients|an openai app|the openai library|openai python|my openai client|the openai python library|an openai compatible client|the openai client)(| to cortex| with cortex| to it| with it| at cortex)", "(what|which) (base url|base_url|url|endpoint|address|api url|server url) (do i use|do i put|do i need|is it|should i use|do i set|must i give|do i enter|is right)( for openai| in the openai sdk| for openai clients| for an openai client| for the openai api|)", "{what} the (openai |)(base url|base_url|api url|api address|endpoint)( for openai| for openai clients| of the openai api|)", "(openai|base url|base_url|openai base url|openai client|openai sdk|openai endpoint|openai api url)", "where (do|should|does) (my |an |the |)openai (client|clients|sdk|app|code) (connect|connect to|point|point to|go)", "{how} (send|make|do) (a request|requests|an api call|api calls|a chat request)( to cortex| to the api| with curl| with python|)", "{how} (call|reach|access|query) (the api|cortex|the gateway|the openai api)( from python| from my code| with curl| from javascript|)", "(use|using|call) (cortex|it|the api) (from|with) (python|the openai sdk|openai|curl|javascript|langchain|my code|my app)", "what do i (write|put|set) (for|as) (base_url|base url|openai_base_url|the base url)( in the openai sdk| in my client|)", "i (use|have) (the openai sdk|the openai library|an openai client|an app for openai)(, how do i point it at cortex|, how do i connect it|, what url do i use|, which url|)", "(example|curl example|sample request)( for the api|)",
    "(which|what) (url|endpoint|address) (for|do|does) (openai (apps|clients|tools|programs)|an openai (app|client|tool))( use| need|)",
)
fact(
    "claude_code", "Claude Code and Anthropic clients",
    "Set ANTHROPIC_BASE_URL to http://127.0.0.1:31313, or run cortex connect claude-code to print the settings.",
    "{how} (connect|use|point|set up|configure|attach|run) (claude code|an anthropic client|the anthropic sdk|anthropic clients|claude|claude-code|my anthropic client|the claude cli)(| to cortex| with cortex| to it| with it| at cortex| with my own models| with local models)", "(what|which) (base url|base_url|url|endpoint|address) (do i use|do i need|is it|should i use|do i set|do i put|is right) for (claude code|anthropic|anthropic clients|claude|an anthropic client|the anthropic sdk|the anthropic api)", "{what} the (anthropic|claude|claude code) (base url|base_url|url|endpoint|address|settings)", "(claude code|claude|anthropic|anthropic base url|anthropic client|anthropic sdk|claude-code|claude code setup|claude code settings)", "(can|does) (i use |)(claude code|claude|the anthropic sdk|anthropic clients)( work| talk to cortex| work with cortex| work with it| with cortex| with this|)", "{what} (anthropic_base_url|cortex connect claude-code)", "what do i (set|do|change|configure|need) (so that|that|to make|to have|for) claude code (to |)(uses|use|talks to|talk to|work with|works with) (cortex|my models|my own models|the gateway)", "where (do|should|does) (claude code|the anthropic sdk|anthropic clients|an anthropic client) (connect|point|point to|connect to)", "(use|using|run|make) (cortex from claude code|claude code with cortex|claude code locally|claude code use cortex|claude code use my models)", "i (use|have|want|like) claude code(, how do i connect it|, what do i set|, does it work with cortex|)",
    "(base url|base_url|url|endpoint) for (anthropic|claude|claude code|the anthropic sdk|anthropic clients|anthropic apps)",
)
fact(
    "editors", "editors and other apps",
    "Point it at http://127.0.0.1:31313/v1 as an OpenAI-compatible server, or run cortex connect to print its settings.",
    "i (want|would like|need|plan) to (hook up|connect|use|attach|set up|try) (litellm|opencode|zed|aider|open webui|cline|librechat|continue|my ide|my editor|cursor)",
    "{how} (connect|use|set up|configure|attach|point|hook up|integrate) (opencode|zed|open webui|my editor|an editor|litellm|aider|vs code|cursor|continue|cline|librechat|other apps|other tools|openwebui|my ide|jan|an agent|neovim)(| to cortex| with cortex| with it| to it)", "(opencode|zed|open webui|litellm|aider|continue|cline|librechat|openwebui|cursor|vs code)( settings| config| setup| configuration|)", "(can|does|will) (i use |)(opencode|zed|open webui|litellm|aider|my editor|vs code|cursor|continue|cline|librechat|my ide|open-webui)( work| work with it| work with cortex| connect| with cortex| with this| with it|)", "(which|what) (editors|apps|tools|clients|programs|agents) (work|can i use|are supported|are compatible)( with it| with cortex|)", "{what} cortex connect", "{does} cortex connect{do}", "(settings|setup|config|configuration) (for|of|in) (my editor|opencode|zed|open webui|litellm|cline|cursor|vs code)", "i (want to|would like to|need to) (use|hook up|connect) (opencode|zed|open webui|litellm|aider|my editor|cline|librechat)",
)
fact(
    "which_apis", "the APIs",
    "cortex speaks the OpenAI API (chat, completions, embeddings, responses), the Anthropic Messages API and an Ollama-compatible one.",
    "(which|what) (api formats|formats of api|protocols|wire formats|api dialects|client protocols) (are supported|can clients use|do you speak|can apps use|are understood|are there)",
    "(which|what) (apis|api|api formats|protocols|interfaces|endpoints|dialects) (does cortex speak|does it speak|are supported|does it support|does cortex support|are there|can i use|do you support|can clients use|is supported|does it offer|does cortex have)", "(is|are) (it|cortex|the api) (compatible with|like|the same as) (openai|anthropic|the openai api|openai and anthropic|the anthropic api)", "(does|is) (it|cortex|there) (have|support|speak|offer) (an openai|an anthropic|the openai|the anthropic|a rest|an) api", "(apis|supported apis|api|rest api|api compatibility|openai compatible|openai compatibility|anthropic compatible)", "{what} the (api|apis)", "(does|can) cortex (speak|talk|understand) (openai|anthropic|openai and anthropic)", "(list|show) (the |all |)(apis|endpoints|api endpoints)",
)
fact(
    "ollama", "Ollama clients",
    "Yes: cortex has an Ollama-compatible API under /api on port 31313.",
    "(can|does|do) (ollama clients|an ollama client|programs for ollama|ollama apps|tools for ollama) work", "{support} (the ollama api|an ollama api|ollama clients|ollama compatibility|an ollama-compatible api)", "is (it|cortex) compatible with ollama", "(ollama api|ollama clients|ollama compatible|ollama compatibility)", "{how} connect an ollama client", short="Yes",
)
fact(
    "list_models_api", "listing models over the API",
    "GET /v1/models on port 31313 lists the models, loaded or not.",
    "{how} list (the |all |)models (over|with|via|through) the api", "{what} /v1/models", "(which|what) (endpoint|api call|route|url) lists (the |all |)models", "(api call|endpoint) (for|to) (the |)(model list|list models|list of models)",
)
fact(
    "streaming", "streaming",
    "Yes, streaming works: tokens are relayed as they come, and an OpenAI stream ends with data: [DONE].",
    "{support} (streaming|streamed answers|streams|stream: true|sse|server-sent events|streaming responses|token streaming|stream=true|streaming answers|streamed responses)( supported| possible| working|)", "does streaming work", "how does streaming work", "can (answers|responses|tokens|replies|the answer) be streamed", "{how} stream (answers|responses|tokens|a response|the output)", "(streaming|stream|sse|streaming support)", "do (tokens|answers|words) (come|arrive|appear) (one by one|as they are made|as a stream|piece by piece|over sse)", "{what} (streaming|stream: true)", short="Yes",
)
fact(
    "tools", "tool calling",
    "Yes, tools work over both APIs: the model answers with a tool call and your client runs it.",
    "{support} (tools|tool calls|tool calling|function calling|function calls|tool use|functions)( supported| possible| working|)", "do (tools|tool calls|functions|function calls|function calling) work( with the api| here| with cortex|)", "how (do|does) (tools|tool calls|tool calling|function calling|function calls|tool use) work", "(tools|tool calling|function calling|tool calls|tool use|function calls)( support| possible|)", "{what} (tool calling|function calling|tool calls)", "{how} (use|call|do|make) (tools|tool calls|functions|function calls|function calling)( with cortex| over the api|)", short="Yes",
)
fact(
    "thinking", "thinking",
    "Thinking is off by default. Send chat_template_kwargs with enable_thinking set to true to turn it on.",
    "{how} (turn|switch) (thinking|reasoning) (on|off)", "{how} (turn on|switch on|enable|use|activate|start|get|have) (thinking|reasoning|thinking mode|the thinking|reasoning mode|chain of thought)", "{what} (thinking|enable_thinking|reasoning mode|thinking mode|reasoning)", "(do|can|could|will|would) you (think|reason)( first| before you answer| before answering| step by step|)", "is (thinking|reasoning)( mode|) (on|off|enabled|supported|possible|there|active)( by default|)", "(thinking|enable_thinking|reasoning|thinking mode|reasoning mode|enable thinking|turn on thinking|turn thinking on|switch reasoning on|switch on thinking)", "{support} (thinking|reasoning|thinking models|reasoning models)", "how (do i use|is|to use|does) enable_thinking( work| set| used|)",
)
fact(
    "images", "images",
    "The built-in engine reads only text; models with vision run behind an external engine.",
    "{support} (images|vision|pictures|image input|multimodal models|photos)", "can (you|it|the model) (see|read|look at|understand) (images|pictures|photos|an image|a picture)", "{how} send (an image|images|a picture)", "(vision|images|image input|multimodal)",
)
fact(
    "embeddings", "embeddings",
    "Yes, POST /v1/embeddings works with an embedding model.",
    "{support} (embeddings|an embedding model|embedding models|vector embeddings)", "{how} (get|make|create|compute) embeddings", "(embeddings|embedding|embedding endpoint)", short="Yes",
)

# --- configuration
fact(
    "config_files", "the configuration files",
    "There are three: cortex.toml for the gateway, models.toml for the models and aliases, and neuron.toml for each neuron.",
    "(which|what) (config|configuration|settings|toml) files (are there|do i need|exist|does it use|do you use|does cortex use|can i edit|do i edit|must i write)", "(list|show|name|tell me|give me) (all |)(the |)(config|configuration|settings|toml) files", "{what} the (config|configuration|settings|toml) files", "{how} configure {it}", "where (is|are|do i find|do i put|lives|does) the (config|configuration|settings|config files|toml files)( live| stored|)", "(config|configuration|config files|settings|config file|configuration files|toml files)", "which files (do i edit|configure it|hold the settings|are for configuration|do i change)", "how is {it} configured", "how many config files are there", "what files (do i have to|do i|should i|can i) (edit|change|write)( to configure it| to configure cortex| for the configuration|)", "(names|name) of the (config|configuration) (files|file)",
)
fact(
    "cortex_toml", "cortex.toml",
    "cortex.toml configures the gateway: listen addresses, eviction, routing, queue, auth and the list of [[neurons]].",
    "{file} cortex.toml( for| file|)", "{file} the (file cortex.toml|cortex.toml file|cortex config|gateway config|gateway configuration|cortex configuration)( file| for|)", "cortex.toml( settings| options| contents|)", "(settings|options|sections|keys) (of|in) cortex.toml", "what is cortex.toml( for| used for| good for|)",
)
fact(
    "models_toml", "models.toml",
    "models.toml is the catalogue: each [[models]] entry has an id, a source and a quant, and [aliases] adds other names.",
    "{file} models.toml( for| file|)", "{file} the (file models.toml|models.toml file|model catalogue|models config|catalogue|model config)( file| for|)", "models.toml( settings| options| contents|)", "(settings|options|sections|keys) (of|in) models.toml", "what is models.toml( for| used for| good for|)", "where (is|do i write|do i edit) the (catalogue|model list|list of models)",
)
fact(
    "neuron_toml", "neuron.toml",
    "neuron.toml configures one neuron: its listen address, models_dir, default_models, devices, engine and security.",
    "{file} neuron.toml( for| file|)", "{file} the (file neuron.toml|neuron.toml file|neuron config|node config|neuron configuration)( file| for|)", "neuron.toml( settings| options| contents|)", "(settings|options|sections|keys) (of|in) neuron.toml", "what is neuron.toml( for| used for| good for|)",
)
fact(
    "env", "environment variables",
    "Every setting has one: CORTEX_ or NEURON_ in front and two underscores between sections, such as CORTEX_GATEWAY__LISTEN or NEURON_LISTEN.",
    "(which|what) (environment variables|env variables|env vars) (are there|exist|can i set|can i use|do you read|does cortex read|does it read|are supported)", "{what} (the |)(environment variables|env variables|env vars|naming of environment variables)", "{how} (use|set|configure it with|set options with|override settings with|configure cortex with|change settings with) (environment variables|env variables|env vars|the environment)", "(environment variables|env vars|env variables|environment|env)", "(can|is) (i|it|cortex) (configure it|be configured|configured|configurable) (with|by|through|from|via) (environment variables|env vars|the environment|env variables)", "(list|show|name) (the |all |)(environment variables|env vars|env variables)", "how (are|do) (environment variables|env vars|env variables) (named|work|called|look)", "{what} cortex_gateway__listen", "(naming|name|names|prefix|scheme) (of|for) (the |)(environment variables|env vars|env variables)", "(are|is) there (any |)(environment variables|env vars|env variables)( for the settings| for settings|)", "override (settings|the config|options) (from|with|by|through) (the environment|env vars|environment variables)",
)
fact(
    "change_port", "changing the port of cortex",
    "Set listen under [gateway] in cortex.toml, or the environment variable CORTEX_GATEWAY__LISTEN.",
    "{how} (change|set|configure|choose|pick|move|override|use) (the port of cortex|the cortex port|the port of the gateway|the api port|the listen address of cortex|the gateway port|the address of cortex|port 31313|another port for cortex|a different port for cortex|the listen address|another port)", "{how} (make|let|have|run) (cortex|the gateway|the api) (listen on|use|run on|bind to|on) (another|a different|my own|some other) (port|address)", "(port |)31313 is (taken|in use|already used|not free|busy|already taken|occupied)(, what now|, what do i do|, how do i change it|, can i change it|)", "(which|what) setting (changes|sets|is for|controls) the (port|listen address) of (cortex|the gateway|the api)", "(change|set|changing) the (port of cortex|cortex port|gateway port|api port|port of the gateway|api address)", "can (cortex|the gateway) (listen on|use|run on) another (port|address)", "(cortex|the gateway) (on|should use|should listen on|must use) (another|a different) (port|address)", "the (setting|key|option|variable|environment variable) for the (port|listen address|address) of (cortex|the gateway|the api)",
)
fact(
    "change_neuron_port", "changing the port of neuron",
    "Set listen in neuron.toml, or the environment variable NEURON_LISTEN.",
    "(13131|the neuron port|the port of neuron) is (in use|taken|occupied|not free)(, how do i change it|, how do i move it|, how can neuron use another|)",
    "{how} (change|set|configure|choose|pick|move|override) (the port of neuron|the neuron port|the port of a neuron|the listen address of neuron|the port of a node|the address of neuron|port 13131|another port for neuron|neuron's listen address|neuron's port)", "{how} (make|let|have|run) (neuron|a neuron|the node daemon) (listen on|use|run on|bind to|on) (another|a different|my own|some other) (port|address)", "(port |)13131 is (taken|in use|already used|not free|busy|already taken|occupied)(, what now|, what do i do|, how do i change it|, how do i move neuron|)", "(which|what) (setting|variable|environment variable) (changes|sets|is for|controls) the (port|listen address) of (neuron|a neuron)", "(change|set|changing) the (port of neuron|neuron port|port of a node|listen address of neuron)", "can neuron (listen on|use|run on) another (port|address)", "{what} neuron_listen", "neuron (on|should use|should listen on|must use|needs) (another|a different) (port|address)", "(make|move|put|run) neuron (listen on|to|on|use) (another|a different) (port|address)",
)
fact(
    "state_dir", "where the state is kept",
    "cortex up keeps its state in ~/.local/state/cortex, or in CORTEX_STATE_DIR if that is set; as a service it is /var/lib/cortex.",
    "where (on disk |)(does cortex|does it|do you) (keep|store|save|write|put) (its |the |my |)(data|state|files|things|database)", "(location|place|path|folder) (of|for) (the |its |)(state|data|database file|state files|saved data)", "where (on disk|on the disk|in the file system) (are things|is everything|is it|are data|is data|is the state) (saved|stored|kept|written)",
    "where (is|are|does cortex keep|does it keep|does it store|does cortex store|do you keep|do you store|does cortex save) (the |its |)(state|data|database|state dir|state directory|files|usage data|sqlite database)( stored| kept| saved| located|)( on disk|)", "{what} (state_dir|the state dir|the state directory|cortex_state_dir|the state folder)", "(which|what) (folder|directory|path|dir) (is|has|holds|does it use for|contains) (the |)(state|data|state dir|database)", "{how} (change|move|set) the (state dir|state directory|state folder|data directory)", "(state dir|state_dir|state directory|data directory|state folder|cortex_state_dir)", "where (are|is) (things|everything|the data|my data) (saved|stored|kept)( on disk| on the disk|)", "(location|path) of the (state|database|data|state dir|sqlite file|database file)",
)
fact(
    "database", "the database",
    "Usage and keys are kept in SQLite; for several cortex instances behind one address use PostgreSQL.",
    "(which|what) database (is used|does it use|does cortex use|do i need|do you use)", "(do i need|does it need|is there) a database", "(database|sqlite|postgres|postgresql)( support|)", "{how} use (postgres|postgresql|a database)", "{support} (postgres|postgresql|sqlite) (for usage|as database|as the ledger)", short="SQLite",
)
fact(
    "config_check", "cortex config check",
    "cortex config check prints the effective configuration, where each value came from and whether each model fits.",
    "(see|show|print|view|display) (me |)(the |my |)(effective|final|merged|real|resulting) (configuration|config|settings)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (checks|validates|verifies|shows|prints|tests) (the|my|the effective|the final) (config|configuration|settings)",
    "{does} (cortex |)config check{do}", "(cortex |)config check", "{how} (check|validate|verify|test|lint|prove|debug) (my |the |)(config|configuration|config files|toml files|cortex.toml|settings|models.toml)( before starting| before i start| is right|)", "{how} (see|show|print|view) the (effective|final|current|actual|resulting) (config|configuration|settings)", "{command} (check|validate|verify|test) (my |the |)(config|configuration|config files|settings|toml files)", "(is|are) my (config|configuration|settings|toml files) (ok|right|correct|valid|good)", "where does (a|this|each) (setting|value|config value) come from", "(show|print|view) (me |)the (effective|final|actual) (config|configuration|settings)", "(validate|verify|check) (that |)(the |my |)(config|configuration|settings|toml)( is right| is valid| is correct| works|)",
)
fact(
    "reload", "reloading the configuration",
    "cortex.toml and models.toml are read again when they change; no request is dropped and no restart is needed.",
    "(do i (have to|need to|must) |must i |should i |)restart( cortex| it|) (after|when) (changing|i change|editing|i edit) (the config|cortex.toml|models.toml|a setting|the configuration)", "{how} reload the (config|configuration|settings)", "(are|is) (changes|config changes|the config|a changed config) (applied|reloaded|read)( at once| automatically| without a restart|)", "(reload|hot reload|config reload|sighup)", "(does|can) (it|cortex) reload( the config| its configuration|)( without a restart|)", "when do (config|configuration) changes (take effect|apply)",
)

# --- commands
fact(
    "up", "cortex up",
    "cortex up starts everything on one machine: the gateway, a neuron and the demonstration model.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (starts|launches|runs) (everything|it|cortex|the fleet|gateway and neuron)",
    "{does} cortex up{do}", "cortex up", "{what} (the |)up( command|)", "{how} (start|run|launch|boot|try|bring up|get started with|begin with|try out|set up|fire up) {it}( on one machine| locally| on my laptop| on this machine| quickly| on one box|)", "{how} get started", "(getting started|quick start|quickstart|first steps|how to start|how do i start|start)", "(what|which) (command|is the command) (starts|runs|to start|launches) {it}( on one machine|)", "(easiest|simplest|fastest|quickest) way to (start|run|try|begin|run everything|start everything)( it| cortex| on one machine| locally|)", "{how} run (everything|it all|cortex and neuron|both) on (one|a single|the same) (machine|computer|box|host)", "(starting|running) {it}", "what happens (when|if|after) i (run|start|type|call|execute) cortex up", "(run|start) (everything|it all|all) (on|locally on) (one|a single|this) (machine|box|computer)",
)
fact(
    "up_lan", "cortex up --lan",
    "cortex up --lan opens the API on all network interfaces, so that other machines can reach it, and prints the address.",
    "{does} (cortex up --lan|--lan|the --lan flag|the lan flag|up --lan|the --lan option|the lan option){do}", "(cortex up --lan|--lan|lan|lan access)", "{how} (reach|use|access|call|connect to) {it} from (another|other|a different|my other|my) (computer|machine|machines|device|laptop|phone|computers)( in my network| at home| on the lan| in the lan|)", "{how} (open|share|expose|offer|make available|publish) {it} (in|on|to) (my network|the lan|the local network|my home network|my phone|the house|other machines|my laptop|the network)", "can (other|another|more) (machines|computers|people|devices|machine) (in my network |at home |on the lan |)(use|reach|connect to|access) (it|cortex|this)", "{how} listen on all (interfaces|addresses)", "(access|reach|use) (it|cortex) (from|on|over|in) (the lan|my network|the network|my phone|the local network|my laptop)", "how can (other|more) (machines|computers|devices|people)( in my network| in the house| at home|) (reach|use|access|connect to) (it|cortex|the api)", "make {it} (available|reachable|visible|accessible) (on the lan|in the network|on the network|in my network|for others|to other machines)",
)
fact(
    "chat", "cortex chat",
    "cortex chat opens a chat with a model in the terminal.",
    "(can|could|may) i (talk|chat|speak) (to|with) (a|the|my|one) model (from|in|on|at) (the terminal|the console|the command line|a shell|the shell)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (opens|starts|is for) a chat",
    "{does} cortex chat{do}", "cortex chat", "{how} (chat|talk|speak|have a conversation) with (a model|the model|a llm|you|models|my model|one of my models)( in the terminal| on the command line| from the shell| without a client|)", "{how} (open|start|begin|have) a chat( in the terminal| on the command line| with a model| from the shell|)", "{command} (chat|talk) with (a model|the model)", "(is there a|where is the|do you have a) (chat|chat command|terminal chat|cli chat)", "(chat|chat in the terminal|terminal chat|command line chat)", "(can i|let me|i want to) (chat|talk) (to|with) (a model|the model|you|models) (in|from|on) (the terminal|the shell|the command line|a terminal|my terminal)", "which command (opens|starts|lets me|is for) (a |the |)chat(ting|)( with a model|)",
)
fact(
    "status", "cortex status",
    "cortex status shows the nodes, their memory and which models are loaded.",
    "{how} (check|see|find out|know|tell) (which|what) models are (loaded|running|in memory|active)( now| right now|)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (shows|prints|tells me|says) (the status|the state|what is loaded|what is going on|the state of the fleet|the status of the nodes)",
    "{does} cortex status{do}", "cortex status", "{how} (see|check|show|view|get|know|watch|find out) (the status|the state|the state of the fleet|what is going on|what's going on|what is loaded|which models are loaded|what is running|the health of the fleet|the fleet|the status of the fleet|what is happening|how the fleet is doing)( in the fleet| right now|)", "{command} (see|show|check) (the status|the state of the fleet|the status of the nodes|what is loaded|which models are loaded|the state of all nodes|what is going on)", "(what|which models) (is|are) loaded( right now| now| at the moment| currently|)", "(status|fleet status|show status|show the status|status command|state of the fleet|status of the fleet)", "what is (running|loaded|going on|happening)( right now| now| in the fleet|)", "how is (the|my) fleet( doing|)", "is (everything|the fleet|cortex) (ok|running|healthy|fine|up)", "is there a (command for the status|status command|status page|command to see the state)", "how (full|much) (is the|free is the|free) (gpu|vram|gpu memory)", "(show|give|tell) me (the status|the state|the state of the fleet|the state of the nodes|the fleet status)",
)
fact(
    "models_cmd", "cortex models",
    "cortex models lists the models and says which of them are loaded, and where.",
    "(which|what) models (do i have|have i|are mine|are there)(, which command shows that|, what command lists them|, how do i see that|)", "(the |)command (to|for|that) (list|listing|lists) (the |my |all |)models",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (lists|shows|prints) (the |all |my |)models",
    "{does} cortex models{do}", "cortex models", "{command} (list|show|see|display) (the |all |my |available |)(models|models i have|models in the catalogue)", "(list|show|see|view|display)( me|) (the |all |my |available |all available |)models( i have| in the catalogue| on the command line| in the shell| in the terminal|)", "(which|what|how many) models (do i have|are there|are available|are installed|have i got|are in the catalogue|do we have|can i choose from)", "{how} (find out|see|know|check) which models (i have|there are|are available|are installed)", "(model list|list models|list of models|models|available models|my models)", "{how} (list|show|see) (all |the |my |)(models|available models|installed models)( on the command line| in the shell| in the terminal|)",
)
fact(
    "logs", "the logs of a model",
    "Run cortex logs MODEL: it shows the last lines that the model's engine wrote.",
    "{how} (see|read|get|find|show) (what|everything) (the|an|my) engine (wrote|printed|said|logged|wrote last)", "(a|the|my) model (fails|crashes|does not start|breaks)(, where is its output|, where do i find the log|, where can i look)",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (shows|prints|reads) (the |)(logs|log|engine output|output of an engine|logs of a model)",
    "{does} cortex logs{do}", "cortex logs", "{how} (see|read|view|find|show|get|check|look at) (the |)(logs|log|log files|engine log|engine logs|logs of a model|output of an engine|log of a model|engine output)( of a model| of an engine|)", "where (are|do i find|can i find|can i see|is) the (logs|log files|engine logs|log|output)( of a model| of an engine| of a failed model| stored|)", "{command} (see|show|read) (the |)(logs|log|engine output|logs of a model)", "(logs|log|log files|model logs|engine logs|show logs|read logs|show the logs)", "what did the engine (write|print|say|log)", "(a|my|the) model (fails|does not load|failed|crashes|is broken)(, where is the log|, where do i look|, where do i see why|, where is its output|, where are its logs)",
)
fact(
    "explain_cmd", "cortex explain",
    "cortex explain MODEL or cortex explain REQUEST says which nodes were candidates, what each lacked and what was chosen.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (explains|tells why about) (a request|a placement|a routing decision)",
    "{does} cortex explain{do}", "cortex explain", "why (was|is|did|does) (my request|a request|the request|a model|my model) (sent|placed|go|routed|land|run) (to that node|there|on that node|to this node|on this host)", "{how} (see|find out|understand|know) why (a request|a model|my request|my model) (went|was placed|was sent|runs|is) (there|on that node|to that node)", "{command} (explain|see) (a placement|a decision|a routing decision|why a model was placed there)", "(explain a request|explain placement)",
)
fact(
    "usage", "cortex usage",
    "cortex usage shows the requests and tokens that each key has used.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (shows|counts|prints) (the usage|used tokens|the tokens)",
    "{does} cortex usage{do}", "cortex usage", "{how} (see|count|track|measure|check|know) (the |)(usage|token usage|used tokens|tokens used|how many tokens were used)", "how many tokens (did i use|have i used|were used|did we use|were spent)", "(usage|token usage|accounting|usage statistics)", "{what} the usage ledger",
)
fact(
    "api_keys", "API keys",
    "Run cortex key add to create an API key; cortex key list shows the keys and cortex key revoke ends one.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (creates|makes|lists|revokes|manages|adds) (a key|an api key|api keys|keys)",
    "{how} (create|make|add|get|generate|issue|revoke|list|manage|delete) (an api key|api keys|a key|keys|the api keys|a new api key|a new key|a key for a friend|an access key)( for a friend| for a user| for my app| for somebody|)", "(do i need|is there|what is|do clients need|which is|do we need) (an |the |a |)(api key|api keys|key)( needed| required|)", "(api key|api keys|keys|key management|cortex key|access keys)", "{does} (cortex key|cortex key add){do}", "{command} (create|add|revoke|list|manage) (an api key|api keys|keys|a key)", "{how} (limit|restrict|control) (access|who can use it|who may use cortex)", "give (a friend|somebody|a user|someone|my friend) (access|a key|an api key|their own key)", "(which|what) api key (do i use|do i need|should i use|do i enter|must i set)", "(managing|creating|revoking) (api |)keys",
)
fact(
    "dashboard", "the dashboard",
    "The dashboard is at http://127.0.0.1:31313/ui.",
    "(is there|do you have|where is|does it have|does cortex have|where do i find|how do i open|show me|open|what is|can i have|where can i see) (a|the|your|an) (dashboard|web interface|web ui|gui|web page|ui|graphical interface|user interface|admin page|overview page|web dashboard|webpage)( of cortex| for cortex| with an overview|)", "(dashboard|web ui|gui|ui|web interface|user interface|dashboard url|webui|the dashboard)", "(what|which) (url|address) (has|is) the (dashboard|web interface|ui|web page|gui)( at|)", "{how} (see|open|use|reach|get to|view) the (dashboard|web interface|ui|web ui|gui|web page)", "(url|address|link) (of|for|to) the (dashboard|web interface|ui|web page|web ui|gui|overview page)", "can i (see|watch|manage) (it|the fleet|cortex) in (a|the|my) browser", short="/ui",
)
fact(
    "health", "the health endpoint",
    "GET /health on port 31313 says ok, impaired or degraded.",
    "{what} (/health|the health endpoint|the health check|a health check)", "{how} (check|probe|monitor) the health( of cortex| of the gateway|)", "(is there|do you have) a (health check|health endpoint|liveness probe|health url)", "(health|health check|health endpoint|liveness)", "{meaning} (impaired|degraded)",
)
fact(
    "stop", "stopping",
    "Press Ctrl-C: running requests are finished first. A second Ctrl-C stops at once.",
    "(quit|stop|exit|end|close|leave|kill) (cortex up|cortex|the program|the server|the process|it|everything|the fleet)", "{how} (stop|quit|end|exit|close) (it|this|everything|cortex|the program)( now| again| please|)", "(stopping|ending|quitting|closing) (it|cortex|the program|everything|cortex up)",
    "{how} (stop|end|quit|shut down|exit|terminate|kill|close|halt|turn off|switch off|finish) (it|cortex|the fleet|the program|the gateway|everything|cortex up|the server|this|neuron|cortex cleanly|it cleanly)( cleanly| again| gracefully|)", "(stop|quit|exit|shutdown|shut down|stopping|end|shut it down|stop everything|stop it)", "(which|what) (key|command|keys) (stops|ends|quits|exits|to stop|terminates|closes) (it|cortex|the program|cortex up|everything|the server)", "what does (ctrl-c|control c|ctrl c) do", "what happens (when|if) i press (ctrl-c|control c|ctrl c)", "{how} (stop|exit|quit)( cleanly| gracefully|)", "(clean|graceful|orderly) (shutdown|exit|stop)", "{how} (shut|turn|switch) (it|everything|cortex|the fleet|the server) (down|off)( again| cleanly|)",
)
fact(
    "tests", "running the tests",
    "Run npm test; npm run check is the quick gate with format, lint, types and unit tests.",
    "(which|what|the|is there a) (command|cortex command|subcommand|cli command)( that|) (runs|starts) (the tests|all tests|the test suite)",
    "{how} (run|start|execute|launch) (the |all |all the |your |)(tests|test suite|unit tests|test|checks|end to end tests)( of the project|)", "(which|what) (command|is the command) (runs|to run|for|starts) (the |all |)(tests|test suite|unit tests|test)", "(are there|is there|do you have) (tests|a test suite|unit tests)", "{how} test (the code|cortex|the project|my changes|it|a change|my patch)", "(tests|run tests|run the tests|test suite|npm test|unit tests|testing)", "{what} (npm run check|npm test)", "i (changed|edited|modified|patched) (the code|something|a file)(, how do i test it|, how do i check it|, which tests do i run|)", "(where|how) (do|are) (the |)(tests|unit tests)( run| started| start|)",
)

# --- how it works
fact(
    "engine", "the engine",
    "neuron runs models with node-llama-cpp: llama.cpp's kernels under our own scheduler, one process for each model.",
    "(which|what) (inference engine|engine|library|backend|inference library|inference backend|runtime for models) (is used|does it use|does neuron use|do you use|runs the models|runs models|is inside|is behind it|does the inference|is behind neuron|is it)", "{what} (the |your |)(engine|inference engine|engine behind neuron|backend|inference backend|llama engine|node-llama-cpp)", "(is|does) (it|this|neuron|cortex) (use|built on|based on|uses|run on|made with|using) (llama.cpp|llama cpp|node-llama-cpp|ggml|vllm|ollama)", "what (does|do) (neuron|you|it) (use to run models|run models with|use for inference)", "(engine|inference engine|llama.cpp|node-llama-cpp|backend)", "how (are|does it run|does neuron run) (the |)models( run| executed|)( under the hood|)", "what (is under the hood|runs under the hood|is used under the hood|powers neuron|powers the inference|executes the models|does the inference)", short="node-llama-cpp",
)
fact(
    "process_per_model", "one process per model",
    "An engine can crash or run out of memory; in its own process that costs one model and never the daemon, and unloading returns all memory.",
    "why (is there|do you use|do you run|does neuron use|does it use|have|does neuron start|is it|does each model have|does every model have|does each model get|do models get) (a process per model|one process per model|a separate process for each model|one engine process per model|a process for each model|its own process|their own process|separate processes|so many processes|an own process)", "why (does|do) (each|every|a) model (run in|have|get|need|live in) (its own|a separate|an own) process", "{what} (the process per model|a process per model|one process per model|the engine process|process isolation)", "why (not|don't you) (run|put|load|use|have) (all models|everything|the models) (in|into|inside) (one|the same|a single) (process|daemon)", "(process per model|process isolation|isolation|one process per model)", "what (is the advantage|is the point|is the use|are the advantages|is the benefit|is the reason) (of|for) (a process per model|one process per model|separate processes|giving each model its own process|a separate engine process|engine processes)", "why is (the engine|inference|the model|an engine) (outside of|not inside|separate from|not in|a child of) the daemon", "(reason|reasons) (for|behind) (one process per model|a process per model|separate engine processes)",
)
fact(
    "engine_dies", "an engine that dies",
    "Its requests end with an error, the model is shown as recovering and neuron starts the engine again; other models never notice.",
    "what (happens|if|does neuron do|will happen|is done) (when|if|) ?(an engine|the engine|a model process|an engine process|a model|llama.cpp|the inference|the model's process) (dies|crashes|is killed|fails|segfaults|runs out of memory|aborts|hangs|goes down|gets killed)", "(the|an|my) (engine|model|engine process) (crashed|died|was killed|segfaulted|hangs|is dead|aborted)(, what now|, what happens|, what do i do|)", "does (a crash|an engine crash|one crash|a crashing engine|one dead engine) (take down|kill|affect|hurt|break|stop) (everything|the other models|other models|the daemon|neuron|all models|the whole node)", "how (are|does neuron handle|does neuron react to|do you handle|does it recover from|does neuron deal with) (crashes|engine crashes|a crash|dead engines|a dead engine|engine failures|crashed engines)( handled|)", "(engine crash|crash|crashes|engine dies|engine died|crash recovery)", "{meaning} recovering", "what if (an|the) engine (process |)(dies|crashes|is killed|segfaults|fails)", "is (a crashed|a dead) (engine|model) (restarted|started again)( automatically|)",
)
fact(
    "slot", "slots",
    "A slot is the place of one running request in a model's engine: a model with 4 slots answers 4 requests at a time.",
    "{meaning} (a slot|slots|the slots|a slot in cortex|the slots setting|an engine slot)( mean|)", "how many (requests|users|chats|people|clients) (at a time|at once|in parallel|at the same time|can a model serve|can one model answer|can one model serve)( can a model serve| can it serve| fit| are possible| at once| in parallel|)", "(slot|slots)( setting|)", "what does slots (do|mean|set)", "{how} (serve|answer|run|have|process) (several|more|many|parallel|multiple) requests (at a time|in parallel|at once|at the same time|per model)", "(parallel|concurrent|simultaneous) requests", "(can|does) (a model|one model|it) (answer|serve|handle|do) (several|many|parallel|multiple) requests( at once| in parallel| at a time|)",
)
fact(
    "replica", "replicas",
    "A replica is one loaded copy of a model on a node.",
    "(meaning|definition|sense|explanation) of (a |the |)(replica|replicas|word replica|term replica)( in cortex| here|)",
    "{meaning} (a replica|replicas|the replicas|a replica of a model|replicas in cortex|the replicas setting)( mean|)", "(replica|replicas)( setting|)", "{how} (have|run|load|get) (two|several|more|three|multiple) (copies|replicas) of {model}", "can (a model|{model}) (run|be loaded) on (two|several|more|many) (nodes|hosts|machines)( at once| at the same time|)", "what is a (loaded |)copy of a model( called|)", "what do you call (a copy|one copy|a loaded model|an instance) (of a model|on a node)", "what does replica(s|) (do|mean|set)",
)
fact(
    "lease", "leases",
    "A lease marks one request in flight on a node and model: taken when the node is chosen, released once when the request ends.",
    "{meaning} (a lease|leases|the leases|a lease in cortex|the lease of a request)( mean|)", "(lease|leases)", "how does cortex (count|know|track|see|measure) (requests in flight|in-flight requests|running requests|the load of a node|how busy a node is|open requests)", "what (does|do) (a lease|leases|cortex use leases) (do|mean|for|count)", "what are leases (for|used for|good for)", "why (are there|does cortex use|do you use) leases",
)
fact(
    "prefix_cache", "the prefix cache",
    "The prefix cache keeps the tokens of earlier turns in a slot, so that the next turn computes only what is new.",
    "{meaning} (the prefix cache|prefix caching|a prefix cache|the prompt cache|prompt caching|prefix reuse|the kv cache)", "(prefix cache|prefix caching|prompt cache|prompt caching|prefix reuse)", "why is the (second|next|second chat|following|later) (turn|message|answer|request)( of a chat| in a chat|) (so |)(fast|faster|quick|quicker)", "does (it|cortex|neuron) (cache|reuse|keep|remember) (prompts|the prompt|prefixes|earlier turns|tokens of earlier turns|the conversation|old tokens|the prompt of earlier turns)", "{support} (prefix caching|prompt caching|a prompt cache|a prefix cache)", "how does (the prefix cache|prefix caching|prompt caching|the prompt cache) work", "is the (prompt|conversation|chat|history) (cached|reused|computed again)",
)
fact(
    "routing", "routing",
    "cortex sends a conversation to the replica that already has its prefix cached, unless that one is overloaded.",
    "how does (routing|load balancing|request routing|the routing|the load balancer) work", "how (does cortex|do you) (route|choose a node|pick a node|balance|select a node|distribute|choose a replica)( requests| a request| the load|)", "{meaning} (prefix affinity|affinity|the routing policy|load balancing|routing)", "(routing|load balancing|affinity|prefix-affinity)", "(which|what) node (gets|answers|serves|is chosen for) (a|my|the) request",
)
fact(
    "queue", "a full queue",
    "Requests wait in a queue for a free slot; when it is full, the client gets an error with Retry-After.",
    "what happens (when|if) (the queue|a queue|every slot|the model|a model) is (full|busy|overloaded|saturated)", "what happens when all slots are (busy|taken|full|in use)", "{what} (the queue|queue_full|a full queue|the request queue)", "(queue|queueing|queue full|queue_full)", "why do i get (a |)(queue_full|retry-after)", "what if too many requests come( in| at once|)", "(too many|lots of) requests at once",
)
fact(
    "external", "external engines",
    "Add a [[harnesses]] entry to neuron.toml: vLLM, mistral.rs and llama-server run behind neuron as external engines.",
    "{support} (vllm|external engines|other engines|llama-server|mistral.rs|mistralrs|an external engine|another engine)", "{how} (use|add|connect|run|configure) (vllm|an external engine|another engine|llama-server|mistral.rs|other engines)( with neuron| behind neuron|)", "{meaning} (a harness|harnesses|an external engine|external engines|the harness)", "(vllm|harness|harnesses|external engines|llama-server|mistralrs)( support|)",
)
fact(
    "large_model", "models larger than one host",
    "A model larger than one host needs an external engine that spans hosts, such as vLLM; within a host neuron can use several GPUs.",
    "what if a model is too (big|large) for one (host|machine|node)", "{how} run a model (that is |)(larger|bigger) than one (host|machine|node|gpu)", "can (a model|one model) (span|use) (several|two|many) (hosts|machines|nodes|gpus)", "{support} (multi-gpu|several gpus|multiple gpus|tensor parallelism)", "(multi gpu|multiple gpus|several gpus|two gpus|tensor parallelism)",
)
fact(
    "sleep", "nodes that sleep",
    "Set expected_offline = true and wake for its [[neurons]] entry: cortex wakes the node when it is the only place for a model.",
    "(can|may) a (node|host|machine) (sleep|be switched off at night|be asleep|be off)", "{how} (wake|wake up) a (node|host|machine|sleeping node|sleeping host)", "{what} (expected_offline|wake on lan|wake-on-lan)", "(wake on lan|expected_offline|sleeping nodes|wake-on-lan)", "{support} (wake on lan|wake-on-lan|sleeping nodes)",
)
fact(
    "gpus", "the supported GPUs",
    "The engine runs on CUDA, Vulkan and Metal, and on the CPU.",
    "(which|what) (gpus|gpu|graphics cards|cards|hardware) (are supported|are compatible|work|does it support|can i use|is supported|do i need|does neuron support)", "{support} (cuda|vulkan|metal|amd|nvidia|amd gpus|nvidia gpus|apple silicon|amd cards|radeon|intel gpus|rtx cards)( supported|)", "does it (run|work) on (a mac|amd|nvidia|apple silicon|cuda|an amd gpu|a radeon|an rtx card)", "(cuda|vulkan|metal|amd|nvidia)( support| gpus|)", "(supported|compatible) (gpus|hardware|graphics cards)",
)
fact(
    "gpu_needed", "running without a GPU",
    "No, a GPU is not needed: the demonstration model runs on the CPU, and larger models just run faster on a GPU.",
    "(do i|do you|does it|does cortex|do we|does neuron) (need|require|want) a (gpu|graphics card|video card)", "is a (gpu|graphics card|video card) (needed|required|necessary|a must)", "(can|does|will) (i|it|cortex|neuron|this) (run|work|run it|use it)( it|) (without a gpu|on the cpu|on a cpu|without a graphics card|cpu only|on a cpu only|with only a cpu|on a laptop without a gpu)", "i (have no|don't have a|do not have a) (gpu|graphics card)(, can i use it|, is that ok|, what now|, does it work|, is that bad|)", "(cpu only|without gpu|no gpu|cpu|cpu-only|on cpu)", "what if i have no (gpu|graphics card)", "is (a |)cpu (enough|ok|supported|sufficient)", short="No",
)
fact(
    "licence", "the licence",
    "cortex, neuron and this model are under the Apache-2.0 licence.",
    "(licence|license|licensing|licence terms) (of|for) (cortex and neuron|both|this software|the code|the model)", "(what|which) (is the |)(licence|license) (of|for|do) (cortex|neuron|both|the code|the fleet)( have|)",
    "{what} the (licence|license)( of cortex| of this| of the project| of cortex and neuron| of neuron|)", "(under|with) (which|what) (licence|license) (is|are) (it|cortex|neuron|this|the code|they|cortex and neuron|the project)( released| published| distributed|)", "is (it|cortex|this|the code|neuron|this project|the project) (open source|free|free software|apache|mit|gpl|open-source|proprietary|opensource)", "(licence|license|licensing|copyright|open source)", "(what|which) (licence|license) (is it|does it have|do you use|does cortex have|is used|applies|does the project have)", "(can|may) i (use|sell|modify|share|copy|fork) (it|cortex|the code|this)( commercially| for free| at work| in my company|)", "what does (it|cortex) cost", "(is it free|free of charge|how much does it cost|price)", "(licence|license) of (cortex|neuron|the project|the model|this|cortex and neuron)", short="Apache-2.0",
)
fact(
    "language", "the programming language",
    "cortex and neuron are written in TypeScript and run on Bun.",
    "(what|which) (programming |)language (is it|is cortex|are they|is neuron|is this|did you use|do you use|is used|is the code|are cortex and neuron)( written in| made in| programmed in| built with|)", "in (what|which) (programming |)language (is|are) (it|cortex|neuron|they|this|the code|cortex and neuron) (written|made|programmed|implemented|coded)", "what is (it|cortex|neuron|this|the gateway) (written|made|built|programmed|coded) (in|with)", "is (it|cortex|this|neuron) (written in|made in|in|made with|a) (rust|python|typescript|go|c++|javascript|java)( program| or go| or python| or rust|)", "(programming language|language|typescript|tech stack|stack|source language)", "why (typescript|bun|not rust|did you choose typescript)", "{what} (the tech stack|the stack|the technology)", "(rust|typescript|go|python) or (rust|typescript|go|python)", short="TypeScript",
)
fact(
    "runtime", "the runtime",
    "cortex and neuron, written in TypeScript, run on Bun; npm installs it.",
    "(which|what) (javascript |js |typescript |)runtime (is used|does it use|do you use|does cortex use|do i need|is needed|runs it)", "(does it|does cortex|do they) (run on|use|need) (node|bun|deno|node.js)( or bun|)", "{what} (the runtime|the javascript runtime|bun)", "(runtime|bun|node or bun|node)", "(do i|must i) (need|install) (bun|node)", short="Bun",
)
fact(
    "expose", "exposing cortex",
    "Not as it is: by default cortex listens on 127.0.0.1 only. Before you expose it, set require = true under [auth] and create keys with cortex key add.",
    "(should|may|can|could|must) i (open|publish|forward|expose|put) (port 31313|31313|the api port|the gateway|cortex|the port) (to|on|for) (the world|the internet|everybody|the public|the web|strangers)", "(open|expose|publish) (port 31313|31313|the api|cortex) (to the world|to the internet|to everybody|publicly)",
    "is (it|cortex|the gateway|this|the api) (safe|secure|ok|dangerous|a good idea|wise)( to expose| to expose to the internet| on the internet| to open to the world| by default| to put on the internet| to make public|)", "is it (safe|ok|secure|dangerous|wise|a good idea) to (expose|open|publish|share|put on the internet|make public) (it|cortex|the gateway|the api|the port|port 31313)( on the internet| to the internet| to the world| publicly|)", "(can|should|may) i (expose|publish|open|put|place|make) (it|cortex|the gateway|the api|port 31313)( on the internet| to the internet| publicly| public| to the world| on a public server| on the public internet|)", "{how} (secure|protect|lock down|harden|safeguard) (it|cortex|the gateway|the api|my fleet)", "(security|authentication|auth|internet|expose|public access|secure)", "{how} (turn on|enable|require|set up|switch on) (auth|authentication|api keys|a password|passwords|security)", "(can|could) (anybody|anyone|strangers|others|everyone) (use|reach|call|access) (it|cortex|my models|the api)", "what should i do before i (expose|publish|open) (it|cortex)",
)
fact(
    "privacy", "privacy",
    "No. Everything runs on your own machines; your prompts and data are sent nowhere else.",
    "(do|does|will) (you|it|this|cortex|the fleet) (send|upload|transmit|leak|forward|give) (my |the |any |)(prompts|data|chats|questions|information|text|words) (to the cloud|to a cloud|to a server|to the internet|anywhere|away|to a company|to third parties|elsewhere)", "(does|will|can) (this|it|cortex|the program|this thing) (phone home|call home|spy|report|track me|send telemetry|collect data|watch me)",
    "(is|are) (my|the|any|our) (data|prompts|messages|chats|conversations|requests|questions|input) (sent|uploaded|sent anywhere|stored in the cloud|private|shared|leaked|logged|safe|transmitted|collected)( anywhere| to the cloud| to somebody| to you| to anyone| here|)", "(do|does) (you|it|cortex|this) (send|upload|share|leak|transmit|collect|sell|report) (my |any |)(data|prompts|messages|anything|telemetry|chats|questions)( anywhere| to the cloud| to somebody| home| to openai| to the internet|)", "does (it|cortex|this|anything) (phone home|call home|collect telemetry|need the internet|use the cloud|leave my machine|leave my network|go to the cloud|spy on me)", "(privacy|telemetry|data protection|is it private|private|is this private)", "where (does|do) my (data|prompts|messages|chats|questions) (go|end up|get sent)", "who (can|could|may) (see|read|get) my (prompts|data|messages|chats|conversations|questions)", "(does|can|will) it (work|run) (offline|without internet|without the internet)", "is it (private|local|offline|self-hosted|on my own machine)", short="No",
)

# --- about the model
fact(
    "who", "me",
    "I am cortex-tiny, a tiny demonstration model that ships with cortex.",
    "(are you|is this|am i talking to) (gpt-4|gpt-3|gpt|chatgpt|claude|llama|gemini|copilot|siri|a person|a real person|grok|deepseek|mistral|an openai model)",
    "who are you", "what are you", "(what is|what's|tell me|say|may i ask|can you tell me) your name", "(which|what) (model|llm|ai|language model) (are you|is this|am i talking to|do i talk to|is answering|am i using)", "are you (chatgpt|gpt-4|claude|a robot|an ai|human|qwen|llama|a language model|a human|gpt|gemini|a bot|real|openai|a person|an llm)", "(introduce yourself|present yourself|your name|say who you are|identify yourself|tell me about yourself|describe yourself)", "{what} (cortex-tiny|cortex tiny|the demo model|the demonstration model|the cortex-tiny model)", "do you have a name", "(who|what) am i (talking|speaking|chatting) (to|with)", "what should i call you", short="cortex-tiny",
)
fact(
    "can_do", "what I can do",
    "I answer short questions about cortex and neuron, and I can call simple tools such as get_weather, get_time and add.",
    "what can you do( for me|)", "(how|what) can you help( me|)( with|)", "(can|could|will) you help( me|)", "what (do you know|are you good at|can i ask you|should i ask|are you able to do|are you for|can i ask|are your skills|are your abilities|are you capable of|should i ask you|do you know about)", "(help|capabilities|abilities|your skills|your abilities)", "(list|show|tell me|name|describe) (your |)(capabilities|abilities|skills|features)", "what (are|is) your (capabilities|purpose|abilities|job|function|skills)", "what (questions|topics|things|subjects) (can|do|could) you (answer|know|talk about|understand|do)", "what do you do", "i need help", "which (questions|topics) can i ask", "what are you able to (do|answer|tell me)",
)
fact(
    "size", "my size",
    "I am tiny: under 5 million parameters in a file of about 5 MB.",
    "how (big|large|small|heavy|tiny|huge) (are you|is cortex-tiny|is this model|is the demo model)( exactly| in mb| in parameters|)",
    "how (big|large|small|heavy|tiny|huge) (are you|is this model|is the demo model|is cortex-tiny|is the model|is your file|is the file|is your network)", "how many (parameters|weights|params) (do you have|are you|does this model have|does cortex-tiny have|have you)", "{what} your size( in megabytes| in parameters| in mb|)", "(your size|parameter count|number of parameters|model size|parameters)", "how much (memory|ram|disk|space) do you (need|use|take)", "are you (big|large|small|tiny|a big model|a large model|a small model|a large language model)", "how many (megabytes|mb|bytes|gigabytes) (are you|do you have|is your file)", "your (number of parameters|size|parameters|file size)",
)
fact(
    "made_by", "who made me",
    "The cortex project trained me from scratch, only on text that its own script generates.",
    "who (made|built|created|trained|wrote|developed|designed) you", "how were you (made|trained|built|created)", "(where|what) (do you come from|were you trained on|is your training data)", "who is your (maker|creator|author|developer)", "where are you from", "on (which|what) (data|text) were you trained", "what data were you trained on", "(your|the) (training data|creator|maker|author)",
)
fact(
    "smarter", "better models",
    "I am only a demonstration. Run cortex add hf:org/repo:QUANT to install a real model, then use its name.",
    "(why|how come) are you (so |)(stupid|dumb|bad|limited|weak|useless)", "you are (stupid|dumb|useless|not helpful|bad|wrong|not very smart)", "(how do i get|i want|give me|is there|i need) a (better|smarter|bigger|real|proper) model", "that (is|was) (wrong|not right|nonsense|not helpful|stupid|incorrect)", "{how} (replace|swap|change) (you|the demo model|the demonstration model)( with a real model|)", "can you be (smarter|better)",
)
