"""The asynchronous client."""
import asyncio

from pymongo import AsyncMongoClient, InsertOne, UpdateOne

from world import (DATABASE, KEY_VAULT, KMS, URI, auto_encryption, check_all_stored, collections, equal, people_schema, person,
                   scenario)
from pymongo.errors import EncryptionError


async def work():
    options = auto_encryption(KMS, KEY_VAULT, schema_map={DATABASE + ".async": people_schema()})
    async with AsyncMongoClient(URI, auto_encryption_opts=options) as client:
        people = client[DATABASE]["async"]
        await people.insert_one(person(0))
        await people.insert_many([person(n) for n in range(1, 5)])
        equal(await people.find_one({"ssn": "ssn-secret-3"}), person(3))
        equal([d["_id"] async for d in people.find({"ssn": {"$in": ["ssn-secret-1", "ssn-secret-2"]}})], [1, 2])
        await people.update_one({"ssn": "ssn-secret-1"}, {"$set": {"notes": "async-secret"}})
        equal((await people.find_one_and_delete({"ssn": "ssn-secret-1"}))["notes"], "async-secret")
        await people.bulk_write([InsertOne(person(9)), UpdateOne({"ssn": "ssn-secret-9"}, {"$set": {"age": 1}})])
        equal((await people.find_one({"ssn": "ssn-secret-9"}))["age"], 1)
        cursor = await people.aggregate([{"$match": {"ssn": "ssn-secret-2"}}, {"$project": {"notes": 1}}])
        equal(await cursor.to_list(), [{"_id": 2, "notes": "notes-secret-2"}])
        await asyncio.gather(*(people.insert_one(person(n)) for n in range(100, 150)))
        try:
            await people.find_one({"notes": "x"})
            raise AssertionError("nothing was refused")
        except EncryptionError as error:
            assert "'notes'" in str(error), error


@scenario("async")
def asynchronous():
    _, plain = collections("async")
    asyncio.run(work())
    check_all_stored(plain, 55)
