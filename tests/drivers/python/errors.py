"""Errors of the analysis are the same in every way: code and message, to the letter."""
import json
import os
import subprocess
import sys

from pymongo import InsertOne
from pymongo.errors import EncryptionError

from world import DATABASE, client, close, collections, equal, person, refusal, scenario

RANDOMISED = "Cannot query on fields encrypted with the randomized encryption algorithm: path 'notes'"
OPERATOR = "Invalid match expression operator on encrypted field 'ssn': %s: path 'ssn'"
TYPE = "Cannot encrypt element of type: int, because schema requires that type is one of: [ string ]: path 'ssn'"
ATTEMPTS = [  # with the code of the error, and how its message begins
    (lambda people: people.find_one({"notes": "x"}), 2, RANDOMISED),
    (lambda people: people.find_one_and_update({"notes": "x"}, {"$set": {"age": 1}}), 2, RANDOMISED),
    (lambda people: people.delete_many({"notes": "x"}), 2, RANDOMISED),
    (lambda people: people.aggregate([{"$match": {"notes": "x"}}]), 2, RANDOMISED),
    (lambda people: people.find_one({"ssn": {"$gt": "x"}}), 2, OPERATOR % "$gt"),
    (lambda people: people.find_one({"ssn": {"$regex": "x"}}), 2, OPERATOR % "$regex"),
    (lambda people: people.find_one({"ssn": 5}), 2, TYPE),
    (lambda people: people.insert_one({"ssn": 5}), 2, TYPE),
    (lambda people: people.insert_one({"ssn": None}), 2, "Cannot encrypt element of type: null"),
    (lambda people: people.bulk_write([InsertOne(person(5)), InsertOne({"address": [{"street": "x"}]})]), 2,
     "An array at path 'address' would violate the schema"),
    (lambda people: people.find_one({"$where": "true"}), 2, "Unsupported match expression operator for encryption: $where"),
    (lambda people: people.find_one({}, sort={"ssn": 1}), 2, "Sorting on an encrypted field is not allowed"),
    (lambda people: people.update_one({}, {"$inc": {"number": 1}}), 2, "$inc and $mul not allowed on encrypted values"),
    (lambda people: people.aggregate([{"$group": {"_id": "$notes"}}]), 2, "Cannot group on field '_id' which is encrypted"),
    (lambda people: people.aggregate([{"$nonsense": 1}]), 2, "Aggregation stage $nonsense is not allowed or supported"),
]


def refusals():
    """[[code, message]] of all attempts."""
    people = client()[DATABASE]["same-errors"]
    return [list(refusal(attempt, people)) for attempt, _, _ in ATTEMPTS]


def refusals_by_library():
    """In a process of its own: once loaded, libmongocrypt would use the library for other clients as well."""
    done = subprocess.run([sys.executable, "-B", __file__], env={**os.environ, "OC_WAY": "library"}, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


@scenario("same-errors")
def same_errors():
    people, plain = collections("same-errors", [person()])
    found = refusals()
    for (code, message), (_, expected, beginning) in zip(found, ATTEMPTS):
        equal((code, message[:len(beginning)]), (expected, beginning))
    if "OC_LIBRARY" in os.environ:
        equal(found, refusals_by_library())
    equal(list(people.find()), [person()])
    equal(plain.estimated_document_count(), 1)


@scenario("unsupported-command")
def unsupported_command():
    """libmongocrypt refuses by itself what it does not know, and sends it nowhere."""
    try:
        client()[DATABASE].command("mapReduce", "people", map="x", reduce="y", out="z")
        raise AssertionError("nothing was refused")
    except EncryptionError as error:
        assert "mapReduce" in str(error), error


if __name__ == "__main__":
    json.dump(refusals(), sys.stdout)
    close()
