"""Every type, keys by name, and what happens at the edges of an application."""
import uuid
from datetime import datetime

import gridfs
from bson import Code, DBRef, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import MongoClient, WriteConcern
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import EncryptionError
from pymongocrypt.errors import MongoCryptError

import world
from client_options import LIBRARY
from world import (DATABASE, DETERMINISTIC, KEY_VAULT, KMS, PLAIN, RANDOM, SENT, URI, WAY, auto_encryption, check_all_stored,
                   check_stored, client, collections, encrypt, equal, person, scenario)

VALUES = {
    "string": "", "int": 5, "long": Int64(2**40), "date": datetime(2020, 5, 17), "objectId": ObjectId(), "binData": b"bytes",
    "timestamp": Timestamp(4, 5), "regex": Regex("^a", "i"), "javascript": Code("function () {}"),
}
RANDOM_VALUES = {
    **VALUES, "double": 1.5, "decimal": Decimal128("1.50"), "bool": True, "object": {"a": {"b": [1]}}, "array": [1, "x", {}],
    "javascriptWithScope": Code("x", {"x": 1}),
}


def client_with(name, schema):
    """A client with the schema of that collection only, and the collection, empty."""
    PLAIN[DATABASE].drop_collection(name)
    options = auto_encryption(KMS, KEY_VAULT, schema_map={"%s.%s" % (DATABASE, name): schema})
    return MongoClient(URI, auto_encryption_opts=options, event_listeners=[SENT])


@scenario("types", server="store")  # FerretDB does not have all of them
def types():
    fields = {"d_" + kind: encrypt(DETERMINISTIC, kind) for kind in VALUES}
    fields.update({"r_" + kind: encrypt(RANDOM, kind) for kind in RANDOM_VALUES})
    kinds = {path: "deterministic" if path[0] == "d" else "random" for path in fields}
    document = {"_id": 0, **{"d_" + kind: value for kind, value in VALUES.items()},
                **{"r_" + kind: value for kind, value in RANDOM_VALUES.items()}}
    with client_with("types", {"bsonType": "object", "properties": fields}) as encrypting:
        values = encrypting[DATABASE].types
        values.insert_one(dict(document))
        equal(values.find_one(), document)
        stored = PLAIN[DATABASE].types.find_one()
        check_stored(stored, kinds)
        equal(sorted(path for path in stored if path != "_id"), sorted(kinds))
        for kind, value in VALUES.items():
            if kind != "regex":  # a pattern, in a filter
                equal(values.find_one({"d_" + kind: value}, {"_id": 1}), {"_id": 0})


@scenario("uuid-and-other-types")
def uuid_and_other_types():
    """What the application's codec options make of values is encrypted."""
    schema = {"bsonType": "object", "properties": {"id": encrypt(DETERMINISTIC, "binData")}}
    with client_with("uuid", schema) as encrypting:
        standard = CodecOptions(uuid_representation=UuidRepresentation.STANDARD)
        ids, one = encrypting[DATABASE].get_collection("uuid", codec_options=standard), uuid.uuid4()
        ids.insert_one({"_id": 0, "id": one})
        equal(ids.find_one({"id": one}), {"_id": 0, "id": one})
        check_stored(PLAIN[DATABASE]["uuid"].find_one(), {"id": "deterministic"}, one.bytes)


@scenario("key-by-name")
def key_by_name():
    """The document names the key of a random field."""
    world.data_key()
    by_name = {"encrypt": {"bsonType": "string", "algorithm": RANDOM, "keyId": "/owner"}}
    with client_with("key-by-name", {"bsonType": "object", "properties": {"notes": by_name}}) as encrypting:
        notes = encrypting[DATABASE]["key-by-name"]
        notes.insert_one({"_id": 0, "owner": "application", "notes": "notes-secret"})
        equal(notes.find_one(), {"_id": 0, "owner": "application", "notes": "notes-secret"})
        check_stored(PLAIN[DATABASE]["key-by-name"].find_one(), {"notes": "random"})
        try:
            notes.insert_one({"_id": 1, "owner": "nobody", "notes": "notes-secret"})
            raise AssertionError("encrypted with a key that is not there")
        except EncryptionError:
            equal(PLAIN[DATABASE]["key-by-name"].count_documents({}), 1)


@scenario("unacknowledged", server="store")  # FerretDB answers although nobody waits for it
def unacknowledged():
    encrypting, plain = collections("unacknowledged")
    encrypting.with_options(write_concern=WriteConcern(w=0)).insert_one(person(0))
    encrypting.insert_one(person(1))  # on the same connection, and it waits
    check_all_stored(plain, 2)


@scenario("gridfs", server="ferretdb")
def grid_fs():
    """Other parts of an application, on the same client."""
    files = gridfs.GridFS(client()[DATABASE])
    content = bytes(range(256)) * 4096
    equal(files.get(files.put(content, filename="x")).read(), content)


@scenario("references")
def references():
    encrypting, _ = collections("references")
    document = person(0, link=DBRef("people", 5), top=MaxKey()) if world.SERVER == "store" else person(0)
    encrypting.insert_one(dict(document))
    equal(encrypting.find_one({"ssn": "ssn-secret-0"}), document)


@scenario("unreachable")
def unreachable():
    """Without query analysis nothing is sent."""
    PLAIN[DATABASE].drop_collection("unreachable")
    schema_map = {"%s.unreachable" % DATABASE: world.people_schema()}
    if WAY == "library":
        missing = {"crypt_shared_lib_path": LIBRARY + ".missing", "crypt_shared_lib_required": True}
    else:
        missing = {"mongocryptd_uri": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300", "mongocryptd_bypass_spawn": True}
    try:
        with MongoClient(URI, auto_encryption_opts=AutoEncryptionOpts(KMS, KEY_VAULT, schema_map=schema_map, **missing)) as one:
            one[DATABASE].unreachable.insert_one(person(0))
        raise AssertionError("inserted without query analysis")
    except (EncryptionError, MongoCryptError):
        equal(PLAIN[DATABASE].unreachable.find_one(), None)
