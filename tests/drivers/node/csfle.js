'use strict';
// Client-side field level encryption through the driver's own helpers. The names are the scenarios'.

const assert = require('node:assert/strict');

const SOPHIA = {
  name: 'Sophia',
  ssn: '123-12-1234',
  bloodType: 'AB Rh negative',
  records: [{ allergy: 'Penicillin' }],
  insurance: { provider: 'Maest Care', policy: 123142 },
  visits: 1,
};
const AMRIT = { name: 'Amrit', ssn: '987-98-9876', bloodType: 'AB Rh negative', visits: 2 };
const ENCRYPTED = ['ssn', 'bloodType', 'records', 'insurance.policy'];

const secondsOfIdleness = Number(/idleShutdownTimeoutSecs=(\d+)/.exec(process.env.OC_SPAWN_ARGS || '')?.[1]);

const WITHOUT_ID = { projection: { _id: 0 } };

async function insertBoth({ people }) {
  await people.insertMany([{ ...SOPHIA }, { ...AMRIT }]);
}

function sleep(seconds) {
  return new Promise(resolve => setTimeout(resolve, 1000 * seconds));
}

async function names(cursor) {
  return (await cursor.toArray()).map(person => person.name).sort();
}

async function refuses(operation, ...texts) {
  await assert.rejects(operation, error => {
    for (const text of texts) {
      assert.ok(error.message.includes(text), `the refusal says: ${error.message}`);
    }
    return true;
  });
}

module.exports = {
  async keys({ encryption, key }) {
    const found = await encryption.getKeyByAltName('people');
    assert.ok(found._id.equals(key));
    assert.deepEqual(found.keyAltNames, ['people']);
  },

  async 'insert-find'(vault) {
    const { people } = vault;
    await people.insertOne({ ...SOPHIA });
    assert.deepEqual(await people.findOne({ name: 'Sophia' }, WITHOUT_ID), SOPHIA);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await people.insertMany([{ ...AMRIT }, { name: 'nobody' }]);
    assert.deepEqual(await names(people.find()), ['Amrit', 'Sophia', 'nobody']);
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'bloodType']);
  },

  async deterministic(vault) {
    const { people, stored } = vault;
    await insertBoth(vault);
    assert.deepEqual(await people.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), SOPHIA);
    assert.deepEqual(await names(people.find({ ssn: { $eq: AMRIT.ssn } })), ['Amrit']);
    assert.deepEqual(await names(people.find({ ssn: { $in: [AMRIT.ssn, SOPHIA.ssn, '0'] } })), ['Amrit', 'Sophia']);
    assert.deepEqual(await names(people.find({ ssn: { $ne: AMRIT.ssn } })), ['Sophia']);
    assert.deepEqual(await names(people.find({ 'insurance.policy': 123142 })), ['Sophia']);
    assert.deepEqual(await names(people.find({ $or: [{ name: 'x' }, { ssn: AMRIT.ssn }] })), ['Amrit']);
    assert.equal(await stored.findOne({ ssn: SOPHIA.ssn }), null);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async refused(vault) {
    const { people } = vault;
    await people.insertOne({ ...SOPHIA });
    await refuses(
      people.findOne({ bloodType: 'AB Rh negative' }),
      'bloodType',
      'Cannot query on fields encrypted with the randomized encryption algorithm'
    );
    await refuses(people.find({ ssn: { $gt: '1' } }).toArray(), 'ssn');
    await refuses(people.find({ ssn: /^1/ }).toArray(), 'ssn');
    await refuses(people.updateOne({ name: 'Sophia' }, { $inc: { 'insurance.policy': 1 } }), 'insurance.policy');
    await refuses(people.distinct('bloodType'), 'bloodType');
    await refuses(people.find().sort({ ssn: 1 }).toArray(), 'ssn');
    assert.equal((await people.findOne({ name: 'Sophia' })).ssn, SOPHIA.ssn);
  },

  async 'no-schema'(vault) {
    const client = await vault.connect({});
    const people = client.db(vault.database).collection('unprotected');
    await people.deleteMany({});
    await people.insertOne({ ...SOPHIA });
    const stored = await vault.plain.db(vault.database).collection('unprotected').findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID);
    assert.deepEqual(stored, SOPHIA);
    assert.deepEqual(vault.leaks, ['insert']); // that the watch sees plaintext is shown here
    vault.leaks.length = 0;
  },

  async 'server-schema'(vault) {
    const plain = vault.plain.db(vault.database);
    const stored = await plain.createCollection('patients', { validator: { $jsonSchema: vault.schema() } });
    const client = await vault.connect({});
    const patients = client.db(vault.database).collection('patients');
    await patients.insertOne({ ...SOPHIA });
    assert.deepEqual(await patients.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), SOPHIA);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED, stored);
    await refuses(patients.findOne({ bloodType: 'x' }), 'bloodType');
  },

  async update(vault) {
    const { people } = vault;
    await insertBoth(vault);
    await people.updateOne({ ssn: SOPHIA.ssn }, { $set: { ssn: '555-55-5555', 'insurance.policy': 7, visits: 2 } });
    const read = await people.findOne({ ssn: '555-55-5555' });
    assert.equal(read.name, 'Sophia');
    assert.equal(read.insurance.policy, 7);
    assert.equal(read.visits, 2);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);

    const many = await people.updateMany({ visits: 2 }, { $set: { bloodType: 'AB Rh negative' }, $unset: { records: '' } });
    assert.equal(many.matchedCount, 2);
    const stored = await vault.assertStored({ name: 'Sophia' }, ['ssn', 'bloodType']);
    assert.ok(!('records' in stored));

    await people.updateOne({ name: 'Duleep' }, { $set: { ssn: SOPHIA.ssn } }, { upsert: true });
    assert.deepEqual(await people.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), { name: 'Duleep', ssn: SOPHIA.ssn });
    await vault.assertStored({ name: 'Duleep' }, ['ssn']);
  },

  async replace(vault) {
    const { people } = vault;
    await insertBoth(vault);
    await people.replaceOne({ ssn: AMRIT.ssn }, { name: 'Amrit', ssn: '555-55-5555' });
    assert.deepEqual(await people.findOne({ name: 'Amrit' }, WITHOUT_ID), { name: 'Amrit', ssn: '555-55-5555' });
    await vault.assertStored({ name: 'Amrit' }, ['ssn']);
  },

  async delete(vault) {
    const { people } = vault;
    await insertBoth(vault);
    assert.equal((await people.deleteOne({ ssn: AMRIT.ssn })).deletedCount, 1);
    assert.deepEqual(await names(people.find()), ['Sophia']);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await refuses(people.deleteMany({ bloodType: SOPHIA.bloodType }), 'bloodType');
    assert.equal((await people.deleteMany({ ssn: { $in: [SOPHIA.ssn] } })).deletedCount, 1);
    assert.deepEqual(await names(people.find()), []);
  },

  async 'find-and-modify'(vault) {
    const { people } = vault;
    await insertBoth(vault);
    const before = await people.findOneAndUpdate({ ssn: SOPHIA.ssn }, { $set: { ssn: '555-55-5555' } });
    assert.equal(before.ssn, SOPHIA.ssn);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    const after = await people.findOneAndReplace(
      { ssn: '555-55-5555' },
      { name: 'Sophia', ssn: SOPHIA.ssn },
      { returnDocument: 'after' }
    );
    assert.equal(after.ssn, SOPHIA.ssn);
    assert.ok(!('bloodType' in after));
    await vault.assertStored({ name: 'Sophia' }, ['ssn']);
    assert.equal((await people.findOneAndDelete({ ssn: SOPHIA.ssn })).name, 'Sophia');
    assert.deepEqual(await names(people.find()), ['Amrit']);
  },

  async 'bulk-write'(vault) {
    const { people } = vault;
    await insertBoth(vault);
    const result = await people.bulkWrite([
      { insertOne: { document: { name: 'Duleep', ssn: '555-55-5555' } } },
      { updateOne: { filter: { ssn: SOPHIA.ssn }, update: { $set: { bloodType: 'AB Rh negative', visits: 5 } } } },
      { replaceOne: { filter: { ssn: AMRIT.ssn }, replacement: { name: 'Amrit', ssn: AMRIT.ssn } } },
      { deleteOne: { filter: { ssn: '555-55-5555' } } },
    ]);
    assert.deepEqual(
      [result.insertedCount, result.matchedCount, result.deletedCount],
      [1, 2, 1]
    );
    assert.equal((await people.findOne({ ssn: SOPHIA.ssn })).visits, 5);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await vault.assertStored({ name: 'Amrit' }, ['ssn']);
  },

  async count(vault) {
    const { people } = vault;
    await insertBoth(vault);
    assert.equal(await people.countDocuments({ name: 'Sophia' }), 1);
    assert.equal(await people.estimatedDocumentCount(), 2);
    const reply = await people.db.command({ count: 'people', query: { ssn: { $in: [AMRIT.ssn, '0'] } } });
    assert.equal(reply.n, 1);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async 'count-documents'(vault) {
    const { people } = vault;
    await insertBoth(vault);
    assert.equal(await people.countDocuments({ ssn: SOPHIA.ssn }), 1);
    assert.equal(await people.countDocuments({ ssn: { $in: [SOPHIA.ssn, AMRIT.ssn] } }), 2);
    await refuses(people.countDocuments({ bloodType: 'x' }), 'bloodType');
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async distinct(vault) {
    const { people } = vault;
    await insertBoth(vault);
    assert.deepEqual(await people.distinct('name', { ssn: SOPHIA.ssn }), ['Sophia']);
    assert.deepEqual((await people.distinct('ssn')).sort(), [SOPHIA.ssn, AMRIT.ssn]);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async aggregate(vault) {
    const { people } = vault;
    await insertBoth(vault);
    await people.insertOne({ ...SOPHIA, name: 'Sophia again' });
    const matched = await people
      .aggregate([{ $match: { ssn: AMRIT.ssn } }, { $project: { _id: 0, name: 1, bloodType: 1 } }])
      .toArray();
    assert.deepEqual(matched, [{ name: 'Amrit', bloodType: AMRIT.bloodType }]);
    const groups = await people.aggregate([{ $group: { _id: '$ssn', n: { $sum: 1 } } }]).toArray();
    groups.sort((a, b) => (a._id < b._id ? -1 : 1));
    assert.deepEqual(groups, [
      { _id: SOPHIA.ssn, n: 2 },
      { _id: AMRIT.ssn, n: 1 },
    ]);
    await refuses(people.aggregate([{ $group: { _id: '$bloodType' } }]).toArray(), 'bloodType');
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  /** Over two collections, each with a schema of its own. */
  async lookup(vault) {
    const { people, database } = vault;
    const { ssn } = vault.schema().properties;
    const claims = { bsonType: 'object', encryptMetadata: { keyId: [vault.key] }, properties: { ssn } };
    const client = await vault.connect({
      schemaMap: { [`${database}.people`]: vault.schema(), [`${database}.claims`]: claims },
    });
    await insertBoth(vault);
    await client.db(database).collection('claims').insertMany([
      { name: 'Amrit', ssn: AMRIT.ssn, amount: 70 },
      { name: 'Amrit', ssn: '555-55-5555', amount: 12 },
    ]);
    await vault.assertStored({ amount: 70 }, ['ssn'], vault.plain.db(database).collection('claims'));
    const join = { from: 'claims', localField: 'name', foreignField: 'name', pipeline: [{ $match: { ssn: AMRIT.ssn } }] };
    const found = await client
      .db(database)
      .collection('people')
      .aggregate([{ $match: { ssn: AMRIT.ssn } }, { $lookup: { ...join, as: 'claims' } }])
      .toArray();
    assert.equal(found.length, 1);
    assert.equal(found[0].bloodType, AMRIT.bloodType);
    assert.deepEqual(found[0].claims.map(claim => [claim.ssn, claim.amount]), [[AMRIT.ssn, 70]]);
    const joined = people.aggregate([{ $lookup: { from: 'people', localField: 'bloodType', foreignField: 'name', as: 'x' } }]);
    await refuses(joined.toArray(), 'join by plain fields');
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'bloodType']);
  },

  async 'client-bulk'({ client, database }) {
    const insertion = { name: 'insertOne', namespace: `${database}.people`, document: { ...SOPHIA } };
    await refuses(client.bulkWrite([insertion]), 'does not currently support automatic encryption');
    return 'the driver refuses it for a client with automatic encryption';
  },

  async concurrent(vault) {
    const { people } = vault;
    const all = Array.from({ length: 200 }, (_, i) => ({ ...SOPHIA, name: `person ${i}`, ssn: `555-55-5555 ${i}` }));
    await Promise.all(all.map(person => people.insertOne({ ...person })));
    const read = await Promise.all(all.map(person => people.findOne({ ssn: person.ssn }, WITHOUT_ID)));
    assert.deepEqual(read, all);
    await vault.assertStored({ name: 'person 7' }, ENCRYPTED);
  },

  /** The daemon does not leave while its client is there, however silent. */
  async idle(vault) {
    const { people } = vault;
    await people.insertOne({ ...SOPHIA });
    await sleep(secondsOfIdleness + 2);
    assert.deepEqual(await people.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), SOPHIA);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  /** The driver starts a daemon when it connects, not when it finds it gone: the next client helps. */
  async respawn(vault) {
    const { people } = vault;
    await people.insertOne({ ...SOPHIA });
    process.kill(await vault.daemonPid(), 'SIGKILL');
    await refuses(people.findOne({ ssn: SOPHIA.ssn }));
    const next = await vault.connect({ schemaMap: { [`${vault.database}.people`]: vault.schema() } });
    const again = next.db(vault.database).collection('people');
    assert.deepEqual(await again.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), SOPHIA);
    assert.deepEqual(await people.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID), SOPHIA);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },
};
