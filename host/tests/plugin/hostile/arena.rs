//! An attacker and a neighbour on one floor: attacks again and again, and a look at what is left.

use std::{num::NonZeroU32, sync::Arc};

use jiff::Timestamp;
use patchbay::{
    account::Account,
    card::AdapterError,
    config::Limits,
    plugin::{Adapter, Error},
};

use crate::{
    channel::{client, echo},
    stage::{Stage, account, guest, limits, pure, reaching},
};

/// How often each attack is made. `cargo xtask hostile` makes more of them, in a running host.
pub(super) const ROUNDS: u64 = 40;

pub(super) struct Arena {
    pub(super) stage: Stage,
    pub(super) attacker: Arc<Adapter>,
    neighbour: Arc<Adapter>,
}

/// Small limits, so that much can be tried; no breaker ends the attacks. Of the neighbour's time
/// an epoch may go by whenever a busy machine takes the processor away: smaller would be too small.
pub(super) fn small() -> Limits {
    Limits {
        pure_cpu_ms: nz(50),
        cpu_ms: nz(50),
        memory_bytes: 16 << 20,
        breaker_traps: NonZeroU32::MAX,
        ..limits()
    }
}

pub(super) fn nz(value: u32) -> NonZeroU32 {
    value.try_into().unwrap()
}

/// How a call ended, as the metrics say it.
pub(super) fn kind<T>(answer: &Result<T, Error>) -> &'static str {
    answer.as_ref().err().map_or("ok", Error::kind)
}

impl Arena {
    pub(super) async fn open(limits: Limits) -> Self {
        let stage = Stage::new(limits);
        let attacker = stage.adapter().await;
        Self::with(stage, attacker).await
    }

    /// With this guest as the attacker, which is given these settings.
    pub(super) async fn with_guest(limits: Limits, file: &str, settings: &[(&str, &str)]) -> Self {
        let stage = Stage::new(limits);
        let (record, plugin) =
            stage.plugins.admit(guest(file), Timestamp::UNIX_EPOCH).await.unwrap();
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let account = Account {
            plugin: record.manifest.name,
            settings: settings.iter().map(text).collect(),
            secrets: [].into(),
            grants: Vec::new(),
            ..Account::clone(&account("attacker"))
        };
        let attacker = stage.plugins.bind(plugin, Arc::new(account)).unwrap();
        Self::with(stage, attacker).await
    }

    pub(super) async fn with(stage: Stage, attacker: Arc<Adapter>) -> Self {
        let neighbour = echo(&stage, "https://channel.example").await;
        Self { stage, attacker, neighbour }
    }

    /// The attack in the pure `receive`, [`ROUNDS`] times; each ends in one of these ways.
    pub(super) async fn endures_pure(&self, attack: &str, kinds: &[&str]) {
        self.endures(ROUNDS, kinds, async || pure(&self.attacker, attack, "").await).await;
    }

    /// The attack in `lookup-client`, which may reach out, [`ROUNDS`] times.
    pub(super) async fn endures_reaching(&self, attack: &str, kinds: &[&str]) {
        self.endures(ROUNDS, kinds, async || reaching(&self.attacker, attack, "").await).await;
    }

    /// Makes the attack `rounds` times. Meanwhile each call of the neighbour succeeds; afterwards the
    /// metrics tell of every attack, and nothing is in use any more.
    pub(super) async fn endures<T>(
        &self,
        rounds: u64,
        kinds: &[&str],
        attack: impl AsyncFn() -> Result<T, Error>,
    ) {
        let before = self.counted(kinds);
        for round in 0..rounds {
            let (answer, ()) = tokio::join!(attack(), self.neighbour_works(round));
            let ended = kind(&answer);
            assert!(kinds.contains(&ended), "{ended}: {:?}", answer.err());
        }
        assert_eq!(self.counted(kinds) - before, rounds, "the metrics name every attack");
        self.is_clean();
    }

    /// In both kinds of functions, with an effect.
    async fn neighbour_works(&self, round: u64) {
        let page = self.neighbour.render("/here", "").await.unwrap().unwrap();
        assert_eq!(page.body, b"<p>/here?</p>");
        let told = self.neighbour.tag(&client("chat"), &format!("tag-{round}")).await;
        let known = matches!(told, Err(Error::Adapter(AdapterError::Conflict(_))));
        assert!(known || told.is_ok(), "{told:?}");
    }

    /// No call, instance, memory or stack is left.
    pub(super) fn is_clean(&self) {
        let figures = self.stage.plugins.figures();
        assert_eq!(figures.calls_in_flight, 0);
        if let Some(pool) = figures.pool {
            assert_eq!((pool.instances, pool.memories, pool.stacks), (0, 0, 0));
        }
        assert_eq!(figures.open_breakers, []);
    }

    /// Calls of the attacker that ended in one of these ways.
    fn counted(&self, kinds: &[&str]) -> u64 {
        let name = &self.attacker.plugin().record().manifest.name;
        let figures = self.stage.plugins.figures();
        let own = figures.calls.iter().filter(|count| count.plugin == *name);
        own.filter(|count| kinds.contains(&count.outcome)).map(|count| count.calls).sum()
    }

    /// How often the metrics say that the attacker was refused something for this cause.
    pub(super) fn refused(&self, cause: &str) -> u64 {
        let name = self.attacker.plugin().record().manifest.name.as_str();
        let refusals = self.stage.plugins.figures().refusals;
        let of_cause = refusals.iter().filter(|it| it.plugin == name && it.cause == cause);
        of_cause.map(|it| it.count).sum()
    }
}
