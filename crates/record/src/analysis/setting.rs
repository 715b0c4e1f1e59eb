//! Settings: in what the manifests of runs differ, and what to call them.

use serde_json::Value;

use crate::Manifest;

/// A setting that is not the same in all of several manifests.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The way to it in the manifest, with dots: `evaluator.config.epochs`.
    pub name: String,
    /// What each has, in the order of the manifests; `None` where it has no such setting.
    pub values: Vec<Option<Value>>,
}

/// The parts of a manifest that say when, rather than what.
const WHEN: [&str; 2] = ["created_ms", "schema"];

/// What may tell the seeds of one setting apart, see [`Manifest::setting`].
const OF_SEEDS: [&str; 4] = ["seed", "git_commit", "versions", "limits.max_trial_mib"];

/// The settings that are not the same in all manifests, in their order there; lists are compared as
/// wholes. When a run was made is no setting.
pub fn differences(manifests: &[&Manifest]) -> Vec<Difference> {
    let flat: Vec<Vec<(String, Value)>> = manifests
        .iter()
        .map(|manifest| {
            let mut found = Vec::new();
            // A manifest that was read from JSON can be written as JSON.
            flatten("", serde_json::to_value(manifest).unwrap_or_default(), &mut found);
            found
        })
        .collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in flat.iter().flatten() {
        if !names.contains(&name) && !WHEN.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let value = |settings: &Vec<(String, Value)>, name: &String| {
        settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let all = names.into_iter().map(|name| Difference {
        name: name.clone(),
        values: flat.iter().map(|settings| value(settings, name)).collect(),
    });
    all.filter(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1])).collect()
}

fn flatten(path: &str, value: Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let below = if path.is_empty() { key } else { format!("{path}.{key}") };
                flatten(&below, value, found);
            }
        }
        other => found.push((path.to_owned(), other)),
    }
}

/// What tells these settings apart in a few words: the searcher, and what else is not the same in all of
/// them. Seeds are none of that; where the words are not enough, a number is added.
pub fn setting_names(manifests: &[&Manifest]) -> Vec<String> {
    let mut names: Vec<String> =
        manifests.iter().map(|manifest| manifest.searcher.name.clone()).collect();
    let differing = differences(manifests);
    for Difference { name, values } in &differing {
        let own = |of: &str| name == of || name.starts_with(&format!("{of}."));
        if own("searcher.name") || OF_SEEDS.into_iter().any(own) {
            continue;
        }
        let told_apart = names.iter().enumerate().all(|(at, name)| !names[..at].contains(name));
        // What a run is of is said in any case, how exactly only as far as that is needed.
        let short = name.rsplit('.').next().unwrap_or(name);
        let is_name = short == "name";
        if (told_apart && !is_name) || values.iter().flatten().any(Value::is_array) {
            continue;
        }
        for (own, value) in std::iter::zip(&mut names, values) {
            let text = match value {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => continue,
            };
            own.push_str(" · ");
            if !is_name {
                own.push_str(short);
                own.push(' ');
            }
            own.push_str(&text);
        }
    }
    let plain = names.clone();
    for (at, name) in names.iter_mut().enumerate() {
        if plain.iter().filter(|other| **other == plain[at]).count() > 1 {
            let number = plain[..=at].iter().filter(|other| **other == plain[at]).count();
            *name = format!("{name} ({number})");
        }
    }
    names
}
