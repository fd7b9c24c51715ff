//! The adapter under the test host.
