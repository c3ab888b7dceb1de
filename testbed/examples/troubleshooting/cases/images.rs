//! Images that are absent, or hold something else than they should. The failures are those of `testbed images verify`.

use super::change::{container, crash, fail_image, known, pod, stop_image};
use testbed::doctor::facts::Facts;
use testbed::images::check::{Check, Failure};

const SERVICE: &str = "process-worker";
const PROGRAM: &str = "/usr/local/bin/process-worker";

pub(super) fn absent(facts: &mut Facts) {
    let failure = Failure::new(
        "the registry does not hold the image (nodes of k3s may report `server gave HTTP response to HTTPS client`)",
        format!("192.168.0.35:5000/testbed/query-api@sha256:{} does not exist", "3".repeat(64)),
        "build and push it with scripts/build-images, or say the right --revision",
    );
    stop_image(facts, "query-api", Check::Exists, None, failure);
    pod(facts, "query-api").is_ready = false;
    let container = container(facts, "query-api");
    container.waiting = Some("ImagePullBackOff".to_owned());
    container.message = Some(format!("Back-off pulling image \"{}\"", container.image));
    container.image_id = String::new();
}

/// A tag that was pushed for one platform after it had been pushed for both.
pub(super) fn one_platform(facts: &mut Facts) {
    let failure = Failure::new(
        "the index has no child for linux/arm64, whose nodes report `no match for platform in manifest`",
        "index of linux/amd64",
        "build all platforms as one target of docker-bake.hcl, without --set *.platform, and let nothing else push this tag",
    );
    stop_image(facts, "ingest-api", Check::Platform, Some("arm64"), failure);
}

/// A tag that was pushed by a plain `docker push`, and is deployed as it is.
pub(super) fn single_manifest(facts: &mut Facts) {
    let digest = "1".repeat(64);
    let failure = Failure::new(
        "the tag leads to one manifest, which nodes of every architecture run, without a look at it",
        format!("sha256:{digest} is of linux/amd64"),
        "build all platforms as one target of docker-bake.hcl, without --set *.platform, and let nothing else push this tag",
    );
    stop_image(facts, "ingest-api", Check::Index, None, failure);
    for result in &mut known(&mut facts.images).results {
        result.image =
            result.image.replace(&format!("ingest-api@sha256:{digest}"), "ingest-api:0123456789ab");
    }
}

pub(super) fn wrong_program(facts: &mut Facts) {
    let failure = Failure::new(
        "the arm64 child holds a program for x86-64 (`exec format error`)",
        format!("{PROGRAM}, 15.7 MB, is ELF x86-64"),
        "in the Dockerfile, drop the default of ARG TARGETARCH, repeat the ARG in each stage, and take --platform off the last stage",
    );
    stop_image(facts, SERVICE, Check::Machine, Some("arm64"), failure);
    crash(facts, SERVICE, "StartError", 128, &format!("exec {PROGRAM}: exec format error"));
}

pub(super) fn wrong_label(facts: &mut Facts) {
    let failure = Failure::new(
        "the index says linux/arm64, and the configuration of the child says otherwise",
        format!("the configuration sha256:{} says linux/amd64", "5".repeat(64)),
        "build again with buildx, and never label by hand (docker manifest annotate)",
    );
    fail_image(facts, SERVICE, Check::Configuration, Some("arm64"), failure);
}

pub(super) fn unreadable_program(facts: &mut Facts) {
    for architecture in ["amd64", "arm64"] {
        let failure = Failure::new(
            "the user cannot execute the program",
            "/root has mode 0700 and belongs to 0:0",
            "copy it with COPY --chmod=0755 to /usr/local/bin, never below /root",
        );
        fail_image(facts, "ingest-api", Check::Access, Some(architecture), failure);
    }
    crash(facts, "ingest-api", "StartError", 128, "exec: \"/root/ingest-api\": permission denied");
}

pub(super) fn large_pages(facts: &mut Facts) {
    let failure = Failure::new(
        "the allocator aborts on kernels with larger pages (`Unsupported system page size`)",
        format!(
            "jemalloc in {PROGRAM} is built for pages of 4096 bytes; kernels of arm64 have pages of 4, 16 (Raspberry Pi 5) or 64 KiB"
        ),
        "build jemalloc with JEMALLOC_SYS_WITH_LG_PAGE=16",
    );
    fail_image(facts, SERVICE, Check::PageSize, Some("arm64"), failure);
}

pub(super) fn new_atomics(facts: &mut Facts) {
    let failure = Failure::new(
        "the program has atomics of ARMv8.1, on which a Cortex-A53, A57 or A72 (Raspberry Pi 3 and 4) dies (exit 132)",
        format!("{PROGRAM}: 214 of them, the first ldadd at 0x21f80 in mi_heap_init"),
        "build without target-cpu, with -moutline-atomics for C, and with an allocator for plain armv8-a",
    );
    fail_image(facts, SERVICE, Check::Instructions, Some("arm64"), failure);
    crash(facts, SERVICE, "Error", 132, "");
}

pub(super) fn no_loader(facts: &mut Facts) {
    let failure = Failure::new(
        "the program needs a dynamic linker that the image does not have (`no such file or directory`)",
        "/lib/ld-linux-aarch64.so.1: /usr/lib/ld-linux-aarch64.so.1 does not exist",
        "use a base with glibc, such as distroless/cc (RUNTIME_IMAGE of the Dockerfile)",
    );
    fail_image(facts, SERVICE, Check::Interpreter, Some("arm64"), failure);
    crash(facts, SERVICE, "StartError", 128, &format!("exec {PROGRAM}: no such file or directory"));
}
