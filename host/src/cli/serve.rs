//! `patchbay serve`: from arguments to a running host, and down again.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
};

use super::{Error, ServeArgs, check, handles};
use crate::{
    clock::SystemClock,
    config::Config,
    directory::Entry,
    host::{self, Host},
    id::AccountId,
    secret::Secret,
    tasks::StopSignals,
    telemetry,
};

pub(super) fn run(args: &ServeArgs) -> Result<(), Error> {
    let config = configuration(args)?;
    telemetry::start_log(&config.log);
    handles::make_room(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(config, args));
    // What still runs was given its time, or is ended by a second signal.
    runtime.shutdown_background();
    served
}

/// The file with the arguments over it.
fn configuration(args: &ServeArgs) -> Result<Config, Error> {
    let mut config = check::read(args.file.config.as_ref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    if args.plugins.is_some() {
        config.plugins.clone_from(&args.plugins);
    }
    Ok(config)
}

async fn serve(config: Config, args: &ServeArgs) -> Result<(), Error> {
    // Before anything else: a start may take long, and whoever reads that the host listens may
    // stop it at once.
    let mut stop = StopSignals::catch()?;
    let compiler = std::env::current_exe()?;
    let (data, scheme) = (config.data.clone(), config.scheme());
    let host = tokio::select! {
        host = Host::start(config, Arc::new(SystemClock), compiler) => host.map_err(of_start)?,
        () = stop.next() => return Ok(()),
    };
    if let Some(token) = &host.new_token {
        show_token(token, args)?;
    }
    if let Some(name) = &args.new_token {
        show_token(&host.new_admin_token(name.clone()).await.map_err(of_start)?, args)?;
    }
    if args.show_urls {
        show_urls(&host)?;
    }
    say(&format!("patchbay listens on {scheme}://{}", host.address))?;
    if let Some(path) = &args.welcome {
        say(&welcome(&host, &fs::read_to_string(path)?, &data))?;
    }
    stop.next().await;
    tracing::info!("stopping: running attempts end first; a second signal ends at once");
    tokio::select! {
        () = host.stop() => Ok(()),
        () = stop.next() => {
            Err(Error::Unavailable("stopped at once by a second signal".to_owned()))
        }
    }
}

fn of_start(error: host::Error) -> Error {
    match error {
        host::Error::Provision(faults) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
            Error::Usage(format!("the configuration cannot be applied:{}", lines.concat()))
        }
        error => Error::Unavailable(error.to_string()),
    }
}

fn show_urls(host: &Host) -> Result<(), Error> {
    for (account, url) in webhook_urls(host) {
        say(&format!("webhook {account}: {url}"))?;
    }
    Ok(())
}

/// Every channel account with its webhook URL.
fn webhook_urls(host: &Host) -> Vec<(AccountId, String)> {
    let snapshot = host.state.directory.snapshot();
    let url = |entry: &Entry| {
        let token = entry.account.webhook_token.as_ref()?;
        let url = format!("{}/hooks/{}", host.state.base_url, token.expose());
        Some((entry.account.id.clone(), url))
    };
    snapshot.accounts.values().filter_map(url).collect()
}

fn welcome(host: &Host, text: &str, data: &Path) -> String {
    let text = text.replace("{url}", &host.state.base_url);
    let text = text.replace("{data}", &data.display().to_string());
    let fill = |text: String, (account, url): (AccountId, String)| {
        text.replace(&format!("{{webhook:{account}}}"), &url)
    };
    webhook_urls(host).into_iter().fold(text, fill)
}

fn show_token(token: &Secret<String>, args: &ServeArgs) -> Result<(), Error> {
    say(&format!("API token, shown only now: {}", token.expose()))?;
    args.token_file.as_ref().map_or(Ok(()), |path| write_token(path, token))
}

/// Writes the token to a file that only its owner can read, whoever could read it before.
fn write_token(path: &Path, token: &Secret<String>) -> Result<(), Error> {
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // The mode above is for a new file only.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(writeln!(file, "{}", token.expose())?)
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
