<?php
/* An application with automatic encryption, in three ways and against two servers: ../README.md.
 *
 * It uses the extension alone, so the helpers are those of its Manager. A person's ssn is encrypted randomly, the number of the
 * insurance deterministically, so that one can be looked for.
 */
use MongoDB\BSON\Binary;
use MongoDB\Driver\BulkWrite;
use MongoDB\Driver\ClientEncryption;
use MongoDB\Driver\Command;
use MongoDB\Driver\Exception\Exception as DriverException;
use MongoDB\Driver\Manager;
use MongoDB\Driver\Query;

const RANDOM = ClientEncryption::AEAD_AES_256_CBC_HMAC_SHA_512_RANDOM;
const DETERMINISTIC = ClientEncryption::AEAD_AES_256_CBC_HMAC_SHA_512_DETERMINISTIC;
const ENCRYPTED = ['ssn', 'insurance'];
const SOPHIA = ['full_name' => 'Sophia Duleep Singh', 'ssn' => '123-12-1234', 'insurance' => 'M-20831'];
const TWIN = ['full_name' => 'Catherine Duleep Singh', 'ssn' => '123-12-1235', 'insurance' => 'M-20831'];
const OTHER = ['full_name' => 'Emmeline Pankhurst', 'ssn' => '987-98-9876', 'insurance' => 'M-11111'];
const SECRETS = ['123-12-1234', '123-12-1235', '987-98-9876', 'M-20831', 'M-11111'];

class Skip extends Exception
{
}

/* ---- how the driver gets at the analysis ---- */

function extraOptions(): array
{
    $daemonUri = getenv('OC_DAEMON_URI');
    $spawnArgs = explode(' ', getenv('OC_SPAWN_ARGS'));
    $library = getenv('OC_LIBRARY');
    $way = getenv('OC_WAY');

    if ($way === 'daemon') {
        // [options daemon]
        $extraOptions = [
            'mongocryptdBypassSpawn' => true,
            'mongocryptdURI' => $daemonUri, // left out: mongodb://localhost:27020
        ];
        // [end]
    } elseif ($way === 'spawn') {
        // [options spawn]
        $extraOptions = [
            // So long does the driver look for a daemon that has left before it starts another; 30 s unless told.
            'mongocryptdURI' => $daemonUri . '?serverSelectionTimeoutMS=2000',
            'mongocryptdSpawnArgs' => $spawnArgs,
        ];
        // [end]
    } else {
        // [options library]
        $extraOptions = [
            'cryptSharedLibPath' => $library,
            'cryptSharedLibRequired' => true,
        ];
        // [end]
    }
    return $extraOptions;
}

/* ---- clients, keys and schemas ---- */

function database(): string
{
    return getenv('OC_DATABASE');
}

function keyVaultNamespace(): string
{
    return database() . '_keys.__keyVault';
}

/* Sees what is stored. */
function plainClient(): Manager
{
    static $client;
    return $client ??= new Manager(getenv('OC_SERVER_URI'));
}

function kmsProviders(): array
{
    static $masterKey;
    $masterKey ??= new Binary(random_bytes(96), Binary::TYPE_GENERIC);
    return ['local' => ['key' => $masterKey]];
}

function clientEncryption(): ClientEncryption
{
    static $clientEncryption;
    return $clientEncryption ??= plainClient()->createClientEncryption([
        'keyVaultNamespace' => keyVaultNamespace(),
        'kmsProviders' => kmsProviders(),
    ]);
}

function dataKey(): Binary
{
    static $key;
    return $key ??= clientEncryption()->createDataKey('local', ['keyAltNames' => ['people']]);
}

function schema(): array
{
    $encrypt = fn($algorithm) => ['encrypt' => ['keyId' => [dataKey()], 'bsonType' => 'string', 'algorithm' => $algorithm]];
    return [
        'bsonType' => 'object',
        'properties' => ['ssn' => $encrypt(RANDOM), 'insurance' => $encrypt(DETERMINISTIC)],
    ];
}

function encryptingClient(array $schemaMap): Manager
{
    return new Manager(getenv('OC_SERVER_URI'), [], [
        'autoEncryption' => [
            'keyVaultNamespace' => keyVaultNamespace(),
            'kmsProviders' => kmsProviders(),
            'schemaMap' => $schemaMap,
            'extraOptions' => extraOptions(),
        ],
    ]);
}

/* A collection as both clients see it. */
class People
{
    public string $namespace;
    public Manager $client;

    public function __construct(public string $name, ?Manager $client = null)
    {
        $this->namespace = database() . '.' . $name;
        $this->client = $client ?? encryptingClient([$this->namespace => schema()]);
    }

    public function write(callable $fill, ?Manager $client = null): MongoDB\Driver\WriteResult
    {
        $bulk = new BulkWrite();
        $fill($bulk);
        return ($client ?? $this->client)->executeBulkWrite($this->namespace, $bulk);
    }

    public function insert(array ...$people): void
    {
        foreach ($people as $person) {
            $this->write(fn($bulk) => $bulk->insert($person));
        }
    }

    public function find(array $filter, ?Manager $client = null): array
    {
        $cursor = ($client ?? $this->client)->executeQuery($this->namespace, new Query($filter));
        $cursor->setTypeMap(['root' => 'array', 'document' => 'array']);
        return $cursor->toArray();
    }

    public function names(array $filter, ?Manager $client = null): array
    {
        $names = array_column($this->find($filter, $client), 'full_name');
        sort($names);
        return $names;
    }

    public function command(array $command): array
    {
        $cursor = $this->client->executeCommand(database(), new Command($command));
        $cursor->setTypeMap(['root' => 'array', 'document' => 'array']);
        return $cursor->toArray();
    }

    /* That these people, and nobody else, are read in plaintext and stored as ciphertext. */
    public function expect(array ...$people): void
    {
        $withoutId = fn($document) => array_diff_key($document, ['_id' => 0]);
        equal($people, array_map($withoutId, $this->find([])));
        $stored = $this->find([], plainClient());
        equal(count($people), count($stored));
        foreach ($stored as $document) {
            $encrypted = array_intersect_key($document, array_flip(ENCRYPTED));
            foreach ($encrypted as $field => $value) {
                check($value instanceof Binary && $value->getType() === Binary::TYPE_ENCRYPTED, "$field is stored in the clear");
            }
            $bytes = MongoDB\BSON\fromPHP($document);
            foreach (SECRETS as $secret) {
                check(!str_contains($bytes, $secret), 'a stored document holds plaintext');
            }
        }
    }
}

/* ---- checks ---- */

function check(bool $holds, string $otherwise): void
{
    if (!$holds) {
        throw new Exception($otherwise);
    }
}

function equal($expected, $actual): void
{
    check($expected == $actual, 'expected ' . json_encode($expected) . ', got ' . json_encode($actual));
}

/* That the driver reports our refusal, which names the path. */
function refused(callable $operation, string ...$words): void
{
    try {
        $operation();
    } catch (DriverException $e) {
        fwrite(STDERR, '  refused: ' . get_class($e) . ' ' . $e->getCode() . ': ' . $e->getMessage() . "\n");
        foreach ($words as $word) {
            check(str_contains($e->getMessage(), $word), "the refusal lacks '$word': " . $e->getMessage());
        }
        foreach (SECRETS as $secret) {
            check(!str_contains($e->getMessage(), $secret), 'the refusal holds plaintext');
        }
        return;
    }
    throw new Exception('was not refused');
}

function endDaemon(int $signal): void
{
    preg_match('/--pidfilepath=(\S+)/', getenv('OC_SPAWN_ARGS'), $pidfile);
    posix_kill(json_decode(file_get_contents($pidfile[1]))->pid, $signal);
    $port = parse_url(getenv('OC_DAEMON_URI'), PHP_URL_PORT);
    while ($connection = @fsockopen('127.0.0.1', $port)) {
        fclose($connection);
        usleep(10000);
    }
}

/* ---- scenarios ---- */

$scenarios = [
    'keys' => function () {
        $id = dataKey();
        equal($id, clientEncryption()->getKeyByAltName('people')->_id);
        [$stored] = plainClient()->executeQuery(keyVaultNamespace(), new Query(['keyAltNames' => 'people']))->toArray();
        equal($id, $stored->_id);
        check($stored->keyMaterial instanceof Binary, 'the key has no material');
    },

    'insert-find' => function () {
        $people = new People('insert_find');
        $people->insert(SOPHIA, OTHER);
        $people->expect(SOPHIA, OTHER);
        equal(SOPHIA['ssn'], $people->find(['full_name' => SOPHIA['full_name']])[0]['ssn']);
    },

    'deterministic' => function () {
        $people = new People('deterministic');
        $people->insert(SOPHIA, TWIN, OTHER);
        $people->expect(SOPHIA, TWIN, OTHER);
        $both = [TWIN['full_name'], SOPHIA['full_name']];
        foreach ([SOPHIA['insurance'], ['$eq' => SOPHIA['insurance']], ['$in' => ['M-0', SOPHIA['insurance']]]] as $condition) {
            equal($both, $people->names(['insurance' => $condition]));
            equal([], $people->names(['insurance' => $condition], plainClient()));
        }
        equal([OTHER['full_name']], $people->names(['insurance' => ['$ne' => SOPHIA['insurance']]]));
    },

    'refused' => function () {
        $people = new People('refused');
        $people->insert(SOPHIA);
        $query = fn($filter) => fn() => $people->find($filter);
        refused($query(['ssn' => SOPHIA['ssn']]), 'ssn', 'randomized encryption algorithm');
        refused($query(['insurance' => ['$gt' => 'M-1']]), 'insurance', '$gt');
        refused(fn() => $people->write(fn($bulk) => $bulk->update([], ['$push' => ['ssn' => '1']])), 'ssn', '$push');
        $people->expect(SOPHIA);
    },

    'no-schema' => function () {
        $people = new People('no_schema', encryptingClient([]));
        $people->insert(SOPHIA);
        equal(SOPHIA['ssn'], $people->find([], plainClient())[0]['ssn']);
        equal([SOPHIA['full_name']], $people->names(['ssn' => SOPHIA['ssn']]));
    },

    'server-schema' => function () {
        if (getenv('OC_SERVER') === 'ferretdb') {
            throw new Skip('FerretDB has no validators');
        }
        $create = ['create' => 'server_schema', 'validator' => ['$jsonSchema' => schema()]];
        plainClient()->executeCommand(database(), new Command($create));
        $people = new People('server_schema', encryptingClient([]));
        $people->insert(SOPHIA);
        $people->expect(SOPHIA);
        equal([SOPHIA['full_name']], $people->names(['insurance' => SOPHIA['insurance']]));
    },

    'update' => function () {
        $people = new People('update');
        $people->insert(SOPHIA);
        $update = fn($filter, $update, $options = []) => $people->write(fn($bulk) => $bulk->update($filter, $update, $options));
        $update(['insurance' => SOPHIA['insurance']], ['$set' => ['ssn' => OTHER['ssn']]]);
        $people->expect(['ssn' => OTHER['ssn']] + SOPHIA);
        $update([], ['$unset' => ['ssn' => '']]);
        $people->expect(array_diff_key(SOPHIA, ['ssn' => 0]));
        $update([], ['$set' => ['ssn' => SOPHIA['ssn']]], ['multi' => true]);
        $update(['insurance' => OTHER['insurance']], ['$set' => array_diff_key(OTHER, ['insurance' => 0])], ['upsert' => true]);
        $people->expect(SOPHIA, OTHER);
    },

    'replace' => function () {
        $people = new People('replace');
        $people->insert(SOPHIA);
        $people->write(fn($bulk) => $bulk->update(['insurance' => SOPHIA['insurance']], OTHER));
        $people->expect(OTHER);
    },

    'delete' => function () {
        $people = new People('delete');
        $people->insert(SOPHIA, TWIN, OTHER);
        $people->write(fn($bulk) => $bulk->delete(['insurance' => OTHER['insurance']], ['limit' => 1]));
        $people->expect(SOPHIA, TWIN);
        $people->write(fn($bulk) => $bulk->delete(['insurance' => ['$in' => [SOPHIA['insurance']]]]));
        $people->expect();
    },

    'find-and-modify' => function () {
        $people = new People('find_and_modify');
        $people->insert(SOPHIA);
        $sophia = ['findAndModify' => 'find_and_modify', 'query' => ['insurance' => SOPHIA['insurance']]];
        $update = ['update' => ['$set' => ['ssn' => OTHER['ssn']]], 'new' => true];
        equal(OTHER['ssn'], $people->command($sophia + $update)[0]['value']['ssn']);
        $people->expect(['ssn' => OTHER['ssn']] + SOPHIA);
        equal(OTHER['ssn'], $people->command($sophia + ['remove' => true])[0]['value']['ssn']);
        $people->expect();
    },

    'bulk-write' => function () {
        $people = new People('bulk_write');
        $result = $people->write(function ($bulk) {
            $bulk->insert(SOPHIA);
            $bulk->insert(TWIN);
            $bulk->update(['insurance' => SOPHIA['insurance']], ['$set' => ['ssn' => OTHER['ssn']]], ['multi' => true]);
            $bulk->update(['full_name' => SOPHIA['full_name']], OTHER);
            $bulk->delete(['insurance' => TWIN['insurance']]);
        });
        equal([2, 3, 1], [$result->getInsertedCount(), $result->getModifiedCount(), $result->getDeletedCount()]);
        $people->expect(OTHER);
    },

    'count' => function () {
        $people = new People('count');
        $people->insert(SOPHIA, TWIN, OTHER);
        equal(2, $people->command(['count' => 'count', 'query' => ['insurance' => SOPHIA['insurance']]])[0]['n']);
    },

    'distinct' => function () {
        $people = new People('distinct');
        $people->insert(SOPHIA, TWIN, OTHER);
        $values = $people->command(['distinct' => 'distinct', 'key' => 'insurance'])[0]['values'];
        sort($values);
        equal([OTHER['insurance'], SOPHIA['insurance']], $values);
        $names = ['distinct' => 'distinct', 'key' => 'full_name', 'query' => ['insurance' => OTHER['insurance']]];
        equal([OTHER['full_name']], $people->command($names)[0]['values']);
    },

    'aggregate' => function () {
        $people = new People('aggregate');
        $people->insert(SOPHIA, TWIN, OTHER);
        $aggregate = fn(...$pipeline) =>
            $people->command(['aggregate' => 'aggregate', 'pipeline' => $pipeline, 'cursor' => new stdClass()]);
        $ofSophia = ['$match' => ['insurance' => SOPHIA['insurance']]];
        equal([SOPHIA['ssn'], TWIN['ssn']], array_column($aggregate($ofSophia), 'ssn'));
        equal([['n' => 2]], $aggregate($ofSophia, ['$count' => 'n']));
        equal([['_id' => SOPHIA['insurance']]], $aggregate($ofSophia, ['$group' => ['_id' => '$insurance']]));
        refused(fn() => $aggregate(['$group' => ['_id' => '$ssn']]), 'Cannot group on field');
    },

    'lookup' => function () {
        $people = new People('lookup');
        $people->insert(SOPHIA);
        $lookup = fn($from) => $people->command([
            'aggregate' => 'lookup',
            'pipeline' => [
                ['$lookup' => ['from' => $from, 'as' => 'same', 'localField' => 'insurance', 'foreignField' => 'insurance']],
            ],
            'cursor' => new stdClass(),
        ]);
        refused(fn() => $lookup('pets'), 'pets');
        if (getenv('OC_SERVER') === 'ferretdb') {
            throw new Skip('FerretDB has no $lookup');
        }
        equal(SOPHIA['ssn'], $lookup('lookup')[0]['same'][0]['ssn']);
    },

    'queryable' => function () {
        throw new Skip('libmongocrypt ' . libmongocryptVersion() . ' has only the first, withdrawn protocol of Queryable Encryption');
    },

    'client-bulk' => function () {
        throw new Skip('the extension has no BulkWriteCommand yet');
    },

    /* A daemon that was killed, and one that has left because nobody used it. */
    'respawn' => function () {
        if (getenv('OC_WAY') !== 'spawn') {
            throw new Skip('the driver starts no daemon in this way');
        }
        $people = new People('respawn');
        $people->insert(SOPHIA);
        foreach ([SIGTERM, SIGKILL] as $signal) {
            endDaemon($signal);
            $people->expect(SOPHIA);
        }
    },
];

/* ---- running them ---- */

function versions(): array
{
    ob_start();
    (new ReflectionExtension('mongodb'))->info();
    preg_match_all('/^(\S.*?) => (.*)$/m', ob_get_clean(), $lines);
    return array_combine($lines[1], $lines[2]);
}

function libmongocryptVersion(): string
{
    return versions()['libmongocrypt bundled version'] ?? versions()['libmongocrypt library version'];
}

function run(callable $scenario, string $name): bool
{
    try {
        $scenario();
        echo "ok $name\n";
    } catch (Skip $e) {
        echo "skip $name: {$e->getMessage()}\n";
    } catch (Throwable $e) {
        fwrite(STDERR, "$e\n");
        echo "not ok $name: ", strtr(get_class($e) . ': ' . $e->getMessage(), "\n", ' '), "\n";
        return false;
    }
    return true;
}

if ((versions()['libmongocrypt'] ?? '') === 'disabled') {
    echo "SKIPPED: this extension was built without libmongocrypt\n";
    exit(77);
}
echo 'driver ext-mongodb ', phpversion('mongodb'), ', libmongocrypt ', libmongocryptVersion(), "\n";
$passed = true;
foreach ($scenarios as $name => $scenario) {
    $passed = run($scenario, $name) && $passed;
}
exit($passed ? 0 : 1);
