//! What is wrong with the configuration, as a person reads it.

use std::fmt;
use std::path::PathBuf;

/// Where a word stands in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The file, at a place if there is one.
    File(PathBuf, Option<Place>),
    /// An environment variable.
    Variable(String),
    /// The settings together.
    Settings,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is.
    pub about: About,
    /// The key, such as `database.url`; empty where it is about no key.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do, or what is expected.
    pub hint: Option<String>,
}

/// `FILE:LINE:COLUMN: error: KEY: MESSAGE; HINT`, the form that editors and terminals make clickable.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            About::File(file, Some(Place { line, column })) => {
                write!(f, "{}:{line}:{column}: error: ", file.display())?;
            }
            About::File(file, None) => write!(f, "{}: error: ", file.display())?,
            About::Variable(name) => write!(f, "environment: error: {name}: ")?,
            About::Settings => f.write_str("error: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}
