//! Locks of clients: no two jobs of one CRM account with a key in common run at the same time.
//!
//! A claim inserts the keys of its heads, in one order for all hosts. A head that misses a key gives
//! back what it got, and its lane is held on the key. Between the look at the other's lock and the
//! commit the lock's row is held in share mode, so that its owner cannot end in between and miss the
//! lane that has just begun to wait. Whoever ends deletes its locks first and looks then, in a
//! statement of its own, who waits for them.

use std::collections::{BTreeSet, HashMap, HashSet};

use deadpool_postgres::{GenericClient, Transaction};

use super::{
    Result,
    queries::{column, rows, run},
};

/// A head that wants its client.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) lane: i64,
    pub(super) crm: String,
    pub(super) keys: Vec<i64>,
    /// What the lane was woken for.
    pub(super) woken_for: Option<Client>,
    /// Jobs of the same kind share what is left of it.
    pub(super) share: (String, bool),
}

/// One client of one CRM account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Client {
    pub(super) crm: String,
    pub(super) key: i64,
}

/// What is left of a claim.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) shares: HashMap<(String, bool), u32>,
    /// Of both kinds of one integration together.
    pub(super) rooms: HashMap<String, u32>,
    pub(super) limit: u32,
}

impl Room {
    fn is_there_for(&self, wish: &Wish) -> bool {
        0 < self.limit
            && self.rooms.get(&wish.share.0).is_some_and(|left| 0 < *left)
            && self.shares.get(&wish.share).is_some_and(|left| 0 < *left)
    }

    fn take(&mut self, wish: &Wish) {
        self.limit = self.limit.saturating_sub(1);
        let room = self.rooms.get_mut(&wish.share.0).into_iter();
        for left in room.chain(self.shares.get_mut(&wish.share)) {
            *left = left.saturating_sub(1);
        }
    }
}

impl Wish {
    fn clients(&self) -> impl Iterator<Item = Client> {
        self.keys.iter().map(|key| Client { crm: self.crm.clone(), key: *key })
    }
}

/// What has become of the wishes.
#[derive(Debug, Default)]
pub(super) struct Granted {
    pub(super) lanes: HashSet<i64>,
    /// Whether some lane is held, was passed over or woken: there may be more to lease.
    pub(super) has_more: bool,
    /// To be woken after the commit.
    pub(super) late: Vec<Client>,
}

/// Locks the clients of as many heads as there is room for and as can have all their keys, the first
/// ones first. The lanes of those that miss a key are held on it. A lane that was beaten by one that
/// gave up in the same moment stays due.
pub(super) async fn lock(
    db: &Transaction<'_>,
    wishes: &[Wish],
    room: &mut Room,
) -> Result<Granted> {
    let wanted: BTreeSet<Client> = wishes.iter().flat_map(Wish::clients).collect();
    let mut taken: HashSet<Client> = find(db, &wanted, "").await?;
    let (mut chosen, mut losers) = (Vec::new(), Vec::new());
    // A lane without room stood where another one could have been looked at.
    let mut passed_over = false;
    for wish in wishes {
        if wish.clients().any(|client| taken.contains(&client)) {
            losers.push(wish);
        } else if room.is_there_for(wish) {
            room.take(wish);
            taken.extend(wish.clients());
            chosen.push(wish);
        } else {
            passed_over = true;
        }
    }
    let got = insert(db, &chosen).await?;
    let mut lanes = HashSet::new();
    for wish in chosen {
        let keys: HashSet<i64> = wish.keys.iter().copied().collect();
        if keys.len() == got.get(&wish.lane).copied().unwrap_or(0) {
            lanes.insert(wish.lane);
        } else {
            losers.push(wish);
        }
    }
    let granted = wishes.iter().filter(|wish| lanes.contains(&wish.lane));
    let mut unused: BTreeSet<Client> = granted
        .filter_map(|wish| {
            wish.woken_for.clone().filter(|for_| !wish.clients().any(|c| c == *for_))
        })
        .collect();
    let has_losers = !losers.is_empty();
    if has_losers {
        unused.extend(hold(db, &losers).await?);
    }
    // What a lane was woken for and does not take is the next one's.
    let late = wake(db, unused.into_iter().collect()).await?;
    Ok(Granted { lanes, has_more: has_losers || passed_over, late })
}

/// Which of these clients somebody works on.
async fn find(
    db: &Transaction<'_>,
    clients: &BTreeSet<Client>,
    locking: &str,
) -> Result<HashSet<Client>> {
    if clients.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT client_lock.crm, client_lock.key
         FROM unnest($1::text[], $2::bigint[]) AS t (crm, key)
         JOIN client_lock ON client_lock.crm = t.crm AND client_lock.key = t.key
         ORDER BY client_lock.crm, client_lock.key {locking}"
    );
    let (crms, keys) = columns(clients);
    let found = rows(db, &sql, &[&crms, &keys]).await?;
    found.iter().map(|row| Ok(Client { crm: row.try_get(0)?, key: row.try_get(1)? })).collect()
}

fn columns<'a>(clients: impl IntoIterator<Item = &'a Client>) -> (Vec<&'a str>, Vec<i64>) {
    clients.into_iter().map(|client| (client.crm.as_str(), client.key)).unzip()
}

/// Returns how many keys each lane got.
async fn insert(db: &Transaction<'_>, chosen: &[&Wish]) -> Result<HashMap<i64, usize>> {
    let mut wanted: Vec<(Client, i64)> =
        chosen.iter().flat_map(|wish| wish.clients().map(|client| (client, wish.lane))).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    wanted.sort_unstable();
    let sql = "INSERT INTO client_lock (crm, key, lane_id)
               SELECT crm, key, lane_id
               FROM unnest($1::text[], $2::bigint[], $3::bigint[])
                   WITH ORDINALITY AS t (crm, key, lane_id, ord)
               ORDER BY ord
               ON CONFLICT (crm, key) DO NOTHING RETURNING lane_id";
    let (crms, keys) = columns(wanted.iter().map(|(client, _)| client));
    let lanes: Vec<i64> = wanted.iter().map(|(_, lane)| *lane).collect();
    let mut got: HashMap<i64, usize> = HashMap::new();
    for lane in column::<i64>(db, sql, &[&crms, &keys, &lanes]).await? {
        *got.entry(lane).or_default() += 1;
    }
    Ok(got)
}

/// Takes one more key for a lane whose head is leased. False when another lane has it.
pub(super) async fn take_one(db: &Transaction<'_>, crm: &str, lane: i64, key: i64) -> Result<bool> {
    let sql = "INSERT INTO client_lock (crm, key, lane_id) VALUES ($1, $2, $3)
               ON CONFLICT (crm, key) DO NOTHING";
    if run(db, sql, &[&crm, &key, &lane]).await? == 1 {
        return Ok(true);
    }
    let sql = "SELECT lane_id FROM client_lock WHERE crm = $1 AND key = $2 AND lane_id = $3";
    Ok(!rows(db, sql, &[&crm, &key, &lane]).await?.is_empty())
}

/// Gives back what the losers got, and holds each on a key that somebody else works on. Returns the
/// clients that losers were woken for, and that nobody works on.
async fn hold(db: &Transaction<'_>, losers: &[&Wish]) -> Result<Vec<Client>> {
    let mut lanes: Vec<i64> = losers.iter().map(|wish| wish.lane).collect();
    lanes.sort_unstable();
    run(db, "DELETE FROM client_lock WHERE lane_id = ANY($1)", &[&lanes]).await?;
    let mut missed: BTreeSet<Client> = losers.iter().flat_map(|wish| wish.clients()).collect();
    missed.extend(losers.iter().filter_map(|wish| wish.woken_for.clone()));
    let busy = find(db, &missed, "FOR SHARE OF client_lock").await?;
    let (mut held, mut clients, mut unused) = (Vec::new(), Vec::new(), Vec::new());
    for wish in losers {
        let Some(client) = wish.clients().find(|client| busy.contains(client)) else { continue };
        unused.extend(wish.woken_for.clone().filter(|client| !busy.contains(client)));
        held.push(wish.lane);
        clients.push(client);
    }
    let sql = "UPDATE lane SET state = 'held', held_crm = t.crm, held_key = t.key
               FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS t (id, crm, key)
               WHERE lane.id = t.id";
    let (crms, keys) = columns(&clients);
    run(db, sql, &[&held, &crms, &keys]).await?;
    Ok(unused)
}

/// Takes the locks from lanes whose jobs have ended. Returns the clients that are free now.
pub(super) async fn unlock(db: &Transaction<'_>, lanes: &[i64]) -> Result<Vec<Client>> {
    // In one order, as claims lock the rows that they look at.
    let sql = "WITH owned AS (
                   SELECT crm, key FROM client_lock WHERE lane_id = ANY($1)
                   ORDER BY crm, key FOR UPDATE)
               DELETE FROM client_lock USING owned
               WHERE client_lock.crm = owned.crm AND client_lock.key = owned.key
               RETURNING client_lock.crm, client_lock.key";
    let mut freed = Vec::new();
    for row in rows(db, sql, &[&lanes]).await? {
        freed.push(Client { crm: row.try_get(0)?, key: row.try_get(1)? });
    }
    freed.sort_unstable();
    Ok(freed)
}

/// Lets the first lane of each integration that waits for each client be leased; the others wait for
/// that one. One of each integration, because an integration may be paused or have no room.
///
/// Returns the clients whose waiting lanes are being written to in this moment: they are to be woken
/// after the commit, because to wait for a lane while holding another one is how deadlocks are made.
pub(super) async fn wake(db: &Transaction<'_>, freed: Vec<Client>) -> Result<Vec<Client>> {
    if freed.is_empty() {
        return Ok(freed);
    }
    let sql = "
        WITH free AS (
            SELECT t.ord, t.crm, t.key, waiting.integration
            FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS t (crm, key, ord)
            CROSS JOIN LATERAL (
                SELECT DISTINCT integration FROM lane
                WHERE state = 'held' AND held_crm = t.crm AND held_key = t.key) waiting
        ), first AS MATERIALIZED (
            SELECT free.ord, free.integration, waiting.id FROM free
            CROSS JOIN LATERAL (
                SELECT id FROM lane
                WHERE state = 'held' AND held_crm = free.crm AND held_key = free.key
                  AND lane.integration = free.integration
                ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) waiting
        ), woken AS (
            UPDATE lane SET state = 'ready' FROM first WHERE lane.id = first.id
        )
        SELECT DISTINCT free.ord FROM free WHERE NOT EXISTS (
            SELECT 1 FROM first
            WHERE first.ord = free.ord AND first.integration = free.integration)";
    let (crms, keys) = columns(&freed);
    let missed: HashSet<i64> = column(db, sql, &[&crms, &keys]).await?.into_iter().collect();
    let numbered = (1_i64..).zip(freed);
    Ok(numbered.filter(|(ord, _)| missed.contains(ord)).map(|(_, freed)| freed).collect())
}

/// Wakes the first lane of each integration for each client, unless one is awake, and waits for
/// whoever writes to it. One lane at a time, each in a transaction of its own.
pub(super) async fn wake_late(db: &impl GenericClient, freed: &[Client]) -> Result<()> {
    let waiting = "SELECT DISTINCT integration FROM lane
                   WHERE state = 'held' AND held_crm = $1 AND held_key = $2";
    let wake = "UPDATE lane SET state = 'ready' WHERE id = (
                    SELECT id FROM lane WHERE state = 'held' AND held_crm = $1 AND held_key = $2
                      AND integration = $3
                      AND NOT EXISTS (SELECT 1 FROM client_lock WHERE crm = $1 AND key = $2)
                      AND NOT EXISTS (SELECT 1 FROM lane woken
                                      WHERE woken.state = 'ready' AND woken.held_crm = $1
                                        AND woken.held_key = $2 AND woken.integration = $3)
                    ORDER BY run_at, id LIMIT 1 FOR UPDATE)";
    for Client { crm, key } in freed {
        for integration in column::<String>(db, waiting, &[crm, key]).await? {
            run(db, wake, &[crm, key, &integration]).await?;
        }
    }
    Ok(())
}
