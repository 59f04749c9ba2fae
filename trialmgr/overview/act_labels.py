"""What each act is called in the audit trail, in the words of the field."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACT_LABELS: dict[str, str | Promise] = {
    "casebook.frozen": _("Casebook frozen"),
    "casebook.opened": _("Casebook opened"),
    "casebook.thawed": _("Casebook thawed"),
    "consent.recorded": _("Consent recorded"),
    "consent.withdrawn": _("Consent withdrawn"),
    "contact.erased": _("Contact details erased"),
    "contact.read": _("Contact details read"),
    "contact.saved": _("Contact details saved"),
    "eligibility.judged": _("Eligibility judged"),
    "entry.not_done": _("Form marked as not done"),
    "entry.removed": _("Row removed"),
    "entry.saved": _("Form saved"),
    "entry.signed": _("Form signed"),
    "gate.decided": _("Decision on a phase taken"),
    "items.verified": _("Source data verified"),
    "list.activated": _("Randomisation list activated"),
    "list.closed": _("Randomisation list closed"),
    "list.made": _("Randomisation list made"),
    "participant.completed": _("Participation completed"),
    "participant.ended": _("Participation ended"),
    "participant.ended_early": _("Participation ended early"),
    "participant.enrolled": _("Participant entered the trial"),
    "participant.failed_screening": _("Screening failed"),
    "participant.phase_opened": _("Phase opened"),
    "participant.randomised": _("Participant randomised"),
    "participant.registered": _("Participant registered"),
    "query.answered": _("Query answered"),
    "query.closed": _("Query closed"),
    "query.raised": _("Query raised"),
    "query.reopened": _("Query reopened"),
    "release.downloaded": _("Release downloaded"),
    "release.made": _("Release made"),
    "role.ended": _("Role ended"),
    "role.granted": _("Role granted"),
    "signature.lapsed": _("Signature lapsed"),
    "site.activated": _("Site activated"),
    "site.closed": _("Site closed"),
    "site.created": _("Site created"),
    "study.locked": _("Study locked"),
    "study.published": _("Study definition published"),
    "study.unlocked": _("Study unlocked"),
    "token.made": _("Key for the API made"),
    "trail.exported": _("Audit trail exported"),
    "user.created": _("User created"),
    "user.deactivated": _("User deactivated"),
    "user.language": _("Language chosen"),
    "user.password_changed": _("Password changed"),
    "user.password_link": _("Link to set a password made"),
    "user.second_factor": _("Second factor changed"),
    "user.sign_in_failed": _("Sign-in failed"),
    "user.signed_in": _("Signed in"),
    "user.signed_out": _("Signed out"),
    "verification.fell": _("Verification fell"),
    "visit.added": _("Visit added"),
    "visit.day_set": _("Day of the visit recorded"),
    "visit.not_done": _("Visit marked as not done"),
    "visits.opened": _("Visits planned"),
}


def act_label(name: str) -> str:
    """The label, or the name itself for an act of an older version."""
    return str(ACT_LABELS.get(name, name))
