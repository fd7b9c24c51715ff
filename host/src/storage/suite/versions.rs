//! Versions of plugins: kept, approved, made active by one host at a time, and removed.

use super::*;
use crate::account::{Activation, Auth, Chooser, Manifest, PluginRecord, Standing, Step, Version};

on_every_backend!(
    a_version_is_kept_with_its_bytes_and_stays_approved,
    of_two_activations_at_once_one_is_made,
    only_what_is_approved_can_be_active,
    old_versions_go_but_for_the_last_and_the_active_ones,
    what_a_version_refused_is_read_again,
);

pub(in crate::storage) fn record(digest: Digest, name: &str) -> PluginRecord {
    let manifest = Manifest {
        name: name.parse().unwrap(),
        version: "1.2.3".to_owned(),
        title: "Odoo".to_owned(),
        vendor: "Odoo".to_owned(),
        settings: Vec::new(),
        egress: vec!["https://*.odoo.example".to_owned()],
        auth: Auth::Settings,
        rate_limit: Some(2.5),
    };
    let contract = "0.1.0".to_owned();
    PluginRecord {
        digest,
        contract,
        roles: Vec::new(),
        manifest,
        size_bytes: 3,
        installed_at: at(0),
        cost: None,
        signature: None,
        origin: None,
        cases: None,
    }
}

fn version(bytes: &str, standing: Standing, second: i64) -> Version {
    let record = record(Digest::of(bytes.as_bytes()), "crm-odoo");
    Version { record, standing, used_at: at(second) }
}

async fn put(stores: &Stores, bytes: &str, standing: Standing, second: i64) -> Digest {
    let version = version(bytes, standing, second);
    let digest = version.record.digest;
    stores.versions.put_version(version, bytes.as_bytes().to_vec()).await.unwrap();
    digest
}

fn name() -> crate::id::PluginName {
    "crm-odoo".parse().unwrap()
}

fn chosen(
    before: Option<&Activation>,
    account: Option<&str>,
    digest: Digest,
    second: i64,
) -> Activation {
    let account = account.map(|id| id.parse::<AccountId>().unwrap());
    let step = Step { by: Chooser::Operator, at: at(second), watch_until: Some(at(second + 60)) };
    Activation::choose(before, &name(), account.as_ref(), Some(digest), step).unwrap()
}

async fn digests(stores: &Stores) -> Vec<Digest> {
    let versions = stores.versions.versions().await.unwrap();
    versions.into_iter().map(|version| version.record.digest).collect()
}

async fn a_version_is_kept_with_its_bytes_and_stays_approved(stores: &Stores) {
    let old = put(stores, "old", Standing::Approved, 1).await;
    let new = put(stores, "new", Standing::Waiting, 2).await;
    assert_eq!(digests(stores).await, [new, old], "those used last first");
    assert_eq!(stores.versions.version_bytes(old).await.unwrap(), Some(b"old".to_vec()));
    assert_eq!(stores.versions.version_bytes(Digest::of(b"none")).await.unwrap(), None);
    assert!(!stores.versions.is_known(Digest::of(b"none")).await.unwrap());

    put(stores, "old", Standing::Waiting, 3).await;
    let versions = stores.versions.versions().await.unwrap();
    assert_eq!(versions[0], version("old", Standing::Approved, 3), "a yes is not taken back");
    assert_eq!(versions[1].standing, Standing::Waiting);
    assert!(stores.versions.approve(new).await.unwrap());
    assert!(!stores.versions.approve(Digest::of(b"none")).await.unwrap());
    assert_eq!(stores.versions.versions().await.unwrap()[1].standing, Standing::Approved);
}

async fn of_two_activations_at_once_one_is_made(stores: &Stores) {
    let one = put(stores, "one", Standing::Approved, 1).await;
    let two = put(stores, "two", Standing::Approved, 2).await;
    let first = chosen(None, None, one, 5);
    stores.versions.put_activation(first.clone()).await.unwrap();
    let second = chosen(Some(&first), None, two, 6);
    let own = chosen(None, Some("odoo"), two, 7);

    for late in [chosen(None, None, two, 6), Activation { generation: 3, ..second.clone() }] {
        let refused = stores.versions.put_activation(late).await.unwrap_err();
        assert!(matches!(&refused, Error::Changed(name) if name == "crm-odoo"), "{refused}");
    }
    stores.versions.put_activation(second.clone()).await.unwrap();
    stores.versions.put_activation(own.clone()).await.unwrap();
    let again = stores.versions.put_activation(second.clone()).await;
    assert!(matches!(again, Err(Error::Changed(_))), "it is made once");

    assert_eq!(stores.versions.activations().await.unwrap(), [second, own]);
    assert_eq!(stores.versions.versions().await.unwrap()[0].used_at, at(7));
}

async fn only_what_is_approved_can_be_active(stores: &Stores) {
    let waiting = put(stores, "waiting", Standing::Waiting, 1).await;
    for digest in [waiting, Digest::of(b"none")] {
        let refused = stores.versions.put_activation(chosen(None, None, digest, 2)).await;
        assert!(matches!(refused, Err(Error::Changed(_))));
    }
    assert!(stores.versions.activations().await.unwrap().is_empty());
    stores.versions.approve(waiting).await.unwrap();
    stores.versions.put_activation(chosen(None, None, waiting, 2)).await.unwrap();
}

async fn old_versions_go_but_for_the_last_and_the_active_ones(stores: &Stores) {
    let mut all = Vec::new();
    for (second, bytes) in (0..).zip(["0", "1", "2", "3", "4"]) {
        all.push(put(stores, bytes, Standing::Approved, second).await);
    }
    let for_all = chosen(None, None, all[0], 0);
    stores.versions.put_activation(for_all).await.unwrap();
    stores.versions.put_activation(chosen(None, Some("odoo"), all[1], 1)).await.unwrap();

    let removed = stores.versions.remove_old_versions(&name(), 2).await.unwrap();

    assert_eq!(removed, [all[2]], "two are active, and two were used last");
    assert_eq!(digests(stores).await, [all[4], all[3], all[1], all[0]]);
    assert_eq!(stores.versions.version_bytes(all[2]).await.unwrap(), None);
    assert!(stores.versions.is_known(all[2]).await.unwrap(), "it does not come back by itself");
    assert!(!stores.versions.approve(all[2]).await.unwrap());
    let gone = stores.versions.put_activation(chosen(None, Some("notebook"), all[2], 9)).await;
    assert!(matches!(gone, Err(Error::Changed(_))));
    put(stores, "2", Standing::Approved, 9).await;
    assert_eq!(digests(stores).await[0], all[2], "whoever uploads it has it again");
    let other = "channel-jivo".parse().unwrap();
    assert!(stores.versions.remove_old_versions(&other, 0).await.unwrap().is_empty());
}

async fn what_a_version_refused_is_read_again(stores: &Stores) {
    let rejected = || NewReading::Rejected { status: 401, reason: "bad signature".to_owned() };
    let early = accept(stores, webhook(0, rejected())).await.request;
    let late = accept(stores, webhook(5, rejected())).await.request;
    let other = NewWebhook { plugin: Digest::of(b"other"), ..webhook(6, rejected()) };
    accept(stores, other).await;
    let channel: AccountId = CHANNEL.parse().unwrap();
    let read_again = async |account: Option<&AccountId>| {
        stores.versions.read_again(account, plugin(), at(5)).await.unwrap()
    };

    assert_eq!(read_again(Some(&"odoo".parse().unwrap())).await, 0);
    assert_eq!(read_again(Some(&channel)).await, 1);
    assert_eq!(read_again(None).await, 0, "what was before the version is its own fault");

    let unread = stores.journal.unread(&channel, Digest::of(b"next"), 10).await.unwrap();
    assert_eq!(unread.iter().map(|one| one.id).collect::<Vec<_>>(), [late]);
    // The cap of three holds as it should: one has left, and one comes.
    stores.journal.reread(late, Digest::of(b"next"), rejected(), at(9)).await.unwrap();
    let kept = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().any(|one| one.request == early));
}

/// Two versions as the releases before this one have kept them, the second active.
pub(in crate::storage) fn before_versions() -> [(Digest, bool, String); 2] {
    [("old", false), ("new", true)].map(|(bytes, is_active)| {
        let digest = Digest::of(bytes.as_bytes());
        let mut record = serde_json::to_value(record(digest, "crm-odoo")).unwrap();
        record.as_object_mut().unwrap().remove("cost");
        (digest, is_active, record.to_string())
    })
}

/// What was active is, and what was not can be again.
pub(in crate::storage) async fn goes_on_after_the_migration(stores: &Stores) {
    let [(old, ..), (new, ..)] = before_versions();
    let activations = stores.versions.activations().await.unwrap();
    let [active] = activations.as_slice() else { panic!("one is active: {activations:?}") };
    assert_eq!((active.digest, active.account.as_ref(), active.generation), (Some(new), None, 1));
    let versions = stores.versions.versions().await.unwrap();
    let standings: Vec<_> = versions.iter().map(|version| version.standing).collect();
    assert_eq!(standings, [Standing::Approved; 2]);
    stores.versions.put_activation(chosen(Some(active), None, old, 1)).await.unwrap();
}
