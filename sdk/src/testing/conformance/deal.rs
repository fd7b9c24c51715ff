//! Checks of `deals`.

use super::contact::check_specs;
use super::lost::{self, Write};
use super::{Suite, is_not_found, longest_key};
use crate::types::{Deal, Field, Native};
use crate::{Contacts, Deals};

const KEYS: [&str; 7] = ["title", "pipeline", "stage", "comment", "name", "phone", "Own_Field_7"];

impl Suite<'_> {
    /// Every check of `deals`. Answers the deal that was made.
    pub fn deals<T: Contacts + Deals>(&self) -> Result<Deal, String> {
        self.mapping_is_total(&T::map_deal_fields, &KEYS)?;
        let specs = self.good("describe-deal-fields", T::describe_deal_fields)?;
        check_specs("describe-deal-fields", &specs)?;
        let card = self.card::<T>(100)?.id;
        if !self.open::<T>(&card)?.is_empty() {
            return Err("a new card has open deals already".to_owned());
        }
        let deal = self.a_deal_is_made_once_and_listed::<T>(&card)?;
        self.a_changed_deal_is_the_same::<T>(&card, &deal)?;
        self.unknown_ids_have_no_deals::<T>(&card)?;
        self.the_newest_deal_is_first::<T>(&card, &deal)?;
        lost::check(self, |number| {
            let card = self.card::<T>(200 + number)?.id;
            let (of, native) = (card.clone(), self.title::<T>("Enquiry")?);
            let key = format!("lost-deal-{number}");
            let send = move || {
                T::upsert_deal(None, of.clone(), native.clone(), None, key.clone())
                    .map(|deal| deal.id)
            };
            let count = move || Ok(self.open::<T>(&card)?.len());
            Ok(Write { what: "upsert-deal", send: Box::new(send), count: Box::new(count) })
        })?;
        Ok(deal)
    }

    fn open<T: Deals>(&self, card: &str) -> Result<Vec<Deal>, String> {
        self.good("open-deals", || T::open_deals(card.to_owned()))
    }

    fn upsert<T: Deals>(
        &self,
        id: Option<&str>,
        card: &str,
        native: &str,
        key: &str,
    ) -> Result<Deal, String> {
        let (id, card, native) = (id.map(str::to_owned), card.to_owned(), native.to_owned());
        self.good("upsert-deal", || T::upsert_deal(id, card, native, None, key.to_owned()))
    }

    fn a_deal_is_made_once_and_listed<T: Deals>(&self, card: &str) -> Result<Deal, String> {
        let native = self.title::<T>("First enquiry")?;
        let key = longest_key("deal");
        let deal = self.upsert::<T>(None, card, &native, &key)?;
        let again = self.upsert::<T>(None, card, &native, &key)?;
        if deal.id != again.id {
            return Err(format!("the same key made two deals: `{}` and `{}`", deal.id, again.id));
        }
        if deal.title != "First enquiry" {
            return Err(format!("the deal has the title `{}`, which nobody gave it", deal.title));
        }
        match self.open::<T>(card)?.as_slice() {
            [open] if open.id == deal.id && open.title == deal.title => Ok(deal),
            open => Err(format!("the new deal should be open alone, and {} are", open.len())),
        }
    }

    fn a_changed_deal_is_the_same<T: Deals>(&self, card: &str, deal: &Deal) -> Result<(), String> {
        let native = self.title::<T>("Second thoughts")?;
        let changed = self.upsert::<T>(Some(&deal.id), card, &native, "deal-change")?;
        let open = self.open::<T>(card)?;
        let is_changed = |deal: &Deal| deal.title == "Second thoughts";
        if changed.id != deal.id || !is_changed(&changed) || !open.iter().all(is_changed) {
            return Err(format!("deal `{}` should be changed, and is {changed:?}", deal.id));
        }
        Ok(())
    }

    fn unknown_ids_have_no_deals<T: Deals>(&self, card: &str) -> Result<(), String> {
        let native = self.title::<T>("Nobody's")?;
        let unknown = || self.unknown_id.to_owned();
        let (of, record) = (card.to_owned(), native.clone());
        let key = "deal-unknown".to_owned();
        let told =
            self.call("upsert-deal", || T::upsert_deal(Some(unknown()), of, record, None, key))?;
        is_not_found("upsert-deal", told)?;
        let key = "deal-of-nobody".to_owned();
        let told =
            self.call("upsert-deal", || T::upsert_deal(None, unknown(), native, None, key))?;
        is_not_found("upsert-deal", told)?;
        match self.call("open-deals", || T::open_deals(unknown()))? {
            Ok(deals) if deals.is_empty() => {}
            Err(crate::types::Error::NotFound(_)) => {}
            other => return Err(format!("`open-deals` of an unknown card is {other:?}")),
        }
        let open = self.open::<T>(card)?.len();
        if open == 1 { Ok(()) } else { Err(format!("unknown ids have left {open} open deals")) }
    }

    fn the_newest_deal_is_first<T: Deals>(&self, card: &str, first: &Deal) -> Result<(), String> {
        let newer = self.upsert::<T>(None, card, &self.title::<T>("Newer")?, "deal-newer")?;
        let open: Vec<String> = self.open::<T>(card)?.into_iter().map(|deal| deal.id).collect();
        if open == [newer.id.clone(), first.id.clone()] {
            return Ok(());
        }
        Err(format!("open deals should be `{}`, `{}` and are {open:?}", newer.id, first.id))
    }

    pub(super) fn title<T: Deals>(&self, title: &str) -> Result<Native, String> {
        let fields = vec![Field::text("title", title)];
        self.host
            .run_pure(|| T::map_deal_fields(fields))
            .map_err(|problems| format!("`map-deal-fields` failed: {problems:?}"))
    }
}
