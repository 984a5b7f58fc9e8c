#!/usr/bin/env python3
"""Step 1 of the tutorial: makes a master key and a data key. Run it once.

Two kinds of keys are at work. Data keys encrypt fields; they are stored in the database, in the key vault, each encrypted with
the master key. The master key never is in the database.
"""
import os

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption

from settings import KEY_NAME, KEY_VAULT, MASTER_KEY_FILE, URI, kms_providers

# 1. The master key: 96 random bytes in a file that only we can read.
if not MASTER_KEY_FILE.exists():
    with open(os.open(MASTER_KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(96))

# 2. The data key. ClientEncryption encrypts it with the master key and stores it in the key vault; an alternate name is easier
#    to remember than its id, which is a UUID. Making keys needs no query analysis.
client = MongoClient(URI)
with ClientEncryption(kms_providers(), KEY_VAULT, client, CodecOptions()) as encryption:
    key = encryption.get_key_by_alt_name(KEY_NAME)
    if key is None:
        encryption.create_data_key("local", key_alt_names=[KEY_NAME])
        key = encryption.get_key_by_alt_name(KEY_NAME)

# 3. On a MongoDB server two keys should never get the same name; this index sees to that:
#
#        client[database][collection].create_index(
#            "keyAltNames", unique=True, partialFilterExpression={"keyAltNames": {"$exists": True}})

client.close()
print("data key %s, named %r, is in %s" % (key["_id"].as_uuid(), KEY_NAME, KEY_VAULT))
