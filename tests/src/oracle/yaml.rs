//! YAML as loose maps, and the few shapes that policy files give their values.

use serde_json::Value;

/// The document. Panics on a file that is not YAML.
pub(super) fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("not YAML: {error}\n{text}"))
}

/// The entries of a map; none of anything else.
pub(super) fn entries(value: &Value) -> Vec<(String, Value)> {
    let map = value.as_object().cloned().unwrap_or_default();
    map.into_iter().collect()
}

/// A word, however the file spelt it: `on` and `true` are the same.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::String(text) if text == "true" => "on".into(),
        Value::String(text) if text == "false" => "off".into(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A list of words; one word alone is a list of it.
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(word).collect(),
        one => vec![word(one)],
    }
}

/// Whether a switch is on; off when it is missing.
pub(super) fn is_on(value: &Value) -> bool {
    word(value) == "on"
}

/// The permissions of a list with `*` and `except`, out of `all`.
pub(super) fn expand(value: &Value, all: &[String]) -> Vec<String> {
    let said = words(value);
    let wanted = |name: &str| {
        let taken =
            said.iter().filter_map(|item| item.strip_prefix("except ")).any(|p| matches(p.trim(), name));
        let given = said.iter().filter(|item| !item.starts_with("except ")).any(|p| matches(p, name));
        given && !taken
    };
    all.iter().filter(|name| wanted(name)).cloned().collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    let (module, action) = name.split_once('.').expect("a permission has a module");
    pattern == "*"
        || pattern == name
        || pattern == format!("{module}.*")
        || pattern == format!("*.{action}")
        || pattern == "*.*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_anchors_and_patterns_are_read_as_the_files_mean_them() {
        let read = read(
            "a: &x [users.*, except users.edit]\nb: *x\nc: { on: [], requires: { seen: on, not: false } }",
        );
        let all = ["users.view", "users.edit", "money.view"].map(str::to_owned);
        assert_eq!(expand(&read["b"], &all), ["users.view"]);
        assert_eq!(words(&read["c"]["on"]), Vec::<String>::new());
        assert_eq!(
            (word(&read["c"]["requires"]["seen"]), word(&read["c"]["requires"]["not"])),
            ("on".into(), "off".into())
        );
        assert_eq!(expand(&serde_json::json!("*.view"), &all), ["users.view", "money.view"]);
    }
}
