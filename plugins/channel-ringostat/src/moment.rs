//! The moment of a call that a webhook tells of.

use crate::aliases::Meaning;
use crate::parameters::Parameters;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeCall,
    ForwardStep,
    Answered,
    AfterCall,
    RatingMenu,
    BeforeOutgoing,
    AfterOutgoing,
}

/// Letters alone, so that `Before-Call` and `before_call` are one.
const NAMES: [(&str, Moment); 9] = [
    ("beforecall", Moment::BeforeCall),
    ("forwardstep", Moment::ForwardStep),
    ("forward", Moment::ForwardStep),
    ("answered", Moment::Answered),
    ("answer", Moment::Answered),
    ("aftercall", Moment::AfterCall),
    ("ratingmenu", Moment::RatingMenu),
    ("beforeoutgoing", Moment::BeforeOutgoing),
    ("afteroutgoing", Moment::AfterOutgoing),
];

impl Moment {
    /// The moment that the URL names, else the body, else the one that the parameters look like.
    ///
    /// Fails with the name where the parameter of the moment has one that is not known.
    pub(crate) fn of<'p>(parameters: &'p Parameters<'_>) -> Result<Self, &'p str> {
        let told = parameters.of_url(Meaning::Event).or_else(|| parameters.get(Meaning::Event));
        if let Some(told) = told {
            return Self::named(told).ok_or(told);
        }
        let acted = parameters.get(Meaning::Action).and_then(Self::named);
        Ok(acted.unwrap_or_else(|| Self::by_shape(parameters)))
    }

    fn named(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        NAMES.iter().find(|(name, _)| *name == letters).map(|(_, moment)| *moment)
    }

    /// What a call has only after its end tells the end, and so on backwards.
    fn by_shape(parameters: &Parameters<'_>) -> Self {
        let has = |names: &[Meaning]| names.iter().any(|name| parameters.get(*name).is_some());
        let is_outgoing = parameters.get(Meaning::Direction).is_some_and(is_outgoing);
        // A user may call anything else a category or a value. Together with how the call ended, one
        // of them is no rating: a call that was missed would ask for nothing.
        let is_over = has(&[Meaning::Status, Meaning::TalkSeconds]);
        let is_category = |name: &Meaning| parameters.get(*name).is_some();
        let categories = [Meaning::Category, Meaning::CategoryValue]
            .iter()
            .filter(|name| is_category(name))
            .count();
        if categories == 2 || categories == 1 && !is_over {
            Self::RatingMenu
        } else if has(&[
            Meaning::Status,
            Meaning::TalkSeconds,
            Meaning::TotalSeconds,
            Meaning::RecordingUrl,
        ]) {
            if is_outgoing { Self::AfterOutgoing } else { Self::AfterCall }
        } else if has(&[Meaning::ForwardNumber, Meaning::Step]) {
            Self::ForwardStep
        } else if is_outgoing {
            Self::BeforeOutgoing
        } else if has(&[Meaning::Employee, Meaning::EmployeeId]) {
            Self::Answered
        } else {
            Self::BeforeCall
        }
    }

    /// The name as it stands in the webhook's URL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeCall => "before_call",
            Self::ForwardStep => "forward_step",
            Self::Answered => "answered",
            Self::AfterCall => "after_call",
            Self::RatingMenu => "rating_menu",
            Self::BeforeOutgoing => "before_outgoing",
            Self::AfterOutgoing => "after_outgoing",
        }
    }

    pub(crate) fn is_of_outgoing(self) -> bool {
        matches!(self, Self::BeforeOutgoing | Self::AfterOutgoing)
    }

    pub(crate) fn is_after(self) -> bool {
        matches!(self, Self::AfterCall | Self::AfterOutgoing)
    }
}

pub(crate) fn is_outgoing(call_type: &str) -> bool {
    ["out", "outgoing", "outbound"].iter().any(|name| call_type.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_one_name_in_many_spellings() {
        for (_, moment) in NAMES {
            assert_eq!(Moment::named(moment.name()), Some(moment));
        }
        assert_eq!(Moment::named("Before-Call"), Some(Moment::BeforeCall));
        assert_eq!(Moment::named("afterCall"), Some(Moment::AfterCall));
        assert_eq!(Moment::named("call"), None);
        assert_eq!(Moment::named(""), None);
    }
}
