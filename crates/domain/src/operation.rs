//! What the service can be asked to do inside an account. A policy says which permission each needs;
//! one that it leaves out is for platform operators alone.

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every one of them, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name a policy file uses.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

names! {
    /// An operation on an account or its members.
    Operation {
        /// See the account.
        AccountGet = "account.get",
        /// Change its name; attributes name their own permission.
        AccountUpdate = "account.update",
        /// Delete it.
        AccountDelete = "account.delete",
        /// Take back a deletion.
        AccountUndelete = "account.undelete",
        /// Move ownership to another member.
        AccountTransfer = "account.transfer",
        /// Read the activity log.
        ActivityList = "activity.list",
        /// Add a known user as a member.
        MemberAdd = "member.add",
        /// Invite somebody by e-mail.
        MemberInvite = "member.invite",
        /// See one member.
        MemberGet = "member.get",
        /// List the members.
        MemberList = "member.list",
        /// Change a member's roles, grants or restrictions.
        MemberUpdate = "member.update",
        /// Remove another member.
        MemberRemove = "member.remove",
        /// End one's own membership.
        MemberLeave = "member.leave",
        /// Suspend and reinstate a member.
        MemberSuspend = "member.suspend",
        /// Replace a member's e-mail address by inviting the new one.
        MemberReplaceEmail = "member.replace_email",
        /// Bring in many members at once.
        MemberImport = "member.import",
        /// Create a contact.
        ContactCreate = "contact.create",
        /// See contacts.
        ContactGet = "contact.get",
        /// Change or remove a contact.
        ContactUpdate = "contact.update",
        /// Turn a contact into a user.
        ContactActivate = "contact.activate",
        /// Have a new initial password mailed.
        PasswordReset = "password.reset",
        /// Put the account into a group.
        GroupJoin = "group.join",
    }
}

names! {
    /// An operation on resources of one type.
    ResourceOperation {
        /// Register one.
        Create = "create",
        /// See one and who it is assigned to, and list them.
        View = "view",
        /// Change its holder or name.
        Update = "update",
        /// Delete it.
        Delete = "delete",
        /// Assign it to a member, or change what the assignment carries.
        Assign = "assign",
        /// End an assignment.
        Unassign = "unassign",
    }
}
