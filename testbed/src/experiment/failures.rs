//! Runs that could not be carried out: what they have left stays in the bundle, and too many in a row end a campaign.

use experiment::bundle::{BundleError, BundleWriter, Event, StagedRun};

/// Runs in a row after which something is wrong that more of them do not mend.
const IN_A_ROW_MAX: u32 = 3;

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Failures {
    in_a_row: u32,
}

impl Failures {
    /// A run could be carried out.
    pub(super) fn end(&mut self) {
        self.in_a_row = 0;
    }

    /// A run could not: keeps what it has left, and has the journal say why. What it returns ends the campaign.
    ///
    /// # Errors
    /// A bundle that cannot be written.
    pub(super) fn add(
        &mut self,
        writer: &mut BundleWriter,
        staged: StagedRun,
        (number, attempt): (u32, u32),
        error: &anyhow::Error,
    ) -> Result<Option<String>, BundleError> {
        let mut message = format!("{error:#}");
        let before = staged.directory().display().to_string();
        if let Some(place) = staged.set_aside()? {
            // Logs are named by where they were.
            message = message.replace(&before, &place.display().to_string());
        }
        writer.append(Event::RunFailed { number, attempt, message: message.clone() })?;
        self.in_a_row += 1;
        Ok((self.in_a_row >= IN_A_ROW_MAX).then(|| {
            format!(
                "{IN_A_ROW_MAX} runs in a row could not be carried out, the last because {message}; what was measured is in {}: \
                 mend it and go on with `testbed experiment resume`",
                writer.directory().display()
            )
        }))
    }
}
