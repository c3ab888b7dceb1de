use super::*;
use crate::plan::Load;
use crate::progress::ProbeProgress;
use crate::progress::tests::{plan, slice};
use crate::tally::{Fate, Tally, add_reason};

/// What is drawn, a line each, without colours.
fn text(plan: &Plan, progress: &Progress, columns: u16) -> String {
    let buffer = draw(plan, progress, (columns, 40));
    let row = |y| {
        let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

/// 37 s into the second phase, whose rate goes up and down.
fn running() -> Progress {
    let mut progress = Progress::new();
    (progress.stage, progress.elapsed) = (Stage::Phase(1), Duration::from_secs(47));
    let mut phase = Tally::default();
    for second in 0..47 {
        let slice = slice(1000 + second % 10 * 100);
        phase.add(&slice);
        progress.update(second, &slice, &phase);
    }
    (progress.connections, progress.in_flight) = (16, 3);
    progress
}

fn troubled() -> Progress {
    let mut progress = running();
    let mut slice = slice(2000);
    slice.events.count(Fate::Refused, 12);
    slice.events.count(Fate::Unknown, 3);
    slice.events.count(Fate::Unsent, 7000);
    slice.repeated_events.count(Fate::Accepted, 20);
    slice.malformed_events.count(Fate::Refused, 5);
    slice.late_requests = 41;
    slice.connect_failures = 2;
    slice.send_lateness.record_many(Duration::from_millis(4), 100);
    add_reason(&mut slice.refusals, "503 redis-unavailable", 2);
    add_reason(&mut slice.refusals, "429 backlog-full", 10);
    add_reason(&mut slice.unknowns, "timeout", 3);
    progress.update(47, &slice, &slice);
    progress.probes = Some(ProbeProgress {
        seen: 90,
        unseen: 1,
        accepted_to_queryable: crate::progress::Quantiles::of(&slice.response_time),
        ..ProbeProgress::default()
    });
    progress
}

#[test]
fn screen_of_80_columns() {
    insta::assert_snapshot!(text(&plan(), &running(), 80));
}

#[test]
fn screen_of_120_columns_with_everything_that_can_go_wrong() {
    insta::assert_snapshot!(text(&plan(), &troubled(), 120));
}

#[test]
fn troubles_fit_80_columns() {
    insta::assert_snapshot!(text(&plan(), &troubled(), 80));
}

#[test]
fn closed_loop_is_named_and_shows_no_response_time() {
    let mut plan = plan();
    plan.phases[1].load = Load::Closed;
    let text = text(&plan, &running(), 80);
    assert!(text.contains("closed loop: service times only"), "{text}");
    assert!(!text.contains("response time") && !text.contains("planned"), "{text}");
}

#[test]
fn endless_phase_shows_how_long_it_has_lasted() {
    let mut plan = plan();
    plan.is_endless = true;
    let text = text(&plan, &running(), 80);
    let title = text.lines().next().unwrap();
    assert!(title.starts_with("run run-7  measure (2 of 2)  ") && title.ends_with("  0:37"), "{text}");
    assert!(!title.contains('━'), "{text}");
}

#[test]
fn whom_a_run_waits_for_is_named() {
    let mut progress = Progress::new();
    progress.waits_for = "shards 2, 3 of 4".to_owned();
    let text = text(&plan(), &progress, 80);
    assert!(text.starts_with("run run-7  waits for shards 2, 3 of 4\n"), "{text}");
    progress.stage = Stage::Drain;
    let text = self::text(&plan(), &progress, 80);
    assert!(text.starts_with("run run-7  waits for the last answers\n"), "{text}");
}

#[test]
fn tiny_terminals_do_not_break() {
    for (columns, rows) in [(0, 0), (1, 1), (10, 3), (40, 8), (500, 200)] {
        let area = draw(&plan(), &troubled(), (columns, rows)).area;
        assert!(area.width <= columns && area.height < rows.max(1), "{area}");
    }
}
