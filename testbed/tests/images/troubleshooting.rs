//! `docs/troubleshooting.md` shows what `images verify` says of broken images, as it says it.

use crate::command::verify;
use crate::elf::{AARCH64, X86_64};
use crate::image::{Child, Image, dynamic_program, folders};
use crate::layer::Layer;
use crate::push::push;
use std::path::Path;
use test_support::registry::RegistryServer;

/// The page without its line breaks and indents.
fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    words(&std::fs::read_to_string(page).unwrap())
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of_amd64_alone() -> Image {
    Image::of(vec![Child::amd64()])
}

fn changed(change: impl FnOnce(&mut Child)) -> Image {
    let mut image = Image::healthy();
    change(image.arm64());
    image
}

fn below_root(child: &mut Child) {
    let program = dynamic_program(AARCH64).write();
    child.layers[1] = Layer::default().directory("/root", 0o700).file("/root/ingest-api", 0o755, &program);
    child.entrypoint = vec!["/root/ingest-api".to_owned()];
}

fn with_small_pages(child: &mut Child) {
    let pages_boot = [0x5280_03c0, 0x9400_0004, 0xb100_041f, 0x5400_0040, 0xf140_041f];
    let program = dynamic_program(AARCH64).arm64_instructions(&pages_boot);
    child.set_program(&program.data(b"<jemalloc>: Unsupported system page size\n\0").write());
}

fn with_atomics(child: &mut Child) {
    child.set_program(&dynamic_program(AARCH64).arm64_instructions(&[0xf8e0_0041]).write());
}

#[tokio::test]
async fn the_page_says_of_broken_images_what_is_said_of_them() {
    let page = page();
    let images = [
        ("platform", of_amd64_alone()),
        ("index", Image { is_index: false, ..of_amd64_alone() }),
        ("machine", changed(|child| child.set_program(&dynamic_program(X86_64).write()))),
        ("configuration", changed(|child| child.configured = "linux/amd64".to_owned())),
        ("access", changed(below_root)),
        ("page-size", changed(with_small_pages)),
        ("instructions", changed(with_atomics)),
        ("interpreter", changed(|child| child.layers[0] = folders())),
    ];
    for (check, image) in images {
        let registry = RegistryServer::start().await;
        push(&registry, "testbed/ingest-api", "0123456789ab", &image).await;
        let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
        assert_shown(&page, check, verify(&[&reference]).await.failures()[0]);
    }
    let registry = RegistryServer::start().await;
    let reference = format!("{}/testbed/ingest-api:0123456789ab", registry.address());
    assert_shown(&page, "exists", verify(&[&reference]).await.failures()[0]);
}

/// Cause and remedy as they are; of what was seen the words, but for names, sizes, digests and addresses.
fn assert_shown(page: &str, check: &str, failure: &serde_json::Value) {
    assert_eq!(failure["check"], check, "{failure:#}");
    let said = |key: &str| words(failure[key].as_str().unwrap());
    let (cause, evidence, remedy) = (said("cause"), said("evidence"), said("remedy"));
    let is_plain = |word: &&str| word.chars().all(|character| character.is_ascii_lowercase());
    let plain: Vec<&str> = evidence.split(' ').filter(is_plain).collect();
    let is_shown = page.split("```").any(|block| {
        let words: Vec<&str> = block.split(' ').collect();
        block.contains(&cause) && block.contains(&remedy) && plain.iter().all(|word| words.contains(word))
    });
    assert!(is_shown, "the page does not show what is said of {check}: {failure:#}");
}
