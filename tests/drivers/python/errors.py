"""Errors of the analysis are the same in every way: code and message, to the letter."""
from pymongo import InsertOne
from pymongo.errors import EncryptionError

from world import DATABASE, client, collections, equal, person, refusal, scenario

RANDOMISED = ("Cannot query on fields encrypted with the randomized encryption algorithm: path 'notes', collection '%s'; declare "
              "the field with the Deterministic algorithm to make it queryable by equality")
OPERATOR = ("Invalid match expression operator on encrypted field 'ssn': %s: path 'ssn', collection '%%s'; encrypted fields can "
            "be compared by $eq, $ne, $in, $nin and $exists")
TYPE = ("Cannot encrypt element of type: int, because schema requires that type is one of: [ string ]: path 'ssn', "
        "collection '%s'")
ATTEMPTS = [
    (lambda people: people.find_one({"notes": "x"}), 2, RANDOMISED),
    (lambda people: people.find_one_and_update({"notes": "x"}, {"$set": {"age": 1}}), 2, RANDOMISED),
    (lambda people: people.delete_many({"notes": "x"}), 2, RANDOMISED),
    (lambda people: people.aggregate([{"$match": {"notes": "x"}}]), 2, RANDOMISED),
    (lambda people: people.find_one({"ssn": {"$gt": "x"}}), 2, OPERATOR % "$gt"),
    (lambda people: people.find_one({"ssn": {"$regex": "x"}}), 2, OPERATOR % "$regex"),
    (lambda people: people.find_one({"ssn": 5}), 2, TYPE),
    (lambda people: people.insert_one({"ssn": 5}), 2, TYPE),
    (lambda people: people.insert_one({"ssn": None}), 2,
     "Cannot encrypt element of type: null: path 'ssn', collection '%s'; leave the field out instead"),
    (lambda people: people.bulk_write([InsertOne(person(5)), InsertOne({"address": [{"street": "x"}]})]), 2,
     "An array at path 'address' would violate the schema: path 'address', collection '%s'; encrypted fields cannot be inside "
     "arrays"),
    (lambda people: people.find_one({"$where": "true"}), 2,
     "Unsupported match expression operator for encryption: $where: collection '%s'; use a client that does not encrypt "
     "automatically for such queries"),
    (lambda people: people.find_one({}, sort={"ssn": 1}), 2,
     "Sorting on an encrypted field is not allowed, nor on one above or below it: 'ssn': path 'ssn', collection '%s'; sort in "
     "the application, after decryption"),
    (lambda people: people.update_one({}, {"$inc": {"number": 1}}), 2,
     "$inc and $mul not allowed on encrypted values: path 'number', collection '%s'; read the value, change it in the "
     "application, and $set it"),
    (lambda people: people.aggregate([{"$group": {"_id": "$notes"}}]), 2,
     "Cannot group on field '_id' which is encrypted with the random algorithm or whose encryption properties are not known "
     "until runtime: path 'notes', collection '%s'; group by a field with the Deterministic algorithm"),
    (lambda people: people.aggregate([{"$nonsense": 1}]), 2,
     "Aggregation stage $nonsense is not allowed or supported with automatic encryption: collection '%s'; use a client that "
     "does not encrypt automatically for such pipelines"),
]


@scenario("same-errors")
def same_errors():
    people, plain = collections("same-errors", [person()])
    for attempt, code, message in ATTEMPTS:
        equal(refusal(attempt, people), (code, message % ("%s.same-errors" % DATABASE)))
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
