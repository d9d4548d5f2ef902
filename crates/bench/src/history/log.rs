//! What servers wrote into their logs.

use std::path::Path;

/// What a server's log in this folder says of an answer that names a number to find it by.
pub(super) fn line_of(folder: &Path, answer: &str) -> Option<String> {
    let is_number = |word: &&str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = answer.split_whitespace().find(is_number)?;
    let logs = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|log| log.lines().find(|line| line.contains(number)).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_in_the_log_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let number = "01a2029fbba1e478948936975970dfdd";
        std::fs::write(folder.path().join("server-1.log"), "ready\n").unwrap();
        std::fs::write(folder.path().join("server-2.log"), format!("ready\nERROR {number} why\nend\n"))
            .unwrap();
        let answer = format!("list: Internal: give the operator the number {number} to find it in the log");
        assert_eq!(line_of(folder.path(), &answer), Some(format!("ERROR {number} why")));
        assert_eq!(line_of(folder.path(), "list: Unavailable"), None);
    }
}
