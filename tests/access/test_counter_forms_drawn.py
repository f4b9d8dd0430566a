"""Every form of the counter is drawn as the admin draws its own: one widget a kind of field."""

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from access.counter import CounterForm


class Every(CounterForm):
    text = forms.CharField()
    day = forms.DateField()
    choice = forms.ChoiceField(choices=[("a", "A"), ("b", "B")])
    tick = forms.BooleanField()
    file = forms.FileField()


def test_each_kind_of_field_has_its_widget():
    kinds = {name: type(field.widget) for name, field in Every().fields.items()}
    assert kinds == {
        "text": UnfoldAdminTextInputWidget,
        "day": UnfoldAdminTextInputWidget,
        "choice": UnfoldAdminSelectWidget,
        "tick": UnfoldBooleanWidget,
        "file": forms.FileInput,
    }


def test_choices_are_offered_and_a_file_is_framed():
    page = Every().as_p()
    assert '<option value="a">A</option>' in page and '<option value="b">B</option>' in page
    assert 'type="file"' in page and 'class="border rounded p-2 w-full"' in page


def test_what_was_typed_is_still_there():
    assert 'value="Lilas"' in Every({"text": "Lilas"}).as_p()
    assert Every(initial={"text": "Lilas"}).initial == {"text": "Lilas"}
