//! On kernels with other pages than 4 KiB: 16 KiB on a Raspberry Pi 5, 64 KiB on some servers.

use crate::command::run;
use crate::pipeline::Pipeline;
use crate::programs::Programs;

/// Later emulators give programs the pages of this machine.
const EMULATOR: &str = "qemu-aarch64-pages";

async fn events_flow(page_bytes: &str) {
    let programs = Programs::of("arm64").by(EMULATOR).with("QEMU_PAGESIZE", page_bytes);
    // The C library's loader shows what the kernel, here the emulator, tells a program.
    let shown =
        run(programs.service("simulator").arg("--version").env("QEMU_SET_ENV", "LD_SHOW_AUXV=1")).await;
    let page = shown.stdout.lines().find_map(|line| line.strip_prefix("AT_PAGESZ:")).unwrap_or_default();
    assert_eq!(page.trim(), page_bytes, "{EMULATOR} does not emulate the page size: {shown:?}");
    let pipeline = Pipeline::start(programs).await;
    pipeline.carry(&["--rate", "100", "--duration", "3s"]).await;
}

#[tokio::test]
async fn events_flow_with_pages_of_16_kib() {
    events_flow("16384").await;
}

#[tokio::test]
async fn events_flow_with_pages_of_64_kib() {
    events_flow("65536").await;
}
