//! `mandate config check`: everything that can be judged without starting anything.

use std::path::Path;

use mandate_storage::Store;
use rustix::fs::{Access, access};

use super::layers::{Loaded, Origin};
use super::problem::{About, Problem};
use super::setting::settings;
use crate::auth::{ConfigErrors, SIGNING_KEY_FILE, SigningKey};
use crate::mail_key;
use crate::policies;
use crate::serve::Settings;

/// What is wrong with settings each of which is well formed by itself.
#[must_use]
pub fn check(given: &Settings, loaded: &Loaded) -> Vec<Problem> {
    let mut found = Found { loaded, problems: Vec::new() };
    found.folder(given);
    found.addresses(given);
    if let Err(error) = policies::gather(given.policies.as_deref()) {
        found.add("policies", error.to_string().replace('\n', "\n    "));
    }
    found.issuers(given);
    found.database(given);
    if let Some((id, message)) = given.tls.problem() {
        found.add(id, message);
    }
    for (id, message) in given.mail.problems() {
        found.add(id, message);
    }
    found.problems
}

struct Found<'l> {
    loaded: &'l Loaded,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, id: &str, message: impl Into<String>) {
        let key = settings().iter().find(|setting| setting.id() == id).map(super::Setting::path);
        let (about, hint) = (self.loaded.about(id), None);
        self.problems.push(Problem { about, key: key.unwrap_or_default(), message: message.into(), hint });
    }

    /// The data folder and the keys in it, if it is there; a server makes what is missing.
    fn folder(&mut self, given: &Settings) {
        let folder = &given.data_dir;
        if folder.exists() && !folder.is_dir() {
            return self.add("data_dir", format!("{} is no folder; name one", folder.display()));
        }
        let above = folder.ancestors().skip(1).find(|above| above.exists() && !above.as_os_str().is_empty());
        if let Some(above) = above.filter(|above| !above.is_dir()) {
            return self.add(
                "data_dir",
                format!("{} is no folder, so that none can be made in it", above.display()),
            );
        }
        // Where everything is there already, as on a volume of secrets, nothing has to be written.
        let made = [SIGNING_KEY_FILE, mail_key::MAIL_KEY_FILE].iter().any(|file| !folder.join(file).exists());
        if (made || given.database.database.is_none())
            && let Some(nearest) = folder.ancestors().map(or_here).find(|above| above.exists())
            && access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_err()
        {
            let nearest = nearest.display();
            self.add(
                "data_dir",
                format!("{nearest} cannot be written to by this user; give it to the server's (chown), or name another"),
            );
        }
        if folder.join(SIGNING_KEY_FILE).exists()
            && let Err(error) = SigningKey::load(folder)
        {
            self.add("data_dir", error.to_string());
        }
        if folder.join(mail_key::MAIL_KEY_FILE).exists()
            && let Err(error) = mail_key::load_or_create(folder)
        {
            self.add("data_dir", error.to_string());
        }
        let above = given.ready_file.as_deref().and_then(Path::parent);
        if let Some(above) = above.filter(|above| !above.as_os_str().is_empty() && !above.is_dir()) {
            self.add("ready_file", format!("there is no folder {}; make it first", above.display()));
        }
    }

    fn addresses(&mut self, given: &Settings) {
        if given.metrics_listen == Some(given.listen) && given.listen.port() != 0 {
            self.add("metrics_listen", format!("{} is taken by `listen`; choose another port", given.listen));
        }
    }

    fn issuers(&mut self, given: &Settings) {
        let Err(error) = given.issuers() else { return };
        let Some(ConfigErrors { file, problems }) = error.downcast_ref() else {
            return self.add("issuers", error.to_string());
        };
        // A file that is no TOML, or not there, was told already.
        let known =
            self.loaded.file.as_ref() == Some(file) && !matches!(self.loaded.origin("issuers"), Origin::Flag);
        for problem in problems.iter().filter(|problem| !known || !problem.key.is_empty()) {
            let about = About::File(file.clone(), problem.place);
            let (key, message) = (problem.key.clone(), problem.message.clone());
            self.problems.push(Problem { about, key, message, hint: None });
        }
    }

    fn database(&mut self, given: &Settings) {
        match given.database.url(&given.data_dir) {
            Err(error) => {
                let file = given.database.database_password_file.is_some();
                self.add(if file { "database_password_file" } else { "data_dir" }, format!("{error:#}"));
            }
            Ok(url) => {
                if let Err(error) = Store::check_url(&url, given.database.options()) {
                    self.add("database", error.to_string());
                }
            }
        }
        let database = &given.database;
        if database.database_least_connections > database.database_connections {
            self.add("database_least_connections", "is more than `connections`, the most there may be");
        }
    }
}

/// What lies above a bare name is the folder that one is in.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
