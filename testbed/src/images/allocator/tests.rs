use super::*;
use crate::images::elf::samples::Sample;
use object::elf::EM_X86_64;

/// `pages_boot` of jemalloc 5.3.1, by gcc 16 with `-O3`, from before the call to the comparison.
const PAGES_BOOT: &[u32] = &[
    0x5280_03c0, // mov  w0, #0x1e
    0x9100_03fd, // mov  x29, sp
    0xa901_53f3, // stp  x19, x20, [sp, #16]
    0x97fe_678e, // bl   sysconf
    0xb100_041f, // cmn  x0, #0x1
    0x5400_1960, // b.eq ...
    0xd000_1253, // adrp x19, ...
    0x910c_2261, // add  x1, x19, #0x308
    0xf900_0420, // str  x0, [x1, #8]
    0xf140_041f, // cmp  x0, #0x1, lsl #12
];

const RET: u32 = 0xd65f_03c0;

/// As C has it, with `_` for spaces here, so that this very program does not hold it.
fn text(text: &str) -> Vec<u8> {
    [text.replace('_', " ").as_bytes(), &[0]].concat()
}

fn jemalloc(code: &[u32]) -> Sample {
    let mut sample = Sample::arm64(code);
    sample.constants = text("<jemalloc>:_Unsupported_system_page_size\n");
    sample
}

/// `cmp x0, #pages, lsl #12`.
fn built_for(pages: u32) -> Vec<u32> {
    let mut code = PAGES_BOOT.to_vec();
    code[9] = 0xf140_001f | pages << 10;
    code
}

fn page_bytes(code: &[u32]) -> Option<u64> {
    match allocator(&jemalloc(code).build()) {
        Allocator::Jemalloc { page_bytes } => page_bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_page_size_of_jemalloc_is_the_one_it_compares_with() {
    assert_eq!(page_bytes(PAGES_BOOT), Some(4096));
    assert_eq!(page_bytes(&built_for(4)), Some(16384));
    assert_eq!(page_bytes(&built_for(16)), Some(65536));
}

#[test]
fn what_is_no_page_size_is_not_taken_for_one() {
    assert_eq!(page_bytes(&built_for(3)), None);
    assert_eq!(page_bytes(&[RET]), None);
}

#[test]
fn an_answer_that_another_call_overwrote_tells_nothing() {
    let mut code = PAGES_BOOT.to_vec();
    code[5] = 0x97fe_678e;
    assert_eq!(page_bytes(&code), None);
}

#[test]
fn another_question_to_sysconf_tells_nothing() {
    let mut code = PAGES_BOOT.to_vec();
    // mov w0, #0x54: _SC_NPROCESSORS_ONLN
    code[0] = 0x5280_0a80;
    assert_eq!(page_bytes(&code), None);
}

#[test]
fn comparisons_that_disagree_tell_nothing() {
    assert_eq!(page_bytes(&[built_for(1), vec![RET], built_for(16)].concat()), None);
    assert_eq!(page_bytes(&[built_for(4), vec![RET], built_for(4)].concat()), Some(16384));
}

#[test]
fn pages_of_amd64_are_always_the_same() {
    let mut sample = jemalloc(&[]);
    sample.machine = EM_X86_64.0;
    assert_eq!(allocator(&sample.build()), Allocator::Jemalloc { page_bytes: Some(4096) });
}

#[test]
fn mimalloc_is_known_by_its_messages() {
    let mut sample = Sample::arm64(&[RET]);
    sample.constants = text("mimalloc:_warning:_");
    assert_eq!(allocator(&sample.build()), Allocator::Mimalloc);
}

#[test]
fn a_program_that_only_speaks_of_an_allocator_has_none_of_its_own() {
    let mut sample = Sample::arm64(PAGES_BOOT);
    sample.constants =
        b"it prints <jemalloc>: Unsupported system page size; mimalloc: warning: none".to_vec();
    assert_eq!(allocator(&sample.build()), Allocator::System);
    assert_eq!(allocator(&std::fs::read("/proc/self/exe").unwrap()), Allocator::System);
}
