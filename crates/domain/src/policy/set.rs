//! Small bit sets: what a compiled policy is made of.

/// Most permissions one policy may declare: the set of all of them fills one cache line.
pub const MAX_PERMISSIONS: usize = PermissionSet::WORDS * 64;

/// Most roles, resource types, restrictions or requirements one policy (or resource type) may declare.
pub const MAX_NAMES: usize = 64;

/// The dense number of a permission within one compiled policy. It means nothing outside of that
/// policy version: the database and the API know permissions by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionId(pub u16);

/// The dense number of a role within the table it was declared in: a policy's account roles, its
/// group roles, or the roles of one resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub u8);

/// The dense number of a resource type within one compiled policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceTypeId(pub u8);

/// A set of permissions of one policy. Copying it allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PermissionSet([u64; PermissionSet::WORDS]);

impl PermissionSet {
    const WORDS: usize = 8;
    /// The set that holds nothing.
    pub const EMPTY: Self = Self([0; Self::WORDS]);

    /// Adds one permission. A number at or above [`MAX_PERMISSIONS`] is ignored: no such permission
    /// can be compiled.
    pub fn insert(&mut self, id: PermissionId) {
        if let Some(word) = self.0.get_mut(usize::from(id.0) / 64) {
            *word |= 1 << (id.0 % 64);
        }
    }

    /// Takes one permission out.
    pub fn remove(&mut self, id: PermissionId) {
        if let Some(word) = self.0.get_mut(usize::from(id.0) / 64) {
            *word &= !(1 << (id.0 % 64));
        }
    }

    /// Whether the permission is in the set.
    #[must_use]
    pub fn contains(&self, id: PermissionId) -> bool {
        self.0.get(usize::from(id.0) / 64).is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    /// Everything that is in either set.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// Everything that is in both sets.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// Everything that is in this set and not in the other.
    #[must_use]
    pub fn difference(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    /// Whether the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Whether every permission of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// How many permissions the set holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The permissions, in the order the policy declares them.
    pub fn iter(&self) -> impl Iterator<Item = PermissionId> + '_ {
        (0_u16..)
            .zip(&self.0)
            .flat_map(|(index, word)| bits(*word).map(move |bit| PermissionId(index * 64 + u16::from(bit))))
    }
}

impl FromIterator<PermissionId> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = PermissionId>>(iter: I) -> Self {
        let mut set = Self::EMPTY;
        iter.into_iter().for_each(|id| set.insert(id));
        set
    }
}

/// A set of up to 64 numbered things of one table: roles, resource types, restrictions, requirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Mask(pub u64);

impl Mask {
    /// The mask that holds nothing.
    pub const EMPTY: Self = Self(0);
    /// The mask that holds every number.
    pub const ALL: Self = Self(u64::MAX);

    /// The mask of one number; numbers from 64 on are in no mask.
    #[must_use]
    pub fn of(index: u8) -> Self {
        Self(1_u64.checked_shl(u32::from(index)).unwrap_or(0))
    }

    /// Adds one number.
    pub fn insert(&mut self, index: u8) {
        self.0 |= Self::of(index).0;
    }

    /// Whether the number is in the mask.
    #[must_use]
    pub fn contains(self, index: u8) -> bool {
        self.0 & Self::of(index).0 != 0
    }

    /// Whether the mask holds nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every number of this mask is in the other.
    #[must_use]
    pub fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Everything that is in either mask.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Everything that is in both masks.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Everything that is in this mask and not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many numbers the mask holds.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The lowest number of the mask.
    #[must_use]
    pub fn first(self) -> Option<u8> {
        bits(self.0).next()
    }

    /// The numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        bits(self.0)
    }
}

impl FromIterator<u8> for Mask {
    fn from_iter<I: IntoIterator<Item = u8>>(iter: I) -> Self {
        let mut mask = Self::EMPTY;
        iter.into_iter().for_each(|index| mask.insert(index));
        mask
    }
}

fn bits(mut word: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word - 1;
        u8::try_from(bit).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_set_counts_iterates_and_subtracts_across_words() {
        let set: PermissionSet = [0, 63, 64, 511].map(PermissionId).into_iter().collect();
        assert_eq!(set.iter().map(|id| id.0).collect::<Vec<_>>(), [0, 63, 64, 511]);
        assert_eq!(set.len(), 4);
        let mut rest = set;
        rest.remove(PermissionId(64));
        assert!(rest.is_subset(&set) && !set.is_subset(&rest));
        assert_eq!(set.difference(&rest).iter().next(), Some(PermissionId(64)));
    }

    #[test]
    fn numbers_out_of_range_are_in_no_set() {
        let mut set = PermissionSet::EMPTY;
        set.insert(PermissionId(512));
        assert!(set.is_empty() && !set.contains(PermissionId(u16::MAX)));
        assert!(Mask::of(64).is_empty() && !Mask::ALL.contains(200));
    }
}
