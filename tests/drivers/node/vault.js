'use strict';
// Keys, clients with and without encryption, and the checks of what reaches the server.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { BSON, ClientEncryption, MongoClient } = require('mongodb');
const autoEncryption = require('./options');

const uri = process.env.OC_SERVER_URI;
const database = process.env.OC_DATABASE;
const keyVaultNamespace = `${database}_keys.__keyVault`;

/** No command to the server and no stored document may hold one of these. */
const secrets = ['123-12-1234', '987-98-9876', '555-55-5555', 'AB Rh negative', 'Penicillin'];

function assertNoSecret(bytes, what) {
  for (const secret of secrets) {
    assert.ok(!bytes.includes(secret), `${what} holds plaintext`);
  }
}

class Vault {
  kmsProviders = { local: { key: crypto.randomBytes(96) } };
  database = database;
  uri = uri;
  leaks = [];
  clients = [];

  async open() {
    this.plain = await new MongoClient(uri).connect();
    this.clients.push(this.plain);
    this.encryption = new ClientEncryption(this.plain, { keyVaultNamespace, kmsProviders: this.kmsProviders });
    this.key = await this.encryption.createDataKey('local', { keyAltNames: ['people'] });
    this.client = await this.connect({ schemaMap: { [`${database}.people`]: this.schema() } });
    this.people = this.client.db(database).collection('people');
    this.stored = this.plain.db(database).collection('people');
  }

  schema() {
    const deterministic = 'AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic';
    const random = 'AEAD_AES_256_CBC_HMAC_SHA_512-Random';
    return {
      bsonType: 'object',
      encryptMetadata: { keyId: [this.key] },
      properties: {
        ssn: { encrypt: { bsonType: 'string', algorithm: deterministic } },
        bloodType: { encrypt: { bsonType: 'string', algorithm: random } },
        records: { encrypt: { bsonType: 'array', algorithm: random } },
        insurance: {
          bsonType: 'object',
          properties: { policy: { encrypt: { bsonType: 'int', algorithm: deterministic } } },
        },
      },
    };
  }

  /** The options of a client that encrypts; `schemas` holds schemaMap or encryptedFieldsMap, or nothing. */
  options(schemas) {
    return { monitorCommands: true, autoEncryption: autoEncryption(keyVaultNamespace, this.kmsProviders, schemas) };
  }

  async connect(schemas) {
    const client = new MongoClient(uri, this.options(schemas));
    this.watch(client);
    this.clients.push(client);
    return client.connect();
  }

  /** The driver shows its monitors each command as it goes to the server, after encryption. */
  watch(client) {
    client.on('commandStarted', event => {
      const bytes = Buffer.from(BSON.serialize(event.command));
      if (secrets.some(secret => bytes.includes(secret))) {
        this.leaks.push(event.commandName);
      }
    });
  }

  /** Of the daemon, which says so itself. */
  async daemonPid() {
    const daemon = await new MongoClient(process.env.OC_DAEMON_URI).connect();
    const { pid } = await daemon.db('admin').command({ serverStatus: 1 });
    await daemon.close();
    return Number(pid);
  }

  assertNoLeak() {
    assert.deepEqual(this.leaks, [], 'these commands went to the server with plaintext');
  }

  /** The one document that the filter finds has ciphertext in these paths, and plaintext of no secret anywhere. */
  async assertStored(filter, paths, collection = this.stored) {
    const found = await collection.find(filter, { raw: true }).toArray();
    assert.equal(found.length, 1);
    assertNoSecret(found[0], 'a stored document');
    const document = BSON.deserialize(found[0], { promoteBuffers: false });
    for (const path of paths) {
      const value = path.split('.').reduce((at, name) => at[name], document);
      assert.equal(value?._bsontype, 'Binary', `${path} is not encrypted`);
      assert.equal(value.sub_type, 6, `${path} is not encrypted`);
    }
    return document;
  }

  async empty() {
    this.leaks.length = 0;
    await this.stored.deleteMany({});
  }

  async close() {
    for (const client of this.clients) {
      await client.close();
    }
  }
}

async function openVault() {
  const vault = new Vault();
  await vault.open();
  return vault;
}

module.exports = { openVault };
