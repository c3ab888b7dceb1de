use super::*;
use crate::images::elf::samples::{ADDRESS, Sample};

/// `ldaddal x1, x2, [x0]`.
const LDADDAL: u32 = 0xf8e1_0002;

const RET: u32 = 0xd65f_03c0;

/// Machine code of `as` (binutils 2.47, `.arch armv9.4-a+lse128+rcpc3`) for registers 1 to 6, with the instruction's name here.
const ATOMICS: &[(u32, &str)] = &[
    (0x88a3_7ca4, "cas"),    // cas w3, w4, [x5]
    (0x08e3_7ca4, "cas"),    // casab w3, w4, [x5]
    (0x48a3_7ca4, "cas"),    // cash w3, w4, [x5]
    (0xc8e3_fca4, "cas"),    // casal x3, x4, [x5]
    (0x0822_7cc4, "casp"),   // casp w2, w3, w4, w5, [x6]
    (0x4862_fcc4, "casp"),   // caspal x2, x3, x4, x5, [x6]
    (0xb823_00a4, "ldadd"),  // ldadd w3, w4, [x5]
    (0x38e3_00a4, "ldadd"),  // ldaddalb w3, w4, [x5]
    (0xf823_00bf, "ldadd"),  // stadd x3, [x5]
    (0xb823_10a4, "ldclr"),  // ldclr w3, w4, [x5]
    (0x7863_10a4, "ldclr"),  // ldclrlh w3, w4, [x5]
    (0xf8a3_20a4, "ldeor"),  // ldeora x3, x4, [x5]
    (0x3863_20bf, "ldeor"),  // steorlb w3, [x5]
    (0xf8e3_30a4, "ldset"),  // ldsetal x3, x4, [x5]
    (0x7823_30bf, "ldset"),  // stseth w3, [x5]
    (0xb823_40a4, "ldsmax"), // ldsmax w3, w4, [x5]
    (0x38a3_40a4, "ldsmax"), // ldsmaxab w3, w4, [x5]
    (0xf863_50bf, "ldsmin"), // stsminl x3, [x5]
    (0x78e3_60a4, "ldumax"), // ldumaxalh w3, w4, [x5]
    (0xf863_70a4, "ldumin"), // lduminl x3, x4, [x5]
    (0xb823_80a4, "swp"),    // swp w3, w4, [x5]
    (0x3823_80a4, "swp"),    // swpb w3, w4, [x5]
    (0xf8e3_80a4, "swp"),    // swpal x3, x4, [x5]
    (0xb8bf_c0a3, "ldapr"),  // ldapr w3, [x5]
    (0x38bf_c0a3, "ldapr"),  // ldaprb w3, [x5]
    (0xd95f_b0a3, "ldapur"), // ldapur x3, [x5, #-5]
    (0x59c0_3041, "ldapur"), // ldapursh w1, [x2, #3]
    (0x9980_3041, "ldapur"), // ldapursw x1, [x2, #3]
    (0x1900_70a3, "stlur"),  // stlurb w3, [x5, #7]
    (0xd900_70a3, "stlur"),  // stlur x3, [x5, #7]
    (0x1922_1061, "ldclrp"), // ldclrp x1, x2, [x3]
    (0x19a2_1061, "ldclrp"), // ldclrpa x1, x2, [x3]
    (0x1962_3061, "ldsetp"), // ldsetpl x1, x2, [x3]
    (0x19e2_8061, "swpp"),   // swppal x1, x2, [x3]
];

/// Neighbours of the above in the encoding that a Cortex-A53 executes, or that other extensions have.
const OTHERS: &[u32] = &[
    0x3860_6841, // ldrb w1, [x2, x0]
    0xc85f_7c20, // ldxr x0, [x1]
    0x085f_fc20, // ldaxrb w0, [x1]
    0xc802_fc20, // stlxr w2, x0, [x1]
    0xc87f_0440, // ldxp x0, x1, [x2]
    0xc8df_fc20, // ldar x0, [x1]
    0x889f_fc20, // stlr w0, [x1]
    0xf840_3020, // ldur x0, [x1, #3]
    0xf840_8820, // ldtr x0, [x1, #8]
    0xf840_8420, // ldr x0, [x1], #8
    0xf840_8c20, // ldr x0, [x1, #8]!
    0x3dc0_0420, // ldr q0, [x1, #16]
    0xa9bf_07e0, // stp x0, x1, [sp, #-16]!
    0xf980_0000, // prfm pldl1keep, [x0]
    0xd920_0820, // stg x0, [x1]
    0x1901_0440, // cpyfp [x0]!, [x1]!, x2!
    0xf83f_d020, // ld64b x0, [x1]
    0xf83f_9020, // st64b x0, [x1]
    0x3820_9041, // rcwclr x0, x1, [x2]
    0x38a0_a041, // rcwswpa x0, x1, [x2]
    0x3820_b041, // rcwset x0, x1, [x2]
    0x38a3_c0a3, // ldaprb but for register 31, which is not allocated
    0x0823_7cc4, // casp with an odd register, which is not allocated
];

/// `__aarch64_ldadd8_acq_rel` of libgcc 16; those of compiler-rt and of Rust's compiler-builtins have the same form.
const HELPER_LDADD: &[u32] = &[
    0x9000_0110, // adrp  x16, ...
    0x3941_7210, // ldrb  w16, [x16, #92]
    0x3400_0070, // cbz   w16, 5
    0xf8e0_0020, // ldaddal x0, x0, [x1]
    RET,         //
    0xaa00_03f0, // mov   x16, x0
    0xc85f_fc20, // ldaxr x0, [x1]
    0x8b10_0011, // add   x17, x0, x16
    0xc80f_fc31, // stlxr w15, x17, [x1]
    0x35ff_ffaf, // cbnz  w15, 6
    RET,
];

/// `__aarch64_cas8_acq_rel` of libgcc 16.
const HELPER_CAS: &[u32] = &[
    0x9000_0110, // adrp  x16, ...
    0x3941_7210, // ldrb  w16, [x16, #92]
    0x3400_0070, // cbz   w16, 5
    0xc8e0_fc41, // casal x0, x1, [x2]
    RET,         //
    0xaa00_03f0, // mov   x16, x0
    0xc85f_fc40, // ldaxr x0, [x2]
    0xeb10_001f, // cmp   x0, x16
    0x5400_0061, // b.ne  11
    0xc811_fc41, // stlxr w17, x1, [x2]
    0x35ff_ff91, // cbnz  w17, 6
    RET,
];

/// As Go's compiler has it: in the midst of a function.
const IN_PLACE: &[u32] = &[
    0x9000_001b, // adrp  x27, ...
    0x3940_437b, // ldrb  w27, [x27, #16]
    0x3400_007b, // cbz   w27, 5
    LDADDAL,     //
    0x1400_0005, // b     9
    0xc85f_fc02, // ldaxr x2, [x0]
    0x8b01_0043, // add   x3, x2, x1
    0xc81b_fc03, // stlxr w27, x3, [x0]
    0x35ff_ffbb, // cbnz  w27, 5
    RET,
];

/// With the atomic on the side that is branched to.
const FAR_SIDE: &[u32] = &[
    0x9000_0010, // adrp  x16, ...
    0x3940_4210, // ldrb  w16, [x16, #16]
    0x3500_00d0, // cbnz  w16, 8
    0xc85f_fc02, // ldaxr x2, [x0]
    0x8b01_0043, // add   x3, x2, x1
    0xc811_fc03, // stlxr w17, x3, [x0]
    0x35ff_ffb1, // cbnz  w17, 3
    RET,         //
    LDADDAL,     //
    RET,
];

/// With the loop before the helper that uses it.
const LOOP_BEFORE: &[u32] = &[
    0xc85f_fc02, // ldaxr x2, [x0]
    0xc811_fc01, // stlxr w17, x1, [x0]
    0x35ff_ffd1, // cbnz  w17, 0
    RET,         //
    0x9000_0010, // adrp  x16, ...
    0x3940_4210, // ldrb  w16, [x16, #16]
    0x34ff_ff50, // cbz   w16, 0
    0xf8e1_8002, // swpal x1, x2, [x0]
    RET,
];

/// With the bit of `AT_HWCAP` itself (`HWCAP_ATOMICS`, 1 << 8).
const HWCAP_BIT: &[u32] = &[
    0x9000_0010, // adrp  x16, ...
    0xf940_0a10, // ldr   x16, [x16, #16]
    0x3640_0070, // tbz   w16, #8, 5
    0xf8e1_8002, // swpal x1, x2, [x0]
    RET,         //
    0xc85f_fc02, // ldaxr x2, [x0]
    0xc811_fc01, // stlxr w17, x1, [x0]
    0x35ff_ffd1, // cbnz  w17, 5
    RET,
];

/// `if (enabled) atomic_fetch_add(&count, x)`, by gcc 16 with `-march=armv8.1-a`.
const OWN_FLAG: &[u32] = &[
    0x9000_0101, // adrp  x1, ...
    0x9101_0021, // add   x1, x1, #0x40
    0x3940_4022, // ldrb  w2, [x1, #16]
    0x3500_0042, // cbnz  w2, 5
    RET,         //
    0xf8e0_0020, // ldaddal x0, x0, [x1]
    RET,
];

fn found_at(sample: &Sample) -> Vec<u64> {
    unguarded_atomics(&sample.build()).iter().map(|atomic| (atomic.address - ADDRESS) / 4).collect()
}

#[test]
fn each_atomic_of_the_assembler_is_found_by_its_name() {
    for (word, name) in ATOMICS {
        let found = unguarded_atomics(&Sample::arm64(&[*word, RET]).build());
        let expected = UnguardedAtomic { address: ADDRESS, mnemonic: name, function: None };
        assert_eq!(found, [expected], "{word:#010x}");
    }
}

#[test]
fn instructions_of_a_similar_encoding_are_not_reported() {
    for word in OTHERS {
        assert_eq!(encoding::atomic(*word), None, "{word:#010x}");
    }
}

#[test]
fn code_that_asks_the_cpu_first_is_not_reported() {
    for guarded in [HELPER_LDADD, HELPER_CAS, IN_PLACE, FAR_SIDE, LOOP_BEFORE, HWCAP_BIT] {
        assert_eq!(found_at(&Sample::arm64(guarded)), [0; 0], "{guarded:#010x?}");
        assert_eq!(
            found_at(&Sample::arm64(guarded).with_symbols(&[("$x", 0, 0)])),
            [0; 0],
            "{guarded:#010x?}"
        );
    }
}

#[test]
fn a_flag_of_the_program_itself_is_no_guard() {
    assert_eq!(found_at(&Sample::arm64(OWN_FLAG)), [5]);
}

#[test]
fn a_helper_guards_its_own_instruction_only() {
    let after = [HELPER_LDADD, &[LDADDAL, RET]].concat();
    let before = [&[LDADDAL, RET], HELPER_LDADD].concat();
    assert_eq!(found_at(&Sample::arm64(&after)), [HELPER_LDADD.len() as u64]);
    assert_eq!(found_at(&Sample::arm64(&before)), [0]);
}

#[test]
fn a_guard_ends_with_the_line_that_it_guards() {
    let mut code = HELPER_LDADD.to_vec();
    code.swap(3, 4);
    assert_eq!(found_at(&Sample::arm64(&code)), [4]);
}

#[test]
fn the_loop_of_a_load_exclusive_is_no_guard_of_what_follows_it() {
    // Like `OWN_FLAG`'s tail, but the branch tests whether the store-exclusive failed.
    let code = [0xc85f_fc02, 0xc811_fc01, 0x35ff_ffd1, LDADDAL, RET];
    assert_eq!(found_at(&Sample::arm64(&code)), [3]);
}

#[test]
fn a_guard_needs_a_flag_that_was_loaded_into_the_register_it_tests() {
    let mut code = HELPER_LDADD.to_vec();
    // ldrb w15, [x16, #92]
    code[1] = 0x3941_720f;
    assert_eq!(found_at(&Sample::arm64(&code)), [3]);
}

#[test]
fn a_table_that_symbols_mark_is_not_code() {
    let code = [RET, LDADDAL, LDADDAL, RET, LDADDAL, RET];
    let sample = Sample::arm64(&code).with_symbols(&[("$x", 0, 0), ("$d.1", 1, 0), ("$x.2", 3, 0)]);
    assert_eq!(found_at(&sample), [4]);
}

#[test]
fn a_table_without_symbols_is_told_by_what_is_around_it() {
    let table = [0x0000_0001, LDADDAL, 0x0200_0000, LDADDAL, 0xd503_201f, 0x0600_0000];
    assert_eq!(found_at(&Sample::arm64(&table)), [0; 0]);
    for table in [[RET, LDADDAL, 0x0200_0000], [0x0200_0000, LDADDAL, RET]] {
        assert_eq!(found_at(&Sample::arm64(&table)), [0; 0]);
    }
    // With a mark that says so, even this is code.
    assert_eq!(found_at(&Sample::arm64(&table).with_symbols(&[("$x", 0, 0)])), [1, 3]);
}

#[test]
fn padding_between_functions_hides_nothing() {
    assert_eq!(found_at(&Sample::arm64(&[RET, 0, 0, LDADDAL, RET, 0, 0])), [3]);
    // Zeros that follow no end of a function are a table.
    assert_eq!(found_at(&Sample::arm64(&[0xd503_201f, 0, 0, LDADDAL, RET])), [0; 0]);
}

#[test]
fn the_function_is_named_where_there_are_symbols() {
    let code = [RET, LDADDAL, RET, LDADDAL, RET, LDADDAL];
    let sample = Sample::arm64(&code).with_symbols(&[
        ("$x", 0, 0),
        ("first", 0, 1),
        ("second", 1, 2),
        ("third", 3, 2),
    ]);
    let functions: Vec<_> =
        unguarded_atomics(&sample.build()).into_iter().map(|atomic| atomic.function).collect();
    assert_eq!(functions, [Some("second".to_owned()), Some("third".to_owned()), None]);
}

#[test]
fn constants_behind_the_last_function_are_not_code() {
    let mut sample = Sample::arm64(&[LDADDAL, RET]);
    sample.constants = [RET, LDADDAL, RET].iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(found_at(&sample), [0, 3]);
    sample.unwind_table = true;
    assert_eq!(found_at(&sample), [0]);
}

#[test]
fn segments_that_overlap_are_read_once() {
    const SEGMENTS: u16 = 100;
    let mut bytes = Sample::arm64(&[RET, LDADDAL, RET]).build();
    // One program header of the whole file, over and over.
    let mut header = bytes[64..120].to_vec();
    let all = bytes.len() as u64 + u64::from(SEGMENTS) * 56;
    header[8..16].fill(0);
    header[32..40].copy_from_slice(&all.to_le_bytes());
    let place = bytes.len() as u64;
    bytes.extend(header.repeat(SEGMENTS.into()));
    bytes[32..40].copy_from_slice(&place.to_le_bytes());
    bytes[56..58].copy_from_slice(&SEGMENTS.to_le_bytes());
    assert_eq!(unguarded_atomics(&bytes).len(), 1);
}

#[test]
fn other_machines_have_no_such_instructions() {
    let mut sample = Sample::arm64(&[LDADDAL, RET]);
    sample.machine = object::elf::EM_X86_64.0;
    assert_eq!(unguarded_atomics(&sample.build()), []);
    assert_eq!(unguarded_atomics(b"#!/bin/sh\n"), []);
}
