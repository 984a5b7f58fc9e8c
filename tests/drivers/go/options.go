package main

import (
	"os"
	"strings"
)

var (
	daemonURI = os.Getenv("OC_DAEMON_URI")
	library   = os.Getenv("OC_LIBRARY")
	spawnArgs = strings.Fields(os.Getenv("OC_SPAWN_ARGS"))
)

// How the driver reaches query analysis, in three ways: for options.AutoEncryption().SetExtraOptions(…).
var extraOptions = map[string]map[string]any{
	"daemon":
	// [options daemon]
	{
		"mongocryptdBypassSpawn": true,
		"mongocryptdURI":         daemonURI, // mongodb://localhost:27020 if left out
	},
	// [end]

	"spawn":
	// [options spawn]
	{
		"mongocryptdURI":       daemonURI, // without the two the driver runs `mongocryptd --idleShutdownTimeoutSecs=60`
		"mongocryptdSpawnArgs": spawnArgs, // from PATH, and connects to mongodb://localhost:27020
	},
	// [end]

	"library":
	// [options library]
	{
		"cryptSharedLibPath":     library, // the absolute path of mongo_crypt_v1.so
		"cryptSharedLibRequired": true,
	},
	// [end]
}
