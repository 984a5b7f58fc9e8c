#!/usr/bin/env python3
"""Step 2 of the tutorial: automatic encryption of fields with PyMongo and opencryptd. Run create_key.py before.

Where opencryptd runs at its usual port (./dev run) and a server at 27017, nothing else is to be set up.
"""
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption
from pymongo.errors import EncryptionError, OperationFailure

from client_options import auto_encryption
from settings import DATABASE, KEY_NAME, KEY_VAULT, URI, kms_providers

RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"

PATIENT = {"name": "Jon Doe", "ssn": "241014209", "bloodType": "AB+", "insurance": {"policy": "123142", "company": "MaestCare"}}


def data_key():
    """The id of the key that create_key.py made."""
    with MongoClient(URI) as client, ClientEncryption(kms_providers(), KEY_VAULT, client, CodecOptions()) as encryption:
        return encryption.get_key_by_alt_name(KEY_NAME)["_id"]


def schema(key):
    """Which fields are encrypted, and how.

    Deterministic: the same value always gives the same ciphertext, so that one can search for it. Random: it gives another one
    each time, which shows less and cannot be searched for. A field that is not mentioned stays as it is.
    """
    def encrypted(algorithm):
        return {"encrypt": {"bsonType": "string", "algorithm": algorithm, "keyId": [key]}}

    return {
        "bsonType": "object",
        "properties": {
            "ssn": encrypted(DETERMINISTIC),
            "bloodType": encrypted(RANDOM),
            "insurance": {"bsonType": "object", "properties": {"policy": encrypted(RANDOM)}},
        },
    }


def with_schema_map(key):
    """The schema is part of the application: the server cannot make it encrypt less."""
    schema_map = {DATABASE + ".patients": schema(key)}
    client = MongoClient(URI, auto_encryption_opts=auto_encryption(kms_providers(), KEY_VAULT, schema_map))
    plain_client = MongoClient(URI)
    patients, plain_patients = client[DATABASE].patients, plain_client[DATABASE].patients
    patients.drop()

    # Insert as always. The driver shows the command to opencryptd, encrypts what it marks, and only then sends it.
    patients.insert_one(dict(PATIENT))

    # Read as always: ciphertext is decrypted on the way.
    show("found by its name", patients.find_one({"name": "Jon Doe"}))

    # The same document as anyone sees it who has no key.
    show("without a key", plain_patients.find_one({"name": "Jon Doe"}))

    # A deterministic field can be searched for equality: the value in the filter is encrypted, too.
    show("found by the encrypted ssn", patients.find_one({"ssn": "241014209"}))
    show("the same query without encryption", plain_patients.find_one({"ssn": "241014209"}))

    # A random field cannot. The query is refused before it is sent: it would find nothing, or show the value to the server.
    try:
        patients.find_one({"bloodType": "AB+"})
    except EncryptionError as error:
        show("a query by a random field is refused", str(error).split(", full error")[0])

    plain_client.close()
    client.close()


def without_schema_map():
    """No schema, no encryption: the document arrives in the clear. Nothing warns of it."""
    client = MongoClient(URI, auto_encryption_opts=auto_encryption(kms_providers(), KEY_VAULT))
    forgotten = client[DATABASE].forgotten
    forgotten.drop()
    forgotten.insert_one(dict(PATIENT))
    with MongoClient(URI) as plain_client:
        show("without a schema map", plain_client[DATABASE].forgotten.find_one())
    client.close()


def with_schema_on_the_server(key):
    """The schema is the collection's validator. Clients fetch it, and a server that enforces it takes no plaintext."""
    with MongoClient(URI) as plain_client:
        plain_client[DATABASE].drop_collection("validated")
        try:
            plain_client[DATABASE].create_collection("validated", validator={"$jsonSchema": schema(key)})
        except OperationFailure as error:
            show("this server knows no validators", error.details["codeName"])
            return
    client = MongoClient(URI, auto_encryption_opts=auto_encryption(kms_providers(), KEY_VAULT))
    client[DATABASE].validated.insert_one(dict(PATIENT))
    with MongoClient(URI) as plain_client:
        show("with the schema on the server", plain_client[DATABASE].validated.find_one())
    client.close()


def show(title, result):
    print("%s:\n    %s" % (title, result))


if __name__ == "__main__":
    KEY = data_key()
    with_schema_map(KEY)
    without_schema_map()
    with_schema_on_the_server(KEY)
