from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from randomization import policies
from randomization.actions.keeping import keep_list
from randomization.methods.definition import design_of, ratio_of, reserved_places, sources_of, strata_of
from randomization.methods.designs import Minimisation
from randomization.methods.lists import sealing
from randomization.methods.lists.imports import imported_list, text_of
from randomization.methods.lists.rows import Row, imported_manifest
from randomization.models import RandomizationList
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@action("list.imported", permission="lists.make")
def import_list(*, by: User, file: bytes) -> RandomizationList:
    """Seal the list that an independent statistician made: ``file`` is CSV as ``methods.lists.imports`` reads it.

    Block numbers serve the checks and are not kept. Nothing of the file itself is kept but a keyed hash. Raises
    ActionRefused, and DesignRefused with every fault and its row.
    """
    definition, purpose = current_definition(), policies.purpose_here()
    if isinstance(design_of(definition), Minimisation):
        raise ActionRefused(_("Minimisation makes no list beforehand, so none can be imported."))
    imported = imported_list(text_of(file), ratio=ratio_of(definition), strata=strata_of(definition))
    rows = {key: [Row(row.position, 0, row.arm) for row in listed] for key, listed in imported.strata.items()}
    lengths = {key: len(listed) for key, listed in rows.items()}
    reserved, secret = reserved_places(definition, lengths), sealing.new_secret()
    manifest = imported_manifest(
        rows,
        ratio=ratio_of(definition),
        file=file,
        secret=secret,
        trial_id=definition.id,
        purpose=purpose.value,
        reserved=reserved,
        made_by=by.actor_name,
        made_at=timezone.now(),
    )
    return keep_list(
        by=by,
        manifest=manifest,
        factors=sources_of(definition),
        secret=secret,
        lengths=lengths,
        rows=rows,
        reserved=reserved,
    )
