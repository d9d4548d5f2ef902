//! A scrape as Prometheus makes it, read strictly: what the text format (version 0.0.4) or its conventions do not
//! allow, fails the test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::http;

/// All that was scraped.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrape {
    /// By name.
    pub families: BTreeMap<String, Family>,
}

/// The series of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it means.
    pub help: String,
    /// Each series with its value; those of a histogram have `_bucket`, `_sum` and `_count` behind the family's name.
    pub samples: BTreeMap<Series, f64>,
}

/// The name and the labels of a series.
pub type Series = (String, BTreeMap<String, String>);

impl Scrape {
    /// Scrapes the port. Panics where it does not answer with a page of metrics.
    pub async fn of(port: SocketAddr) -> Self {
        let reply = http::get(port, "/metrics").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4");
        Self::parse(&reply.body).unwrap_or_else(|error| panic!("{error}\n{}", reply.body))
    }

    /// Reads a page.
    ///
    /// Errors: what is wrong with which line.
    pub fn parse(page: &str) -> Result<Self, String> {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current: Option<(String, Family)> = None;
        if !page.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').ok_or_else(|| format!("no help: {line}"))?;
                let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
                let kind = kind.ok_or_else(|| format!("no type behind: {line}"))?.to_owned();
                let family = Family { kind, help: help.to_owned(), samples: BTreeMap::new() };
                close(&mut families, current.replace((name.to_owned(), family)))?;
                continue;
            }
            let (name, family) = current.as_mut().ok_or_else(|| format!("of no family: {line}"))?;
            let (series, value) = sample(line).ok_or_else(|| format!("no sample: {line}"))?;
            let suffix =
                series.0.strip_prefix(name.as_str()).ok_or_else(|| format!("not of {name}: {line}"))?;
            let expected: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            if !expected.contains(&suffix) {
                return Err(format!("not of {name}: {line}"));
            }
            if family.samples.insert(series, value).is_some() {
                return Err(format!("a second time: {line}"));
            }
        }
        close(&mut families, current)?;
        Ok(Self { families })
    }

    /// The value of a series, 0 where there is none: it has not happened yet.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let family = ["", "_bucket", "_sum", "_count"]
            .into_iter()
            .find_map(|suffix| self.families.get(name.strip_suffix(suffix)?));
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let key = (name.to_owned(), labels);
        family.and_then(|family| family.samples.get(&key)).copied().unwrap_or_default()
    }

    /// Every series with its value.
    pub fn samples(&self) -> impl Iterator<Item = (&Series, f64)> {
        self.families.values().flat_map(|family| &family.samples).map(|(series, value)| (series, *value))
    }

    /// By how much each series of a family has grown since an earlier scrape, those left out that have not.
    pub fn growth(&self, since: &Self, family: &str) -> BTreeMap<Series, f64> {
        let Some(family) = self.families.get(family) else { return BTreeMap::new() };
        let grown = family.samples.iter().map(|(series, value)| {
            let labels: Vec<(&str, &str)> =
                series.1.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            (series.clone(), value - since.value(&series.0, &labels))
        });
        grown.filter(|(_, more)| *more != 0.0).collect()
    }
}

/// Looks at a family as a whole and keeps it.
fn close(families: &mut BTreeMap<String, Family>, family: Option<(String, Family)>) -> Result<(), String> {
    let Some((name, family)) = family else { return Ok(()) };
    if family.help.is_empty() || family.samples.is_empty() {
        return Err(format!("{name} has no help or no series"));
    }
    match family.kind.as_str() {
        "counter" if name.ends_with("_total") && family.samples.values().all(|value| *value >= 0.0) => {}
        "gauge" if !name.ends_with("_total") => {}
        "histogram" => histograms(&name, &family)?,
        kind => return Err(format!("{name} is no {kind}")),
    }
    match families.insert(name.clone(), family) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is there twice")),
    }
}

/// Buckets grow, the last one holds all, and all of them are counted.
fn histograms(name: &str, family: &Family) -> Result<(), String> {
    let mut buckets: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for ((_, labels), count) in family.samples.iter().filter(|((sample, _), _)| sample.ends_with("_bucket")) {
        let mut labels = labels.clone();
        let bound = labels.remove("le").ok_or_else(|| format!("{name}: a bucket without a bound"))?;
        let bound = number(&bound).ok_or_else(|| format!("{name}: a bound {bound}"))?;
        buckets.entry(labels).or_default().push((bound, *count));
    }
    for (labels, mut buckets) in buckets {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let of = |suffix: &str| family.samples.get(&(format!("{name}{suffix}"), labels.clone())).copied();
        let all = buckets.last().copied().filter(|(bound, _)| bound.is_infinite()).map(|(_, count)| count);
        if !buckets.is_sorted_by(|one, other| one.1 <= other.1) || all.is_none() || all != of("_count") {
            return Err(format!("{name}{labels:?}: {buckets:?}"));
        }
        of("_sum").filter(|sum| *sum >= 0.0).ok_or_else(|| format!("{name}{labels:?}: no sum"))?;
    }
    Ok(())
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> Option<(Series, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    is_name(name).then_some(())?;
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            is_name(label).then_some(())?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}')?;
                    break;
                }
            }
        }
    }
    Some(((name.to_owned(), labels), number(rest.strip_prefix(' ')?)?))
}

/// A value up to its quotation mark, and what comes behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (end, '"') => return Some((value, text.get(end + 1..)?)),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                _ => return None,
            }),
            (_, other) => value.push(other),
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && chars.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP a_total What.\n# TYPE a_total counter\na_total{x=\"1,\\\"}\",y=\"\"} 2\na_total 3\n\
        # HELP b_seconds How long.\n# TYPE b_seconds histogram\nb_seconds_bucket{le=\"0.5\"} 1\n\
        b_seconds_bucket{le=\"+Inf\"} 2\nb_seconds_sum 0.7\nb_seconds_count 2\n";

    #[test]
    fn a_page_is_read() {
        let scrape = Scrape::parse(PAGE).expect("a page");
        assert_eq!(scrape.value("a_total", &[("x", "1,\"}"), ("y", "")]), 2.0);
        assert_eq!(scrape.value("b_seconds_bucket", &[("le", "0.5")]), 1.0);
        assert_eq!((scrape.value("b_seconds_count", &[]), scrape.value("c", &[])), (2.0, 0.0));
        let later = Scrape::parse(&PAGE.replace("a_total 3", "a_total 5")).expect("a page");
        assert_eq!(later.growth(&scrape, "a_total"), [(("a_total".to_owned(), BTreeMap::new()), 2.0)].into());
    }

    #[test]
    fn whatever_is_wrong_is_told() {
        for (right, wrong) in [
            ("a_total 3\n", "a_total 3\na_total 3\n"),
            ("a_total 3\n", "a 3\n"),
            ("a_total 3\n", "a_total three\n"),
            ("a_total 3\n", "a_total NaN\n"),
            ("x=\"1,\\\"}\"", "x=\"1,\"}\""),
            (",y=", ",x="),
            ("# TYPE a_total counter\n", ""),
            ("# TYPE a_total counter\n", "# TYPE a_total gauge\n"),
            ("# HELP a_total What.\n", ""),
            ("b_seconds_count 2", "b_seconds_count 3"),
            ("b_seconds_sum 0.7\n", ""),
            ("le=\"0.5\"} 1", "le=\"0.5\"} 3"),
            ("b_seconds_bucket{le=\"+Inf\"} 2\n", ""),
            ("b_seconds_count 2\n", "b_seconds_count 2"),
        ] {
            assert!(PAGE.contains(right), "{right}");
            let page = PAGE.replacen(right, wrong, 1);
            assert!(Scrape::parse(&page).is_err(), "{page}");
        }
    }
}
