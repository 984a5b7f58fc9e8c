"""Automatic and explicit encryption by the real libmongocrypt, with a key vault in memory and our engine for mongocryptd.

This is what PyMongo does between an application's command and the server, without either of them: pymongocrypt's state
machine asks a callback for the marked command and for keys.
"""
import struct
import subprocess
import uuid
from collections import namedtuple

import bson
from bson import Binary
from pymongocrypt.auto_encrypter import AutoEncrypter
from pymongocrypt.explicit_encrypter import ExplicitEncrypter
from pymongocrypt.options import MongoCryptOptions
from pymongocrypt.state_machine import MongoCryptCallback

KMS = {"local": {"key": bytes(range(96))}}
DAEMON = {"maxWireVersion": 27, "ok": 1}
MATERIAL = bytes(reversed(range(96)))
Element = namedtuple("Element", "type bytes")  # the number of a BSON type and the bytes of a value
ENCRYPTED = 6  # the subtype of everything that concerns encryption


class Refused(Exception):
    """The engine refused a command."""


class Engine:
    """oc_analyze: commands in, replies out."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def analyze(self, command):
        self.process.stdin.write(command)
        self.process.stdin.flush()
        head = self.process.stdout.read(4)
        if len(head) < 4:
            raise RuntimeError("oc_analyze ended: %s" % self.process.wait())
        return head + self.process.stdout.read(struct.unpack("<i", head)[0] - 4)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def framed(body):
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def append(document, name, value):
    """Bytes of a document with one more field; the others are not decoded, since some types would not survive it."""
    return framed(document[4:-1] + element(name, value))


def encode(document):
    """bson.encode, and values that Python cannot hold as Element."""
    return framed(b"".join(element(name, value) for name, value in document.items()))


def element(name, value):
    if isinstance(value, dict):
        value = Element(3, encode(value))
    if isinstance(value, list):
        value = Element(4, encode({str(i): member for i, member in enumerate(value)}))
    if isinstance(value, Element):
        return bytes([value.type]) + name.encode() + b"\0" + value.bytes
    return bson.encode({name: value})[4:-1]


class Vault(MongoCryptCallback):
    def __init__(self, engine):
        self.engine = engine
        self.keys = {}

    def mark_command(self, database, command):
        if "isMaster" in bson.decode(command):  # before a command with several collections
            return bson.encode(DAEMON)
        marked = self.engine.analyze(append(command, "$db", database))
        reply = bson.decode(marked)
        if not reply["ok"]:
            raise Refused(reply["errmsg"])
        return marked

    def fetch_keys(self, filter):
        wanted = bson.decode(filter)["$or"][0]["_id"]["$in"]
        return [bson.encode(self.keys[bytes(id)]) for id in wanted]

    def insert_data_key(self, key):
        """Under the next of a row of fixed ids."""
        id = key_id(len(self.keys))
        self.keys[bytes(id)] = {**bson.decode(key), "_id": id}
        return id

    def bson_encode(self, document):
        return bson.encode(document)

    def collection_info(self, database, filter):
        raise AssertionError("the schema of every collection is in encrypted_fields_map")

    def kms_request(self, context):
        raise AssertionError("a local key needs no request")

    def close(self):
        pass


def key_id(number):
    return Binary.from_uuid(uuid.UUID(int=number))


class Crypt:
    """libmongocrypt with the schemas of namespaces. Their keys are made here, the first is key_id(0)."""

    def __init__(self, engine, keys, encrypted_fields, json_schemas):
        self.vault = Vault(engine)
        self.explicit = ExplicitEncrypter(self.vault, MongoCryptOptions(KMS))
        for _ in range(keys):
            self.explicit.create_data_key("local", key_material=MATERIAL)
        options = MongoCryptOptions(
            KMS, encode(json_schemas), encode(encrypted_fields), bypass_encryption=True, enable_multiple_collinfo=True)
        self.automatic = AutoEncrypter(self.vault, options)

    def encrypt_command(self, database, command):
        """The command as it would go to the server."""
        return self.automatic.encrypt(database, command)

    def encrypt_value(self, value, **options):
        """The payloads of a document {v: …}, encrypted explicitly."""
        return payloads(bson.decode(self.explicit.encrypt(value, **options)))

    def decrypt(self, document):
        return self.automatic.decrypt(document)

    def close(self):
        self.explicit.close()
        self.automatic.close()


def payloads(value):
    """What is encrypted in a decoded command, in its order."""
    if isinstance(value, Binary) and value.subtype == ENCRYPTED:
        return [bytes(value)]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [payload for member in members for payload in payloads(member)]
