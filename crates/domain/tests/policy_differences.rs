//! Between which versions somebody may gain or lose on certain resources what they do not in the account as a whole.

use mandate_domain::policy::{compile, difference};

fn site(foreman: &str, baker: &str, lead: &str) -> String {
    format!(
        "
policy: site
title: Building site
modules:
  sites: {{ title: Sites, on: site, actions: {{ view: See, build: Build }} }}
  jobs: {{ title: Jobs, actions: {{ do: Do }} }}
resources:
  site:
    title: Site
    operations: {{ create: anyone, assign: sites.view, unassign: sites.view }}
    roles: {{ lead: {{ title: Lead, description: Leads., may: [{lead}] }} }}
roles:
  owner:
    title: Owner
    description: Runs the site.
    at_birth: true
    may: '*'
    given_by_operator: true
    delegation: {{ over: anyone, give: '*', assign: {{ site: {{ roles: '*' }} }} }}
  foreman: {{ title: Foreman, description: Helps., may: [{foreman}] }}
  baker: {{ title: Baker, description: Bakes., may_on_assigned: [{baker}] }}
"
    )
}

#[test]
fn what_is_held_on_everything_alone_reaches_no_resource() {
    let compiled = |text: &str| compile("site.yaml", text).unwrap();
    let before = compiled(&site("jobs.do", "sites.view", "sites.view"));
    let reaches = |after: &str| {
        let difference = difference(&before, &compiled(after));
        assert!(!difference.is_empty());
        difference.reaches_resources()
    };
    assert!(!reaches(&site("jobs.do, sites.build", "sites.view", "sites.view")));
    assert!(reaches(&site("jobs.do", "sites.build", "sites.view")));
    assert!(reaches(&site("jobs.do", "sites.view", "sites.build")));
}
