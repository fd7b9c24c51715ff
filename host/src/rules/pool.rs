//! What a pool of managers must be.

use std::collections::BTreeSet;

use crate::{account::Pool, card::Problem};

/// Most members of a pool.
pub const MEMBERS_MAX: usize = 200;

/// Most turns of a member in comparison with one of weight 1.
pub const WEIGHT_MAX: u32 = 100;

/// Longest id or e-mail of a manager, in bytes.
const MANAGER_BYTES_MAX: usize = 320;

/// What is wrong with a pool; the problems name their fields as `members[2].weight`.
pub fn problems(pool: &Pool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let count = pool.members.len();
    if !(1..=MEMBERS_MAX).contains(&count) {
        let message = format!("{count} members: a pool has 1 to {MEMBERS_MAX}");
        problems.push(problem("members", message));
    }
    let mut seen = BTreeSet::new();
    for (index, member) in pool.members.iter().enumerate() {
        let manager = member.manager.trim();
        let mut say = |part: &str, message: String| {
            problems.push(problem(&format!("members[{index}].{part}"), message));
        };
        if manager.is_empty() || manager != member.manager {
            say("manager", "write a manager's id or e-mail, without spaces around it".to_owned());
        } else if MANAGER_BYTES_MAX < manager.len() {
            say("manager", format!("longer than {MANAGER_BYTES_MAX} bytes"));
        } else if !seen.insert(same_for_all(manager)) {
            say("manager", format!("`{manager}` is a member already"));
        }
        if !(1..=WEIGHT_MAX).contains(&member.weight) {
            say("weight", format!("{} is not between 1 and {WEIGHT_MAX}", member.weight));
        }
    }
    problems
}

/// E-mails are the same in capitals; of ids nobody knows.
fn same_for_all(manager: &str) -> String {
    if manager.contains('@') { manager.to_lowercase() } else { manager.to_owned() }
}

fn problem(field: &str, message: String) -> Problem {
    Problem { field: Some(field.to_owned()), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Member, Strategy};

    fn pool(members: Vec<Member>) -> Pool {
        Pool {
            id: "sales".parse().unwrap(),
            crm: "crm".parse().unwrap(),
            strategy: Strategy::Weighted,
            members,
        }
    }

    fn member(manager: impl Into<String>, weight: u32) -> Member {
        Member { manager: manager.into(), weight }
    }

    #[track_caller]
    fn problems(members: Vec<Member>) -> Vec<String> {
        super::problems(&pool(members)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pool_has_members_up_to_its_limit() {
        let members =
            |count: usize| (0..count).map(|number| member(number.to_string(), 1)).collect();
        assert_eq!(problems(members(0)), ["members: 0 members: a pool has 1 to 200"]);
        assert_eq!(problems(members(1)), [""; 0]);
        assert_eq!(problems(members(MEMBERS_MAX)), [""; 0]);
        assert_eq!(problems(members(MEMBERS_MAX + 1)).len(), 1);
    }

    #[test]
    fn weights_are_bounded_and_members_told_apart() {
        assert_eq!(problems(vec![member("1", 1), member("2", WEIGHT_MAX)]), [""; 0]);
        let wrong = problems(vec![
            member("ann@example.com", 0),
            member("Ann@example.com", WEIGHT_MAX + 1),
            member(" ", 1),
            member("7 ", 1),
            member("x".repeat(MANAGER_BYTES_MAX), 1),
            member("y".repeat(MANAGER_BYTES_MAX + 1), 1),
        ]);
        assert_eq!(
            wrong,
            [
                "members[0].weight: 0 is not between 1 and 100",
                "members[1].manager: `Ann@example.com` is a member already",
                "members[1].weight: 101 is not between 1 and 100",
                "members[2].manager: write a manager's id or e-mail, without spaces around it",
                "members[3].manager: write a manager's id or e-mail, without spaces around it",
                "members[5].manager: longer than 320 bytes",
            ]
        );
    }
}
