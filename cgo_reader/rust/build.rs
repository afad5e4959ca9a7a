//! With the feature c-library: compiles the C reader beside this crate, or links the
//! one in TICKRING_LIB_DIR (its headers then in TICKRING_INCLUDE_DIR, else beside this
//! crate). CC and AR name the tools.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    for name in ["CC", "AR", "TICKRING_LIB_DIR", "TICKRING_INCLUDE_DIR"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_C_LIBRARY").is_none() {
        return;
    }
    let crate_dir = path("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let beside = crate_dir.join("..");
    let include = path("TICKRING_INCLUDE_DIR").unwrap_or_else(|| beside.join("include"));
    let mut sources = vec![crate_dir.join("src/glue.c")];
    let installed = path("TICKRING_LIB_DIR");
    if installed.is_none() {
        sources.extend(c_files(&beside.join("src")));
    }
    archive(&sources, &[&include, &beside.join("src")]);
    if let Some(dir) = installed {
        // After the archive, which needs it.
        println!("cargo::rustc-link-search=native={}", dir.display());
        println!("cargo::rustc-link-lib=dylib=tickring");
    }
    for path in sources.iter().chain([&include, &beside.join("src")]) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn c_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: the C sources are not beside this crate; \
             name an installed library by TICKRING_LIB_DIR",
            dir.display()
        )
    });
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("read the directory").path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    files
}

/// Compiles each source and puts all into one archive that is linked.
fn archive(sources: &[PathBuf], include: &[&Path]) {
    let out = path("OUT_DIR").expect("cargo sets it");
    let library = out.join("libtickring_glue.a");
    let mut objects = Vec::new();
    for source in sources {
        let object = out
            .join(source.file_name().expect("a file"))
            .with_extension("o");
        let mut cc = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
        cc.args(["-std=c11", "-O2", "-g", "-fPIC", "-c", "-o"])
            .arg(&object)
            .arg(source);
        for dir in include {
            cc.arg("-I").arg(dir);
        }
        run(cc);
        objects.push(object);
    }
    // An old archive would keep members that are gone.
    let _ = std::fs::remove_file(&library);
    let mut ar = Command::new(std::env::var_os("AR").unwrap_or("ar".into()));
    ar.arg("rcs").arg(&library).args(&objects);
    run(ar);
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static=tickring_glue");
}

fn run(mut command: Command) {
    let status = command.status();
    let ok = status.as_ref().is_ok_and(|status| status.success());
    assert!(
        ok,
        "{command:?}: {status:?}: the feature c-library needs a C compiler and ar"
    );
}
