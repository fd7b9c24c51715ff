//! Tests of the configuration file.

use super::*;

#[track_caller]
fn faults(text: &str) -> Vec<String> {
    Config::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_a_good_one() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn all_faults_are_listed_with_their_place() {
    let text = "lisen = \"127.0.0.1:80\"\n[worker]\nslots = \"many\"\npol_ms = 5\n[limits]\ncpu_ms = 0\n\n[[account]]\nid = \"Bad Name\"\nplugin = \"x\"\n";
    let faults = faults(text);
    let has = |start: &str, word: &str| {
        faults.iter().any(|fault| fault.starts_with(start) && fault.contains(word))
    };
    assert!(has("line 1: lisen:", "unknown field"), "{faults:#?}");
    assert!(has("line 3: worker.slots:", "invalid type"), "{faults:#?}");
    assert!(has("line 4: worker.pol_ms:", "unknown field"), "{faults:#?}");
    assert!(has("line 6: limits.cpu_ms:", "nonzero"), "{faults:#?}");
    assert!(has("line 9: account.0.id:", "lower case"), "{faults:#?}");
    assert_eq!(faults.len(), 5, "{faults:#?}");
}

#[test]
fn syntax_faults_are_listed_with_their_lines() {
    let faults = faults("listen = \n[worker\nslots = 3\n");
    assert!(faults.first().unwrap().starts_with("line 1:"), "{faults:#?}");
}

#[test]
fn contradictions_name_both_keys() {
    let faults = faults(
        "[limits]\nwall_ms = 15000\ncpu_ms = 16000\npure_cpu_ms = 17000\nmemory_bytes = 5\n",
    );
    let expected = [
        "limits.pure_cpu_ms: 17000 must not be above limits.cpu_ms (16000)",
        "limits.cpu_ms: 16000 must not be above limits.wall_ms (15000)",
        "intake.body_bytes_max x 4: 16777216 must not be above limits.memory_bytes (5)",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn a_share_of_calls_is_a_hundred_percent_at_most() {
    let given = |percent: u32| format!("[versions]\nwatch_percent = {percent}\n");
    assert!(Config::parse(&given(100)).is_ok());
    let expected = "versions.watch_percent: 101 must be between 1 and 100";
    assert_eq!(faults(&given(101)), [expected]);
}

#[test]
fn shares_of_the_machine_are_whole_at_most_and_an_accounts_is_within_its_plugins() {
    let given = |account: u32, plugin: u32| {
        format!(
            "[limits]\ncpu_percent_per_account = {account}\ncpu_percent_per_plugin = {plugin}\n"
        )
    };
    assert!(Config::parse(&given(100, 100)).is_ok());
    let expected = "limits.cpu_percent_per_plugin: 101 must be between 1 and 100";
    assert_eq!(faults(&given(100, 101)), [expected]);
    let expected =
        "limits.cpu_percent_per_account: 51 must not be above limits.cpu_percent_per_plugin (50)";
    assert_eq!(faults(&given(51, 50)), [expected]);
    let given = |account: u32| {
        format!("[limits]\nmemory_bytes = 30000000\nmemory_bytes_per_account = {account}\n")
    };
    assert!(Config::parse(&given(30_000_000)).is_ok(), "one call fits");
    let expected = "limits.memory_bytes: 30000000 must not be above limits.memory_bytes_per_account (29999999)";
    assert_eq!(faults(&given(29_999_999)), [expected]);
    let given = |account: u32| {
        let plugin = "memory_bytes_per_plugin = 300000000";
        format!("[limits]\nmemory_bytes_per_account = {account}\n{plugin}\n")
    };
    assert!(Config::parse(&given(300_000_000)).is_ok());
    let expected = "limits.memory_bytes_per_account: 300000001 must not be above limits.memory_bytes_per_plugin (300000000)";
    assert_eq!(faults(&given(300_000_001)), [expected]);
}

#[test]
fn an_id_given_twice_is_a_fault() {
    let entry = "[[account]]\nid = \"a\"\nplugin = \"p\"\n";
    assert_eq!(faults(&format!("{entry}{entry}")), ["account.id: `a` is given twice"]);
}

#[test]
fn rules_and_pools_that_cannot_be_are_told_with_their_fields() {
    let text = r#"
        [[pool]]
        id = "sales"
        crm = "crm"
        members = [{ manager = "7" }, { manager = "7", weight = 101 }]
        [[integration]]
        id = "good"
        channel = "shop"
        crm = "crm"
        [[integration]]
        id = "wrong"
        channel = "shop"
        crm = "crm"
        [integration.rules]
        filter = "event.kind =="
        responsible = { default = " " }
        [[integration.rules.mapping]]
        field = "contact.name"
        value = "{{ name }}"
        [[integration.rules.mapping]]
        field = "nowhere"
        value = "{{ name"
    "#;
    let faults = faults(text);
    let has = |start: &str| faults.iter().filter(|fault| fault.starts_with(start)).count();
    assert_eq!(has("pool.0.members[1].manager: `7` is a member already"), 1, "{faults:#?}");
    assert_eq!(has("pool.0.members[1].weight: 101 is not"), 1, "{faults:#?}");
    assert_eq!(has("integration.1.rules.filter: "), 1, "{faults:#?}");
    assert_eq!(has("integration.1.rules.responsible.default: "), 1, "{faults:#?}");
    assert_eq!(has("integration.1.rules.mapping[1].field: `nowhere`"), 1, "{faults:#?}");
    assert_eq!(has("integration.1.rules.mapping[1].value: "), 1, "{faults:#?}");
    assert_eq!(faults.len(), 6, "{faults:#?}");
}

#[test]
fn a_pool_given_twice_is_a_fault() {
    let pool = "[[pool]]\nid = \"a\"\ncrm = \"c\"\nmembers = [{ manager = \"1\" }]\n";
    assert_eq!(faults(&format!("{pool}{pool}")), ["pool.id: `a` is given twice"]);
}

#[test]
fn the_examples_of_the_reference_file_are_good() {
    let reference = reference();
    let (_, examples) = reference.split_once("# [[account]]").unwrap();
    let lines = examples.lines().map(|line| line.strip_prefix("# ").unwrap_or_default());
    let text = format!("[[account]]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!((config.accounts.len(), config.pools.len()), (1, 1));
    let [integration] = config.integrations.as_slice() else { panic!("one integration") };
    assert_eq!(integration.rules.mapping.len(), 1);
    assert_eq!(integration.rules.responsible.pool, Some(config.pools[0].id.clone()));
}

#[test]
fn a_lease_outlasts_the_longest_call_whatever_its_limit_is() {
    for wall_ms in [1, 30_000, u32::MAX] {
        let mut config = Config::default();
        config.limits.wall_ms = wall_ms.try_into().unwrap();
        // The call waits for its place first, as long as it may run.
        let call = std::time::Duration::from_millis(u64::from(wall_ms) * 2);
        assert!(call < config.lease());
    }
}

#[test]
fn a_secret_that_is_missing_is_told_by_its_place() {
    let place = SecretRef::Env("PATCHBAY_TEST_NO_SUCH_VARIABLE".to_owned());
    assert_eq!(
        read_secret(&place).unwrap_err(),
        "set the environment variable `PATCHBAY_TEST_NO_SUCH_VARIABLE`"
    );
}

#[test]
fn the_reference_file_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.reference.toml");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == reference(),
        "config.reference.toml is out of date: run `patchbay check --reference > config.reference.toml`"
    );
    assert_eq!(Config::parse(&reference()).unwrap(), Config::default());
}

#[test]
fn unsigned_plugins_are_refused_unless_the_profile_or_the_key_says_otherwise() {
    for (text, expected) in [
        ("", Unsigned::Refuse),
        ("profile = \"production\"", Unsigned::Refuse),
        ("profile = \"dev\"", Unsigned::Warn),
        ("profile = \"dev\"\ntrust.unsigned = \"refuse\"", Unsigned::Refuse),
        ("trust.unsigned = \"warn\"", Unsigned::Warn),
    ] {
        assert_eq!(Config::parse(text).unwrap().unsigned(), expected, "{text}");
    }
}

#[test]
fn trusted_keys_are_told_apart_by_name_and_by_key() {
    let (first, other) = (
        "RWQGG3M6Yuxy6mPoavp1S8UF4+vNiPqSrZO2K9z2lG4/VVnS69Wwizoy",
        "RWT3HzMnUPT/4m/kbUmPHDg8j5P3p8u6QnIB0z6AzCtdhITAVJNz9gIv",
    );
    let keys = |keys: &[(&str, &str)]| {
        let key = |(name, key): &(&str, &str)| format!("{{ name = \"{name}\", key = \"{key}\" }}");
        format!("trust.keys = [{}]", keys.iter().map(key).collect::<Vec<_>>().join(", "))
    };
    let long = "x".repeat(64);
    assert_eq!(Config::parse(&keys(&[(&long, first), ("b", other)])).unwrap().trust.keys.len(), 2);
    assert_eq!(
        faults(&keys(&[("a", first), ("a", other), ("b", first)])),
        [
            "trust.keys.name: `a` is given twice",
            "trust.keys.key: `EA72EC623A731B06` is given twice"
        ]
    );
    for name in ["", &format!("{long}x"), "\\u001b[2J"] {
        let faults = faults(&keys(&[(name, first)]));
        assert_eq!(faults, ["trust.keys.name: needs 1 to 64 letters that can be shown"]);
    }
    let wrong = faults(&keys(&[("a", "RWQ")]));
    assert!(wrong[0].contains("this is no public key of minisign"), "{wrong:?}");
    assert!(wrong[0].starts_with("line 1: trust.keys.0.key"), "{wrong:?}");
    let wrong = faults(&format!("trust.keys = [\"{first}\"]"));
    assert!(wrong[0].ends_with("expected a table with `name` and `key`"), "{wrong:?}");
}
