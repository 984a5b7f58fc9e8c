//! The scenarios of ../README.md.
use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Bson, RawDocumentBuf, doc};
use mongodb::client_encryption::LocalMasterKey;
use mongodb::options::{ClientOptions, DeleteOneModel, InsertOneModel, ReturnDocument, UpdateManyModel, WriteModel};

use crate::world::*;

pub async fn keys(world: &World) -> Outcome {
    let found: Option<RawDocumentBuf> = world.encryption.get_key_by_alt_name("people").await?;
    let found = found.ok_or(Stop::Failed("no key by that name".to_string()))?;
    equal(found.get_binary("_id")?.bytes, &world.key.bytes)?;
    equal(world.key.subtype, BinarySubtype::Uuid)?;
    let absent = world.encryption.get_key_by_alt_name("nobody").await?;
    check(absent.is_none(), "a key by a name that was never given")
}

pub async fn insert_find(world: &World) -> Outcome {
    let people = world.people("insert_find").await?;
    people.read.insert_one(sophia()).await?;
    people.read.insert_many([twin(), other()]).await?;
    people.expect(vec![sophia(), twin(), other()]).await?;
    let found = people.read.find_one(doc! { "full_name": "Sophia Duleep Singh" }).await?;
    equal(Some("123-12-1234"), found.as_ref().and_then(|person| person.get_str("ssn").ok()))
}

pub async fn deterministic(world: &World) -> Outcome {
    let people = world.people("deterministic").await?;
    people.read.insert_many([sophia(), twin(), other()]).await?;
    people.expect(vec![sophia(), twin(), other()]).await?;
    for filter in [
        doc! { "insurance": "M-20831" },
        doc! { "insurance": { "$eq": "M-20831" } },
        doc! { "insurance": { "$in": ["M-0", "M-20831"] } },
    ] {
        equal(
            vec!["Catherine Duleep Singh".to_string(), "Sophia Duleep Singh".to_string()],
            people.names(filter.clone()).await?,
        )?;
        check(people.stored.find_one(filter).await?.is_none(), "plaintext finds ciphertext")?;
    }
    equal(vec!["Emmeline Pankhurst".to_string()], people.names(doc! { "insurance": { "$ne": "M-20831" } }).await?)
}

pub async fn refused(world: &World) -> Outcome {
    let people = world.people("refused").await?;
    people.read.insert_one(sophia()).await?;
    check_refused(people.read.find(doc! { "ssn": "123-12-1234" }).await, &["ssn", "randomized encryption algorithm"])?;
    check_refused(people.read.find(doc! { "insurance": { "$gt": "M-11111" } }).await, &["insurance", "$gt"])?;
    check_refused(people.read.update_one(doc! {}, doc! { "$push": { "ssn": "1" } }).await, &["ssn", "$push"])?;
    people.expect(vec![sophia()]).await
}

pub async fn no_schema(world: &World) -> Outcome {
    let people = world.collection("no_schema", world.encrypting_client(vec![], vec![]).await?);
    people.read.insert_one(sophia()).await?;
    world.forget_leaks(); // nothing was to be encrypted
    equal(vec![sophia()], all(people.stored.find(doc! {}).await?).await?)
}

pub async fn server_schema(world: &World) -> Outcome {
    if !world.on_store {
        return skip("FerretDB has no validators");
    }
    let database = world.plain.database(&world.database);
    database.create_collection("server_schema").validator(doc! { "$jsonSchema": world.schema() }).await?;
    let people = world.collection("server_schema", world.encrypting_client(vec![], vec![]).await?);
    people.read.insert_one(sophia()).await?;
    people.expect(vec![sophia()]).await?;
    equal(vec!["Sophia Duleep Singh".to_string()], people.names(doc! { "insurance": "M-20831" }).await?)
}

pub async fn update(world: &World) -> Outcome {
    let people = world.people("update").await?;
    people.read.insert_one(sophia()).await?;
    people.read.update_one(doc! { "insurance": "M-20831" }, doc! { "$set": { "ssn": "987-98-9876" } }).await?;
    people.expect(vec![with(sophia(), "ssn", "987-98-9876")]).await?;
    people.read.update_many(doc! {}, doc! { "$unset": { "ssn": "" } }).await?;
    people.expect(vec![without(sophia(), "ssn")]).await?;
    people.read.update_many(doc! {}, doc! { "$set": { "ssn": "123-12-1234" } }).await?;
    let emmeline = without(other(), "insurance");
    people.read.update_one(doc! { "insurance": "M-11111" }, doc! { "$set": emmeline }).upsert(true).await?;
    people.expect(vec![sophia(), other()]).await
}

pub async fn replace(world: &World) -> Outcome {
    let people = world.people("replace").await?;
    people.read.insert_one(sophia()).await?;
    people.read.replace_one(doc! { "insurance": "M-20831" }, other()).await?;
    people.expect(vec![other()]).await
}

pub async fn delete(world: &World) -> Outcome {
    let people = world.people("delete").await?;
    people.read.insert_many([sophia(), twin(), other()]).await?;
    equal(1, people.read.delete_one(doc! { "insurance": "M-11111" }).await?.deleted_count)?;
    people.expect(vec![sophia(), twin()]).await?;
    equal(2, people.read.delete_many(doc! { "insurance": { "$in": ["M-20831"] } }).await?.deleted_count)?;
    people.expect(vec![]).await
}

pub async fn find_and_modify(world: &World) -> Outcome {
    let people = world.people("find_and_modify").await?;
    people.read.insert_one(sophia()).await?;
    let of_sophia = doc! { "insurance": "M-20831" };
    let set = doc! { "$set": { "ssn": "987-98-9876" } };
    let changed = with(sophia(), "ssn", "987-98-9876");
    let after = people.read.find_one_and_update(of_sophia.clone(), set).return_document(ReturnDocument::After).await?;
    equal(Some(changed.clone()), after.map(|person| without(person, "_id")))?;
    people.expect(vec![changed.clone()]).await?;
    let before = people.read.find_one_and_replace(of_sophia.clone(), twin()).await?;
    equal(Some(changed), before.map(|person| without(person, "_id")))?;
    people.expect(vec![twin()]).await?;
    let deleted = people.read.find_one_and_delete(of_sophia).await?;
    equal(Some(twin()), deleted.map(|person| without(person, "_id")))?;
    people.expect(vec![]).await
}

pub async fn bulk_write(_: &World) -> Outcome {
    skip("this driver has only the bulkWrite of the client")
}

pub async fn count(world: &World) -> Outcome {
    let people = world.people("count").await?;
    people.read.insert_many([sophia(), twin(), other()]).await?;
    equal(3, people.read.estimated_document_count().await?)?;
    let of_sophia = doc! { "insurance": "M-20831" };
    let database = people.read.client().database(&world.database);
    let reply = database.run_command(doc! { "count": "count", "query": of_sophia.clone() }).await?;
    equal(2, reply.get_i32("n")?)?;
    if world.on_store {
        // This is an aggregation whose constants the analysis writes as {$const: 1}, which FerretDB does not know.
        equal(2, people.read.count_documents(of_sophia).await?)?;
    }
    Ok(())
}

pub async fn distinct(world: &World) -> Outcome {
    let people = world.people("distinct").await?;
    people.read.insert_many([sophia(), twin(), other()]).await?;
    let mut values: Vec<_> = people.read.distinct("insurance", doc! {}).await?.iter().map(Bson::to_string).collect();
    values.sort();
    equal(vec!["\"M-11111\"".to_string(), "\"M-20831\"".to_string()], values)?;
    let names = people.read.distinct("full_name", doc! { "insurance": "M-11111" }).await?;
    equal(vec![Bson::String("Emmeline Pankhurst".to_string())], names)
}

pub async fn aggregate(world: &World) -> Outcome {
    let people = world.people("aggregate").await?;
    people.read.insert_many([sophia(), twin(), other()]).await?;
    let of_sophia = doc! { "$match": { "insurance": "M-20831" } };
    let both = all(people.read.aggregate([of_sophia.clone()]).await?).await?;
    equal(vec![sophia(), twin()], both)?;
    let count = all(people.read.aggregate([of_sophia.clone(), doc! { "$count": "n" }]).await?).await?;
    equal(vec!["2".to_string()], count.iter().filter_map(|found| found.get("n")).map(Bson::to_string).collect())?;
    let group = doc! { "$group": { "_id": "$insurance" } };
    let mut groups = people.read.aggregate([of_sophia, group]).await?;
    check(groups.advance().await?, "no group")?;
    equal("M-20831", groups.deserialize_current()?.get_str("_id")?)?;
    check_refused(people.read.aggregate([doc! { "$group": { "_id": "$ssn" } }]).await, &["Cannot group on field"])
}

/// People and their visits, which are encrypted as well, each with the schema of its collection.
pub async fn lookup(world: &World) -> Outcome {
    if !world.on_store {
        return skip("FerretDB has no $lookup");
    }
    let client = world.encrypting_client(vec![("lookup", world.schema()), ("visits", world.schema())], vec![]).await?;
    let people = world.collection("lookup", client.clone());
    let visits = world.collection("visits", client);
    people.read.insert_one(sophia()).await?;
    let visit = doc! { "patient": "Sophia Duleep Singh", "note": "measles" };
    visits.read.insert_many([&visit, &doc! { "patient": "nobody", "note": "none" }]).await?;
    visits.expect(vec![visit, doc! { "patient": "nobody", "note": "none" }]).await?;
    let join =
        |foreign, local| doc! { "$lookup": { "from": "visits", "localField": local, "foreignField": foreign, "as": "visits" } };
    let found = all(people.read.aggregate([join("patient", "full_name")]).await?).await?;
    equal(1, found.len())?;
    equal("123-12-1234", found[0].get_str("ssn")?)?;
    let joined = found[0].get_array("visits")?;
    equal(1, joined.len())?;
    equal(Some("measles"), joined[0].as_document().and_then(|visit| visit.get_str("note").ok()))?;
    check_refused(people.read.aggregate([join("note", "ssn")]).await, &["note", "$lookup"])
}

pub async fn queryable(world: &World) -> Outcome {
    if !world.on_store {
        return skip("FerretDB has no Queryable Encryption");
    }
    let range = doc! { "queryType": "range", "min": 0, "max": 200, "sparsity": 1_i64, "trimFactor": 2, "contention": 0_i64 };
    let fields = doc! { "fields": [
        { "path": "ssn", "bsonType": "string", "keyId": null, "queries": { "queryType": "equality", "contention": 0_i64 } },
        { "path": "age", "bsonType": "int", "keyId": null, "queries": range },
        { "path": "note", "bsonType": "string", "keyId": null },
    ] };
    // So long does the driver look for a replica set, which the store is not.
    let mut options = ClientOptions::parse(variable("OC_SERVER_URI")).await?;
    options.server_selection_timeout = Some(Duration::from_secs(1));
    let database = Client::with_options(options)?.database(&world.database);
    let master_key = LocalMasterKey::builder().build().into();
    let helper = world.encryption.create_encrypted_collection(&database, "queryable", master_key);
    let (fields, created) = helper.encrypted_fields(fields).await;
    created?;
    let people = world.collection("queryable", world.encrypting_client(vec![], vec![("queryable", fields)]).await?);
    let persons: Vec<_> =
        (0..5).map(|n| doc! { "_id": n, "ssn": format!("123-12-123{n}"), "age": 60 + n, "note": "measles" }).collect();
    people.read.insert_one(&persons[0]).await?;
    people.read.insert_many(&persons[1..]).await?;
    let stored = all(people.stored.find(doc! {}).await?).await?;
    equal(persons.len(), stored.len())?;
    for document in &stored {
        check_hidden(document, &["ssn", "age", "note"])?;
        check(document.contains_key("ssn") && document.contains_key("age") && document.contains_key("note"), "a field is lost")?;
    }
    for (filter, expected) in [
        (doc! { "ssn": "123-12-1234" }, vec![4]),
        (doc! { "ssn": { "$in": ["123-12-1231", "123-12-1232"] } }, vec![1, 2]),
        (doc! { "age": 63 }, vec![3]),
        (doc! { "age": { "$gt": 62 } }, vec![3, 4]),
        (doc! { "age": { "$gte": 61, "$lt": 63 } }, vec![1, 2]),
        (doc! { "age": { "$lt": 63 }, "ssn": "123-12-1230" }, vec![0]),
    ] {
        let mut found = people.read.find(filter).await?;
        let mut ids = vec![];
        while found.advance().await? {
            ids.push(found.deserialize_current()?.get_i32("_id")?);
        }
        equal(expected, ids)?;
    }
    let found = people.read.find_one(doc! { "ssn": "123-12-1234" }).await?.unwrap_or_default();
    equal(persons[4].clone(), without(found, "__safeContent__"))?;
    check_refused(people.read.find(doc! { "note": "measles" }).await, &["note"])
}

pub async fn client_bulk(world: &World) -> Outcome {
    if !world.on_store {
        return skip("FerretDB has no bulkWrite command");
    }
    let people = world.people("client_bulk").await?;
    let namespace = people.read.namespace();
    let insert = |document| InsertOneModel::builder().namespace(namespace.clone()).document(document).build().into();
    let update = UpdateManyModel::builder()
        .namespace(namespace.clone())
        .filter(doc! { "insurance": "M-20831" })
        .update(doc! { "$set": { "ssn": "987-98-9876" } })
        .build();
    let delete = DeleteOneModel::builder().namespace(namespace.clone()).filter(doc! { "insurance": "M-11111" }).build();
    let models: Vec<WriteModel> = vec![insert(sophia()), insert(other()), update.into(), delete.into()];
    let result = people.read.client().bulk_write(models).await?;
    equal((2, 1, 1), (result.inserted_count, result.modified_count, result.deleted_count))?;
    people.expect(vec![with(sophia(), "ssn", "987-98-9876")]).await
}

/// A daemon that was ended, and one that was killed: the driver starts another.
pub async fn respawn(world: &World) -> Outcome {
    if variable("OC_WAY") != "spawn" {
        return skip("the driver starts no daemon in this way");
    }
    let people = world.people("respawn").await?;
    people.read.insert_one(sophia()).await?;
    for signal in ["-TERM", "-KILL"] {
        end_daemon(signal)?;
        people.expect(vec![sophia()]).await?;
    }
    Ok(())
}

fn end_daemon(signal: &str) -> Outcome {
    let arguments = variable("OC_SPAWN_ARGS");
    let pidfile = arguments.split(' ').find_map(|argument| argument.strip_prefix("--pidfilepath=")).expect("a pid file");
    let daemon: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(pidfile)?)?;
    check(Command::new("kill").args([signal, &daemon["pid"].to_string()]).status()?.success(), "the daemon cannot be ended")?;
    while TcpStream::connect(format!("127.0.0.1:{}", daemon["port"])).is_ok() {
        sleep(Duration::from_millis(10));
    }
    Ok(())
}
