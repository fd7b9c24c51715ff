//! The adapter under the test host, against the simulated HubSpot and the documented answers.

mod activities;
mod contacts;
mod deals;
mod documented;
mod faults;
mod golden;
mod hostile;
mod lag;
mod limits;
mod people;
mod requests;
mod stage;
mod suite;
