//! Metrics as Prometheus has them: families of series that have a name, a kind, a help text and labels.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::count::Observed;

/// All families, in the order in which they were begun.
#[derive(Default)]
pub(super) struct Families(Vec<MetricFamily>);

/// A label's name and value.
pub(super) type Label<'a> = (&'static str, &'a str);

impl Families {
    /// A family of numbers that only grow. `name` ends with `_total`.
    pub(super) fn counter<'a, const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; L], u64)>,
    ) {
        self.family(name, help, MetricType::COUNTER, series, |metric, value| {
            let mut counter = Counter::default();
            counter.set_value(float(value));
            metric.set_counter(counter);
        });
    }

    /// A family of numbers that go up and down.
    pub(super) fn gauge<'a, const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; L], f64)>,
    ) {
        self.family(name, help, MetricType::GAUGE, series, |metric, value| {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        });
    }

    /// A family of histograms, in seconds. `name` ends with `_seconds`.
    pub(super) fn histogram<'a, const L: usize, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; L], Observed<N>)>,
    ) {
        self.family(name, help, MetricType::HISTOGRAM, series, |metric, observed| {
            metric.set_histogram(histogram(&observed));
        });
    }

    fn family<'a, V, const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = ([Label<'a>; L], V)>,
        set: impl Fn(&mut Metric, V),
    ) {
        let metrics: Vec<Metric> = series
            .into_iter()
            .map(|(labels, value)| {
                let mut metric = Metric::from_label(labels.into_iter().map(label).collect());
                set(&mut metric, value);
                metric
            })
            .collect();
        // A family without series is not there.
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    /// All of them in the text format of Prometheus, version 0.0.4.
    ///
    /// # Errors
    /// A family that cannot be written, which is a defect.
    pub(super) fn text(&self) -> prometheus::Result<String> {
        prometheus::TextEncoder::new().encode_to_string(&self.0)
    }
}

fn label((name, value): Label<'_>) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

fn histogram<const N: usize>(observed: &Observed<N>) -> Histogram {
    let mut sum = 0;
    let buckets = observed.bounds.iter().zip(&observed.buckets).map(|(bound, count)| {
        sum += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound));
        bucket.set_cumulative_count(sum);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(observed.count());
    histogram.set_sample_sum(seconds(observed.sum));
    histogram
}

/// Nanoseconds as seconds.
fn seconds(nanos: u64) -> f64 {
    float(nanos) / 1e9
}

/// Prometheus knows no other numbers. From 2^53 on they are not exact, which is three hundred years of counting a
/// million times a second.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    static BOUNDS: [u64; 2] = [1_000_000, 2_500_000_000];

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut families = Families::default();
        families.counter("a_total", "What \\ is\ncounted.", [([("kind", "x\"y\\z\n")], 3)]);
        families.gauge("b", "What is.", [([], 0.5)]);
        families.gauge("c", "Nothing.", Vec::<([Label<'_>; 0], f64)>::new());
        let observed = Observed { bounds: &BOUNDS, buckets: [1, 2], longer: 4, sum: 1_500_000_000 };
        families.histogram("d_seconds", "How long.", [([], observed)]);
        let text = families.text().unwrap();
        let expected = r#"# HELP a_total What \\ is\ncounted.
# TYPE a_total counter
a_total{kind="x\"y\\z\n"} 3
# HELP b What is.
# TYPE b gauge
b 0.5
# HELP d_seconds How long.
# TYPE d_seconds histogram
d_seconds_bucket{le="0.001"} 1
d_seconds_bucket{le="2.5"} 3
d_seconds_bucket{le="+Inf"} 7
d_seconds_sum 1.5
d_seconds_count 7
"#;
        assert_eq!(text, expected);
    }
}
