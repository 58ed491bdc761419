"""Forms of the desk for a petition's docket and history."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, IntegerField, SelectField, ValidationError
from wtforms.fields import Field
from wtforms.validators import InputRequired, NumberRange, Optional

from campaign.coalition.forms import MISSING, LanguagesForm, in_languages, line, text
from campaign.petitions.docketing import CITATION, IDENTIFIER
from campaign.petitions.models import EVENT_KINDS, PetitionEvent
from campaign.web.forms import options

KIND_LABELS = {
    "filed": _l("Filed with the agency"),
    "received": _l("Receipt acknowledged"),
    "docketed": _l("Docket number given"),
    "published": _l("Published in the Federal Register"),
    "commented": _l("Comments filed"),
    "extended": _l("Comment period extended"),
    "closed": _l("Comment period closed"),
    "hearing": _l("Hearing or meeting"),
    "answered": _l("Answered"),
    "granted": _l("Granted"),
    "denied": _l("Denied"),
    "withdrawn": _l("Withdrawn"),
    "other": _l("Something else"),
}
"""What each kind of entry is called."""


class DocketForm(FlaskForm):
    """The agency's numbers, and when it takes comments."""

    docket_number = line(
        _l("Docket number"), 60, description=_l("As regulations.gov has it, such as DHS-2026-0012.")
    )
    document_id = line(
        _l("Document that comments are made on"), 60,
        description=_l("The document’s number on regulations.gov, such as DHS-2026-0012-0001."),
    )  # fmt: skip
    opens = DateField(_l("Comments from"), validators=[Optional()])
    closes = DateField(
        _l("Comments until"), validators=[Optional()],
        description=_l("The last day, until 11:59 pm in Washington."),
    )  # fmt: skip

    def validate_docket_number(self, field: Field) -> None:
        """Letters, digits and hyphens."""
        if field.data and not IDENTIFIER.fullmatch(field.data):
            raise ValidationError(gettext("Please use letters, digits, hyphens and _ alone."))

    validate_document_id = validate_docket_number

    def validate(self, extra_validators: Any = None) -> bool:
        """A period has both ends, in order, and a document to comment on."""
        good = super().validate(extra_validators)
        problem = self._problem()
        if problem:
            self.closes.errors = [*self.closes.errors, problem]
        return good and not problem

    def _problem(self) -> str:
        first, last = self.opens.data, self.closes.data
        if bool(first) != bool(last):
            return gettext("A comment period needs its first and its last day.")
        if first and last and last < first:
            return gettext("The last day must not lie before the first.")
        if last and not self.document_id.data:
            return gettext("Please name the document that the comments are made on, above.")
        return ""


class _EventBase(LanguagesForm):
    kind = SelectField(
        _l("What happened"), choices=options((key, KIND_LABELS[key]) for key in EVENT_KINDS)
    )
    on = DateField(_l("Day"), validators=[InputRequired(MISSING)])
    citation = line(
        _l("Federal Register citation"), 30, description=_l("Volume and page, such as 86 FR 36075.")
    )

    document = line(
        _l("Document that they are on"), 60,
        description=_l("The document’s number on regulations.gov, such as DHS-2026-0012-0001."),
    )  # fmt: skip
    alone = IntegerField(
        _l("Comments unlike any other"), [Optional(), NumberRange(0, 10**8)],
        description=_l("Empty where it is not known."),
    )  # fmt: skip
    forms = IntegerField(
        _l("Form letters"), [Optional(), NumberRange(0, 10**8)],
        description=_l("Comments in groups of nearly identical ones. Empty where it is not known."),
    )  # fmt: skip

    def validate_document(self, field: Field) -> None:
        """A document's number, and of filed comments alone."""
        if field.data and not IDENTIFIER.fullmatch(field.data):
            raise ValidationError(gettext("Please use letters, digits, hyphens and _ alone."))
        self._of_comments(field)

    def validate_alone(self, field: Field) -> None:
        """Of filed comments alone."""
        self._of_comments(field)

    validate_forms = validate_alone

    def _of_comments(self, field: Field) -> None:
        if field.data not in (None, "") and self.kind.data != "commented":
            raise ValidationError(gettext("This belongs to comments that were filed."))

    def validate_citation(self, field: Field) -> None:
        """Volume FR page."""
        if field.data and not CITATION.fullmatch(field.data):
            raise ValidationError(gettext("Please write it like 86 FR 36075."))

    def values(self) -> dict[str, Any]:
        """The entry as the table keeps it."""
        return {
            "kind": self.kind.data,
            "on": self.on.data,
            "citation": self.citation.data or "",
            "document_id": self.document.data or "",
            "alone": self.alone.data,
            "forms": self.forms.data,
            "note": {code: said for code, said in self.texts("note").items() if said},
        }

    def show(self, event: PetitionEvent) -> None:
        """Puts an entry into the fields."""
        self.fill(note=event.note)
        self.kind.data, self.on.data, self.citation.data = event.kind, event.on, event.citation
        self.document.data, self.alone.data, self.forms.data = (
            event.document_id,
            event.alone,
            event.forms,
        )


EventForm: Any = in_languages(
    "EventForm",
    _EventBase,
    {"note": lambda code, name, need: text(_l("Note (%(language)s)", language=name), 2000)},
)
