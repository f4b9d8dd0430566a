"""What the professionals' interface answers when it does not do what was asked: one sentence, what to do."""

from access.facts import Ground

# ground of a refusal -> what happened and what to do
REFUSALS: dict[str, str] = {
    Ground.CLOSED: "Ce dossier est fermé : il n'est ni consulté ni alimenté. Seul son titulaire peut le réactiver.",
    Ground.BLOCKED: "Le titulaire vous a bloqué l'accès à son dossier. Lui seul peut lever ce blocage.",
    Ground.NOT_AUTHORISED: "Vous n'avez pas d'autorisation sur ce dossier. Demandez son accord au patient, "
    "puis enregistrez-le (PUT /api/v1/dossiers/{id}/autorisation). S'il est en danger et ne peut pas répondre : "
    "POST /api/v1/dossiers/{id}/urgences.",
    Ground.EXPIRED: "Votre autorisation sur ce dossier a pris fin. Demandez de nouveau son accord au "
    "patient, puis enregistrez-le (PUT /api/v1/dossiers/{id}/autorisation).",
    Ground.EMERGENCY_ONLY: "Le titulaire vous a autorisé pour les urgences seulement. Si c'en est une, dites-le "
    "(en-tête DMP-Purpose: emergency).",
    Ground.EXPRESS_NEEDED: "La médecine du travail et la PMI ne consultent qu'avec l'accord exprès du titulaire, "
    "donné par lui-même à vous. Demandez-le-lui (POST /api/v1/dossiers/{id}/demandes).",
    Ground.NOT_A_REGULATOR: "Votre jeton Pro Santé Connect ne porte pas la qualité de régulateur du SAMU-Centre 15.",
    Ground.READS_ONLY: "La régulation du SAMU-Centre 15 consulte et n'écrit pas. Rappelez sans "
    "DMP-Purpose: regulation.",
    Ground.OPPOSED: "Le titulaire s'est opposé à cet accès en urgence.",
    Ground.NOT_OF_AGE: "La session secrète est réservée au dossier d'un mineur.",
    Ground.NOT_ENTITLED: "La matrice d'habilitation n'ouvre aucun type de document à votre profession.",
    Ground.NOT_CONCERNED: "Ce dossier ne vous est pas ouvert.",
    Ground.NOT_A_PERSON: "Une structure ou un logiciel alimente sans consulter. Identifiez-vous en personne.",
}
TRAIL_DOWN = "L'accès n'a pas pu être tracé : rien n'est fait, rien n'est montré. Réessayez dans un instant."
DATABASE_DOWN = "Le service est momentanément indisponible. Rien n'a été fait. Réessayez dans un instant."
NO_SUCH_NUMBER = (
    "Ce numéro ne vous ouvre aucun dossier. Relisez-le sur la carte. Si la personne est en danger et ne peut pas "
    "répondre, cherchez son dossier par son INS, puis bris de glace."
)
TOO_MANY_NUMBERS = (
    "Trop de numéros tapés en peu de temps. Attendez dix minutes, ou cherchez par l'INS (bris de glace)."
)
NO_SUCH_DOSSIER = "Aucun dossier ne correspond. Vérifiez l'identité du patient (INS) ou l'identifiant donné."


def refusal(ground: str) -> str:
    return REFUSALS.get(ground, "L'accès est refusé.")
