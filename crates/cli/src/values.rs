//! Values on the command line that are more than a number or a name.

use nascent_record::{Duplicates, RewardTerm};

/// A number of seconds that is a limit.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(secs) if secs.is_finite() && secs > 0.0 => Ok(secs),
        _ => Err("it must be a number above 0".to_owned()),
    }
}

/// `metric=target`, or with the exponents of the reward within and beyond the target.
pub(crate) fn reward(text: &str) -> Result<(String, RewardTerm), String> {
    let usage = || "it must be METRIC=TARGET or METRIC=TARGET,WITHIN,BEYOND".to_owned();
    let (metric, numbers) = text.split_once('=').ok_or_else(usage)?;
    let numbers: Result<Vec<f64>, _> = numbers.split(',').map(|n| n.trim().parse()).collect();
    let term = match numbers.map_err(|_no_number| usage())?[..] {
        [target] => RewardTerm::soft(target),
        [target, within, beyond] => RewardTerm { target, within, beyond },
        _ => return Err(usage()),
    };
    Ok((metric.trim().to_owned(), term))
}

pub(crate) fn duplicates(text: &str) -> Result<Duplicates, String> {
    let known = Duplicates::ALL.into_iter().find(|way| way.name() == text);
    known.ok_or_else(|| nascent_record::suggestion(text, Duplicates::ALL.map(Duplicates::name)))
}
