"""What both scripts of the tutorial need to know."""
import os
import pathlib

URI = os.environ.get("OC_SERVER_URI", "mongodb://127.0.0.1:27017/")
PREFIX = os.environ.get("OC_DATABASE", "tutorial")
DATABASE = PREFIX + "_medical"
KEY_VAULT = PREFIX + "_keys.__keyVault"
KEY_NAME = "tutorial key"
MASTER_KEY_FILE = pathlib.Path(os.environ.get("OC_MASTER_KEY_FILE", "master-key.bin"))


def kms_providers():
    """For a trial the master key may be in a file. In production it is in a KMS, which never lets go of it."""
    return {"local": {"key": MASTER_KEY_FILE.read_bytes()}}
