"""The pages that change the e-mail address of one's account, and the one that puts the old address back."""

from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from access import addresses, second_factor
from access.models import User
from access.tasks import send_address_changed, send_address_codes


class NewAddress(forms.Form):
    email = forms.EmailField(
        label="Nouvelle adresse e-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


class Codes(forms.Form):
    new = forms.CharField(label="Code reçu à la nouvelle adresse", max_length=20)
    old = forms.CharField(label="Code reçu à l'adresse actuelle", max_length=20)

    def __init__(self, both: bool, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        for field in self.fields.values():
            field.widget.attrs |= {"autocomplete": "off", "autocapitalize": "characters"}
        if not both:
            del self.fields["old"]


@require_http_methods(["GET", "POST"])
def address(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    if user.kind != User.Kind.PERSON:
        return render(request, "403.html", status=403)
    if addresses.changed_lately(user):
        return render(request, "access/address.html", {"late": True, "days": addresses.UNDO_DAYS})
    if page := second_factor.page_for(request, user):
        return suspend_request(request, reverse(page))
    form = NewAddress(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, action="manage_email", user=user):
            form.add_error(None, "Trop de demandes : recommencez dans une heure.")
        else:
            asked = addresses.ask(request, user, form.cleaned_data["email"])
            send_address_codes.delay(str(user.pk), asked.email, asked.nonce, asked.both)
            return redirect("account_address_code")
    return render(request, "access/address.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def address_code(request: HttpRequest) -> HttpResponse:
    user, asked = request.user, addresses.under_way(request)
    assert isinstance(user, User)
    if asked is None:
        messages.error(request, "Il n'y a pas, ou plus, de changement en cours ici. Recommencez si besoin.")
        return redirect("account_address")
    form = Codes(asked.both, request.POST or None)
    if request.method == "POST" and form.is_valid():
        former = str(user.email)
        token = addresses.confirm(request, user, asked, form.cleaned_data["new"], form.cleaned_data.get("old", ""))
        if token is not None:
            send_address_changed.delay(former, token)
            messages.success(request, f"Vous vous connectez maintenant avec {asked.email}.")
            return redirect("profile")
        form.add_error(None, "Un code n'est pas le bon, ou n'est plus valable. Vérifiez, puis recommencez.")
    context = {"form": form, "asked": asked}
    return render(request, "access/address_code.html", context, status=422 if form.errors else 200)


@login_not_required
@require_http_methods(["GET", "POST"])
def address_undo(request: HttpRequest, token: str) -> HttpResponse:
    """A mail program may open a link by itself: only the button undoes."""
    pressed = request.method == "POST"
    holds = addresses.undo(token) if pressed else addresses.holds(token)
    if not holds:
        return render(request, "access/address_undo.html", {"over": True}, status=410)
    return render(request, "access/address_undo.html", {"done": pressed})
