//! What a search run leaves behind: vocabulary, event log, fold and analyses.
