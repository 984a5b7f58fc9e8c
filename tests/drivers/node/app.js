'use strict';
// The application: runs every scenario and prints a line for each (../README.md).

const { openVault } = require('./vault');
const csfle = require('./csfle');
const queryable = require('./queryable');
const models = require('./models');

/** What a server or a way lacks that a scenario cannot do without. */
const missing = {
  ferretdb: {
    'server-schema': 'FerretDB has no validators',
    'count-documents': 'FerretDB does not know $const, which analysis makes of constants in $group',
    lookup: 'FerretDB has no $lookup',
    queryable: 'FerretDB has no Queryable Encryption',
    'queryable-text': 'FerretDB has no Queryable Encryption',
  },
  store: {},
  daemon: { idle: 'for a daemon that the driver has started', respawn: 'for a daemon that the driver has started' },
  library: { idle: 'for a daemon that the driver has started', respawn: 'for a daemon that the driver has started' },
};

/** Runs it unless it cannot run here; returns the reason why it was left out, if it was. */
async function attempt(name, scenario, vault) {
  const reason = missing[process.env.OC_SERVER][name] || missing[process.env.OC_WAY]?.[name];
  if (reason) {
    return reason;
  }
  await vault.empty();
  const left = await scenario(vault);
  vault.assertNoLeak();
  return left;
}

async function run(name, scenario, vault) {
  try {
    const left = await attempt(name, scenario, vault);
    console.log(left ? `skip ${name}: ${left}` : `ok ${name}`);
    return true;
  } catch (error) {
    console.log(`not ok ${name}: ${String(error.message).replace(/\s+/g, ' ')}`);
    console.error(error);
    return false;
  }
}

async function main() {
  const { version } = require('mongodb/package.json');
  const { MongoCrypt } = require('mongodb-client-encryption');
  console.log(`driver Node.js mongodb ${version}, libmongocrypt ${MongoCrypt.libmongocryptVersion}`);

  const vault = await openVault();
  let good = true;
  try {
    for (const [name, scenario] of Object.entries({ ...csfle, ...queryable, ...models })) {
      good = (await run(name, scenario, vault)) && good;
    }
  } finally {
    await vault.close();
  }
  process.exitCode = good ? 0 : 1;
}

main();
