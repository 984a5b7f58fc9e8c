'use strict';
// The applications: runs every scenario of one and prints a line for each (../README.md).
//
//   node app.js driver|mongoose

const { openVault } = require('./vault');
const { openModels, scenarios } = require('./models');

const applications = {
  driver: {
    name: 'Node.js mongodb',
    version: require('mongodb/package.json').version,
    open: openVault,
    scenarios: { ...require('./csfle'), ...require('./queryable') },
  },
  mongoose: { name: 'Mongoose', version: require('mongoose/package.json').version, open: openModels, scenarios },
};

const NOT_SPAWNED = 'for a daemon that the driver has started';

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
  daemon: { idle: NOT_SPAWNED, respawn: NOT_SPAWNED },
  library: { idle: NOT_SPAWNED, respawn: NOT_SPAWNED },
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

async function main(application) {
  const { MongoCrypt } = require('mongodb-client-encryption');
  console.log(`driver ${application.name} ${application.version}, libmongocrypt ${MongoCrypt.libmongocryptVersion}`);

  const vault = await application.open();
  let good = true;
  try {
    for (const [name, scenario] of Object.entries(application.scenarios)) {
      good = (await run(name, scenario, vault)) && good;
    }
  } finally {
    await vault.close();
  }
  process.exitCode = good ? 0 : 1;
}

main(applications[process.argv[2]]);
