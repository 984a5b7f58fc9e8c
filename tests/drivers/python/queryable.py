"""Queryable Encryption. The store finds by the tokens of payloads; it keeps them as they came."""
from datetime import datetime

from bson import Decimal128, Int64, ObjectId, Timestamp
from pymongo import InsertOne, MongoClient
from pymongo.errors import InvalidOperation, WriteError

from world import (DATABASE, KEY_VAULT, KMS, PLAIN, SENT, URI, Skipped, auto_encryption, check_all_stored, check_hidden,
                   check_refused, client, equal, key_vault, person, scenario)

FIELDS = {
    "fields": [
        {"path": "ssn", "bsonType": "string", "keyId": None, "queries": {"queryType": "equality"}},
        {"path": "age", "bsonType": "int", "keyId": None, "queries": {
            "queryType": "range", "min": 0, "max": 200, "contention": Int64(0), "sparsity": Int64(1), "trimFactor": 2}},
        {"path": "address.street", "bsonType": "string", "keyId": None},
    ]
}
TEXT = {"contention": Int64(0), "caseSensitive": False, "diacriticSensitive": False,
        "strMinQueryLength": 2, "strMaxQueryLength": 6}
TEXT_FIELDS = {
    "fields": [
        {"path": "name", "bsonType": "string", "keyId": None,
         "queries": [{"queryType": "prefix", **TEXT}, {"queryType": "suffix", **TEXT}]},
        {"path": "memo", "bsonType": "string", "keyId": None,
         "queries": [{"queryType": "substring", "strMaxLength": 20, **TEXT}]},
    ]
}
KINDS = {"ssn": "equality", "age": "range", "address.street": "unindexed"}


def resident(number):
    return {"_id": number, "city": "Bonn", "ssn": "ssn-secret-%d" % number, "age": 20 + number,
            "address": {"street": "street-secret-%d" % number}}


class Encrypted:
    """A collection made with the driver's helper, and a client whose map has what the helper made of the fields."""

    def __init__(self, name, fields=FIELDS, with_map=True):
        self.name = name
        with key_vault() as vault:
            made, self.fields = vault.create_encrypted_collection(PLAIN[DATABASE], name, fields, "local")
        fields_map = {"%s.%s" % (DATABASE, name): self.fields} if with_map else None
        options = auto_encryption(KMS, KEY_VAULT, encrypted_fields_map=fields_map)
        self.client = MongoClient(URI, auto_encryption_opts=options, event_listeners=[SENT])
        self.plain = PLAIN[DATABASE][name]

    def __enter__(self):
        return self.client[DATABASE][self.name], self.plain

    def __exit__(self, *_):
        self.client.close()


def ids(found):
    return [document["_id"] for document in found]


@scenario("queryable", server="store")
def queryable():
    with Encrypted("queryable") as (encrypting, plain):
        encrypting.insert_one(resident(0))
        encrypting.insert_many([resident(n) for n in range(1, 10)])
        check_all_stored(plain, 10, KINDS)
        equal(encrypting.find_one({"ssn": "ssn-secret-4"}), resident(4))
        for query, expected in [
            ({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-8", "no such"]}}, [1, 8]),
            ({"ssn": {"$ne": "ssn-secret-0"}, "age": {"$lt": 23}}, [1, 2]),
            ({"age": 25}, [5]),
            ({"age": {"$gte": 22, "$lt": 25}}, [2, 3, 4]),
            ({"age": {"$gt": 27}}, [8, 9]),
            ({"$or": [{"age": {"$lte": 20}}, {"ssn": "ssn-secret-9"}]}, [0, 9]),
            ({"$and": [{"age": {"$gt": 21}}, {"age": {"$lt": 24}}, {"city": "Bonn"}]}, [2, 3]),
        ]:
            SENT.commands.clear()
            equal(ids(encrypting.find(query)), expected)
            check_hidden(SENT.commands[0])
        equal(plain.find_one({"ssn": "ssn-secret-4"}), None)
        check_refused(["address.street"], encrypting.find_one, {"address.street": "x"})
        equal(encrypting.find_one({"_id": 3}), resident(3))


@scenario("queryable-writes", server="store")
def queryable_writes():
    with Encrypted("queryable-writes") as (encrypting, plain):
        encrypting.bulk_write([InsertOne(resident(n)) for n in range(6)])
        equal(encrypting.update_one({"ssn": "ssn-secret-1"}, {"$set": {"ssn": "new-secret", "age": 99}}).modified_count, 1)
        equal(encrypting.find_one({"ssn": "new-secret", "age": {"$gt": 90}})["_id"], 1)
        equal(encrypting.replace_one({"age": 22}, {"ssn": "r-secret", "age": 50}).modified_count, 1)
        equal(encrypting.find_one({"ssn": "r-secret"}), {"_id": 2, "ssn": "r-secret", "age": 50})
        equal(encrypting.find_one_and_update({"ssn": "ssn-secret-3"}, {"$set": {"age": 60}}), resident(3))
        equal(encrypting.find_one_and_replace({"age": 60}, {"age": 61}), {**resident(3), "age": 60})
        equal(encrypting.find_one_and_delete({"ssn": "ssn-secret-0"}), resident(0))
        equal(encrypting.delete_one({"age": {"$gte": 61, "$lte": 61}}).deleted_count, 1)
        made = encrypting.update_one({"ssn": "upsert-secret"}, {"$set": {"age": 5}}, upsert=True).upserted_id
        equal(encrypting.find_one({"age": {"$lt": 10}}), {"_id": made, "age": 5})  # of the filter nothing is stored
        equal(encrypting.count_documents({"age": {"$gte": 0}}), 5)
        equal([d["age"] for d in encrypting.aggregate([{"$match": {"ssn": "r-secret"}}, {"$project": {"age": 1}}])], [50])
        check_all_stored(plain, 5, KINDS)
        check_refused(["age"], encrypting.update_one, {"_id": 1}, {"$inc": {"age": 1}})


@scenario("queryable-server-schema", server="store")
def queryable_server_schema():
    """Without a map the driver asks the server for the collection's encryptedFields."""
    with Encrypted("queryable-server-schema", with_map=False) as (encrypting, plain):
        encrypting.insert_one(resident(0))
        check_all_stored(plain, 1, KINDS)
        equal(encrypting.find_one({"age": {"$gte": 20}}), resident(0))
        try:
            plain.insert_one(resident(1))
            raise AssertionError("the store took plaintext")
        except WriteError as error:
            equal(error.code, 121)


TYPES = {  # values in order
    "int": [-5, 0, 7], "long": [Int64(-2**40), Int64(0), Int64(2**40)], "double": [-1.5, 0.0, 2.25],
    "date": [datetime(1950, 1, 1), datetime(1970, 1, 1), datetime(2020, 5, 17)],
    "decimal": [Decimal128("-1.5"), Decimal128("0"), Decimal128("2.25")],
}
RANGE_OPERATORS = {"$gt": [2], "$gte": [1, 2], "$lt": [0], "$lte": [0, 1], "$eq": [1], "$in": [1]}  # what the middle one finds
EQUAL_TYPES = {"string": "s-secret", "bool": True, "objectId": ObjectId(), "binData": b"bytes", "timestamp": Timestamp(1, 2),
               **{kind: TYPES[kind][0] for kind in ("int", "long", "date")}}


@scenario("queryable-collections", server="store")
def queryable_collections():
    """Collections that come and go through the encrypting client: with its map, and with the helper."""
    name, helped = "queryable-collections", "queryable-helped"
    with key_vault() as vault:
        fields = {"fields": [{**field, "keyId": vault.create_data_key("local")} for field in FIELDS["fields"]]}
    options = auto_encryption(KMS, KEY_VAULT, encrypted_fields_map={"%s.%s" % (DATABASE, name): fields})
    with MongoClient(URI, auto_encryption_opts=options) as encrypting, key_vault() as vault:
        database = encrypting[DATABASE]
        database.create_collection(name)
        vault.create_encrypted_collection(database, helped, FIELDS, "local")
        for one in (name, helped):
            names = {one, "enxcol_.%s.esc" % one, "enxcol_.%s.ecoc" % one}
            equal(names - set(database.list_collection_names()), set())
            database[one].insert_one(resident(0))
            equal(database[one].find_one({"age": {"$lte": 20}}), resident(0))
            check_all_stored(PLAIN[DATABASE][one], 1, KINDS)
            database.drop_collection(one)
            equal(names & set(database.list_collection_names()), set())


def field(path, kind, **query):
    return {"path": path, "bsonType": kind, "keyId": None, "queries": query}


@scenario("queryable-types", server="store")
def queryable_types():
    fields = [field("r_" + kind, kind, queryType="range", contention=Int64(0)) for kind in TYPES]
    fields += [field("e_" + kind, kind, queryType="equality") for kind in EQUAL_TYPES]
    with Encrypted("queryable-types", {"fields": fields}) as (encrypting, plain):
        encrypting.insert_many([{"_id": n, **{"r_" + kind: values[n] for kind, values in TYPES.items()}} for n in range(3)])
        encrypting.insert_one({"_id": 9, **{"e_" + kind: value for kind, value in EQUAL_TYPES.items()}})
        check_all_stored(plain, 4, {one["path"]: one["queries"]["queryType"] for one in fields})
        for kind, values in TYPES.items():
            for operator, expected in RANGE_OPERATORS.items():
                bound = [values[1]] if operator == "$in" else values[1]
                equal((kind, operator, ids(encrypting.find({"r_" + kind: {operator: bound}}))), (kind, operator, expected))
        for kind, value in EQUAL_TYPES.items():
            found = encrypting.find_one({"e_" + kind: value})
            equal(found["e_" + kind], value)


@scenario("queryable-text", server="store")
def queryable_text():
    with Encrypted("queryable-text", TEXT_FIELDS) as (encrypting, plain):
        encrypting.insert_many([{"_id": 0, "name": "Zo\u00eb secret", "memo": "has a secret in it"},
                                {"_id": 1, "name": "Bob", "memo": "nothing"}])
        check_all_stored(plain, 2, {"name": "text", "memo": "text"})
        for operator, path, argument, value, expected in [
            ("$encStrStartsWith", "$name", "prefix", "zoe", [0]),
            ("$encStrStartsWith", "$name", "prefix", "bo", [1]),
            ("$encStrEndsWith", "$name", "suffix", "CRET", [0]),
            ("$encStrContains", "$memo", "substring", "secret", [0]),
            ("$encStrContains", "$memo", "substring", "absent", []),
            ("$encStrNormalizedEq", "$name", "string", "BOB", [1]),
        ]:
            SENT.commands.clear()
            equal(ids(encrypting.find({"$expr": {operator: {"input": path, argument: value}}})), expected)
            check_hidden(SENT.commands[0], value.encode())


@scenario("client-bulk", server="store")
def client_bulk():
    """PyMongo refuses the client's bulkWrite where it encrypts automatically; nothing may be sent then."""
    SENT.commands.clear()
    try:
        client().bulk_write([InsertOne(person(0), namespace="%s.client-bulk" % DATABASE)])
    except InvalidOperation as error:
        equal(SENT.commands, [])
        raise Skipped("PyMongo: %s" % error) from None
    raise AssertionError("PyMongo has it now: test it")
