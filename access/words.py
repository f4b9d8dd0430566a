"""The trail in plain French: who did what, by which rule, and how the holder puts an end to it.

Pure: a trace (or its fields) in, sentences out. Each `Event` and each `Ground` has its words; a test says so.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils import timezone
from django.utils.formats import date_format

from access.facts import Ground
from audit.trail import ActorKind, Event
from patients import terms


class Told(Protocol):
    """The fields of a trace that words are made of."""

    event: str
    allowed: bool
    ground: str
    mode: str
    actor_kind: str
    actor_id: str
    actor_name: str
    profession: str
    structure_name: str
    object_title: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Act:
    """`done` follows « a » or « avez »; `wished` follows « n'a pas pu »."""

    done: str
    wished: str


ACTS: dict[str, Act] = {
    Event.DOSSIER_OPENED: Act("ouvert ce dossier", "ouvrir ce dossier"),
    Event.DOSSIER_FOUND: Act("vérifié que ce dossier existe", "vérifier que ce dossier existe"),
    Event.DOSSIER_CLOSED: Act("fermé ce dossier", "fermer ce dossier"),
    Event.DOSSIER_REOPENED: Act("rouvert ce dossier", "rouvrir ce dossier"),
    Event.HOLD_SET: Act(
        "interdit de détruire ce dossier, pour une procédure en cours", "interdire de détruire ce dossier"
    ),
    Event.HOLD_LIFTED: Act(
        "permis de nouveau la destruction de ce dossier", "permettre la destruction de ce dossier"
    ),
    Event.DOCUMENT_LISTED: Act("consulté la liste des documents", "consulter la liste des documents"),
    Event.DOCUMENT_READ: Act("ouvert {what}", "ouvrir {what}"),
    Event.DOCUMENT_DEPOSITED: Act("ajouté {what}", "ajouter {what}"),
    Event.DOCUMENT_REPLACED: Act("remplacé {what} par une version plus récente", "remplacer {what}"),
    Event.DOCUMENT_WITHDRAWN: Act("supprimé {what}", "supprimer {what}"),
    Event.DOCUMENT_MASKED: Act("masqué {what} aux professionnels{until}", "masquer {what}"),
    Event.DOCUMENT_UNMASKED: Act("rendu de nouveau visible {what}", "rendre de nouveau visible {what}"),
    Event.DOCUMENT_ANNOUNCED: Act("rendu visible {what}, après la consultation d'annonce", "rendre visible {what}"),
    Event.DOCUMENT_ARCHIVED: Act("rangé {what}", "ranger {what}"),
    Event.LISTS_READ: Act("consulté la liste des envois", "consulter la liste des envois"),
    Event.ACCESS_GRANTED: Act(
        "autorisé {what} à consulter ce dossier{until}", "autoriser {what} à consulter ce dossier"
    ),
    Event.ACCESS_WITHDRAWN: Act("retiré l'autorisation de {what}", "retirer l'autorisation de {what}"),
    Event.TEAM_AGREED: Act("autorisé une équipe de soins{until}", "autoriser une équipe de soins"),
    Event.TEAM_JOINED: Act("fait entrer {what} dans l'équipe de soins", "faire entrer {what} dans l'équipe de soins"),
    Event.TEAM_ENDED: Act(
        "mis fin à l'autorisation de l'équipe de soins", "mettre fin à l'autorisation d'une équipe"
    ),
    Event.CONSENT_ASKED: Act("demandé votre accord pour consulter ce dossier", "demander votre accord"),
    Event.CONSENT_ANSWERED: Act("répondu à la demande d'accord de {what}", "répondre à une demande d'accord"),
    Event.GLASS_BROKEN: Act("ouvert ce dossier en urgence (bris de glace)", "ouvrir ce dossier en urgence"),
    Event.GLASS_ATTESTED: Act("justifié par écrit son accès en urgence", "justifier son accès en urgence"),
    Event.NUMBER_MADE: Act("imprimé une carte d'urgence", "imprimer une carte d'urgence"),
    Event.NUMBER_USED: Act("tapé le numéro de votre carte d'urgence", "taper le numéro d'une carte d'urgence"),
    Event.MEANS_CHANGED: Act("changé la façon de donner son accord", "changer la façon de donner son accord"),
    Event.DOCUMENT_OPENED_TO: Act("ouvert {what} à {to}{until}", "ouvrir {what} à un professionnel"),
    Event.DOCUMENT_CLOSED_TO: Act("refermé {what} à {to}", "refermer {what} à un professionnel"),
    Event.ACCESS_CONTESTED: Act("contesté un accès", "contester un accès"),
    Event.CONTEST_ANSWERED: Act("répondu à votre contestation", "répondre à une contestation"),
    Event.REQUEST_MADE: Act("enregistré une demande", "enregistrer une demande"),
    Event.REQUEST_HANDLED: Act("fait avancer une demande", "faire avancer une demande"),
    Event.REQUEST_ANSWERED: Act("répondu à une demande", "répondre à une demande"),
    Event.REQUEST_READ: Act("consulté une demande", "consulter une demande"),
    Event.PREVIEWED: Act("regardé ce que voit {what}", "regarder ce que voit {what}"),
    Event.INVITED: Act("invité une personne à suivre ce dossier", "inviter une personne à suivre ce dossier"),
    Event.REPRESENTATION_ENDED: Act("mis fin aux droits d'une personne", "mettre fin aux droits d'une personne"),
    Event.PROFESSIONAL_BLOCKED: Act("bloqué {what}", "bloquer {what}"),
    Event.PROFESSIONAL_UNBLOCKED: Act("débloqué {what}", "débloquer {what}"),
    Event.TREATING_NAMED: Act("désigné {what} comme médecin traitant", "désigner {what} comme médecin traitant"),
    Event.TREATING_ENDED: Act(
        "mis fin au rôle de médecin traitant de {what}", "mettre fin au rôle de médecin traitant de {what}"
    ),
    Event.TRAIL_READ: Act("consulté {page}", "consulter {page}"),
    Event.SHEET_READ: Act("consulté la fiche d'identité", "consulter la fiche d'identité"),
    Event.IDENTITY_SEARCHED: Act("recherché cette identité", "rechercher cette identité"),
    Event.NUMBER_ATTACHED: Act("rattaché votre numéro définitif", "rattacher un numéro définitif"),
    Event.CONTACT_CHANGED: Act("changé {setting}", "changer {setting}"),
    Event.CONTACT_CODE_SENT: Act(
        "envoyé un code pour vérifier une adresse ou un téléphone", "vérifier une adresse ou un téléphone"
    ),
    Event.EMERGENCY_CHANGED: Act("changé {setting}", "changer {setting}"),
    Event.REPRESENTATION_ADDED: Act("enregistré un représentant légal", "enregistrer un représentant légal"),
    Event.OPENING_ASKED: Act(
        "demandé en ligne l'ouverture de ce dossier", "demander en ligne l'ouverture de ce dossier"
    ),
    Event.PASSWORD_RESET: Act(
        "refait par e-mail le mot de passe de l'espace en ligne", "refaire le mot de passe de l'espace en ligne"
    ),
    Event.ACCESS_CODE_GIVEN: Act(
        "demandé un code pour retrouver l'accès à l'espace en ligne",
        "demander un code pour retrouver l'accès à l'espace en ligne",
    ),
    Event.ACCESS_RESTORED: Act("retrouvé l'accès à l'espace en ligne", "retrouver l'accès à l'espace en ligne"),
    Event.SIGNED_IN: Act("ouvert une session", "ouvrir une session"),
    Event.SIGN_IN_REFUSED: Act("demandé à ouvrir une session", "ouvrir une session"),
    Event.SESSIONS_CLOSED: Act("fermé une session restée ouverte", "fermer une session"),
    Event.STAFF_ADDED: Act("ouvert un compte de guichet ou d'exploitation", "ouvrir un compte"),
    Event.STAFF_CHANGED: Act("changé un compte de guichet ou d'exploitation", "changer un compte"),
    Event.CLOCK_AVOWED: Act("confirmé l'heure du service", "confirmer l'heure du service"),
    Event.STAFF_ENDED: Act("fermé un compte de guichet ou d'exploitation", "fermer un compte"),
    Event.TRACES_EXPORTED: Act("écrit les traces d'un professionnel", "écrire les traces d'un professionnel"),
    Event.CARE_FED: Act("ajouté des soins remboursés", "ajouter des soins remboursés"),
    Event.CARE_READ: Act("consulté les soins remboursés", "consulter les soins remboursés"),
    Event.COPY_ASKED: Act("demandé une copie du dossier", "demander une copie du dossier"),
    Event.COPY_MADE: Act("préparé une copie du dossier", "préparer une copie du dossier"),
    Event.COPY_FETCHED: Act("récupéré une copie du dossier", "récupérer une copie du dossier"),
    Event.COPY_DESTROYED: Act("détruit une copie du dossier", "détruire une copie du dossier"),
    Event.COPY_IMPORTED: Act("ajouté des documents venus d'une copie", "ajouter des documents venus d'une copie"),
    Event.ENVELOPE_ASKED: Act(
        "fait imprimer sous pli fermé une copie du dossier", "faire imprimer sous pli fermé une copie du dossier"
    ),
    Event.ENVELOPE_PRINTED: Act(
        "imprimé une copie du dossier, sans qu'un agent la voie",
        "imprimer une copie du dossier, sans qu'un agent la voie",
    ),
    Event.ENVELOPE_HANDED: Act("remis le pli fermé d'une copie", "remettre le pli fermé d'une copie"),
    Event.EMAIL_CHANGED: Act("changé l'adresse e-mail de connexion", "changer l'adresse e-mail de connexion"),
}

# What a professional says of himself, when the holder gave him his word in consultation.
OF_HIMSELF: dict[str, Act] = {
    Event.ACCESS_GRANTED: Act(
        "enregistré l'accord reçu en consultation : il peut consulter ce dossier{until}",
        "enregistrer l'accord reçu en consultation",
    ),
    Event.ACCESS_WITHDRAWN: Act("renoncé à son autorisation", "renoncer à son autorisation"),
    Event.TREATING_NAMED: Act(
        "enregistré l'accord reçu en consultation : il est le médecin traitant",
        "enregistrer qu'il est le médecin traitant",
    ),
    Event.TREATING_ENDED: Act("cessé d'être le médecin traitant", "cesser d'être le médecin traitant"),
}

# One event, several meanings: told apart by what changed (`detail["changes"]`).
BY_CHANGE: dict[tuple[str, str], Act] = {
    (Event.SIGNED_IN, "new_device"): Act("ouvert une session depuis un nouvel appareil", "ouvrir une session"),
    (Event.EMAIL_CHANGED, "undone"): Act(
        "remis l'ancienne adresse e-mail de connexion", "remettre l'ancienne adresse e-mail de connexion"
    ),
    (Event.REPRESENTATION_ADDED, "accepted"): Act(
        "accepté l'invitation à suivre ce dossier", "accepter l'invitation à suivre ce dossier"
    ),
    (Event.REQUEST_MADE, "rectification"): Act("demandé une correction", "demander une correction"),
    (Event.REQUEST_MADE, "copy"): Act("demandé une copie du dossier", "demander une copie du dossier"),
    (Event.REQUEST_MADE, "closure"): Act("demandé la fermeture du dossier", "demander la fermeture du dossier"),
    (Event.REQUEST_MADE, "document"): Act("demandé la suppression d'un document", "demander une suppression"),
    (Event.REQUEST_MADE, "reopening"): Act("demandé la réactivation du dossier", "demander la réactivation"),
    (Event.REQUEST_MADE, "destruction"): Act(
        "demandé la suppression définitive du dossier", "demander la suppression définitive du dossier"
    ),
    (Event.REQUEST_HANDLED, "cancelled"): Act("annulé une demande", "annuler une demande"),
    (Event.REQUEST_HANDLED, "taken"): Act("pris en charge une demande", "prendre en charge une demande"),
    (Event.REQUEST_HANDLED, "incomplete"): Act(
        "demandé un complément pour une demande", "demander un complément pour une demande"
    ),
    (Event.REQUEST_HANDLED, "extended"): Act("prolongé le délai d'une demande", "prolonger le délai d'une demande"),
    (Event.REQUEST_HANDLED, "done"): Act("exécuté une demande", "exécuter une demande"),
    (Event.REQUEST_ANSWERED, "accepted"): Act("accepté une demande", "accepter une demande"),
    (Event.REQUEST_ANSWERED, "refused"): Act("refusé une demande", "refuser une demande"),
    (Event.DOCUMENT_MASKED, "confidentiality"): Act(
        "changé la confidentialité de {what}", "changer la confidentialité de {what}"
    ),
    (Event.DOCUMENT_UNMASKED, "secret"): Act(
        "rendu {what} visible des représentants légaux", "rendre {what} visible des représentants légaux"
    ),
}

PAGES = {
    "accueil": "la page d'accueil",
    "activite": "la page Activité",
    "autorisations": "la page Autorisations",
    "annuaire": "l'annuaire des professionnels",
    "profil": "la page Profil",
    "urgence": "la page « En cas d'urgence »",
    "aidants": "la page « Mes aidants »",
    "aidant": "la page d'accueil de l'aidant",
    "ajouter": "la page « Ajouter un document »",
    "demandes": "la page « Mes demandes »",
    "copies": "la page « Mes copies »",
}
SETTINGS = {
    "contacts": "les coordonnées",
    "urgence": "les réglages pour les urgences",
    "nouveaux": "ce qui arrive aux nouveaux documents",
    "proches": "ce que les proches peuvent demander après un décès",
    "carte": "la carte d'urgence, en la retirant",
}
MODES = {
    "break_glass": "en urgence, sans pouvoir vous demander votre accord (bris de glace)",
    "regulation": "pendant un appel au SAMU-Centre 15",
    "emergency_number": "avec le numéro d'accès d'urgence de votre carte",
    "secret": "pendant une consultation que le mineur a voulu garder secrète",
}
KINDS = {
    ActorKind.STRUCTURE: "Le logiciel de l'établissement",
    ActorKind.COUNTER: "Le guichet de votre caisse",
    ActorKind.INSURER: "L'assurance maladie",
    ActorKind.OPERATOR: "L'exploitant du service",
    ActorKind.SYSTEM: "Le service",
    ActorKind.ANONYMOUS: "Une personne non identifiée",
}


@dataclass(frozen=True)
class Why:
    """The rule that decided, and what the holder may do about it."""

    rule: str
    stop: str = ""


WHY: dict[str, Why] = {
    Ground.HOLDER: Why("C'est votre dossier : vous pouvez le consulter et le gérer à tout moment."),
    Ground.REPRESENTATIVE: Why(
        "Cette personne représente légalement le titulaire du dossier (parent ou tuteur).",
        "La représentation prend fin à la majorité, ou sur justificatif au guichet de votre caisse.",
    ),
    Ground.CARER: Why(
        "Cette personne est un aidant : elle a seulement les droits que vous lui avez donnés.",
        "Pour lui retirer ces droits tout de suite : Profil, « Mes aidants ».",
    ),
    Ground.TREATING_DOCTOR: Why(
        "C'est votre médecin traitant. La loi lui donne accès à tout, même à ce que vous avez masqué.",
        "Dans Autorisations, choisissez son nom puis « Ce n'est plus mon médecin traitant ».",
    ),
    Ground.AUTHORISED: Why(
        "Vous l'avez autorisé à consulter votre dossier. Il voit seulement les types de documents que sa "
        "profession peut lire, et jamais ce que vous avez masqué.",
        "Dans Autorisations, choisissez son nom puis « Retirer l'autorisation ».",
    ),
    Ground.BREAK_GLASS: Why(
        "Il a déclaré que vous étiez en danger et ne pouviez pas répondre (bris de glace). Cet accès se ferme tout "
        "seul après quatre heures, et il doit le justifier par écrit.",
        "Pour vous y opposer à l'avenir : Profil, « Urgences ». Vous pouvez aussi contester cet accès.",
    ),
    Ground.REGULATION: Why(
        "Le SAMU-Centre 15 a reçu un appel pour vous : la loi lui permet de consulter votre dossier.",
        "Pour vous y opposer à l'avenir : Profil, « Urgences ». Vous pouvez aussi contester cet accès.",
    ),
    Ground.EMERGENCY_NUMBER: Why(
        "Il a tapé le numéro d'accès d'urgence imprimé sur votre carte. Il voit pendant quatre heures l'essentiel : "
        "synthèse, allergies, traitements.",
        "Dans Profil, « Urgences », imprimez une nouvelle carte : l'ancien numéro ne sert plus.",
    ),
    Ground.OPENED_TO_HIM: Why(
        "Vous lui avez ouvert un document précis, et rien d'autre.",
        "Ouvrez ce document, puis « Refermer » à côté de son nom.",
    ),
    Ground.AUTHOR: Why(
        "C'est l'auteur de ce document : un auteur peut toujours relire ce qu'il a écrit.",
        "Dans Autorisations, choisissez son nom puis « Bloquer » : il ne verra plus rien.",
    ),
    Ground.FEEDING: Why(
        "Ajouter au dossier le résultat de ses soins est un devoir des professionnels. Cela ne leur donne "
        "pas le droit de lire le reste.",
        "Dans Autorisations, choisissez son nom puis « Bloquer » : il ne pourra plus rien ajouter.",
    ),
    Ground.IDENTIFIED: Why(
        "Un professionnel identifié, qui connaît votre numéro de santé, peut savoir que ce dossier existe "
        "et enregistrer l'accord que vous lui donnez. Il n'y lit aucun document à ce titre.",
        "Dans Autorisations, choisissez son nom puis « Bloquer ».",
    ),
    Ground.CLOSED: Why("Refusé : le dossier est fermé. Personne ne le lit et personne n'y ajoute rien."),
    Ground.BLOCKED: Why(
        "Refusé : vous avez bloqué ce professionnel.",
        "Pour changer d'avis : dans Autorisations, choisissez son nom puis « Débloquer ».",
    ),
    Ground.NOT_AUTHORISED: Why(
        "Refusé : vous ne l'avez pas autorisé.",
        "Si vous voulez qu'il puisse consulter : dans Autorisations, cherchez son nom.",
    ),
    Ground.EXPIRED: Why(
        "Refusé : votre autorisation avait pris fin.",
        "Si vous voulez la renouveler : dans Autorisations, choisissez son nom.",
    ),
    Ground.EMERGENCY_ONLY: Why(
        "Refusé : vous l'avez autorisé pour les urgences seulement, et il n'a pas dit que c'en était une.",
        "Pour l'autoriser toujours : dans Autorisations, choisissez son nom.",
    ),
    Ground.EXPRESS_NEEDED: Why(
        "Refusé : la médecine du travail et la PMI ne voient rien sans un accord que vous donnez vous-même.",
        "Si vous le voulez : dans Autorisations, cherchez son nom.",
    ),
    Ground.NOT_A_REGULATOR: Why("Refusé : il n'est pas régulateur du SAMU-Centre 15."),
    Ground.READS_ONLY: Why("Refusé : la régulation du SAMU-Centre 15 consulte, elle n'écrit rien dans un dossier."),
    Ground.OPPOSED: Why(
        "Refusé : vous vous êtes opposé à cet accès en urgence.", "Pour changer d'avis : Profil, « Urgences »."
    ),
    Ground.OF_AGE: Why("Refusé : le titulaire est majeur, ses parents n'ont plus accès à son dossier."),
    Ground.NOT_OF_AGE: Why("Refusé : un mineur n'a pas encore de compte à lui, et un majeur pas de session secrète."),
    Ground.NOT_ENTITLED: Why("Refusé : sa profession ne permet de lire aucun document de ce dossier."),
    Ground.NOT_CONCERNED: Why("Refusé : cette personne n'a aucun droit sur ce dossier."),
    Ground.NOT_A_PERSON: Why(
        "Refusé : un logiciel ou un établissement peut ajouter des documents, jamais en lire. Seule une "
        "personne identifiée peut lire."
    ),
    "absent": Why("Refusé : ce qui était demandé n'existe pas, ou n'est pas visible de cette personne."),
    "inadmissible": Why("Refusé : le document envoyé n'était pas conforme. Il n'a pas été ajouté."),
    "opening_rule": Why("Refusé : une règle empêchait l'ouverture par ce moyen."),
    "already_there": Why("Refusé : un dossier existait déjà pour cette personne."),
}
UNSAID = Why("Le motif a été enregistré sous un nom que cette page ne connaît pas encore.")

CLOSED_TO_HOLDER = (
    "Ce dossier est fermé : ses documents ne se consultent plus, par personne. L'historique et les dates "
    "restent visibles."
)


def why(told: Told) -> Why:
    """The ground in words; an act without ground was done by the service, or before any dossier was found."""
    if not told.ground:
        return Why("Acte nécessaire au fonctionnement du service.")
    return WHY.get(told.ground, UNSAID)


def refusal_to_holder(ground: str) -> str:
    """What a person at her own page is told when the gate says no."""
    if ground == Ground.CLOSED:
        return CLOSED_TO_HOLDER
    if ground == Ground.NOT_ENTITLED:
        return "Aucun droit ne vous est encore donné sur ce dossier."
    return "Vous n'avez pas, ou plus, de droit sur ce dossier."


CIVILITIES = {"DR": "Dr", "PR": "Pr", "M": "M.", "MME": "Mme", "MLLE": "Mlle"}


def polite(name: str) -> str:
    """« DR Paul MOREL » as a person writes it: « Dr Paul Morel »."""
    words = [CIVILITIES.get(word, word) for word in name.split()]
    return " ".join(word.title() if word.isupper() and len(word) > 1 else word for word in words)


def who(told: Told, me: str = "") -> str:
    """The actor, as the reader of account `me` names him."""
    if me and told.actor_id == me:
        return "Vous"
    kind = ActorKind(told.actor_kind)
    if kind is ActorKind.STRUCTURE:
        return f"Le logiciel de {told.structure_name}" if told.structure_name else KINDS[kind]
    return KINDS.get(kind) or polite(told.actor_name) or "Une personne"


def quality(told: Told) -> str:
    """What is worth knowing of him beside the name: profession and place; or who he is to the dossier."""
    kind = ActorKind(told.actor_kind)
    if kind is ActorKind.PROFESSIONAL:
        profession = terms.display("professions", told.profession).lower() if told.profession else ""
        return ", ".join(filter(None, [profession, told.structure_name]))
    return {
        ActorKind.HOLDER: "titulaire",
        ActorKind.REPRESENTATIVE: "représentant légal",
        ActorKind.CARER: "aidant",
    }.get(kind, "")


def what(told: Told, me: str, title: str) -> str:
    """« a ouvert le document … », « avez masqué … », « n'a pas pu … : refusé »."""
    act = _act(told)
    you = bool(me) and told.actor_id == me
    phrase = act.done if told.allowed else act.wished
    said = phrase.format(
        what=title,
        to=polite(str(told.detail.get("to_name") or "")) or "un professionnel",
        until=_until(told.detail.get("until")),
        page=PAGES.get(str(told.detail.get("page")), "l'activité de ce dossier"),
        setting=SETTINGS.get(str(told.detail.get("setting")), "les coordonnées"),
    ).replace(" de le ", " du ")
    if told.allowed:
        return f"{'avez' if you else 'a'} {said}"
    return ("n'avez" if you else "n'a") + f" pas pu {said}"


def _act(told: Told) -> Act:
    if told.detail.get("idnat") == told.actor_id and told.event in OF_HIMSELF:
        return OF_HIMSELF[told.event]
    for change in told.detail.get("changes", ()):
        if (told.event, change) in BY_CHANGE:
            return BY_CHANGE[told.event, change]
    return ACTS.get(told.event) or Act("fait un autre acte", "faire un autre acte")


def _until(text: Any) -> str:
    """« jusqu'au 3 mars 2027 », from the moment a right ends: midnight belongs to the day before."""
    if not text:
        return ""
    end = dt.datetime.fromisoformat(str(text)) - dt.timedelta(seconds=1)
    return f" jusqu'au {date_format(timezone.localtime(end), 'j F Y')}"


def mode(told: Told) -> str:
    return MODES.get(told.mode, "")


def day(at: dt.datetime, now: dt.datetime) -> str:
    """« aujourd'hui », « hier », « le 3 mars 2027 »."""
    date, today = timezone.localtime(at).date(), timezone.localtime(now).date()
    if date == today:
        return "aujourd'hui"
    if date == today - dt.timedelta(days=1):
        return "hier"
    return f"le {date_format(date, 'j F Y')}"
