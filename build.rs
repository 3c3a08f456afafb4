//! Builds the C16 library in `c16/` and links it in. The wider instructions are chosen by
//! attributes in the sources and at run time, so no processor flag is passed here.

const SOURCES: [&str; 6] = [
    "dispatch",
    "neon",
    "original",
    "scalar",
    "x86",
    "x86_avx512",
];
const HEADERS: [&str; 2] = ["c16/include/c16.h", "c16/src/internal.h"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for header in HEADERS {
        println!("cargo:rerun-if-changed={header}");
    }

    let mut library = cc::Build::new();
    for source in SOURCES {
        let path = format!("c16/src/{source}.c");
        println!("cargo:rerun-if-changed={path}");
        library.file(path);
    }
    library
        .include("c16/include")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .flag_if_supported("-Wpedantic")
        // Every function is a leaf or ends in a jump: a frame pointer would only cost short texts.
        .force_frame_pointer(false)
        // In debug builds too: message bodies go through it, and tests compare every byte pair.
        .opt_level(3);
    // As the Rust code is built, which a nightly compiler tells: so a fuzzer sees every step beyond a buffer in C too.
    let sanitizers = std::env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    if sanitizers.split(',').any(|name| name == "address") {
        library.flag("-fsanitize=address");
    }
    library.compile("c16");

    // For counts of instructions, which are comparable only when built alike.
    let [profile, level] =
        ["PROFILE", "OPT_LEVEL"].map(|name| std::env::var(name).unwrap_or_default());
    println!("cargo:rustc-env=GENCOMM_BUILT_AS={profile}, level {level}");
}
