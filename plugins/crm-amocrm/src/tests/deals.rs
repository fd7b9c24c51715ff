//! Deals in the simulated CRM.

use patchbay_sdk::Managers;
use patchbay_sdk::types::{Deal, FieldType};
use serde_json::json;

use super::*;

fn card(host: &Host) -> String {
    upsert(host, None, "card", &anna(), &[text("name", "Anna")]).unwrap().id
}

fn open(host: &Host, card: &str) -> Result<Vec<Deal>, Error> {
    host.run(|| AmoCrm::open_deals(card.to_owned()))
}

fn write(
    host: &Host,
    id: Option<&str>,
    card: &str,
    key: &str,
    fields: &[Field],
) -> Result<Deal, Error> {
    let native = host.run(|| AmoCrm::map_deal_fields(fields.to_vec())).unwrap();
    host.run(|| {
        AmoCrm::upsert_deal(id.map(str::to_owned), card.to_owned(), native, None, key.to_owned())
    })
}

fn ids(deals: &[Deal]) -> Vec<&str> {
    deals.iter().map(|deal| deal.id.as_str()).collect()
}

#[test]
fn a_deal_is_opened_on_its_card_with_the_campaign_it_came_from() {
    let (host, crm) = simulated();
    let card = card(&host);
    let fields = [
        text("title", "Chat: Anna"),
        text("utm-source", "google"),
        text("page-url", "https://shop.example.test/tea"),
        text("source", "jivo"),
        text("price", "1500,50"),
        text("pipeline", "31"),
        text("stage", "3102"),
        text("tag", "chat"),
    ];
    let deal = write(&host, None, &card, "k", &fields).unwrap();
    let sent = body(&host.requests()[1]);
    assert_eq!(sent[0]["_embedded"]["contacts"][0]["is_main"], true);
    assert_eq!((deal.title.as_str(), deal.stage.as_deref()), ("Chat: Anna", Some("3102")));
    assert_eq!(deal.url.unwrap(), format!("https://demo.example.test/leads/detail/{}", deal.id));
    let found = open(&host, &card).unwrap();
    assert_eq!(ids(&found), [deal.id.as_str()]);
    for field in
        fields.iter().filter(|field| !matches!(field.key.as_str(), "title" | "source" | "price"))
    {
        assert!(found[0].fields.contains(field), "{field:?}");
    }
    assert!(found[0].fields.contains(&Field::new("price", FieldValue::Number(1500.5))));
    let crm = crm.borrow();
    assert_eq!(crm.crm.contacts_of(deal.id.parse().unwrap()), [card.parse::<u64>().unwrap()]);
}

#[test]
fn won_and_lost_deals_are_not_open_and_the_newest_comes_first() {
    for filters in [true, false] {
        let (host, crm) = simulated();
        crm.borrow_mut().crm.filters = filters;
        let card = card(&host);
        assert_eq!(open(&host, &card), Ok(Vec::new()));
        let contact = card.parse().unwrap();
        let [one, won, lost, newest] = [3_101, 142, 143, 3_201].map(|status| {
            let lead = json!({ "name": "Deal", "status_id": status, "pipeline_id": 31 });
            crm.borrow_mut().crm.add_lead(&lead, contact).to_string()
        });
        // Deals of others, which the CRM answers too where it does not filter.
        let other = crm.borrow_mut().crm.add_contact(&json!({ "name": "Other" }));
        for _ in 0..5 {
            crm.borrow_mut().crm.add_lead(&json!({ "name": "Other", "status_id": 3_101 }), other);
        }
        let found = open(&host, &card).unwrap();
        assert_eq!(ids(&found), [newest, one], "filters: {filters}");
        assert!(!ids(&found).contains(&won.as_str()) && !ids(&found).contains(&lost.as_str()));
    }
}

#[test]
fn where_the_crm_does_not_filter_the_ten_newest_are_looked_at() {
    let (host, crm) = simulated();
    let other = crm.borrow_mut().crm.add_contact(&json!({ "name": "Other" }));
    for _ in 0..20 {
        crm.borrow_mut().crm.add_lead(&json!({ "name": "Other", "status_id": 3_101 }), other);
    }
    let card = card(&host);
    for _ in 0..11 {
        crm.borrow_mut()
            .crm
            .add_lead(&json!({ "name": "Deal", "status_id": 3_101 }), card.parse().unwrap());
    }
    host.run(AmoCrm::list_managers).unwrap();
    let (deals, requests) = cost(&host, || AmoCrm::open_deals(card.clone()).unwrap());
    assert_eq!((deals.len(), requests), (10, 12));
    let oldest = crm.borrow().crm.leads()[20]["id"].to_string();
    assert!(!ids(&deals).contains(&oldest.as_str()));
    assert_eq!(host.log_lines().len(), 1);
    crm.borrow_mut().crm.filters = true;
    let (deals, requests) = cost(&host, || AmoCrm::open_deals(card.clone()).unwrap());
    assert_eq!((deals.len(), requests), (11, 2));
}

#[test]
fn an_account_that_refuses_filters_is_asked_one_by_one() {
    let (host, crm) = simulated();
    let card = card(&host);
    for title in ["one", "two"] {
        open_deal(&host, &card, title);
    }
    for status in [400, 402, 403] {
        let refusal = Response::json(status, "{}");
        crm.borrow_mut().fail_next("filter[id]", Fault::Answer(refusal));
        assert_eq!(open(&host, &card).unwrap().len(), 2, "{status}");
    }
    crm.borrow_mut().fail_next("filter[id]", Fault::Answer(Response::empty(429)));
    assert!(matches!(open(&host, &card), Err(Error::RateLimited(_))));
}

#[test]
fn a_field_of_a_deal_is_emptied_and_a_new_one_has_nothing_to_empty() {
    let (host, _) = simulated();
    let card = card(&host);
    let empty = [Field::new("page-url", FieldValue::Empty)];
    let id = write(&host, None, &card, "k1", &empty).unwrap().id;
    let sent = host.requests().pop().unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains("null"));
    let page = text("page-url", "https://shop.example.test/");
    let deal = write(&host, Some(&id), &card, "k2", std::slice::from_ref(&page)).unwrap();
    assert!(deal.fields.contains(&page));
    let deal = write(&host, Some(&id), &card, "k3", &empty).unwrap();
    assert!(deal.fields.iter().all(|field| field.key != "page-url"));
    assert_eq!(open(&host, &card).unwrap()[0].fields, deal.fields);
}

#[test]
fn a_deal_is_changed_and_what_is_as_it_shall_be_is_not_written() {
    let (host, crm) = simulated();
    let card = card(&host);
    let id = open_deal(&host, &card, "Chat");
    let deal = write(&host, Some(&id), &card, "k", &[text("stage", "142"), text("price", "1750")])
        .unwrap();
    assert_eq!((deal.id.as_str(), deal.stage.as_deref()), (id.as_str(), Some("142")));
    assert_eq!(open(&host, &card), Ok(Vec::new()));
    let native = host.run(|| AmoCrm::map_deal_fields(vec![text("stage", "142")])).unwrap();
    let (_, requests) = cost(&host, || {
        AmoCrm::upsert_deal(Some(id.clone()), card.clone(), native, None, "k2".to_owned()).unwrap()
    });
    assert_eq!(requests, 1);
    assert_eq!(crm.borrow().crm.leads()[0]["price"], 1750);
}

#[test]
fn an_account_without_fields_for_campaigns_gets_the_deal_without_them() {
    let (host, crm) = staged(patient().without_tracking());
    let card = card(&host);
    let fields =
        [text("title", "Chat"), text("utm-source", "google"), text("cf_211", "https://a.test")];
    let deal = write(&host, None, &card, "k", &fields).unwrap();
    assert_eq!(host.log_lines().len(), 1);
    let crm = crm.borrow();
    assert_eq!(crm.crm.leads().len(), 1);
    assert_eq!(crm.crm.leads()[0]["custom_fields_values"][0]["field_id"], 211);
    assert_eq!(deal.title, "Chat");
}

#[test]
fn a_field_that_an_operator_named_is_never_left_out() {
    let (host, crm) = staged(patient().without_tracking());
    let card = card(&host);
    let refused =
        write(&host, None, &card, "k", &[text("utm-source", "google"), text("cf_999", "x")]);
    let Err(Error::Invalid(problems)) = refused else { panic!("must be refused") };
    let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
    assert_eq!(keys, ["utm-source", "cf_999"]);
    assert!(crm.borrow().crm.leads().is_empty());
}

#[test]
fn what_does_not_exist_is_not_found_and_nothing_is_made() {
    let (host, crm) = simulated();
    let card = card(&host);
    for unknown in ["999999", "0", "x", ""] {
        assert!(matches!(open(&host, unknown), Err(Error::NotFound(_))), "{unknown}");
        let created = write(&host, None, unknown, "k", &[text("title", "Chat")]);
        assert!(matches!(created, Err(Error::NotFound(_))), "{unknown} {created:?}");
        let changed = write(&host, Some(unknown), &card, "k", &[text("title", "Chat")]);
        assert!(matches!(changed, Err(Error::NotFound(_))), "{unknown} {changed:?}");
    }
    assert!(crm.borrow().crm.leads().is_empty());
}

#[test]
fn what_the_crm_refuses_of_a_deal_is_named_by_its_key() {
    let (host, _) = simulated();
    let card = card(&host);
    for key in ["pipeline", "stage", "manager"] {
        let refused = write(&host, None, &card, key, &[text("title", "Chat"), text(key, "777")]);
        let Err(Error::Invalid(problems)) = refused else { panic!("{key} must be refused") };
        assert_eq!(problems[0].field.as_deref(), Some(key));
    }
}

#[test]
fn fields_pipelines_and_stages_are_offered_with_their_choices() {
    let (host, _) = simulated();
    let specs = host.run(AmoCrm::describe_deal_fields).unwrap();
    let spec = |key: &str| specs.iter().find(|spec| spec.key == key).unwrap();
    let choices = |key: &str| -> Vec<&str> {
        spec(key).choices.iter().map(|(value, _)| value.as_str()).collect()
    };
    assert_eq!(choices("pipeline"), ["31", "32"]);
    assert_eq!(choices("stage"), ["3101", "3102", "142", "143", "3201"]);
    assert_eq!(spec("stage").choices[0].1, "Sales: First contact");
    assert_eq!(choices("cf_212"), ["Post", "Courier"]);
    assert_eq!(spec("utm-source").type_, FieldType::Text);
    assert_eq!(spec("page-url").type_, FieldType::Url);
}
