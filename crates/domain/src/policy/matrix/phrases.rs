//! Words for what a policy counts by number.

use crate::policy::model::{Expected, Policy, Role};
use crate::policy::set::{Mask, PermissionSet};

/// One phrase where what is given and what is taken is the same, else two.
pub(super) fn pair<T: PartialEq + Clone>(
    acts: &mut Vec<String>,
    (giving, taking): (&str, &str),
    given: T,
    taken: T,
    is_empty: impl Fn(T) -> bool,
    names: impl Fn(T) -> String,
) {
    match (is_empty(given.clone()), is_empty(taken.clone())) {
        (false, false) if given == taken => acts.push(format!("{giving} and {taking} {}", names(given))),
        (false, false) => {
            acts.extend([format!("{giving} {}", names(given)), format!("{taking} {}", names(taken))])
        }
        (false, true) => acts.push(format!("{giving} {}", names(given))),
        (true, false) => acts.push(format!("{taking} {}", names(taken))),
        (true, true) => {}
    }
}

pub(super) fn role_names(roles: &[Role], mask: Mask) -> String {
    let named: Vec<&str> = (0_u8..)
        .zip(roles)
        .filter(|(index, _)| mask.contains(*index))
        .map(|(_, role)| role.name.as_str())
        .collect();
    if roles.len() > 1 && named.len() == roles.len() { "any role".to_owned() } else { named.join(", ") }
}

pub(super) fn restriction_names(policy: &Policy, mask: Mask) -> String {
    let named = (0_u8..).zip(&policy.restrictions).filter(|(index, _)| mask.contains(*index));
    named.map(|(_, restriction)| restriction.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Permissions by name, whole modules as `module.*`.
pub(super) fn permissions(policy: &Policy, set: &PermissionSet) -> String {
    let mut names = Vec::new();
    for module in &policy.modules {
        let own = module.permissions.intersection(set);
        if own == module.permissions && own.len() > 1 {
            names.push(format!("{}.*", module.name));
        } else {
            names.extend(policy.permission_names(&own).map(str::to_owned));
        }
    }
    names.join(", ")
}

pub(super) fn requires(policy: &Policy, mask: Mask) -> Option<String> {
    let requirements = (0_u8..).zip(&policy.requirements).filter(|(index, _)| mask.contains(*index));
    let phrases: Vec<String> = requirements
        .filter_map(|(_, requirement)| {
            let attribute = policy.attributes.get(requirement.attribute)?;
            let expected = match &requirement.expected {
                Expected::OneOf(words) => words.join(" or "),
                Expected::Flag(true) => "on".to_owned(),
                Expected::Flag(false) => "off".to_owned(),
                Expected::Set => "set".to_owned(),
                Expected::AtLeast(number) => format!("at least {number}"),
            };
            Some(format!("{} {expected}", attribute.name))
        })
        .collect();
    (!phrases.is_empty()).then(|| format!("requires {}", phrases.join(", ")))
}
