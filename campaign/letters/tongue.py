"""What language a letter is written in, for the note to offices, which read English.

The page's language is what the salutation, the request and the mails to the writer are in; the writer's own words may be
in another. They are told by their most frequent small words, or by their script; where that says nothing clear, the
page's language is believed, unless nothing of the text is like it. English without small words, as in a list of what
someone wishes for, is told by how its words end. Nothing is looked up elsewhere.
"""

import re
import unicodedata
from collections import Counter

from campaign.letters.words import words_of

_SMALL = {
    "English": "the and of to is that for in my you are was have this not with be it they from who our we a an i her his he she "
    "because please should can will at on by or what when there their them has had before",
    "Spanish": "el la de que y los las en por para con una un no mi su es del se al como pero más esta les lo le me nos sin ya yo "
    "muy mis sus son está están este hay fue ha han ni cuando porque nuestra nuestro nadie usted él ella",
    "French": "le la les des et est que une un pour dans vous nous je de du qui ne pas au avec sur ce il",
    "Portuguese": "o os as não uma um para com que em do da de e é eu meu minha por dos das se no na mas está sem ele ela foi "
    "são mais muito seu sua há pela pelo isso ao nem todos nos",
    "Italian": "di che il un una per non è e in la le i con si da del della sono mi ho più al ha alla gli lo mia mio loro suo sua questa",
    "Haitian Creole": "mwen nou yo ki ak pou nan se pa li te sa yon ka gen tout fè moun anpil gade",
    "Vietnamese": "và của là những người tôi không được cho có trong một với các này đã họ chúng",
    "Tagalog": "ang ng sa mga na at ay ko ako hindi si para kung po nang ito siya kami namin",
}
_WORDS = {name: frozenset(text.split()) for name, text in _SMALL.items()}

_SCRIPTS = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "ETHIOPIC": "Amharic or Tigrinya",
    "THAI": "Thai", "GREEK": "Greek", "HEBREW": "Hebrew", "ARABIC": "the Arabic script", "CYRILLIC": "the Cyrillic script",
    "DEVANAGARI": "the Devanagari script", "BENGALI": "Bengali", "GURMUKHI": "Punjabi", "GUJARATI": "Gujarati",
    "TAMIL": "Tamil", "TELUGU": "Telugu", "KANNADA": "Kannada", "MALAYALAM": "Malayalam", "SINHALA": "Sinhala",
    "MYANMAR": "the Burmese script", "KHMER": "Khmer", "LAO": "Lao", "TIBETAN": "the Tibetan script",
    "ARMENIAN": "Armenian", "GEORGIAN": "Georgian", "CHEROKEE": "Cherokee",
}  # fmt: skip

_LEAST = 8
"""Words without which nothing is said of a language."""
_SHARE = 0.15
"""The share of small words from which on a text is taken to be in a language, and half as much again as any other, or ..."""
_OWN = 3
"""... so many that the next one does not have, and three times as many as that one has alone: Spanish and French share half of theirs."""

_ENOUGH = 15
"""Words in which a language's small words would show."""
_STRANGE = 0.06
"""With fewer small words of a language than this share, so many words are not in it."""

_ENDING = re.compile(
    r"(?:[tsc]ions?|ing|ed|ness|ments?|i?ty|ies|[eo]rs?|ly|ful|less|ship|hood|[ae]nces?|ous|ive|[ai]ble|ics?|is[mt]s?|al"
    r"|th|ght|ck|ll|ss|ch|sh|[bcdfghklmnprty]s|es|[nrlf][dt]|[a-z]y|ee)$"
)
_ENDINGS = 0.35
"""With so large a share of words that end as English ones do, and hardly any letter beyond a to z, a text is in English.

In English lists of nouns it was 0.44 and more, in letters in 14 other languages with few such letters 0.3 at most."""
_ACCENTS = 0.1
"""With such letters in so large a share of its words a text is not in English."""

ENGLISH = "English"
PAGES = {"en": ENGLISH, "es": "Spanish"}
"""The names of the pages' languages, in English."""


def spoken(text: str) -> str:
    """The name, in English, of the language that a text is in; empty where that is not clear."""
    letters = sum(map(str.isalpha, text))
    others = (sign for sign in text if sign > "\x7f" and sign.isalpha())
    scripts = Counter(re.split(r"[ -]", unicodedata.name(one, ""))[0] for one in others)
    script, n = scripts.most_common(1)[0] if scripts else ("", 0)
    if n > letters / 2 and script in _SCRIPTS:
        # Japanese mixes Chinese signs in.
        return "Japanese" if scripts["HIRAGANA"] > n / 10 else _SCRIPTS[script]
    words = words_of(text)
    if len(words) < _LEAST:
        return ""
    shares = sorted(
        (
            (sum(word in small for word in words) / len(words), name)
            for name, small in _WORDS.items()
        ),
        reverse=True,
    )
    (best, name), (second, next_one) = shares[:2]
    clear = best >= 1.5 * second or _is_clear(words, _WORDS[name], _WORDS[next_one])
    return name if best >= _SHARE and clear else ""


def _is_clear(words: list[str], small: frozenset[str], others: frozenset[str]) -> bool:
    own = sum(word in small - others for word in words)
    return own >= _OWN and own >= 3 * sum(word in others - small for word in words)


UNKNOWN = "a language other than English"


def note(body: str, page: str) -> str:
    """The note in English for an office; empty where all is English. ``page``: the language of the page it came from."""
    own, around = _own(body, page), PAGES.get(page, page)
    if own != ENGLISH:
        return f"This letter is written in {own}."
    return f"Parts of this letter are written in {around}." if around != ENGLISH else ""


def other(body: str, page: str) -> str:
    """The language of what is not English in a letter, as its note names it; empty where all is English."""
    own, around = _own(body, page), PAGES.get(page, page)
    return own if own != ENGLISH else around if around != ENGLISH else ""


def _own(body: str, page: str) -> str:
    """The language of the writer's own words."""
    around = PAGES.get(page, page)
    own = spoken(body)
    if not own and _strange(body, around):
        return ENGLISH if _ends_as_english(body) else UNKNOWN
    return own or around


def _ends_as_english(text: str) -> bool:
    words = [word for word in words_of(text) if word.isalpha()]
    if not words or sum(not word.isascii() for word in words) >= _ACCENTS * len(words):
        return False
    ends = sum(_ENDING.search(word) is not None for word in words)
    return ends >= _ENDINGS * len(words)


def _strange(text: str, language: str) -> bool:
    """Whether a text is certainly not in a language, though nobody knows in which one it is."""
    words = words_of(text)
    small = _WORDS.get(language, frozenset())
    return len(words) >= _ENOUGH and sum(word in small for word in words) < _STRANGE * len(words)
