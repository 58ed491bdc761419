"""The people of the demonstration, the same in every run, and what each of them does."""

import csv
import random
import unicodedata
from dataclasses import dataclass
from pathlib import Path

FOUNDING_CASE = Path(__file__).resolve().parent.parent / "demo" / "wait-in-freedom"
LEAD = "National Immigrant Justice Center"

_GIVEN = [
    "Ana",
    "Benjamin",
    "Carmen",
    "Dolores",
    "Elijah",
    "Fatuma",
    "Grace",
    "Héctor",
    "Imani",
    "Jorge",
    "Keiko",
    "Leila",
    "Mateo",
    "Núria",
    "Oscar",
    "Paloma",
    "Quentin",
    "Rosalía",
    "Samir",
    "Teresa",
    "Ursula",
    "Víctor",
    "Wanda",
    "Ximena",
    "Yusuf",
]
_FAMILY = [
    "Abbott",
    "Báez",
    "Castillo",
    "Delacroix",
    "Echeverría",
    "Farouk",
    "Guzmán",
    "Hoang",
    "Ibáñez",
    "Johnson",
    "Kowalski",
    "Lozano",
    "Mbeki",
    "Núñez",
    "O’Brien",
    "Patel",
    "Quiroga",
    "Rivera",
    "Stone",
    "Tadesse",
    "Urrutia",
    "Vargas",
    "Whitfield",
    "Xiong",
    "Yáñez",
    "Zimmermann",
]
_PLACES = (
    ("60608", "IL"), ("55406", "MN"), ("85008", "AZ"), ("19119", "PA"), ("98118", "WA"), ("33147", "FL"),
    ("95616", "CA"), ("78207", "TX"), ("11218", "NY"), ("02127", "MA"), ("20010", "DC"), ("87301", "NM"),
)  # fmt: skip
_OWN_WORDS = {
    "en": (
        "My neighbor waited eleven months behind a locked door before a judge heard a single word of her story.",
        "I interpret for a legal aid office, and I have seen good cases lost because a letter could not be sent for.",
        "My parents were received in this country with a warm meal and not with a cell, and I never forgot it.",
        "As a nurse I have treated people after long detention; what was taken from them does not come back.",
        "Our parish has empty rooms and willing hands for whoever is allowed to wait outside.",
        "I teach eighth grade, and two of my pupils visit their father through a pane of glass.",
    ),
    "es": (
        "Mi vecina esperó once meses tras una puerta cerrada antes de que un juez escuchara una sola palabra suya.",
        "Soy intérprete en una oficina de ayuda legal y he visto perderse casos sólidos por falta de un documento.",
        "A mis padres los recibieron en este país con un plato caliente y no con una celda, y nunca lo olvidé.",
        "Como enfermera he atendido a personas tras una larga detención; lo que se les quitó no vuelve.",
        "Nuestra parroquia tiene cuartos vacíos y manos dispuestas para quien pueda esperar afuera.",
        "Doy clases en octavo grado, y dos de mis alumnos visitan a su padre a través de un vidrio.",
    ),
}
_CLOSING = {
    "en": ("I ask you as {name}, from {place}.", "Please think of them tonight. {name}, {place}"),
    "es": ("Se lo pido yo, {name}, desde {place}.", "Piense en ellos esta noche. {name}, {place}"),
}

WRITES, SIGNS_UP = "writes", "signs up"
CONFIRMS, NEVER_CONFIRMS, UNDELIVERABLE = "confirms", "never confirms", "undeliverable"
PLAINLY, DOUBLE_CLICKS, PREVIEWS, CONFIRMS_TWICE = (
    "plainly",
    "double-clicks",
    "previews",
    "confirms twice",
)


@dataclass(frozen=True)
class Person:
    """Someone who comes to the site with a form in mind."""

    given_name: str
    family_name: str
    email: str
    postal_code: str
    state: str
    language: str
    act: str = WRITES
    fate: str = CONFIRMS
    edits: bool = False
    consents: bool = True
    """Whether they agree to the lead organization's messages where the form asks."""
    manner: str = PLAINLY
    number: int = 0

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def path(self) -> str:
        """What stands before every address in this person's language."""
        return "" if self.language == "en" else f"/{self.language}"

    def own_words(self) -> str:
        """Two sentences that nobody else writes."""
        choice = random.Random(self.number)  # noqa: S311  # the same in every run, and no secret
        story = choice.choice(_OWN_WORDS[self.language])
        closing = choice.choice(_CLOSING[self.language])
        return f"{story} {closing.format(name=self.name, place=self.postal_code)}"


@dataclass(frozen=True)
class Endorser:
    """A co-signer of the founding case."""

    name: str
    kind: str
    website: str
    signer_name: str
    signer_title: str
    signer_email: str


@dataclass(frozen=True)
class Cast:
    """Everyone who takes part."""

    writers: list[Person]
    """They confirm, and their letters are to be delivered."""
    forgetful: list[Person]
    """They never press the button behind the link."""
    mistaken: list[Person]
    """Their address has a slip in it: there is no such mailbox."""
    sign_ups: list[Person]
    """They sign up without writing, and agree to messages."""
    quiet: list[Person]
    """They sign up and want no messages."""
    imported: list[Person]
    """Supporters of the founding case who agreed to the lead organization's messages before."""
    imported_in_all: int
    endorsers: list[Endorser]

    @property
    def through_alert(self) -> list[Person]:
        """Who writes through the alert's link: two who were imported, else people who signed up."""
        n = max(2, len(self.sign_ups) * 2 // 5)
        return [*self.imported[1:3], *self.sign_ups[1 : n - 1]]

    @property
    def leaver(self) -> Person:
        """Who unsubscribes."""
        return self.sign_ups[0]


def cast(supporters: int) -> Cast:
    """Everyone, for so many supporters who write and confirm; the rest of the cast grows and shrinks with them."""
    manners = {3: DOUBLE_CLICKS, 8: PREVIEWS, 12: CONFIRMS_TWICE}
    writers = [
        _person(n, edits=n // 3 % 2 == 1, manner=manners.get(n % 20, PLAINLY))
        for n in range(supporters)
    ]
    at = supporters
    forgetful = [_person(at + n, fate=NEVER_CONFIRMS) for n in range(3)]
    mistaken = [_person(at + 3 + n, fate=UNDELIVERABLE) for n in range(2)]
    sign_ups = [_person(at + 5 + n, act=SIGNS_UP) for n in range(max(6, supporters // 8))]
    at += 5 + len(sign_ups)
    quiet = [_person(at + n, act=SIGNS_UP, consents=False) for n in range(2)]
    imported, in_all = _imported()
    return Cast(
        writers, forgetful, mistaken, sign_ups, quiet, imported, in_all, _endorsers(supporters)
    )


def _person(n: int, **what: object) -> Person:
    given, family = _GIVEN[n % len(_GIVEN)], _FAMILY[n * 7 % len(_FAMILY)]
    postal_code, state = _PLACES[n % len(_PLACES)]
    local = _plain(f"{given}.{family}.{n}".lower())
    language = "es" if n % 3 == 2 else "en"
    person = Person(
        given, family, f"{local}@people.example", postal_code, state, language, number=n
    )
    return Person(**{**vars(person), **what})


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if c.isascii() and (c.isalnum() or c == "."))


def _imported() -> tuple[list[Person], int]:
    rows = _rows("supporters.csv")
    ours = [row for row in rows if row["organization"] == LEAD and row["consented_at"]]
    people = [
        Person(
            row["given_name"], row["family_name"], row["email"], row["postal_code"], row["state"],
            row["language"], number=1000 + n,
        )
        for n, row in enumerate(ours)
    ]  # fmt: skip
    return people, sum(bool(row["consented_at"]) for row in rows)


def _endorsers(supporters: int) -> list[Endorser]:
    """All 31 of the founding case; every fourth where only a few supporters take part."""
    rows = [row for row in _rows("endorsements.csv") if row["petition"] == "dhs"]
    keys = ("name", "kind", "website", "signer_name", "signer_title", "signer_email")
    found = [Endorser(*(row[key] for key in keys)) for row in rows]
    return found if supporters >= 100 else found[::4]


def _rows(name: str) -> list[dict[str, str]]:
    with (FOUNDING_CASE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
