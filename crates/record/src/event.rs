//! What happens in a run, one event after another. This is the file format: a change of meaning
//! raises [`SCHEMA`](crate::SCHEMA), names are never reused, and readers skip what they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Architecture, BlobId, Budget, Metrics, Outcome, Proposal, Signals, TrialId};

/// A process has opened the run, for the first time or to resume it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionStarted {
    /// The version of nascent.
    pub version: String,
    /// The number of workers, which has no influence on the results.
    pub workers: u32,
    /// The limits that hold from here on.
    pub budget: Budget,
}

/// The searcher has trained something of its own, such as the shared weights of a supernet, for one
/// epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearcherTrained {
    /// The number of the epoch, from 1.
    pub epoch: u32,
    /// How many there will be.
    pub epochs: u32,
    /// How many trials the searcher had been told of.
    pub told: u32,
    /// The architecture that it would propose now, if it knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// What came of it, as numbers by name.
    pub signals: Signals,
    /// The searcher's snapshot behind it. Only that of the last epoch is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BlobId>,
}

/// A trial has been proposed; written again when an interrupted trial is run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialStarted {
    /// The trial.
    pub trial: TrialId,
    /// What was proposed.
    pub proposal: Proposal,
    /// How many trials the searcher had been told of.
    pub told: u32,
    /// The searcher's snapshot after the proposal, if it keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BlobId>,
    /// The weights that its network begins with, if the searcher gives any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<BlobId>,
}

/// A running trial has reached an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialReported {
    /// The trial.
    pub trial: TrialId,
    /// The epochs it has trained.
    pub step: u32,
    /// Its metrics then.
    pub metrics: Metrics,
}

/// A trial has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialFinished {
    /// The trial.
    pub trial: TrialId,
    /// What came of it.
    pub outcome: Outcome,
    /// The epochs it trained.
    #[serde(default)]
    pub epochs: u32,
    /// The blobs it left, by what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, BlobId>,
    /// What the time went to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// What the time of a trial went to, in milliseconds. It depends on the machine, and is no part of the
/// history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The searcher, with what it learned before: until it proposed this trial.
    pub ask_ms: u64,
    /// Training.
    pub train_ms: u64,
    /// What is no training: making the network, validation, and what else is measured or looked up.
    pub evaluate_ms: u64,
}

/// The architecture of a trial was trained again after the search, longer, and tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrained {
    /// The trial whose architecture it is.
    pub trial: TrialId,
    /// The metrics, those of the test data among them.
    pub metrics: Metrics,
    /// The epochs of training.
    pub epochs: u32,
    /// The blobs it left, by what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, BlobId>,
}

/// Why a search is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The budget of trials is spent.
    MaxTrials,
    /// The budget of training epochs is spent.
    MaxEpochs,
    /// The budget of simulated or measured cost is spent.
    MaxCost,
    /// The budget of wall-clock time is spent.
    MaxWallClock,
    /// The searcher has nothing more to propose.
    Exhausted,
    /// A reason that a newer version knows.
    #[serde(other)]
    Other,
}

/// The search is over. A run that was resumed with a larger budget goes on behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// Why.
    pub reason: FinishReason,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// See [`SessionStarted`].
    SessionStarted(SessionStarted),
    /// See [`SearcherTrained`].
    SearcherTrained(SearcherTrained),
    /// See [`TrialStarted`].
    TrialStarted(TrialStarted),
    /// See [`TrialReported`].
    TrialReported(TrialReported),
    /// See [`TrialFinished`].
    TrialFinished(TrialFinished),
    /// See [`Retrained`].
    Retrained(Retrained),
    /// See [`RunFinished`].
    RunFinished(RunFinished),
}

/// An event and when it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What happened; `None` for a kind of event that this version does not know.
    pub event: Option<Event>,
}

/// A line of the log: `{"at_ms":…,"trial_started":{…}}`. Optional fields instead of a tagged enum
/// let serde read it in one pass without a copy, and make unknown kinds skip themselves.
#[derive(Default, Serialize, Deserialize)]
struct Line<'a> {
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_started: Option<Held<'a, SessionStarted>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    searcher_trained: Option<Held<'a, SearcherTrained>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_started: Option<Held<'a, TrialStarted>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_reported: Option<Held<'a, TrialReported>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_finished: Option<Held<'a, TrialFinished>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retrained: Option<Held<'a, Retrained>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_finished: Option<Held<'a, RunFinished>>,
}

/// Borrowed to be written, owned once read.
enum Held<'a, T> {
    Borrowed(&'a T),
    Owned(T),
}

impl<T: Serialize> Serialize for Held<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Borrowed(value) => value.serialize(serializer),
            Self::Owned(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Held<'_, T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Owned)
    }
}

impl<T: Clone> Held<'_, T> {
    fn into_owned(self) -> T {
        match self {
            Self::Borrowed(value) => value.clone(),
            Self::Owned(value) => value,
        }
    }
}

impl Logged {
    /// The line of the log, without its end.
    pub(crate) fn to_line(&self) -> serde_json::Result<String> {
        let mut line = Line { at_ms: self.at_ms, ..Line::default() };
        match &self.event {
            Some(Event::SessionStarted(e)) => line.session_started = Some(Held::Borrowed(e)),
            Some(Event::SearcherTrained(e)) => line.searcher_trained = Some(Held::Borrowed(e)),
            Some(Event::TrialStarted(e)) => line.trial_started = Some(Held::Borrowed(e)),
            Some(Event::TrialReported(e)) => line.trial_reported = Some(Held::Borrowed(e)),
            Some(Event::TrialFinished(e)) => line.trial_finished = Some(Held::Borrowed(e)),
            Some(Event::Retrained(e)) => line.retrained = Some(Held::Borrowed(e)),
            Some(Event::RunFinished(e)) => line.run_finished = Some(Held::Borrowed(e)),
            None => {}
        }
        serde_json::to_string(&line)
    }

    /// Reads a line of the log.
    pub(crate) fn from_line(line: &[u8]) -> serde_json::Result<Self> {
        // Without its end, which the parser would count as a second line.
        let line: Line<'_> = serde_json::from_slice(line.trim_ascii_end())?;
        let event = None
            .or_else(|| line.session_started.map(|e| Event::SessionStarted(e.into_owned())))
            .or_else(|| line.searcher_trained.map(|e| Event::SearcherTrained(e.into_owned())))
            .or_else(|| line.trial_started.map(|e| Event::TrialStarted(e.into_owned())))
            .or_else(|| line.trial_reported.map(|e| Event::TrialReported(e.into_owned())))
            .or_else(|| line.trial_finished.map(|e| Event::TrialFinished(e.into_owned())))
            .or_else(|| line.retrained.map(|e| Event::Retrained(e.into_owned())))
            .or_else(|| line.run_finished.map(|e| Event::RunFinished(e.into_owned())));
        Ok(Self { at_ms: line.at_ms, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Event> {
        Logged::from_line(line.as_bytes()).unwrap().event
    }

    #[test]
    fn unknown_kinds_and_fields_are_skipped() {
        let known = read(r#"{"at_ms":1,"run_finished":{"reason":"exhausted"}}"#);
        assert!(matches!(known, Some(Event::RunFinished(_))));
        let more = r#"{"x":{"y":[1]},"run_finished":{"z":null,"reason":"exhausted"},"at_ms":1}"#;
        assert_eq!(read(more), known);
        assert_eq!(read(r#"{"at_ms":1,"of_tomorrow":{"trial":"7"}}"#), None);
        let Some(Event::RunFinished(finished)) =
            read(r#"{"at_ms":1,"run_finished":{"reason":"of_tomorrow"}}"#)
        else {
            panic!("not read");
        };
        assert_eq!(finished.reason, FinishReason::Other);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for line in ["", "7", "{}", r#"{"at_ms":1}}"#, r#"{"at_ms":-1}"#, "{\"at_ms\":1,"] {
            assert!(Logged::from_line(line.as_bytes()).is_err(), "{line}");
        }
    }
}
