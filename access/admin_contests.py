"""The operator's desk for contested accesses: who acted, what kind of act, when, what the holder says."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from access import authors, contests, words
from access.admin_kept import Kept
from access.models import Contest, User


class ContestForm(forms.ModelForm):
    class Meta:
        model = Contest
        fields = ["owner", "answer"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        owner = self.fields.get("owner")  # absent once read only
        if isinstance(owner, forms.ModelChoiceField):
            owner.queryset = User.objects.filter(kind=User.Kind.OPERATOR, is_active=True)


class Late(admin.SimpleListFilter):
    title, parameter_name = "délai", "delai"

    def lookups(self, request, model_admin):
        return [("depasse", "dépassé"), ("court", "en cours")]

    def queryset(self, request, queryset):
        ways = {"depasse": "due_at__lt", "court": "due_at__gte"}
        way = ways.get(self.value() or "")
        return queryset.filter(**{"answered_at": None, way: timezone.now()}) if way else queryset


@admin.register(Contest)
class ContestAdmin(Kept):
    """Rows that the holder makes. Owner and answer are given here; an answer given is read only."""

    form = ContestForm
    list_display = ["asked_at", "due_at", "state", "owner", "answered_at"]
    list_filter = [Late, ("answered_at", admin.EmptyFieldListFilter)]
    ordering = ["answered_at", "due_at"]
    fields = ["actor", "act", "at", "reason", "asked_at", "due_at", "state", "owner", "answer", "answered_at", "past"]
    readonly_fields = ["actor", "act", "at", "reason", "asked_at", "due_at", "state", "answered_at", "past"]

    def has_add_permission(self, request):
        return False

    def get_readonly_fields(self, request, obj=None):
        given = ["owner", "answer"] if obj is not None and obj.answered_at else []
        return [*self.readonly_fields, *given]

    # Rendered here: a page across dossiers is asked for by a function with a name (docs/adr/0002, R6).
    def changelist_view(self, request, extra_context=None):
        answer = super().changelist_view(request, extra_context)
        return answer.render() if hasattr(answer, "render") else answer

    def get_object(self, request, object_id, from_field=None):
        return super().get_object(request, object_id, from_field)

    def save_model(self, request, obj, form, change):
        try:
            contests.answer(obj, request.user, owner=obj.owner, text=obj.answer)
        except ValidationError as error:
            messages.error(request, error.messages[0])

    @admin.display(description="état")
    def state(self, row):
        return contests.state(row)

    @admin.display(description="qui")
    def actor(self, row):
        trace = contests.subject_of(row)
        return words.who(trace) if trace else "inconnu"

    @admin.display(description="acte")
    def act(self, row):
        trace = contests.subject_of(row)
        known = words.ACTS.get(trace.event) if trace else None
        return (
            known.wished.format(what="un document", page="une page", setting="un réglage", to="un professionnel")
            if known
            else "inconnu"
        )

    @admin.display(description="le")
    def at(self, row):
        trace = contests.subject_of(row)
        return trace.at if trace else None

    @admin.display(description="historique")
    def past(self, row):
        """Who took it, who answered, when; here, for simple-history's own page would look through every dossier."""
        rows = list(row.history.filter(dossier_id=row.dossier_id).order_by("history_date", "history_id"))
        names = authors.names(one.history_user_id for one in rows)
        lines = (
            (timezone.localtime(one.history_date), self._said(one), who) for one, who in zip(rows, names, strict=True)
        )
        return format_html_join(
            mark_safe("<br>"), "{} : {}, par {}", ((f"{at:%d/%m/%Y %H:%M}", *rest) for at, *rest in lines)
        )

    def _said(self, past):
        return past.history_change_reason or "contesté"
