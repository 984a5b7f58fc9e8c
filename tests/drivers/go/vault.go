package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	deterministic = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
	random        = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
	encrypted     = 6 // the subtype of such a binary
)

// No command to the server and no stored document may hold one of these.
var secrets = []string{"123-12-1234", "987-98-9876", "555-55-5555", "AB Rh negative", "Penicillin"}

func secretIn(data []byte) bool {
	for _, secret := range secrets {
		if bytes.Contains(data, []byte(secret)) {
			return true
		}
	}
	return false
}

// Keys, clients with and without encryption, and the checks of what reaches the server.
type vault struct {
	uri, database string
	providers     map[string]map[string]any
	plain, client *mongo.Client
	encryption    *mongo.ClientEncryption
	key           bson.Binary
	people        *mongo.Collection // with encryption
	stored        *mongo.Collection // the same without
	clients       []*mongo.Client

	mutex sync.Mutex
	leaks []string // commands that went to the server with a secret in the clear
}

func openVault(ctx context.Context) (*vault, error) {
	master := make([]byte, 96)
	if _, err := rand.Read(master); err != nil {
		return nil, err
	}
	v := &vault{
		uri:       os.Getenv("OC_SERVER_URI"),
		database:  os.Getenv("OC_DATABASE"),
		providers: map[string]map[string]any{"local": {"key": master}},
	}
	return v, errors.Join(v.makeKey(ctx), v.openPeople())
}

func (v *vault) keyVaultNamespace() string {
	return v.database + "_keys.__keyVault"
}

func (v *vault) makeKey(ctx context.Context) (err error) {
	if v.plain, err = mongo.Connect(options.Client().ApplyURI(v.uri)); err != nil {
		return err
	}
	v.clients = append(v.clients, v.plain)
	// It closes its client: one of its own.
	keyVault, err := mongo.Connect(options.Client().ApplyURI(v.uri))
	if err != nil {
		return err
	}
	v.encryption, err = mongo.NewClientEncryption(keyVault, options.ClientEncryption().
		SetKeyVaultNamespace(v.keyVaultNamespace()).
		SetKmsProviders(v.providers))
	if err != nil {
		return err
	}
	v.key, err = v.encryption.CreateDataKey(ctx, "local", options.DataKey().SetKeyAltNames([]string{"people"}))
	return err
}

func (v *vault) openPeople() (err error) {
	v.client, err = v.connect(v.autoEncryption().SetSchemaMap(map[string]any{v.database + ".people": v.schema()}), nil)
	if err == nil {
		v.people = v.client.Database(v.database).Collection("people")
		v.stored = v.plain.Database(v.database).Collection("people")
	}
	return err
}

func (v *vault) schema() bson.M {
	encrypt := func(bsonType, algorithm string) bson.M {
		return bson.M{"encrypt": bson.M{"bsonType": bsonType, "algorithm": algorithm}}
	}
	return bson.M{
		"bsonType":        "object",
		"encryptMetadata": bson.M{"keyId": bson.A{v.key}},
		"properties": bson.M{
			"ssn":       encrypt("string", deterministic),
			"bloodType": encrypt("string", random),
			"records":   encrypt("array", random),
			"insurance": bson.M{"bsonType": "object", "properties": bson.M{"policy": encrypt("int", deterministic)}},
		},
	}
}

func (v *vault) autoEncryption() *options.AutoEncryptionOptions {
	return autoEncryption(v.keyVaultNamespace(), v.providers)
}

// The driver shows its monitors each command as it goes to the server, after encryption. `also`, if any, sees them too.
func (v *vault) connect(encryption *options.AutoEncryptionOptions, also func(*event.CommandStartedEvent)) (*mongo.Client, error) {
	monitor := &event.CommandMonitor{Started: func(_ context.Context, started *event.CommandStartedEvent) {
		v.mutex.Lock()
		defer v.mutex.Unlock()
		if secretIn(started.Command) {
			v.leaks = append(v.leaks, started.CommandName)
		}
		if also != nil {
			also(started)
		}
	}}
	client, err := mongo.Connect(options.Client().ApplyURI(v.uri).SetMonitor(monitor).SetAutoEncryptionOptions(encryption))
	if err == nil {
		v.clients = append(v.clients, client)
	}
	return client, err
}

// The names of the commands that leaked so far, which are forgotten then.
func (v *vault) takeLeaks() string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	leaks := strings.Join(v.leaks, " ")
	v.leaks = nil
	return leaks
}

func (v *vault) checkLeaks() error {
	if leaks := v.takeLeaks(); leaks != "" {
		return fmt.Errorf("these commands went to the server with plaintext: %s", leaks)
	}
	return nil
}

// The one document that the filter finds has ciphertext in these paths, and plaintext of no secret anywhere.
func checkStored(ctx context.Context, collection *mongo.Collection, filter bson.D, paths ...string) error {
	var found []bson.Raw
	cursor, err := collection.Find(ctx, filter)
	if err != nil {
		return err
	}
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d documents are stored for %v", len(found), filter)
	}
	if secretIn(found[0]) {
		return errors.New("a stored document holds plaintext")
	}
	for _, path := range paths {
		if subtype, _, ok := found[0].Lookup(strings.Split(path, ".")...).BinaryOK(); !ok || subtype != encrypted {
			return fmt.Errorf("%s is not encrypted", path)
		}
	}
	return nil
}

// The process id of the daemon, which says so itself.
func daemonPid(ctx context.Context) (int, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(daemonURI))
	if err != nil {
		return 0, err
	}
	defer client.Disconnect(ctx)
	var status struct{ Pid int }
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status)
	return status.Pid, err
}

func (v *vault) empty(ctx context.Context) error {
	v.takeLeaks()
	_, err := v.stored.DeleteMany(ctx, bson.D{})
	return err
}

func (v *vault) close(ctx context.Context) error {
	err := v.encryption.Close(ctx)
	for _, client := range v.clients {
		err = errors.Join(err, client.Disconnect(ctx))
	}
	return err
}
