//! "Did you mean …?" for every name that a person types.

/// The candidate nearest to `name`, if one is near enough to be a likely slip of the hand.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &fold(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The tail of an error about an unknown name: `; did you mean "x"? known: x, y, z`.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let list = known.clone().into_iter().collect::<Vec<_>>().join(", ");
    match nearest(name, known) {
        Some(near) => format!("did you mean \"{near}\"? known: {list}"),
        None => format!("known: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_its_name() {
        let known = ["random", "regularized_evolution", "local_search"];
        assert_eq!(nearest("regularised-evolution", known), Some("regularized_evolution"));
        assert_eq!(nearest("randon", known), Some("random"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(
            suggestion("randon", known),
            "did you mean \"random\"? known: random, regularized_evolution, local_search"
        );
    }
}
