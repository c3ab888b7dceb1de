//! Children whose content does not run: the program, what it needs, and who may start it.

use crate::command::{Expected, fails, verify};
use crate::elf::{AARCH64, Elf, X86_64};
use crate::image::{
    Child, Image, PROGRAM, base_with, dynamic_program, folders, interpreter, libgcc, loader, multiarch,
    program,
};
use crate::layer::Layer;
use crate::push::push;
use test_support::registry::RegistryServer;

const AMD64: Option<&str> = Some("linux/amd64");
const ARM64: Option<&str> = Some("linux/arm64");

/// Changes a healthy image and asserts that exactly these checks fail.
async fn assert_fails(change: impl FnOnce(&mut Image), expected: &[Expected<'_>]) {
    let mut image = Image::healthy();
    change(&mut image);
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", &image).await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    verify(&[&reference]).await.assert_fails(expected);
}

#[tokio::test]
async fn missing_interpreter_is_named() {
    let said = ["dynamic linker", "/lib64/ld-linux-x86-64.so.2", "base with glibc"];
    assert_fails(|image| image.amd64().layers[0] = Layer::default(), &[fails("interpreter", AMD64, said)])
        .await;
}

#[tokio::test]
async fn interpreter_of_another_architecture_is_named() {
    let base = folders().file(loader(AARCH64), 0o755, &interpreter(X86_64)).file(
        &format!("{}/libc.so.6", multiarch(AARCH64)),
        0o755,
        b"",
    );
    let said = ["dynamic linker", "ld-linux-aarch64.so.1", ""];
    assert_fails(|image| image.arm64().layers[0] = base, &[fails("interpreter", ARM64, said)]).await;
}

#[tokio::test]
async fn missing_library_is_named() {
    // That of the program itself.
    let libraries = multiarch(AARCH64);
    let without_libgcc =
        folders().file(&format!("/usr{}", loader(AARCH64)), 0o755, &interpreter(AARCH64)).file(
            &format!("{libraries}/libc.so.6"),
            0o755,
            &Elf::library(AARCH64, "libc.so.6", &["GLIBC_2.17", "GLIBC_2.34"]).write(),
        );
    let said = ["lacks shared libraries", "libgcc_s.so.1", "RUNTIME_IMAGE"];
    assert_fails(|image| image.arm64().layers[0] = without_libgcc, &[fails("libraries", ARM64, said)]).await;
    // That of a library.
    let base = folders().file(&format!("/usr{}", loader(AARCH64)), 0o755, &interpreter(AARCH64)).file(
        &format!("{libraries}/libgcc_s.so.1"),
        0o644,
        &libgcc(AARCH64),
    );
    let needs_libgcc =
        Elf::program(AARCH64).interpreter(loader(AARCH64)).needs("libgcc_s.so.1", &["GCC_3.0"]);
    let said = ["lacks shared libraries", "libc.so.6", "RUNTIME_IMAGE"];
    let layers = vec![base, program(&needs_libgcc.write())];
    assert_fails(|image| image.arm64().layers = layers, &[fails("libraries", ARM64, said)]).await;
}

#[tokio::test]
async fn library_of_another_architecture_does_not_count() {
    let wrong = Layer::default().file(
        &format!("{}/libgcc_s.so.1", multiarch(AARCH64)),
        0o644,
        &Elf::library(X86_64, "libgcc_s.so.1", &["GCC_3.0"]).write(),
    );
    let said = ["shared libraries", "libgcc_s.so.1", "RUNTIME_IMAGE"];
    assert_fails(|image| image.arm64().layers.push(wrong), &[fails("libraries", ARM64, said)]).await;
}

#[tokio::test]
async fn library_that_is_too_old_is_named() {
    let said = ["older than", "GLIBC_2.34 is needed", "RUNTIME_IMAGE"];
    let base = base_with(X86_64, &["GLIBC_2.17", "GLIBC_2.31"]);
    assert_fails(|image| image.amd64().layers[0] = base, &[fails("libraries", AMD64, said)]).await;
}

#[tokio::test]
async fn program_below_root_cannot_be_reached() {
    let change = |image: &mut Image| {
        let child = image.amd64();
        let program = dynamic_program(X86_64).write();
        child.layers[1] =
            Layer::default().directory("/root", 0o700).file("/root/ingest-api", 0o755, &program);
        child.entrypoint = vec!["/root/ingest-api".to_owned()];
    };
    let said = ["cannot execute", "/root", "/usr/local/bin"];
    assert_fails(change, &[fails("access", AMD64, said)]).await;
}

#[tokio::test]
async fn program_without_permission_to_execute_is_named() {
    let program = Layer::default().file(PROGRAM, 0o644, &dynamic_program(AARCH64).write());
    let said = ["cannot execute", PROGRAM, "--chmod=0755"];
    assert_fails(|image| image.arm64().layers[1] = program, &[fails("access", ARM64, said)]).await;
}

#[tokio::test]
async fn users_without_a_number_are_named() {
    for user in ["app", "app:app", "nonroot"] {
        let said = ["runAsNonRoot", user, "USER 65532:65532"];
        assert_fails(|image| image.arm64().user = user.to_owned(), &[fails("user", ARM64, said)]).await;
    }
}

#[tokio::test]
async fn root_is_named_however_it_is_written() {
    for user in ["", "0", "0:0", "root"] {
        let said = ["root", "", "USER 65532:65532"];
        assert_fails(|image| image.amd64().user = user.to_owned(), &[fails("user", AMD64, said)]).await;
    }
}

#[tokio::test]
async fn empty_entrypoint_is_named() {
    let said = ["0 bytes", PROGRAM, "build and push again"];
    assert_fails(|image| image.arm64().set_program(b""), &[fails("entrypoint", ARM64, said)]).await;
}

#[tokio::test]
async fn absent_entrypoint_is_named() {
    let said = ["not in the image", PROGRAM, "ENTRYPOINT"];
    assert_fails(|image| image.amd64().layers.truncate(1), &[fails("entrypoint", AMD64, said)]).await;
    let said = ["neither ENTRYPOINT nor CMD", "", "ENTRYPOINT"];
    assert_fails(|image| image.amd64().entrypoint.clear(), &[fails("entrypoint", AMD64, said)]).await;
}

#[tokio::test]
async fn removed_entrypoint_is_absent() {
    let removed = Layer::default().file("/usr/local/bin/.wh.ingest-api", 0o644, b"");
    let said = ["not in the image", PROGRAM, "ENTRYPOINT"];
    assert_fails(|image| image.arm64().layers.push(removed), &[fails("entrypoint", ARM64, said)]).await;
}

#[tokio::test]
async fn script_without_its_interpreter_is_named() {
    let said = ["a script", "/bin/sh", "ENTRYPOINT"];
    let script = b"#!/bin/sh\nexec true\n";
    assert_fails(|image| image.amd64().set_program(script), &[fails("entrypoint", AMD64, said)]).await;
}

#[tokio::test]
async fn program_of_another_system_is_named() {
    // MH_MAGIC_64 and CPU_TYPE_ARM64 of a Mac; a program of Windows.
    for program in
        [&b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0"[..], b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"]
    {
        let said = ["none that Linux can start", PROGRAM, "build"];
        assert_fails(|image| image.arm64().set_program(program), &[fails("machine", ARM64, said)]).await;
    }
}

#[tokio::test]
async fn cut_program_is_named() {
    let program = dynamic_program(X86_64).write();
    let said = ["damaged", PROGRAM, "build"];
    let change = |image: &mut Image| image.amd64().set_program(&program[..program.len() / 2]);
    assert_fails(change, &[fails("machine", AMD64, said)]).await;
}

#[tokio::test]
async fn atomics_of_newer_cpus_are_named() {
    // ldaddal x0, x1, [x2]
    let program = dynamic_program(AARCH64).arm64_instructions(&[0xf8e0_0041]).write();
    let said = ["Cortex-A53", "ldadd", "outline-atomics"];
    assert_fails(|image| image.arm64().set_program(&program), &[fails("instructions", ARM64, said)]).await;
}

#[tokio::test]
async fn alignment_to_small_pages_is_named() {
    for alignment in [0x1000, 0x4000] {
        let program = dynamic_program(AARCH64).alignment(alignment).write();
        let evidence = format!("{alignment} bytes");
        let said = ["larger pages", evidence.as_str(), "max-page-size=65536"];
        assert_fails(|image| image.arm64().set_program(&program), &[fails("page-size", ARM64, said)]).await;
    }
}

#[tokio::test]
async fn small_pages_are_right_on_amd64() {
    let mut image = Image::healthy();
    image.amd64().set_program(&dynamic_program(X86_64).alignment(0x1000).write());
    let registry = RegistryServer::start().await;
    push(&registry, "testbed/ingest-api", "0123456789ab", &image).await;
    verify(&[&format!("{}/testbed/ingest-api:0123456789ab", registry.address())]).await.assert_healthy();
}

#[tokio::test]
async fn jemalloc_for_small_pages_is_named() {
    // What pages_boot of jemalloc does: sysconf(_SC_PAGESIZE), and a comparison with 4 KiB.
    let pages_boot = [0x5280_03c0, 0x9400_0004, 0xb100_041f, 0x5400_0040, 0xf140_041f];
    let program = dynamic_program(AARCH64)
        .arm64_instructions(&pages_boot)
        .data(b"<jemalloc>: Unsupported system page size\n\0")
        .write();
    let said = ["Unsupported system page size", "4096", "JEMALLOC_SYS_WITH_LG_PAGE=16"];
    assert_fails(|image| image.arm64().set_program(&program), &[fails("page-size", ARM64, said)]).await;
}

#[tokio::test]
async fn each_platform_is_told_by_itself() {
    let change = |image: &mut Image| {
        image.amd64().user = "root".to_owned();
        image.arm64().layers = Child::amd64().layers;
    };
    let user = fails("user", AMD64, ["root", "", "65532"]);
    let machine = fails("machine", ARM64, ["exec format error", PROGRAM, "TARGETARCH"]);
    assert_fails(change, &[machine, user]).await;
}
