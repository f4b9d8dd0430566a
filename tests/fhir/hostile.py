"""Messages with a hostile value at every place: whatever comes, only a Problem may come out."""

import copy

from fhir.problems import Problem

VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "²",
    "\u202e",
    [],
    {},
    [[]],
    [None],
    ["x"],
    {"coding": 5},
    {"reference": []},
    10**20,
]
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        }
    ],
}


def places(node, path=()):
    """Every place of a message."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def replaced(message, path, value):
    if not path:
        return value
    changed = copy.deepcopy(message)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


def everywhere(message, reader):
    for path in places(message):
        for value in VALUES:
            try:
                reader(replaced(message, path, value))
            except Problem as problem:
                assert 400 <= problem.status < 500
                assert problem.text.endswith(".")
