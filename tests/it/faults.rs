//! What the host bears: its own sudden end, a CRM that fails in every way, a full disk.

mod crash;
mod crm;
mod disk;
