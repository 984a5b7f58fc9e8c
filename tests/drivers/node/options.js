'use strict';
// The options by which the driver finds query analysis, in three ways: autoEncryption of MongoClient.

const daemonUri = process.env.OC_DAEMON_URI;
const library = process.env.OC_LIBRARY;
const spawnArgs = (process.env.OC_SPAWN_ARGS || '').split(' ');

function daemon(keyVaultNamespace, kmsProviders, schemas) {
  // [options daemon]
  const autoEncryption = {
    keyVaultNamespace,
    kmsProviders,
    ...schemas, // schemaMap, encryptedFieldsMap
    extraOptions: {
      mongocryptdURI: daemonUri, // left out: mongodb://localhost:27020
      mongocryptdBypassSpawn: true,
    },
  };
  // [end]
  return autoEncryption;
}

function spawn(keyVaultNamespace, kmsProviders, schemas) {
  // [options spawn]
  const autoEncryption = {
    keyVaultNamespace,
    kmsProviders,
    ...schemas, // schemaMap, encryptedFieldsMap
    extraOptions: {
      mongocryptdURI: daemonUri, // both left out: port 27020, and it leaves after a minute without use
      mongocryptdSpawnArgs: spawnArgs,
    },
  };
  // [end]
  return autoEncryption;
}

function fromLibrary(keyVaultNamespace, kmsProviders, schemas) {
  // [options library]
  const autoEncryption = {
    keyVaultNamespace,
    kmsProviders,
    ...schemas, // schemaMap, encryptedFieldsMap
    extraOptions: {
      cryptSharedLibPath: library, // the absolute path of mongo_crypt_v1.so
      cryptSharedLibRequired: true,
    },
  };
  // [end]
  return autoEncryption;
}

module.exports = { daemon, spawn, library: fromLibrary }[process.env.OC_WAY];
