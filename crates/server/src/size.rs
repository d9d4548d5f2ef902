//! Numbers of bytes, as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no size: write a whole number with KiB, MiB or GiB, such as 4MiB")]
pub struct NoSize;

impl FromStr for ByteSize {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let found = UNITS.iter().find_map(|(name, unit)| {
            let number: u64 = text.strip_suffix(name)?.trim_end().parse().ok()?;
            number.checked_mul(*unit)
        });
        found.map(Self).ok_or(NoSize)
    }
}

/// In the largest unit that leaves a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match fits {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

impl ByteSize {
    /// The parser of a setting that takes sizes from `least` to `most`.
    pub fn between(least: Self, most: Self) -> impl Fn(&str) -> Result<Self, String> + Clone + Send + Sync {
        move |text: &str| {
            let size: Self = text.parse().map_err(|error: NoSize| error.to_string())?;
            if (least..=most).contains(&size) {
                Ok(size)
            } else {
                Err(format!("is not from {least} to {most}"))
            }
        }
    }

    /// The same as a number of bytes in memory.
    #[must_use]
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_and_bounds() {
        assert_eq!("4MiB".parse(), Ok(ByteSize(4 << 20)));
        assert_eq!("512 KiB".parse(), Ok(ByteSize(512 << 10)));
        for wrong in ["", "4", "4MB", "MiB", "-1MiB", "1.5GiB", "99999999999999999GiB"] {
            assert_eq!(wrong.parse::<ByteSize>(), Err(NoSize), "{wrong}");
        }
        for size in ["1GiB", "1536MiB", "16KiB"] {
            assert_eq!(size.parse::<ByteSize>().map(|size| size.to_string()), Ok(size.to_owned()));
        }
        let parser = ByteSize::between(ByteSize(16 << 10), ByteSize(1 << 20));
        assert_eq!(parser("16KiB"), Ok(ByteSize(16 << 10)));
        assert_eq!(parser("2MiB"), Err("is not from 16KiB to 1MiB".to_owned()));
    }
}
