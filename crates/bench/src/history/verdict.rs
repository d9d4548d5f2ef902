//! What a history comes to, and the least of it that shows why.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::model::{Limits, Roles, Seat, State, Who, Write};
use super::record::{Freshness, Operation, Outcome, Time, What};
use super::round::FOUNDER;
use super::search::{Found, precedes, search};

/// Most operations that are printed of one violation.
const SHOWN: usize = 40;

/// Judges the history of an account, whose last operation says what there is at the end: what no order of events
/// explains, for a person to read.
pub(super) fn judge(name: &str, history: &[Operation]) -> Vec<String> {
    let Some((_, raced)) = history.split_last() else { return Vec::new() };
    let judged = |history| search(history, &[State::born(FOUNDER)], Limits::Hold);
    let found = match judged(history) {
        Found::Legal => return Vec::new(),
        // With the end alone it would be told of everything that there was.
        Found::Illegal(_) => judged(raced),
        Found::Undecided => Found::Undecided,
    };
    vec![match found {
        Found::Illegal(_) => explain(name, raced),
        Found::Legal => explain_end(name, history),
        Found::Undecided => format!("{name}: too many orders to look at all of them"),
    }]
}

/// What is wrong with the end: as little as shows it.
fn explain_end(name: &str, history: &[Operation]) -> String {
    let born = [State::born(FOUNDER)];
    let shown = without_answers(history.to_vec(), &born, Limits::Hold);
    format!("{name}: no order of these operations ends as it did\n{}", listed(&by_time(&shown)))
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
        let open = |id: &usize| !done.contains(id) && shown.get(*id).is_some_and(|o| o.returned.is_some());
        let left: Vec<String> = (0..shown.len()).filter(open).map(|id| format!("#{id}")).collect();
        let _ =
            write!(text, "\n  the furthest order ends with {state}, and does not explain {}", left.join(" "));
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
    shown = without_answers(by_time(&shown), &from, Limits::Ignored);
    while let Some(shorter) = without_first(&shown).filter(|less| is_illegal(less, &from, Limits::Ignored)) {
        shown = without_answers(shorter, &from, Limits::Ignored);
    }
    Some((shown, from, Limits::Ignored))
}

/// Without the first operation, if everything else must come after it: then it only says from what the rest begins.
fn without_first(history: &[Operation]) -> Option<Vec<Operation>> {
    let (first, rest) = history.split_first()?;
    let begins = rest.iter().all(|other| precedes((0, first), other));
    let mut at_first = true;
    begins.then(|| kept(history, |o| (!std::mem::take(&mut at_first)).then(|| o.clone())))
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
    arranged(history.iter().enumerate().filter_map(|(id, operation)| Some((id, keep(operation)?))).collect())
}

/// The same in the order in which it was asked.
fn by_time(history: &[Operation]) -> Vec<Operation> {
    let mut sorted: Vec<(usize, Operation)> = history.iter().cloned().enumerate().collect();
    sorted.sort_by_key(|(_, operation)| operation.invoked);
    arranged(sorted)
}

/// Operations with the places that they had, in places of their own.
fn arranged(operations: Vec<(usize, Operation)>) -> Vec<Operation> {
    let places: HashMap<usize, usize> =
        operations.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
    let mut left: Vec<Operation> = operations.into_iter().map(|(_, operation)| operation).collect();
    for operation in &mut left {
        if let What::Check(_, _, Freshness::Bounded { after, .. }, _) = &mut operation.what {
            *after = after.and_then(|id| places.get(&id).copied());
        }
    }
    left
}

/// Every operation, in the order in which they were asked for.
pub(super) fn listed_whole(history: &[Operation]) -> String {
    lines(history).join("\n")
}

fn lines(history: &[Operation]) -> Vec<String> {
    let mut lines: Vec<(Time, String)> = history
        .iter()
        .enumerate()
        .map(|(id, operation)| (operation.invoked, format!("  #{id:<3} {operation}")))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

fn listed(history: &[Operation]) -> String {
    let mut lines = lines(history);
    let left_out = lines.len().saturating_sub(SHOWN);
    let shown = lines.split_off(left_out);
    let before = if left_out > 0 { format!("  … after {left_out} others\n") } else { String::new() };
    format!("{before}{}", shown.join("\n"))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
