//! Builds the BPF object that the sensor embeds, and the C form of the event catalogue.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The objects: `bpf/NAME.bpf.c` becomes `$OUT_DIR/NAME.bpf.o`.
const OBJECTS: [&str; 2] = ["core", "probe"];

fn main() {
    for path in ["bpf", "../wit/events.toml", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in ["BPF_CLANG", "VEDETTE_BPF_DIR"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    if let Some(prebuilt) = env::var_os("VEDETTE_BPF_DIR") {
        for name in OBJECTS {
            let from = Path::new(&prebuilt).join(format!("{name}.bpf.o"));
            println!("cargo::rerun-if-changed={}", from.display());
            if let Err(error) = fs::copy(&from, out.join(format!("{name}.bpf.o"))) {
                fail(&format!("VEDETTE_BPF_DIR: {}: {error}", from.display()));
            }
        }
        return;
    }
    fs::write(out.join("catalogue.h"), catalogue()).expect("OUT_DIR is writable");
    let clang = clang();
    for name in OBJECTS {
        compile(&clang, name, &out);
    }
}

/// Ends the build with a message that stands out from cargo's own.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1)
}

fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn clang() -> String {
    if let Ok(clang) = env::var("BPF_CLANG") {
        return clang;
    }
    (14..=22)
        .rev()
        .map(|version| format!("clang-{version}"))
        .chain(["clang".to_owned()])
        .find(|clang| runs(clang))
        .unwrap_or_else(|| {
            fail("no clang that can build BPF: install it (Debian: apt-get install clang llvm libbpf-dev), or set BPF_CLANG, or VEDETTE_BPF_DIR to a directory of prebuilt objects")
        })
}

fn compile(clang: &str, name: &str, out: &Path) {
    let arch = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "x86",
        Ok("aarch64") => "arm64",
        other => fail(&format!(
            "the sensor does not know the architecture {other:?}"
        )),
    };
    let object = out.join(format!("{name}.bpf.o"));
    let output = Command::new(clang)
        .args([
            "-g", "-O2", "-mcpu=v3", "-target", "bpf", "-Wall", "-Werror",
        ])
        .arg(format!("-D__TARGET_ARCH_{arch}"))
        .arg(format!("-I{}", out.display()))
        .arg("-c")
        .arg(format!("bpf/{name}.bpf.c"))
        .arg("-o")
        .arg(&object)
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            for line in text.lines() {
                println!("cargo::warning={line}");
            }
            let hint = if text.contains("bpf/bpf_") {
                ": the headers of libbpf are missing (Debian: apt-get install libbpf-dev)"
            } else {
                ""
            };
            fail(&format!("{clang} could not build bpf/{name}.bpf.c{hint}"))
        }
        Err(error) => fail(&format!("{clang}: {error}")),
    }
    // Only the type information is needed at run time; the debug sections are ten times its size.
    let strip = clang.replace("clang", "llvm-strip");
    if runs(&strip) {
        let _ = Command::new(strip).arg("-g").arg(&object).status();
    }
}

/// The catalogue's numbers as C constants.
fn catalogue() -> String {
    let text = fs::read_to_string("../wit/events.toml").expect("the catalogue is in the tree");
    let table: toml::Table = text.parse().expect("the catalogue is TOML");
    let upper = |name: &toml::Value| {
        let name = name.as_str().expect("names are strings");
        name.to_uppercase().replace('-', "_")
    };
    let rows = |of: &toml::Table, key: &str| {
        let rows = of[key].as_array().expect("a list").clone();
        rows.into_iter().map(|row| match row {
            toml::Value::Table(row) => row,
            other => fail(&format!("catalogue: {other} is not a table")),
        })
    };
    let mut out = String::from("#pragma once\n");
    let mut security = [0u64; 2];
    for kind in rows(&table, "kind") {
        let number = kind["number"].as_integer().expect("numbers are numbers");
        out += &format!("#define KIND_{} {number}\n", upper(&kind["name"]));
        if kind["lane"].as_str() == Some("security") {
            security[(number >> 6) as usize] |= 1 << (number & 63);
        }
    }
    for (word, bits) in security.iter().enumerate() {
        out += &format!("#define SECURITY_KINDS_{word} {bits:#x}ull\n");
    }
    for set in rows(&table, "set") {
        for value in rows(&set, "values") {
            let (set, name) = (upper(&set["name"]), upper(&value["name"]));
            out += &format!("#define {set}_{name} {}\n", value["value"]);
        }
    }
    out
}
