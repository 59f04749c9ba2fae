from __future__ import annotations

import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, Actor, action, record
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import forget_version


@action("study.published", permission="study.publish")
def publish_study(*, by: Actor, definition: StudyDefinition, reason: str = "") -> StudyVersion:
    """Put a definition in force. Refused when exactly this one is published already. Immutable from then on."""
    if StudyVersion.objects.filter(sha256=definition.sha256).exists():
        raise ActionRefused(_("This study definition is published already."))
    newest = StudyVersion.objects.order_by("number").last()
    version = StudyVersion(
        number=newest.number + 1 if newest else 1,
        label=definition.version,
        sha256=definition.sha256,
        document=definition.canonical_json(),
        effective_from=datetime.date.fromisoformat(definition.valid_from),
        published_by=by.actor_name,
        published_at=timezone.now(),
    )
    version.save()
    forget_version()
    record(
        object_type="study_version",
        object_id=str(version.number),
        new=version.sha256,
        detail={"study": definition.id, "version": definition.version},
    )
    return version
