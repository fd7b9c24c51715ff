//! The loops over versions of plugins: what is active is loaded, and what fails is taken back.

use std::time::Duration;

use crate::{http::AppState, tasks::Tasks};

/// Between two tries to load what could not be loaded for want of something else.
const RETRY_DELAY: Duration = Duration::from_secs(1);

pub(super) fn start_loops(state: &AppState, tasks: &Tasks) {
    let (own_state, own) = (state.clone(), tasks.clone());
    tasks.keep("watch", move || watch(own_state.clone(), own.clone()));
    let (state, own) = (state.clone(), tasks.clone());
    tasks.keep("versions", move || load(state.clone(), own.clone()));
}

/// Judges the versions that are watched at each call that goes wrong.
async fn watch(state: AppState, tasks: Tasks) {
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            () = state.directory.plugins().trouble() => {}
        }
        match state.directory.judge(state.clock.now()).await {
            Ok(true) => {
                state.reread.notify_one();
                state.waiters.wake_worker();
            }
            Ok(false) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a version that fails could not be taken back");
            }
        }
    }
}

/// Loads what is active and not here, as after another host has activated it.
async fn load(state: AppState, tasks: Tasks) {
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            () = state.directory.lacks_versions() => {}
        }
        while !refresh(&state).await {
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep(RETRY_DELAY) => {}
            }
        }
    }
}

/// Reads again what is configured. Returns false where another try may do.
pub(super) async fn refresh(state: &AppState) -> bool {
    match state.directory.refresh().await {
        Ok(is_whole) => {
            // A version that was not here yet may read what the one before it could not.
            state.reread.notify_one();
            is_whole
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "what is configured could not be read again");
            false
        }
    }
}
