//! Secrets at rest: no byte of them stands in a database, and keys are changed without a loss.

use std::{fs, path::Path};

use super::*;
use crate::{
    account::{FormerSecret, ReplacedToken},
    seal::Keyring,
    secret::Secret,
    storage::{postgres::Postgres, sqlite::Sqlite},
};

const PLAIN: [&str; 6] = [
    "plain-api-key-1f",
    "plain-hook-token-2f",
    "plain-former-3f",
    "plain-tokens-4f",
    "plain-verifier-5f",
    "plain-replaced-6f",
];

fn secret(at: usize) -> Secret<String> {
    Secret::new(PLAIN[at].to_owned())
}

fn with_secrets(id: &str) -> Account {
    let former = FormerSecret { value: secret(2), until: at(100) };
    Account {
        secrets: BTreeMap::from([("api-key".to_owned(), secret(0))]),
        webhook_token: Some(secret(1)),
        replaced_token: Some(ReplacedToken { token: secret(5), until: at(100) }),
        former_secrets: BTreeMap::from([("api-key".to_owned(), former)]),
        ..account(id)
    }
}

async fn fill(stores: &Stores) {
    for id in ["crm", "crm-2"] {
        stores.registry.put_account(None, with_secrets(id)).await.unwrap();
        let changed = Account { title: "Changed".to_owned(), ..with_secrets(id) };
        stores.registry.put_account(Some(&with_secrets(id)), changed.clone()).await.unwrap();
        stores.registry.put_account(Some(&changed), with_secrets(id)).await.unwrap();
    }
    let crm: AccountId = "crm".parse().unwrap();
    stores.tokens.put_tokens(&crm, secret(3)).await.unwrap();
    let flow = Flow { account: crm, text: secret(4), until: at(100) };
    stores.tokens.begin_flow(Digest::of(b"state"), flow, at(0), 9).await.unwrap();
}

async fn check(stores: &Stores) {
    let accounts = stores.registry.accounts().await.unwrap();
    assert_eq!(accounts, [with_secrets("crm"), with_secrets("crm-2")]);
    let crm = "crm".parse().unwrap();
    assert_eq!(stores.tokens.tokens_of(&crm).await.unwrap().unwrap().text, secret(3));
}

/// The plain values that stand in one of the files below a folder.
fn found_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_in(&path));
            continue;
        }
        // The server may remove one meanwhile.
        let bytes = fs::read(&path).unwrap_or_default();
        for plain in PLAIN {
            if bytes.windows(plain.len()).any(|window| window == plain.as_bytes()) {
                found.push(format!("{plain} in {}", path.display()));
            }
        }
    }
    found
}

#[tokio::test]
async fn no_secret_stands_in_the_bytes_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let sqlite = Sqlite::open(&path, &options()).unwrap();
    fill(&sqlite.stores()).await;
    assert_eq!(found_in(folder.path()), Vec::<String>::new(), "while it is open");
    check(&sqlite.stores()).await;
    sqlite.close().await;
    assert_eq!(found_in(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn no_secret_stands_in_the_bytes_of_postgres() {
    let database = patchbay_test_postgres::database().await;
    let postgres = Postgres::open(&database.url, &options(), &keys()).await.unwrap();
    fill(&postgres.stores()).await;
    check(&postgres.stores()).await;
    let client = patchbay_test_postgres::connect(&database.url).await;
    client.execute("CREATE TABLE proof AS SELECT 'the-files-are-there'::text", &[]).await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
    let row = client.query_one("SHOW data_directory", &[]).await.unwrap();
    let folder: String = row.try_get(0).unwrap();
    assert_eq!(found_in(Path::new(&folder)), Vec::<String>::new());
    let row = client.query_one("SELECT pg_relation_filepath('proof')", &[]).await.unwrap();
    let file = Path::new(&folder).join(row.try_get::<_, String>(0).unwrap());
    let proof = fs::read(file).unwrap();
    assert!(proof.windows(8).any(|window| window == b"the-file"), "the search sees rows");
    postgres.close().await;
}

#[tokio::test]
async fn what_an_earlier_release_kept_in_the_clear_is_sealed_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let plain = serde_json::to_string(&with_secrets("crm")).unwrap();
    Sqlite::open(&path, &options()).unwrap().close().await;
    let db = rusqlite::Connection::open(&path).unwrap();
    let put = "INSERT INTO account VALUES ('crm', 'plugin-crm', TRUE, ?1)";
    db.execute(put, [&plain]).unwrap();
    db.execute("DELETE FROM sealing_key", ()).unwrap();
    drop(db);
    assert_ne!(found_in(folder.path()), Vec::<String>::new());

    let sqlite = Sqlite::open(&path, &options()).unwrap();

    assert_eq!(found_in(folder.path()), Vec::<String>::new());
    assert_eq!(sqlite.stores().registry.accounts().await.unwrap(), [with_secrets("crm")]);
}

#[tokio::test]
async fn postgres_seals_what_stood_there_in_the_clear() {
    let database = patchbay_test_postgres::database().await;
    Postgres::open(&database.url, &options(), &keys()).await.unwrap().close().await;
    let client = patchbay_test_postgres::connect(&database.url).await;
    let plain = serde_json::to_string(&with_secrets("crm")).unwrap();
    let put = "INSERT INTO account (id, plugin, is_active, record) VALUES ('crm', 'p', TRUE, $1)";
    client.execute(put, &[&plain]).await.unwrap();
    let postgres = Postgres::open(&database.url, &options(), &keys()).await.unwrap();
    let row = client.query_one("SELECT record FROM account", &[]).await.unwrap();
    let record: String = row.try_get(0).unwrap();
    assert!(PLAIN.iter().all(|plain| !record.contains(plain)), "{record}");
    assert_eq!(postgres.stores().registry.accounts().await.unwrap(), [with_secrets("crm")]);
    postgres.close().await;
}

#[tokio::test]
async fn a_rotation_seals_everything_with_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let sqlite = Sqlite::open(&path, &options()).unwrap();
    fill(&sqlite.stores()).await;
    let keys = Keys::in_folder(folder.path());
    assert!(Sqlite::rotate(&path, &keys).is_err(), "a host runs");
    sqlite.close().await;
    let file = folder.path().join("sealing.key");
    let before = fs::read_to_string(&file).unwrap();

    let resealed = Sqlite::rotate(&path, &keys).unwrap();

    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(resealed.records, 3);
    assert_eq!(Keyring::parse(&after).unwrap().id(), resealed.key);
    assert_eq!((before.lines().count(), after.lines().count()), (1, 1));
    assert_ne!(before, after);
    let sqlite = Sqlite::open(&path, &options()).unwrap();
    check(&sqlite.stores()).await;
    sqlite.close().await;

    // Whoever still has the old key alone opens nothing, and harms nothing.
    fs::write(&file, before).unwrap();
    let refused = Sqlite::open(&path, &options()).unwrap_err();
    assert!(matches!(&refused, Error::Sealed(text) if text.contains(&resealed.key)), "{refused}");
    fs::remove_file(&file).unwrap();
    let refused = Sqlite::open(&path, &options()).unwrap_err();
    assert!(matches!(&refused, Error::Sealed(text) if text.contains("missing")), "{refused}");
    fs::write(&file, after).unwrap();
    check(&Sqlite::open(&path, &options()).unwrap().stores()).await;
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_ended_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbay.db");
    let sqlite = Sqlite::open(&path, &options()).unwrap();
    fill(&sqlite.stores()).await;
    sqlite.close().await;
    let file = folder.path().join("sealing.key");
    let old = Keyring::parse(&fs::read_to_string(&file).unwrap()).unwrap();
    let both = old.and_newer();
    fs::write(&file, both.to_text().expose()).unwrap();

    let sqlite = Sqlite::open(&path, &options()).unwrap();
    check(&sqlite.stores()).await;
    sqlite.close().await;

    fs::write(&file, both.newest().to_text().expose()).unwrap();
    check(&Sqlite::open(&path, &options()).unwrap().stores()).await;
}

#[tokio::test]
async fn hosts_on_one_database_change_their_key_one_after_the_other() {
    let database = patchbay_test_postgres::database().await;
    let open = async |keys: &Keyring| {
        Postgres::open(&database.url, &options(), &Keys::Given(keys.to_text())).await
    };
    let old = Keyring::random();
    let both = old.and_newer();
    let first = open(&old).await.unwrap();
    fill(&first.stores()).await;
    let second = open(&both).await.unwrap();
    check(&second.stores()).await;

    // The first host cannot read it any more, and says so; nothing is lost.
    let refused = first.stores().registry.accounts().await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains(both.id()), "{why}");
    let refused = open(&old).await.unwrap_err();
    assert!(matches!(&refused, Error::Sealed(text) if text.contains(both.id())), "{refused}");
    check(&open(&both.newest()).await.unwrap().stores()).await;
    let resealed = Postgres::reseal(&database.url, &Keys::Given(both.to_text())).await.unwrap();
    assert_eq!(resealed.records, 0, "all is sealed with the newest key");
    first.close().await;
    second.close().await;
}
