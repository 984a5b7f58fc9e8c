//! Cryptography for a libmongocrypt that was built without.
//!
//! Such is the one in the Python package pymongocrypt, the only current one that a package registry has; whoever embeds it
//! brings the cryptography, as hooks. The driver for Rust sets none, so the linker (build.rs) leads its call of mongocrypt_init
//! to here.
use std::ffi::c_void;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use mongocrypt_sys::{
    mongocrypt_binary_t as Binary, mongocrypt_setopt_aes_256_ctr, mongocrypt_setopt_crypto_hooks, mongocrypt_status_set,
    mongocrypt_status_t as Status, mongocrypt_status_type_t_MONGOCRYPT_STATUS_ERROR_CLIENT as ERROR_CLIENT, mongocrypt_t,
};
use sha2::{Digest, Sha256, Sha512};

unsafe extern "C" {
    fn __real_mongocrypt_init(crypt: *mut mongocrypt_t) -> bool;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mongocrypt_init(crypt: *mut mongocrypt_t) -> bool {
    let none = std::ptr::null_mut();
    unsafe {
        mongocrypt_setopt_crypto_hooks(
            crypt,
            Some(cbc_encrypt),
            Some(cbc_decrypt),
            Some(random),
            Some(hmac_sha_512),
            Some(hmac_sha_256),
            Some(sha_256),
            none,
        ) && mongocrypt_setopt_aes_256_ctr(crypt, Some(ctr_xor), Some(ctr_xor), none)
            && __real_mongocrypt_init(crypt)
    }
}

/// What a hook was given to read.
unsafe fn read<'a>(binary: *mut Binary) -> &'a [u8] {
    unsafe { from_raw_parts((*binary).data.cast(), (*binary).len as usize) }
}

/// Writes a result into the beginning of `out`; reports a result that could not be computed.
unsafe fn give(result: Option<&[u8]>, out: *mut Binary, status: *mut Status) -> bool {
    unsafe {
        match result {
            Some(bytes) if bytes.len() <= (*out).len as usize => {
                from_raw_parts_mut((*out).data.cast(), bytes.len()).copy_from_slice(bytes);
                true
            }
            _ => {
                mongocrypt_status_set(status, ERROR_CLIENT, 1, c"a key, an IV or a buffer has the wrong length".as_ptr(), -1);
                false
            }
        }
    }
}

type Cipher = fn(&[u8], &[u8], &[u8]) -> Option<Vec<u8>>;

unsafe fn apply(cipher: Cipher, [key, iv, input, out]: [*mut Binary; 4], written: *mut u32, status: *mut Status) -> bool {
    unsafe {
        let result = cipher(read(key), read(iv), read(input));
        *written = result.as_ref().map_or(0, |bytes| bytes.len() as u32);
        give(result.as_deref(), out, status)
    }
}

macro_rules! cipher_hook {
    ($name:ident, $cipher:expr) => {
        unsafe extern "C" fn $name(
            _: *mut c_void,
            key: *mut Binary,
            iv: *mut Binary,
            input: *mut Binary,
            out: *mut Binary,
            written: *mut u32,
            status: *mut Status,
        ) -> bool {
            unsafe { apply($cipher, [key, iv, input, out], written, status) }
        }
    };
}

cipher_hook!(cbc_encrypt, |key, iv, input| {
    let mut bytes = input.to_vec();
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(key, iv).ok()?;
    cipher.encrypt_padded::<NoPadding>(&mut bytes, input.len()).ok()?;
    Some(bytes)
});
cipher_hook!(cbc_decrypt, |key, iv, input| {
    let mut bytes = input.to_vec();
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded::<NoPadding>(&mut bytes).ok()?;
    Some(bytes)
});
cipher_hook!(ctr_xor, |key, iv, input| {
    let mut bytes = input.to_vec();
    ctr::Ctr128BE::<Aes256>::new_from_slices(key, iv).ok()?.apply_keystream(&mut bytes);
    Some(bytes)
});

macro_rules! hmac_hook {
    ($name:ident, $hash:ty) => {
        unsafe extern "C" fn $name(
            _: *mut c_void,
            key: *mut Binary,
            input: *mut Binary,
            out: *mut Binary,
            status: *mut Status,
        ) -> bool {
            unsafe {
                let result = Hmac::<$hash>::new_from_slice(read(key)).ok();
                let result = result.map(|hmac| hmac.chain_update(read(input)).finalize().into_bytes());
                give(result.as_deref(), out, status)
            }
        }
    };
}

hmac_hook!(hmac_sha_512, Sha512);
hmac_hook!(hmac_sha_256, Sha256);

unsafe extern "C" fn sha_256(_: *mut c_void, input: *mut Binary, out: *mut Binary, status: *mut Status) -> bool {
    unsafe { give(Some(&Sha256::digest(read(input))), out, status) }
}

unsafe extern "C" fn random(_: *mut c_void, out: *mut Binary, count: u32, status: *mut Status) -> bool {
    let mut bytes = vec![0; count as usize];
    let filled = getrandom::fill(&mut bytes).is_ok();
    unsafe { give(filled.then_some(bytes.as_slice()), out, status) }
}
