"""What an agent does at the counter, as its tests do it."""

LIVE = {"consent": "on", "way": "direct", "seen": "passeport"}  # a dossier opened with the person there
NEW = {"family": "haddad", "given": "Samira", "birth_date": "17/05/1992", "sex": "F", "postal_code": "69003"}


def look_for(client, person, **more):
    fields = {"number": person.ins.matricule, "reason": "presente"} | more
    return client.post("/guichet/", fields)
