"""The words that the simulated world is made of: topics with their things and qualifiers, and sentence patterns.

Things are plural noun phrases and every qualifier of a topic fits every thing of that topic, so that any pair can stand
where a pattern has its `*`. A thing belongs to one topic only, and no pattern uses a word typical of a topic, so
that the topic of a title can be read from its thing.
"""

from typing import Final

# Topic -> (things, qualifiers). Every topic has equally many of each.
VOCABULARY: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "running": (
        ("trail shoes", "marathon plans", "interval sessions", "race bibs", "running socks", "hill sprints",
         "pacing watches", "jogging routes", "half marathons", "treadmill workouts", "running vests", "finish lines"),
        ("fast", "gentle", "tough", "steady", "long-distance", "record-breaking"),
    ),
    "home cooking": (
        ("pasta sauces", "soup recipes", "cast-iron pans", "spice racks", "chef's knives", "weeknight dinners",
         "roast chickens", "vegetable stews", "salad dressings", "casserole dishes", "baked lasagnes", "stir-fries"),
        ("beloved", "rustic", "family-style", "country-style", "simple", "homely"),
    ),
    "photography": (
        ("camera lenses", "portrait photos", "camera tripods", "shutter speeds", "light meters", "film cameras",
         "darkroom prints", "wide-angle shots", "flash units", "photo albums", "long exposures", "camera bags"),
        ("crisp", "moody", "studio", "professional", "artistic", "retro"),
    ),
    "personal finance": (
        ("savings accounts", "index funds", "household budgets", "pension plans", "tax returns", "credit cards",
         "mortgage payments", "emergency funds", "government bonds", "dividend shares", "bank statements",
         "expense ledgers"),
        ("sensible", "low-risk", "smart", "shrewd", "well-planned", "long-term"),
    ),
    "gardening": (
        ("tomato seedlings", "rose bushes", "compost heaps", "raised beds", "pruning shears", "watering cans",
         "flower bulbs", "herb planters", "garden hedges", "potting sheds", "vegetable plots", "greenhouse vines"),
        ("backyard", "organic", "well-kept", "cottage-style", "springtime", "sunlit"),
    ),
    "astronomy": (
        ("telescopes", "star charts", "meteor showers", "distant galaxies", "lunar eclipses", "planetariums",
         "ringed planets", "observatories", "comet tails", "nebula images", "black holes", "constellations"),
        ("bright", "awe-inspiring", "northern", "faraway", "glowing", "mysterious"),
    ),
    "chess": (
        ("chess openings", "rook endgames", "queen sacrifices", "chess clocks", "pawn structures", "knight forks",
         "wooden chessboards", "checkmate puzzles", "grandmaster duels", "bishop pairs", "castling tricks",
         "blitz tournaments"),
        ("bold", "classic", "tricky", "elegant", "quick", "unusual"),
    ),
    "football": (
        ("penalty kicks", "goalkeeper gloves", "league tables", "cup finals", "football boots", "corner kicks",
         "transfer rumours", "striker duos", "stadium chants", "midfield passes", "team jerseys", "derby matches"),
        ("legendary", "top-flight", "hotly debated", "famous", "unforgettable", "local"),
    ),
    "sailing": (
        ("sailing dinghies", "mainsails", "harbour moorings", "yacht races", "anchor chains", "sailor's knots",
         "nautical maps", "boat hulls", "regatta crews", "tide tables", "catamarans", "life jackets"),
        ("windswept", "coastal", "salty", "offshore", "storm-tested", "trusty"),
    ),
    "train travel": (
        ("night trains", "rail passes", "railway stations", "sleeper cabins", "steam locomotives", "dining cars",
         "mountain railways", "train timetables", "border crossings", "platform kiosks", "window seats",
         "intercity routes"),
        ("scenic", "punctual", "cross-country", "nostalgic", "slow", "unhurried"),
    ),
    "dog training": (
        ("puppy classes", "dog leashes", "obedience drills", "agility hurdles", "dog treats", "recall whistles",
         "leash lessons", "chew toys", "dog harnesses", "kennel routines", "fetch games", "house-training tips"),
        ("motivating", "playful", "reward-based", "positive", "trainer-approved", "family-friendly"),
    ),
    "bird watching": (
        ("binoculars", "nesting boxes", "migrating geese", "owl sightings", "bird feeders", "songbird calls",
         "wetland hides", "kingfishers", "robin chicks", "heron colonies", "woodpeckers", "feather sketches"),
        ("treasured", "woodland", "rare", "lakeside", "quiet", "colourful"),
    ),
    "skin care": (
        ("face creams", "sunscreens", "clay masks", "vitamin serums", "cleansing foams", "lip balms",
         "moisturisers", "acne remedies", "exfoliating scrubs", "eye gels", "facial toners", "hand lotions"),
        ("soothing", "fragrance-free", "hydrating", "vegan", "mild", "expert-tested"),
    ),
    "woodworking": (
        ("hand planes", "dovetail joints", "oak shelves", "table saws", "wood chisels", "carved spoons",
         "workbenches", "sanding blocks", "walnut tables", "wood varnishes", "lathe bowls", "birch plywoods"),
        ("sturdy", "handmade", "smooth", "solid", "old-school", "well-crafted"),
    ),
    "guitar playing": (
        ("guitar chords", "acoustic guitars", "guitar strings", "fingerpicking drills", "blues riffs", "capos",
         "electric guitars", "guitar amplifiers", "effect pedals", "strumming patterns", "guitar solos",
         "fretboard scales"),
        ("warm", "stage-ready", "groovy", "expressive", "vintage", "soulful"),
    ),
    "crime novels": (
        ("detective novels", "murder mysteries", "noir thrillers", "unsolved murders", "private detectives",
         "locked-room puzzles", "police inspectors", "poison plots", "courtroom dramas", "whodunits",
         "serial killers", "alibi twists"),
        ("dark", "gripping", "Victorian", "chilling", "sinister", "page-turning"),
    ),
    "archaeology": (
        ("Roman ruins", "pottery shards", "burial mounds", "bronze coins", "temple excavations", "pharaoh tombs",
         "cave paintings", "stone tools", "clay tablets", "mosaic floors", "buried cities", "warrior graves"),
        ("ancient", "newly unearthed", "forgotten", "priceless", "well-preserved", "remarkable"),
    ),
    "robotics": (
        ("robot arms", "servo motors", "humanoid robots", "drone swarms", "sensor boards", "robot vacuums",
         "welding robots", "gripper claws", "line followers", "microcontrollers", "walking robots",
         "autonomous rovers"),
        ("programmable", "clever", "tiny", "self-built", "tireless", "precise"),
    ),
    "meditation": (
        ("breathing exercises", "body scans", "meditation cushions", "silent retreats", "mindful pauses",
         "singing bowls", "mantra chants", "zen teachings", "gratitude journals", "calming rituals",
         "guided meditations", "incense burners"),
        ("peaceful", "restful", "deep", "everyday", "serene", "stress-relieving"),
    ),
    "baby care": (
        ("baby bottles", "nappy changes", "lullaby mobiles", "baby carriers", "prams", "cot mattresses",
         "teething rings", "first steps", "baby monitors", "nap schedules", "toddler snacks", "nursery cots"),
        ("cosy", "newborn-friendly", "parent-tested", "reassuring", "safe", "sweet"),
    ),
    "language learning": (
        ("Spanish verbs", "flash cards", "grammar drills", "French dialogues", "Japanese characters",
         "pronunciation tips", "phrase books", "vocabulary lists", "German cases", "tandem partners",
         "Italian idioms", "language exams"),
        ("essential", "handy", "conversational", "tongue-twisting", "intermediate", "memorable"),
    ),
    "coffee brewing": (
        ("espresso machines", "coffee grinders", "filter papers", "latte foams", "pour-over kettles",
         "coffee roasters", "cappuccino cups", "barista skills", "Arabica beans", "French presses", "moka pots",
         "flat whites"),
        ("aromatic", "café-style", "premium", "artisan", "home-brew", "award-winning"),
    ),
    "knitting": (
        ("wool yarns", "knitting needles", "cable sweaters", "crochet hooks", "hand-knit socks", "lace shawls",
         "knitted mittens", "stitch patterns", "yarn skeins", "bobble hats", "cardigan patterns", "chunky scarves"),
        ("charming", "pastel", "wintry", "delicate", "whimsical", "heirloom"),
    ),
    "electric cars": (
        ("charging stations", "car batteries", "electric sedans", "wall chargers", "electric hatchbacks",
         "range extenders", "plug-in hybrids", "dashboard screens", "electric pickups", "charging cables",
         "self-driving features", "motorway chargers"),
        ("zero-emission", "affordable", "next-generation", "efficient", "compact", "sleek"),
    ),
}  # fmt: skip

# Scenario -> title patterns. `*` stands for a qualified thing.
TITLE_PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "shopping": (
        "*, new in the shop", "Gift box: *", "*: complete starter set", "Pocket guide to *", "Top-rated *",
        "*: illustrated handbook", "*, limited edition", "*: wall poster", "On sale: *", "*, customer favourite",
        "*: gift voucher", "Bestselling *",
    ),
    "news": (
        "Demand for * keeps rising", "New study looks at *", "City council debates *", "Opinion: the case for *",
        "Inside the sudden boom in *", "Experts divided over *", "*: five things we know", "Report: * in crisis",
        "Minister calls for more *", "Survey finds new love of *", "Fans queue overnight for *", "The return of *",
    ),
    "social": (
        "Just discovered * and I love it", "Show me your *", "Thread: all about *", "My week with *",
        "Ask me anything about *", "Poll: who here likes *", "Weekend mood: *", "Cannot stop thinking about *",
        "Unpopular opinion about *", "Before and after: *", "We need to talk about *", "Tag a friend who needs *",
    ),
    "music": (
        "Songs about *", "Ballad of the *", "* (acoustic version)", "* (midnight remix)", "Playlist: *",
        "Dancing with *", "* (live session)", "*: the mixtape", "Lullaby for *", "* on repeat", "Mellow beats for *",
        "Serenade to the *",
    ),
    "video": (
        "How to get started with *", "* explained in 5 minutes", "I tried * for a month", "Vlog: a day with *",
        "Hands-on review: *", "Watch this before you try *", "* in slow motion", "Behind the scenes: *",
        "3 mistakes to avoid with *", "Ranking * from worst to best", "*: full documentary", "Live stream: *",
    ),
    "education": (
        "Introduction to *", "*: a beginner's course", "Advanced course: *", "Fundamentals of *",
        "Lecture series: *", "* in ten lessons", "Workshop: *", "*: theory and practice", "Certificate in *",
        "Self-study guide: *", "The science behind *", "Masterclass: *",
    ),
    "search": (
        "* near me", "Best * compared", "What to know about *", "Where to find *", "*: facts and figures",
        "*: frequently asked questions", "Top 10 *", "Overview and links: *", "Reviews and ratings: *",
        "Forum answers on *", "*: definition and examples", "Alternatives to *",
    ),
    "games": (
        "Quest for the *", "Legend of the *", "World of *", "Escape from the *", "*: the puzzle game",
        "*: tycoon edition", "*: arcade challenge", "Empire of *", "Match three: *", "*: co-op adventure",
        "Battle of the *", "Pocket simulator: *",
    ),
}  # fmt: skip

# For a scenario that is not listed above. `#` stands for the scenario's name.
GENERIC_PATTERNS: Final[tuple[str, ...]] = (
    "# pick: *", "*, popular in #", "Fresh from #: *", "*: # highlights", "Trending in #: *", "# notes on *",
    "*, a find from #", "# special: *", "* for fans of #", "*: # selection", "Seen in #: *", "Best of #: *",
)  # fmt: skip

# Scenario -> places of the title patterns that promise too much.
BAIT: Final[dict[str, tuple[int, ...]]] = {
    "shopping": (4, 6, 8, 11),
    "news": (4, 5, 7, 10),
    "social": (0, 7, 8, 11),
    "music": (3, 5, 8, 9),
    "video": (1, 5, 8, 10),
    "education": (5, 8, 10, 11),
    "search": (1, 6, 8, 11),
    "games": (1, 5, 7, 10),
}
GENERIC_BAIT: Final = (1, 4, 7, 11)

# Scenario -> what follows a title whose every combination of words is used up. `#` stands for a number from 2.
EDITIONS: Final[dict[str, str]] = {
    "shopping": ", No. #",
    "news": ", update #",
    "social": ", post #",
    "music": ", vol. #",
    "video": ", part #",
    "education": ", unit #",
    "search": ", page #",
    "games": ", level #",
}
GENERIC_EDITION: Final = ", part #"

# Scenario -> how a description begins. The rest of the sentence names things and topics.
DESCRIPTION_OPENINGS: Final[dict[str, tuple[str, ...]]] = {
    "shopping": ("A product for fans of", "A shop favourite for lovers of"),
    "news": ("A news report on", "An article that looks into"),
    "social": ("A personal post about", "A lively thread on"),
    "music": ("A song inspired by", "A playlist that celebrates"),
    "video": ("A short video about", "An episode that shows"),
    "education": ("A course that covers", "A lesson on"),
    "search": ("A web page about", "A search result on"),
    "games": ("A game built around", "A playful challenge full of"),
}
GENERIC_OPENINGS: Final[tuple[str, ...]] = ("Something about", "A recommendation on")

# How a description mentions the second topic.
DESCRIPTION_TAILS: Final[tuple[str, ...]] = (
    "with a nod to",
    "with a hint of",
    "with a glance at",
)

SCENARIO_PHRASES: Final[dict[str, str]] = {
    "shopping": "shopping online",
    "news": "reading the news",
    "social": "scrolling a social feed",
    "music": "listening to music",
    "video": "watching videos",
    "education": "taking an online course",
    "search": "searching the web",
    "games": "playing games",
}
