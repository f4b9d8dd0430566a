"""What the tables of the administration have in common: nothing is deleted, no list changed, no column guessed."""

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from access import authors

CHOSEN = ("", "exact", "in", "isnull", "isempty")  # what a filter shown on the page asks


class Kept(ModelAdmin):
    """Rows that are never deleted, and changed one by one."""

    def has_delete_permission(self, request, obj=None):
        return False

    def get_actions(self, request):
        return {}

    def lookup_allowed(self, lookup, value, request):
        """A filter of the list, and no other: `?password__startswith=` would tell a password letter by letter."""
        column, _, asked = lookup.partition("__")
        return asked in CHOSEN and column in {_column(one) for one in self.get_list_filter(request)}


def _column(one):
    """Of a filter: the column, or the name that a filter of our own gives to its choice."""
    if isinstance(one, tuple):
        return one[0]
    return one.parameter_name if isinstance(one, type) and issubclass(one, SimpleListFilter) else one


class ReadOnly(Kept):
    """Rows that a command loads, or that are read here alone."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class Told(SimpleHistoryAdmin, Kept):
    """Rows with a history: it is read here, never put back. A rule of the past is made again, with its author."""

    def history_view(self, request, object_id, extra_context=None):
        self._refuse_absent(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(self, request, object_id, version_id, extra_context=None):
        """Its setting hides the button alone: a form posted to it would put the past back."""
        if request.method == "POST":
            raise PermissionDenied
        self._refuse_absent(request, object_id)
        return super().history_form_view(request, object_id, version_id, extra_context)

    def set_history_delta_changes(self, request, historical_records, foreign_keys_are_objs=True):
        """Each row with the name of its author, whom history knows by his kind and number."""
        super().set_history_delta_changes(request, historical_records, foreign_keys_are_objs)
        names = authors.names(row.history_user_id for row in historical_records)
        for row, name in zip(historical_records, names, strict=True):
            row.author = name

    def _refuse_absent(self, request, object_id):
        """simple-history's own looks through every row, whatever this administration shows: by a key alone."""
        if self.get_object(request, unquote(object_id)) is None:
            raise Http404
