'use strict';
// Queryable Encryption as far as the bytes that go to the server: the stand-in stores them as they are.

const assert = require('node:assert/strict');

const SOPHIA = { name: 'Sophia', ssn: '123-12-1234', age: 41, bloodType: 'AB Rh negative' };
const AMRIT = { name: 'Amrit', ssn: '987-98-9876', age: 17, bloodType: 'AB Rh negative' };

// The first byte of an encrypted value on its way to a server.
const INSERTED = 11;
const EQUALITY = 12;
const RANGE = 13;
const UNINDEXED = 16;
const TEXT = 18;

const equality = { queryType: 'equality', contention: 4 };
const range = { queryType: 'range', min: 0, max: 150, sparsity: 1, trimFactor: 4, contention: 4 };
const prefix = {
  queryType: 'prefix',
  strMinQueryLength: 2,
  strMaxQueryLength: 8,
  caseSensitive: false,
  diacriticSensitive: true,
  contention: 4,
};

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

async function createPatients(vault, name, fields) {
  const { encryptedFields } = await vault.encryption.createEncryptedCollection(vault.client.db(vault.database), name, {
    provider: 'local',
    createCollectionOptions: { encryptedFields: { fields } },
  });
  const client = await vault.connect({ encryptedFieldsMap: { [`${vault.database}.${name}`]: encryptedFields } });
  const patients = client.db(vault.database).collection(name);
  return { client, patients, stored: vault.plain.db(vault.database).collection(name) };
}

async function names(cursor) {
  return (await cursor.toArray()).map(patient => patient.name).sort();
}

module.exports = {
  async queryable(vault) {
    const { client, patients, stored } = await createPatients(vault, 'patients_qe', [
      { path: 'ssn', bsonType: 'string', queries: equality },
      { path: 'age', bsonType: 'int', queries: range },
      { path: 'bloodType', bsonType: 'string' },
    ]);
    const inserted = watchLast(client, 'insert');
    const sought = watchLast(client, 'find');

    await patients.insertMany([{ ...SOPHIA }, { ...AMRIT }]);
    const [document] = inserted.command.documents;
    assertPayload(document.ssn, INSERTED, 'ssn');
    assertPayload(document.age, INSERTED, 'age');
    assertPayload(document.bloodType, UNINDEXED, 'bloodType');
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'age', 'bloodType'], stored);
    const { __safeContent__, _id, ...read } = await patients.findOne({ name: 'Sophia' });
    assert.deepEqual(read, SOPHIA);

    assert.deepEqual(await names(patients.find({ ssn: SOPHIA.ssn })), ['Sophia']);
    assertPayload(sought.command.filter.ssn.$eq, EQUALITY, 'ssn');
    assert.deepEqual(await names(patients.find({ ssn: { $in: [SOPHIA.ssn, AMRIT.ssn] } })), ['Amrit', 'Sophia']);
    assert.deepEqual(await names(patients.find({ age: { $gte: 40, $lt: 50 } })), ['Sophia']);
    const bounds = sought.command.filter.$and.map(({ age }) => Object.entries(age)[0]);
    assert.deepEqual(bounds.map(([operator]) => operator), ['$gte', '$lt']);
    bounds.forEach(([, bound]) => assertPayload(bound, RANGE, 'age'));
    assert.deepEqual(await names(patients.find({ age: { $lte: 17 } })), ['Amrit']);

    await patients.updateOne({ ssn: AMRIT.ssn }, { $set: { ssn: '555-55-5555' } });
    assert.deepEqual(await names(patients.find({ ssn: '555-55-5555' })), ['Amrit']);
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'age', 'bloodType'], stored);
    assert.equal((await patients.deleteOne({ ssn: '555-55-5555' })).deletedCount, 1);
    await assert.rejects(patients.findOne({ bloodType: 'x' }), /bloodType/);
    await assert.rejects(patients.findOne({ ssn: { $gt: 'x' } }), /ssn/);
    assert.deepEqual(await names(patients.find()), ['Sophia']);
  },

  async 'queryable-text'(vault) {
    const { client, patients, stored } = await createPatients(vault, 'patients_text', [
      { path: 'ssn', bsonType: 'string', queries: prefix },
    ]);
    const sought = watchLast(client, 'find');
    const startsWith = text => ({ $expr: { $encStrStartsWith: { input: '$ssn', prefix: text } } });
    await patients.insertMany([SOPHIA, AMRIT].map(({ name, ssn }) => ({ name, ssn })));
    await vault.assertStored({ name: 'Sophia' }, ['ssn'], stored);
    assert.deepEqual(await names(patients.find(startsWith('123-'))), ['Sophia']);
    assertPayload(sought.command.filter.$expr.$encStrStartsWith.prefix, TEXT, 'the prefix');
    await assert.rejects(patients.findOne({ ssn: SOPHIA.ssn }), /encStrNormalizedEq/);
  },
};
