"""What a writer's page does with the words that were typed: answers become the letter, merge fields become names.

It never writes for the person: of the answers it makes paragraphs, and nothing else.
"""

from collections.abc import Collection, Mapping

from flask import request
from wtforms import ValidationError

from campaign.letters import merging, rules
from campaign.letters.forms import CorrectionForm, LetterForm
from campaign.web.sent import Sent

ANSWERS = "answers"
"""The form's action that makes the answers the letter."""
MOST = 9
"""Questions on a page at most."""


def given() -> list[str]:
    """What was answered, in the questions' order."""
    if "answer-1" not in request.form and not any(
        one.startswith("answer-") for one in request.form
    ):
        return []
    texts = (
        rules.normal(request.form.get(f"answer-{number}", "")) for number in range(1, MOST + 1)
    )
    return [text for text in texts if text]


def put_in_answers(form: LetterForm, suggested: Collection[str]) -> bool:
    """Begins the letter with the answers; whether there were any. The suggested words make room for the writer's own."""
    answers = given()
    if not answers:
        return False
    written = form.body.data or ""
    known = {rules.normal(text) for text in merging.both_ways(list(suggested), writer(form))}
    form.body.data = "\n\n".join(
        [*answers, *([written] if written and written not in known else [])]
    )
    return True


def writer(form: LetterForm | Sent) -> dict[str, str]:
    """What the form says of its writer, by the fields of suggested words; empty where nothing was typed yet."""
    return merging.writer(
        *(one.data or "" for one in (form.given_name, form.family_name, form.postal_code))
    )


def put_in_fields(form: LetterForm | CorrectionForm | Sent, values: Mapping[str, str]) -> bool:
    """Puts the ``writer``'s name and place where the words left room for them; whether it still fits."""
    fits = True
    for field, length in ((form.subject, rules.SUBJECT_LENGTH), (form.body, rules.BODY_LENGTH)):
        typed = field.data
        field.data = merging.merged(typed, values)
        try:
            rules.Length(*length)(form, field)
        except ValidationError as error:
            field.data, field.errors, fits = typed, [str(error)], False
    return fits
