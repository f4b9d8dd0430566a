"""What the tables of the administration have in common: nothing is deleted, no list changed, no column guessed."""

from django.contrib.admin import SimpleListFilter
from unfold.admin import ModelAdmin

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
