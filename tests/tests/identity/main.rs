//! People and how they sign in: profiles, suspension, export, erasure; passwords, sessions, keys.

mod passwords;
mod sessions;
mod suspension;
mod users;
