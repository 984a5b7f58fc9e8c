'use strict';
// The same through Mongoose's models. The names are the scenarios'.

const assert = require('node:assert/strict');
const mongoose = require('mongoose');
const { keys } = require('./csfle');
const { openVault } = require('./vault');

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

const DEFINITION = {
  name: String,
  ssn: String,
  bloodType: String,
  records: { type: [{ _id: false, allergy: String }], default: undefined },
  insurance: { provider: String, policy: Number },
  visits: Number,
};
const WITHOUT_ID = { _id: 0 };

/** A model on a connection of its own. */
async function connectModel(vault, schemas, collection, definition = DEFINITION, options = {}) {
  const connection = mongoose.createConnection();
  const schema = new mongoose.Schema(definition, { collection, versionKey: false, ...options });
  const model = connection.model('Patient', schema); // before it connects, which is when Mongoose gathers encrypted schemas
  vault.clients.push(connection);
  await connection.openUri(vault.uri, { dbName: vault.database, ...vault.options(schemas) });
  vault.watch(connection.getClient());
  await model.init();
  return model;
}

async function openModels() {
  const vault = await openVault();
  const schemaMap = { [`${vault.database}.people`]: vault.schema() };
  return Object.assign(vault, { Patient: await connectModel(vault, { schemaMap }, 'people') });
}

async function insertBoth({ Patient }) {
  await Patient.insertMany([SOPHIA, AMRIT]);
}

async function names(query) {
  return (await query).map(patient => patient.name).sort();
}

const scenarios = {
  keys,

  async 'insert-find'(vault) {
    const { Patient } = vault;
    await Patient.create(SOPHIA);
    await Patient.insertMany([AMRIT, { name: 'nobody' }]);
    assert.deepEqual(await Patient.findOne({ name: 'Sophia' }, WITHOUT_ID).lean(), SOPHIA);
    assert.equal((await Patient.findOne({ name: 'Sophia' })).records[0].allergy, 'Penicillin');
    assert.deepEqual(await names(Patient.find()), ['Amrit', 'Sophia', 'nobody']);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async deterministic(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    assert.deepEqual(await Patient.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID).lean(), SOPHIA);
    assert.deepEqual(await names(Patient.find().where('ssn').in([SOPHIA.ssn, AMRIT.ssn])), ['Amrit', 'Sophia']);
    assert.deepEqual(await names(Patient.find().where('ssn').ne(AMRIT.ssn)), ['Sophia']);
    assert.deepEqual(await names(Patient.find({ 'insurance.policy': 123142 })), ['Sophia']);
    assert.ok(await Patient.exists({ ssn: AMRIT.ssn }));
    assert.equal(await vault.stored.findOne({ ssn: SOPHIA.ssn }), null);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async refused(vault) {
    const { Patient } = vault;
    await Patient.create(SOPHIA);
    await assert.rejects(Patient.findOne({ bloodType: 'AB Rh negative' }), /randomized encryption algorithm.*bloodType/);
    await assert.rejects(Patient.find().where('ssn').gt('1'), /ssn/);
    await assert.rejects(Patient.find().sort('ssn'), /ssn/);
    await assert.rejects(Patient.updateOne({ name: 'Sophia' }, { $inc: { 'insurance.policy': 1 } }), /insurance.policy/);
    assert.equal((await Patient.findOne({ name: 'Sophia' })).ssn, SOPHIA.ssn);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async 'no-schema'(vault) {
    const Unprotected = await connectModel(vault, {}, 'unprotected');
    await Unprotected.create(SOPHIA);
    const stored = vault.plain.db(vault.database).collection('unprotected');
    assert.deepEqual(await stored.findOne({ ssn: SOPHIA.ssn }, { projection: WITHOUT_ID }), SOPHIA);
    assert.deepEqual(vault.leaks.splice(0), ['insert']);
  },

  async 'server-schema'(vault) {
    const validator = { $jsonSchema: vault.schema() };
    const stored = await vault.plain.db(vault.database).createCollection('patients', { validator });
    const Patient = await connectModel(vault, {}, 'patients');
    await Patient.create(SOPHIA);
    assert.deepEqual(await Patient.findOne({ ssn: SOPHIA.ssn }, WITHOUT_ID).lean(), SOPHIA);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED, stored);
    await assert.rejects(Patient.findOne({ bloodType: 'x' }), /bloodType/);
  },

  async update(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    await Patient.updateOne({ ssn: SOPHIA.ssn }, { ssn: '555-55-5555', 'insurance.policy': 7 });
    const patient = await Patient.findOne({ ssn: '555-55-5555' });
    assert.equal(patient.insurance.policy, 7);
    patient.ssn = SOPHIA.ssn;
    patient.visits = 3;
    await patient.save();
    assert.equal((await Patient.findOne({ ssn: SOPHIA.ssn })).visits, 3);
    await Patient.updateMany({}, { bloodType: 'AB Rh negative' });
    await Patient.updateOne({ name: 'Duleep' }, { ssn: '555-55-5555' }, { upsert: true });
    assert.equal((await Patient.findOne({ ssn: '555-55-5555' })).name, 'Duleep');
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await vault.assertStored({ name: 'Duleep' }, ['ssn']);
  },

  async replace(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    await Patient.replaceOne({ ssn: AMRIT.ssn }, { name: 'Amrit', ssn: '555-55-5555' });
    const replaced = await Patient.findOne({ ssn: '555-55-5555' }, WITHOUT_ID).lean();
    assert.deepEqual(replaced, { name: 'Amrit', ssn: '555-55-5555' });
    await vault.assertStored({ name: 'Amrit' }, ['ssn']);
  },

  async delete(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    assert.equal((await Patient.deleteOne({ ssn: AMRIT.ssn })).deletedCount, 1);
    await assert.rejects(Patient.deleteMany({ bloodType: SOPHIA.bloodType }), /bloodType/);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await (await Patient.findOne({ ssn: SOPHIA.ssn })).deleteOne();
    assert.deepEqual(await names(Patient.find()), []);
  },

  async 'find-and-modify'(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    const after = { returnDocument: 'after' };
    assert.equal((await Patient.findOneAndUpdate({ ssn: SOPHIA.ssn }, { ssn: '555-55-5555' }, after)).ssn, '555-55-5555');
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    const { _id } = await Patient.findOne({ ssn: AMRIT.ssn });
    assert.equal((await Patient.findByIdAndUpdate(_id, { bloodType: 'AB Rh negative' }, after)).ssn, AMRIT.ssn);
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'bloodType']);
    assert.equal((await Patient.findOneAndDelete({ ssn: AMRIT.ssn })).name, 'Amrit');
    assert.deepEqual(await names(Patient.find()), ['Sophia']);
  },

  async 'bulk-write'(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    const result = await Patient.bulkWrite([
      { insertOne: { document: { name: 'Duleep', ssn: '555-55-5555' } } },
      { updateOne: { filter: { ssn: SOPHIA.ssn }, update: { visits: 5 } } },
      { deleteOne: { filter: { ssn: '555-55-5555' } } },
    ]);
    assert.deepEqual([result.insertedCount, result.matchedCount, result.deletedCount], [1, 1, 1]);
    const patients = await Patient.find();
    patients.forEach(patient => (patient.bloodType = `${SOPHIA.bloodType}!`));
    await Patient.bulkSave(patients);
    assert.equal((await Patient.findOne({ ssn: SOPHIA.ssn })).bloodType, 'AB Rh negative!');
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'bloodType']);
  },

  async count(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    assert.equal(await Patient.countDocuments({ name: 'Sophia' }), 1);
    assert.equal(await Patient.estimatedDocumentCount(), 2);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async 'count-documents'(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    assert.equal(await Patient.countDocuments({ ssn: SOPHIA.ssn }), 1);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async distinct(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    assert.deepEqual(await Patient.distinct('name', { ssn: SOPHIA.ssn }), ['Sophia']);
    assert.deepEqual((await Patient.distinct('ssn')).sort(), [SOPHIA.ssn, AMRIT.ssn]);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async aggregate(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    const matched = await Patient.aggregate().match({ ssn: AMRIT.ssn }).project({ _id: 0, name: 1, bloodType: 1 });
    assert.deepEqual(matched, [{ name: 'Amrit', bloodType: AMRIT.bloodType }]);
    const groups = await Patient.aggregate().group({ _id: '$ssn', n: { $sum: 1 } });
    assert.deepEqual(groups.map(group => group._id).sort(), [SOPHIA.ssn, AMRIT.ssn]);
    await assert.rejects(Patient.aggregate().group({ _id: '$bloodType' }), /bloodType/);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  /** Within one collection. */
  async lookup(vault) {
    const { Patient } = vault;
    await insertBoth(vault);
    const join = { from: 'people', localField: 'name', foreignField: 'name', as: 'same' };
    const [amrit] = await Patient.aggregate().match({ ssn: AMRIT.ssn }).lookup(join);
    assert.deepEqual(amrit.same.map(patient => patient.bloodType), [AMRIT.bloodType]);
    await vault.assertStored({ name: 'Amrit' }, ['ssn', 'bloodType']);
  },

  /** Mongoose's own way to join, by queries of its own. */
  async populate(vault) {
    const definition = { ...DEFINITION, doctor: { type: mongoose.Schema.Types.ObjectId, ref: 'Patient' } };
    const schemaMap = { [`${vault.database}.people`]: vault.schema() };
    const Patient = await connectModel(vault, { schemaMap }, 'people', definition);
    const doctor = await Patient.create(AMRIT);
    await Patient.create({ ...SOPHIA, doctor });
    assert.equal((await Patient.findOne({ ssn: SOPHIA.ssn }).populate('doctor')).doctor.ssn, AMRIT.ssn);
    await vault.assertStored({ name: 'Sophia' }, ENCRYPTED);
  },

  async 'client-bulk'({ Patient }) {
    const insertion = { name: 'insertOne', model: 'Patient', document: SOPHIA };
    await assert.rejects(Patient.db.bulkWrite([insertion]), /does not currently support automatic encryption/);
    return 'the driver refuses it for a client with automatic encryption';
  },

  /** Keys and algorithms in Mongoose's schema. */
  async 'encrypted-schema'(vault) {
    const keyId = [vault.key];
    const Patient = await connectModel(
      vault,
      {},
      'people',
      {
        name: String,
        ssn: { type: String, encrypt: { keyId, algorithm: 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic' } },
        bloodType: { type: String, encrypt: { keyId, algorithm: 'AEAD_AES_256_CBC_HMAC_SHA_512-Random' } },
      },
      { encryptionType: 'csfle' }
    );
    await Patient.create({ name: 'Sophia', ssn: SOPHIA.ssn, bloodType: SOPHIA.bloodType });
    assert.equal((await Patient.findOne({ ssn: SOPHIA.ssn })).bloodType, SOPHIA.bloodType);
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'bloodType']);
    await assert.rejects(Patient.findOne({ bloodType: SOPHIA.bloodType }), /bloodType/);
  },

  /** Mongoose makes the collection, too. */
  async queryable(vault) {
    const newKey = () => vault.encryption.createDataKey('local');
    const range = { queryType: 'range', min: 0, max: 150, sparsity: 1, trimFactor: 4, contention: 4 };
    const Patient = await connectModel(
      vault,
      {},
      'people_queryable',
      {
        name: String,
        ssn: { type: String, encrypt: { keyId: await newKey(), queries: { queryType: 'equality' } } },
        age: { type: 'Int32', encrypt: { keyId: await newKey(), queries: range } },
        bloodType: { type: String, encrypt: { keyId: await newKey() } },
      },
      { encryptionType: 'queryableEncryption' }
    );
    await Patient.create({ name: 'Sophia', ssn: SOPHIA.ssn, age: 41, bloodType: SOPHIA.bloodType });
    await Patient.create({ name: 'Amrit', ssn: AMRIT.ssn, age: 17, bloodType: AMRIT.bloodType });
    const stored = vault.plain.db(vault.database).collection('people_queryable');
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'age', 'bloodType'], stored);
    assert.equal((await Patient.findOne({ ssn: SOPHIA.ssn })).bloodType, SOPHIA.bloodType);
    assert.deepEqual(await names(Patient.find().where('age').gte(40).lt(50)), ['Sophia']);
    await Patient.updateOne({ ssn: SOPHIA.ssn }, { ssn: '555-55-5555' });
    assert.deepEqual(await names(Patient.find({ ssn: '555-55-5555' })), ['Sophia']);
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'age', 'bloodType'], stored);
    await assert.rejects(Patient.findOne({ bloodType: SOPHIA.bloodType }), /bloodType/);
  },
};

module.exports = { openModels, scenarios };
