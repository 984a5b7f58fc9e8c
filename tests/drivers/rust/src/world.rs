//! Clients, keys, schemas and people, and what is checked of them.
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use mongodb::client_encryption::{ClientEncryption, LocalMasterKey};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::mongocrypt::ctx::KmsProvider;
use mongodb::options::{ClientOptions, TlsOptions};
use mongodb::{Client, Collection, Cursor, Namespace};

const RANDOM: &str = "AEAD_AES_256_CBC_HMAC_SHA_512-Random";
const DETERMINISTIC: &str = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic";
pub const SECRETS: [&str; 6] = ["123-12-1234", "123-12-1235", "987-98-9876", "M-20831", "M-11111", "measles"];

/// Why a scenario ends early.
#[derive(Debug)]
pub enum Stop {
    Skip(String),
    Failed(String),
}

pub type Result<T> = std::result::Result<T, Stop>;
pub type Outcome = Result<()>;

impl<E: Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.to_string())
    }
}

pub fn skip(reason: &str) -> Outcome {
    Err(Stop::Skip(reason.to_string()))
}

pub fn check(holds: bool, otherwise: &str) -> Outcome {
    if holds { Ok(()) } else { Err(Stop::Failed(otherwise.to_string())) }
}

pub fn equal<T: PartialEq + std::fmt::Debug>(expected: T, actual: T) -> Outcome {
    check(expected == actual, &format!("expected {expected:?}, got {actual:?}"))
}

pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

pub struct World {
    pub plain: Client, // sees what is stored
    pub encryption: ClientEncryption,
    pub key: Binary,
    pub database: String,
    pub on_store: bool,
    master_key: Binary,
    leaks: Arc<AtomicUsize>,
}

impl World {
    pub async fn new() -> Result<Self> {
        let plain = Client::with_uri_str(variable("OC_SERVER_URI")).await?;
        let mut bytes = vec![0; 96];
        getrandom::fill(&mut bytes)?;
        let master_key = Binary { subtype: BinarySubtype::Generic, bytes };
        let vault = key_vault();
        let encryption = ClientEncryption::new(plain.clone(), vault, kms_providers(&master_key))?;
        let key = encryption.create_data_key(LocalMasterKey::builder().build()).key_alt_names(vec!["people".to_string()]).await?;
        Ok(Self {
            plain,
            encryption,
            key,
            database: variable("OC_DATABASE"),
            on_store: variable("OC_SERVER") == "store",
            master_key,
            leaks: Arc::default(),
        })
    }

    /// ssn is encrypted randomly, the number of the insurance deterministically, so that one can be looked for.
    pub fn schema(&self) -> Document {
        let encrypt = |algorithm| doc! { "encrypt": { "keyId": [&self.key], "bsonType": "string", "algorithm": algorithm } };
        doc! {
            "bsonType": "object",
            "properties": { "ssn": encrypt(RANDOM), "note": encrypt(RANDOM), "insurance": encrypt(DETERMINISTIC) },
        }
    }

    /// `schemas` and `encrypted_fields` by the names of their collections.
    pub async fn encrypting_client(
        &self,
        schemas: Vec<(&str, Document)>,
        encrypted_fields: Vec<(&str, Document)>,
    ) -> Result<Client> {
        let in_database = |(name, document)| (format!("{}.{name}", self.database), document);
        let mut options = ClientOptions::parse(variable("OC_SERVER_URI")).await?;
        let leaks = self.leaks.clone();
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Started(started) = event {
                leaks.fetch_add(holds_secret(&started.command) as usize, Relaxed);
            }
        }));
        let builder = Client::encrypted_builder(options, key_vault(), kms_providers(&self.master_key))?
            .schema_map(schemas.into_iter().map(in_database))
            .encrypted_fields_map(encrypted_fields.into_iter().map(in_database));
        let daemon_uri = variable("OC_DAEMON_URI");
        let spawn_args: Vec<_> = variable("OC_SPAWN_ARGS").split(' ').map(String::from).collect();
        let library = variable("OC_LIBRARY");
        let builder = match variable("OC_WAY").as_str() {
            "daemon" => {
                // [options daemon]
                builder.extra_options(doc! {
                    "mongocryptdBypassSpawn": true,
                    "mongocryptdURI": daemon_uri, // left out: mongodb://localhost:27020
                })
                // [end]
            }
            "spawn" => {
                // [options spawn]
                builder.extra_options(doc! {
                    "mongocryptdURI": daemon_uri, // both left out: port 27020, and it leaves after a minute without use
                    "mongocryptdSpawnArgs": spawn_args,
                })
                // [end]
            }
            _ => {
                // [options library]
                builder.extra_options(doc! {
                    "cryptSharedLibPath": library,
                    "cryptSharedRequired": true, // other drivers say cryptSharedLibRequired
                })
                // [end]
            }
        };
        Ok(builder.build().await?)
    }

    /// A collection with the schema of people.
    pub async fn people(&self, name: &str) -> Result<People> {
        Ok(self.collection(name, self.encrypting_client(vec![(name, self.schema())], vec![]).await?))
    }

    pub fn collection(&self, name: &str, client: Client) -> People {
        People {
            read: client.database(&self.database).collection(name),
            stored: self.plain.database(&self.database).collection(name),
        }
    }

    /// That no command with plaintext has gone to the server since this was asked before.
    pub fn check_nothing_leaked(&self) -> Outcome {
        check(self.leaks.swap(0, Relaxed) == 0, "a command with plaintext went to the server")
    }

    pub fn forget_leaks(&self) {
        self.leaks.store(0, Relaxed);
    }
}

fn key_vault() -> Namespace {
    Namespace::new(variable("OC_DATABASE") + "_keys", "__keyVault")
}

fn kms_providers(master_key: &Binary) -> [(KmsProvider, Document, Option<TlsOptions>); 1] {
    [(KmsProvider::local(), doc! { "key": master_key }, None)]
}

fn holds_secret(document: &Document) -> bool {
    let bytes = mongodb::bson::to_vec(document).expect("a document");
    SECRETS.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

pub fn sophia() -> Document {
    doc! { "full_name": "Sophia Duleep Singh", "ssn": "123-12-1234", "insurance": "M-20831" }
}

pub fn twin() -> Document {
    doc! { "full_name": "Catherine Duleep Singh", "ssn": "123-12-1235", "insurance": "M-20831" }
}

pub fn other() -> Document {
    doc! { "full_name": "Emmeline Pankhurst", "ssn": "987-98-9876", "insurance": "M-11111" }
}

/// A person with another value of one field.
pub fn with(mut person: Document, field: &str, value: &str) -> Document {
    person.insert(field, value);
    person
}

pub fn without(mut person: Document, field: &str) -> Document {
    person.remove(field);
    person
}

pub async fn all(cursor: Cursor<Document>) -> Result<Vec<Document>> {
    let documents: Vec<_> = cursor.try_collect().await?;
    Ok(documents.into_iter().map(|document| without(document, "_id")).collect())
}

/// The values of a field, in order.
pub fn pluck(field: &str, documents: &[Document]) -> Vec<String> {
    let mut values: Vec<_> = documents.iter().map(|d| d.get_str(field).unwrap_or("none").to_string()).collect();
    values.sort();
    values
}

/// A collection as both clients see it.
pub struct People {
    pub read: Collection<Document>,
    pub stored: Collection<Document>,
}

impl People {
    pub async fn names(&self, filter: Document) -> Result<Vec<String>> {
        Ok(pluck("full_name", &all(self.read.find(filter).await?).await?))
    }

    /// That these people, and nobody else, are read in plaintext and stored as ciphertext.
    pub async fn expect(&self, people: Vec<Document>) -> Outcome {
        let stored = all(self.stored.find(doc! {}).await?).await?;
        equal(people.len(), stored.len())?;
        for document in &stored {
            check_hidden(document, &["ssn", "note", "insurance"])?;
        }
        equal(people, all(self.read.find(doc! {}).await?).await?)
    }
}

/// That those of the fields that are there are encrypted.
pub fn check_hidden(stored: &Document, fields: &[&str]) -> Outcome {
    check(!holds_secret(stored), "a stored document holds plaintext")?;
    for field in fields {
        let hidden = match stored.get(field) {
            Some(Bson::Binary(binary)) => binary.subtype == BinarySubtype::Encrypted,
            other => other.is_none(),
        };
        check(hidden, &format!("{field} is stored in the clear"))?;
    }
    Ok(())
}

/// That the driver reports our refusal, with these words and without a value.
pub fn check_refused<T>(result: mongodb::error::Result<T>, words: &[&str]) -> Outcome {
    let Err(error) = result else {
        return check(false, "was not refused");
    };
    let message = error.to_string();
    eprintln!("refused: {message}");
    for word in words {
        check(message.contains(word), &format!("the refusal lacks '{word}': {message}"))?;
    }
    check(!SECRETS.iter().any(|secret| message.contains(secret)), "the refusal holds plaintext")
}
