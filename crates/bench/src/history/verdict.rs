//! What a history comes to, and the least of it that shows why.

use std::fmt::Write as _;

use super::model::{Limits, Roles, Seat, State, Who, Write};
use super::record::{Freshness, Operation, Outcome, Time, What};
use super::round::FOUNDER;
use super::search::{Found, search};

/// Most operations that are printed of one violation.
const SHOWN: usize = 40;

/// What was found in one account, with the texts for a person to read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What no order of events explains.
    pub(super) violations: Vec<String>,
    /// Acknowledged writes that are missing at the end.
    pub(super) lost: usize,
    /// Where they are missing.
    pub(super) losses: Vec<String>,
}

/// Judges the history of an account, whose last operation says what there is at the end.
pub(super) fn judge(name: &str, history: &[Operation]) -> Verdict {
    let Some((_, raced)) = history.split_last() else { return Verdict::default() };
    let judged = |history| search(history, &[State::born(FOUNDER)], Limits::Hold);
    let mut verdict = Verdict::default();
    let undecided = || format!("{name}: too many orders to look at all of them");
    match (judged(raced), judged(history)) {
        (_, Found::Legal) => {}
        (Found::Illegal(_), _) => verdict.violations.push(explain(name, raced)),
        (Found::Undecided, _) | (Found::Legal, Found::Undecided) => verdict.violations.push(undecided()),
        (Found::Legal, Found::Illegal(_)) => match lost(history) {
            0 => verdict.violations.push(format!("{name}: nothing explains the end\n{}", listed(history))),
            lost => {
                let text = format!("{name}: {lost} acknowledged write(s) are missing at the end");
                verdict.losses.push(format!("{text}\n{}", listed(history)));
                verdict.lost = lost;
            }
        },
    }
    verdict
}

/// How many of the last acknowledged writes have to be forgotten for the end to be explained; 0: that explains nothing.
fn lost(history: &[Operation]) -> usize {
    let mut acknowledged: Vec<usize> =
        (0..history.len()).filter(|id| history.get(*id).is_some_and(Operation::is_acknowledged_write)).collect();
    acknowledged.sort_by_key(|id| std::cmp::Reverse(history.get(*id).and_then(|o| o.returned)));
    let mut relaxed = history.to_vec();
    for (count, id) in (1..).zip(acknowledged) {
        if let Some(operation) = relaxed.get_mut(id)
            && let What::Write(_, outcome) = &mut operation.what
        {
            (operation.returned, *outcome) = (None, Outcome::Unknown);
        }
        if search(&relaxed, &[State::born(FOUNDER)], Limits::Hold) == Found::Legal {
            return count;
        }
    }
    0
}

/// The least of an illegal history that is illegal by itself.
fn explain(name: &str, history: &[Operation]) -> String {
    let born = vec![State::born(FOUNDER)];
    let short = shortest(history, &born, Limits::Hold);
    let culprit = short.iter().max_by_key(|operation| operation.returned);
    let people = culprit.and_then(Operation::people).unwrap_or_default();
    // What happened to one person alone says it shorter, if it is wrong by itself.
    let of_one = people.iter().find_map(|who| of_person(&short, *who));
    let (shown, from, limits) = of_one.unwrap_or((short, born, Limits::Hold));
    let shown = without_answers(shown, &from, limits);
    let mut text = format!("{name}: no order of these operations explains their answers\n{}", listed(&shown));
    if let Found::Illegal(furthest) = search(&shown, &from, limits) {
        let (state, done) = *furthest;
        let left: Vec<String> = (0..shown.len()).filter(|id| !done.contains(id)).map(|id| format!("#{id}")).collect();
        let _ = write!(text, "\n  the furthest order ends with {state}, and does not explain {}", left.join(" "));
    }
    text
}

fn is_illegal(history: &[Operation], from: &[State], limits: Limits) -> bool {
    matches!(search(history, from, limits), Found::Illegal(_))
}

/// The history up to the first answer that nothing explains.
fn shortest(history: &[Operation], from: &[State], limits: Limits) -> Vec<Operation> {
    let mut ends: Vec<Time> = history.iter().filter_map(|operation| operation.returned).collect();
    ends.sort_unstable();
    // INVARIANT: what is illegal up to a time is illegal up to any later one.
    let first = ends.partition_point(|end| !is_illegal(&until(history, *end), from, limits));
    ends.get(first).map_or_else(|| history.to_vec(), |end| until(history, *end))
}

/// The history as it was known at this time: what was not answered yet may have happened.
fn until(history: &[Operation], time: Time) -> Vec<Operation> {
    kept(history, |operation| {
        if operation.invoked > time {
            return None;
        }
        match &operation.what {
            _ if operation.returned.is_some_and(|returned| returned <= time) => Some(operation.clone()),
            What::Write(write, _) => {
                let what = What::Write(*write, Outcome::Unknown);
                Some(Operation { returned: None, what, ..operation.clone() })
            }
            What::Check(..) | What::List(_) | What::Final(_) => None,
        }
    })
}

/// What happened to one person, from whatever they were, if that is illegal and moves no ownership, which takes two.
/// Refusals and limits are about others, too, and left out.
fn of_person(history: &[Operation], who: Who) -> Option<(Vec<Operation>, Vec<State>, Limits)> {
    let of_them = |operation: &Operation| operation.people().is_some_and(|people| people.contains(&who));
    let moves = |operation: &Operation| matches!(operation.what, What::Write(Write::Transfer { .. }, _));
    let changes = |operation: &Operation| !matches!(operation.what, What::Write(_, Outcome::Refused(_)));
    if history.iter().any(|operation| of_them(operation) && moves(operation)) {
        return None;
    }
    let mut shown = kept(history, |o| (of_them(o) && changes(o)).then(|| o.clone()));
    let seats = Roles::all().flat_map(|roles| {
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(suspended, assigned)| Some(Seat { roles, suspended, assigned }))
    });
    let from: Vec<State> =
        std::iter::once(None).chain(seats).map(|seat| State::default().with(who, seat)).collect();
    if !is_illegal(&shown, &from, Limits::Ignored) {
        return None;
    }
    shown.sort_by_key(|operation| operation.invoked);
    loop {
        let mut first = true;
        let shorter = kept(&shown, |o| (!std::mem::take(&mut first)).then(|| o.clone()));
        if !is_illegal(&shorter, &from, Limits::Ignored) {
            return Some((shown, from, Limits::Ignored));
        }
        shown = shorter;
    }
}

/// Without the answers that it is illegal without.
fn without_answers(mut history: Vec<Operation>, from: &[State], limits: Limits) -> Vec<Operation> {
    let mut id = 0;
    while let Some(operation) = history.get(id) {
        if !matches!(operation.what, What::Write(_, Outcome::Done | Outcome::Unknown)) {
            let mut place = 0..;
            let fewer = kept(&history, |o| (place.next() != Some(id)).then(|| o.clone()));
            if is_illegal(&fewer, from, limits) {
                history = fewer;
                continue;
            }
        }
        id += 1;
    }
    history
}

/// The operations that are kept, with tokens of those that are not forgotten.
fn kept(history: &[Operation], mut keep: impl FnMut(&Operation) -> Option<Operation>) -> Vec<Operation> {
    let kept: Vec<Option<Operation>> = history.iter().map(&mut keep).collect();
    let mut next = 0..;
    let places: Vec<Option<usize>> = kept.iter().map(|one| one.as_ref().and_then(|_| next.next())).collect();
    let mut left: Vec<Operation> = kept.into_iter().flatten().collect();
    for operation in &mut left {
        if let What::Check(_, _, Freshness::Bounded { after, .. }, _) = &mut operation.what {
            *after = after.and_then(|id| places.get(id).copied().flatten());
        }
    }
    left
}

fn listed(history: &[Operation]) -> String {
    let mut lines: Vec<(Time, String)> = history
        .iter()
        .enumerate()
        .map(|(id, operation)| (operation.invoked, format!("  #{id:<3} {operation}")))
        .collect();
    lines.sort();
    let left_out = lines.len().saturating_sub(SHOWN);
    let shown: Vec<String> = lines.split_off(left_out).into_iter().map(|(_, line)| line).collect();
    let before = if left_out > 0 { format!("  … after {left_out} others\n") } else { String::new() };
    before + &shown.join("\n")
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
