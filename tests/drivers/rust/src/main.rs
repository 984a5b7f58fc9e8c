//! An application with automatic encryption, in three ways and against two servers: ../README.md.
mod scenarios;
mod world;

use std::io::Write;

use scenarios::*;
use world::{Outcome, Stop, World};

/// Runs scenarios by their names; false if one does not hold.
macro_rules! run_all {
    ($world:expr, $($name:literal => $scenario:path,)*) => {{
        let mut passed = true;
        $(passed &= report($name, $scenario($world).await, $world);)*
        passed
    }};
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("driver mongodb {}, libmongocrypt {}", env!("DRIVER_VERSION"), mongocrypt::version());
    let world = &World::new().await.expect("a world to run in");
    let passed = run_all!(world,
        "keys" => keys,
        "insert-find" => insert_find,
        "deterministic" => deterministic,
        "refused" => refused,
        "no-schema" => no_schema,
        "server-schema" => server_schema,
        "update" => update,
        "replace" => replace,
        "delete" => delete,
        "find-and-modify" => find_and_modify,
        "bulk-write" => bulk_write,
        "count" => count,
        "distinct" => distinct,
        "aggregate" => aggregate,
        "lookup" => lookup,
        "queryable" => queryable,
        "client-bulk" => client_bulk,
        "respawn" => respawn,
    );
    std::process::exit(if passed { 0 } else { 1 });
}

fn report(name: &str, outcome: Outcome, world: &World) -> bool {
    let outcome = outcome.and_then(|()| world.check_nothing_leaked());
    match &outcome {
        Ok(()) => println!("ok {name}"),
        Err(Stop::Skip(reason)) => println!("skip {name}: {reason}"),
        Err(Stop::Failed(reason)) => println!("not ok {name}: {}", reason.replace('\n', " ")),
    }
    std::io::stdout().flush().expect("standard output");
    !matches!(outcome, Err(Stop::Failed(_)))
}
