//! Authorities and certificates of a test's own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

/// An authority whose certificate is its own root.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A new authority of this name.
pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root")
}

/// A certificate for these hosts or, as its common name, this user; and its key.
pub fn certificate(by: &Authority, hosts: &[&str], user: &str) -> (String, String) {
    issued(by, hosts, user, |_| {})
}

/// The same, which was good until the end of the year 2020.
pub fn expired_certificate(by: &Authority, hosts: &[&str]) -> (String, String) {
    issued(by, hosts, "expired", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
    })
}

fn issued(
    by: &Authority,
    hosts: &[&str],
    user: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> (String, String) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, user);
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, by).expect("a certificate").pem(), key.serialize_pem())
}
