//! A policy that is not among the built-in ones.

use tempfile::TempDir;

/// Its text.
pub const SHOP: &str = "
policy: shop
title: Shop
modules:
  stock:
    title: Stock
    actions: { view: See stock }
roles:
  owner:
    title: Owner
    description: Runs the shop.
    at_birth: true
    may: '*'
    given_by_operator: true
";

/// A folder with its file, as `--policies` takes it. It ends with this value.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shop.yaml"), SHOP).expect("a policy");
    folder
}
