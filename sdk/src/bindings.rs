//! The bindings that `wit-bindgen` makes of `wit/`, one world for each exported interface.

/// The imports and the types that channels and CRMs share.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package patchbay:sdk; world imports { include patchbay:adapter/host-imports@0.1.0; import patchbay:adapter/types@0.1.0; }",
        world: "patchbay:sdk/imports",
        generate_all,
        additional_derives: [PartialEq],
    });
}

macro_rules! exported {
    ($module:ident, $inline:literal, $world:literal) => {
        #[doc = concat!("The export of `", stringify!($module), "`.")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                inline: $inline,
                world: $world,
                with: { "patchbay:adapter/types@0.1.0": crate::bindings::imports::patchbay::adapter::types },
                additional_derives: [PartialEq],
                pub_export_macro: true,
            });
        }
    };
}

/// The export of `about`.
pub mod about {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package patchbay:sdk; world about-export { export patchbay:adapter/about@0.1.0; }",
        world: "patchbay:sdk/about-export",
        additional_derives: [PartialEq],
        pub_export_macro: true,
    });
}

exported!(
    channel,
    "package patchbay:sdk; world channel-export { export patchbay:adapter/channel@0.1.0; }",
    "patchbay:sdk/channel-export"
);
exported!(
    channel_push,
    "package patchbay:sdk; world channel-push-export { export patchbay:adapter/channel-push@0.1.0; }",
    "patchbay:sdk/channel-push-export"
);
/// The export of `channel_page`.
pub mod channel_page {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package patchbay:sdk; world channel-page-export { export patchbay:adapter/channel-page@0.1.0; }",
        world: "patchbay:sdk/channel-page-export",
        additional_derives: [PartialEq],
        pub_export_macro: true,
    });
}
exported!(
    contacts,
    "package patchbay:sdk; world contacts-export { export patchbay:adapter/contacts@0.1.0; }",
    "patchbay:sdk/contacts-export"
);
exported!(
    deals,
    "package patchbay:sdk; world deals-export { export patchbay:adapter/deals@0.1.0; }",
    "patchbay:sdk/deals-export"
);
exported!(
    tasks,
    "package patchbay:sdk; world tasks-export { export patchbay:adapter/tasks@0.1.0; }",
    "patchbay:sdk/tasks-export"
);
exported!(
    notes,
    "package patchbay:sdk; world notes-export { export patchbay:adapter/notes@0.1.0; }",
    "patchbay:sdk/notes-export"
);
exported!(
    managers,
    "package patchbay:sdk; world managers-export { export patchbay:adapter/managers@0.1.0; }",
    "patchbay:sdk/managers-export"
);
