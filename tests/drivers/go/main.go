// An application with automatic encryption: runs every scenario and prints a line for each (../README.md).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"go.mongodb.org/mongo-driver/v2/version"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/mongocrypt"
)

// A scenario that returns this error was left out, with the reason.
type skip string

func (reason skip) Error() string { return string(reason) }

type scenario struct {
	name string
	run  func(ctx context.Context, v *vault) error
}

const notSpawned skip = "for a daemon that the driver has started"

// What a server or a way lacks that a scenario cannot do without.
var missing = map[string]map[string]skip{
	"ferretdb": {
		"server-schema":   "FerretDB has no validators",
		"count-documents": "FerretDB does not know $const, which analysis makes of constants in $group",
		"queryable":       "FerretDB has no Queryable Encryption",
		"queryable-text":  "FerretDB has no Queryable Encryption",
	},
	"daemon":  {"idle": notSpawned, "respawn": notSpawned},
	"library": {"idle": notSpawned, "respawn": notSpawned},
}

func attempt(ctx context.Context, s scenario, v *vault) error {
	for _, where := range []string{os.Getenv("OC_SERVER"), os.Getenv("OC_WAY")} {
		if reason, ok := missing[where][s.name]; ok {
			return reason
		}
	}
	if err := v.empty(ctx); err != nil {
		return err
	}
	if err := s.run(ctx, v); err != nil {
		return err
	}
	return v.checkLeaks()
}

// Prints the scenario's line and tells whether it was not `not ok`.
func report(name string, err error) bool {
	if err == nil {
		fmt.Println("ok " + name)
		return true
	}
	reason := strings.Join(strings.Fields(err.Error()), " ")
	if _, left := err.(skip); left {
		fmt.Printf("skip %s: %s\n", name, reason)
		return true
	}
	fmt.Printf("not ok %s: %s\n", name, reason)
	return false
}

func main() {
	ctx := context.Background()
	fmt.Printf("driver Go mongo-driver %s, libmongocrypt %s\n", version.Driver, mongocrypt.Version())
	v, err := openVault(ctx)
	if err != nil {
		log.Fatal(err)
	}
	good := true
	for _, s := range append(csfle, queryable...) {
		good = report(s.name, attempt(ctx, s, v)) && good
	}
	if err := v.close(ctx); err != nil {
		log.Fatal(err)
	}
	if !good {
		os.Exit(1)
	}
}
