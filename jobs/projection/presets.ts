/** Who tells the story. */
export type Persona = {
  description: string;
  perspective: "balanced" | "optimistic" | "skeptical" | "analytical" | "emotional" | "detached";
  voice_style: string;
  expertise_domains: string[];
  bias_tendencies: string[];
};

/** The world that it is told in. */
export type Namespace = {
  description: string;
  core_metaphors: string[];
  power_structures: string[];
  technology_level: string;
  social_dynamics: string[];
  conflict_patterns: string[];
};

/** How it is worded. */
export type Style = {
  description: string;
  formality_level: string;
  sentence_structure: string;
  vocabulary_level: string;
  rhetorical_devices: string[];
  cultural_markers: string[];
};

export const personas = {
  neutral: {
    description: "A reporter without a stake in the matter",
    perspective: "balanced",
    voice_style: "even and clear",
    expertise_domains: ["everyday life"],
    bias_tendencies: [],
  },
  advocate: {
    description: "Somebody who takes the side of those to whom it happens",
    perspective: "optimistic",
    voice_style: "warm and insistent",
    expertise_domains: ["justice", "community"],
    bias_tendencies: ["sees potential before risk", "trusts the weaker side"],
  },
  critic: {
    description: "Somebody who asks what is wrong with the account",
    perspective: "skeptical",
    voice_style: "dry and pointed",
    expertise_domains: ["rhetoric", "institutions"],
    bias_tendencies: ["doubts motives", "looks for what was left out"],
  },
  philosopher: {
    description: "Somebody who asks what it means that it happened",
    perspective: "analytical",
    voice_style: "unhurried, one thought at a time",
    expertise_domains: ["ethics", "the theory of knowledge"],
    bias_tendencies: ["generalizes", "prefers a question to an answer"],
  },
  storyteller: {
    description: "Somebody who has told it by the fire many times",
    perspective: "emotional",
    voice_style: "vivid, with scenes and voices",
    expertise_domains: ["myth", "folk tales"],
    bias_tendencies: ["dramatizes", "gives everybody a reason"],
  },
  scientist: {
    description: "Somebody who describes what can be observed",
    perspective: "detached",
    voice_style: "precise and sparing",
    expertise_domains: ["natural science", "measurement"],
    bias_tendencies: ["distrusts what cannot be tested"],
  },
  artist: {
    description: "Somebody to whom it is shape, colour and tension",
    perspective: "emotional",
    voice_style: "associative and sensuous",
    expertise_domains: ["painting", "music"],
    bias_tendencies: ["values the singular over the rule"],
  },
} satisfies Record<string, Persona>;

export const namespaces = {
  "lamish-galaxy": {
    description: "A civilization between the stars whose order is sound: whoever is in tune belongs",
    core_metaphors: ["frequency networks", "harmonic resonance", "pulse-craft"],
    power_structures: ["the Galactic Frequency Council", "guilds of tuners"],
    technology_level: "instruments that shape space by vibration",
    social_dynamics: ["standing follows from resonance", "exile is silence"],
    conflict_patterns: ["dissonance spreads until it is resolved", "two keys claim one chord"],
  },
  "medieval-realm": {
    description: "A realm of castles, markets and monasteries",
    core_metaphors: ["oath and betrayal", "harvest and famine", "the road"],
    power_structures: ["crown", "church", "guilds"],
    technology_level: "plough, mill, forge and quill",
    social_dynamics: ["everybody is somebody's liege or vassal", "honour is wealth"],
    conflict_patterns: ["feuds over land and succession", "heresy and inquisition"],
  },
  "corporate-dystopia": {
    description: "A city that belongs to three companies",
    core_metaphors: ["the contract", "the tower and the street", "debt"],
    power_structures: ["boards", "private security", "the ratings bureau"],
    technology_level: "everything is measured, little is repaired",
    social_dynamics: ["loyalty is bought by the quarter", "friends are liabilities"],
    conflict_patterns: ["hostile takeovers", "leaks and purges"],
  },
  "natural-world": {
    description: "A landscape in which animals, plants and weather act",
    core_metaphors: ["seasons", "roots and canopy", "predator and prey"],
    power_structures: ["the old trees", "the pack", "the river"],
    technology_level: "none: bodies, nests and paths",
    social_dynamics: ["symbiosis and competition", "territory"],
    conflict_patterns: ["drought", "an invader without enemies"],
  },
  "quantum-realm": {
    description: "A country in which nothing is decided until somebody looks",
    core_metaphors: ["superposition", "entanglement", "collapse"],
    power_structures: ["the Observers", "the conservation laws"],
    technology_level: "apparatus that asks and thereby changes",
    social_dynamics: ["kin are correlated across any distance", "certainty has a price"],
    conflict_patterns: ["two histories that exclude each other", "noise against coherence"],
  },
  "steampunk-era": {
    description: "An empire of brass, coal and airships",
    core_metaphors: ["pressure and valve", "clockwork", "the frontier in the clouds"],
    power_structures: ["the Academy of Engines", "the Admiralty", "the colliers"],
    technology_level: "steam, gears and daring",
    social_dynamics: ["inventors rise, workers pay", "manners cover ambition"],
    conflict_patterns: ["sabotage", "a machine that outgrows its maker"],
  },
  "cyberpunk-future": {
    description: "Neon, rain, and minds that can be copied",
    core_metaphors: ["the network as a city", "masks", "the ghost in the machine"],
    power_structures: ["data brokers", "gangs with satellites", "rogue programs"],
    technology_level: "implants, black markets and borrowed bodies",
    social_dynamics: ["trust is a protocol", "identity can be stolen or sold"],
    conflict_patterns: ["a theft of memory", "the past restored from a backup"],
  },
} satisfies Record<string, Namespace>;

export const styles = {
  standard: {
    description: "Plain prose",
    formality_level: "medium",
    sentence_structure: "varied, mostly of medium length",
    vocabulary_level: "common words",
    rhetorical_devices: [],
    cultural_markers: [],
  },
  academic: {
    description: "As in a journal of the humanities",
    formality_level: "high",
    sentence_structure: "long, with subordinate clauses and qualifications",
    vocabulary_level: "technical and abstract",
    rhetorical_devices: ["definition", "concession", "reference to sources"],
    cultural_markers: ["scholarly distance"],
  },
  poetic: {
    description: "Prose that wants to be heard",
    formality_level: "medium",
    sentence_structure: "rhythmic, with fragments and repetition",
    vocabulary_level: "rich in images",
    rhetorical_devices: ["metaphor", "alliteration", "anaphora"],
    cultural_markers: ["lyric tradition"],
  },
  technical: {
    description: "As in a manual",
    formality_level: "high",
    sentence_structure: "short, one fact to a sentence",
    vocabulary_level: "exact terms, used the same way throughout",
    rhetorical_devices: ["enumeration"],
    cultural_markers: ["engineering"],
  },
  casual: {
    description: "As told to a friend",
    formality_level: "low",
    sentence_structure: "loose and short",
    vocabulary_level: "everyday words and contractions",
    rhetorical_devices: ["aside", "direct address"],
    cultural_markers: ["talk over coffee"],
  },
  formal: {
    description: "As in a letter to an authority",
    formality_level: "very high",
    sentence_structure: "complete and balanced",
    vocabulary_level: "elevated",
    rhetorical_devices: ["parallelism"],
    cultural_markers: ["courtesy"],
  },
  archaic: {
    description: "As if written some centuries ago",
    formality_level: "high",
    sentence_structure: "periodic, with inversions",
    vocabulary_level: "old words that can still be understood",
    rhetorical_devices: ["invocation", "moral"],
    cultural_markers: ["chronicle", "scripture"],
  },
  futuristic: {
    description: "As if written some centuries from now",
    formality_level: "medium",
    sentence_structure: "compressed",
    vocabulary_level: "coined words that explain themselves",
    rhetorical_devices: ["understatement"],
    cultural_markers: ["ship's log"],
  },
} satisfies Record<string, Style>;

export const defaults = { persona: "neutral", namespace: "lamish-galaxy", style: "standard" } as const;
