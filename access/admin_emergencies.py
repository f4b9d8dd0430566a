"""Back office: broken glasses that nobody attested in time. Who and when; what was said of the person is not here."""

import datetime as dt

from django.conf import settings
from django.contrib import admin
from django.utils import timezone

from access import attestations
from access.admin_kept import ReadOnly
from access.models import EmergencyAccess


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(ReadOnly):
    """The database role of this process cannot read the reason nor the attestation: they are never asked for."""

    list_display = ["since", "professional", "which", "hours", "escalated_at"]
    list_display_links = None
    fields = ["since", "professional", "which", "hours", "escalated_at"]
    ordering = ["since"]

    def get_queryset(self, request):
        return attestations.late(timezone.now()).select_related("user__professional")

    # What is asked for across dossiers is asked by functions with a name (docs/adr/0002, R6): rendered here.
    def changelist_view(self, request, extra_context=None):
        answer = super().changelist_view(request, extra_context)
        return answer.render() if hasattr(answer, "render") else answer

    def get_object(self, request, object_id, from_field=None):
        return super().get_object(request, object_id, from_field)

    @admin.display(description="professionnel")
    def professional(self, row):
        who = row.user.professional
        return f"{who.name} ({who.rpps or who.idnat})"

    @admin.display(description="dossier")
    def which(self, row):
        return f"…{row.dossier_id.hex[-8:]}"

    @admin.display(description="retard")
    def hours(self, row):
        deadline = row.since + dt.timedelta(hours=settings.ATTESTATION_HOURS)
        return f"{int((timezone.now() - deadline).total_seconds() // 3600)} h"
