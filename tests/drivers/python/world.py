"""What the scenarios share: servers, keys, schemas, and checks."""
import os
import re
import sys
from pathlib import Path

from bson import Binary, decode, encode
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption
from pymongo.errors import EncryptionError
from pymongo.monitoring import CommandListener

sys.path.insert(0, str(Path(__file__).with_name("tutorial")))
from client_options import WAY, auto_encryption  # noqa: E402

SERVER, URI, DATABASE = os.environ["OC_SERVER"], os.environ["OC_SERVER_URI"], os.environ["OC_DATABASE"]
KEY_VAULT = DATABASE + "_keys.__keyVault"
KMS = {"local": {"key": os.urandom(96)}}
RANDOM, DETERMINISTIC = ("AEAD_AES_256_CBC_HMAC_SHA_512-" + kind for kind in ("Random", "Deterministic"))
CIPHERTEXTS = {"deterministic": 1, "random": 2, "equality": 11, "range": 11, "text": 11, "unindexed": 16}

SCENARIOS = {}  # name: function


class Skipped(Exception):
    """The scenario does not apply, with the reason."""


def scenario(name, server=None):
    """Makes a function a scenario; `server` names the only one that can run it."""
    def add(function):
        def run():
            if server not in (None, SERVER):
                raise Skipped("runs against %s" % server)
            function()

        SCENARIOS[name] = run
        return function

    return add


class Sent(CommandListener):
    """The commands that went to the server, as they went."""

    def __init__(self):
        self.commands = []

    def started(self, event):
        self.commands.append(decode(encode(event.command)))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass

    def named(self, name):
        return [command for command in self.commands if next(iter(command)) == name]


SENT = Sent()
PLAIN = MongoClient(URI)
DATA_KEY = None  # set by the scenario `keys`
CLIENTS = {}


def key_vault():
    return ClientEncryption(KMS, KEY_VAULT, PLAIN, CodecOptions())


def data_key():
    global DATA_KEY
    if DATA_KEY is None:
        with key_vault() as vault:
            DATA_KEY = vault.create_data_key("local", key_alt_names=["application"])
    return DATA_KEY


# ---- encryption with schemas of CSFLE ----

def encrypt(algorithm, kind):
    return {"encrypt": {"bsonType": kind, "algorithm": algorithm, "keyId": [data_key()]}}


def people_schema():
    return {
        "bsonType": "object",
        "properties": {
            "ssn": encrypt(DETERMINISTIC, "string"),
            "number": encrypt(DETERMINISTIC, "long"),
            "notes": encrypt(RANDOM, "string"),
            "records": encrypt(RANDOM, "array"),
            "address": {"bsonType": "object", "properties": {"street": encrypt(RANDOM, "string")}},
        },
    }


ENCRYPTED = {"ssn": "deterministic", "number": "deterministic", "notes": "random", "records": "random",
             "address.street": "random"}


def person(id=0, **more):
    return {"_id": id, "name": "Person %d" % id, "age": 30 + id, "ssn": "ssn-secret-%d" % id, "notes": "notes-secret-%d" % id,
            "address": {"street": "street-secret-%d" % id, "city": "Bonn"}, **more}


def client(name="csfle"):
    """An encrypting client for all scenarios: each has a collection of its name."""
    if name not in CLIENTS:
        names = [*SCENARIOS, "lookup-visits"]
        maps = {"csfle": {"%s.%s" % (DATABASE, one): people_schema() for one in names}, "no schema": None}
        options = auto_encryption(KMS, KEY_VAULT, schema_map=maps[name])
        CLIENTS[name] = MongoClient(URI, auto_encryption_opts=options, event_listeners=[SENT])
    return CLIENTS[name]


def collections(name, documents=(), of="csfle"):
    """The collection of a scenario with these documents, as an encrypting and as a plain client see it."""
    PLAIN[DATABASE].drop_collection(name)
    encrypting, plain = client(of)[DATABASE][name], PLAIN[DATABASE][name]
    if documents:
        encrypting.insert_many(documents)
        check_all_stored(plain, len(documents))
    return encrypting, plain


def close():
    for one in [*CLIENTS.values(), PLAIN]:
        one.close()
    CLIENTS.clear()


# ---- checks ----

def equal(found, expected):
    if found != expected:
        raise AssertionError("%r is not %r" % (found, expected))


def at(document, path):
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def check_hidden(value, *secrets):
    """Nothing in a document of the plain client or in a command may show what the encrypting client wrote."""
    raw = encode({"v": value})
    if b"secret" in raw or any(secret in raw for secret in secrets):
        raise AssertionError("plaintext in %r" % (value,))


def check_stored(document, fields=None, *secrets):
    """The encrypted fields that a document has are ciphertext of their kind, and no `secret` of their values is to be seen."""
    fields = ENCRYPTED if fields is None else fields
    check_hidden(document, *secrets)
    present = [path for path in fields if at(document, path) is not None]
    if not present:
        raise AssertionError("no encrypted field in %r" % (document,))
    for path in present:
        value = at(document, path)
        if not isinstance(value, Binary) or value.subtype != 6 or value[0] != CIPHERTEXTS[fields[path]]:
            raise AssertionError("%s is %r" % (path, value))


def check_all_stored(plain, count, fields=None):
    found = list(plain.find())
    equal(len(found), count)
    for document in found:
        check_stored(document, fields)


def refusal(function, *arguments, **options):
    """(code, message) of the error of query analysis, which each way wraps differently."""
    try:
        result = function(*arguments, **options)
        list(result) if hasattr(result, "__next__") else None
    except EncryptionError as error:
        cause = error.cause
        if WAY == "library":
            wrapped = re.search(r'"analyze_query" failed: (.*) \[Error (\d+), code (\d+)\]$', str(cause))
            if not wrapped:
                raise
            return int(wrapped[2]), wrapped[1]
        return cause.code, cause.details["errmsg"]
    raise AssertionError("nothing was refused")


def check_refused(words, function, *arguments, **options):
    code, message = refusal(function, *arguments, **options)
    if not all(word in message for word in words):
        raise AssertionError("code %d: %s" % (code, message))
