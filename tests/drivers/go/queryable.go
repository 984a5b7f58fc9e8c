package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The first byte of an encrypted value on its way to a server.
const (
	payloadInserted  = 11
	payloadEquality  = 12
	payloadRange     = 13
	payloadUnindexed = 16
	payloadText      = 18
)

type patient struct {
	Name      string
	SSN       string `bson:"ssn"`
	Age       int32  `bson:",omitempty"`
	BloodType string `bson:"bloodType,omitempty"`
}

var (
	sophiaPatient = patient{"Sophia", "123-12-1234", 41, "AB Rh negative"}
	amritPatient  = patient{"Amrit", "987-98-9876", 17, "AB Rh negative"}

	equality = D("queryType", "equality", "contention", 4)
	between  = D("queryType", "range", "min", 0, "max", 150, "sparsity", 1, "trimFactor", 4, "contention", 4)
	prefix   = D("queryType", "prefix", "strMinQueryLength", 2, "strMaxQueryLength", 8,
		"caseSensitive", false, "diacriticSensitive", true, "contention", 4)
)

// Queryable Encryption as far as the bytes that go to the server: the stand-in stores them as they are.
var queryable = []scenario{
	{"queryable", queryableEncryption},
	{"queryable-text", queryableText},
}

// A collection with encrypted fields, and the last commands that its client sent to the server.
type patients struct {
	encrypted, stored *mongo.Collection

	mutex sync.Mutex
	last  map[string]bson.Raw // by the command's name
}

func (p *patients) sent(command string, path ...string) bson.RawValue {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.last[command].Lookup(path...)
}

// The driver makes a key where keyId is null.
func encryptedField(path, bsonType string, queries ...bson.D) bson.D {
	field := D("path", path, "bsonType", bsonType, "keyId", nil)
	if len(queries) > 0 {
		field = append(field, bson.E{Key: "queries", Value: queries})
	}
	return field
}

func createPatients(ctx context.Context, v *vault, name string, fields ...bson.D) (*patients, error) {
	create := options.CreateCollection().SetEncryptedFields(bson.M{"fields": fields})
	_, encryptedFields, err := v.encryption.CreateEncryptedCollection(ctx, v.client.Database(v.database), name, create, "local", nil)
	if err != nil {
		return nil, err
	}
	p := &patients{stored: v.plain.Database(v.database).Collection(name), last: map[string]bson.Raw{}}
	watch := func(started *event.CommandStartedEvent) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.last[started.CommandName] = slices.Clone(started.Command)
	}
	fieldsMap := map[string]any{v.database + "." + name: encryptedFields}
	client, err := v.connect(v.autoEncryption().SetEncryptedFieldsMap(fieldsMap), watch)
	if err != nil {
		return nil, err
	}
	p.encrypted = client.Database(v.database).Collection(name)
	return p, nil
}

func isPayload(value bson.RawValue, kind byte, where string) error {
	subtype, data, ok := value.BinaryOK()
	if !ok || subtype != encrypted {
		return fmt.Errorf("%s is not encrypted", where)
	}
	return same("the kind of "+where, data[0], kind)
}

func queryableEncryption(ctx context.Context, v *vault) error {
	p, err := createPatients(ctx, v, "patients_qe",
		encryptedField("ssn", "string", equality),
		encryptedField("age", "int", between),
		encryptedField("bloodType", "string"))
	if err != nil {
		return err
	}
	if _, err := p.encrypted.InsertMany(ctx, []patient{sophiaPatient, amritPatient}); err != nil {
		return err
	}
	var read patient
	err = errors.Join(
		isPayload(p.sent("insert", "documents", "0", "ssn"), payloadInserted, "ssn"),
		isPayload(p.sent("insert", "documents", "0", "age"), payloadInserted, "age"),
		isPayload(p.sent("insert", "documents", "0", "bloodType"), payloadUnindexed, "bloodType"),
		checkStored(ctx, p.stored, D("name", "Sophia"), "ssn", "age", "bloodType"),
		p.encrypted.FindOne(ctx, D("name", "Sophia")).Decode(&read),
		same("read", read, sophiaPatient))

	err = errors.Join(err,
		findNames(ctx, p.encrypted, D("ssn", sophiaPatient.SSN), "Sophia"),
		isPayload(p.sent("find", "filter", "ssn", "$eq"), payloadEquality, "ssn"),
		findNames(ctx, p.encrypted, D("ssn", D("$in", bson.A{sophiaPatient.SSN, amritPatient.SSN})), "Amrit", "Sophia"),
		findNames(ctx, p.encrypted, D("age", D("$gte", 40, "$lt", 50)), "Sophia"),
		isPayload(p.sent("find", "filter", "$and", "0", "age", "$gte"), payloadRange, "the lower bound"),
		isPayload(p.sent("find", "filter", "$and", "1", "age", "$lt"), payloadRange, "the upper bound"),
		findNames(ctx, p.encrypted, D("age", D("$lte", 17)), "Amrit"))

	_, failed := p.encrypted.UpdateOne(ctx, D("ssn", amritPatient.SSN), D("$set", D("ssn", "555-55-5555")))
	err = errors.Join(err, failed,
		findNames(ctx, p.encrypted, D("ssn", "555-55-5555"), "Amrit"),
		checkStored(ctx, p.stored, D("name", "Amrit"), "ssn", "age", "bloodType"))
	_, failed = p.encrypted.DeleteOne(ctx, D("ssn", "555-55-5555"))
	return errors.Join(err, failed,
		isRefusal(p.encrypted.FindOne(ctx, D("bloodType", "x")).Err(), "bloodType"),
		isRefusal(p.encrypted.FindOne(ctx, D("ssn", D("$gt", "x"))).Err(), "ssn"),
		findNames(ctx, p.encrypted, D(), "Sophia"))
}

func queryableText(ctx context.Context, v *vault) error {
	p, err := createPatients(ctx, v, "patients_text", encryptedField("ssn", "string", prefix))
	if err != nil {
		return err
	}
	people := []patient{{Name: "Sophia", SSN: sophiaPatient.SSN}, {Name: "Amrit", SSN: amritPatient.SSN}}
	if _, err := p.encrypted.InsertMany(ctx, people); err != nil {
		return err
	}
	startsWith := D("$expr", D("$encStrStartsWith", D("input", "$ssn", "prefix", "123-")))
	return errors.Join(
		checkStored(ctx, p.stored, D("name", "Sophia"), "ssn"),
		findNames(ctx, p.encrypted, startsWith, "Sophia"),
		isPayload(p.sent("find", "filter", "$expr", "$encStrStartsWith", "prefix"), payloadText, "the prefix"),
		isRefusal(p.encrypted.FindOne(ctx, D("ssn", sophiaPatient.SSN)).Err(), "$encStrNormalizedEq"))
}
