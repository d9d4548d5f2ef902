//! Roles that cannot be got, limits that a new account breaks, births that contradict each other.

use super::Checker;
use crate::policy::model::{ResourceIds, Role};
use crate::policy::set::Mask;

/// What begins with these roles, in words.
struct Birth<'w> {
    /// `a new account`.
    what: &'w str,
    /// `its first user`.
    who: &'w str,
}

impl Checker<'_, '_> {
    pub(super) fn roles(&mut self) {
        let policy = self.policy;
        let birth = Birth { what: "a new account", who: "its first user" };
        let roles: Vec<&Role> = policy.roles.iter().collect();
        self.table("roles", &roles, self.reach.roles, &birth);
        self.require_birth("roles", &roles, &birth);
        self.requirements_at_birth();
        for (kind, reached) in policy.resource_types.iter().zip(self.reach.resource_roles.clone()) {
            let path = format!("resources.{}.roles", kind.name);
            let birth = Birth { what: &format!("a new {}", kind.name), who: "its creator" };
            let roles: Vec<&Role> = kind.roles.iter().collect();
            self.table(&path, &roles, reached, &birth);
            for role in roles.iter().filter(|role| role.at_birth && kind.ids == ResourceIds::Free) {
                let message = format!("a {} has no known creator: its ids are free", kind.name);
                self.reader.error_at(
                    &format!("{path}.{}.at_birth", role.name),
                    message,
                    "declare `ids: registered`",
                );
            }
        }
        if let Some(groups) = &policy.groups {
            let birth = Birth { what: "a new group", who: "its founder" };
            let roles: Vec<&Role> = groups.roles.iter().map(|role| &role.role).collect();
            self.table("groups.roles", &roles, self.reach.group_roles, &birth);
            self.require_birth("groups.roles", &roles, &birth);
            for role in groups.roles.iter().filter(|role| role.role.at_birth) {
                if role.must_hold.is_some_and(|held| held != groups.founder) {
                    let message = "the founder of a group need not hold this role";
                    let path = format!("groups.roles.{}.must_hold", role.role.name);
                    self.reader.error_at(&path, message, "name the same role as `groups.founder`");
                }
            }
        }
    }

    /// What holds for the roles of an account, of a resource type and of groups alike.
    fn table(&mut self, path: &str, roles: &[&Role], reached: Mask, birth: &Birth<'_>) {
        for (index, role) in (0_u8..).zip(roles) {
            let own = format!("{path}.{}", role.name);
            if !reached.contains(index) {
                let hint = "let a delegation give it, make it `at_birth`, or say `given_by_operator: true`";
                self.reader.error_at(&own, "nobody can ever get this role", hint);
            }
            let least = format!("{own}.holders.least");
            if role.holders.least > 0 && !role.at_birth {
                let message = format!(
                    "{} would have fewer holders than this: nobody has the role at birth",
                    birth.what
                );
                self.reader.error_at(
                    &least,
                    message,
                    &format!("make the role `at_birth`, so that {} gets it", birth.who),
                );
            } else if role.holders.least > 1 {
                let message = format!(
                    "{} would have fewer holders than this: only {} has the role",
                    birth.what, birth.who
                );
                self.reader.error_at(&least, message, "ask for 1 at the least");
            }
            if !role.stands_alone && !roles.iter().any(|other| can_stand_beside(role, other)) {
                let message = "the role does not stand alone, and there is none that it could stand beside";
                self.reader.error_at(
                    &format!("{own}.stands_alone"),
                    message,
                    "add a role of another slot that stands alone",
                );
            }
        }
        self.births(path, roles, birth);
    }

    fn births(&mut self, path: &str, roles: &[&Role], birth: &Birth<'_>) {
        let born: Vec<&&Role> = roles.iter().filter(|role| role.at_birth).collect();
        for (index, role) in born.iter().enumerate() {
            let rival = born.iter().take(index).find(|other| role.slot.is_some() && other.slot == role.slot);
            if let Some(rival) = rival {
                let message =
                    format!("{} gets `{}` too, and the two exclude each other", birth.who, rival.name);
                self.reader.error_at(
                    &format!("{path}.{}.at_birth", role.name),
                    message,
                    "make one of them `at_birth`",
                );
            }
        }
        if !born.is_empty() && born.iter().all(|role| !role.stands_alone) {
            let message = format!("no role that {} gets stands alone", birth.who);
            self.reader.error_at(path, message, "make another role `at_birth`, or let one stand alone");
        }
    }

    fn require_birth(&mut self, path: &str, roles: &[&Role], birth: &Birth<'_>) {
        if !roles.iter().any(|role| role.at_birth) {
            let message = format!("{} would have nobody in it: no role is `at_birth`", birth.what);
            self.reader.error_at(path, message, &format!("say which role {} gets", birth.who));
        }
    }

    /// Roles that the first user gets must count in an account whose attributes have their defaults.
    fn requirements_at_birth(&mut self) {
        let unmet = self.policy.unmet(|_| None);
        for (_, role, path) in self.account_roles() {
            if role.at_birth && !role.requires.intersection(unmet).is_empty() {
                let message =
                    "the role would not count in a new account, whose attributes have their defaults";
                self.reader.error_at(
                    &format!("{path}.requires"),
                    message,
                    "change the default, or require this elsewhere",
                );
            }
        }
    }
}

fn can_stand_beside(role: &Role, other: &Role) -> bool {
    other.stands_alone && other.name != role.name && (role.slot.is_none() || other.slot != role.slot)
}
