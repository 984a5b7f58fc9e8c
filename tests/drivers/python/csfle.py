"""Client-side field level encryption through every helper of a collection."""
from bson import Int64
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import (DeleteMany, DeleteOne, InsertOne, MongoClient, ReadPreference, ReplaceOne, ReturnDocument, UpdateMany,
                     UpdateOne, WriteConcern)
from pymongo.collation import Collation
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

import world
from world import (DATABASE, KEY_VAULT, KMS, PLAIN, SENT, check_all_stored, check_hidden, check_refused, check_stored,
                   client, collections, equal, person, scenario)

NAMES = {"name": 1, "_id": 0}


@scenario("keys")
def keys():
    made = world.data_key()
    equal(made.subtype, 4)
    with world.key_vault() as vault:
        equal(vault.get_key_by_alt_name("application")["_id"], made)
        other = vault.create_data_key("local")
        vault.add_key_alt_name(other, "other")
        equal(vault.get_key_by_alt_name("other")["_id"], other)
        equal(sorted(key["_id"] for key in vault.get_keys()), sorted([made, other]))
        vault.delete_key(other)
        equal(vault.get_key_by_alt_name("other"), None)


@scenario("insert-find")
def insert_find():
    encrypting, plain = collections("insert-find")
    first = person(0, number=Int64(8675309), records=[{"date": "records-secret"}])
    equal(encrypting.insert_one(dict(first)).inserted_id, 0)
    others = [person(number) for number in range(1, 6)]
    equal(encrypting.insert_many(others).inserted_ids, [1, 2, 3, 4, 5])
    equal(encrypting.find_one({"name": "Person 0"}), first)
    equal(list(encrypting.find().sort("_id", 1)) if world.SERVER == "ferretdb" else list(encrypting.find()), [first, *others])
    check_stored(plain.find_one({"_id": 0}), None, b"records-secret", Int64(8675309).to_bytes(8, "little"))
    check_all_stored(plain, 6)
    raw = encrypting.with_options(codec_options=CodecOptions(document_class=RawBSONDocument)).find_one({"_id": 3})
    equal(dict(raw)["ssn"], "ssn-secret-3")


@scenario("deterministic")
def deterministic():
    encrypting, plain = collections("deterministic", [person(n, number=Int64(n)) for n in range(4)])
    check_all_stored(plain, 4)
    for query, numbers in [
        ({"ssn": "ssn-secret-2"}, [2]),
        ({"ssn": {"$eq": "ssn-secret-1"}}, [1]),
        ({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-3", "no such"]}}, [1, 3]),
        ({"ssn": {"$ne": "ssn-secret-0"}}, [1, 2, 3]),
        ({"ssn": {"$nin": ["ssn-secret-0", "ssn-secret-3"]}}, [1, 2]),
        ({"number": Int64(2)}, [2]),
        ({"$or": [{"ssn": "ssn-secret-0"}, {"$and": [{"name": "Person 3"}, {"ssn": {"$exists": True}}]}]}, [0, 3]),
        ({"$nor": [{"ssn": "ssn-secret-0"}, {"number": Int64(1)}]}, [2, 3]),
    ]:
        equal([found["_id"] for found in encrypting.find(query)], numbers)
    equal(plain.find_one({"ssn": "ssn-secret-2"}), None)
    equal(list(plain.find({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-3"]}})), [])


@scenario("refused")
def refused():
    encrypting, _ = collections("refused", [person()])
    check_refused(["'notes'", "randomized"], encrypting.find_one, {"notes": "x"})
    check_refused(["'address.street'"], encrypting.count_documents, {"address.street": "x"})
    check_refused(["ssn"], encrypting.find_one, {"ssn": {"$gt": "a"}})
    check_refused(["ssn"], encrypting.update_one, {"_id": 0}, {"$rename": {"ssn": "open"}})
    check_refused(["ssn"], encrypting.find_one, {"name": "x"}, sort={"ssn": 1})
    equal(encrypting.find_one({"_id": 0}), person())


@scenario("no-schema")
def no_schema():
    unencrypted, plain = collections("no-schema", of="no schema")
    unencrypted.insert_one(person())
    equal(plain.find_one(), person())


@scenario("server-schema", server="store")
def server_schema():
    name = "server-schema-validated"
    PLAIN[DATABASE].create_collection(name, validator={"$jsonSchema": world.people_schema()})
    encrypting, plain = client("no schema")[DATABASE][name], PLAIN[DATABASE][name]
    encrypting.insert_one(person())
    check_all_stored(plain, 1)
    equal(encrypting.find_one({"ssn": "ssn-secret-0"}), person())
    check_refused(["'notes'"], encrypting.find_one, {"notes": "x"})


@scenario("find")
def find():
    encrypting, _ = collections("find", [person(n) for n in range(10)])
    projected = encrypting.find_one({"ssn": "ssn-secret-4"}, {"ssn": 1, "address.street": 1, "_id": 0})
    equal(projected, {"ssn": "ssn-secret-4", "address": {"street": "street-secret-4"}})
    equal([d["_id"] for d in encrypting.find({}, skip=2, limit=3)], [2, 3, 4])
    if world.SERVER == "ferretdb":  # the store knows no order, and sends all at once
        equal([d["_id"] for d in encrypting.find().sort("age", -1).limit(2)], [9, 8])
        query = {"age": {"$gte": 35}, "ssn": {"$ne": "ssn-secret-7"}}
        equal([d["_id"] for d in encrypting.find(query).sort("_id", 1)], [5, 6, 8, 9])
        equal([d["ssn"] for d in encrypting.find({}, batch_size=3).sort("_id", 1)], ["ssn-secret-%d" % n for n in range(10)])
        equal([d["_id"] for d in encrypting.find({"name": {"$regex": "[12]$"}})], [1, 2])


@scenario("update")
def update():
    encrypting, plain = collections("update", [person(n) for n in range(4)])
    changed = encrypting.update_one({"ssn": "ssn-secret-1"}, {"$set": {"ssn": "changed-secret", "address.street": "new-secret"}})
    equal((changed.matched_count, changed.modified_count), (1, 1))
    found = encrypting.find_one({"ssn": "changed-secret"})
    equal((found["_id"], found["address"]["street"]), (1, "new-secret"))
    every = {"age": {"$exists": True}}
    equal(encrypting.update_many(every, {"$set": {"notes": "all-secret"}, "$unset": {"name": ""}}).matched_count, 4)
    equal({d["notes"] for d in encrypting.find()}, {"all-secret"})
    upsert = {"$set": {"notes": "made-secret"}, "$setOnInsert": {"age": 1}}
    made = encrypting.update_one({"ssn": "upsert-secret"}, upsert, upsert=True)
    equal(encrypting.find_one({"_id": made.upserted_id}, {"_id": 0}), {"ssn": "upsert-secret", "notes": "made-secret", "age": 1})
    check_all_stored(plain, 5)
    if world.SERVER == "ferretdb":
        encrypting.update_one({"_id": 0}, {"$inc": {"age": 1}, "$push": {"visits": 7}, "$currentDate": {"seen": True}})
        equal(encrypting.find_one({"_id": 0}, {"age": 1, "visits": 1}), {"_id": 0, "age": 31, "visits": [7]})
    check_refused(["number"], encrypting.update_one, {"_id": 0}, {"$inc": {"number": 1}})


@scenario("update-pipeline")
def update_pipeline():
    """Neither server runs such updates; what matters is what would have reached it."""
    encrypting, _ = collections("update-pipeline", [person()])
    SENT.commands.clear()
    try:
        encrypting.update_one({"ssn": "ssn-secret-0"}, [{"$set": {"ssn": "pipeline-secret", "age": 5}}, {"$unset": ["name"]}])
    except OperationFailure:
        pass
    sent, = SENT.named("update")
    check_hidden(sent)
    check_stored(sent["updates"][0]["u"][0]["$set"])


@scenario("replace")
def replace():
    encrypting, plain = collections("replace", [person(0), person(1)])
    equal(encrypting.replace_one({"ssn": "ssn-secret-0"}, {"ssn": "replaced-secret", "notes": "n-secret"}).modified_count, 1)
    equal(encrypting.find_one({"ssn": "replaced-secret"}), {"_id": 0, "ssn": "replaced-secret", "notes": "n-secret"})
    made = encrypting.replace_one({"ssn": "absent"}, person(7), upsert=True)
    equal(encrypting.find_one({"_id": made.upserted_id}), person(7))
    check_all_stored(plain, 3)


@scenario("delete")
def delete():
    encrypting, plain = collections("delete", [person(n) for n in range(5)])
    equal(encrypting.delete_one({"ssn": "ssn-secret-3"}).deleted_count, 1)
    equal(encrypting.delete_many({"ssn": {"$in": ["ssn-secret-0", "ssn-secret-3", "ssn-secret-4"]}}).deleted_count, 2)
    equal([d["_id"] for d in plain.find()], [1, 2])
    check_refused(["'notes'"], encrypting.delete_many, {"notes": "x"})
    check_all_stored(plain, 2)


@scenario("find-and-modify")
def find_and_modify():
    encrypting, plain = collections("find-and-modify", [person(n) for n in range(3)])
    before = encrypting.find_one_and_update({"ssn": "ssn-secret-0"}, {"$set": {"notes": "updated-secret"}})
    equal(before, person(0))
    after = encrypting.find_one_and_update(
        {"ssn": "ssn-secret-0"}, {"$set": {"ssn": "new-secret"}}, return_document=ReturnDocument.AFTER)
    equal(after, {**person(0), "notes": "updated-secret", "ssn": "new-secret"})
    replaced = encrypting.find_one_and_replace({"ssn": "ssn-secret-1"}, {"ssn": "r-secret"}, return_document=ReturnDocument.AFTER)
    equal(replaced, {"_id": 1, "ssn": "r-secret"})
    equal(encrypting.find_one_and_delete({"ssn": "ssn-secret-2"}), person(2))
    upserted = encrypting.find_one_and_update(
        {"ssn": "upsert-secret"}, {"$set": {"age": 1}}, upsert=True, return_document=ReturnDocument.AFTER)
    equal((upserted["ssn"], upserted["age"]), ("upsert-secret", 1))
    check_all_stored(plain, 3)


@scenario("bulk-write")
def bulk_write():
    encrypting, plain = collections("bulk-write")
    done = encrypting.bulk_write([
        InsertOne(person(0)), InsertOne(person(1)), InsertOne(person(2)), InsertOne(person(3)),
        UpdateOne({"ssn": "ssn-secret-0"}, {"$set": {"notes": "one-secret"}}),
        UpdateMany({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-2"]}}, {"$set": {"notes": "many-secret"}}),
        UpdateOne({"ssn": "upsert-secret"}, {"$set": {"age": 1}}, upsert=True),
        ReplaceOne({"ssn": "ssn-secret-2"}, {"ssn": "replaced-secret"}),
        DeleteOne({"ssn": "ssn-secret-3"}),
        DeleteMany({"ssn": "no such"}),
    ])
    counts = (done.inserted_count, done.matched_count, done.modified_count, done.upserted_count, done.deleted_count)
    equal(counts, (4, 4, 4, 1, 1))
    notes = {d["ssn"]: d.get("notes") for d in encrypting.find()}
    equal(notes, {"ssn-secret-0": "one-secret", "ssn-secret-1": "many-secret", "replaced-secret": None, "upsert-secret": None})
    check_all_stored(plain, 4)
    try:
        encrypting.bulk_write([InsertOne(person(1)), InsertOne(person(9))], ordered=False)
        raise AssertionError("no error for a duplicate key")
    except BulkWriteError as error:
        equal((error.details["nInserted"], error.details["writeErrors"][0]["code"]), (1, 11000))
    try:
        encrypting.insert_one(person(9))
        raise AssertionError("no error for a duplicate key")
    except DuplicateKeyError:
        pass


@scenario("count")
def count():
    encrypting, plain = collections("count", [person(n) for n in range(5)])
    if world.SERVER == "store":  # FerretDB knows no $const, which constants of $group become
        equal(encrypting.count_documents({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-2"]}}), 2)
    equal(encrypting.count_documents({}, skip=1, limit=3), 3)
    equal(encrypting.estimated_document_count(), 5)
    equal(client()[DATABASE].command("count", "count", query={"ssn": "ssn-secret-4"})["n"], 1)
    equal(plain.count_documents({"ssn": "ssn-secret-1"}), 0)
    check_refused(["'notes'"], encrypting.count_documents, {"notes": "x"})


@scenario("distinct")
def distinct():
    encrypting, plain = collections("distinct", [person(n) for n in range(3)] + [{**person(3), "ssn": "ssn-secret-0"}])
    equal(sorted(encrypting.distinct("ssn")), ["ssn-secret-0", "ssn-secret-1", "ssn-secret-2"])
    equal(encrypting.distinct("name", {"ssn": "ssn-secret-1"}), ["Person 1"])
    for value in plain.distinct("ssn"):
        check_stored({"ssn": value})
    check_refused(["notes"], encrypting.distinct, "notes")


@scenario("aggregate")
def aggregate():
    encrypting, _ = collections("aggregate", [person(n) for n in range(4)] + [{**person(4), "ssn": "ssn-secret-0"}])
    found = list(encrypting.aggregate([{"$match": {"ssn": "ssn-secret-2"}}, {"$project": {"ssn": 1, "notes": 1, "_id": 0}}]))
    equal(found, [{"ssn": "ssn-secret-2", "notes": "notes-secret-2"}])
    pipeline = [{"$match": {"ssn": {"$in": ["ssn-secret-0"]}}}, {"$skip": 1}, {"$limit": 5}]
    equal([d["_id"] for d in encrypting.aggregate(pipeline)], [4])
    groups = {d["_id"]: d["n"] for d in encrypting.aggregate([{"$group": {"_id": "$ssn", "n": {"$sum": 1}}}])}
    equal(groups, {"ssn-secret-0": 2, "ssn-secret-1": 1, "ssn-secret-2": 1, "ssn-secret-3": 1})
    equal(list(encrypting.aggregate([{"$match": {"ssn": "ssn-secret-0"}}, {"$count": "n"}])), [{"n": 2}])
    if world.SERVER == "ferretdb":
        ordered = encrypting.aggregate([{"$match": {"ssn": {"$ne": "ssn-secret-0"}}}, {"$sort": {"age": -1}}], batchSize=1)
        equal([d["notes"] for d in ordered], ["notes-secret-3", "notes-secret-2", "notes-secret-1"])
    check_refused(["notes"], encrypting.aggregate, [{"$match": {"notes": "x"}}])
    check_refused(["notes"], encrypting.aggregate, [{"$group": {"_id": "$notes"}}])
    check_refused(["ssn"], encrypting.aggregate, [{"$sort": {"ssn": 1}}])


@scenario("lookup", server="store")
def lookup():
    people, _ = collections("lookup", [person(n) for n in range(3)])
    collections("lookup-visits", [person(n, visit=n) for n in range(2)])
    plain_ones = PLAIN[DATABASE]["lookup-plain"]
    plain_ones.insert_many([{"_id": n, "name": "Person %d" % n, "colour": "red"} for n in range(3)])
    pipeline = [{"$match": {"ssn": "ssn-secret-1"}}, {"$project": {"visit": 1, "notes": 1}}]
    join = {"from": "lookup-visits", "as": "visits", "pipeline": pipeline}
    found = list(people.aggregate([{"$match": {"ssn": "ssn-secret-0"}}, {"$lookup": join}]))
    equal(found, [{**person(0), "visits": [{"_id": 1, "visit": 1, "notes": "notes-secret-1"}]}])
    join = {"from": "lookup-plain", "localField": "name", "foreignField": "name", "as": "plain"}
    found = list(people.aggregate([{"$match": {"ssn": "ssn-secret-2"}}, {"$lookup": join}]))
    equal(found, [{**person(2), "plain": [{"_id": 2, "name": "Person 2", "colour": "red"}]}])
    join = {"from": "lookup-visits", "localField": "notes", "foreignField": "notes", "as": "x"}
    check_refused(["notes"], people.aggregate, [{"$lookup": join}])


@scenario("generic-fields")
def generic_fields():
    """What any command may carry goes through the analysis to the server."""
    encrypting, _ = collections("generic-fields", [person(n) for n in range(3)])
    SENT.commands.clear()
    with client().start_session() as session:
        equal(encrypting.find_one({"ssn": "ssn-secret-1"}, comment="a comment", max_time_ms=10000, session=session), person(1))
    equal(SENT.commands[-1]["comment"], "a comment")
    equal(SENT.commands[-1]["maxTimeMS"], 10000)
    assert "lsid" in SENT.commands[-1]
    options = {"read_preference": ReadPreference.PRIMARY_PREFERRED, "read_concern": ReadConcern("local"),
               "write_concern": WriteConcern(w=1)}
    tuned = encrypting.with_options(**options)
    tuned.update_one({"ssn": "ssn-secret-1"}, {"$set": {"notes": "tuned-secret"}}, comment="tuned")
    equal(SENT.commands[-1]["writeConcern"], {"w": 1})
    equal(tuned.find_one({"ssn": "ssn-secret-1"}, comment="read")["notes"], "tuned-secret")
    equal(SENT.commands[-1]["readConcern"], {"level": "local"})
    for sent in SENT.commands:
        check_hidden(sent)


@scenario("server-fields")
def server_fields():
    """What these servers do not do, as it would have reached one that does."""
    encrypting, _ = collections("server-fields", [person()])
    query = {"ssn": "ssn-secret-0"}
    attempts = {
        "hint": lambda: encrypting.find_one(query, hint="_id_"),
        "let": lambda: encrypting.find_one(query, let={"x": 1}),
        "collation": lambda: encrypting.find_one({"name": "PERSON 0"}, collation=Collation("en", strength=2)),
        "allowDiskUse": lambda: encrypting.find_one(query, allow_disk_use=True),
        "max": lambda: encrypting.find_one(query, max={"_id": 5}, hint={"_id": 1}),
        "arrayFilters": lambda: encrypting.update_one(query, {"$set": {"list.$[x].y": 1}}, array_filters=[{"x.z": 2}]),
        "bypassDocumentValidation": lambda: encrypting.insert_one(person(1), bypass_document_validation=True),
        "sort": lambda: encrypting.find_one_and_update(query, {"$set": {"notes": "sorted-secret"}}, sort=[("age", 1)]),
        "fields": lambda: encrypting.find_one_and_update(query, {"$set": {"age": 5}}, projection={"ssn": 1}),
        "explain": lambda: encrypting.find(query).explain(),
    }
    for field, attempt in attempts.items():
        SENT.commands.clear()
        try:
            attempt()
        except OperationFailure:
            pass
        sent = SENT.commands[0]
        check_hidden(sent)
        assert field in sent or any(field in one for one in sent.get("updates", [])), (field, sent)
    code, message = world.refusal(encrypting.find_one, query, collation=Collation("en", strength=2))
    assert "ssn" in message and code, message


@scenario("transaction")
def transaction():
    """Neither server has transactions; their fields go with the command."""
    encrypting, _ = collections("transaction", [person()])
    SENT.commands.clear()
    try:
        with client().start_session() as session, session.start_transaction():
            encrypting.insert_one(person(1), session=session)
    except OperationFailure:
        pass
    sent, = SENT.named("insert")
    check_stored(sent["documents"][0])
    equal((sent["startTransaction"], sent["autocommit"]), (True, False))


@scenario("collection-commands")
def collection_commands():
    encrypting, _ = collections("collection-commands")
    database = client()[DATABASE]
    database.create_collection("collection-commands")
    encrypting.create_index("name")
    check_refused(["notes"], encrypting.create_index, "notes", expireAfterSeconds=5)
    assert "collection-commands" in database.list_collection_names()
    encrypting.insert_one(person())
    encrypting.drop()
    equal(encrypting.find_one(), None)


@scenario("bypass")
def bypass():
    """A client that only decrypts needs no query analysis."""
    collections("bypass", [person()])
    options = AutoEncryptionOpts(KMS, KEY_VAULT, bypass_auto_encryption=True)
    with MongoClient(world.URI, auto_encryption_opts=options) as reader:
        equal(reader[DATABASE].bypass.find_one({"name": "Person 0"}), person())
