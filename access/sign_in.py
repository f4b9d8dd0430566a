"""The last stage of signing in, after a password remade by e-mail: a way that is not the mailbox."""

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.stages import LoginStage, LoginStageController
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from access import recovery
from access.models import User
from access.recovery import SECOND_FACTORS
from access.tasks import write_access_letter


class CounterCodeStage(LoginStage):
    """After all the others: mailed code or second factor are behind."""

    key = "counter_code"
    urlname = "account_counter_code"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        assert isinstance(user, User)
        if is_mfa_enabled(user, SECOND_FACTORS):
            if any(one["method"] == "password" for one in get_authentication_records(self.request, user)):
                recovery.prove_by_second_factor(user)
            return None, True
        if recovery.is_void(user, self.login.initiated_at):
            messages.error(self.request, "Le mot de passe a changé entre-temps : recommencez avec le nouveau.")
            return redirect("account_login"), False
        if recovery.waiting(user) is None:
            return None, True
        return redirect(self.urlname), True


class CounterCode(forms.Form):
    code = forms.CharField(
        label="Code remis au guichet ou reçu par la poste",
        help_text="Dix lettres et chiffres.",
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}),
    )


@login_not_required
@require_http_methods(["GET", "POST"])
def counter_code(request: HttpRequest) -> HttpResponse:
    """Reached only with the right password and the mailed code: it says nothing to anybody else."""
    stage = None if request.user.is_authenticated else LoginStageController.enter(request, CounterCodeStage.key)
    if stage is None or not isinstance(user := stage.login.user, User):
        return redirect("account_login")
    if recovery.is_void(user, stage.login.initiated_at):
        done: HttpResponse = stage.abort()
        return done
    if "letter" in request.POST:
        _post_letter(request, user)
        return redirect(CounterCodeStage.urlname)
    form = CounterCode(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if recovery.confirm(user, form.cleaned_data["code"]):
            record_authentication(request, user, method="counter_code")
            done = stage.exit()
            return done
        form.add_error("code", "Ce code n'est pas le bon, ou il n'est plus valable. Le guichet peut en redonner un.")
    context = {"form": form, "may_post": recovery.may_post(user)}
    return render(request, "account/counter_code.html", context, status=422 if form.errors else 200)


def _post_letter(request: HttpRequest, user: User) -> None:
    if not recovery.may_post(user):
        messages.error(request, "Une lettre est déjà partie, ou un code est encore valable.")
        return
    recovery.ask_letter(user, by=user.actor(means="password+code"))
    write_access_letter.delay(str(user.pk))
    messages.success(
        request, "Une lettre va partir à l'adresse que votre caisse connaît. Elle arrive sous quelques jours."
    )
