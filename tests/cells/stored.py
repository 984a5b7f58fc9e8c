"""Filters that the server keeps: validators and the partial filters of indexes. Nothing in them is marked."""

import documents
from forms import COLLECTION, Open, Refused, answer
from match import PLACES, SAMPLES, verdict


def validator(condition, path="validator"):
    return {"create": COLLECTION, "validator": condition}


def partial(condition):
    return {
        "createIndexes": COLLECTION,
        "indexes": [{"key": {"plain": 1}, "name": "i", "partialFilterExpression": condition}],
    }


def add_stored(area):
    clauses = {"validator": (validator, "collection validator"), "partial": (partial, "partial filter expression")}
    for clause, (build, name) in clauses.items():
        for operator in documents.FIELD:
            if operator != "$not":
                add_stored_operator(area, clause, build, name, operator)


def add_stored_operator(area, clause, build, name, operator):
    comparison = Refused(f"Comparison to encrypted fields not supported in {name}")
    for column in ("deterministic", "random", "equality", "above", "below", "plain", "plain-qe"):
        place = PLACES[column]
        condition = {place.path: SAMPLES[operator]}
        said = verdict(column, place, operator, SAMPLES[operator])
        said = stored_verdict(column, place, said, comparison)
        schema = {"encryptedFields": "qe"} if place.qe else {"schema": "csfle"}
        area.add(operator, clause, answer({**schema, "command": build(condition)}, said or "unchanged"), column)


def stored_verdict(column, place, said, comparison):
    """Nothing is marked in what the server keeps."""
    if column in ("deterministic", "random") and said is not None:
        return Refused(comparison["message"], place.path)
    if column == "equality" and isinstance(said, dict) and not isinstance(said, Refused):
        return Refused(comparison["message"], place.path)
    return Open(place.path) if isinstance(said, Refused) else said


def fill(book):
    add_stored(book.area("stored", [op for op in documents.FIELD if op != "$not"]))
