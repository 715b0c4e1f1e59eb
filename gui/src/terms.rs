//! What the terms of the field mean, for whoever points at one.

/// What a term means, if it needs saying.
pub(crate) fn meaning(term: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == term).map(|(_, meaning)| *meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    ("space", "The search space: all the architectures that can be proposed"),
    ("searcher", "Proposes architectures, and learns from what came of earlier ones"),
    ("evaluator", "Turns an architecture into metrics: by training it, or by looking it up"),
    ("pruner", "Ends trials early whose learning curves promise little"),
    ("data", "What is trained and validated on"),
    ("objectives", "The metrics that the search is for; with several it looks for a Pareto front"),
    ("constraints", "What the best must keep; what cannot keep it is not even trained"),
    ("architectures", "How many different ones the space has, and the choices that make one"),
    ("seed", "All random numbers derive from it: with the same seed a search is the same"),
    (
        "lookahead",
        "How many trials may be open when the next one is proposed. The searcher knows of all before \
         those, whatever the number of workers, so that the history does not depend on it",
    ),
    (
        "duplicates",
        "What happens with an architecture that means the same network as an earlier one",
    ),
    ("imported trials", "Trials of other runs that this one began with"),
    ("tried first", "Architectures that were evaluated before the searcher was asked"),
    ("final epochs", "For how long the best architecture is trained again after the search"),
    ("device", "What the networks are trained on"),
    ("sessions", "How often the search was started: once, and again after each interruption"),
    ("trials at a time", "The time of all trials, divided by the time that has passed"),
    ("most time", "Each session may take so long"),
    ("most cost", "The simulated time of a table, or what else a trial reports as its cost"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_there_once() {
        for (at, (term, _)) in MEANINGS.iter().enumerate() {
            assert!(!MEANINGS[..at].iter().any(|(before, _)| before == term), "{term}");
        }
        assert!(meaning("lookahead").is_some_and(|text| text.contains("workers")));
        assert_eq!(meaning("rustc"), None);
    }
}
