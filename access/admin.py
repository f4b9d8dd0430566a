"""The back office: administrative tables only. Nothing is deleted here, and nothing of a document is shown."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminTextInputWidget

from access import admin_contests, admin_emergencies, authors  # noqa: F401 (they register themselves)
from access.admin_kept import Kept, ReadOnly, Told
from access.models import CaisseGroupGrant, MatrixVersion, Professional, Structure, User
from patients import terms
from patients.models import Caisse, OpeningRule, Regime, RegisterLoad

# Where people sign in from, their addresses, their second factors: nobody needs them here.
admin.site.unregister([UserSession, EmailAddress, Authenticator])
# The schedule comes from the settings; a task chosen by hand would run with the rights of the worker.
admin.site.unregister([PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule])


class Reasoned(forms.ModelForm):
    reason = forms.CharField(
        label="Pourquoi",
        max_length=300,
        help_text="Gardé dans l'historique, avec votre nom.",
        widget=UnfoldAdminTextInputWidget,
    )


class Recorded(Told):
    """Who changed what, when and why: a change without its reason is refused."""

    form = Reasoned

    def save_model(self, request, obj, form, change):
        obj._history_user, obj._change_reason = request.user.actor(), self.reason_of(form)
        obj.save()  # simple-history's own would name the account, not the actor

    def reason_of(self, form):
        return form.cleaned_data["reason"]


@admin.register(OpeningRule)
class OpeningRuleAdmin(Recorded):
    list_display = ["regime", "department", "channel", "allowed", "since", "until"]
    list_filter = ["channel", "allowed"]


@admin.register(CaisseGroupGrant)
class CaisseGroupGrantAdmin(Recorded):
    """One that ended is given again by emptying its end: the history keeps both."""

    list_display = ["group_name", "fund", "ended_at"]

    @admin.display(description="Groupe", ordering="group__name")
    def group_name(self, one):
        return one.group.name

    @admin.display(description="Caisse servie", ordering="content_object__name")
    def fund(self, one):
        return one.content_object

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        """Guardian names its columns in English."""
        words = {"content_object": "Caisse servie", "group": "Groupe", "permission": "Droit"}
        return super().formfield_for_foreignkey(db_field, request, label=words[db_field.name], **kwargs)


@admin.register(User)
class UserAdmin(Recorded):
    list_display = ["email", "kind", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["email"]
    search_help_text = "Adresse e-mail"
    fields = ["email", "first_name", "last_name", "kind", "is_active", "is_staff", "groups", "reason"]
    readonly_fields = ["email", "kind"]

    def reason_of(self, form):
        """The groups too: they are no column of the account, and its history would not tell them."""
        groups = ", ".join(sorted(group.name for group in form.cleaned_data["groups"])) or "aucun"
        return f"{super().reason_of(form)} (groupes : {groups})"

    def has_add_permission(self, request):
        return False

    def get_queryset(self, request):
        """Staff accounts only: those of persons and professionals are not administered here."""
        return super().get_queryset(request).filter(kind__in=[User.Kind.AGENT, User.Kind.OPERATOR])


@admin.register(Professional)
class ProfessionalAdmin(ReadOnly):
    list_display = ["family", "given", "number", "job", "active"]
    search_fields = ["=idnat", "family"]
    search_help_text = "Nom, ou numéro national entier"

    @admin.display(description="Numéro national", ordering="idnat")
    def number(self, one):
        return one.idnat

    @admin.display(description="Profession", ordering="profession")
    def job(self, one):
        return terms.display("professions", one.profession)


@admin.register(Structure)
class StructureAdmin(ReadOnly):
    list_display = ["name", "identifier", "city"]
    search_fields = ["=identifier", "name"]
    search_help_text = "Nom, ou identifiant entier"


@admin.register(Regime, Caisse, MatrixVersion)
class TableAdmin(ReadOnly, Told):
    """Loaded by a command, which gives its history its author and its reason."""


@admin.register(RegisterLoad)
class RegisterLoadAdmin(ReadOnly):
    """The registers themselves have no history row by row: each of their loads has its row here."""

    list_display = ["register", "at", "read", "added", "changed", "ended", "refused", "reason"]
    list_filter = ["register"]
    fields = ["register", "at", "author", "reason", "digest", "read", "added", "changed", "ended", "refused"]
    readonly_fields = ["author"]

    @admin.display(description="Par qui")
    def author(self, one):
        return authors.names([one.by])[0]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(Kept):
    """Made, never renamed: the history of who serves which fund names it."""

    fields = ["name"]

    def has_change_permission(self, request, obj=None):
        return False
