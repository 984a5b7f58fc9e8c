"""How a client comes to its query analysis: in one of three ways, which OC_WAY names. With none set, as a user has it."""
import os

from pymongo.encryption_options import AutoEncryptionOpts

WAY = os.environ.get("OC_WAY", "daemon")
DAEMON_URI = os.environ.get("OC_DAEMON_URI", "mongodb://127.0.0.1:27020/")
SPAWN_ARGS = os.environ.get("OC_SPAWN_ARGS", "--idleShutdownTimeoutSecs=60").split()
LIBRARY = os.environ.get("OC_LIBRARY", "/usr/lib/opencryptd/mongo_crypt_v1.so")  # where the Debian package has it


def daemon(kms_providers, key_vault, schema_map=None, encrypted_fields_map=None):
    """opencryptd runs already: ./dev run, or a service of the system."""
    # [options daemon]
    options = AutoEncryptionOpts(
        kms_providers,
        key_vault,
        schema_map=schema_map,
        encrypted_fields_map=encrypted_fields_map,
        mongocryptd_uri=DAEMON_URI,  # left out: mongodb://localhost:27020
        mongocryptd_bypass_spawn=True,
    )
    # [end]
    return options


def spawn(kms_providers, key_vault, schema_map=None, encrypted_fields_map=None):
    """PyMongo starts the program mongocryptd, which it finds by PATH."""
    # [options spawn]
    options = AutoEncryptionOpts(
        kms_providers,
        key_vault,
        schema_map=schema_map,
        encrypted_fields_map=encrypted_fields_map,
        mongocryptd_uri=DAEMON_URI,  # both left out: port 27020, and it leaves after a minute without use
        mongocryptd_spawn_args=SPAWN_ARGS,
    )
    # [end]
    return options


def library(kms_providers, key_vault, schema_map=None, encrypted_fields_map=None):
    """No daemon: libmongocrypt loads the analysis into this process."""
    # [options library]
    options = AutoEncryptionOpts(
        kms_providers,
        key_vault,
        schema_map=schema_map,
        encrypted_fields_map=encrypted_fields_map,
        crypt_shared_lib_path=LIBRARY,
        crypt_shared_lib_required=True,
    )
    # [end]
    return options


auto_encryption = {"daemon": daemon, "spawn": spawn, "library": library}[WAY]
