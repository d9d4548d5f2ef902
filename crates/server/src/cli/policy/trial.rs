//! `mandate policy test`: assertions kept beside policies.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mandate_domain::policy::trial::{self, Report};
use mandate_domain::policy::{self, Diagnostic, Policy};

use super::{compile, named, print, read};

/// Runs the files, and says of each assertion that does not hold what was expected and what was found.
pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let (mut passed, mut failed, mut wrong) = (0, 0, 0);
    for path in files {
        match report(path)? {
            Ok(Report { passed: held, failures }) => {
                passed += held;
                failed += failures.len();
                failures.iter().try_for_each(|failure| print(&failure.to_string()))?;
            }
            Err(mistakes) => {
                wrong += mistakes.len();
                mistakes.iter().try_for_each(|mistake: &Diagnostic| print(&mistake.to_string()))?;
            }
        }
    }
    let mistakes = if wrong == 0 { String::new() } else { format!(", {wrong} mistake(s) in the files") };
    print(&format!("{} file(s), {passed} passed, {failed} failed{mistakes}", files.len()))?;
    Ok(if failed == 0 && wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that is wrong with a file, whether or not what it says holds.
pub(super) fn check(path: &Path) -> anyhow::Result<Vec<Diagnostic>> {
    Ok(report(path)?.err().unwrap_or_default())
}

fn report(path: &Path) -> anyhow::Result<Result<Report, Vec<Diagnostic>>> {
    let (file, source) = (path.display().to_string(), read(path)?);
    Ok(match trial::about(&file, &source) {
        Ok(name) => trial::run(&beside(path, &name)?, &file, &source),
        Err(mistakes) => Err(mistakes),
    })
}

/// The policy of that name: the file beside the assertions, or the built-in one.
fn beside(path: &Path, name: &str) -> anyhow::Result<Policy> {
    for end in ["yaml", "yml"] {
        let file = path.with_file_name(format!("{name}.{end}"));
        if file.is_file() {
            return compile(&file.display().to_string(), &read(&file)?);
        }
    }
    match policy::builtin().iter().any(|(known, _)| *known == name) {
        true => named(name),
        false => Err(anyhow::anyhow!(
            "{}: there is no policy {name} beside it ({name}.yaml), nor a built-in one",
            path.display()
        )),
    }
}
