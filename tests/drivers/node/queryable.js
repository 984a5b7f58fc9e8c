'use strict';
// Queryable Encryption as far as the bytes that go to the server: the stand-in stores them as they are.

const assert = require('node:assert/strict');

const PATIENT = { name: 'Sophia', ssn: '123-12-1234', age: 41, bloodType: 'AB Rh negative' };

// The first byte of an encrypted value on its way to a server.
const INSERTED = 11;
const EQUALITY = 12;
const RANGE = 13;
const UNINDEXED = 16;

const fields = [
  { path: 'ssn', bsonType: 'string', queries: { queryType: 'equality', contention: 4 } },
  { path: 'age', bsonType: 'int', queries: { queryType: 'range', min: 0, max: 150, sparsity: 1, trimFactor: 4, contention: 4 } },
  { path: 'bloodType', bsonType: 'string' },
];

function assertPayload(value, kind, where) {
  assert.equal(value?.sub_type, 6, `${where} is not encrypted`);
  assert.equal(value.buffer[0], kind, `${where} is of another kind`);
}

/** The last command of that name that the client sent to the server. */
function watchLast(client, name) {
  const last = {};
  client.on('commandStarted', event => {
    if (event.commandName === name) {
      last.command = event.command;
    }
  });
  return last;
}

module.exports = {
  async queryable(vault) {
    const created = await vault.encryption.createEncryptedCollection(vault.client.db(vault.database), 'patients_qe', {
      provider: 'local',
      createCollectionOptions: { encryptedFields: { fields } },
    });
    const namespace = `${vault.database}.patients_qe`;
    const client = await vault.connect({ encryptedFieldsMap: { [namespace]: created.encryptedFields } });
    const patients = client.db(vault.database).collection('patients_qe');
    const stored = vault.plain.db(vault.database).collection('patients_qe');
    const inserted = watchLast(client, 'insert');
    const sought = watchLast(client, 'find');

    await patients.insertOne({ ...PATIENT });
    const [document] = inserted.command.documents;
    assertPayload(document.ssn, INSERTED, 'ssn');
    assertPayload(document.age, INSERTED, 'age');
    assertPayload(document.bloodType, UNINDEXED, 'bloodType');
    assert.ok(inserted.command.encryptionInformation.schema[namespace]);
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'age', 'bloodType'], stored);
    const read = await patients.findOne({ name: 'Sophia' });
    for (const [name, value] of Object.entries(PATIENT)) {
      assert.equal(read[name], value);
    }

    await patients.find({ ssn: PATIENT.ssn }).toArray();
    assertPayload(sought.command.filter.ssn.$eq, EQUALITY, 'ssn');
    await patients.find({ age: { $gte: 40, $lt: 50 } }).toArray();
    const bounds = sought.command.filter.$and.map(({ age }) => Object.entries(age)[0]);
    assert.deepEqual(bounds.map(([operator]) => operator), ['$gte', '$lt']);
    bounds.forEach(([, bound]) => assertPayload(bound, RANGE, 'age'));
    await patients.updateOne({ ssn: PATIENT.ssn }, { $set: { age: 42 } });
    await patients.deleteOne({ ssn: PATIENT.ssn });

    await assert.rejects(patients.findOne({ bloodType: 'x' }), /bloodType/);
    await assert.rejects(patients.findOne({ ssn: { $gt: 'x' } }), /ssn/);
    assert.equal((await patients.findOne({ name: 'Sophia' })).age, 41);
  },
};
