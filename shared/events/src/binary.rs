//! The binary mode of the HTTP binding,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use crate::error::EventError;

/// Turns the `ce-*` headers and the body of a request into the JSON text of the event.
///
/// `headers` are lowercase names without the prefix `ce-`, with values still percent-encoded. JSON data stays as
/// it is; text becomes a JSON string; everything else, and text that is not UTF-8, becomes `data_base64`.
///
/// # Errors
/// A header that is not UTF-8 after decoding, one that has no place in binary mode, or a JSON body that is not JSON.
pub fn structured_from_binary<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<String, EventError> {
    let mut json = String::from("{");
    for (name, value) in headers {
        if matches!(name, "data" | "data_base64" | "datacontenttype") {
            return Err(EventError::invalid(name, format!("header ce-{name} has no place in binary mode")));
        }
        let value =
            std::str::from_utf8(value).ok().and_then(|text| percent_decode_str(text).decode_utf8().ok());
        let value = value.ok_or_else(|| EventError::malformed("the header is not UTF-8").at(name))?;
        member(&mut json, name, &quoted(&value));
    }
    if let Some(content_type) = content_type {
        member(&mut json, "datacontenttype", &quoted(content_type));
    }
    if !body.is_empty() {
        add_data(&mut json, content_type, body)?;
    }
    json.push('}');
    Ok(json)
}

fn add_data(json: &mut String, content_type: Option<&str>, body: &[u8]) -> Result<(), EventError> {
    let media_type = content_type.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if media_type == "application/json" || media_type.ends_with("+json") {
        let data: &RawValue = serde_json::from_slice(body)
            .map_err(|error| EventError::malformed(format!("the body is not JSON: {error}")).at("data"))?;
        member(json, "data", data.get());
    } else if let (true, Ok(text)) = (is_text(&media_type), std::str::from_utf8(body)) {
        member(json, "data", &quoted(text));
    } else {
        member(json, "data_base64", &quoted(&STANDARD.encode(body)));
    }
    Ok(())
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/xml" || media_type.ends_with("+xml")
}

fn member(json: &mut String, name: &str, value: &str) {
    if json.len() > 1 {
        json.push(',');
    }
    json.extend([&quoted(name), ":", value]);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn convert(content_type: Option<&str>, body: &[u8]) -> Result<String, EventError> {
        let headers = [("specversion", "1.0"), ("id", "a%20%22b"), ("source", "/s"), ("type", "t")];
        structured_from_binary(headers.iter().map(|(n, v)| (*n, v.as_bytes())), content_type, body)
    }

    #[test]
    fn headers_become_attributes() {
        let json = convert(None, b"").expect("valid");
        let event = Event::parse(&json).expect("valid");
        assert_eq!((event.id.as_ref(), event.data), ("a \"b", None));
    }

    #[test]
    fn data_follows_the_content_type() {
        let json = convert(Some("application/json; charset=utf-8"), b" {\"b\": 1.50}").expect("valid");
        assert!(
            json.ends_with(r#""datacontenttype":"application/json; charset=utf-8","data":{"b": 1.50}}"#),
            "{json}"
        );
        assert!(convert(Some("text/plain"), b"a\nb").expect("valid").ends_with(r#""data":"a\nb"}"#));
        assert!(convert(Some("image/png"), &[0, 255]).expect("valid").ends_with(r#""data_base64":"AP8="}"#));
        assert!(convert(None, b"x").expect("valid").ends_with(r#""data_base64":"eA=="}"#));
    }

    #[test]
    fn broken_json_body_names_data() {
        let error = convert(Some("application/json"), b"{").expect_err("not JSON");
        assert_eq!(error.field.as_deref(), Some("data"));
    }
}
