'use strict';
// How the driver reaches query analysis: the extraOptions of autoEncryption, in three ways.

const daemonUri = process.env.OC_DAEMON_URI;
const library = process.env.OC_LIBRARY;
const spawnArgs = (process.env.OC_SPAWN_ARGS || '').split(' ').filter(Boolean);

const ways = {
  daemon: {
    // [options daemon]
    extraOptions: {
      mongocryptdBypassSpawn: true,
      mongocryptdURI: daemonUri, // mongodb://localhost:27020 if left out
    },
    // [end]
  },

  spawn: {
    // [options spawn]
    extraOptions: {
      mongocryptdURI: daemonUri, // without the two the driver runs `mongocryptd --idleShutdownTimeoutSecs 60`
      mongocryptdSpawnArgs: spawnArgs, // from PATH, and connects to mongodb://localhost:27020
    },
    // [end]
  },

  library: {
    // [options library]
    extraOptions: {
      cryptSharedLibPath: library, // the absolute path of mongo_crypt_v1.so
      cryptSharedLibRequired: true,
    },
    // [end]
  },
};

module.exports = ways[process.env.OC_WAY];
