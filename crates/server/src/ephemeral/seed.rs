//! Carries fixtures out, command by command.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use mandate_domain::command::Actor;
use mandate_domain::policy::Severity;
use mandate_domain::policy::reader::Reader;
use mandate_domain::policy::yaml;

use super::output::Cast;
use super::script::{self, Step};
use crate::auth::EMBEDDED_ISSUER;
use crate::facts::Facts;
use crate::writer::{Write, write};

/// Makes what the file asks for, as an operator would.
///
/// # Errors
/// Every mistake in the file, with its line and field: of its form, of what its fields say, and whatever the rules
/// refuse. What rests on something that was refused is not tried, and not told.
pub(super) async fn plant(facts: &Arc<Facts>, file: &Path) -> anyhow::Result<Cast> {
    let name = file.display().to_string();
    let source =
        std::fs::read_to_string(file).with_context(|| format!("{name}: cannot be read; check --seed"))?;
    let mut reader = Reader::new(&name);
    let (root, faults) = yaml::read(&source);
    for fault in faults {
        reader.report(fault.at, &fault.path, Severity::Error, fault.message, None);
    }
    let mut cast = Cast::default();
    if let Some(root) = root {
        reader.remember(&root);
        let script = script::read(&mut reader, &root, &facts.policies());
        cast = script.cast;
        carry_out(facts, &mut reader, script.steps).await;
    }
    let mistakes = reader.finish();
    if mistakes.is_empty() {
        return Ok(cast);
    }
    let mut told = vec![format!("{} mistake(s) in the fixtures", mistakes.len())];
    told.extend(mistakes.iter().map(ToString::to_string));
    Err(anyhow!(told.join("\n")))
}

async fn carry_out(facts: &Arc<Facts>, reader: &mut Reader<'_>, steps: Vec<Step>) {
    let actor = Actor::Operator { name: format!("{EMBEDDED_ISSUER}#fixtures") };
    // What needs something that has no name is wrong in a way that was told already.
    let mut missing = HashSet::from([String::new()]);
    for Step { path, needs, command } in steps {
        let done = match command {
            _ if needs.iter().any(|need| missing.contains(need)) => false,
            Ok(command) => match write(facts, &Write::by(actor.clone()), command).await {
                Ok(_) => true,
                Err(error) => {
                    script::report(reader, &path, error);
                    false
                }
            },
            Err(error) => {
                script::report(reader, &path, error);
                false
            }
        };
        if !done {
            missing.insert(path);
        }
    }
}
