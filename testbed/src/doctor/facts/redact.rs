//! Takes passwords out of text that is written to a recording.

/// The text without what stands before the `@` of an URL: `redis://user:secret@redis:6379` becomes
/// `redis://***@redis:6379`.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find("://") {
        let (before, after) = rest.split_at(position + 3);
        redacted.push_str(before);
        let is_end = |character: char| {
            character.is_whitespace() || matches!(character, '/' | '?' | '#' | '"' | '\'' | ',')
        };
        let authority = &after[..after.find(is_end).unwrap_or(after.len())];
        match authority.rfind('@') {
            Some(at) => {
                redacted.push_str("***");
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    redacted + rest
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_in_urls_are_taken_out() {
        for (text, redacted) in [
            ("redis://user:secret@redis:6379/0", "redis://***@redis:6379/0"),
            ("redis://:p@ss@redis:6379", "redis://***@redis:6379"),
            ("from \"http://a:b@h/x\" to rediss://c:d@r", "from \"http://***@h/x\" to rediss://***@r"),
        ] {
            assert_eq!(redact(text), redacted);
        }
    }

    #[test]
    fn what_has_no_password_stays() {
        for text in ["http://host:5000/v2/", "a@b.example", "redis://redis:6379?x=a@b", "no url"] {
            assert_eq!(redact(text), text);
        }
    }
}
