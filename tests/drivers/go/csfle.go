package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

type insurance struct {
	Provider string
	Policy   int32
}

type person struct {
	Name      string
	SSN       string     `bson:"ssn"`
	BloodType string     `bson:"bloodType,omitempty"`
	Records   []bson.M   `bson:",omitempty"`
	Insurance *insurance `bson:",omitempty"`
	Visits    int32      `bson:",omitempty"`
}

var (
	sophia = person{
		Name: "Sophia", SSN: "123-12-1234", BloodType: "AB Rh negative", Records: []bson.M{{"allergy": "Penicillin"}},
		Insurance: &insurance{"Maest Care", 123142}, Visits: 1,
	}
	amrit = person{Name: "Amrit", SSN: "987-98-9876", BloodType: "AB Rh negative", Visits: 2}
	all   = []string{"ssn", "bloodType", "records", "insurance.policy"}
)

// Client-side field level encryption through the driver's own helpers.
var csfle = []scenario{
	{"keys", keys},
	{"insert-find", insertFind},
	{"deterministic", deterministicQueries},
	{"refused", refused},
	{"no-schema", noSchema},
	{"server-schema", serverSchema},
	{"update", update},
	{"replace", replace},
	{"delete", remove},
	{"find-and-modify", findAndModify},
	{"bulk-write", bulkWrite},
	{"count", count},
	{"count-documents", countDocuments},
	{"distinct", distinct},
	{"aggregate", aggregate},
	{"lookup", lookup},
	{"client-bulk", clientBulk},
	{"concurrent", concurrent},
	{"idle", idle},
	{"respawn", respawn},
}

// A filter or an update: D("name", "x", "visits", 2).
func D(fields ...any) bson.D {
	document := bson.D{}
	for i := 0; i < len(fields); i += 2 {
		document = append(document, bson.E{Key: fields[i].(string), Value: fields[i+1]})
	}
	return document
}

func same(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s: %v instead of %v", what, got, want)
	}
	return nil
}

// An error unless `err` is one and has these texts in its message.
func isRefusal(err error, texts ...string) error {
	if err == nil {
		return fmt.Errorf("not refused: what should be so because of %s", texts[0])
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			return fmt.Errorf("the refusal does not say %q: %w", text, err)
		}
	}
	return nil
}

func findOne(ctx context.Context, people *mongo.Collection, filter bson.D, want person) error {
	var found person
	if err := people.FindOne(ctx, filter).Decode(&found); err != nil {
		return fmt.Errorf("finding %v: %w", filter, err)
	}
	return same(fmt.Sprint(filter), found, want)
}

// The names of the people that the filter finds are these, which are sorted.
func findNames(ctx context.Context, people *mongo.Collection, filter bson.D, want ...string) error {
	var found []person
	cursor, err := people.Find(ctx, filter)
	if err == nil {
		err = cursor.All(ctx, &found)
	}
	names := []string{}
	for _, one := range found {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	return errors.Join(err, same(fmt.Sprint(filter), names, append([]string{}, want...)))
}

func insertBoth(ctx context.Context, v *vault) error {
	_, err := v.people.InsertMany(ctx, []person{sophia, amrit})
	return err
}

func keys(ctx context.Context, v *vault) error {
	var found struct {
		ID          bson.Binary `bson:"_id"`
		KeyAltNames []string    `bson:"keyAltNames"`
	}
	err := v.encryption.GetKeyByAltName(ctx, "people").Decode(&found)
	return errors.Join(err, same("the key", found.ID, v.key), same("its names", found.KeyAltNames, []string{"people"}))
}

func insertFind(ctx context.Context, v *vault) error {
	if _, err := v.people.InsertOne(ctx, sophia); err != nil {
		return err
	}
	if _, err := v.people.InsertMany(ctx, []person{amrit, {Name: "nobody"}}); err != nil {
		return err
	}
	return errors.Join(
		findOne(ctx, v.people, D("name", "Sophia"), sophia),
		findNames(ctx, v.people, D(), "Amrit", "Sophia", "nobody"),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...),
		checkStored(ctx, v.stored, D("name", "Amrit"), "ssn", "bloodType"))
}

func deterministicQueries(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	return errors.Join(
		findOne(ctx, v.people, D("ssn", sophia.SSN), sophia),
		findNames(ctx, v.people, D("ssn", D("$eq", amrit.SSN)), "Amrit"),
		findNames(ctx, v.people, D("ssn", D("$in", bson.A{amrit.SSN, sophia.SSN, "0"})), "Amrit", "Sophia"),
		findNames(ctx, v.people, D("ssn", D("$ne", amrit.SSN)), "Sophia"),
		findNames(ctx, v.people, D("insurance.policy", int32(123142)), "Sophia"),
		findNames(ctx, v.people, D("$or", bson.A{D("name", "x"), D("ssn", amrit.SSN)}), "Amrit"),
		findNames(ctx, v.stored, D("ssn", sophia.SSN)),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

func refused(ctx context.Context, v *vault) error {
	if _, err := v.people.InsertOne(ctx, sophia); err != nil {
		return err
	}
	_, random := v.people.Find(ctx, D("bloodType", sophia.BloodType))
	_, greater := v.people.Find(ctx, D("ssn", D("$gt", "1")))
	_, pattern := v.people.Find(ctx, D("ssn", bson.Regex{Pattern: "^1"}))
	_, arithmetic := v.people.UpdateOne(ctx, D("name", "Sophia"), D("$inc", D("insurance.policy", 1)))
	_, sorted := v.people.Find(ctx, D(), options.Find().SetSort(D("ssn", 1)))
	return errors.Join(
		isRefusal(random, "bloodType", "Cannot query on fields encrypted with the randomized encryption algorithm"),
		isRefusal(greater, "ssn"),
		isRefusal(pattern, "ssn"),
		isRefusal(arithmetic, "insurance.policy"),
		isRefusal(v.people.Distinct(ctx, "bloodType", D()).Err(), "bloodType"),
		isRefusal(sorted, "ssn"),
		findOne(ctx, v.people, D("name", "Sophia"), sophia))
}

func noSchema(ctx context.Context, v *vault) error {
	client, err := v.connect(v.autoEncryption(), nil)
	if err != nil {
		return err
	}
	if _, err = client.Database(v.database).Collection("unprotected").InsertOne(ctx, sophia); err != nil {
		return err
	}
	return errors.Join(
		findOne(ctx, v.plain.Database(v.database).Collection("unprotected"), D("ssn", sophia.SSN), sophia),
		same("what the monitor saw", v.takeLeaks(), "insert"))
}

func serverSchema(ctx context.Context, v *vault) error {
	plain := v.plain.Database(v.database)
	err := plain.CreateCollection(ctx, "patients", options.CreateCollection().SetValidator(D("$jsonSchema", v.schema())))
	if err != nil {
		return err
	}
	client, err := v.connect(v.autoEncryption(), nil)
	if err != nil {
		return err
	}
	patients := client.Database(v.database).Collection("patients")
	if _, err := patients.InsertOne(ctx, sophia); err != nil {
		return err
	}
	return errors.Join(
		findOne(ctx, patients, D("ssn", sophia.SSN), sophia),
		checkStored(ctx, plain.Collection("patients"), D("name", "Sophia"), all...),
		isRefusal(patients.FindOne(ctx, D("bloodType", "x")).Err(), "bloodType"))
}

func update(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	changed := D("ssn", "555-55-5555", "insurance.policy", int32(7), "visits", int32(2))
	if _, err := v.people.UpdateOne(ctx, D("ssn", sophia.SSN), D("$set", changed)); err != nil {
		return err
	}
	want := sophia
	want.SSN, want.Insurance, want.Visits = "555-55-5555", &insurance{"Maest Care", 7}, 2
	err := errors.Join(
		findOne(ctx, v.people, D("ssn", want.SSN), want),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))

	many, failed := v.people.UpdateMany(ctx, D("visits", 2), D("$set", D("bloodType", "AB Rh negative"), "$unset", D("records", "")))
	if failed != nil {
		return failed
	}
	want.Records = nil
	err = errors.Join(err,
		same("documents updated", many.MatchedCount, int64(2)),
		findOne(ctx, v.people, D("ssn", want.SSN), want),
		checkStored(ctx, v.stored, D("name", "Sophia"), "ssn", "bloodType"))

	_, failed = v.people.UpdateOne(ctx, D("name", "Duleep"), D("$set", D("ssn", sophia.SSN)), options.UpdateOne().SetUpsert(true))
	return errors.Join(err, failed,
		findOne(ctx, v.people, D("ssn", sophia.SSN), person{Name: "Duleep", SSN: sophia.SSN}),
		checkStored(ctx, v.stored, D("name", "Duleep"), "ssn"))
}

func replace(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	replacement := person{Name: "Amrit", SSN: "555-55-5555"}
	_, err := v.people.ReplaceOne(ctx, D("ssn", amrit.SSN), replacement)
	return errors.Join(err,
		findOne(ctx, v.people, D("name", "Amrit"), replacement),
		checkStored(ctx, v.stored, D("name", "Amrit"), "ssn"))
}

func remove(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	one, err := v.people.DeleteOne(ctx, D("ssn", amrit.SSN))
	if err != nil {
		return err
	}
	_, random := v.people.DeleteMany(ctx, D("bloodType", sophia.BloodType))
	err = errors.Join(
		same("documents deleted", one.DeletedCount, int64(1)),
		isRefusal(random, "bloodType"),
		findNames(ctx, v.people, D(), "Sophia"),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
	_, failed := v.people.DeleteMany(ctx, D("ssn", D("$in", bson.A{sophia.SSN})))
	return errors.Join(err, failed, findNames(ctx, v.people, D()))
}

func findAndModify(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	var before, after, deleted person
	err := v.people.FindOneAndUpdate(ctx, D("ssn", sophia.SSN), D("$set", D("ssn", "555-55-5555"))).Decode(&before)
	err = errors.Join(err,
		same("before the update", before, sophia),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))

	replacement := person{Name: "Sophia", SSN: sophia.SSN}
	returnAfter := options.FindOneAndReplace().SetReturnDocument(options.After)
	failed := v.people.FindOneAndReplace(ctx, D("ssn", "555-55-5555"), replacement, returnAfter).Decode(&after)
	err = errors.Join(err, failed,
		same("after the replacement", after, replacement),
		checkStored(ctx, v.stored, D("name", "Sophia"), "ssn"))

	failed = v.people.FindOneAndDelete(ctx, D("ssn", sophia.SSN)).Decode(&deleted)
	return errors.Join(err, failed, same("deleted", deleted, replacement), findNames(ctx, v.people, D(), "Amrit"))
}

func bulkWrite(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	replacement := person{Name: "Amrit", SSN: amrit.SSN}
	result, err := v.people.BulkWrite(ctx, []mongo.WriteModel{
		mongo.NewInsertOneModel().SetDocument(person{Name: "Duleep", SSN: "555-55-5555"}),
		mongo.NewUpdateOneModel().SetFilter(D("ssn", sophia.SSN)).SetUpdate(D("$set", D("bloodType", "AB Rh negative", "visits", 5))),
		mongo.NewReplaceOneModel().SetFilter(D("ssn", amrit.SSN)).SetReplacement(replacement),
		mongo.NewDeleteOneModel().SetFilter(D("ssn", "555-55-5555")),
	})
	if err != nil {
		return err
	}
	want := sophia
	want.Visits = 5
	return errors.Join(
		same("counts", []int64{result.InsertedCount, result.MatchedCount, result.DeletedCount}, []int64{1, 2, 1}),
		findOne(ctx, v.people, D("ssn", sophia.SSN), want),
		findOne(ctx, v.people, D("ssn", amrit.SSN), replacement),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...),
		checkStored(ctx, v.stored, D("name", "Amrit"), "ssn"))
}

func count(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	var reply struct{ N int32 }
	command := D("count", "people", "query", D("ssn", D("$in", bson.A{amrit.SSN, "0"})))
	err := v.people.Database().RunCommand(ctx, command).Decode(&reply)
	named, failed := v.people.CountDocuments(ctx, D("name", "Sophia"))
	estimated, failedToo := v.people.EstimatedDocumentCount(ctx)
	return errors.Join(err, failed, failedToo,
		same("the count command", reply.N, int32(1)),
		same("CountDocuments", named, int64(1)),
		same("EstimatedDocumentCount", estimated, int64(2)),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

func countDocuments(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	one, err := v.people.CountDocuments(ctx, D("ssn", sophia.SSN))
	two, failed := v.people.CountDocuments(ctx, D("ssn", D("$in", bson.A{sophia.SSN, amrit.SSN})))
	_, random := v.people.CountDocuments(ctx, D("bloodType", "x"))
	return errors.Join(err, failed,
		same("count", []int64{one, two}, []int64{1, 2}),
		isRefusal(random, "bloodType"),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

func distinct(ctx context.Context, v *vault) error {
	if err := insertBoth(ctx, v); err != nil {
		return err
	}
	var names, numbers []string
	err := v.people.Distinct(ctx, "name", D("ssn", sophia.SSN)).Decode(&names)
	failed := v.people.Distinct(ctx, "ssn", D()).Decode(&numbers)
	slices.Sort(numbers)
	return errors.Join(err, failed,
		same("names", names, []string{"Sophia"}),
		same("numbers", numbers, []string{sophia.SSN, amrit.SSN}),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

func aggregateInto(ctx context.Context, people *mongo.Collection, out any, stages ...bson.D) error {
	cursor, err := people.Aggregate(ctx, stages)
	if err != nil {
		return err
	}
	return cursor.All(ctx, out)
}

func aggregate(ctx context.Context, v *vault) error {
	again := sophia
	again.Name = "Sophia again"
	if _, err := v.people.InsertMany(ctx, []person{sophia, amrit, again}); err != nil {
		return err
	}
	var matched []person
	var groups []struct {
		SSN string `bson:"_id"`
		N   int
	}
	err := aggregateInto(ctx, v.people, &matched, D("$match", D("ssn", amrit.SSN)), D("$project", D("name", 1, "bloodType", 1)))
	failed := aggregateInto(ctx, v.people, &groups, D("$group", D("_id", "$ssn", "n", D("$sum", 1))))
	counts := map[string]int{}
	for _, group := range groups {
		counts[group.SSN] = group.N
	}
	_, random := v.people.Aggregate(ctx, bson.A{D("$group", D("_id", "$bloodType"))})
	return errors.Join(err, failed,
		same("matched", matched, []person{{Name: "Amrit", BloodType: amrit.BloodType}}),
		same("groups", counts, map[string]int{sophia.SSN: 2, amrit.SSN: 1}),
		isRefusal(random, "bloodType"),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

// Over two collections, each with a schema of its own.
func lookup(ctx context.Context, v *vault) error {
	var found []bson.M
	claims := v.schema()
	claims["properties"] = bson.M{"ssn": claims["properties"].(bson.M)["ssn"]}
	schemas := map[string]any{v.database + ".people": v.schema(), v.database + ".claims": claims}
	client, err := v.connect(v.autoEncryption().SetSchemaMap(schemas), nil)
	if err != nil {
		return err
	}
	err = aggregateInto(ctx, client.Database(v.database).Collection("people"), &found,
		D("$match", D("ssn", amrit.SSN)),
		D("$lookup", D("from", "claims", "localField", "name", "foreignField", "name", "as", "claims")))
	return leftByDriver(err, "not configured to support encrypting a command with multiple collections")
}

func clientBulk(ctx context.Context, v *vault) error {
	_, err := v.client.BulkWrite(ctx, []mongo.ClientBulkWrite{
		{Database: v.database, Collection: "people", Model: mongo.NewClientInsertOneModel().SetDocument(sophia)},
	})
	return leftByDriver(err, "bulkWrite does not currently support automatic encryption")
}

// The scenario is left out because the driver has no such thing, as long as it says so.
func leftByDriver(err error, text string) error {
	if refusal := isRefusal(err, text); refusal != nil {
		return refusal
	}
	return skip("the driver says: " + err.Error())
}

func concurrent(ctx context.Context, v *vault) error {
	const people = 200
	failures := make(chan error)
	for i := range people {
		go func() {
			one := sophia
			one.Name, one.SSN = fmt.Sprintf("person %d", i), fmt.Sprintf("555-55-5555 %d", i)
			_, err := v.people.InsertOne(ctx, one)
			if err == nil {
				err = findOne(ctx, v.people, D("ssn", one.SSN), one)
			}
			failures <- err
		}()
	}
	var first error
	for range people {
		if err := <-failures; first == nil {
			first = err
		}
	}
	if first != nil {
		return first
	}
	return checkStored(ctx, v.stored, D("name", "person 7"), all...)
}

// The daemon does not leave while its client is there, however silent.
func idle(ctx context.Context, v *vault) error {
	if _, err := v.people.InsertOne(ctx, sophia); err != nil {
		return err
	}
	seconds, err := secondsOfIdleness()
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds+2) * time.Second)
	return errors.Join(
		findOne(ctx, v.people, D("ssn", sophia.SSN), sophia),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}

// After which the daemon leaves when nobody uses it.
func secondsOfIdleness() (int, error) {
	for _, argument := range spawnArgs {
		if seconds, found := strings.CutPrefix(argument, "--idleShutdownTimeoutSecs="); found {
			return strconv.Atoi(seconds)
		}
	}
	return 0, errors.New("OC_SPAWN_ARGS has no --idleShutdownTimeoutSecs")
}

// A daemon that the driver has started is started again when it is gone. The command that finds it gone may fail.
func respawn(ctx context.Context, v *vault) error {
	if _, err := v.people.InsertOne(ctx, sophia); err != nil {
		return err
	}
	pid, err := daemonPid(ctx)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	if err := findOne(ctx, v.people, D("ssn", sophia.SSN), sophia); err != nil {
		log.Print("the daemon is gone: ", err)
	}
	return errors.Join(
		findOne(ctx, v.people, D("ssn", sophia.SSN), sophia),
		checkStored(ctx, v.stored, D("name", "Sophia"), all...))
}
