//! The program of one platform: whether that platform can run it, as the image's user.

use super::entrypoint::{Entrypoint, PROGRAM_BYTES_MAX, megabytes};
use super::ledger::Ledger;
use super::libraries::{self, Libraries};
use crate::images::allocator::{Allocator, allocator};
use crate::images::check::{Check, Failure};
use crate::images::elf::{ElfError, Machine, Program};
use crate::images::filesystem::Filesystem;
use crate::images::instructions::unguarded_atomics;
use crate::images::manifest::ImageConfig;
use crate::images::platform::Platform;
use crate::images::user::{User, UserError};

/// The largest page of arm64, in bytes: what runs with it runs with those of 4 and of 16 KiB too.
const PAGE_BYTES_MAX: u64 = 64 * 1024;

const ARGUMENT: &str = "in the Dockerfile, drop the default of ARG TARGETARCH, repeat the ARG in each stage, and take --platform off the last stage";

/// Does all checks from the entrypoint on.
pub(super) fn check(
    ledger: &mut Ledger,
    platform: &Platform,
    files: &Filesystem,
    config: &ImageConfig,
    found: Result<Entrypoint, Failure>,
) {
    let at = Some(platform);
    let user = User::parse(&config.user);
    ledger.record(Check::User, at, check_user(&config.user, &user));
    let entrypoint = match found {
        Ok(entrypoint) => entrypoint,
        Err(failure) => return ledger.stop(Check::Entrypoint, at, failure),
    };
    ledger.pass(Check::Entrypoint, at, entrypoint.evidence.clone());
    match (&user, Program::parse(&entrypoint.bytes)) {
        (Ok(user), program) => {
            let interpreter = program.ok().and_then(|program| program.interpreter);
            ledger.record(
                Check::Access,
                at,
                check_access(files, *user, &entrypoint.path, interpreter.as_deref()),
            );
        }
        (Err(_), _) => ledger.skip(Check::Access, at, "user failed"),
    }
    let program = match check_machine(&entrypoint, platform) {
        Ok(program) => program,
        Err(failure) => return ledger.stop(Check::Machine, at, failure),
    };
    ledger.pass(Check::Machine, at, description(&program, &entrypoint));
    if Check::Instructions.concerns(platform) {
        ledger.record(Check::Instructions, at, check_instructions(&entrypoint));
    }
    if let Err(failure) = check_interpreter(files, &program) {
        return ledger.stop(Check::Interpreter, at, failure);
    }
    let interpreter = program.interpreter.as_deref();
    ledger.pass(Check::Interpreter, at, interpreter.unwrap_or("a static program needs none"));
    let libraries = match libraries::find(files, config, &program, interpreter) {
        Ok(libraries) => libraries,
        Err(failure) => return ledger.stop(Check::Libraries, at, failure),
    };
    let versions = if libraries.is_empty() {
        Ok("it needs none".to_owned())
    } else {
        libraries::check_versions(&program, &libraries)
    };
    ledger.record(Check::Libraries, at, versions);
    if Check::PageSize.concerns(platform) {
        match check_page_size(&entrypoint, &program, &libraries) {
            Ok(Some(evidence)) => ledger.pass(Check::PageSize, at, evidence),
            Ok(None) => ledger.skip(
                Check::PageSize,
                at,
                "jemalloc is in it, and its code does not tell for which page size",
            ),
            Err(failure) => ledger.fail(Check::PageSize, at, failure),
        }
    }
}

fn check_user(written: &str, user: &Result<User, UserError>) -> Result<String, Failure> {
    let remedy = "write USER 65532:65532 into the Dockerfile";
    match user {
        Ok(User { uid, gid }) => Ok(format!("{uid}:{gid}")),
        Err(UserError::Root) => {
            let cause = "the image runs as root, which runAsNonRoot refuses";
            Err(Failure::new(cause, format!("USER is {written:?}"), remedy))
        }
        Err(error @ UserError::Name(_)) => Err(Failure::new(
            "the user is no number, so runAsNonRoot refuses the image",
            error.to_string(),
            remedy,
        )),
        Err(error) => {
            Err(Failure::new("the user cannot be used as it is written", error.to_string(), remedy))
        }
    }
}

fn check_access(
    files: &Filesystem,
    user: User,
    path: &str,
    interpreter: Option<&str>,
) -> Result<String, Failure> {
    for path in
        std::iter::once(path).chain(interpreter.filter(|interpreter| files.resolve(interpreter).is_ok()))
    {
        user.can_execute(files, path).map_err(|evidence| {
            let cause = "the user cannot execute the program";
            let remedy = "copy it with COPY --chmod=0755 to /usr/local/bin, never below /root";
            Failure::new(cause, evidence, remedy)
        })?;
    }
    Ok(format!("{}:{} can execute {path}", user.uid, user.gid))
}

fn check_machine(entrypoint: &Entrypoint, platform: &Platform) -> Result<Program, Failure> {
    let Entrypoint { path, evidence, bytes } = entrypoint;
    let architecture = &platform.architecture;
    let program = Program::parse(bytes).map_err(|error| {
        let cause = match error {
            ElfError::Damaged(_) => "the program is damaged",
            _ => "the program is none that Linux can start",
        };
        Failure::new(
            cause,
            format!("{path}: {error}"),
            "copy the program of a completed build, then build and push again",
        )
    })?;
    let Some(machine) = Machine::of_architecture(architecture) else {
        let remedy = "verify the platforms linux/amd64, linux/arm64, linux/arm or linux/386";
        return Err(Failure::new("nothing is known of the platform", architecture, remedy));
    };
    if program.machine == machine {
        return Ok(program);
    }
    let cause =
        format!("the {architecture} child holds a program for {} (`exec format error`)", program.machine);
    Err(Failure::new(cause, format!("{evidence}, is ELF {}", program.machine), ARGUMENT))
}

fn description(program: &Program, entrypoint: &Entrypoint) -> String {
    format!("ELF {}, {}", program.machine, megabytes(entrypoint.bytes.len() as u64))
}

fn check_interpreter(files: &Filesystem, program: &Program) -> Result<(), Failure> {
    let Some(interpreter) = &program.interpreter else { return Ok(()) };
    let absent = |reason: String| {
        let cause =
            "the program needs a dynamic linker that the image does not have (`no such file or directory`)";
        Failure::new(cause, format!("{interpreter}: {reason}"), linker_remedy(interpreter))
    };
    let (path, _) = files.resolve(interpreter).map_err(|error| absent(error.to_string()))?;
    let bytes = files.bytes(&path, PROGRAM_BYTES_MAX).map_err(|error| absent(error.to_string()))?;
    let linker = Program::parse_library(&bytes).map_err(|error| absent(format!("{path}: {error}")))?;
    if linker.machine == program.machine {
        return Ok(());
    }
    let cause = format!(
        "the dynamic linker of the image is for {}, its program for {}",
        linker.machine, program.machine
    );
    Err(Failure::new(cause, path, ARGUMENT))
}

fn linker_remedy(interpreter: &str) -> &'static str {
    if interpreter.contains("ld-musl") {
        "build for *-linux-gnu, or use a base with musl"
    } else {
        "use a base with glibc, such as distroless/cc (RUNTIME_IMAGE of the Dockerfile)"
    }
}

fn check_instructions(entrypoint: &Entrypoint) -> Result<String, Failure> {
    let found = unguarded_atomics(&entrypoint.bytes);
    let Some(first) = found.first() else {
        return Ok("no atomics of ARMv8.1 but those that ask the CPU first".to_owned());
    };
    let function = first.function.as_ref().map_or_else(String::new, |function| format!(" in {function}"));
    let evidence = format!(
        "{}: {} of them, the first {} at {:#x}{function}",
        entrypoint.path,
        found.len(),
        first.mnemonic,
        first.address
    );
    Err(Failure::new(
        "the program has atomics of ARMv8.1, on which a Cortex-A53, A57 or A72 (Raspberry Pi 3 and 4) dies (exit 132)",
        evidence,
        "build without target-cpu, with -moutline-atomics for C, and with an allocator for plain armv8-a",
    ))
}

/// None where it cannot be told.
fn check_page_size(
    entrypoint: &Entrypoint,
    program: &Program,
    libraries: &Libraries,
) -> Result<Option<String>, Failure> {
    let pages = "kernels of arm64 have pages of 4, 16 (Raspberry Pi 5) or 64 KiB";
    let loaded = libraries.values().map(|library| (&library.path, &library.program, &library.bytes));
    let mut is_unknown = false;
    for (path, program, bytes) in
        std::iter::once((&entrypoint.path, program, &entrypoint.bytes)).chain(loaded)
    {
        if program.load_alignment_bytes < PAGE_BYTES_MAX {
            let evidence = format!("{path} is aligned to {} bytes; {pages}", program.load_alignment_bytes);
            let cause = "the program cannot be loaded on kernels with larger pages";
            return Err(Failure::new(
                cause,
                evidence,
                "link with -z max-page-size=65536, the default of GNU ld and lld for arm64",
            ));
        }
        match allocator(bytes) {
            Allocator::Jemalloc { page_bytes: Some(built) } if built < PAGE_BYTES_MAX => {
                let evidence = format!("jemalloc in {path} is built for pages of {built} bytes; {pages}");
                let cause =
                    "the allocator aborts on kernels with larger pages (`Unsupported system page size`)";
                return Err(Failure::new(
                    cause,
                    evidence,
                    "build jemalloc with JEMALLOC_SYS_WITH_LG_PAGE=16",
                ));
            }
            Allocator::Jemalloc { page_bytes: None } => is_unknown = true,
            _ => {}
        }
    }
    let allocator = match allocator(&entrypoint.bytes) {
        Allocator::System => "the C library's allocator".to_owned(),
        Allocator::Mimalloc => "mimalloc".to_owned(),
        Allocator::Jemalloc { page_bytes } => {
            format!("jemalloc for pages of {} bytes", page_bytes.unwrap_or(0))
        }
    };
    let evidence = format!("aligned to {} bytes, {allocator}", program.load_alignment_bytes);
    Ok((!is_unknown).then_some(evidence))
}
