//! The channel is told about its client, once the CRM is up to date.

use super::{Failure, steps::Course, write::Write};
use crate::{
    account::{AccountState, Role},
    card::{AdapterError, Card, ExternalId, Identifier},
    plugin::Adapter,
    rules::{book::Reading, decision::Decision},
};

const PUSH_TAG: &str = "push-tag";
const PUSH_CARD: &str = "push-card";

/// Sets the tag and shows the card, where the rules say so. A failure concerns the channel alone.
pub(super) async fn push(
    course: &Course<'_>,
    reading: &Reading,
    card: &Card,
) -> Result<(), Failure> {
    let ledger = course.ledger;
    let mut remarks = Vec::new();
    let tag = course.rulebook.tag(reading, card, &mut remarks);
    for remark in remarks {
        ledger.remark(remark);
    }
    let shows_card = course.rulebook.rules().push.card;
    if tag.is_none() && !shows_card {
        return Ok(());
    }
    let Some(channel) = ledger.channel else {
        if ledger.is_preview() {
            course.cannot("the channel's account cannot work as it is set");
            return Ok(());
        }
        return Err(not_ready());
    };
    if !channel.has(Role::ChannelPush) {
        course.cannot("the channel cannot be told about its clients");
        return Ok(());
    }
    let Some(client) = told_by(course, channel)? else {
        let because = "the event names no id of the channel's own";
        ledger.decide(Decision::new("push", "nothing", because));
        return Ok(());
    };
    if let Some(tag) = tag {
        once(course, PUSH_TAG, Write::Tag { client: client.clone(), tag }).await?;
    }
    if shows_card {
        once(course, PUSH_CARD, Write::PushCard { client, card: card.clone() }).await?;
    }
    Ok(())
}

/// What the channel knows the client by.
fn told_by(course: &Course<'_>, channel: &Adapter) -> Result<Option<ExternalId>, Failure> {
    if channel.account().state != AccountState::Active && !course.ledger.is_preview() {
        return Err(not_ready());
    }
    let own = |identifier: &Identifier| match identifier {
        Identifier::External(id) => Some(id.clone()),
        _ => None,
    };
    Ok(course.event.client.iter().find_map(own))
}

async fn once(course: &Course<'_>, step: &str, write: Write) -> Result<(), Failure> {
    let ledger = course.ledger;
    if ledger.finished::<()>(step).is_some() {
        return Ok(());
    }
    match ledger.write(step, write, ()).await {
        // A conflict says that it is so already.
        Ok(_) => {}
        Err(failure) => match failure.problem.as_ref() {
            AdapterError::Unsupported(why) => {
                course.cannot(&format!("the channel cannot do it: {why}"));
            }
            _ => return Err(failure),
        },
    }
    ledger.done(step, &()).await
}

/// The operator has to set something right; the job waits meanwhile.
fn not_ready() -> Failure {
    Failure::not_configured("the channel's account is paused, or cannot work as it is set")
        .of_channel()
}
