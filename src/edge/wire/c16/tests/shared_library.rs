//! The command of `c16/README.md` makes a library that loads and works on its own, as Python's
//! ctypes uses it: built without the crate's flags, functions found by name.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::process::Command;

use super::original::{OneCharacter, call};

/// The README's command, word by word but for the compiler's name and the sources, which a shell
/// would list.
fn build(into: &Path) {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("c16");
    let sources = std::fs::read_dir(library.join("src")).unwrap();
    let sources = sources.map(|entry| entry.unwrap().path());
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2"])
        .args(sources.filter(|path| path.extension().is_some_and(|ext| ext == "c")))
        .arg("-I")
        .arg(library.join("include"))
        .arg("-o")
        .arg(into)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: the handle is open and the name NUL-terminated.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?} is not exported");
    found
}

#[test]
fn lib16_loads_and_answers_as_the_original() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lib16.so");
    build(&path);

    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path is NUL-terminated, and the library runs no code on loading.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "{path:?} does not load");
    // SAFETY: both symbols are functions of this type in the library's header.
    let (encode, decode) = unsafe {
        (
            std::mem::transmute::<*mut c_void, OneCharacter>(symbol(library, c"encode_B")),
            std::mem::transmute::<*mut c_void, OneCharacter>(symbol(library, c"decode_B")),
        )
    };
    assert_eq!(call(encode, b"A", 3).as_deref(), Some(&b"BE\0"[..]));
    assert_eq!(call(decode, b"ME", 2).as_deref(), Some(&b"L\0"[..]));
    for name in [c"pairint", c"intpair", c"c16_encode", c"c16_decode"] {
        symbol(library, name);
    }
    // SAFETY: nothing of the library is used from here on.
    unsafe { libc::dlclose(library) };
}
