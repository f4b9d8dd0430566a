"""The back office: administrative tables only. Nothing is deleted here, and nothing of a document is shown."""

from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from access import admin_contests, admin_emergencies  # noqa: F401 (they register themselves)
from access.models import CaisseGroupGrant, MatrixVersion, Professional, Structure, User
from patients.models import Caisse, OpeningRule, Regime

admin.site.unregister(UserSession)  # it would show where people sign in from, and nobody needs it


class Kept(ModelAdmin):
    """Rows that are never deleted, and changed one by one."""

    def has_delete_permission(self, request, obj=None):
        return False

    def get_actions(self, request):
        return {}


class ReadOnly(Kept):
    """Rows that a command loads."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(OpeningRule)
class OpeningRuleAdmin(SimpleHistoryAdmin, Kept):
    list_display = ["regime", "department", "channel", "allowed", "since", "until"]
    list_filter = ["channel", "allowed"]
    # History is read here, never put back: a rule of the past is made again, with its author.
    change_history = False


@admin.register(CaisseGroupGrant)
class CaisseGroupGrantAdmin(Kept):
    list_display = ["group", "content_object", "permission"]


@admin.register(User)
class UserAdmin(SimpleHistoryAdmin, Kept):
    list_display = ["email", "kind", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["email"]
    fields = ["email", "first_name", "last_name", "kind", "is_active", "is_staff", "groups"]
    readonly_fields = ["email", "kind"]

    def has_add_permission(self, request):
        return False

    def get_queryset(self, request):
        """Staff accounts only: those of persons and professionals are not administered here."""
        return super().get_queryset(request).filter(kind__in=[User.Kind.AGENT, User.Kind.OPERATOR])


@admin.register(Professional)
class ProfessionalAdmin(ReadOnly):
    list_display = ["family", "given", "idnat", "profession", "active"]
    search_fields = ["=idnat", "family"]


@admin.register(Structure)
class StructureAdmin(ReadOnly):
    list_display = ["name", "identifier", "city"]
    search_fields = ["=identifier", "name"]


@admin.register(Regime, Caisse, MatrixVersion)
class TableAdmin(ReadOnly):
    pass


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(Kept):
    fields = ["name"]
