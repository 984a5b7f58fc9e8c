package main

import (
	"os"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var (
	daemonURI = os.Getenv("OC_DAEMON_URI")
	library   = os.Getenv("OC_LIBRARY")
	spawnArgs = strings.Fields(os.Getenv("OC_SPAWN_ARGS"))
)

// The options by which the driver finds query analysis, in three ways: for options.Client().SetAutoEncryptionOptions.
// Schemas come with SetSchemaMap and SetEncryptedFieldsMap.
func autoEncryption(keyVault string, providers map[string]map[string]any) *options.AutoEncryptionOptions {
	switch os.Getenv("OC_WAY") {
	case "daemon":
		// [options daemon]
		encryption := options.AutoEncryption().
			SetKeyVaultNamespace(keyVault).
			SetKmsProviders(providers).
			SetExtraOptions(map[string]any{
				"mongocryptdURI":         daemonURI, // left out: mongodb://localhost:27020
				"mongocryptdBypassSpawn": true,
			})
		// [end]
		return encryption
	case "spawn":
		// [options spawn]
		encryption := options.AutoEncryption().
			SetKeyVaultNamespace(keyVault).
			SetKmsProviders(providers).
			SetExtraOptions(map[string]any{
				"mongocryptdURI":       daemonURI, // both left out: port 27020, and it leaves after a minute without use
				"mongocryptdSpawnArgs": spawnArgs,
			})
		// [end]
		return encryption
	default:
		// [options library]
		encryption := options.AutoEncryption().
			SetKeyVaultNamespace(keyVault).
			SetKmsProviders(providers).
			SetExtraOptions(map[string]any{
				"cryptSharedLibPath":     library, // the absolute path of mongo_crypt_v1.so
				"cryptSharedLibRequired": true,
			})
		// [end]
		return encryption
	}
}
