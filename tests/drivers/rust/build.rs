use std::env;
use std::fs;

/// The version of the driver, as Cargo.lock has it.
fn driver_version() -> String {
    let lock = fs::read_to_string("Cargo.lock").expect("Cargo.lock");
    let (_, package) = lock.split_once("name = \"mongodb\"\nversion = \"").expect("mongodb in Cargo.lock");
    package.split_once('"').expect("a version").0.to_string()
}

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rerun-if-env-changed=MONGOCRYPT_LIB_DIR");
    println!("cargo:rustc-env=DRIVER_VERSION={}", driver_version());
    if let Ok(folder) = env::var("MONGOCRYPT_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/..");
    }
}
