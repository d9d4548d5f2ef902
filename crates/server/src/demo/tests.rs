//! What must be true of the stories themselves; `demo --once` proves what they say.

use std::collections::BTreeSet;

use mandate_domain::policy::builtin;

use super::stories::STORIES;
use super::story::{Event, OPERATOR};

#[test]
fn x_01_there_is_a_story_for_every_built_in_policy() {
    let told: BTreeSet<&str> = STORIES.iter().map(|story| story.policy).collect();
    assert_eq!(told, builtin().iter().map(|(name, _)| *name).collect());
}

#[test]
fn every_story_asks_and_forbids_enough() {
    for story in STORIES {
        let asks = story.lines.iter().filter(|line| matches!(line.event, Event::Asks { .. })).count();
        let refused = story.lines.iter().filter(|line| matches!(line.event, Event::Refused(..))).count();
        assert!(asks >= 8 && refused >= 3, "{}: {asks} questions, {refused} refusals", story.policy);
    }
}

#[test]
fn a_first_name_is_one_person_and_everybody_who_acts_is_introduced() {
    let mut names = BTreeSet::from([OPERATOR]);
    for story in STORIES {
        assert!(
            story.people.iter().all(|person| names.insert(person.name)),
            "{}: a name twice",
            story.policy
        );
        let unknown: Vec<&str> =
            story.lines.iter().map(|line| line.who).filter(|who| !names.contains(who)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", story.policy);
    }
}
