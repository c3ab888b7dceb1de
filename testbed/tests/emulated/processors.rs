//! On the processors of the boards that clusters are made of.

use crate::command::{alone, run};
use crate::pipeline::Pipeline;
use crate::programs::{Programs, SERVICES};

/// It has none of the atomics of ARMv8.1 (LSE) and ends a program that uses them without asking.
#[tokio::test]
async fn events_flow_on_a_processor_of_the_first_generation() {
    let pipeline = Pipeline::start(Programs::of("arm64").with("QEMU_CPU", "cortex-a53")).await;
    assert_eq!(pipeline.architectures().await, ["arm64"; 3]);
    pipeline.carry(&["--rate", "100", "--duration", "3s"]).await;
    assert_eq!(pipeline.events().await.len(), 300);
}

/// Of a Jetson Nano, a Raspberry Pi 4 and 5, a Jetson Orin, servers, and all that can be emulated.
#[tokio::test]
async fn programs_start_on_every_processor() {
    let _alone = alone().await;
    for processor in ["cortex-a57", "cortex-a72", "cortex-a76", "cortex-a78ae", "neoverse-n1", "max"] {
        let programs = Programs::of("arm64").with("QEMU_CPU", processor);
        for service in SERVICES {
            let output = run(programs.service(service).arg("--version")).await;
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{service} on {processor}");
            assert!(output.stdout.starts_with(service), "{}", output.stdout);
        }
    }
}
