//! What the host bears: its own sudden end, a CRM and a database that fail in every way, a full disk.

mod answers;
mod crash;
mod crm;
mod database;
mod disk;
mod frail;
mod kill;
