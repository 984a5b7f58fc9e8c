'use strict';
// Mongoose on top of the driver, with its own way to write a schema that encrypts.

const assert = require('node:assert/strict');
const mongoose = require('mongoose');

async function connectAndTry(vault, options, definition, schemaOptions) {
  const connection = mongoose.createConnection();
  const Patient = connection.model('Patient', new mongoose.Schema(definition, { collection: 'people', ...schemaOptions }));
  try {
    await connection.openUri(vault.uri, { dbName: vault.database, ...options });
    vault.watch(connection.getClient());
    await Patient.create({ name: 'Sophia', ssn: '123-12-1234', bloodType: 'AB Rh negative' });
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'bloodType']);
    assert.equal((await Patient.findOne({ name: 'Sophia' })).ssn, '123-12-1234');
    assert.equal((await Patient.findOne({ ssn: '123-12-1234' })).bloodType, 'AB Rh negative');
    assert.equal(await Patient.findOne({ ssn: '555-55-5555' }), null);

    await Patient.updateOne({ ssn: '123-12-1234' }, { ssn: '987-98-9876' });
    const patient = await Patient.findOne({ ssn: '987-98-9876' });
    patient.bloodType = 'AB Rh negative';
    patient.visits = 3;
    await patient.save();
    assert.equal((await Patient.findOne({ ssn: '987-98-9876' })).visits, 3);
    await vault.assertStored({ name: 'Sophia' }, ['ssn', 'bloodType']);

    await assert.rejects(Patient.findOne({ bloodType: 'AB Rh negative' }), /bloodType/);
    await assert.rejects(Patient.find({ ssn: { $gt: '1' } }), /ssn/);
    assert.equal(await Patient.countDocuments({ name: 'Sophia' }), 1);
  } finally {
    await connection.close();
  }
}

const PLAIN = { name: String, ssn: String, bloodType: String, visits: Number };

module.exports = {
  /** The driver's schemaMap. */
  async mongoose(vault) {
    const options = vault.options({ schemaMap: { [`${vault.database}.people`]: vault.schema() } });
    await connectAndTry(vault, options, PLAIN, {});
  },

  /** Keys and algorithms in Mongoose's schema. */
  async 'mongoose-encryption'(vault) {
    const keyId = [vault.key];
    const encrypted = {
      ssn: { type: String, encrypt: { keyId, algorithm: 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic' } },
      bloodType: { type: String, encrypt: { keyId, algorithm: 'AEAD_AES_256_CBC_HMAC_SHA_512-Random' } },
    };
    await connectAndTry(vault, vault.options({}), { ...PLAIN, ...encrypted }, { encryptionType: 'csfle' });
  },
};
