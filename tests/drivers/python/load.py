"""Much at once, and a daemon that dies."""
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from pymongo.errors import AutoReconnect, EncryptionError

from client_options import SPAWN_ARGS
from world import (DATABASE, PLAIN, SENT, WAY, Skipped, check_all_stored, check_hidden, check_stored, client,
                   collections, equal, person, scenario)

MIB = 1024 * 1024


@scenario("threads")
def threads():
    """One client, as an application shares it."""
    encrypting, plain = collections("threads")

    def work(worker):
        for number in range(worker * 100, worker * 100 + 30):
            encrypting.insert_one(person(number))
            equal(encrypting.find_one({"ssn": "ssn-secret-%d" % number}), person(number))
            encrypting.update_one({"ssn": "ssn-secret-%d" % number}, {"$set": {"notes": "done-secret"}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    equal({d["notes"] for d in encrypting.find()}, {"done-secret"})
    check_all_stored(plain, 240)


@scenario("large-batches")
def large_batches():
    """16 MiB in one insert_many: the driver splits it into commands of 2 MiB of plaintext."""
    encrypting, plain = collections("large-batches")
    documents = [person(n, records=["records-secret", "x" * (400 * 1024)]) for n in range(40)]
    SENT.commands.clear()
    equal(len(encrypting.insert_many(documents).inserted_ids), 40)
    commands = SENT.named("insert")
    assert 8 <= len(commands) <= 20, len(commands)
    equal(sum(len(one["documents"]) for one in commands), 40)
    for number in (0, 17, 39):
        equal(encrypting.find_one({"_id": number}), documents[number])
        check_stored(plain.find_one({"_id": number}), None, b"x" * 64)


@scenario("large-document")
def large_document():
    """One document of many megabytes, most of it encrypted."""
    encrypting, plain = collections("large-document")
    document = person(0, records=["records-secret", "x" * (5 * MIB)], open="y" * (3 * MIB))
    encrypting.insert_one(document)
    equal(encrypting.find_one({"ssn": "ssn-secret-0"}) == document, True)
    check_hidden(plain.find_one()["records"], b"x" * 64)


@scenario("many-documents")
def many_documents():
    encrypting, plain = collections("many-documents")
    equal(len(encrypting.insert_many(person(n) for n in range(2000)).inserted_ids), 2000)
    found = encrypting.find({"ssn": {"$in": ["ssn-secret-%d" % n for n in range(0, 2000, 2)]}}, {"notes": 1})
    equal({d["notes"] for d in found}, {"notes-secret-%d" % n for n in range(0, 2000, 2)})
    equal(PLAIN[DATABASE]["many-documents"].estimated_document_count(), 2000)
    check_stored(plain.find_one({"_id": 1999}))


@scenario("respawn")
def respawn():
    """The driver starts the daemon again if it finds none."""
    if WAY != "spawn":
        raise Skipped("only where the driver spawns the daemon")
    encrypting, plain = collections("respawn", [person(0)])
    pidfile = dict(argument.split("=", 1) for argument in SPAWN_ARGS)["--pidfilepath"]
    with open(pidfile) as file:
        first = json.load(file)["pid"]
    os.kill(first, signal.SIGKILL)
    try:
        encrypting.insert_one(person(1))
    except EncryptionError as error:  # what was on its way when the connection broke is the application's to repeat
        assert isinstance(error.cause, AutoReconnect), error
        encrypting.insert_one(person(1))
    with open(pidfile) as file:
        assert json.load(file)["pid"] != first
    equal(encrypting.find_one({"ssn": "ssn-secret-1"}), person(1))
    check_all_stored(plain, 2)
    client().admin.command("ping")
